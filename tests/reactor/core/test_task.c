/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Tasks from this thread and from others: exactly once, in order per poster, one wake a sleep. */

#include "reactor_test.h"

#include <pthread.h>
#include <sched.h>
#include <semaphore.h>

#include "core/reactor.h"

enum {
    POSTERS = 4,
    POSTS = 25000,
    SLOTS = 8,
};

struct numbered {
    struct kevy_task task;
    unsigned number;
    unsigned poster;
};

static struct numbered *posted; /* POSTERS * POSTS */
static unsigned next_number[POSTERS];
static unsigned total;
static unsigned order[SLOTS], order_count;
static struct numbered few[SLOTS];
static pthread_t loop_thread;

static void numbered_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    struct numbered *numbered = KEVY_CONTAINER_OF(task, struct numbered, task);

    ck_assert_ptr_eq(owner, reactor);
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    ck_assert_uint_eq(numbered->number, next_number[numbered->poster]);
    next_number[numbered->poster]++;
    total++;
    if (total == POSTERS * POSTS)
        kevy_reactor_stop(owner);
}

static void *poster_main(void *argument)
{
    struct numbered *mine = argument;

    for (unsigned index = 0; index < POSTS; index++)
        kevy_reactor_post(reactor, &mine[index].task);
    return NULL;
}

/* A timer that only keeps the loop running. */
static void never(struct kevy_timer *timer)
{
    (void)timer;
    ck_abort_msg("the timer fired");
}

START_TEST(a_hundred_thousand_posts_from_four_threads_arrive_once_and_in_order)
{
    pthread_t threads[POSTERS];
    struct kevy_timer timer = {0};
    struct kevy_reactor_stats stats;

    loop_thread = pthread_self();
    kevy_timer_start(&timer, reactor, KEVY_FOREVER, never);
    posted = calloc(POSTERS * POSTS, sizeof *posted);
    ck_assert_ptr_nonnull(posted);
    for (unsigned index = 0; index < POSTERS * POSTS; index++)
        posted[index] = (struct numbered){
            .task.run = numbered_run, .number = index % POSTS, .poster = index / POSTS};
    for (unsigned index = 0; index < POSTERS; index++)
        ck_assert_int_eq(pthread_create(&threads[index], NULL, poster_main, posted + index * POSTS),
                         0);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    for (unsigned index = 0; index < POSTERS; index++) {
        pthread_join(threads[index], NULL);
        ck_assert_uint_eq(next_number[index], POSTS);
    }
    stats = stats_now();
    ck_assert_uint_eq(stats.tasks_run, POSTERS * POSTS);
    ck_assert_uint_le(stats.wakes, stats.turns);
    kevy_timer_stop(&timer);
    free(posted);
}
END_TEST

static void order_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)owner;
    ck_assert_uint_eq(quiet_depth, 0);
    order[order_count++] = (unsigned)(KEVY_CONTAINER_OF(task, struct numbered, task) - few);
}

static void few_init(void)
{
    for (unsigned index = 0; index < SLOTS; index++)
        few[index].task.run = order_run;
}

START_TEST(posts_of_the_own_thread_run_next_turn_in_order)
{
    few_init();
    for (unsigned index = 0; index < SLOTS; index++)
        QUIETLY(kevy_reactor_post(reactor, &few[index].task));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    for (unsigned index = 0; index < SLOTS; index++)
        ck_assert_uint_eq(order[index], index);
    ck_assert_uint_eq(stats_now().wakes, 0);
}
END_TEST

START_TEST(deferred_tasks_run_next_turn_in_order)
{
    few_init();
    for (unsigned index = 0; index < SLOTS; index++)
        QUIETLY(kevy_reactor_defer(reactor, &few[index].task));
    turn_now();
    ck_assert_uint_eq(order_count, SLOTS);
    for (unsigned index = 0; index < SLOTS; index++)
        ck_assert_uint_eq(order[index], index);
}
END_TEST

