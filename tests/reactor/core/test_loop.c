/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The loop: what keeps it running, what ends it, what it counts, and what it calls when. */

#include "reactor_test.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>

static struct probe probes[16];
static struct kevy_task tasks[4];
static unsigned ran;
static struct kevy_timer timer;

static void task_count(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    ck_assert_ptr_eq(owner, reactor);
    ck_assert_uint_eq(quiet_depth, 0);
    ran++;
}

static void timer_count(struct kevy_timer *fired)
{
    (void)fired;
    ran++;
}

static void task_stop(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    ran++;
    kevy_reactor_stop(owner);
}

static void defer(struct kevy_task *task, kevy_task_run run)
{
    task->run = run;
    QUIETLY(kevy_reactor_defer(reactor, task));
}

START_TEST(run_ends_when_nothing_is_left)
{
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
}
END_TEST

START_TEST(run_goes_on_for_a_timer_a_task_and_a_stream_in_turn)
{
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(1), timer_count);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(ran, 1);
    defer(&tasks[0], task_count);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(ran, 2);
    probe_tcp(&probes[0], &probe_events_close_only);
    probe_peer_close(&probes[0]);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert(probes[0].closed);
}
END_TEST

START_TEST(run_once_tells_whether_something_is_left)
{
    probe_tcp(&probes[0], &probe_events);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
    QUIETLY(kevy_stream_abort(&probes[0].stream));
    for (unsigned count = 0; kevy_reactor_run_once(reactor, 0) == 1; count++)
        ck_assert_uint_lt(count, 50);
    ck_assert(probes[0].closed);
    probe_peer_close(&probes[0]);
}
END_TEST

START_TEST(run_once_waits_no_longer_than_it_was_told)
{
    uint64_t before_ns = clock_ns();

    probe_tcp(&probes[0], &probe_events);
    turns(3);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, KEVY_MILLISECONDS(3)), 1);
    ck_assert_uint_ge(clock_ns() - before_ns, KEVY_MILLISECONDS(3));
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
    QUIETLY(kevy_stream_abort(&probes[0].stream));
    probe_finish(&probes[0]);
}
END_TEST

/* Single turns, none of which sleeps until its time is over, up to what they are to tell. */
static void turns_tell(const char *log)
{
    while (strcmp(probes[0].log, log) != 0)
        ck_assert(turn());
}

/* What comes from the flush, before the wait, may be all that comes. */
START_TEST(a_turn_of_run_once_that_has_told_something_does_not_sleep)
{
    probe_tcp(&probes[0], &probe_events);
    turns_tell("o");
    kevy_stream_pause(&probes[0].stream);
    peer_write_text(probes[0].peer, "kept");
    turns(4);
    QUIETLY(kevy_stream_resume(&probes[0].stream));
    turns_tell("or");
    kevy_stream_pause(&probes[0].stream);
    ck_assert_int_eq(shutdown(probes[0].peer, SHUT_WR), 0);
    turns(4);
    QUIETLY(kevy_stream_resume(&probes[0].stream));
    turns_tell("ore");
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    turns_tell("oref");
    QUIETLY(kevy_stream_abort(&probes[0].stream));
    probe_finish(&probes[0]);
}
END_TEST

START_TEST(stop_from_a_callback_ends_run_after_that_turn)
{
    kevy_timer_start(&timer, reactor, KEVY_SECONDS(3600), timer_count);
    defer(&tasks[0], task_stop);
    defer(&tasks[1], task_count);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(ran, 2);
    ck_assert(kevy_timer_armed(&timer));
    kevy_timer_stop(&timer);
}
END_TEST

START_TEST(stop_before_run_is_sticky_and_counts_once)
{
    struct kevy_reactor_stats before;

    kevy_timer_start(&timer, reactor, KEVY_SECONDS(3600), timer_count);
    QUIETLY(kevy_reactor_stop(reactor));
    QUIETLY(kevy_reactor_stop(reactor));
    before = stats_now();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(stats_now().turns, before.turns + 1);
    /* Used up: the next run goes on until the task stops it. */
    defer(&tasks[0], task_stop);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(ran, 1);
    kevy_timer_stop(&timer);
}
END_TEST

static void signal_stops(int number)
{
    (void)number;
    kevy_reactor_stop(reactor);
}

START_TEST(stop_from_a_signal_handler_wakes_a_sleeping_loop)
{
    struct sigaction action = {.sa_handler = signal_stops};
    struct itimerval soon = {.it_value = {.tv_usec = 20000}};

    kevy_timer_start(&timer, reactor, KEVY_SECONDS(3600), timer_count);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &soon, NULL);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(ran, 0);
    kevy_timer_stop(&timer);
}
END_TEST

