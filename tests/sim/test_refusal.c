/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Kernels that refuse, and memory that runs short: the loop asks seldom and loses nothing, and
 * streams are held back before one is ended, the right one.
 */
#include "crowd.h"

#include <errno.h>
#include <kevy/ring_prep.h>
#include <string.h>

/* ---- An enter that is refused -------------------------------------------------------------- */

static uint64_t enters;

static void enter_count(struct kevy_sim *sim, struct kevy_sim_invariant *invariant)
{
    (void)sim;
    (void)invariant;
    enters++;
}

static const struct kevy_stream_events echo_events = {.read = crowd_echo, .close = crowd_closed};

/* A second is as long as 60 of its longest naps. */
static void refused_for_a_second(struct kevy_sim *sim)
{
    static struct kevy_sim_invariant counts = {.check = enter_count};
    static const enum kevy_sim_fault kinds[] = {KEVY_SIM_ENTER_BUSY, KEVY_SIM_ENTER_AGAIN,
                                                KEVY_SIM_ENTER_MEMORY};
    enum kevy_sim_fault fault = kinds[kevy_sim_below(sim, 3)];

    counts = (struct kevy_sim_invariant){.check = enter_count};
    kevy_sim_invariant_add(sim, &counts);
    crowd_open(sim, NULL, &echo_events);
    crowd_join(5);
    kevy_sim_set_odds(sim, fault, 1);
    enters = 0;
    for (unsigned index = 0; index < crowd.count; index++)
        KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&crowd.seats[index].peer, "x", 1) == 1);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, enters <= 300);
    kevy_sim_set_odds(sim, fault, 0);
    for (unsigned index = 0; index < crowd.count; index++) {
        crowd.seats[index].reads = true;
        kevy_sim_peer_wake(&crowd.seats[index].peer);
    }
    crowd_run(KEVY_SECONDS(1));
    for (unsigned index = 0; index < crowd.count; index++)
        KEVY_SIM_CHECK(sim, crowd.seats[index].read == 1);
    crowd_close();
}

START_TEST(a_loop_that_is_refused_asks_more_and_more_seldom)
{
    sim_passes(refused_for_a_second, 10);
}
END_TEST

enum { REQUESTS = 30 };

static struct kevy_completion requests[REQUESTS];
static unsigned ended;

static void request_ended(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    KEVY_SIM_CHECK(crowd.sim, result == -ECANCELED);
    ended++;
}

static void taken_again(struct kevy_task *task, struct kevy_reactor *reactor)
{
    unsigned which = (unsigned)(uintptr_t)kevy_reactor_context(reactor);

    (void)task;
    kevy_sim_set_odds(crowd.sim, KEVY_SIM_ENTER_BUSY, 0);
    KEVY_SIM_CHECK(crowd.sim, kevy_completion_cancel(&requests[which]) == 0);
}

/* More requests than there are slots, and the kernel takes them again when one is cancelled: it
 * ends, so the cancel came behind it. */
static void cancel_behind_its_request(struct kevy_sim *sim)
{
    static struct kevy_timespec hour = {.tv_sec = 3600};
    static struct kevy_task task;
    unsigned which = (unsigned)kevy_sim_below(sim, REQUESTS);
    struct kevy_reactor_options options = {.sq_entries = 8, .context = (void *)(uintptr_t)which};

    ended = 0;
    crowd_open(sim, &options, &echo_events);
    crowd_turns(3);
    kevy_sim_set_odds(sim, KEVY_SIM_ENTER_BUSY, 1);
    for (unsigned index = 0; index < REQUESTS; index++) {
        memset(&requests[index], 0, sizeof requests[index]);
        kevy_completion_init(&requests[index], crowd.reactor, request_ended);
        kevy_prep_timeout(kevy_completion_sqe(&requests[index]), &hour, 0, 0);
    }
    task.run = taken_again;
    kevy_reactor_defer(crowd.reactor, &task);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, ended == 1 && !kevy_completion_active(&requests[which]));
    for (unsigned index = 0; index < REQUESTS; index++)
        KEVY_SIM_CHECK(sim, index == which || kevy_completion_cancel(&requests[index]) == 0);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, ended == REQUESTS);
    crowd_close();
}

START_TEST(a_cancel_does_not_overtake_its_request)
{
    sim_passes(cancel_behind_its_request, 20);
}
END_TEST

/* What a reactor asks at its start comes late, and signals end the waits for it. */
static void questions_interrupted(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {0};
    struct kevy_reactor *reactor = NULL;

    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_set_odds(sim, KEVY_SIM_ISSUE_LATE, 1);
    kevy_sim_set_odds(sim, KEVY_SIM_WAIT_SIGNAL, 2);
    kevy_sim_reactor_options(sim, &options);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &options) == 0);
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(reactor) == 0);
}

START_TEST(a_question_that_the_kernel_has_taken_is_waited_for)
{
    const struct kevy_sim_options options = {
        .test = questions_interrupted, .seed = 1, .seeds = 60, .linux_minor = 18};

    ck_assert_int_eq(kevy_sim_run(&options, NULL), 0);
}
END_TEST

/* ---- Memory -------------------------------------------------------------------------------- */

#define MEMORY (1U << 20)

static uint8_t hoard[300000];

static struct kevy_reactor_stats stats_now(void)
{
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(crowd.reactor, &stats);
    return stats;
}

