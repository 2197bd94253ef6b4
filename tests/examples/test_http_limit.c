/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* http_echo's options at work: the pace of a body, requests on a connection, addresses, signals. */

#include "http_peer.h"

#include <poll.h>

#define HOST "Host: a\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST
#define POST "POST / HTTP/1.1\r\n" HOST

static struct peer peer;
static char piece[2048];

static void start_with(const char *option)
{
    const char *arguments[] = {option, NULL};

    server_start(arguments);
}

/* True when the server says something within `ms`. */
static bool said(int ms)
{
    struct pollfd polled = {.fd = peer.fd, .events = POLLIN};

    return poll(&polled, 1, ms) == 1;
}

/* Each byte comes well before the idle limit, and all of them for ever. */
START_TEST(a_body_that_trickles_times_out)
{
    start_with("--body-timeout=0.2");
    peer_dial(&peer);
    peer_say(&peer, POST "Content-Length: 1000000\r\n\r\n");
    do
        peer_say(&peer, "x");
    while (!said(5));
    peer_expect(&peer, 408, NULL);
    peer_check_end(&peer);
    server_stop();
    ck_assert_uint_eq(server_counted(" timed out"), 1);
}
END_TEST

START_TEST(chunks_that_trickle_time_out)
{
    start_with("--body-timeout=0.2");
    peer_dial(&peer);
    peer_say(&peer, POST "Transfer-Encoding: chunked\r\n\r\n");
    do
        peer_say(&peer, "1\r\nx\r\n");
    while (!said(5));
    peer_expect(&peer, 408, NULL);
    peer_check_end(&peer);
}
END_TEST

/* Longer than the limit for a part of it, and never slower than that. */
START_TEST(a_body_that_keeps_its_pace_has_all_the_time)
{
    static struct answer answer;
    const unsigned pieces = 25;

    start_with("--body-timeout=1");
    memset(piece, 'x', sizeof piece);
    peer_dial(&peer);
    peer_say(&peer, POST "Content-Length: 51200\r\n\r\n");
    for (unsigned i = 0; i < pieces; i++) {
        struct pollfd nothing = {.fd = -1};

        peer_send(&peer, piece, sizeof piece);
        ck_assert_int_eq(poll(&nothing, 1, 60), 0);
    }
    peer_answer(&peer, &answer);
    ck_assert_uint_eq(answer.status, 200);
    ck_assert_uint_eq(answer.length, pieces * sizeof piece);
    ping(&peer);
    close(peer.fd);
}
END_TEST

START_TEST(the_last_request_of_a_connection_is_told)
{
    static struct answer answer;

    start_with("--max-requests=3");
    peer_dial(&peer);
    peer_say(&peer, GET "\r\n" GET "\r\n" GET "\r\n" GET "\r\n");
    for (unsigned i = 0; i < 3; i++) {
        peer_answer(&peer, &answer);
        ck_assert_uint_eq(answer.status, 200);
        ck_assert_int_eq(answer.closes, i == 2);
    }
    peer_check_end(&peer);
}
END_TEST

/* Far more than may be queued, held back and let go on many times. */
START_TEST(a_small_watermark_and_little_memory_are_enough_for_a_large_body)
{
    static const char *const arguments[] = {"--watermark=4K", "--memory-limit=1M", NULL};
    static char body[60000];

    server_start(arguments);
    memset(body, 'x', sizeof body);
    peer_dial(&peer);
    for (unsigned i = 0; i < 50; i++) {
        static struct answer answer;

        peer_say(&peer, POST "Content-Length: 60000\r\n\r\n");
        peer_send(&peer, body, sizeof body);
        peer_answer(&peer, &answer);
        ck_assert_uint_eq(answer.length, sizeof body);
        ck_assert_mem_eq(answer.body, body, sizeof body);
    }
    close(peer.fd);
}
END_TEST

/* The client is of IPv4. */
START_TEST(every_address_is_of_both_families)
{
    const char *arguments[] = {"--address=::", _i ? "--threads=2" : NULL, NULL};

    server_start(arguments);
    expect(GET "\r\n", 200, GET);
}
END_TEST

/* One from a thread says that it has ended; one from elsewhere says nothing. */
START_TEST(a_stray_signal_ends_no_thread)
{
    start_with("--threads=2");
    peer_dial(&peer);
    ping(&peer);
    kill(server.pid, SIGUSR1);
    for (unsigned i = 0; i < 100; i++) {
        ping(&peer);
        expect(GET "\r\n", 200, GET);
    }
    close(peer.fd);
}
END_TEST

START_TEST(the_summary_comes_after_a_second_signal_too)
{
    start_with(_i ? "--threads=2" : "--threads=1");
    peer_dial(&peer);
    peer_say(&peer, POST "Expect: 100-continue\r\nContent-Length: 4\r\n\r\n");
    peer_expect(&peer, 100, NULL);
    kill(server.pid, SIGTERM);
    kill(server.pid, SIGINT); /* once: nobody waits for a third, and it would kill */
    ck_assert_int_eq(program_wait(&server), 1);
    ck_assert_uint_eq(server_counted(" cut short"), 1);
    ck_assert_uint_eq(server_counted(" objects left"), 0); /* however many threads there are */
    close(peer.fd);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("http_limit");
    TCase *limits = tcase_create("limits");
    const char *why = why_no_reactor();

    if (why) {
        support_skip("http_limit", why);
        return suite;
    }
    tcase_add_checked_fixture(limits, NULL, server_stop);
    tcase_set_timeout(limits, 30);
    tcase_add_test(limits, a_body_that_trickles_times_out);
    tcase_add_test(limits, chunks_that_trickle_time_out);
    tcase_add_test(limits, a_body_that_keeps_its_pace_has_all_the_time);
    tcase_add_test(limits, the_last_request_of_a_connection_is_told);
    tcase_add_test(limits, a_small_watermark_and_little_memory_are_enough_for_a_large_body);
    tcase_add_loop_test(limits, every_address_is_of_both_families, 0, 2);
    tcase_add_test(limits, a_stray_signal_ends_no_thread);
    tcase_add_loop_test(limits, the_summary_comes_after_a_second_signal_too, 0, 2);
    suite_add_tcase(suite, limits);
    return suite;
}
