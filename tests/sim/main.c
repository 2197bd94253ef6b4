/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A simulated kernel and a simulated world around servers built on reactor/.
 *
 *     sim SEED [STEPS]                   replays one seed
 *     sim --seeds FROM COUNT [STEPS]     runs many; the first that fails prints itself
 *     sim --trace ...                    says what happens
 *
 * One process, one thread, and everything that could go one way or the other is drawn from the
 * seed: the same seed goes the same way every time. STEPS are events with faults; then the world
 * becomes quiet, and everything has to come to its end by itself. To look for trouble:
 *
 *     nice -n 10 sim --seeds 1 1000000
 *     nice -n 10 sim --seeds 1 100 5000000
 */
#include <errno.h>
#include <inttypes.h>
#include <kevy/kevy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "allocator.h"
#include "buffers.h"
#include "chance.h"
#include "client.h"
#include "clock.h"
#include "file.h"
#include "kernel.h"
#include "link.h"
#include "request.h"
#include "scenario.h"
#include "socket.h"
#include "system.h"
#include "verdict.h"

#define STEPS_DEFAULT 20000U
/* How long the world may take to come to its end once it is quiet. */
#define QUIET_NS    KEVY_SECONDS(600)
#define QUIET_TURNS 10000000U
#define DRAIN_NS    KEVY_SECONDS(60) /* beyond its own limit: connects end by theirs */
#define LATE_TURNS  100
/* The least that a turn may sleep, in seeds in which it may not for ever: more than it works. */
#define IMPATIENT_NS 1000000U

/* The low bits of the seed choose, so that a new scenario changes no other's seeds. */
static const struct scenario *const scenarios[16] = {
    &scenario_echo, &scenario_mix, &scenario_mix, &scenario_proxy,
    &scenario_echo, &scenario_mix, &scenario_mix, &scenario_proxy,
    &scenario_echo, &scenario_mix, &scenario_mix, &scenario_proxy,
    &scenario_echo, &scenario_mix, &scenario_mix, &scenario_proxy};

static struct kevy_reactor_options options;
static uint64_t turns;

static void options_draw(void)
{
    memset(&options, 0, sizeof options);
    options.sq_entries = 1U << chance_below(10);
    options.cq_entries = options.sq_entries << chance_below(5);
    options.turn_completions = (uint32_t)chance_magnitude(1, 2000);
    options.buffer_count = 1U << chance_below(10);
    options.buffer_size = (uint32_t)chance_magnitude(64, 16384);
    options.memory_limit = chance_one_in(4) ? chance_magnitude(100000, 1000000) : 0;
    options.zero_copy_minimum = (uint32_t)chance_magnitude(1, 40000);
    options.allocator = &sim_allocator;
    options.custom_kernel = &sim_kernel;
    options.system = &sim_system;
    options.restricted = chance_one_in(4);
}

static void nothing_left(const char *when)
{
    EXPECT(files_open() == 0, "%u descriptors are open %s", files_open(), when);
    EXPECT(kernel_mappings() == 0, "%u mappings are left %s", kernel_mappings(), when);
    EXPECT(allocations_left() == 0, "%u allocations are left %s", allocations_left(), when);
    EXPECT(requests_count() == 0, "%u requests are in flight %s", requests_count(), when);
}

/* A reactor, as soon as the faults let it be. */
static struct kevy_reactor *reactor_make(void)
{
    struct kevy_reactor *reactor = NULL;
    int error = kevy_reactor_create(&reactor, &options);

    while (error < 0) {
        EXPECT(error == -ENOMEM || error == -EMFILE || error == -EAGAIN, "create answers %d",
               error);
        nothing_left("after a reactor that was not made");
        error = kevy_reactor_create(&reactor, &options);
    }
    return reactor;
}

static void world_make(uint64_t seed)
{
    turns = 0;
    chance_seed(seed);
    /* Anywhere in the clock's range, so that 32-bit ticks wrap now and then. */
    clock_reset(chance_one_in(2) ? chance_below(UINT64_C(1) << 54) : chance_below(1000000));
    files_reset();
    requests_reset();
    buffers_reset();
    sockets_reset();
    links_reset();
    kernel_reset((uint32_t)chance_between(1, 18));
    options_draw();
}

static uint64_t steps_done(void)
{
    return clock_events() + kernel_posted() + turns;
}

/* One turn, and what holds for each. Returns as kevy_reactor_run_once(). */
static int turn(struct kevy_reactor *reactor, uint64_t timeout_ns)
{
    struct kevy_reactor_stats before, after;
    int result;

    turns++;
    kevy_reactor_stats(reactor, &before);
    result = kevy_reactor_run_once(reactor, timeout_ns);
    kevy_reactor_stats(reactor, &after);
    EXPECT(result >= 0, "a turn answers %d", result);
    EXPECT(after.completions - before.completions <= options.turn_completions,
           "a turn handles %" PRIu64 " completions", after.completions - before.completions);
    EXPECT(kevy_reactor_now(reactor) <= clock_now(), "the reactor's clock is ahead");
    return result;
}

