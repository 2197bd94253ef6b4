/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Signals as callbacks: from the loop, each watch once, and the mask as it was afterwards. */

#include "reactor_test.h"

#include <pthread.h>
#include <signal.h>
#include <sys/time.h>

struct watch {
    struct kevy_signal signal;
    unsigned fired;
    void (*then)(struct watch *watch);
    struct watch *other;
};

static struct watch watches[4];

static void watch_fire(struct kevy_signal *signal)
{
    struct watch *watch = KEVY_CONTAINER_OF(signal, struct watch, signal);

    ck_assert_uint_eq(quiet_depth, 0);
    watch->fired++;
    if (watch->then != NULL)
        watch->then(watch);
}

static void start(struct watch *watch, int number)
{
    QUIETLY(ck_assert_int_eq(kevy_signal_watch(&watch->signal, reactor, number, watch_fire), 0));
}

static void stop(struct watch *watch)
{
    QUIETLY(kevy_signal_unwatch(&watch->signal));
}

static bool blocked(int number)
{
    sigset_t mask;

    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, number) == 1;
}

START_TEST(a_signal_comes_as_a_callback_from_the_loop)
{
    start(&watches[0], SIGUSR1);
    ck_assert_int_eq(watches[0].signal.number, SIGUSR1);
    QUIETLY(kill(getpid(), SIGUSR1));
    TURN_UNTIL(watches[0].fired);
    QUIETLY(kill(getpid(), SIGUSR1));
    TURN_UNTIL(watches[0].fired == 2);
    stop(&watches[0]);
}
END_TEST

START_TEST(signals_that_arrive_together_come_once)
{
    start(&watches[0], SIGUSR1);
    for (unsigned count = 0; count < 5; count++)
        kill(getpid(), SIGUSR1);
    TURN_UNTIL(watches[0].fired);
    turns(5);
    ck_assert_uint_eq(watches[0].fired, 1);
    stop(&watches[0]);
}
END_TEST

START_TEST(each_signal_goes_to_its_own_watches_and_to_all_of_them)
{
    start(&watches[0], SIGUSR1);
    start(&watches[1], SIGUSR2);
    start(&watches[2], SIGUSR1);
    kill(getpid(), SIGUSR1);
    TURN_UNTIL(watches[0].fired);
    turns(3);
    ck_assert_uint_eq(watches[0].fired, 1);
    ck_assert_uint_eq(watches[1].fired, 0);
    ck_assert_uint_eq(watches[2].fired, 1);
    kill(getpid(), SIGUSR2);
    TURN_UNTIL(watches[1].fired);
    for (unsigned index = 0; index < 3; index++)
        stop(&watches[index]);
}
END_TEST

START_TEST(signals_do_not_keep_the_loop_running)
{
    start(&watches[0], SIGUSR1);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(stats_now().operations, 0);
    stop(&watches[0]);
}
END_TEST

START_TEST(blocking_lasts_as_long_as_the_last_watch)
{
    ck_assert(!blocked(SIGUSR1));
    start(&watches[0], SIGUSR1);
    start(&watches[1], SIGUSR1);
    ck_assert(blocked(SIGUSR1));
    stop(&watches[0]);
    ck_assert(blocked(SIGUSR1));
    stop(&watches[1]);
    ck_assert(!blocked(SIGUSR1));
}
END_TEST

START_TEST(a_signal_blocked_before_stays_blocked)
{
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &mask, NULL);
    start(&watches[0], SIGUSR2);
    stop(&watches[0]);
    ck_assert(blocked(SIGUSR2));
}
END_TEST

START_TEST(stopping_is_idempotent_and_a_stopped_watch_can_start_again)
{
    stop(&watches[0]);
    start(&watches[0], SIGUSR1);
    stop(&watches[0]);
    stop(&watches[0]);
    start(&watches[0], SIGUSR2);
    kill(getpid(), SIGUSR2);
    TURN_UNTIL(watches[0].fired);
    stop(&watches[0]);
}
END_TEST

START_TEST(what_cannot_be_watched_is_refused)
{
    static const int numbers[] = {0, -1, SIGKILL, SIGSTOP, 65, 1000};

    for (unsigned index = 0; index < sizeof numbers / sizeof numbers[0]; index++)
        ck_assert_int_eq(kevy_signal_watch(&watches[0].signal, reactor, numbers[index], watch_fire),
                         -EINVAL);
}
END_TEST

