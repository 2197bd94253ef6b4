/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Servers built on reactor/ in worlds of kevy-sim, which check all that the library promises.
 *
 *     sim SEED [EVENTS]                  replays one seed
 *     sim --seeds FROM COUNT [EVENTS]    runs many; the first that fails prints itself
 *     sim --trace ...                    says what happens
 *
 * To look for trouble:
 *
 *     nice -n 10 sim --seeds 1 1000000
 *     nice -n 10 sim --seeds 1 100 5000000
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client.h"
#include "link.h"
#include "scenario.h"
#include "visits.h"
#include "world.h"

#define DRAIN_NS   KEVY_SECONDS(60) /* beyond its own limit: connects end by theirs */
#define LATE_TURNS 100
/* The least that a turn may sleep, in seeds in which it may not for ever: more than it works. */
#define IMPATIENT_NS 1000000U
/* Worlds that end in the middle of it all do so before this event, with faults. */
#define ABANDONED_EVENTS_MAX 15000U

/* The low bits of the seed choose, so that a new scenario changes no other's seeds. */
static const struct scenario *const scenarios[16] = {
    &scenario_echo,      &scenario_mix, &scenario_mix,       &scenario_proxy,
    &scenario_files,     &scenario_mix, &scenario_mix,       &scenario_proxy,
    &scenario_outside,   &scenario_mix, &scenario_datagrams, &scenario_proxy,
    &scenario_datagrams, &scenario_mix, &scenario_group,     &scenario_proxy};

struct kevy_sim *world;
static struct kevy_reactor_options options;

static void options_draw(void)
{
    options = (struct kevy_reactor_options){0};
    options.sq_entries = 1U << kevy_sim_below(world, 10);
    options.cq_entries = options.sq_entries << kevy_sim_below(world, 5);
    options.turn_completions = (uint32_t)kevy_sim_magnitude(world, 1, 2000);
    options.buffer_count = 1U << kevy_sim_below(world, 10);
    options.buffer_size = (uint32_t)kevy_sim_magnitude(world, 64, 16384);
    options.memory_limit =
        kevy_sim_one_in(world, 4) ? kevy_sim_magnitude(world, 100000, 1000000) : 0;
    options.zero_copy_minimum = (uint32_t)kevy_sim_magnitude(world, 1, 40000);
    options.restricted = kevy_sim_one_in(world, 4);
    options.trace = visits_trace;
    kevy_sim_reactor_options(world, &options);
    visits_kernel(options.custom_kernel);
}

void descriptors_limit(uint32_t more)
{
    struct kevy_sim_left left;

    kevy_sim_left(world, &left);
    kevy_sim_limit_descriptors(world, left.descriptors + more);
}

static void nothing_left(void)
{
    struct kevy_sim_left left;

    kevy_sim_left(world, &left);
    EXPECT(left.descriptors == 0 && left.mappings == 0 && left.allocations == 0 &&
               left.requests == 0,
           "something is left after a reactor that was not made");
}

/* A reactor, as soon as the faults let it be. */
static struct kevy_reactor *reactor_make(void)
{
    struct kevy_reactor *reactor = NULL;
    int error = kevy_reactor_create(&reactor, &options);

    while (error < 0) {
        EXPECT(error == -ENOMEM || error == -EMFILE || error == -EAGAIN, "create answers %d",
               error);
        nothing_left();
        error = kevy_reactor_create(&reactor, &options);
    }
    return reactor;
}

/* One turn, and what holds for each. Returns as kevy_reactor_run_once(). */
static int turn(struct kevy_reactor *reactor, uint64_t timeout_ns)
{
    struct kevy_reactor_stats before, after;
    int result;

    kevy_reactor_stats(reactor, &before);
    result = kevy_reactor_run_once(reactor, timeout_ns);
    kevy_reactor_stats(reactor, &after);
    EXPECT(result >= 0, "a turn answers %d", result);
    EXPECT(after.completions - before.completions <= options.turn_completions,
           "a turn handles %" PRIu64 " completions", after.completions - before.completions);
    links_check();
    EXPECT(kevy_reactor_now(reactor) <= kevy_sim_now(world), "the reactor's clock is ahead");
    return result;
}

/* Until the world is quiet, or has had `events`. */
static void faults_phase(struct kevy_reactor *reactor, const struct scenario *scenario,
                         uint64_t events)
{
    bool patient = kevy_sim_one_in(world, 2);

    while (!kevy_sim_quiet(world) && kevy_sim_events(world) < events) {
        uint64_t limit_ns = KEVY_FOREVER;

        if (!patient)
            limit_ns = kevy_sim_one_in(world, 8)
                           ? 0
                           : kevy_sim_magnitude(world, IMPATIENT_NS, KEVY_SECONDS(10));
        (void)turn(reactor, limit_ns);
        if (scenario->turned != NULL)
            scenario->turned(reactor);
    }
}

static void quiet_phase(struct kevy_reactor *reactor, const struct scenario *scenario)
{
    scenario->quiet(reactor);
    while (!scenario->over())
        (void)turn(reactor, KEVY_SECONDS(60));
    scenario->stop(reactor);
    while (turn(reactor, KEVY_FOREVER) != 0)
        continue;
}

/* The reactor finishes, and comes to its end by itself. */
static void finish_phase(struct kevy_reactor *reactor, const struct scenario *scenario)
{
    uint64_t timeout_ns = kevy_sim_magnitude(world, 0, KEVY_SECONDS(100));
    uint64_t limit_ns = kevy_sim_now(world) + timeout_ns + DRAIN_NS;

    if (scenario->abandon != NULL)
        scenario->abandon();
    links_limit();
    clients_warn();
    QUIETLY(kevy_reactor_finish(reactor, timeout_ns));
    while (turn(reactor, KEVY_FOREVER) != 0) {
        if (kevy_sim_now(world) < limit_ns)
            continue;
        FAIL("a drain does not come to its end");
    }
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
    ENDING_FINISH,
    ENDING_DESTROY,
    ENDINGS,
};

static void describe(struct kevy_sim *sim, struct kevy_sim_invariant *invariant)
{
    (void)sim;
    (void)invariant;
    clients_describe();
}

/* One reactor serves, and comes to its end. */
static void serve(const struct scenario *scenario)
{
    struct kevy_reactor *reactor;
    uint64_t events = UINT64_MAX;
    enum ending ending;

    if (scenario->options != NULL)
        scenario->options(&options);
    links_reset(options.memory_limit != 0);
    ending = (enum ending)kevy_sim_below(world, ENDINGS);
    reactor = reactor_make();
    scenario->start(reactor);
    if (ending >= ENDING_FINISH && kevy_sim_one_in(world, 2))
        events = kevy_sim_between(world, 1, ABANDONED_EVENTS_MAX);
    faults_phase(reactor, scenario, events);
    if (ending == ENDING_DESTROY) {
        clients_warn();
        if (scenario->abandon != NULL)
            scenario->abandon();
    } else if (ending == ENDING_FINISH) {
        finish_phase(reactor, scenario);
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
}

static void test(struct kevy_sim *sim)
{
    const struct scenario *scenario = scenarios[kevy_sim_seed(sim) % 16];
    struct kevy_sim_invariant clients = {.describe = describe};

    world = sim;
    kevy_sim_invariant_add(sim, &clients);
    options_draw();
    if (scenario->play != NULL)
        scenario->play(&options);
    else
        serve(scenario);
}

int main(int argc, char **argv)
{
    int status;

    visits_open();
    status = kevy_sim_main(argc, argv, &(struct kevy_sim_options){.name = "sim", .test = test});
    visits_print();
    return status;
}
