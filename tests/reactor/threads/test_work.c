/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Work on other threads: run once, reported once by the loop it came from, cancelled or waited for.
 */

#include "reactor_test.h"

#include "core/reactor.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>

enum {
    PIECES = 8,
    MANY = 5000,
    THREADS = 4,
};

struct piece {
    struct kevy_work work;
    unsigned runs;
    unsigned reports;
    int result;
    int answer; /* what `run` returns */
    pthread_t worker;
    unsigned run_order;
    void (*then)(struct piece *piece);
};

static struct kevy_workers *workers;
static struct piece pieces[PIECES];
static sem_t begun, gate; /* a gated piece says that it runs, and waits to be let through */
static unsigned runs, reports;
static pthread_barrier_t together;
static pthread_t loop_thread;

static struct piece *piece_of(struct kevy_work *work)
{
    return KEVY_CONTAINER_OF(work, struct piece, work);
}

static int run_plain(struct kevy_work *work)
{
    struct piece *piece = piece_of(work);

    piece->worker = pthread_self();
    piece->runs++;
    piece->run_order = __atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);
    return piece->answer;
}

static int run_gated(struct kevy_work *work)
{
    sem_post(&begun);
    while (sem_wait(&gate) < 0)
        ;
    return run_plain(work);
}

static void done(struct kevy_work *work, int result)
{
    struct piece *piece = piece_of(work);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(pthread_equal(pthread_self(), loop_thread));
    piece->reports++;
    piece->result = result;
    reports++;
    if (piece->then != NULL)
        piece->then(piece);
}

static void setup_pool(uint32_t threads, uint32_t queue)
{
    const struct kevy_workers_options options = {.threads = threads, .queue = queue};

    ck_assert_int_eq(kevy_workers_create(&workers, &options), 0);
}

static void setup(void)
{
    loop_thread = pthread_self();
    sem_init(&begun, 0, 0);
    sem_init(&gate, 0, 0);
    reactor_setup();
    setup_pool(1, 4);
}

static void teardown(void)
{
    kevy_workers_destroy(workers);
    reactor_teardown();
}

static int try_submit(struct piece *piece, kevy_work_run run)
{
    int result;

    piece->work.run = run;
    piece->work.done = done;
    QUIETLY(result = kevy_work_submit(&piece->work, workers, reactor));
    return result;
}

static void submit(struct piece *piece, kevy_work_run run)
{
    ck_assert_int_eq(try_submit(piece, run), 0);
}

/* The one worker runs this until the gate opens. */
static void occupy(struct piece *piece)
{
    submit(piece, run_gated);
    sem_wait(&begun);
}

static void check(const struct piece *piece, unsigned run_count, int result)
{
    ck_assert_uint_eq(piece->reports, 1);
    ck_assert_uint_eq(piece->runs, run_count);
    ck_assert_int_eq(piece->result, result);
}

START_TEST(work_runs_on_a_worker_and_reports_on_the_loop)
{
    pieces[0].answer = 42;
    submit(&pieces[0], run_plain);
    TURN_UNTIL(reports);
    check(&pieces[0], 1, 42);
    ck_assert(!pthread_equal(pieces[0].worker, pthread_self()));
}
END_TEST

