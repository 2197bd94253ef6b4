/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ours. Private headers, for two reasons: what the reactor does itself when bytes come can be had
 * without a million sockets, and its clock can be moved, so that deadlines come up and are filed
 * anew as often as in a minute of real traffic.
 */
#include "library.h"
#include "core/clock.h"
#include "core/timer.h"
#include "stream/stream_internal.h"

#include <kevy/kevy.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

union connection {
    struct kevy_stream stream;
    struct kevy_timer timer;
    char bytes[CONNECTION_BYTES];
};

_Static_assert(sizeof(union connection) == CONNECTION_BYTES, "all libraries spread alike");

static void unexpected(struct kevy_stream *stream, int reason)
{
    (void)stream;
    fprintf(stderr, "timers: a deadline passed: %s\n", strerror(-reason));
    exit(1);
}

static const struct kevy_stream_events events = {.close = unexpected};
static struct kevy_reactor *reactor;
static struct kevy_system moved; /* the system, with a clock that is ahead */
static uint64_t ahead_ns;
static union connection *connections;
static void (*measured)(void);

static uint64_t moved_now(void *context)
{
    return kevy_system_host()->now_ns(context) + ahead_ns;
}

static void clock_move(uint64_t by_ns)
{
    ahead_ns += by_ns;
    clock_read(reactor);
}

static void task_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    measured();
    /* The streams are not real: nothing may look at them any more. */
    exit(0);
}

void library_run(void (*body)(void))
{
    struct kevy_task task = {.run = task_run};
    int error;

    moved = *kevy_system_host();
    moved.now_ns = moved_now;
    error = kevy_reactor_create(&reactor, &(struct kevy_reactor_options){.system = &moved});
    if (error < 0) {
        fprintf(stderr, "timers: no reactor: %s\n", strerror(-error));
        exit(1);
    }
    measured = body;
    kevy_reactor_defer(reactor, &task);
    (void)kevy_reactor_run(reactor);
}

static void fire(struct kevy_timer *timer)
{
    (void)timer;
    fputs("timers: a timer fired\n", stderr);
    exit(1);
}

/* As after a minute of traffic: filed at all times of the minute to come, last active lately. */
static void deadlines_prepare(uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kevy_stream *stream = kevy_stream_init(&connections[i].stream, &events);

        stream->object.reactor = reactor;
        stream->object.state = STREAM_OPEN;
        kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, KEVY_MILLISECONDS(IDLE_MS));
        clock_move(KEVY_MILLISECONDS(IDLE_MS) / count);
    }
    for (uint32_t i = 0; i < count; i++)
        stream_active(&connections[i].stream);
}

void library_prepare(enum library_kind kind, uint32_t count, const struct visit *visits)
{
    connections = calloc(count, sizeof *connections);
    if (connections == NULL)
        exit(1);
    if (kind == LIBRARY_DEADLINES)
        deadlines_prepare(count);
    for (uint32_t i = 0; i < count && kind == LIBRARY_TIMERS; i++)
        kevy_timer_start(&connections[i].timer, reactor, KEVY_MILLISECONDS(visits[i].delay_ms),
                         fire);
}

void library_tick(void)
{
    clock_move(KEVY_MILLISECONDS(1));
    timers_run(reactor);
}

void library_activity(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++)
        stream_active(&connections[visits[i].connection].stream);
}

void library_deadline(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++)
        kevy_stream_set_deadline(&connections[visits[i].connection].stream, KEVY_DEADLINE_IDLE,
                                 KEVY_MILLISECONDS(IDLE_MS));
}

void library_restart(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++) {
        struct kevy_timer *timer = &connections[visits[i].connection].timer;

        kevy_timer_stop(timer);
        kevy_timer_start(timer, reactor, KEVY_MILLISECONDS(visits[i].delay_ms), fire);
    }
}