static unsigned interruptions;

static void signal_counts(int number)
{
    (void)number;
    interruptions++;
}

START_TEST(eintr_does_not_end_the_loop)
{
    struct sigaction action = {.sa_handler = signal_counts};
    struct itimerval often = {.it_interval = {.tv_usec = 1000}, .it_value = {.tv_usec = 1000}};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(30), timer_count);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    memset(&often, 0, sizeof often);
    setitimer(ITIMER_REAL, &often, NULL);
    ck_assert_uint_eq(ran, 1);
    ck_assert_uint_gt(interruptions, 0);
}
END_TEST

START_TEST(now_is_the_monotonic_clock_and_never_goes_back)
{
    uint64_t last_ns = 0;

    for (unsigned count = 0; count < 50; count++) {
        uint64_t before_ns = clock_ns();

        turn_now();
        ck_assert_uint_ge(kevy_reactor_now(reactor), before_ns);
        ck_assert_uint_le(kevy_reactor_now(reactor), clock_ns());
        ck_assert_uint_ge(kevy_reactor_now(reactor), last_ns);
        last_ns = kevy_reactor_now(reactor);
    }
}
END_TEST

struct walk {
    unsigned streams, listeners;
    bool close;
};

static void walk_visit(const char *kind, void *object, void *context)
{
    struct walk *walk = context;

    if (strcmp(kind, "stream") == 0) {
        walk->streams++;
        if (walk->close)
            kevy_stream_abort(object);
    } else {
        ck_assert_str_eq(kind, "listener");
        walk->listeners++;
        if (walk->close)
            kevy_listener_close(object);
    }
}

static struct kevy_stream *accept_none(struct kevy_listener *listener)
{
    (void)listener;
    return NULL;
}

START_TEST(each_names_every_live_object_and_may_close_it)
{
    struct kevy_listener listener = {0};
    struct walk walk = {.close = false};

    ck_assert_int_eq(kevy_listener_open(&listener, reactor,
                                        &(struct kevy_listener_options){.address = "127.0.0.1",
                                                                        .accept = accept_none}),
                     0);
    for (unsigned index = 0; index < 5; index++)
        probe_tcp(&probes[index], &probe_events);
    QUIETLY(kevy_reactor_for_each_object(reactor, walk_visit, &walk));
    ck_assert_uint_eq(walk.streams, 5);
    ck_assert_uint_eq(walk.listeners, 1);
    ck_assert_uint_eq(stats_now().objects, 6);
    walk = (struct walk){.close = true};
    QUIETLY(kevy_reactor_for_each_object(reactor, walk_visit, &walk));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    for (unsigned index = 0; index < 5; index++)
        probe_finish(&probes[index]);
    walk = (struct walk){.close = false};
    kevy_reactor_for_each_object(reactor, walk_visit, &walk);
    ck_assert_uint_eq(walk.streams + walk.listeners, 0);
}
END_TEST

START_TEST(destroy_counts_what_was_left_and_brings_every_last_callback)
{
    struct kevy_listener listener = {0};

    ck_assert_int_eq(kevy_listener_open(&listener, reactor,
                                        &(struct kevy_listener_options){.address = "127.0.0.1",
                                                                        .accept = accept_none}),
                     0);
    for (unsigned index = 0; index < 7; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(2);
    QUIETLY(kevy_stream_close(&probes[6].stream));
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 8);
    reactor = NULL;
    for (unsigned index = 0; index < 7; index++) {
        ck_assert(probes[index].closed);
        if (index < 6)
            ck_assert_int_eq(probes[index].reason, -ECANCELED);
        probe_peer_close(&probes[index]);
    }
    reactor_setup();
}
END_TEST

START_TEST(destroy_of_a_reactor_that_never_turned)
{
    probe_tcp(&probes[0], &probe_events);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert_str_eq(probes[0].log, "c");
    probe_peer_close(&probes[0]);
    reactor = NULL;
    reactor_setup();
}
END_TEST

START_TEST(destroy_forgets_tasks_without_a_callback)
{
    probe_tcp(&probes[0], &probe_events);
    turn_now();
    defer(&tasks[0], task_count);
    tasks[1].run = task_count;
    QUIETLY(kevy_reactor_post(reactor, &tasks[1]));
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert_uint_eq(ran, 0);
    probe_peer_close(&probes[0]);
    reactor = NULL;
    reactor_setup();
}
END_TEST

static void restart_once(struct probe *probe, int reason)
{
    ck_assert_int_eq(reason, -ECANCELED);
    if (probe->tag++ == 0) {
        int pair[2];

        tcp_pair(&pair[0], &pair[1]);
        close(pair[1]);
        probe->closed = false;
        probe_stream_init(probe, &probe_events);
        ck_assert_int_eq(kevy_stream_adopt(&probe->stream, reactor, pair[0]), 0);
    }
}