START_TEST(work_keeps_the_loop_running_until_it_is_reported)
{
    occupy(&pieces[0]);
    ck_assert_uint_eq(stats_now().objects, 1);
    sem_post(&gate);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    check(&pieces[0], 1, 0);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

START_TEST(one_worker_runs_first_come_first_served)
{
    occupy(&pieces[0]);
    for (unsigned index = 1; index <= 4; index++)
        submit(&pieces[index], run_plain);
    sem_post(&gate);
    TURN_UNTIL(reports == 5);
    for (unsigned index = 0; index <= 4; index++)
        ck_assert_uint_eq(pieces[index].run_order, index);
}
END_TEST

static int run_together(struct kevy_work *work)
{
    pthread_barrier_wait(&together);
    return run_plain(work);
}

START_TEST(as_many_pieces_run_at_once_as_there_are_threads)
{
    kevy_workers_destroy(workers);
    setup_pool(THREADS, 0);
    pthread_barrier_init(&together, NULL, THREADS);
    for (unsigned index = 0; index < THREADS; index++)
        submit(&pieces[index], run_together);
    TURN_UNTIL(reports == THREADS);
    pthread_barrier_destroy(&together);
}
END_TEST

START_TEST(a_full_queue_answers_eagain_and_nothing_comes)
{
    occupy(&pieces[0]);
    for (unsigned index = 1; index <= 4; index++)
        submit(&pieces[index], run_plain);
    ck_assert_int_eq(try_submit(&pieces[5], run_plain), -EAGAIN);
    sem_post(&gate);
    TURN_UNTIL(reports == 5);
    submit(&pieces[5], run_plain);
    TURN_UNTIL(reports == 6);
    check(&pieces[5], 1, 0);
}
END_TEST

START_TEST(queued_work_is_cancelled_and_never_runs)
{
    occupy(&pieces[0]);
    for (unsigned index = 1; index <= 4; index++)
        submit(&pieces[index], run_plain);
    /* In the middle, the first and the last: the queue stays whole. */
    QUIETLY(ck_assert_int_eq(kevy_work_cancel(&pieces[2].work), 0));
    QUIETLY(ck_assert_int_eq(kevy_work_cancel(&pieces[1].work), 0));
    QUIETLY(ck_assert_int_eq(kevy_work_cancel(&pieces[4].work), 0));
    QUIETLY(ck_assert_int_eq(kevy_work_cancel(&pieces[4].work), -EALREADY));
    TURN_UNTIL(reports == 3);
    submit(&pieces[5], run_plain);
    sem_post(&gate);
    TURN_UNTIL(reports == 6);
    check(&pieces[1], 0, -ECANCELED);
    check(&pieces[2], 0, -ECANCELED);
    check(&pieces[3], 1, 0);
    check(&pieces[4], 0, -ECANCELED);
    check(&pieces[5], 1, 0);
}
END_TEST

START_TEST(running_work_is_not_cancelled_and_reports_its_result)
{
    pieces[0].answer = 7;
    occupy(&pieces[0]);
    QUIETLY(ck_assert_int_eq(kevy_work_cancel(&pieces[0].work), -EALREADY));
    sem_post(&gate);
    TURN_UNTIL(reports);
    check(&pieces[0], 1, 7);
    ck_assert_int_eq(kevy_work_cancel(&pieces[0].work), -ENOENT);
}
END_TEST

static void once_more(struct piece *piece)
{
    if (piece->reports < 3)
        submit(piece, run_plain);
}

START_TEST(work_can_be_submitted_again_from_done)
{
    pieces[0].then = once_more;
    submit(&pieces[0], run_plain);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(pieces[0].runs, 3);
}
END_TEST

static void piece_free(struct piece *piece)
{
    free(piece);
}

START_TEST(work_can_be_freed_in_done)
{
    for (unsigned index = 0; index < 4; index++) {
        struct piece *piece = calloc(1, sizeof *piece);

        ck_assert_ptr_nonnull(piece);
        piece->then = piece_free;
        submit(piece, run_plain);
    }
    TURN_UNTIL(reports == 4);
}
END_TEST

static int run_mask(struct kevy_work *work)
{
    sigset_t mask;

    (void)work;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    return sigismember(&mask, SIGTERM) + sigismember(&mask, SIGINT) + sigismember(&mask, SIGCHLD);
}

START_TEST(workers_block_all_signals)
{
    submit(&pieces[0], run_mask);
    TURN_UNTIL(reports);
    ck_assert_int_eq(pieces[0].result, 3);
}
END_TEST

/* Opens the gate once the queue has been emptied: what was in it has been posted. */
static void *gate_open(void *argument)
{
    (void)argument;
    while (__atomic_load_n(&reactor->posted, __ATOMIC_ACQUIRE) == NULL)
        ;
    sem_post(&gate);
    return NULL;
}

START_TEST(destroying_the_pool_cancels_the_queue_and_waits_for_the_rest)
{
    pthread_t thread;

    occupy(&pieces[0]);
    submit(&pieces[1], run_plain);
    ck_assert_int_eq(pthread_create(&thread, NULL, gate_open, NULL), 0);
    QUIETLY(kevy_workers_destroy(workers));
    workers = NULL;
    pthread_join(thread, NULL);
    ck_assert_uint_eq(reports, 0);
    ck_assert_int_eq(kevy_work_cancel(&pieces[0].work), -EALREADY);
    TURN_UNTIL(reports == 2);
    check(&pieces[0], 1, 0);
    check(&pieces[1], 0, -ECANCELED);
}
END_TEST

static void let_others_through(struct piece *piece)
{
    (void)piece;
    sem_post(&gate);
}

START_TEST(destroying_the_reactor_waits_for_running_work_and_cancels_the_rest)
{
    occupy(&pieces[0]);
    pieces[1].then = let_others_through;
    submit(&pieces[1], run_plain);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 2);
    reactor = NULL;
    check(&pieces[0], 1, 0);
    check(&pieces[1], 0, -ECANCELED);
    reactor_setup();
}
END_TEST