/* The C library keeps the first real-time signals for itself and refuses to block them. */
START_TEST(the_signals_of_the_c_library_are_refused)
{
    for (int number = 32; number < SIGRTMIN; number++)
        ck_assert_int_eq(kevy_signal_watch(&watches[0].signal, reactor, number, watch_fire),
                         -EINVAL);
}
END_TEST

static void stop_other(struct watch *watch)
{
    kevy_signal_unwatch(&watch->other->signal);
}

START_TEST(a_watch_stopped_from_another_callback_is_not_called)
{
    for (unsigned index = 0; index < 2; index++) {
        watches[index].then = stop_other;
        watches[index].other = &watches[1 - index];
        start(&watches[index], SIGUSR1);
    }
    kill(getpid(), SIGUSR1);
    turns(5);
    ck_assert_uint_eq(watches[0].fired + watches[1].fired, 1);
    stop(&watches[0]);
    stop(&watches[1]);
}
END_TEST

static void stop_those_called(struct watch *watch)
{
    for (unsigned index = 0; index < 4; index++)
        if (&watches[index] != watch && watches[index].fired != 0)
            kevy_signal_unwatch(&watches[index].signal);
}

START_TEST(stopping_a_watch_that_was_called_skips_no_other)
{
    for (unsigned index = 0; index < 4; index++) {
        watches[index].then = stop_those_called;
        start(&watches[index], SIGUSR1);
    }
    kill(getpid(), SIGUSR1);
    turns(5);
    for (unsigned index = 0; index < 4; index++) {
        ck_assert_uint_eq(watches[index].fired, 1);
        stop(&watches[index]);
    }
}
END_TEST

static void start_other(struct watch *watch)
{
    if (watch->other->signal.reactor == NULL)
        ck_assert_int_eq(kevy_signal_watch(&watch->other->signal, reactor, SIGUSR1, watch_fire), 0);
}

START_TEST(a_watch_started_in_a_callback_does_not_call_another_twice)
{
    watches[0].then = start_other;
    watches[0].other = &watches[1];
    start(&watches[2], SIGUSR1);
    start(&watches[0], SIGUSR1);
    kill(getpid(), SIGUSR1);
    turns(5);
    ck_assert_uint_eq(watches[0].fired, 1);
    ck_assert_uint_eq(watches[2].fired, 1);
    ck_assert_uint_le(watches[1].fired, 1);
    for (unsigned index = 0; index < 3; index++)
        stop(&watches[index]);
}
END_TEST

static void free_self(struct watch *watch)
{
    kevy_signal_unwatch(&watch->signal);
    *(unsigned *)(void *)watch->other += 1;
    free(watch);
}

START_TEST(a_watch_may_be_stopped_and_freed_in_its_own_callback)
{
    static unsigned freed; /* clang sees no change of a local in the loop that waits for it */
    struct watch *watch = calloc(1, sizeof *watch);

    ck_assert_ptr_nonnull(watch);
    watch->then = free_self;
    watch->other = (struct watch *)(void *)&freed;
    start(&watches[0], SIGUSR1);
    start(watch, SIGUSR1);
    kill(getpid(), SIGUSR1);
    TURN_UNTIL(freed);
    ck_assert_uint_eq(watches[0].fired, 1);
    stop(&watches[0]);
}
END_TEST

START_TEST(destroy_stops_every_watch_and_restores_the_mask)
{
    start(&watches[0], SIGUSR1);
    start(&watches[1], SIGUSR2);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    reactor = NULL;
    ck_assert(!blocked(SIGUSR1));
    ck_assert(!blocked(SIGUSR2));
    reactor_setup();
    start(&watches[0], SIGUSR1);
    kill(getpid(), SIGUSR1);
    TURN_UNTIL(watches[0].fired);
    stop(&watches[0]);
}
END_TEST

START_TEST(a_signal_wakes_a_sleeping_loop)
{
    struct itimerval soon = {.it_value = {.tv_usec = 10000}};
    struct watch *watch = &watches[0];

    start(watch, SIGALRM);
    setitimer(ITIMER_REAL, &soon, NULL);
    TURN_UNTIL(watch->fired);
    stop(watch);
}
END_TEST

/* Another thread's loop, with a signal of its own; both signals are blocked in both threads. */
static pthread_barrier_t ready;
static unsigned other_fired;