START_TEST(what_a_last_callback_starts_during_destroy_ends_as_well)
{
    probe_tcp(&probes[0], &probe_events);
    probes[0].on_close = restart_once;
    turn_now();
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert_int_eq(probes[0].tag, 2);
    probe_peer_close(&probes[0]);
    reactor = NULL;
    reactor_setup();
}
END_TEST

START_TEST(sizes_out_of_range_are_refused_and_leave_nothing)
{
    static const struct kevy_reactor_options wrong[] = {
        {.buffer_count = 3},
        {.buffer_count = 65536},
        {.buffer_count = 1U << 31},
        {.buffer_size = (1U << 30) + 1, .buffer_count = 1},
    };
    struct kevy_reactor *other = NULL;
    int descriptors = support_fd_count();

    for (unsigned index = 0; index < sizeof wrong / sizeof wrong[0]; index++) {
        ck_assert_int_eq(kevy_reactor_create(&other, &wrong[index]), -EINVAL);
        ck_assert_ptr_null(other);
        ck_assert_int_eq(support_fd_count(), descriptors);
    }
}
END_TEST

START_TEST(create_without_descriptors_fails_cleanly_at_each_one)
{
    struct rlimit before, limit;
    int descriptors = support_fd_count();
    struct kevy_reactor *other = NULL;
    unsigned failures = 0;
    int error;

    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = 0;
    do {
        setrlimit(RLIMIT_NOFILE, &limit);
        error = kevy_reactor_create(&other, NULL);
        setrlimit(RLIMIT_NOFILE, &before);
        limit.rlim_cur++;
        if (error == 0)
            ck_assert_uint_eq(kevy_reactor_destroy(other), 0);
        else
            ck_assert_int_eq(error, -EMFILE);
        failures += error != 0;
        ck_assert_int_eq(support_fd_count(), descriptors);
    } while (error < 0 && limit.rlim_cur < 100);
    ck_assert_int_eq(error, 0);
    ck_assert_uint_ge(failures, 2);
}
END_TEST

START_TEST(a_busy_turn_is_bounded_and_the_rest_follows_without_a_sleep)
{
    struct kevy_reactor_stats before;

    reactor_setup_with(&(struct kevy_reactor_options){.turn_completions = 3});
    for (unsigned index = 0; index < 10; index++) {
        probe_tcp(&probes[index], &probe_events);
        peer_write_text(probes[index].peer, "x");
    }
    for (unsigned count = 0; count < 100; count++) {
        before = stats_now();
        turn_now();
        ck_assert_uint_le(stats_now().completions, before.completions + 3);
    }
    for (unsigned index = 0; index < 10; index++) {
        ck_assert_uint_eq(probes[index].count, 1);
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    }
    for (unsigned index = 0; index < 10; index++)
        probe_finish(&probes[index]);
}
END_TEST

static void timer_shows_turn(struct kevy_timer *fired)
{
    (void)fired;
    ran = (unsigned)stats_now().turns;
}

static void wants_more(struct probe *probe, struct kevy_buffer *buffer)
{
    (void)buffer;
    peer_write_text(probe->peer, "x");
}

/* What had happened when a timer is found due comes first, and nothing that happens later. */
START_TEST(a_timer_waits_for_what_had_happened_and_not_for_what_comes_meanwhile)
{
    uint64_t turns_before;

    reactor_setup_with(&(struct kevy_reactor_options){.turn_completions = 1});
    for (unsigned index = 0; index < 12; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_read = wants_more;
        peer_write_text(probes[index].peer, "x");
    }
    kevy_timer_start(&timer, reactor, 1, timer_shows_turn);
    clock_pass(clock_ns() + KEVY_MILLISECONDS(4));
    turns_before = stats_now().turns;
    TURN_UNTIL(ran != 0);
    ck_assert_uint_le(ran, turns_before + 3 * 12);
    for (unsigned index = 0; index < 12; index++)
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < 12; index++)
        probe_finish(&probes[index]);
}
END_TEST

START_TEST(an_idle_loop_sleeps)
{
    struct kevy_reactor_stats before;

    probe_tcp(&probes[0], &probe_events);
    turns(5);
    before = stats_now();
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(30), timer_count);
    TURN_UNTIL(ran);
    ck_assert_uint_le(stats_now().turns - before.turns, 4);
    QUIETLY(kevy_stream_abort(&probes[0].stream));
    probe_finish(&probes[0]);
}
END_TEST