static void never(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    ck_abort_msg("a task ran in a reactor that is being destroyed");
}

START_TEST(destroying_the_reactor_forgets_tasks_but_not_work)
{
    struct kevy_task posted = {.run = never}, deferred = {.run = never};

    submit(&pieces[0], run_plain);
    kevy_reactor_post(reactor, &posted);
    kevy_reactor_defer(reactor, &deferred);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    reactor = NULL;
    ck_assert_uint_eq(reports, 1);
    reactor_setup();
}
END_TEST

START_TEST(work_submitted_from_done_in_a_dying_reactor_is_reported_too)
{
    pieces[0].then = once_more;
    submit(&pieces[0], run_plain);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    reactor = NULL;
    ck_assert_uint_eq(pieces[0].reports, 3);
    reactor_setup();
}
END_TEST

START_TEST(a_drain_lets_work_come_to_its_end)
{
    occupy(&pieces[0]);
    submit(&pieces[1], run_plain);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    sem_post(&gate);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    check(&pieces[0], 1, 0);
    check(&pieces[1], 1, 0);
}
END_TEST

START_TEST(the_end_of_a_drain_cancels_what_has_not_begun)
{
    occupy(&pieces[0]);
    submit(&pieces[1], run_plain);
    QUIETLY(kevy_reactor_finish(reactor, 1));
    TURN_UNTIL(reports == 1);
    check(&pieces[1], 0, -ECANCELED);
    sem_post(&gate);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    check(&pieces[0], 1, 0);
}
END_TEST

static void visit(const char *kind, void *object, void *context)
{
    ck_assert_str_eq(kind, "work");
    ck_assert_ptr_eq(object, &pieces[0].work);
    ++*(unsigned *)context;
}

START_TEST(a_walk_finds_work_by_its_name)
{
    unsigned visits = 0;

    occupy(&pieces[0]);
    kevy_reactor_for_each_object(reactor, visit, &visits);
    ck_assert_uint_eq(visits, 1);
    sem_post(&gate);
    TURN_UNTIL(reports);
}
END_TEST

START_TEST(cancels_race_with_workers_and_every_piece_is_reported_once)
{
    struct piece *many = calloc(MANY, sizeof *many);
    unsigned cancelled = 0;

    ck_assert_ptr_nonnull(many);
    kevy_workers_destroy(workers);
    setup_pool(2, MANY);
    for (unsigned index = 0; index < MANY; index++) {
        submit(&many[index], run_plain);
        if (index % 3 == 0)
            cancelled += kevy_work_cancel(&many[index / 2].work) == 0;
        if (index % 64 == 0)
            turn_now();
    }
    TURN_UNTIL(reports == MANY);
    ck_assert_uint_eq(runs, MANY - cancelled);
    for (unsigned index = 0; index < MANY; index++)
        check(&many[index], many[index].result == 0, many[index].result == 0 ? 0 : -ECANCELED);
    free(many);
}
END_TEST

/* One of several loops that share a pool. */
struct loop {
    pthread_t thread;
    pthread_t self;
    unsigned reports;
    unsigned wanted;
    struct shared_piece {
        struct kevy_work work;
        struct loop *loop;
    } pieces[64];
};

static int run_nothing(struct kevy_work *work)
{
    (void)work;
    return 0;
}

static void shared_done(struct kevy_work *work, int result)
{
    struct shared_piece *piece = KEVY_CONTAINER_OF(work, struct shared_piece, work);
    struct loop *loop = piece->loop;

    ck_assert_int_eq(result, 0);
    ck_assert(pthread_equal(pthread_self(), loop->self));
    loop->reports++;
    if (loop->wanted == 0)
        return;
    loop->wanted--;
    ck_assert_int_eq(kevy_work_submit(work, workers, work->object.reactor), 0);
}