static void faults_phase(struct kevy_reactor *reactor, const struct scenario *scenario,
                         uint64_t steps)
{
    bool patient = chance_one_in(2);

    while (steps_done() < steps) {
        uint64_t limit_ns = KEVY_FOREVER;

        if (!patient)
            limit_ns = chance_one_in(8) ? 0 : chance_magnitude(IMPATIENT_NS, KEVY_SECONDS(10));
        (void)turn(reactor, limit_ns);
        if (scenario->turned != NULL)
            scenario->turned(reactor);
    }
}

static void quiet_phase(struct kevy_reactor *reactor, const struct scenario *scenario)
{
    uint64_t limit_ns = clock_now() + QUIET_NS;

    chance_quiet();
    scenario->quiet(reactor);
    for (uint64_t limit = turns + QUIET_TURNS; !scenario->over();) {
        (void)turn(reactor, KEVY_SECONDS(60));
        if (turns < limit && clock_now() < limit_ns)
            continue;
        scenario->describe();
        requests_describe();
        FAIL("the world is quiet and does not come to its end");
    }
    scenario->stop(reactor);
    while (turn(reactor, KEVY_FOREVER) != 0)
        continue;
}

/* The reactor is drained, at times with faults, and comes to its end by itself. */
static void drain_phase(struct kevy_reactor *reactor, const struct scenario *scenario)
{
    uint64_t timeout_ns = chance_magnitude(0, KEVY_SECONDS(100));
    uint64_t limit_ns = clock_now() + timeout_ns + DRAIN_NS;

    if (chance_one_in(2))
        chance_quiet();
    if (scenario->abandon != NULL)
        scenario->abandon();
    links_limit();
    clients_warn();
    QUIETLY(kevy_reactor_finish(reactor, timeout_ns));
    while (turn(reactor, KEVY_FOREVER) != 0) {
        if (clock_now() < limit_ns)
            continue;
        scenario->describe();
        requests_describe();
        FAIL("a drain does not come to its end");
    }
    chance_quiet();
}

static void end_check(struct kevy_reactor *reactor)
{
    struct kevy_reactor_stats stats;

    /* A cancel is nothing to wait for, and may still be out. */
    for (int count = 0; count < LATE_TURNS; count++) {
        (void)turn(reactor, KEVY_MILLISECONDS(1));
        kevy_reactor_stats(reactor, &stats);
        if (stats.operations == 0)
            break;
    }
    EXPECT(stats.objects == 0, "%u objects are left", stats.objects);
    EXPECT(stats.operations == 0, "%u operations are left", stats.operations);
    EXPECT(stats.buffers_lent == 0, "%" PRIu64 " buffers are left", stats.buffers_lent);
}

/* How a seed ends: by itself, when the world is quiet; by a drain; or in the middle of it all. */
enum ending {
    ENDING_QUIET,
    ENDING_QUIET_TOO,
    ENDING_DRAIN,
    ENDING_DESTROY,
    ENDINGS,
};

static void seed_run(uint64_t seed, uint64_t steps)
{
    const struct scenario *scenario = scenarios[seed % 16];
    struct kevy_reactor *reactor;
    enum ending ending;

    verdict_begin(seed, steps);
    world_make(seed);
    ending = (enum ending)chance_below(ENDINGS);
    reactor = reactor_make();
    scenario->start(reactor);
    faults_phase(reactor, scenario, steps);
    if (ending == ENDING_DESTROY) {
        clients_warn();
        if (scenario->abandon != NULL)
            scenario->abandon();
    } else if (ending == ENDING_DRAIN) {
        drain_phase(reactor, scenario);
        end_check(reactor);
    } else {
        quiet_phase(reactor, scenario);
        end_check(reactor);
    }
    EXPECT(kevy_reactor_destroy(reactor) == 0 || ending == ENDING_DESTROY, "objects were left");
    EXPECT(links_open() == 0, "%u streams have not been closed", links_open());
    clients_stop();
    if (scenario->gone != NULL)
        scenario->gone();
    nothing_left("at the end");
    TRACE("%s, 6.%u: %" PRIu64 " events", scenario->name, kernel_minor(), steps_done());
    verdict_passed();
}

static uint64_t number(const char *text)
{
    return strtoull(text, NULL, 10);
}

static int usage(void)
{
    printf("usage: sim [--trace] SEED [STEPS] | --seeds FROM COUNT [STEPS]\n");
    return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    uint64_t from, count = 1, steps = STEPS_DEFAULT;
    int at = 1;

    if (at < argc && strcmp(argv[at], "--trace") == 0) {
        verdict_trace_set(true);
        at++;
    }
    if (at + 2 < argc && strcmp(argv[at], "--seeds") == 0) {
        from = number(argv[at + 1]);
        count = number(argv[at + 2]);
        at += 3;
    } else if (at < argc) {
        from = number(argv[at++]);
    } else {
        return usage();
    }
    if (at < argc)
        steps = number(argv[at++]);
    if (at != argc)
        return usage();
    for (uint64_t seed = from; seed < from + count; seed++)
        seed_run(seed, steps);
    return verdict_end();
}