/* The end of a connection is one completion, whatever else its flags say (F_SOCK_NONEMPTY). */
START_TEST(footgun_48_the_end_of_a_stream_costs_one_completion)
{
    struct kevy_reactor_stats before;

    probe_tcp(&probes[0], &probe_events);
    turns(3);
    before = stats_now();
    ck_assert_int_eq(shutdown(probes[0].peer, SHUT_WR), 0);
    TURN_UNTIL(probes[0].log_end[-1] == 'e');
    turns(20);
    ck_assert_uint_eq(stats_now().completions, before.completions + 1);
    QUIETLY(kevy_stream_abort(&probes[0].stream));
    probe_finish(&probes[0]);
}
END_TEST

static void call_run(void)
{
    (void)kevy_reactor_run(reactor);
}

static void call_run_once(void)
{
    (void)kevy_reactor_run_once(reactor, 0);
}

static void call_next_timeout(void)
{
    (void)kevy_reactor_next_timeout(reactor);
}

static void call_destroy(void)
{
    (void)kevy_reactor_destroy(reactor);
}

enum {
    TURNING = 4,
};

static void (*const turning[TURNING])(void) = {call_run, call_run_once, call_next_timeout,
                                               call_destroy};
static void (*called_back)(void);

static void call_in_a_task(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    called_back();
}

static void call_in_a_hook(struct kevy_reactor *owner, void *context)
{
    (void)owner;
    (void)context;
    called_back();
}

START_TEST(what_turns_the_loop_is_an_assertion_in_a_callback)
{
    called_back = turning[_i];
    kevy_timer_start(&timer, reactor, KEVY_SECONDS(3600), timer_count);
    defer(&tasks[0], call_in_a_task);
    turn_now();
}
END_TEST

START_TEST(what_turns_the_loop_is_an_assertion_with_nothing_left)
{
    called_back = turning[_i];
    defer(&tasks[0], call_in_a_task);
    (void)kevy_reactor_run(reactor);
}
END_TEST

START_TEST(what_turns_the_loop_is_an_assertion_in_a_hook)
{
    called_back = turning[_i];
    reactor_setup_with(&(struct kevy_reactor_options){.before_wait = call_in_a_hook});
    turn_now();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("loop");
    TCase *loop = tcase_create("loop");

    tcase_add_checked_fixture(loop, reactor_setup, reactor_teardown);
    tcase_set_timeout(loop, 10);
    tcase_add_test(loop, run_ends_when_nothing_is_left);
    tcase_add_test(loop, run_goes_on_for_a_timer_a_task_and_a_stream_in_turn);
    tcase_add_test(loop, run_once_tells_whether_something_is_left);
    tcase_add_test(loop, run_once_waits_no_longer_than_it_was_told);
    tcase_add_test(loop, a_turn_of_run_once_that_has_told_something_does_not_sleep);
    tcase_add_test(loop, stop_from_a_callback_ends_run_after_that_turn);
    tcase_add_test(loop, stop_before_run_is_sticky_and_counts_once);
    tcase_add_test(loop, stop_from_a_signal_handler_wakes_a_sleeping_loop);
    tcase_add_test(loop, eintr_does_not_end_the_loop);
    tcase_add_test(loop, now_is_the_monotonic_clock_and_never_goes_back);
    tcase_add_test(loop, each_names_every_live_object_and_may_close_it);
    tcase_add_test(loop, destroy_counts_what_was_left_and_brings_every_last_callback);
    tcase_add_test(loop, destroy_of_a_reactor_that_never_turned);
    tcase_add_test(loop, destroy_forgets_tasks_without_a_callback);
    tcase_add_test(loop, what_a_last_callback_starts_during_destroy_ends_as_well);
    tcase_add_test(loop, sizes_out_of_range_are_refused_and_leave_nothing);
    tcase_add_test(loop, create_without_descriptors_fails_cleanly_at_each_one);
    tcase_add_test(loop, a_busy_turn_is_bounded_and_the_rest_follows_without_a_sleep);
    tcase_add_test(loop, a_timer_waits_for_what_had_happened_and_not_for_what_comes_meanwhile);
    tcase_add_test(loop, an_idle_loop_sleeps);
    tcase_add_test(loop, footgun_48_the_end_of_a_stream_costs_one_completion);
    support_add_abort(loop, what_turns_the_loop_is_an_assertion_in_a_callback, 0, TURNING);
    support_add_abort(loop, what_turns_the_loop_is_an_assertion_with_nothing_left, 0, TURNING);
    support_add_abort(loop, what_turns_the_loop_is_an_assertion_in_a_hook, 0, TURNING);
    suite_add_tcase(suite, loop);
    return suite;
}