static void *loop_main(void *argument)
{
    struct loop *loop = argument;
    struct kevy_reactor *own;

    loop->self = pthread_self();
    ck_assert_int_eq(kevy_reactor_create(&own, NULL), 0);
    loop->wanted = MANY - 64;
    for (unsigned index = 0; index < 64; index++) {
        loop->pieces[index] =
            (struct shared_piece){.work = {.run = run_nothing, .done = shared_done}, .loop = loop};
        ck_assert_int_eq(kevy_work_submit(&loop->pieces[index].work, workers, own), 0);
    }
    ck_assert_int_eq(kevy_reactor_run(own), 0);
    ck_assert_uint_eq(kevy_reactor_destroy(own), 0);
    return NULL;
}

START_TEST(loops_share_a_pool_and_each_hears_of_its_own_work)
{
    static struct loop loops[3];

    kevy_workers_destroy(workers);
    setup_pool(2, 0);
    for (unsigned index = 0; index < 3; index++)
        ck_assert_int_eq(pthread_create(&loops[index].thread, NULL, loop_main, &loops[index]), 0);
    for (unsigned index = 0; index < 3; index++) {
        pthread_join(loops[index].thread, NULL);
        ck_assert_uint_eq(loops[index].reports, MANY);
    }
}
END_TEST

START_TEST(a_pool_without_options_and_no_pool_are_fine)
{
    kevy_workers_destroy(workers);
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    submit(&pieces[0], run_plain);
    TURN_UNTIL(reports);
    kevy_workers_destroy(NULL);
}
END_TEST

START_TEST(zeroed_work_is_idle)
{
    ck_assert_int_eq(kevy_work_cancel(&pieces[0].work), -ENOENT);
}
END_TEST

static int run_destroying(struct kevy_work *work)
{
    (void)work;
    kevy_workers_destroy(workers);
    return 0;
}

START_TEST(a_worker_that_destroys_its_own_pool_is_an_assertion)
{
    setup_pool(1, 1);
    pieces[0].work.run = run_destroying;
    pieces[0].work.done = done;
    ck_assert_int_eq(kevy_work_submit(&pieces[0].work, workers, reactor), 0);
    for (;;)
        pause();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("work");
    TCase *work = tcase_create("work");

    tcase_add_checked_fixture(work, setup, teardown);
    tcase_set_timeout(work, 30);
    tcase_add_test(work, work_runs_on_a_worker_and_reports_on_the_loop);
    tcase_add_test(work, work_keeps_the_loop_running_until_it_is_reported);
    tcase_add_test(work, one_worker_runs_first_come_first_served);
    tcase_add_test(work, as_many_pieces_run_at_once_as_there_are_threads);
    tcase_add_test(work, a_full_queue_answers_eagain_and_nothing_comes);
    tcase_add_test(work, queued_work_is_cancelled_and_never_runs);
    tcase_add_test(work, running_work_is_not_cancelled_and_reports_its_result);
    tcase_add_test(work, work_can_be_submitted_again_from_done);
    tcase_add_test(work, work_can_be_freed_in_done);
    tcase_add_test(work, workers_block_all_signals);
    tcase_add_test(work, destroying_the_pool_cancels_the_queue_and_waits_for_the_rest);
    tcase_add_test(work, destroying_the_reactor_waits_for_running_work_and_cancels_the_rest);
    tcase_add_test(work, destroying_the_reactor_forgets_tasks_but_not_work);
    tcase_add_test(work, work_submitted_from_done_in_a_dying_reactor_is_reported_too);
    tcase_add_test(work, a_drain_lets_work_come_to_its_end);
    tcase_add_test(work, the_end_of_a_drain_cancels_what_has_not_begun);
    tcase_add_test(work, a_walk_finds_work_by_its_name);
    tcase_add_test(work, cancels_race_with_workers_and_every_piece_is_reported_once);
    tcase_add_test(work, loops_share_a_pool_and_each_hears_of_its_own_work);
    tcase_add_test(work, a_pool_without_options_and_no_pool_are_fine);
    tcase_add_test(work, zeroed_work_is_idle);
    support_add_abort(work, a_worker_that_destroys_its_own_pool_is_an_assertion, 0, 1);
    suite_add_tcase(suite, work);
    return suite;
}
