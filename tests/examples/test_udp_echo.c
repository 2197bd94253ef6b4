/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* udp_echo: what it echoes, and how it begins and ends. */

#include "http_peer.h"

static int client;

static void start(void)
{
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct sockaddr_in address = {.sin_family = AF_INET};

    program_start(&server, "udp_echo", (const char *const[]){"0", NULL}, "port ");
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(server.port);
    client = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(client, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    (void)setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static void stop(void)
{
    close(client);
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_str_eq(server.said, "");
}

START_TEST(each_datagram_comes_back_whole)
{
    static char bytes[65507], back[65508]; /* the most that UDP over IPv4 carries */

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 31 >> 3);
    for (size_t length = 0; length <= sizeof bytes; length += length < 4000 ? 500 : 61507) {
        ck_assert_int_eq(send(client, bytes, length, 0), (ssize_t)length);
        ck_assert_int_eq(recv(client, back, sizeof back, 0), (ssize_t)length);
        ck_assert_mem_eq(back, bytes, length);
    }
}
END_TEST

START_TEST(a_burst_comes_back_in_order)
{
    unsigned number;

    for (unsigned first = 0; first < 10000; first += 50) {
        for (number = first; number < first + 50; number++)
            ck_assert_int_eq(send(client, &number, sizeof number, 0), sizeof number);
        for (unsigned expected = first; expected < first + 50; expected++) {
            ck_assert_int_eq(recv(client, &number, sizeof number, 0), sizeof number);
            ck_assert_uint_eq(number, expected);
        }
    }
}
END_TEST

START_TEST(a_client_that_is_gone_harms_nobody)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int gone = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    char byte = 'x';

    ck_assert_int_eq(getpeername(client, (struct sockaddr *)&address, &length), 0);
    for (unsigned count = 0; count < 100; count++)
        ck_assert_int_eq(sendto(gone, "x", 1, 0, (struct sockaddr *)&address, length), 1);
    close(gone);
    ck_assert_int_eq(send(client, &byte, 1, 0), 1);
    ck_assert_int_eq(recv(client, &byte, 1, 0), 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("udp_echo");
    TCase *serving = tcase_create("serving");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_checked_fixture(serving, start, stop);
    tcase_add_test(serving, each_datagram_comes_back_whole);
    tcase_add_test(serving, a_burst_comes_back_in_order);
    tcase_add_test(serving, a_client_that_is_gone_harms_nobody);
    tcase_set_timeout(serving, 30);
    suite_add_tcase(suite, serving);
    return suite;
}
