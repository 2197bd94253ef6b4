/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* How ranges end when their stream does, or stalls; each in both ways that bytes can go. */

#include "stream_range_test.h"

#include <signal.h>
#include <sys/ioctl.h>

/* Until nothing moves any more: the peer has bytes of the range, and takes no more. */
static void stall_wait(int way)
{
    int bytes = 0;

    if (way == 0 && cache_told())
        TURN_UNTIL(sendings[0].range.full);
    else
        TURN_UNTIL(ioctl(probe.peer, FIONREAD, &bytes) == 0 && bytes > 10);
    turns(100);
    ck_assert_uint_eq(sendings[0].done, 0);
}

/* A range that is stuck, because the peer does not read, and another behind it. */
static void stall(int way)
{
    open_tcp();
    way_set(way);
    send_copy(0, 10);
    range_send(0, file, 10, BIG - 10);
    range_send(1, file, 0, 100);
    stall_wait(way);
}

/* What the peer can have is what was sent. */
static void stalled_check(int result)
{
    ck_assert_uint_eq(sendings[0].done, 1);
    ck_assert_uint_eq(sendings[1].done, 1);
    ck_assert_int_eq(sendings[0].result, result);
    ck_assert_int_eq(sendings[1].result, result);
    ck_assert_uint_gt(sendings[0].sent, 0);
    ck_assert_uint_lt(sendings[0].sent, BIG - 10);
    ck_assert_uint_eq(sendings[1].sent, 0);
    ck_assert_uint_eq(sendings[0].order + 1, sendings[1].order);
}

START_TEST(abort_drops_a_range_in_the_middle)
{
    stall(_i);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    stalled_check(-ECANCELED);
}
END_TEST

static struct kevy_stream_events events;
static uint64_t sent_counted;

static void close_counts(struct kevy_stream *stream, int reason)
{
    struct kevy_stream_stats traffic;

    kevy_stream_stats(stream, &traffic);
    sent_counted = traffic.sent;
    probe_events.close(stream, reason);
}

START_TEST(sent_is_what_the_peer_gets)
{
    uint64_t count = 0;

    events = probe_events;
    /* A Unix socket keeps what was sent when the sender is gone. */
    probe_small(&probe, &events);
    turn_now();
    way_set(_i);
    range_send(0, file, 0, MEGABYTE);
    stall_wait(_i);
    events.close = close_counts;
    QUIETLY(kevy_stream_abort(&probe.stream));
    TURN_UNTIL(probe.closed);
    (void)peer_drain(probe.peer, &count);
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_eq(sent_counted, count);
    sending_check(&sendings[0], -ECANCELED, count);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(abort_at_any_moment_reports_once)
{
    for (unsigned moment = 0; moment < 40; moment++) {
        open_tcp();
        way_set(_i);
        range_send(0, file, 0, MEGABYTE);
        range_send(1, file, 0, 0);
        turns(moment);
        QUIETLY(kevy_stream_abort(&probe.stream));
        probe_finish(&probe);
        ck_assert_uint_eq(sendings[0].done, 1);
        ck_assert_uint_eq(sendings[1].done, 1);
    }
}
END_TEST

START_TEST(a_reset_by_the_peer_ends_a_range_in_the_middle)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    ck_assert(signal(SIGPIPE, SIG_DFL) != SIG_ERR); /* which must not come */
    stall(_i);
    (void)setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    probe_peer_close(&probe);
    TURN_UNTIL(probe.closed);
    ck_assert_int_lt(probe.reason, 0);
    stalled_check(sendings[0].result);
    ck_assert(sendings[0].result == -ECONNRESET || sendings[0].result == -EPIPE);
}
END_TEST

START_TEST(close_waits_for_ranges)
{
    uint64_t rest;

    stall(_i);
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(50);
    ck_assert(!probe.closed);
    peer_expect_pattern(0, BIG, SIZE_MAX);
    peer_expect_pattern(0, 100, SIZE_MAX);
    ck_assert_int_eq(peer_drain(probe.peer, &rest), 0);
    ck_assert_uint_eq(rest, 0);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_eq(sendings[0].sent, BIG - 10);
    ck_assert_uint_eq(sendings[1].sent, 100);
}
END_TEST

START_TEST(the_write_deadline_bounds_a_range)
{
    open_tcp();
    way_set(_i);
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_SEND, KEVY_MILLISECONDS(30));
    range_send(0, file, 0, BIG);
    TURN_UNTIL(probe.timeouts == 1);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_SEND], 1);
    ck_assert_uint_eq(sendings[0].done, 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(sendings[0].result, -ECANCELED);
}
END_TEST

START_TEST(a_range_that_is_gone_leaves_no_deadline)
{
    open_tcp();
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_SEND, KEVY_SECONDS(100));
    range_send(0, file, 0, (uint64_t)_i * 100000);
    peer_expect_pattern(0, (size_t)_i * 100000, SIZE_MAX);
    sending_check(&sendings[0], 0, (uint64_t)_i * 100000);
    ck_assert_uint_eq(probe.stream.send_at, 0);
    close_and_finish();
}
END_TEST

START_TEST(destroy_drops_ranges)
{
    stall(_i);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert(probe.closed);
    stalled_check(-ECANCELED);
    probe_peer_close(&probe);
    reactor = NULL;
    reactor_setup();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_range_end");
    TCase *ending = tcase_create("ending");

    tcase_add_checked_fixture(ending, setup, teardown);
    tcase_add_loop_test(ending, abort_drops_a_range_in_the_middle, 0, 2);
    tcase_add_loop_test(ending, sent_is_what_the_peer_gets, 0, 2);
    tcase_add_loop_test(ending, abort_at_any_moment_reports_once, 0, 2);
    tcase_add_loop_test(ending, a_reset_by_the_peer_ends_a_range_in_the_middle, 0, 2);
    tcase_add_loop_test(ending, close_waits_for_ranges, 0, 2);
    tcase_add_loop_test(ending, the_write_deadline_bounds_a_range, 0, 2);
    tcase_add_loop_test(ending, a_range_that_is_gone_leaves_no_deadline, 0, 3);
    tcase_add_loop_test(ending, destroy_drops_ranges, 0, 2);
    suite_add_tcase(suite, ending);
    return suite;
}
