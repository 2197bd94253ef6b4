/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "trace.h"

#include <stdio.h>
#include <string.h>

#include "world.h"

struct kevy_sim *world;

/* splitmix64: the plan takes nothing from the chances of the world. */
static uint64_t draw(uint64_t *state)
{
    uint64_t mixed = *state += 0x9E3779B97F4A7C15U;

    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    return mixed ^ (mixed >> 31);
}

/* From `low` to `high`, small ones more often. */
static uint64_t magnitude(uint64_t *state, uint64_t low, uint64_t high)
{
    uint64_t range = (high - low) >> draw(state) % 12;

    return low + draw(state) % (range + 1);
}

bool trace_is_loose(const struct trace_plan *plan)
{
    return plan->kind == TRACE_FLOOD && plan->ending >= TRACE_RESETS;
}

/* An upload is answered and a flood is not at rest: neither closes without waiting. A download that
 * is not reset begins with its end, or ends with it. */
static enum trace_ending ending_of(enum trace_kind kind, enum trace_ending drawn)
{
    if (drawn == TRACE_CLOSES && (kind == TRACE_UPLOAD || kind == TRACE_FLOOD))
        return TRACE_HALF_CLOSES;
    if (drawn == TRACE_SILENT && kind == TRACE_FLOOD)
        return TRACE_RESETS;
    return drawn;
}

static void plan_make(struct trace_plan *plan, uint64_t *state)
{
    static const enum trace_ending endings[] = {
        TRACE_HALF_CLOSES, TRACE_HALF_CLOSES, TRACE_HALF_CLOSES, TRACE_CLOSES,
        TRACE_CLOSES,      TRACE_RESETS,      TRACE_CUT,         TRACE_SILENT};

    plan->kind = (enum trace_kind)(draw(state) % TRACE_KINDS);
    plan->ending = ending_of(plan->kind, endings[draw(state) % 8]);
    plan->copies = draw(state) % 2;
    plan->script = draw(state) | 1;
    plan->message = (uint32_t)magnitude(state, 1, 8000);
    plan->bytes = plan->kind == TRACE_TALK ? plan->message * magnitude(state, 0, 12)
                                           : magnitude(state, 0, 100000);
    plan->break_at = draw(state) % (plan->bytes + 1);
    if (plan->kind == TRACE_TALK)
        plan->break_at -= plan->break_at % plan->message;
    plan->part_at = draw(state) % 8 == 0 ? draw(state) % (plan->bytes + 1) : UINT64_MAX;
    plan->part_ns = magnitude(state, 1000000, 2000000000);
    plan->pace_ns = magnitude(state, 100, 20000000);
    plan->portion = (uint32_t)magnitude(state, 16, 4096);
}

void trace_plan_make(struct trace *trace, uint64_t seed)
{
    uint64_t state = ~seed;

    memset(trace, 0, sizeof *trace);
    trace->seed = seed;
    for (uint32_t at = 0; at < TRACE_CONNECTIONS; at++)
        plan_make(&trace->plans[at], &state);
}

/* What belongs to no connection and would be seen: trace.h says why it is off. */
static void odds_set(struct kevy_sim *sim)
{
    static const enum kevy_sim_fault off[] = {KEVY_SIM_NETWORK_RESETS, KEVY_SIM_NETWORK_PARTS,
                                              KEVY_SIM_SOCKET_FAILS, KEVY_SIM_ALLOCATION};

    for (size_t at = 0; at < sizeof off / sizeof *off; at++)
        kevy_sim_set_odds(sim, off[at], 0);
}

static struct kevy_reactor *reactor_make(struct kevy_sim *sim, uint64_t seed)
{
    struct kevy_reactor *reactor = NULL;
    struct kevy_reactor_options options = {0};
    uint64_t state = seed;

