/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Timers as a user sees them. Delays are milliseconds, and what is asserted is order, occurrence
 * and "not early", never "in time": how late a turn comes is the machine's affair.
 */

#include "reactor_test.h"

#define MS(n) KEVY_MILLISECONDS(n)

struct alarm {
    struct kevy_timer timer;
    unsigned fired;
    uint64_t due_ns;    /* not to fire before: the clock ahead of the start, and its delay */
    uint64_t due_by_ns; /* the clock behind the start, and its delay */
    void (*then)(struct alarm *alarm);
    struct alarm *other;
};

static struct alarm alarms[8];
static unsigned order[64];
static unsigned order_count;

static void alarm_fire(struct kevy_timer *timer)
{
    struct alarm *alarm = KEVY_CONTAINER_OF(timer, struct alarm, timer);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_ge(kevy_reactor_now(reactor), alarm->due_ns);
    ck_assert_uint_ge(clock_ns(), alarm->due_ns);
    alarm->fired++;
    if (alarm >= alarms && alarm < alarms + 8 && order_count < 64)
        order[order_count++] = (unsigned)(alarm - alarms);
    if (alarm->then != NULL)
        alarm->then(alarm);
}

static void start(struct alarm *alarm, uint64_t delay_ns)
{
    alarm->due_ns = clock_ns() + delay_ns;
    kevy_timer_start(&alarm->timer, reactor, delay_ns, alarm_fire);
    alarm->due_by_ns = clock_ns() + delay_ns;
}

START_TEST(a_one_shot_fires_once_and_not_early)
{
    QUIETLY(start(&alarms[0], MS(2)));
    ck_assert(kevy_timer_armed(&alarms[0].timer));
    TURN_UNTIL(alarms[0].fired);
    ck_assert(!kevy_timer_armed(&alarms[0].timer));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 1);
    ck_assert_uint_eq(stats_now().timers_fired, 1);
}
END_TEST

