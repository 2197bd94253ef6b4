/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The three time limits of a stream. The limits are a few milliseconds; what is asserted is which
 * comes, how often and in which order, and that none comes early.
 */

#include "reactor_test.h"

#define MS(n) KEVY_MILLISECONDS(n)
#define HOUR  KEVY_SECONDS(3600)

static struct probe probe;
static uint8_t data[1 << 20];
static uint64_t not_before_ns;

static void limit(enum kevy_deadline deadline, uint64_t timeout_ns)
{
    not_before_ns = clock_ns() + timeout_ns;
    QUIETLY(kevy_stream_set_deadline(&probe.stream, deadline, timeout_ns));
}

static void not_early(struct probe *passed, enum kevy_deadline deadline)
{
    (void)passed;
    (void)deadline;
    ck_assert_uint_ge(kevy_reactor_now(reactor), not_before_ns);
}

static void open_with(const struct kevy_stream_events *events)
{
    probe_small(&probe, events);
    probe.on_timeout = not_early;
    turns(2);
}

static void probe_abort(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(idle_passes_when_nothing_is_received_or_sent)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_IDLE, MS(3));
    TURN_UNTIL(probe.timeouts);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_IDLE], 1);
    probe_abort();
}
END_TEST

START_TEST(phase_passes_whatever_happens)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_TOTAL, MS(5));
    while (probe.timeouts == 0) {
        peer_write_text(probe.peer, "x");
        turn_now();
    }
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_TOTAL], 1);
    probe_abort();
}
END_TEST

START_TEST(receiving_puts_idle_off)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_IDLE, MS(20));
    for (uint64_t end_ns = clock_ns() + MS(60); clock_ns() < end_ns;) {
        uint64_t before_ns = clock_ns();

        peer_write_text(probe.peer, "x");
        turn_now();
        if (clock_ns() - before_ns > MS(15))
            break; /* the machine stood still: what follows proves nothing */
        ck_assert_uint_eq(probe.timeouts, 0);
    }
    not_before_ns = 0;
    TURN_UNTIL(probe.timeouts);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_IDLE], 1);
    probe_abort();
}
END_TEST

START_TEST(sending_puts_idle_off)
{
    char byte;

    open_with(&probe_events);
    limit(KEVY_DEADLINE_IDLE, MS(20));
    for (uint64_t end_ns = clock_ns() + MS(60); clock_ns() < end_ns;) {
        uint64_t before_ns = clock_ns();

        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0));
        turn_now();
        (void)peer_read(probe.peer, &byte, 1);
        if (clock_ns() - before_ns > MS(15))
            break; /* the machine stood still: what follows proves nothing */
        ck_assert_uint_eq(probe.timeouts, 0);
    }
    not_before_ns = 0;
    TURN_UNTIL(probe.timeouts);
    ck_assert_uint_eq(probe.count, 0);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_IDLE], 1);
    probe_abort();
}
END_TEST

START_TEST(activity_costs_no_more_than_a_look_once_a_period)
{
    struct kevy_reactor_stats stats;

    open_with(&probe_events);
    probe.echo = true;
    limit(KEVY_DEADLINE_IDLE, HOUR);
    for (unsigned round = 0; round < 500; round++) {
        peer_write_text(probe.peer, "x");
        peer_expect_text(probe.peer, "x");
    }
    stats = stats_now();
    ck_assert_uint_le(stats.deadlines_moved, 2);
    ck_assert_uint_eq(stats.timers_fired, 0);
    probe_abort();
}
END_TEST

START_TEST(a_deadline_that_moved_on_is_refiled_and_does_not_fire)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_IDLE, MS(2));
    limit(KEVY_DEADLINE_IDLE, HOUR);
    clock_pass(clock_ns() + MS(6));
    turns(3);
    ck_assert_uint_eq(probe.timeouts, 0);
    ck_assert_uint_eq(stats_now().deadlines_moved, 1);
    probe_abort();
}
END_TEST

static void fill_queue(void)
{
    kevy_stream_set_watermarks(&probe.stream, 0, 64 << 20);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, sizeof data), 0));
    turns(5);
    ck_assert_uint_gt(kevy_stream_queued(&probe.stream), 0);
}

