/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* tcp_echo: what it echoes, and how it begins and ends. */

#include "http_peer.h"

#include <poll.h>

static struct peer peer;

static void start(void)
{
    program_start(&server, "tcp_echo", (const char *const[]){"0", NULL}, "port ");
}

static void stop(void)
{
    if (!server.pid)
        return;
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_str_eq(server.said, "");
}

START_TEST(bytes_come_back)
{
    static char bytes[60000];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31 >> 3);
    peer_dial(&peer);
    for (size_t length = 1; length <= sizeof bytes; length = length * 7 / 3 + 1) {
        peer_send(&peer, bytes, length);
        for (size_t i = 0; i < length; i++)
            if ((char)peer_byte(&peer) != bytes[i])
                ck_abort_msg("byte %zu of %zu is not what was sent", i, length);
    }
    shutdown(peer.fd, SHUT_WR);
    peer_check_end(&peer);
}
END_TEST

#define QUIET_MS 300 /* so long without room: the server does not read */

START_TEST(a_client_that_does_not_read_is_not_read_from)
{
    static char bytes[64 << 10];
    struct pollfd room = {.events = POLLOUT};
    unsigned long before;
    size_t sent = 0;
    ssize_t count;

    peer_dial(&peer);
    peer_say(&peer, "x");
    ck_assert_int_eq(peer_byte(&peer), 'x');
    before = server_memory();
    memset(bytes, 'y', sizeof bytes);
    for (room.fd = peer.fd; poll(&room, 1, QUIET_MS) == 1; sent += (size_t)count) {
        count = send(peer.fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        ck_assert_int_gt(count, 0);
        ck_assert_uint_lt(sent, 256 << 20);
    }
    ck_assert_uint_lt(server_memory(), before + 8192);
    shutdown(peer.fd, SHUT_WR);
    for (size_t i = 0; i < sent; i++)
        if (peer_byte(&peer) != 'y')
            ck_abort_msg("byte %zu of %zu is not what was sent", i, sent);
    peer_check_end(&peer);
}
END_TEST

START_TEST(drain_closes_what_is_open)
{
    peer_dial(&peer);
    peer_say(&peer, "x");
    ck_assert_int_eq(peer_byte(&peer), 'x');
    kill(server.pid, SIGTERM);
    peer_check_end(&peer);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tcp_echo");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_add_test(serving, bytes_come_back);
    support_add_sized(serving, a_client_that_does_not_read_is_not_read_from);
    tcase_add_test(serving, drain_closes_what_is_open);
    tcase_set_timeout(serving, 30);
    suite_add_tcase(suite, serving);
    return suite;
}
