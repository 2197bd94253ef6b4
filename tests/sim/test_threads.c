/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Groups and workers in a world: threads, one at a time. */
#include "sim_test.h"

#include <errno.h>
#include <string.h>

enum { MEMBERS = 3, CLIENTS = 4, TIMES = 3, ATTEMPTS_MAX = 20 };

static const struct kevy_sim_step talk[] = {KEVY_SIM_SEND("hello"), KEVY_SIM_EXPECT("hello"),
                                            KEVY_SIM_SHUTDOWN, KEVY_SIM_EXPECT_END};

static struct kevy_sim *world;
static struct kevy_group *group;
static struct kevy_reactor_options member_options;
static struct kevy_listener listeners[MEMBERS];
static uint32_t served[MEMBERS];

static struct kevy_stream *member_accept(struct kevy_listener *listener)
{
    served[listener - listeners]++;
    return sim_echo_accept(listener);
}

static int member_setup(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    struct kevy_listener_options options = {
        .port = SIM_PORT, .reuse_port = true, .accept = member_accept};

    (void)context;
    listeners[index] = (struct kevy_listener){0};
    return kevy_listener_open(&listeners[index], reactor, &options);
}

/* A group, as soon as the faults let it be; after some attempts they have to. */
static void group_open(struct kevy_sim *sim, int (*setup)(struct kevy_reactor *, uint32_t, void *))
{
    struct kevy_group_options options = {
        .count = MEMBERS, .reactor = &member_options, .setup = setup};
    struct kevy_sim_left left;
    int attempts = 0, error;

    world = sim;
    kevy_sim_reactor_options(sim, &member_options);
    while ((error = kevy_group_start(&group, &options)) < 0) {
        KEVY_SIM_CHECK(sim, error == -EAGAIN || error == -EMFILE || error == -ENOMEM);
        kevy_sim_left(sim, &left);
        KEVY_SIM_CHECK(sim, left.descriptors == 0 && left.mappings == 0 && left.allocations == 0);
        kevy_sim_set_calm(sim, ++attempts >= ATTEMPTS_MAX);
    }
    kevy_sim_set_calm(sim, false);
}

static void group_serves(struct kevy_sim *sim)
{
    static struct kevy_sim_script clients[CLIENTS];

    group_open(sim, member_setup);
    for (int client = 0; client < CLIENTS; client++)
        kevy_sim_script_start(sim, &clients[client], "client", SIM_PORT, talk, 4, TIMES);
    kevy_sim_wait(sim);
    kevy_group_finish(group, KEVY_SECONDS(60));
    KEVY_SIM_CHECK(sim, kevy_group_join(group) == 0);
    KEVY_SIM_CHECK(sim, served[0] + served[1] + served[2] > 0);
}

START_TEST(a_group_serves_in_a_world)
{
    sim_passes_on(group_serves, 10, _i != 0);
}
END_TEST

/* ---- The end of a group --------------------------------------------------------------------- */

static void stays(struct kevy_stream *stream)
{
    (void)stream;
}

/* A connection that does not end because the reactor finishes. */
static struct kevy_stream *stayer_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {.finish = stays, .close = sim_stream_free};
    struct kevy_stream *stream = calloc(1, sizeof *stream);

    (void)listener;
    return stream != NULL ? kevy_stream_init(stream, &events) : NULL;
}

static int stayer_setup(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    struct kevy_listener_options options = {.port = (uint16_t)(SIM_PORT + index),
                                            .accept = stayer_accept};

    (void)context;
    listeners[index] = (struct kevy_listener){0};
    return kevy_listener_open(&listeners[index], reactor, &options);
}

static void pause_over(struct kevy_sim_event *event)
{
    (void)event;
    kevy_sim_release(world);
}

/* The members run on for a second. */
static void pause_some(struct kevy_sim *sim)
{
    static struct kevy_sim_event event;

    kevy_sim_hold(sim);
    kevy_sim_event_start(sim, &event, KEVY_SECONDS(1), pause_over);
    kevy_sim_wait(sim);
}

