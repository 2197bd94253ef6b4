/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "world.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "allocator.h"
#include "chance.h"
#include "child_file.h"
#include "clock.h"
#include "file.h"
#include "host.h"
#include "kernel.h"
#include "name.h"
#include "packet.h"
#include "regular_file.h"
#include "ring.h"
#include "script.h"
#include "signal_file.h"
#include "socket.h"
#include "soft_system.h"
#include "system.h"
#include "thread.h"

#define EVENTS_DEFAULT   20000U
#define QUIET_DEFAULT_NS KEVY_SECONDS(600)
/* Enters that a quiet world may take; a loop that does not sleep has others that find it sooner. */
#define QUIET_ENTERS UINT64_C(10000000)
/* The last release of Linux 6.x whose features are known. */
#define MINOR_LAST 18U

static struct kevy_sim world;

void world_check(const struct kevy_sim *sim)
{
    (void)sim;
    assert(sim == &world && world.options != NULL && "no such world");
}

struct kevy_sim *world_current(void)
{
    return &world;
}

void world_note(uint64_t value)
{
    uint64_t *digest = &world.report->digest;

    *digest = (*digest ^ value) * UINT64_C(0x100000001B3);
    *digest ^= *digest >> 29;
}

void world_fault(uint64_t number, const char *name)
{
    struct kevy_sim_report *report = world.report;

    report->faults = number;
    (void)snprintf(report->last_fault, sizeof report->last_fault, "%s, at %" PRIu64 " ns", name,
                   clock_now());
    TRACE("fault %" PRIu64 ": %s", number, name);
}

void world_refuses(void)
{
    world.shortage = true;
}

void world_tolerate(void)
{
    world.tolerates = true;
}

bool world_tolerates(void)
{
    return world.tolerates;
}

bool kevy_sim_refused(const struct kevy_sim *sim)
{
    world_check(sim);
    return world.shortage;
}

/* Whatever has happened so far, for whoever waits. */
static void report_update(void)
{
    world.report->events = clock_events() + rings_posted() + world.enters;
    world.report->time_ns = clock_now();
}

static void describe(void)
{
    rings_describe();
    scripts_describe(&world);
    for (struct kevy_sim_invariant *invariant = world.invariants; invariant != NULL;
         invariant = invariant->next)
        if (invariant->describe != NULL)
            invariant->describe(&world, invariant);
}

static _Noreturn void fail(const char *format, va_list arguments)
{
    struct kevy_sim_report *report = world.report;

    report_update();
    report->failed = true;
    (void)vsnprintf(report->reason, sizeof report->reason, format, arguments);
    TRACE("fails: %s", report->reason);
    if (world_traced())
        describe();
    (void)fflush(NULL);
    if (world.options->in_process)
        abort();
    _exit(EXIT_FAILURE);
}

void world_fail(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fail(format, arguments);
}

void kevy_sim_fail(struct kevy_sim *sim, const char *format, ...)
{
    va_list arguments;

    world_check(sim);
    va_start(arguments, format);
    fail(format, arguments);
}

bool world_traced(void)
{
    return world.options->traced;
}

static void trace(const char *format, va_list arguments)
{
    (void)printf("%12" PRIu64 " ", clock_now());
    (void)vprintf(format, arguments);
    (void)printf("\n");
}

void world_trace(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    trace(format, arguments);
    va_end(arguments);
}

void kevy_sim_trace(struct kevy_sim *sim, const char *format, ...)
{
    va_list arguments;

    world_check(sim);
    if (!world_traced())
        return;
    va_start(arguments, format);
    trace(format, arguments);
    va_end(arguments);
}

struct kevy_sim *world_make(const struct kevy_sim_options *options, uint64_t seed,
                            struct kevy_sim_report *report)
{
    uint32_t minor = options->linux_minor;

    assert(minor <= MINOR_LAST && "an unknown release of Linux");
    memset(&world, 0, sizeof world);
    memset(report, 0, sizeof *report);
    world.options = options;
    world.report = report;
    report->seed = seed;
    chance_seed(seed);
    if (options->limited)
        chance_limit(options->fault_limit);
    /* Anywhere in the clock's range, so that 32-bit ticks wrap now and then. */
    clock_reset(chance_one_in(2) ? chance_below(UINT64_C(1) << 54) : chance_below(1000000));
    files_reset();
    signal_files_reset();
    regular_files_reset();
    rings_reset();
    threads_reset();
    sockets_reset();
    packets_reset();
    hosts_reset();
    children_reset();
    names_reset();
    soft_system_reset();
    kernel_reset(minor != 0 ? minor : (uint32_t)chance_between(1, MINOR_LAST));
    return &world;
}

void world_end(struct kevy_sim *sim)
{
    struct kevy_sim_left left;

    EXPECT(kevy_sim_over(sim), "the test ends before the world is over");
    kevy_sim_left(sim, &left);
    EXPECT(threads_left() == 0, "%u threads are left at the end", threads_left());
    EXPECT(left.descriptors == 0, "%u descriptors are open at the end", left.descriptors);
    EXPECT(left.mappings == 0, "%u mappings are left at the end", left.mappings);
    EXPECT(left.allocations == 0, "%u allocations are left at the end", left.allocations);
    EXPECT(names_lists() == 0, "%u lists of addresses are left at the end", names_lists());
    EXPECT(left.requests == 0, "%u requests are in flight at the end", left.requests);
    report_update();
    TRACE("Linux 6.%u: %" PRIu64 " events, %" PRIu64 " faults", kernel_minor(),
          world.report->events, world.report->faults);
    world.options = NULL;
}

