/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What a stream counts: what the kernel gave and took, whatever way the bytes went. */

#include "reactor_test.h"

static struct probe probe;
static struct kevy_stream_stats at_close;

static struct kevy_stream_stats traffic_now(void)
{
    struct kevy_stream_stats traffic;

    kevy_stream_stats(&probe.stream, &traffic);
    return traffic;
}

static void open_tcp(void)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
}

static void finish(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

static void check(uint64_t received, uint64_t sent)
{
    ck_assert_uint_eq(traffic_now().received, received);
    ck_assert_uint_eq(traffic_now().sent, sent);
}

START_TEST(a_new_stream_has_counted_nothing)
{
    open_tcp();
    check(0, 0);
    finish();
}
END_TEST

START_TEST(an_echo_counts_both_ways)
{
    open_tcp();
    probe.echo = true;
    for (unsigned round = 1; round <= 10; round++) {
        peer_write_text(probe.peer, "seven..");
        peer_expect_text(probe.peer, "seven..");
        TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
        check(7 * round, 7 * round);
    }
    finish();
}
END_TEST

START_TEST(every_way_to_write_is_counted)
{
    struct iovec part = {.iov_base = (char[]){"12345"}, .iov_len = 5};
    struct kevy_send write = {.parts = &part, .count = 1};

    open_tcp();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "123", 3), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "1234", 4), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), 0));
    ck_assert_uint_eq(traffic_now().sent, 0); /* queued is not sent */
    peer_expect_text(probe.peer, "123123412345");
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    check(0, 12);
    finish();
}
END_TEST

START_TEST(what_is_held_back_counts_as_received)
{
    open_tcp();
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "held");
    turns(20);
    check(4, 0);
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 4);
    check(4, 0);
    finish();
}
END_TEST

static void closed(struct kevy_stream *stream, int reason)
{
    (void)reason;
    kevy_stream_stats(stream, &at_close);
    probe_events.close(stream, reason);
}

START_TEST(what_is_dropped_does_not_count_as_sent)
{
    static uint8_t big[1 << 20];
    struct kevy_stream_events events = probe_events;
    uint64_t count = 0;

    events.close = closed;
    probe_small(&probe, &events);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 1 << 22);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    turns(20);
    ck_assert_uint_gt(traffic_now().sent, 0);
    ck_assert_uint_lt(traffic_now().sent, sizeof big);
    QUIETLY(kevy_stream_abort(&probe.stream));
    TURN_UNTIL(probe.closed);
    (void)peer_drain(probe.peer, &count);
    ck_assert_uint_eq(at_close.sent, count);
    probe_peer_close(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_counters");
    TCase *counting = tcase_create("counting");

    tcase_add_checked_fixture(counting, reactor_setup, reactor_teardown);
    tcase_add_test(counting, a_new_stream_has_counted_nothing);
    tcase_add_test(counting, an_echo_counts_both_ways);
    tcase_add_test(counting, every_way_to_write_is_counted);
    tcase_add_test(counting, what_is_held_back_counts_as_received);
    tcase_add_test(counting, what_is_dropped_does_not_count_as_sent);
    suite_add_tcase(suite, counting);
    return suite;
}