START_TEST(write_passes_when_the_peer_takes_nothing)
{
    open_with(&probe_events);
    fill_queue();
    limit(KEVY_DEADLINE_SEND, MS(3));
    TURN_UNTIL(probe.timeouts);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_SEND], 1);
    probe_abort();
}
END_TEST

START_TEST(write_set_before_the_queue_fills_passes_too)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_SEND, MS(3));
    clock_pass(clock_ns() + MS(8));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 0);
    not_before_ns = clock_ns() + MS(3);
    fill_queue();
    TURN_UNTIL(probe.timeouts);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_SEND], 1);
    probe_abort();
}
END_TEST

START_TEST(write_is_off_while_the_queue_is_empty)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_SEND, MS(2));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0));
    turns(3);
    clock_pass(clock_ns() + MS(6));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 0);
    probe_abort();
}
END_TEST

START_TEST(progress_puts_write_off)
{
    unsigned reads = 0;

    open_with(&probe_events);
    limit(KEVY_DEADLINE_SEND, MS(200));
    fill_queue();
    while (kevy_stream_queued(&probe.stream) > 0) {
        ck_assert_uint_lt(reads++, TURNS_MAX);
        (void)peer_read(probe.peer, data, 4096);
        turn_now();
    }
    ck_assert_uint_eq(probe.timeouts, 0);
    probe_abort();
}
END_TEST

START_TEST(a_deadline_that_passed_is_off_until_it_is_set_again)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_IDLE, MS(1));
    TURN_UNTIL(probe.timeouts == 1);
    peer_write_text(probe.peer, "active again");
    TURN_UNTIL(probe.count == 12);
    /* Filing another one looks at all three. */
    limit(KEVY_DEADLINE_TOTAL, HOUR);
    clock_pass(clock_ns() + MS(5));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 1);
    limit(KEVY_DEADLINE_IDLE, MS(1));
    TURN_UNTIL(probe.timeouts == 2);
    probe_abort();
}
END_TEST

START_TEST(a_write_deadline_that_passed_is_off_until_it_is_set_again)
{
    open_with(&probe_events);
    fill_queue();
    limit(KEVY_DEADLINE_SEND, MS(1));
    TURN_UNTIL(probe.timeouts == 1);
    for (unsigned round = 0; round < 5; round++) {
        (void)peer_read(probe.peer, data, 16384);
        turns(3);
    }
    clock_pass(clock_ns() + MS(5));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 1);
    probe_abort();
}
END_TEST

START_TEST(zero_turns_a_deadline_off)
{
    open_with(&probe_events);
    fill_queue();
    for (unsigned deadline = 0; deadline < 3; deadline++) {
        limit((enum kevy_deadline)deadline, MS(2));
        limit((enum kevy_deadline)deadline, 0);
    }
    clock_pass(clock_ns() + MS(6));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 0);
    probe_abort();
}
END_TEST

static enum kevy_deadline order[8];
static unsigned order_count;

static void note_order(struct probe *passed, enum kevy_deadline deadline)
{
    (void)passed;
    order[order_count++] = deadline;
}

START_TEST(all_three_pass_each_once_in_the_order_of_their_times)
{
    open_with(&probe_events);
    probe.on_timeout = note_order;
    fill_queue();
    limit(KEVY_DEADLINE_TOTAL, MS(2));
    limit(KEVY_DEADLINE_SEND, MS(12));
    limit(KEVY_DEADLINE_IDLE, MS(7));
    TURN_UNTIL(order_count == 3);
    turns(5);
    ck_assert_uint_eq(order_count, 3);
    ck_assert_int_eq(order[0], KEVY_DEADLINE_TOTAL);
    ck_assert_int_eq(order[1], KEVY_DEADLINE_IDLE);
    ck_assert_int_eq(order[2], KEVY_DEADLINE_SEND);
    probe_abort();
}
END_TEST

