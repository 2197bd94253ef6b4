/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a server's clients send before the handshake. */
#include "tls_test.h"

#include <errno.h>

#define LINE "before the handshake\n"

static struct side server;
static struct hand hand;
static struct kevy_tls_events events; /* those of every side, with a preamble */
static char got[64];
static size_t got_length;
static unsigned calls;
static int answer; /* instead of a number of bytes, where it is negative */
static bool aborts;

/* A line, and nothing behind it. */
static int take(struct kevy_tls *tls, const uint8_t *bytes, size_t length)
{
    size_t taken = 0;

    calls++;
    ck_assert_uint_gt(length, 0);
    ck_assert_int_eq(kevy_tls_send(tls, "x", 1), -EPIPE);
    if (aborts)
        kevy_tls_abort(tls);
    if (answer < 0)
        return answer;
    while (taken < length && (got_length == 0 || got[got_length - 1] != '\n'))
        got[got_length++] = (char)bytes[taken++];
    return (int)taken;
}

static int serve(struct kevy_tls_context *context)
{
    int one, other;

    events = side_events;
    events.preamble = take;
    memset(got, 0, sizeof got);
    got_length = calls = 0;
    answer = 0;
    aborts = false;
    tcp_pair(&one, &other);
    side_serve(&server, context, one);
    server.tls.events = &events;
    return other;
}

static void leave(void)
{
    hand_free(&hand);
    TURN_UNTIL(server.closed);
}

START_TEST(the_handshake_begins_behind_the_preamble_wherever_it_is_cut)
{
    for (size_t cut = 0; cut <= sizeof LINE - 1; cut++) {
        int fd = serve(server_context);

        peer_write(fd, LINE, cut);
        TURN_UNTIL(got_length == cut);
        peer_write(fd, LINE + cut, sizeof LINE - 1 - cut);
        hand_client(&hand, fd, 0);
        hand_shake(&hand);
        hand_write(&hand, "behind it", 9);
        side_expect(&server, "behind it");
        ck_assert_str_eq(got, LINE);
        leave();
        ck_assert_str_eq(server.log, "orc");
    }
}
END_TEST

/* Both are in one received buffer: no turn comes between them. */
START_TEST(one_buffer_may_have_the_preamble_and_the_handshake)
{
    int fd = serve(server_context);

    peer_write(fd, LINE, sizeof LINE - 1);
    hand_client(&hand, fd, 0);
    ck_assert_int_lt(SSL_do_handshake(hand.ssl), 1);
    hand_shake(&hand);
    hand_write(&hand, "behind it", 9);
    side_expect(&server, "behind it");
    ck_assert_uint_eq(calls, 1);
    leave();
}
END_TEST

START_TEST(a_preamble_that_is_refused_ends_the_connection)
{
    struct kevy_tls_stats stats;
    int fd = serve(server_context);

    answer = -EPROTO;
    peer_write(fd, "x", 1);
    TURN_UNTIL(calls == 1);
    close(fd);
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "c");
    ck_assert_int_eq(server.reason, -EPROTO);
    kevy_tls_context_stats(server_context, &stats);
    ck_assert_uint_eq(stats.handshakes_failed, 1);
}
END_TEST

START_TEST(a_preamble_may_abort_the_connection)
{
    int fd = serve(server_context);

    aborts = true;
    peer_write(fd, LINE, sizeof LINE - 1);
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "c");
    ck_assert_int_eq(server.reason, -ECANCELED);
    close(fd);
}
END_TEST

START_TEST(an_end_within_the_preamble_is_a_truncation)
{
    int fd = serve(server_context);

    peer_write(fd, "before", 6);
    close(fd);
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "c");
    ck_assert_int_eq(server.reason, -ECONNABORTED);
    ck_assert_str_eq(got, "before");
}
END_TEST

START_TEST(the_time_limit_of_the_handshake_is_for_the_preamble_too)
{
    struct kevy_tls_options options = server_options(&server_identity);
    struct kevy_tls_context *context;
    int fd;

    options.handshake_timeout_ns = KEVY_MILLISECONDS(5);
    context = context_make(&options);
    fd = serve(context);
    peer_write(fd, "before", 6);
    TURN_UNTIL(server.closed);
    ck_assert_str_eq(server.log, "c");
    ck_assert_int_eq(server.reason, -ETIMEDOUT);
    close(fd);
    kevy_tls_context_destroy(context);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("tls_preamble");
    TCase *tcase = tls_case("preamble", NULL);

    tcase_add_test(tcase, the_handshake_begins_behind_the_preamble_wherever_it_is_cut);
    tcase_add_test(tcase, one_buffer_may_have_the_preamble_and_the_handshake);
    tcase_add_test(tcase, a_preamble_that_is_refused_ends_the_connection);
    tcase_add_test(tcase, a_preamble_may_abort_the_connection);
    tcase_add_test(tcase, an_end_within_the_preamble_is_a_truncation);
    tcase_add_test(tcase, the_time_limit_of_the_handshake_is_for_the_preamble_too);
    suite_add_tcase(suite, tcase);
    return suite;
}