static void other_fire(struct kevy_signal *signal)
{
    other_fired++;
    kevy_reactor_stop(signal->reactor);
}

static void never(struct kevy_timer *timer)
{
    (void)timer;
}

static void *other_main(void *argument)
{
    struct kevy_reactor *own;
    struct kevy_signal watch = {0};
    struct kevy_timer timer = {0};

    (void)argument;
    ck_assert_int_eq(kevy_reactor_create(&own, NULL), 0);
    ck_assert_int_eq(kevy_signal_watch(&watch, own, SIGUSR2, other_fire), 0);
    kevy_timer_start(&timer, own, KEVY_FOREVER, never);
    pthread_barrier_wait(&ready);
    ck_assert_int_eq(kevy_reactor_run(own), 0);
    kevy_timer_stop(&timer);
    ck_assert_uint_eq(kevy_reactor_destroy(own), 0);
    return NULL;
}

START_TEST(several_reactors_each_hear_their_own_signals)
{
    pthread_t thread;
    sigset_t both;

    sigemptyset(&both);
    sigaddset(&both, SIGUSR1);
    sigaddset(&both, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &both, NULL);
    pthread_barrier_init(&ready, NULL, 2);
    start(&watches[0], SIGUSR1);
    ck_assert_int_eq(pthread_create(&thread, NULL, other_main, NULL), 0);
    pthread_barrier_wait(&ready);
    kill(getpid(), SIGUSR1);
    kill(getpid(), SIGUSR2);
    TURN_UNTIL(watches[0].fired);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(watches[0].fired, 1);
    ck_assert_uint_eq(other_fired, 1);
    stop(&watches[0]);
}
END_TEST

START_TEST(a_storm_of_queued_signals_arrives_in_full)
{
    start(&watches[0], SIGRTMIN + 1);
    for (int count = 0; count < 100; count++)
        ck_assert_int_eq(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){.sival_int = count}), 0);
    TURN_UNTIL(watches[0].fired == 100);
    stop(&watches[0]);
}
END_TEST

static void raise_again(struct watch *watch)
{
    raise(watch->signal.number);
}

static void timer_fire(struct kevy_timer *timer)
{
    (void)timer;
}

START_TEST(a_signal_that_raises_itself_starves_nobody)
{
    struct kevy_timer timer = {0};

    start(&watches[0], SIGUSR1);
    watches[0].then = raise_again;
    raise(SIGUSR1);
    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(1), timer_fire);
    TURN_UNTIL(!kevy_timer_armed(&timer));
    watches[0].then = NULL;
    turns(3);
    stop(&watches[0]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("signal");
    TCase *signals = tcase_create("signals");

    tcase_add_checked_fixture(signals, reactor_setup, reactor_teardown);
    tcase_set_timeout(signals, 10);
    tcase_add_test(signals, a_signal_comes_as_a_callback_from_the_loop);
    tcase_add_test(signals, signals_that_arrive_together_come_once);
    tcase_add_test(signals, each_signal_goes_to_its_own_watches_and_to_all_of_them);
    tcase_add_test(signals, signals_do_not_keep_the_loop_running);
    tcase_add_test(signals, blocking_lasts_as_long_as_the_last_watch);
    tcase_add_test(signals, a_signal_blocked_before_stays_blocked);
    tcase_add_test(signals, stopping_is_idempotent_and_a_stopped_watch_can_start_again);
    tcase_add_test(signals, what_cannot_be_watched_is_refused);
    tcase_add_test(signals, the_signals_of_the_c_library_are_refused);
    tcase_add_test(signals, a_watch_stopped_from_another_callback_is_not_called);
    tcase_add_test(signals, stopping_a_watch_that_was_called_skips_no_other);
    tcase_add_test(signals, a_watch_started_in_a_callback_does_not_call_another_twice);
    tcase_add_test(signals, a_watch_may_be_stopped_and_freed_in_its_own_callback);
    tcase_add_test(signals, destroy_stops_every_watch_and_restores_the_mask);
    tcase_add_test(signals, a_signal_wakes_a_sleeping_loop);
    tcase_add_test(signals, several_reactors_each_hear_their_own_signals);
    tcase_add_test(signals, a_storm_of_queued_signals_arrives_in_full);
    tcase_add_test(signals, a_signal_that_raises_itself_starves_nobody);
    suite_add_tcase(suite, signals);
    return suite;
}