static void no_news(struct kevy_sim_peer *peer)
{
    (void)peer;
}

/* `pauses`: in between the members are told of each limit. */
static void limits_shrink(struct kevy_sim *sim, bool pauses)
{
    static struct kevy_sim_peer peers[MEMBERS];
    uint64_t began_ns;

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    group_open(sim, stayer_setup);
    for (int index = 0; index < MEMBERS; index++) {
        peers[index].ready = no_news;
        KEVY_SIM_CHECK(
            sim, kevy_sim_peer_connect(sim, &peers[index], (uint16_t)(SIM_PORT + index)) == 0);
    }
    pause_some(sim);
    kevy_group_finish(group, KEVY_FOREVER);
    if (pauses)
        pause_some(sim);
    kevy_group_finish(group, KEVY_SECONDS(100));
    if (pauses)
        pause_some(sim);
    began_ns = kevy_sim_now(sim);
    kevy_group_finish(group, KEVY_SECONDS(2));
    KEVY_SIM_CHECK(sim, kevy_group_join(group) == 0);
    KEVY_SIM_CHECK(sim, kevy_sim_now(sim) - began_ns >= KEVY_SECONDS(2));
    KEVY_SIM_CHECK(sim, kevy_sim_now(sim) - began_ns < KEVY_SECONDS(3));
    for (int index = 0; index < MEMBERS; index++)
        kevy_sim_peer_close(&peers[index]);
}

static void limits_shrink_later(struct kevy_sim *sim)
{
    limits_shrink(sim, true);
}

static void limits_shrink_at_once(struct kevy_sim *sim)
{
    limits_shrink(sim, false);
}

START_TEST(a_group_that_finishes_takes_a_shorter_limit)
{
    sim_passes_on(limits_shrink_later, 3, _i != 0);
    sim_passes_on(limits_shrink_at_once, 3, _i != 0);
}
END_TEST

/* ---- Posts --------------------------------------------------------------------------------- */

enum { POSTS = 20 };

struct post {
    struct kevy_task task;
    uint32_t from, to, number;
};

static struct post posts[MEMBERS][MEMBERS][POSTS];
static uint32_t arrived[MEMBERS][MEMBERS];
static uint32_t arrived_at[MEMBERS];
static uint32_t arrived_all;
static struct kevy_timer timers[MEMBERS];
static struct kevy_reactor *reactors[MEMBERS];

static void post_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    const struct post *post = KEVY_CONTAINER_OF(task, struct post, task);

    KEVY_SIM_CHECK(world, reactor == reactors[post->to]);
    KEVY_SIM_CHECK(world, post->number == arrived[post->from][post->to]++);
    if (++arrived_at[post->to] == MEMBERS * POSTS)
        kevy_reactor_unref(reactor);
    if (++arrived_all == MEMBERS * MEMBERS * POSTS)
        kevy_group_finish(group, KEVY_FOREVER);
}

static void post_one(struct kevy_timer *timer)
{
    static uint32_t sent[MEMBERS];
    uint32_t from = (uint32_t)(timer - timers);
    uint32_t to = sent[from] % MEMBERS;
    struct post *post = &posts[from][to][sent[from] / MEMBERS];

    *post = (struct post){.task = {.run = post_run}, from, to, sent[from] / MEMBERS};
    KEVY_SIM_CHECK(world, kevy_group_post(group, to, &post->task) == 0);
    if (++sent[from] == MEMBERS * POSTS)
        kevy_timer_stop(timer);
}

static int posts_setup(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    (void)context;
    reactors[index] = reactor;
    kevy_reactor_ref(reactor);
    kevy_timer_start_periodic(&timers[index], reactor, KEVY_MILLISECONDS(1), post_one);
    return 0;
}

static void posts_come_in_order(struct kevy_sim *sim)
{
    group_open(sim, posts_setup);
    KEVY_SIM_CHECK(sim, kevy_group_join(group) == 0);
    KEVY_SIM_CHECK(sim, arrived_all == MEMBERS * MEMBERS * POSTS);
}