/* ---- Quiet, and over ----------------------------------------------------------------------- */

void kevy_sim_set_quiet(struct kevy_sim *sim)
{
    world_check(sim);
    if (chance_is_quiet())
        return;
    TRACE("quiet");
    chance_quiet();
    sim->quiet_ns = clock_now();
    sim->quiet_enters = sim->enters;
    sockets_heal();
}

bool kevy_sim_quiet(const struct kevy_sim *sim)
{
    world_check(sim);
    return chance_is_quiet();
}

bool kevy_sim_over(const struct kevy_sim *sim)
{
    const struct kevy_sim_script *script = sim->scripts;

    world_check(sim);
    while (script != NULL && kevy_sim_script_over(script))
        script = script->next;
    return script == NULL && sim->holds == 0;
}

static void woken(struct kevy_task *task, struct kevy_reactor *reactor)
{
    (void)reactor;
    task->run = NULL;
}

/* The loop may be asleep, and nothing else may ever wake it. */
static void serving_wake(void)
{
    if (world.serving == NULL || world.wake.run != NULL)
        return;
    world.wake.run = woken;
    kevy_reactor_post(world.serving, &world.wake);
}

static void over(struct kevy_sim_event *event)
{
    void (*run)(struct kevy_sim *) = world.when_over;

    (void)event;
    if (!kevy_sim_over(&world))
        return;
    TRACE("over");
    serving_wake();
    world.when_over = NULL;
    if (run != NULL)
        run(&world);
}

void world_over_look(struct kevy_sim *sim)
{
    if (kevy_sim_over(sim))
        event_start(&sim->over, 0, over);
}

void kevy_sim_when_over(struct kevy_sim *sim, void (*run)(struct kevy_sim *sim))
{
    world_check(sim);
    sim->when_over = run;
    world_over_look(sim);
}

void kevy_sim_hold(struct kevy_sim *sim)
{
    world_check(sim);
    sim->holds++;
}

void kevy_sim_release(struct kevy_sim *sim)
{
    world_check(sim);
    assert(sim->holds > 0 && "more releases than holds");
    sim->holds--;
    world_over_look(sim);
}

static void quiet_check(void)
{
    uint64_t limit_ns = world.options->quiet_ns;

    if (limit_ns == 0)
        limit_ns = QUIET_DEFAULT_NS;
    EXPECT(clock_now() - world.quiet_ns <= limit_ns &&
               world.enters - world.quiet_enters <= QUIET_ENTERS,
           "the world is quiet and does not come to its end");
}

void world_entered(void)
{
    uint64_t limit = world.options->events != 0 ? world.options->events : EVENTS_DEFAULT;

    world.enters++;
    report_update();
    for (struct kevy_sim_invariant *invariant = world.invariants; invariant != NULL;
         invariant = invariant->next)
        if (invariant->check != NULL)
            invariant->check(&world, invariant);
    if (!chance_is_quiet() && world.report->events >= limit)
        kevy_sim_set_quiet(&world);
    if (chance_is_quiet())
        quiet_check();
}

/* ---- For the test function ----------------------------------------------------------------- */

void kevy_sim_invariant_add(struct kevy_sim *sim, struct kevy_sim_invariant *invariant)
{
    world_check(sim);
    invariant->next = sim->invariants;
    sim->invariants = invariant;
}

void kevy_sim_left(const struct kevy_sim *sim, struct kevy_sim_left *left)
{
    world_check(sim);
    *left = (struct kevy_sim_left){.descriptors = files_open(),
                                   .mappings = rings_mappings() + soft_system_mappings(),
                                   .allocations = allocations_left(),
                                   .requests = rings_requests()};
}

uint64_t kevy_sim_events(const struct kevy_sim *sim)
{
    world_check(sim);
    report_update();
    return sim->report->events;
}

uint64_t kevy_sim_faults(const struct kevy_sim *sim)
{
    world_check(sim);
    return sim->report->faults;
}

uint64_t kevy_sim_awake_ns(const struct kevy_sim *sim)
{
    world_check(sim);
    return kernel_busy_ns();
}

void *kevy_sim_context(const struct kevy_sim *sim)
{
    world_check(sim);
    return sim->options->context;
}

uint64_t kevy_sim_seed(const struct kevy_sim *sim)
{
    world_check(sim);
    return sim->report->seed;
}

void kevy_sim_limit_descriptors(struct kevy_sim *sim, uint32_t limit)
{
    world_check(sim);
    files_limit(limit);
}

void kevy_sim_reactor_options(struct kevy_sim *sim, struct kevy_reactor_options *options)
{
    world_check(sim);
    options->custom_kernel = sim->options->soft ? soft_kernel() : &sim_kernel;
    options->system = &sim_system;
    options->allocator = &sim_allocator;
}

void kevy_sim_serve(struct kevy_sim *sim, struct kevy_reactor *reactor)
{
    world_check(sim);
    sim->serving = reactor;
    while (!kevy_sim_over(sim)) {
        int result = kevy_reactor_run_once(reactor, KEVY_FOREVER);

        EXPECT(result >= 0, "a turn answers %d", result);
        EXPECT(result > 0 || kevy_sim_over(sim),
               "the program has nothing to wait for, and the world is not over");
    }
    sim->serving = NULL;
}

static bool is_over(const void *sim)
{
    return kevy_sim_over(sim);
}

void kevy_sim_wait(struct kevy_sim *sim)
{
    world_check(sim);
    while (!kevy_sim_over(sim))
        EXPECT(thread_sleep(is_over, sim, CLOCK_NEVER),
               "no thread has anything to wait for, and the world is not over");
}