START_TEST(timers_fire_in_the_order_of_their_deadlines)
{
    static const unsigned delays[] = {7, 1, 5, 3};

    for (unsigned index = 0; index < 4; index++)
        QUIETLY(start(&alarms[index], MS(delays[index] * 2)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(order_count, 4);
    /* But for a tick; and whoever starts late is due late. */
    for (unsigned index = 1; index < 4; index++)
        ck_assert_uint_le(alarms[order[index - 1]].due_ns, alarms[order[index]].due_by_ns + MS(2));
}
END_TEST

START_TEST(a_timer_started_after_an_absence_counts_from_now)
{
    turn_now();
    clock_pass(clock_ns() + MS(20));
    QUIETLY(start(&alarms[0], MS(5)));
    TURN_UNTIL(alarms[0].fired);
}
END_TEST

static void work_long_then_start_the_other(struct alarm *alarm)
{
    clock_pass(clock_ns() + MS(20));
    alarm->other->due_ns = clock_ns() + MS(5);
    kevy_timer_start(&alarm->other->timer, reactor, MS(5), alarm_fire);
}

START_TEST(a_timer_started_after_long_work_in_a_callback_is_not_early)
{
    alarms[0].then = work_long_then_start_the_other;
    alarms[0].other = &alarms[1];
    QUIETLY(start(&alarms[0], 1));
    TURN_UNTIL(alarms[1].fired);
}
END_TEST

START_TEST(zero_delay_fires_without_waiting_and_not_inside_the_call)
{
    QUIETLY(start(&alarms[0], 0));
    ck_assert_uint_eq(alarms[0].fired, 0);
    TURN_UNTIL(alarms[0].fired);
}
END_TEST

static void start_again_at_once(struct alarm *alarm)
{
    if (alarm->fired < 20)
        start(alarm, 0);
}

START_TEST(a_timer_that_starts_itself_with_zero_delay_starves_nobody)
{
    alarms[0].then = start_again_at_once;
    QUIETLY(start(&alarms[0], 0));
    QUIETLY(start(&alarms[1], MS(3)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 20);
    ck_assert_uint_eq(alarms[1].fired, 1);
}
END_TEST

START_TEST(starting_an_armed_timer_moves_it)
{
    QUIETLY(start(&alarms[0], KEVY_SECONDS(3600)));
    QUIETLY(start(&alarms[0], MS(1)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 1);
}
END_TEST

START_TEST(stopping_is_synchronous_and_idempotent)
{
    QUIETLY(start(&alarms[0], MS(1)));
    QUIETLY(kevy_timer_stop(&alarms[0].timer));
    QUIETLY(kevy_timer_stop(&alarms[0].timer));
    ck_assert(!kevy_timer_armed(&alarms[0].timer));
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
    clock_pass(clock_ns() + MS(4));
    turns(3);
    ck_assert_uint_eq(alarms[0].fired, 0);
}
END_TEST

static void stop_other(struct alarm *alarm)
{
    kevy_timer_stop(&alarm->other->timer);
}

/* Both are due in the same turn; whichever comes first stops the other. */
START_TEST(a_timer_stopped_from_another_callback_does_not_fire_even_when_already_due)
{
    for (unsigned index = 0; index < 2; index++) {
        alarms[index].then = stop_other;
        alarms[index].other = &alarms[1 - index];
        QUIETLY(start(&alarms[index], MS(1)));
    }
    clock_pass(clock_ns() + MS(5));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired + alarms[1].fired, 1);
}
END_TEST

static void start_other(struct alarm *alarm)
{
    start(alarm->other, MS(2));
}

START_TEST(a_timer_moved_from_another_callback_when_already_due_fires_at_its_new_time)
{
    alarms[0].then = start_other;
    alarms[0].other = &alarms[1];
    QUIETLY(start(&alarms[0], MS(1)));
    QUIETLY(start(&alarms[1], MS(1)));
    clock_pass(clock_ns() + MS(5));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 1);
    ck_assert_uint_eq(alarms[1].fired, 1);
    ck_assert_uint_eq(order[0], 0);
}
END_TEST

static void free_self(struct alarm *alarm)
{
    memset(alarm, 0xA5, sizeof *alarm);
    free(alarm);
    order_count++;
}

START_TEST(a_one_shot_may_be_freed_in_its_own_callback)
{
    for (unsigned index = 0; index < 50; index++) {
        struct alarm *alarm = calloc(1, sizeof *alarm);

        ck_assert_ptr_nonnull(alarm);
        alarm->then = free_self;
        QUIETLY(start(alarm, MS(index % 5)));
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(order_count, 50);
}
END_TEST

static void stop_after_five(struct alarm *alarm)
{
    alarm->due_ns += MS(2);
    if (alarm->fired == 5)
        kevy_timer_stop(&alarm->timer);
}

START_TEST(a_periodic_timer_fires_until_it_is_stopped)
{
    alarms[0].then = stop_after_five;
    alarms[0].due_ns = clock_ns() + MS(2);
    QUIETLY(kevy_timer_start_periodic(&alarms[0].timer, reactor, MS(2), alarm_fire));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 5);
}
END_TEST

/* Each deadline is a multiple of the period after the first, however late the callback came. */
static void lateness_kept_apart(struct alarm *alarm)
{
    uint64_t first_ns = alarm->other->due_ns;

    ck_assert_uint_eq((alarm->timer.node.deadline_ns - first_ns) % MS(3), 0);
    clock_pass(clock_ns() + MS(1) + MS(5) * (alarm->fired == 3));
    if (alarm->fired == 8)
        kevy_timer_stop(&alarm->timer);
}

START_TEST(a_periodic_timer_does_not_drift)
{
    alarms[0].then = lateness_kept_apart;
    alarms[0].other = &alarms[1];
    QUIETLY(kevy_timer_start_periodic(&alarms[0].timer, reactor, MS(3), alarm_fire));
    alarms[1].due_ns = alarms[0].timer.node.deadline_ns;
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 8);
}
END_TEST

START_TEST(firings_that_a_blocked_loop_missed_are_left_out)
{
    QUIETLY(kevy_timer_start_periodic(&alarms[0].timer, reactor, MS(2), alarm_fire));
    clock_pass(clock_ns() + MS(50));
    turn();
    ck_assert_uint_eq(alarms[0].fired, 1);
    kevy_timer_stop(&alarms[0].timer);
}
END_TEST

START_TEST(a_period_of_one_nanosecond_does_not_stop_the_loop)
{
    QUIETLY(kevy_timer_start_periodic(&alarms[0].timer, reactor, 1, alarm_fire));
    QUIETLY(start(&alarms[1], MS(4)));
    TURN_UNTIL(alarms[1].fired);
    ck_assert_uint_ge(alarms[0].fired, 1);
    kevy_timer_stop(&alarms[0].timer);
}
END_TEST

START_TEST(an_endless_delay_never_fires_and_can_be_stopped)
{
    QUIETLY(start(&alarms[1], MS(2)));
    kevy_timer_start(&alarms[0].timer, reactor, UINT64_MAX, alarm_fire);
    TURN_UNTIL(alarms[1].fired);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
    kevy_timer_stop(&alarms[0].timer);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
}
END_TEST

START_TEST(many_timers_all_fire_once_and_none_early)
{
    enum {
        COUNT = 100000,
    };
    struct alarm *many = calloc(COUNT, sizeof *many);
    uint64_t seed = 3;

    ck_assert_ptr_nonnull(many);
    for (unsigned index = 0; index < COUNT; index++)
        QUIETLY(start(&many[index], random_next(&seed) % MS(200)));
    for (unsigned index = 0; index < COUNT; index += 3)
        kevy_timer_stop(&many[index].timer);
    for (unsigned index = 0; index < COUNT; index += 6)
        QUIETLY(start(&many[index], random_next(&seed) % MS(200)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    for (unsigned index = 0; index < COUNT; index++)
        ck_assert_uint_eq(many[index].fired, index % 3 != 0 || index % 6 == 0);
    free(many);
}
END_TEST

static unsigned million_fired, million_early;

static void million_fire(struct kevy_timer *timer)
{
    million_fired++;
    million_early += timer->node.deadline_ns > clock_ns();
}

/* Without the assertions of the others, each of which is a write to a file. */
START_TEST(a_million_timers_all_fire_and_none_early)
{
    enum {
        MILLION = 1000000,
    };
    struct kevy_timer *timers = calloc(MILLION, sizeof *timers);
    uint64_t seed = 4, left = 0;

    ck_assert_ptr_nonnull(timers);
    for (unsigned index = 0; index < MILLION; index++)
        kevy_timer_start(&timers[index], reactor, random_next(&seed) % MS(300), million_fire);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(million_fired, MILLION);
    ck_assert_uint_eq(million_early, 0);
    for (unsigned index = 0; index < MILLION; index++)
        left += kevy_timer_armed(&timers[index]);
    ck_assert_uint_eq(left, 0);
    free(timers);
}
END_TEST

/* Expiring is bounded a turn; the rest comes in the next ones, without a sleep between. */
START_TEST(a_one_shot_of_a_timer_that_was_periodic_fires_once)
{
    kevy_timer_start_periodic(&alarms[0].timer, reactor, MS(1), alarm_fire);
    TURN_UNTIL(alarms[0].fired >= 2);
    alarms[0].fired = 0;
    QUIETLY(start(&alarms[0], MS(1)));
    TURN_UNTIL(alarms[0].fired);
    ck_assert(!kevy_timer_armed(&alarms[0].timer));
    clock_pass(clock_ns() + MS(5));
    turns(5);
    ck_assert_uint_eq(alarms[0].fired, 1);
}
END_TEST

/* A flood of timers does not put off the deadlines of streams. */
START_TEST(deadlines_pass_while_more_timers_are_due_than_a_turn_fires)
{
    enum {
        COUNT = 20000,
    };
    struct alarm *many = calloc(COUNT, sizeof *many);
    static struct probe probe;

    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_TOTAL, MS(1)));
    for (unsigned index = 0; index < COUNT; index++)
        QUIETLY(start(&many[index], MS(1)));
    clock_pass(clock_ns() + MS(60));
    TURN_UNTIL(probe.timeouts == 1);
    ck_assert_uint_lt(stats_now().timers_fired, COUNT);
    TURN_UNTIL(stats_now().timers_fired >= COUNT);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    free(many);
}
END_TEST

START_TEST(a_burst_of_due_timers_is_spread_over_turns)
{
    enum {
        COUNT = 20000,
    };
    struct alarm *many = calloc(COUNT, sizeof *many);
    struct kevy_reactor_stats stats;
    unsigned count = 0;

    ck_assert_ptr_nonnull(many);
    for (unsigned index = 0; index < COUNT; index++)
        QUIETLY(start(&many[index], MS(1)));
    clock_pass(clock_ns() + MS(60));
    do {
        turn();
        count++;
        stats = stats_now();
        ck_assert_uint_le(stats.timers_fired, count * UINT64_C(4096));
    } while (stats.timers_fired < COUNT);
    /* Five turns of firing, and as many of moving down for each level that the start took. */
    ck_assert_uint_le(count, 16);
    free(many);
}
END_TEST

START_TEST(starting_and_stopping_cost_no_system_call)
{
    struct kevy_reactor_stats before = stats_now();

    for (unsigned index = 0; index < 1000; index++) {
        QUIETLY(start(&alarms[index % 8], KEVY_SECONDS(index + 1)));
        QUIETLY(kevy_timer_stop(&alarms[(index + 3) % 8].timer));
    }
    ck_assert_uint_eq(stats_now().enters, before.enters);
    ck_assert_uint_eq(stats_now().submissions, before.submissions);
    for (unsigned index = 0; index < 8; index++)
        kevy_timer_stop(&alarms[index].timer);
}
END_TEST

START_TEST(a_timer_left_armed_at_destroy_can_be_used_again)
{
    QUIETLY(start(&alarms[0], MS(1)));
    QUIETLY(start(&alarms[1], KEVY_SECONDS(1)));
    clock_pass(clock_ns() + MS(5));
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    reactor = NULL;
    ck_assert_uint_eq(alarms[0].fired, 0);
    reactor_setup();
    QUIETLY(start(&alarms[0], MS(1)));
    kevy_timer_stop(&alarms[1].timer);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(alarms[0].fired, 1);
}
END_TEST

START_TEST(timers_with_slack_come_due_together_and_not_early)
{
    uint64_t slack_ns = MS(20);

    for (unsigned i = 0; i < 8; i++) {
        kevy_timer_start_slack(&alarms[i].timer, reactor, MS(1) + i, slack_ns, alarm_fire);
        alarms[i].due_ns = kevy_reactor_now(reactor) + MS(1) + i;
        ck_assert_uint_ge(alarms[i].timer.node.deadline_ns, alarms[i].due_ns);
        ck_assert_uint_lt(alarms[i].timer.node.deadline_ns, alarms[i].due_ns + slack_ns);
        ck_assert_uint_eq(alarms[i].timer.node.deadline_ns % slack_ns, 0);
    }
    TURN_UNTIL(alarms[7].fired);
    for (unsigned i = 0; i < 8; i++)
        ck_assert_uint_eq(alarms[i].fired, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("timer");
    TCase *timers = tcase_create("timers");

    tcase_add_checked_fixture(timers, reactor_setup, reactor_teardown);
    tcase_set_timeout(timers, 20);
    tcase_add_test(timers, a_one_shot_fires_once_and_not_early);
    tcase_add_test(timers, timers_with_slack_come_due_together_and_not_early);
    tcase_add_test(timers, timers_fire_in_the_order_of_their_deadlines);
    tcase_add_test(timers, a_timer_started_after_an_absence_counts_from_now);
    tcase_add_test(timers, a_timer_started_after_long_work_in_a_callback_is_not_early);
    tcase_add_test(timers, zero_delay_fires_without_waiting_and_not_inside_the_call);
    tcase_add_test(timers, a_timer_that_starts_itself_with_zero_delay_starves_nobody);
    tcase_add_test(timers, starting_an_armed_timer_moves_it);
    tcase_add_test(timers, stopping_is_synchronous_and_idempotent);
    tcase_add_test(timers,
                   a_timer_stopped_from_another_callback_does_not_fire_even_when_already_due);
    tcase_add_test(timers,
                   a_timer_moved_from_another_callback_when_already_due_fires_at_its_new_time);
    tcase_add_test(timers, a_one_shot_may_be_freed_in_its_own_callback);
    tcase_add_test(timers, a_periodic_timer_fires_until_it_is_stopped);
    tcase_add_test(timers, a_periodic_timer_does_not_drift);
    tcase_add_test(timers, firings_that_a_blocked_loop_missed_are_left_out);
    tcase_add_test(timers, a_period_of_one_nanosecond_does_not_stop_the_loop);
    tcase_add_test(timers, an_endless_delay_never_fires_and_can_be_stopped);
    tcase_add_test(timers, many_timers_all_fire_once_and_none_early);
    tcase_add_test(timers, a_million_timers_all_fire_and_none_early);
    tcase_add_test(timers, a_one_shot_of_a_timer_that_was_periodic_fires_once);
    tcase_add_test(timers, deadlines_pass_while_more_timers_are_due_than_a_turn_fires);
    tcase_add_test(timers, a_burst_of_due_timers_is_spread_over_turns);
    tcase_add_test(timers, starting_and_stopping_cost_no_system_call);
    tcase_add_test(timers, a_timer_left_armed_at_destroy_can_be_used_again);
    suite_add_tcase(suite, timers);
    return suite;
}