static unsigned repeats;

static void defer_again(struct kevy_task *task, struct kevy_reactor *owner)
{
    if (++repeats < 10)
        kevy_reactor_defer(owner, task);
}

static void post_again(struct kevy_task *task, struct kevy_reactor *owner)
{
    if (++repeats < 10)
        kevy_reactor_post(owner, task);
}

START_TEST(a_task_that_defers_itself_runs_once_a_turn)
{
    few[0].task.run = defer_again;
    QUIETLY(kevy_reactor_defer(reactor, &few[0].task));
    for (unsigned count = 1; count <= 10; count++) {
        turn_now();
        ck_assert_uint_eq(repeats, count);
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(repeats, 10);
}
END_TEST

START_TEST(a_task_that_posts_itself_runs_once_a_turn)
{
    few[0].task.run = post_again;
    QUIETLY(kevy_reactor_post(reactor, &few[0].task));
    for (unsigned count = 1; count <= 10; count++) {
        turn_now();
        ck_assert_uint_eq(repeats, count);
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(repeats, 10);
}
END_TEST

static unsigned late_ran;

static void late_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    late_ran++;
    ck_assert_uint_eq(total, POSTS); /* those that were left over came first */
}

static void defer_two_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    few[1].task.run = few[2].task.run = late_run;
    kevy_reactor_defer(owner, &few[1].task);
    kevy_reactor_defer(owner, &few[2].task);
    (void)task;
}

/* More tasks than a turn runs, the first of which defers two: none of them is lost. */
START_TEST(tasks_that_are_left_over_run_before_those_that_were_deferred_meanwhile)
{
    loop_thread = pthread_self();
    posted = calloc(POSTS, sizeof *posted);
    few[0].task.run = defer_two_run;
    kevy_reactor_post(reactor, &few[0].task);
    for (unsigned index = 0; index < POSTS; index++) {
        posted[index] = (struct numbered){.task = {.run = numbered_run}, .number = index};
        kevy_reactor_post(reactor, &posted[index].task);
    }
    TURN_UNTIL(late_ran == 2);
    ck_assert_uint_eq(total, POSTS);
    free(posted);
}
END_TEST

START_TEST(a_turn_runs_a_bounded_number_of_tasks_and_keeps_their_order)
{
    enum {
        FIRST = 15000,
    };
    unsigned before, turns_taken = 0;

    loop_thread = pthread_self();
    posted = calloc(POSTS, sizeof *posted);
    ck_assert_ptr_nonnull(posted);
    for (unsigned index = 0; index < POSTS; index++)
        posted[index] = (struct numbered){.task = {.run = numbered_run}, .number = index};
    for (unsigned index = 0; index < FIRST; index++)
        kevy_reactor_post(reactor, &posted[index].task);
    for (before = 0; total < POSTS; before = total, turns_taken++) {
        turn_now();
        ck_assert_uint_gt(total, before);
        ck_assert_uint_le(total - before, 4096);
        if (before == 0)
            for (unsigned index = FIRST; index < POSTS; index++)
                kevy_reactor_post(reactor, &posted[index].task);
    }
    ck_assert_uint_ge(turns_taken, POSTS / 4096);
    free(posted);
}
END_TEST

static void free_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)owner;
    repeats++;
    free(task);
}

START_TEST(a_task_may_be_freed_in_its_callback)
{
    for (unsigned count = 0; count < 100; count++) {
        struct kevy_task *task = malloc(sizeof *task);

        ck_assert_ptr_nonnull(task);
        task->run = free_run;
        if (count % 2)
            kevy_reactor_post(reactor, task);
        else
            kevy_reactor_defer(reactor, task);
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(repeats, 100);
}
END_TEST

/* How often the eventfd behind the wake was written since it was last read: each write is a system
 * call, and adds one. */
static uint64_t wake_writes(void)
{
    uint64_t count = 0;

    if (read(reactor->wake.fd, &count, sizeof count) < 0)
        ck_assert_int_eq(errno, EAGAIN);
    return count;
}

static void nothing_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
}

