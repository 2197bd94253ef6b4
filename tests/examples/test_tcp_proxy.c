/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* tcp_proxy: bytes, ends and resets from a client to a server by name, and back. */

#include "http_peer.h"
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#define QUIET_MS   300 /* so long without room: the other side does not read */
#define FLOOD_MOST (256 << 20)

static int upstream; /* listens for the proxy */
static struct peer client, behind;

/* A server for the proxy to connect to. Returns its port. */
static unsigned upstream_listen(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    upstream = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(upstream, 0);
    ck_assert_int_eq(bind(upstream, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(upstream, 16), 0);
    ck_assert_int_eq(getsockname(upstream, (struct sockaddr *)&address, &length), 0);
    return ntohs(address.sin_port);
}

static void start(void)
{
    char port[8];

    snprintf(port, sizeof port, "%u", upstream_listen());
    program_start(&server, "tcp_proxy", (const char *const[]){"0", "localhost", port, NULL},
                  "port ");
}

static void stop(void)
{
    if (server.pid != 0) {
        kill(server.pid, SIGTERM);
        ck_assert_int_eq(program_wait(&server), 0);
    }
    close(upstream);
}

static void stop_silent(void)
{
    stop();
    ck_assert_str_eq(server.said, "");
}

/* A client, and what the server behind the proxy has of it. */
static void pair_dial(void)
{
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};

    peer_dial(&client);
    setsockopt(upstream, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    behind.at = behind.end = 0;
    behind.fd = accept4(upstream, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(behind.fd, 0);
    setsockopt(behind.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
}

static void expect_text(struct peer *peer, const char *text)
{
    for (; *text; text++)
        ck_assert_int_eq(peer_byte(peer), *text);
}

/* Ended, in order or by a reset. */
static void expect_gone(struct peer *peer)
{
    char byte;
    ssize_t count = recv(peer->fd, &byte, 1, 0);

    ck_assert(count == 0 || (count < 0 && errno == ECONNRESET));
    close(peer->fd);
}

START_TEST(bytes_go_both_ways)
{
    pair_dial();
    for (int round = 0; round < 100; round++) {
        peer_say(&client, "ask");
        expect_text(&behind, "ask");
        peer_say(&behind, "answer");
        expect_text(&client, "answer");
    }
    close(client.fd);
    peer_check_end(&behind);
}
END_TEST

START_TEST(what_a_client_sends_before_there_is_a_server_arrives)
{
    peer_dial(&client);
    peer_say(&client, "early");
    shutdown(client.fd, SHUT_WR);
    behind.at = behind.end = 0;
    behind.fd = accept4(upstream, NULL, NULL, SOCK_CLOEXEC);
    expect_text(&behind, "early");
    ck_assert_int_eq(peer_byte(&behind), -1);
    peer_say(&behind, "late");
    close(behind.fd);
    expect_text(&client, "late");
    peer_check_end(&client);
}
END_TEST

START_TEST(the_end_of_the_client_leaves_the_answer_open)
{
    pair_dial();
    peer_say(&client, "question");
    shutdown(client.fd, SHUT_WR);
    expect_text(&behind, "question");
    ck_assert_int_eq(peer_byte(&behind), -1);
    peer_say(&behind, "answer");
    close(behind.fd);
    expect_text(&client, "answer");
    peer_check_end(&client);
}
END_TEST

START_TEST(the_end_of_the_server_leaves_the_question_open)
{
    pair_dial();
    peer_say(&behind, "greeting");
    shutdown(behind.fd, SHUT_WR);
    expect_text(&client, "greeting");
    ck_assert_int_eq(peer_byte(&client), -1);
    peer_say(&client, "still here");
    expect_text(&behind, "still here");
    close(client.fd);
    peer_check_end(&behind);
}
END_TEST

START_TEST(resets_are_passed_on)
{
    pair_dial();
    peer_reset(&client);
    expect_gone(&behind);
    pair_dial();
    peer_say(&behind, "here"); /* before the proxy knows of its connection a reset is an error */
    expect_text(&client, "here");
    peer_reset(&behind);
    expect_gone(&client);
}
END_TEST

static char flood_byte(size_t at)
{
    return (char)(at * 2654435761U >> 24);
}

/* Sends until nothing moves any more, and returns how much it was. */
static size_t flood(struct peer *peer)
{
    static char bytes[64 << 10];
    struct pollfd room = {.fd = peer->fd, .events = POLLOUT};
    size_t sent = 0;

    while (poll(&room, 1, QUIET_MS) == 1) {
        ssize_t count;

        for (size_t at = 0; at < sizeof bytes; at++)
            bytes[at] = flood_byte(sent + at);
        count = send(peer->fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
        ck_assert(count > 0 || errno == EAGAIN);
        sent += count > 0 ? (size_t)count : 0;
        ck_assert_uint_lt(sent, FLOOD_MOST);
    }
    return sent;
}

START_TEST(a_side_that_does_not_read_holds_the_other_back)
{
    size_t sent;

    pair_dial();
    sent = flood(&client);
    shutdown(client.fd, SHUT_WR);
    for (size_t at = 0; at < sent; at++)
        if ((char)peer_byte(&behind) != flood_byte(at))
            ck_abort_msg("byte %zu of %zu is not what was sent", at, sent);
    ck_assert_int_eq(peer_byte(&behind), -1);
    sent = flood(&behind);
    shutdown(behind.fd, SHUT_WR);
    for (size_t at = 0; at < sent; at++)
        if ((char)peer_byte(&client) != flood_byte(at))
            ck_abort_msg("byte %zu of %zu is not what was sent", at, sent);
    peer_check_end(&client);
    close(behind.fd);
}
END_TEST

static bool listens(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(server.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connects;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connects = connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    close(fd);
    return connects;
}

/* A side that was closed in the middle would make a part look like the whole. */
START_TEST(drain_lets_both_sides_come_to_their_end)
{
    pair_dial();
    peer_say(&client, "x");
    expect_text(&behind, "x");
    kill(server.pid, SIGTERM);
    while (listens())
        ;
    peer_say(&behind, "the whole answer");
    shutdown(behind.fd, SHUT_WR);
    expect_text(&client, "the whole answer");
    peer_check_end(&client);
    peer_check_end(&behind);
    ck_assert_int_eq(program_wait(&server), 0);
}
END_TEST

START_TEST(without_a_server_the_client_is_let_go)
{
    close(upstream);
    for (int round = 0; round < 3; round++) {
        peer_dial(&client);
        expect_gone(&client);
    }
    upstream = -1;
    stop();
    ck_assert_ptr_nonnull(strstr(server.said, "tcp_proxy: "));
}
END_TEST

START_TEST(a_service_that_is_none_is_told)
{
    program_start(&server, "tcp_proxy",
                  (const char *const[]){"0", "127.0.0.1", "nosuchservice", NULL}, "port ");
    peer_dial(&client);
    expect_gone(&client);
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
    ck_assert_ptr_nonnull(
        strstr(server.said, "tcp_proxy: cannot look up 127.0.0.1, nosuchservice: "));
    ck_assert_ptr_null(strstr(server.said, "No such file"));
}
END_TEST

/* A proxy whose name servers are a file: see moving_name.c. */
static scratch_path name;
static int name_file;

static void start_moving(void)
{
    name_file = scratch_file(name);
    ck_assert_int_ge(name_file, 0);
    program_start(&server, "../tests/moving_tcp_proxy", (const char *const[]){"0", name, "0", NULL},
                  "port ");
}

static void stop_moving(void)
{
    (void)unlink(name);
    close(name_file);
    kill(server.pid, SIGTERM);
    ck_assert_int_eq(program_wait(&server), 0);
}

/* A new server to connect to, where the name is from now on. */
static void name_move(void)
{
    char port[8];
    int count = snprintf(port, sizeof port, "%5u", upstream_listen());

    ck_assert_int_eq(pwrite(name_file, port, (size_t)count, 0), count);
}

START_TEST(a_name_that_moves_is_followed)
{
    for (int round = 0; round < 3; round++) {
        name_move();
        pair_dial();
        peer_say(&client, "ask");
        expect_text(&behind, "ask");
        close(client.fd);
        peer_check_end(&behind);
        close(upstream);
    }
}
END_TEST

START_TEST(a_name_that_is_gone_for_a_while_is_found_again)
{
    peer_dial(&client); /* the file is empty */
    expect_gone(&client);
    name_move();
    pair_dial();
    close(client.fd);
    peer_check_end(&behind);
    close(upstream);
}
END_TEST

START_TEST(a_client_that_leaves_while_its_name_is_looked_up_leaves_nothing)
{
    int slow;

    ck_assert_int_eq(unlink(name), 0);
    ck_assert_int_eq(mkfifo(name, 0600), 0);
    peer_dial(&client);
    slow = open(name, O_WRONLY | O_CLOEXEC); /* when the look-up reads */
    peer_reset(&client);
    close(slow);
    ck_assert_int_eq(unlink(name), 0);
    peer_dial(&client); /* there is no such file: which is told */
    expect_gone(&client);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tcp_proxy");
    TCase *serving = tcase_create("serving");
    TCase *failing = tcase_create("failing");
    TCase *moving = tcase_create("moving");
    TCase *alone = tcase_create("alone");
    const char *why = why_no_reactor();

    suite_add_tcase(suite, alone);
    if (why) {
        support_skip("serving", why);
        return suite;
    }
    tcase_add_test(alone, a_service_that_is_none_is_told);
    tcase_add_checked_fixture(serving, start, stop_silent);
    tcase_set_timeout(serving, 60);
    tcase_add_test(serving, bytes_go_both_ways);
    tcase_add_test(serving, what_a_client_sends_before_there_is_a_server_arrives);
    tcase_add_test(serving, the_end_of_the_client_leaves_the_answer_open);
    tcase_add_test(serving, the_end_of_the_server_leaves_the_question_open);
    tcase_add_test(serving, resets_are_passed_on);
    tcase_add_test(serving, a_side_that_does_not_read_holds_the_other_back);
    tcase_add_test(serving, drain_lets_both_sides_come_to_their_end);
    suite_add_tcase(suite, serving);
    tcase_add_checked_fixture(failing, start, NULL);
    tcase_set_timeout(failing, 60);
    tcase_add_test(failing, without_a_server_the_client_is_let_go);
    suite_add_tcase(suite, failing);
    tcase_add_checked_fixture(moving, start_moving, stop_moving);
    tcase_add_test(moving, a_name_that_moves_is_followed);
    tcase_add_test(moving, a_name_that_is_gone_for_a_while_is_found_again);
    tcase_add_test(moving, a_client_that_leaves_while_its_name_is_looked_up_leaves_nothing);
    suite_add_tcase(suite, moving);
    return suite;
}
