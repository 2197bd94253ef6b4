/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "clock.h"

#include <assert.h>
#include <stdlib.h>

#include "world.h"

static struct {
    uint64_t now_ns;
    uint64_t order;
    uint64_t run;
    struct kevy_sim_event **heap; /* from 1 on */
    uint32_t count;
    uint32_t room;
} state;

void clock_reset(uint64_t now_ns)
{
    state.now_ns = now_ns;
    state.order = 0;
    state.run = 0;
    state.count = 0;
}

uint64_t clock_now(void)
{
    return state.now_ns;
}

uint64_t clock_events(void)
{
    return state.run;
}

static bool before(const struct kevy_sim_event *a, const struct kevy_sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void put(struct kevy_sim_event *event, uint32_t place)
{
    state.heap[place] = event;
    event->place = place;
}

static void sift(struct kevy_sim_event *event, uint32_t place)
{
    while (place > 1 && before(event, state.heap[place / 2])) {
        put(state.heap[place / 2], place);
        place /= 2;
    }
    for (;;) {
        uint32_t child = 2 * place;

        if (child > state.count)
            break;
        if (child < state.count && before(state.heap[child + 1], state.heap[child]))
            child++;
        if (!before(state.heap[child], event))
            break;
        put(state.heap[child], place);
        place = child;
    }
    put(event, place);
}

void event_start(struct kevy_sim_event *event, uint64_t delay_ns,
                 void (*run)(struct kevy_sim_event *event))
{
    event_stop(event);
    if (state.count + 2 > state.room) {
        state.room = state.room * 2 + 64;
        state.heap = realloc(state.heap, state.room * sizeof(struct kevy_sim_event *));
        assert(state.heap != NULL);
    }
    event->run = run;
    event->at_ns = state.now_ns + delay_ns;
    event->order = state.order++;
    state.count++;
    sift(event, state.count);
}

void event_stop(struct kevy_sim_event *event)
{
    uint32_t place = event->place;
    struct kevy_sim_event *last;

    if (place == 0)
        return;
    event->place = 0;
    last = state.heap[state.count--];
    if (last != event)
        sift(last, place);
}

bool event_started(const struct kevy_sim_event *event)
{
    return event->place != 0;
}

bool clock_next(uint64_t limit_ns)
{
    struct kevy_sim_event *event = state.count != 0 ? state.heap[1] : NULL;

    if (event == NULL || event->at_ns > limit_ns) {
        if (limit_ns != CLOCK_NEVER && limit_ns > state.now_ns)
            state.now_ns = limit_ns;
        return false;
    }
    if (event->at_ns > state.now_ns)
        state.now_ns = event->at_ns;
    event_stop(event);
    state.run++;
    event->run(event);
    return true;
}

void clock_pass(uint64_t ns)
{
    uint64_t until_ns = state.now_ns + ns;

    while (clock_next(until_ns))
        continue;
}

uint64_t kevy_sim_now(const struct kevy_sim *sim)
{
    world_check(sim);
    return state.now_ns;
}

void kevy_sim_event_start(struct kevy_sim *sim, struct kevy_sim_event *event, uint64_t delay_ns,
                          void (*run)(struct kevy_sim_event *event))
{
    world_check(sim);
    event_start(event, delay_ns, run);
}

void kevy_sim_event_stop(struct kevy_sim *sim, struct kevy_sim_event *event)
{
    world_check(sim);
    event_stop(event);
}

bool kevy_sim_event_started(const struct kevy_sim_event *event)
{
    return event_started(event);
}