    options.sq_entries = 1U << draw(&state) % 10;
    options.cq_entries = options.sq_entries << draw(&state) % 5;
    options.turn_completions = (uint32_t)magnitude(&state, 1, 2000);
    options.buffer_count = 1U << draw(&state) % 10;
    options.buffer_size = (uint32_t)magnitude(&state, 64, 16384);
    options.zero_copy_minimum = (uint32_t)magnitude(&state, 1, 40000);
    options.restricted = draw(&state) % 4 == 0;
    kevy_sim_reactor_options(sim, &options);
    EXPECT(kevy_reactor_create(&reactor, &options) == 0, "no reactor");
    return reactor;
}

/* The clients are gone, and a connection that its client reset early may still wait for its accept,
 * which a shortage puts off: the kernel gets the time for it before the listener closes. */
static void settle(struct kevy_sim *sim, struct kevy_reactor *reactor)
{
    uint64_t end = kevy_sim_now(sim) + TRACE_SETTLE_NS;
    uint64_t now;

    while ((now = kevy_sim_now(sim)) < end)
        EXPECT(kevy_reactor_run_once(reactor, end - now) >= 0, "a turn of the end fails");
}

static void test(struct kevy_sim *sim)
{
    struct trace *trace = kevy_sim_context(sim);
    struct kevy_listener_options listen = {.port = TRACE_PORT, .accept = trace_accept};
    struct kevy_listener listener = {0};
    struct kevy_reactor *reactor;

    world = sim;
    odds_set(sim);
    kevy_sim_set_calm(sim, true);
    reactor = reactor_make(sim, trace->seed);
    EXPECT(kevy_listener_open(&listener, reactor, &listen) == 0, "no listener");
    kevy_sim_set_calm(sim, false);
    trace_clients_start(sim, trace);
    kevy_sim_serve(sim, reactor);
    settle(sim, reactor);
    trace->events = kevy_sim_events(sim);
    kevy_listener_close(&listener);
    EXPECT(kevy_reactor_run(reactor) == 0, "the reactor does not come to its end");
    EXPECT(kevy_reactor_destroy(reactor) == 0, "objects were left");
}

int trace_play(struct trace *trace, bool soft, bool traced)
{
    return kevy_sim_run(&(struct kevy_sim_options){.name = soft ? "traces, soft" : "traces",
                                                   .test = test,
                                                   .context = trace,
                                                   .seed = trace->seed,
                                                   .events = UINT64_MAX,
                                                   .soft = soft,
                                                   .traced = traced,
                                                   .quick = true},
                        NULL);
}

static void seen_print(const struct trace_seen *seen, char *text, size_t size)
{
    (void)snprintf(text, size, "%s, %llu bytes of sum %08x, reason %d; %llu came back, then %c",
                   seen->log[0] != '\0' ? seen->log : "not accepted",
                   (unsigned long long)seen->received, seen->sum, seen->reason,
                   (unsigned long long)seen->answered, seen->ending);
}

bool trace_equivalent(const struct trace *one, const struct trace *other, char *text, size_t size)
{
    char texts[2][160];

    if (one->accepted != other->accepted) {
        (void)snprintf(text, size, "%u connections were accepted, and %u", one->accepted,
                       other->accepted);
        return false;
    }
    for (uint32_t at = 0; at < TRACE_CONNECTIONS; at++) {
        const struct trace_plan *plan = &one->plans[at];

        /* Nobody saw it; its client may come to its own end before it is aborted. */
        if (one->seen[at].log[0] == '\0' && other->seen[at].log[0] == '\0')
            continue;
        seen_print(&one->seen[at], texts[0], sizeof texts[0]);
        seen_print(&other->seen[at], texts[1], sizeof texts[1]);
        if (strcmp(texts[0], texts[1]) == 0)
            continue;
        (void)snprintf(text, size, "connection %u (kind %d, ending %d): %s; and %s", at,
                       (int)plan->kind, (int)plan->ending, texts[0], texts[1]);
        return false;
    }
    return true;
}