START_TEST(posts_between_members_run_once_and_in_order)
{
    sim_passes_on(posts_come_in_order, 8, _i != 0);
}
END_TEST

START_TEST(the_same_seed_chooses_the_same_threads)
{
    const struct kevy_sim_options options = {
        .test = group_serves, .seed = (uint64_t)_i, .soft = _i % 2 != 0};
    struct kevy_sim_report one, other;

    ck_assert_int_eq(kevy_sim_run(&options, &one), 0);
    ck_assert_int_eq(kevy_sim_run(&options, &other), 0);
    ck_assert_uint_eq(one.digest, other.digest);
}
END_TEST

/* ---- Workers ------------------------------------------------------------------------------- */

enum { WORKS = 10 };

struct job {
    struct kevy_work work;
    bool ran;
};

static uint32_t done_count;

static int job_run(struct kevy_work *work)
{
    KEVY_CONTAINER_OF(work, struct job, work)->ran = true;
    return 7;
}

static void job_done(struct kevy_work *work, int result)
{
    KEVY_SIM_CHECK(world, result == 7 && KEVY_CONTAINER_OF(work, struct job, work)->ran);
    done_count++;
}

static void workers_work(struct kevy_sim *sim)
{
    static struct job jobs[WORKS];
    struct kevy_workers_options options = {.threads = 2};
    struct kevy_workers *workers;
    struct sim_server server;

    world = sim;
    sim_server_open(sim, &server, sim_echo_accept);
    kevy_sim_reactor_options(sim, &member_options);
    options.system = member_options.system;
    while (kevy_workers_create(&workers, &options) < 0)
        continue;
    for (int job = 0; job < WORKS; job++) {
        jobs[job].work = (struct kevy_work){.run = job_run, .done = job_done};
        KEVY_SIM_CHECK(sim, kevy_work_submit(&jobs[job].work, workers, server.reactor) == 0);
    }
    while (done_count < WORKS)
        KEVY_SIM_CHECK(sim, kevy_reactor_run_once(server.reactor, KEVY_FOREVER) >= 0);
    kevy_workers_destroy(workers);
    sim_server_close(sim, &server);
}

START_TEST(workers_are_threads_of_the_world)
{
    sim_passes_on(workers_work, 10, _i != 0);
}
END_TEST

/* ---- What fails ---------------------------------------------------------------------------- */

static void nobody_finishes(struct kevy_sim *sim)
{
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    group_open(sim, member_setup);
    (void)kevy_group_join(group);
}

static void nobody_joins(struct kevy_sim *sim)
{
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    group_open(sim, member_setup);
    kevy_group_finish(group, 0);
}

static const struct {
    void (*test)(struct kevy_sim *sim);
    const char *reason;
} failures[] = {{nobody_finishes, "for ever"}, {nobody_joins, "threads are left"}};

START_TEST(a_world_fails_whose_threads_do_not_end)
{
    const struct kevy_sim_options options = {
        .test = failures[_i / 2].test, .soft = _i % 2 != 0, .quick = true};
    struct kevy_sim_report report;

    ck_assert_int_eq(kevy_sim_run(&options, &report), 1);
    ck_assert_ptr_nonnull(strstr(report.reason, failures[_i / 2].reason));
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("sim_threads");
    TCase *tcase = tcase_create("threads");

    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, a_group_serves_in_a_world, 0, 2);
    tcase_add_loop_test(tcase, a_group_that_finishes_takes_a_shorter_limit, 0, 2);
    tcase_add_loop_test(tcase, posts_between_members_run_once_and_in_order, 0, 2);
    tcase_add_loop_test(tcase, the_same_seed_chooses_the_same_threads, 0, 6);
    tcase_add_loop_test(tcase, workers_are_threads_of_the_world, 0, 2);
    tcase_add_loop_test(tcase, a_world_fails_whose_threads_do_not_end, 0, 4);
    return suite;
}