START_TEST(deadlines_that_are_due_together_are_all_reported)
{
    open_with(&probe_events);
    probe.on_timeout = note_order;
    fill_queue();
    for (unsigned deadline = 0; deadline < 3; deadline++)
        limit((enum kevy_deadline)deadline, MS(1));
    clock_pass(clock_ns() + MS(6));
    TURN_UNTIL(order_count == 3);
    ck_assert_uint_eq(probe.deadlines[0] + probe.deadlines[1] + probe.deadlines[2], 3);
    probe_abort();
}
END_TEST

static void set_again(struct probe *passed, enum kevy_deadline deadline)
{
    kevy_stream_set_deadline(&passed->stream, deadline, passed->timeouts < 5 ? MS(1) : 0);
}

START_TEST(a_deadline_may_be_set_again_from_its_own_callback)
{
    open_with(&probe_events);
    probe.on_timeout = set_again;
    limit(KEVY_DEADLINE_TOTAL, MS(1));
    TURN_UNTIL(probe.timeouts == 5);
    clock_pass(clock_ns() + MS(4));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 5);
    probe_abort();
}
END_TEST

static void without_handler(enum kevy_deadline deadline)
{
    uint64_t count;

    probe_tcp(&probe, &probe_events_close_only);
    kevy_stream_set_watermarks(&probe.stream, 0, 1 << 30);
    turns(2);
    while (deadline == KEVY_DEADLINE_SEND && kevy_stream_queued(&probe.stream) < sizeof data) {
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, sizeof data), 0));
        turns(5);
    }
    limit(deadline, MS(2));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -ETIMEDOUT);
    ck_assert_int_eq(peer_drain(probe.peer, &count), -ECONNRESET);
    probe_peer_close(&probe);
}

START_TEST(without_a_handler_the_stream_is_aborted_with_etimedout)
{
    without_handler((enum kevy_deadline)_i);
}
END_TEST

START_TEST(a_deadline_set_after_an_absence_counts_from_now)
{
    open_with(&probe_events);
    clock_pass(clock_ns() + MS(30));
    limit(KEVY_DEADLINE_TOTAL, MS(10));
    TURN_UNTIL(probe.timeouts);
    probe_abort();
}
END_TEST

static void work_long_then_limit(struct kevy_task *task, struct kevy_reactor *at)
{
    (void)task;
    (void)at;
    clock_pass(clock_ns() + MS(30));
    not_before_ns = clock_ns() + MS(10);
    if (probe.tag == KEVY_DEADLINE_SEND)
        ck_assert_int_eq(kevy_stream_send(&probe.stream, data, sizeof data), 0);
    else
        kevy_stream_set_deadline(&probe.stream, (enum kevy_deadline)probe.tag, MS(10));
}

START_TEST(a_limit_that_begins_after_long_work_in_a_callback_is_not_early)
{
    static struct kevy_task task = {.run = work_long_then_limit};

    open_with(&probe_events);
    probe.tag = _i;
    kevy_stream_set_watermarks(&probe.stream, 0, 64 << 20);
    if (_i == KEVY_DEADLINE_SEND)
        limit(KEVY_DEADLINE_SEND, MS(10));
    QUIETLY(kevy_reactor_defer(reactor, &task));
    TURN_UNTIL(probe.timeouts);
    probe_abort();
}
END_TEST

START_TEST(a_write_deadline_counts_from_the_write_even_after_an_absence)
{
    open_with(&probe_events);
    kevy_stream_set_watermarks(&probe.stream, 0, 64 << 20);
    limit(KEVY_DEADLINE_SEND, MS(10));
    turns(2);
    clock_pass(clock_ns() + MS(30));
    not_before_ns = clock_ns() + MS(10);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, sizeof data), 0));
    TURN_UNTIL(probe.timeouts);
    probe_abort();
}
END_TEST

