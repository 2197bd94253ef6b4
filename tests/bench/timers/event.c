/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * libevent. Time as with libev. Compiled with -DCOMMON_TIMEOUT the idle deadlines use its queue for
 * timers of one duration, which is made for them; else its heap.
 */
#include "library.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>

union connection {
    struct event timer;
    char bytes[CONNECTION_BYTES];
};

_Static_assert(sizeof(union connection) == CONNECTION_BYTES, "all libraries spread alike");

static struct event_base *base;
static const struct timeval *idle;
static union connection *connections;

void library_run(void (*body)(void))
{
    static const struct timeval plain = {.tv_sec = IDLE_MS / 1000};

    base = event_base_new();
    if (base == NULL)
        exit(1);
    idle = &plain;
#ifdef COMMON_TIMEOUT
    idle = event_base_init_common_timeout(base, &plain);
#endif
    event_base_update_cache_time(base);
    body();
}

static void fire(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
    abort();
}

static struct timeval delay(const struct visit *visit)
{
    struct timeval delay = {.tv_sec = visit->delay_ms / 1000,
                            .tv_usec = visit->delay_ms % 1000 * 1000};

    return delay;
}

void library_prepare(enum library_kind kind, uint32_t count, const struct visit *visits)
{
    connections = calloc(count, sizeof *connections);
    if (connections == NULL)
        exit(1);
    for (uint32_t i = 0; i < count; i++) {
        struct timeval after = delay(&visits[i]);

        evtimer_assign(&connections[i].timer, base, fire, NULL);
        evtimer_add(&connections[i].timer, kind == LIBRARY_DEADLINES ? idle : &after);
    }
}

void library_tick(void)
{
    event_base_update_cache_time(base);
}

void library_activity(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++)
        evtimer_add(&connections[visits[i].connection].timer, idle);
}

void library_deadline(const struct visit *visits)
{
    library_activity(visits);
}

void library_restart(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++) {
        struct event *timer = &connections[visits[i].connection].timer;
        struct timeval after = delay(&visits[i]);

        evtimer_del(timer);
        evtimer_add(timer, &after);
    }
}