static void all_flood(void)
{
    for (unsigned index = 0; index < crowd.count; index++) {
        crowd.seats[index].floods = true;
        kevy_sim_peer_wake(&crowd.seats[index].peer);
    }
}

/* The client of each reads a little, and again. */
static void all_sip(unsigned bytes)
{
    uint8_t sip[64];

    for (unsigned index = 0; index < crowd.count; index++)
        (void)kevy_sim_peer_read(&crowd.seats[index].peer, sip, bytes);
}

/* Their marks alone are several times as much as there is. */
static void nobody_reads(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {
        .memory_limit = MEMORY, .buffer_size = 1024, .buffer_count = 64};

    crowd_open(sim, &options, &echo_events);
    crowd_join(60);
    all_flood();
    for (unsigned round = 0; round < 200; round++) {
        crowd_run(KEVY_MILLISECONDS(10));
        if (round > 20)
            all_sip(64);
    }
    for (unsigned index = 0; index < crowd.accepted; index++)
        KEVY_SIM_CHECK(sim, !crowd.seats[index].closed);
    KEVY_SIM_CHECK(sim, stats_now().evictions == 0);
    crowd_close();
}

START_TEST(clients_that_hardly_read_are_held_back_and_none_is_ended)
{
    sim_passes_on(nobody_reads, 3, _i == 1);
}
END_TEST

static void hoard_begin(unsigned index, size_t length)
{
    struct kevy_stream *stream = &crowd.seats[index].stream;

    kevy_stream_set_watermarks(stream, 0, 2 * sizeof hoard);
    KEVY_SIM_CHECK(crowd.sim, kevy_stream_send(stream, hoard, length) == 0);
    crowd_turns(3);
}

static const struct kevy_stream_events hoarding_events = {.close = crowd_closed};

/* One has not moved for a minute. The others hold as much, or began a moment ago. */
static void one_makes_room(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {
        .memory_limit = MEMORY, .buffer_size = 1024, .buffer_count = 64};
    unsigned oldest = (unsigned)kevy_sim_below(sim, 3), next = 3, honest = 39;

    crowd_open(sim, &options, &hoarding_events);
    crowd_join(honest + 1);
    crowd.seats[honest].reads = true;
    hoard_begin(oldest, sizeof hoard);
    crowd_run(KEVY_SECONDS(60));
    for (unsigned index = 0; index < 3; index++)
        if (index != oldest)
            hoard_begin(index, sizeof hoard - 80000);
    while (stats_now().evictions == 0) {
        KEVY_SIM_CHECK(sim, next < honest);
        hoard_begin(next++, 40000);
        KEVY_SIM_CHECK(sim, kevy_stream_send(&crowd.seats[honest].stream, "answer", 6) == 0);
        crowd_turns(3);
    }
    crowd_turns(10);
    for (unsigned index = 0; index < crowd.accepted; index++)
        KEVY_SIM_CHECK(sim, crowd.seats[index].closed == (index == oldest));
    KEVY_SIM_CHECK(sim, crowd.seats[oldest].reason == -ENOMEM);
    crowd.seats[oldest].reads = true;
    kevy_sim_peer_wake(&crowd.seats[oldest].peer);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, crowd.seats[oldest].peer_over && crowd.seats[oldest].peer_end < 0);
    crowd_close();
}

START_TEST(the_one_that_has_not_moved_makes_room_and_its_client_is_reset)
{
    sim_passes_on(one_makes_room, 10, _i == 1);
}
END_TEST

/* Bytes for a stream that is paused find no memory. Its queue is empty, and yet its client must not
 * take the end for one in good order. */
static void paused_without_memory(struct kevy_sim *sim)
{
    struct kevy_reactor_options options = {
        .memory_limit = 1, .buffer_size = 1024, .buffer_count = 1};
    struct seat *seat = &crowd.seats[0];

    crowd_open(sim, &options, &echo_events);
    crowd_join(1);
    kevy_stream_pause(&seat->stream);
    seat->reads = true;
    KEVY_SIM_CHECK(sim, kevy_sim_peer_write(&seat->peer, "x", 1) == 1);
    crowd_run(KEVY_SECONDS(1));
    KEVY_SIM_CHECK(sim, seat->closed && seat->reason == -ENOBUFS);
    KEVY_SIM_CHECK(sim, seat->peer_over && seat->peer_end == -ECONNRESET);
    crowd_close();
}

START_TEST(what_finds_no_memory_ends_with_a_reset)
{
    sim_passes_on(paused_without_memory, 5, _i == 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("refusal");
    TCase *tcase = tcase_create("refusal");

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_loop_that_is_refused_asks_more_and_more_seldom);
    tcase_add_test(tcase, a_cancel_does_not_overtake_its_request);
    tcase_add_test(tcase, a_question_that_the_kernel_has_taken_is_waited_for);
    tcase_add_loop_test(tcase, clients_that_hardly_read_are_held_back_and_none_is_ended, 0, 2);
    tcase_add_loop_test(tcase, the_one_that_has_not_moved_makes_room_and_its_client_is_reset, 0, 2);
    tcase_add_loop_test(tcase, what_finds_no_memory_ends_with_a_reset, 0, 2);
    suite_add_tcase(suite, tcase);
    return suite;
}