enum {
    BURST = 1000, /* of each poster */
};

static struct kevy_task bursts[POSTERS][BURST];

static void *burst_main(void *argument)
{
    struct kevy_task *burst = argument;

    for (unsigned index = 0; index < BURST; index++)
        kevy_reactor_post(reactor, &burst[index]);
    return NULL;
}

static void bursts_post(void)
{
    pthread_t threads[POSTERS];

    for (unsigned index = 0; index < POSTERS * BURST; index++)
        bursts[index / BURST][index % BURST].run = nothing_run;
    for (unsigned index = 0; index < POSTERS; index++)
        ck_assert_int_eq(pthread_create(&threads[index], NULL, burst_main, bursts[index]), 0);
    for (unsigned index = 0; index < POSTERS; index++)
        pthread_join(threads[index], NULL);
}

START_TEST(footgun_30_a_burst_from_four_threads_to_a_sleeping_loop_is_one_system_call)
{
    reactor->sleeping = 1; /* as before its wait */
    bursts_post();
    ck_assert_uint_eq(wake_writes(), 1);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(stats_now().tasks_run, POSTERS * BURST);
}
END_TEST

START_TEST(footgun_30_a_loop_that_does_not_sleep_is_not_woken)
{
    bursts_post();
    ck_assert_uint_eq(wake_writes(), 0);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(stats_now().wakes, 0);
    ck_assert_uint_eq(stats_now().tasks_run, POSTERS * BURST);
}
END_TEST

/*
 * A loop that sleeps in another thread. The first task of each burst keeps it busy until all of the
 * burst has been posted, so that it cannot wake, run and sleep again between two posts.
 */
static pthread_barrier_t ready;
static sem_t burst_posted, burst_done;
static uint64_t wakes_seen;

static void burst_first(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    while (sem_wait(&burst_posted) < 0)
        ;
}

static void burst_last(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    sem_post(&burst_done);
}

static void stop_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    wakes_seen = stats_now().wakes;
    kevy_reactor_stop(owner);
}

static void *sleeper_main(void *argument)
{
    struct kevy_timer timer = {0};

    (void)argument;
    ck_assert_int_eq(kevy_reactor_create(&reactor, NULL), 0);
    kevy_timer_start(&timer, reactor, KEVY_FOREVER, never);
    pthread_barrier_wait(&ready);
    (void)kevy_reactor_run(reactor);
    kevy_timer_stop(&timer);
    (void)kevy_reactor_destroy(reactor);
    return NULL;
}

START_TEST(footgun_30_a_burst_of_posts_to_a_sleeping_loop_costs_one_wake)
{
    enum {
        ROUNDS = 100,
        PIECES = 50,
    };
    struct kevy_task *burst = bursts[0];
    struct kevy_task stopper = {.run = stop_run};
    pthread_t thread;

    pthread_barrier_init(&ready, NULL, 2);
    sem_init(&burst_posted, 0, 0);
    sem_init(&burst_done, 0, 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, sleeper_main, NULL), 0);
    pthread_barrier_wait(&ready);
    for (unsigned round = 0; round < ROUNDS; round++) {
        while (__atomic_load_n(&reactor->sleeping, __ATOMIC_RELAXED) == 0)
            sched_yield();
        for (unsigned index = 0; index < PIECES; index++) {
            burst[index].run = index == 0 ? burst_first : nothing_run;
            if (index == PIECES - 1)
                burst[index].run = burst_last;
            kevy_reactor_post(reactor, &burst[index]);
        }
        sem_post(&burst_posted);
        sem_wait(&burst_done);
    }
    kevy_reactor_post(reactor, &stopper);
    pthread_join(thread, NULL);
    reactor = NULL;
    ck_assert_uint_ge(wakes_seen, 1);
    ck_assert_uint_le(wakes_seen, ROUNDS + 1); /* and one to stop it */
}
END_TEST