START_TEST(a_closed_stream_has_no_deadlines)
{
    open_with(&probe_events);
    limit(KEVY_DEADLINE_IDLE, MS(1));
    limit(KEVY_DEADLINE_TOTAL, MS(1));
    QUIETLY(kevy_stream_close(&probe.stream));
    clock_pass(clock_ns() + MS(5));
    turns(5);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(the_longest_deadline_does_not_wrap)
{
    open_with(&probe_events);
    for (unsigned deadline = 0; deadline < 3; deadline++)
        limit((enum kevy_deadline)deadline, UINT64_MAX);
    fill_queue();
    clock_pass(clock_ns() + MS(4));
    turns(5);
    ck_assert_uint_eq(probe.timeouts, 0);
    probe_abort();
}
END_TEST

START_TEST(deadlines_of_many_streams_pass_one_by_one)
{
    static struct probe probes[200];

    for (unsigned index = 0; index < 200; index++) {
        probe_unix(&probes[index], &probe_events_close_only);
        turn_now();
        QUIETLY(kevy_stream_set_deadline(&probes[index].stream, KEVY_DEADLINE_IDLE,
                                         MS(1 + index % 10)));
    }
    for (unsigned index = 0; index < 200; index++) {
        probe_finish(&probes[index]);
        ck_assert_int_eq(probes[index].reason, -ETIMEDOUT);
    }
}
END_TEST

START_TEST(limits_are_set_moved_and_passed_without_a_request_to_the_kernel)
{
    uint64_t submissions;

    open_with(&probe_events);
    turns(3);
    submissions = stats_now().submissions;
    for (unsigned round = 1; round < 200; round++)
        for (unsigned deadline = 0; deadline < 3; deadline++)
            limit((enum kevy_deadline)deadline, MS(round % 7 + 1));
    limit(KEVY_DEADLINE_IDLE, MS(3));
    limit(KEVY_DEADLINE_TOTAL, MS(3));
    TURN_UNTIL(probe.timeouts == 2);
    ck_assert_uint_eq(stats_now().submissions, submissions);
    probe_abort();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_deadline");
    TCase *deadlines = tcase_create("deadlines");

    tcase_add_checked_fixture(deadlines, reactor_setup, reactor_teardown);
    tcase_set_timeout(deadlines, 20);
    tcase_add_test(deadlines, idle_passes_when_nothing_is_received_or_sent);
    tcase_add_test(deadlines, phase_passes_whatever_happens);
    tcase_add_test(deadlines, receiving_puts_idle_off);
    tcase_add_test(deadlines, sending_puts_idle_off);
    tcase_add_test(deadlines, activity_costs_no_more_than_a_look_once_a_period);
    tcase_add_test(deadlines, limits_are_set_moved_and_passed_without_a_request_to_the_kernel);
    tcase_add_test(deadlines, a_deadline_that_moved_on_is_refiled_and_does_not_fire);
    tcase_add_test(deadlines, write_passes_when_the_peer_takes_nothing);
    tcase_add_test(deadlines, write_set_before_the_queue_fills_passes_too);
    tcase_add_test(deadlines, write_is_off_while_the_queue_is_empty);
    tcase_add_test(deadlines, progress_puts_write_off);
    tcase_add_test(deadlines, a_deadline_that_passed_is_off_until_it_is_set_again);
    tcase_add_test(deadlines, a_write_deadline_that_passed_is_off_until_it_is_set_again);
    tcase_add_test(deadlines, zero_turns_a_deadline_off);
    tcase_add_test(deadlines, all_three_pass_each_once_in_the_order_of_their_times);
    tcase_add_test(deadlines, deadlines_that_are_due_together_are_all_reported);
    tcase_add_test(deadlines, a_deadline_may_be_set_again_from_its_own_callback);
    tcase_add_loop_test(deadlines, without_a_handler_the_stream_is_aborted_with_etimedout, 0, 3);
    tcase_add_test(deadlines, a_deadline_set_after_an_absence_counts_from_now);
    tcase_add_loop_test(deadlines, a_limit_that_begins_after_long_work_in_a_callback_is_not_early,
                        0, 3);
    tcase_add_test(deadlines, a_write_deadline_counts_from_the_write_even_after_an_absence);
    tcase_add_test(deadlines, a_closed_stream_has_no_deadlines);
    tcase_add_test(deadlines, the_longest_deadline_does_not_wrap);
    tcase_add_test(deadlines, deadlines_of_many_streams_pass_one_by_one);
    suite_add_tcase(suite, deadlines);
    return suite;
}