static void *stopper_main(void *argument)
{
    (void)argument;
    kevy_reactor_stop(reactor);
    return NULL;
}

START_TEST(stop_from_another_thread_is_never_missed)
{
    struct kevy_timer timer = {0};

    kevy_timer_start(&timer, reactor, KEVY_FOREVER, never);
    for (unsigned round = 0; round < 300; round++) {
        pthread_t thread;

        ck_assert_int_eq(pthread_create(&thread, NULL, stopper_main, NULL), 0);
        ck_assert_int_eq(kevy_reactor_run(reactor), 0);
        pthread_join(thread, NULL);
    }
    kevy_timer_stop(&timer);
}
END_TEST

/* A tiny completion queue ends the multishot poll behind the wake: it has to be armed again. */
START_TEST(footgun_30_a_wake_survives_a_completion_queue_that_overflows)
{
    struct kevy_timer timer = {0};

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 2, .cq_entries = 2});
    kevy_timer_start(&timer, reactor, KEVY_FOREVER, never);
    for (unsigned round = 0; round < 100; round++) {
        static struct probe probes[4];
        pthread_t thread;

        for (unsigned index = 0; index < 4 && round % 10 == 0; index++) {
            probe_tcp(&probes[index], &probe_events);
            probe_peer_close(&probes[index]);
        }
        ck_assert_int_eq(pthread_create(&thread, NULL, stopper_main, NULL), 0);
        ck_assert_int_eq(kevy_reactor_run(reactor), 0);
        pthread_join(thread, NULL);
        for (unsigned index = 0; index < 4 && round % 10 == 0; index++) {
            QUIETLY(kevy_stream_abort(&probes[index].stream));
            TURN_UNTIL(probes[index].closed);
        }
    }
    kevy_timer_stop(&timer);
}
END_TEST

static void run_once_stops(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    kevy_reactor_stop(owner);
}

START_TEST(run_once_is_not_busy_for_ever_after_a_stop)
{
    few[0].task.run = run_once_stops;
    kevy_reactor_defer(reactor, &few[0].task);
    turn_now();
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("task");
    TCase *tasks = tcase_create("tasks");
    TCase *threads = tcase_create("threads");

    tcase_add_checked_fixture(tasks, reactor_setup, reactor_teardown);
    tcase_set_timeout(tasks, 30);
    tcase_add_test(tasks, a_hundred_thousand_posts_from_four_threads_arrive_once_and_in_order);
    tcase_add_test(tasks, posts_of_the_own_thread_run_next_turn_in_order);
    tcase_add_test(tasks, deferred_tasks_run_next_turn_in_order);
    tcase_add_test(tasks, a_task_that_defers_itself_runs_once_a_turn);
    tcase_add_test(tasks, tasks_that_are_left_over_run_before_those_that_were_deferred_meanwhile);
    tcase_add_test(tasks, a_turn_runs_a_bounded_number_of_tasks_and_keeps_their_order);
    tcase_add_test(tasks, a_task_that_posts_itself_runs_once_a_turn);
    tcase_add_test(tasks, a_task_may_be_freed_in_its_callback);
    tcase_add_test(tasks,
                   footgun_30_a_burst_from_four_threads_to_a_sleeping_loop_is_one_system_call);
    tcase_add_test(tasks, footgun_30_a_loop_that_does_not_sleep_is_not_woken);
    tcase_add_test(tasks, stop_from_another_thread_is_never_missed);
    tcase_add_test(tasks, footgun_30_a_wake_survives_a_completion_queue_that_overflows);
    tcase_add_test(tasks, run_once_is_not_busy_for_ever_after_a_stop);
    tcase_set_timeout(threads, 30);
    tcase_add_test(threads, footgun_30_a_burst_of_posts_to_a_sleeping_loop_costs_one_wake);
    suite_add_tcase(suite, tasks);
    suite_add_tcase(suite, threads);
    return suite;
}
