/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libev. Its time cannot be set, so a millisecond is as long as its visits take: read, not counted.
 */
#include "library.h"

#include <ev.h>
#include <stdlib.h>

union connection {
    struct ev_timer timer;
    char bytes[CONNECTION_BYTES];
};

_Static_assert(sizeof(union connection) == CONNECTION_BYTES, "all libraries spread alike");

static struct ev_loop *loop;
static union connection *connections;

void library_run(void (*body)(void))
{
    loop = ev_loop_new(EVFLAG_AUTO);
    if (loop == NULL)
        exit(1);
    body();
}

static void fire(struct ev_loop *owner, struct ev_timer *timer, int events)
{
    (void)owner;
    (void)timer;
    (void)events;
    abort();
}

void library_prepare(enum library_kind kind, uint32_t count, const struct visit *visits)
{
    connections = calloc(count, sizeof *connections);
    if (connections == NULL)
        exit(1);
    for (uint32_t i = 0; i < count; i++) {
        struct ev_timer *timer = &connections[i].timer;

        ev_init(timer, fire);
        if (kind == LIBRARY_DEADLINES)
            ev_timer_set(timer, (IDLE_MS - visits[i].delay_ms % 1000) / 1e3, IDLE_MS / 1e3);
        else
            ev_timer_set(timer, visits[i].delay_ms / 1e3, 0.);
        ev_timer_start(loop, timer);
    }
}

void library_tick(void)
{
    ev_now_update(loop);
}

void library_activity(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++)
        ev_timer_again(loop, &connections[visits[i].connection].timer);
}

void library_deadline(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++) {
        struct ev_timer *timer = &connections[visits[i].connection].timer;

        timer->repeat = IDLE_MS / 1e3;
        ev_timer_again(loop, timer);
    }
}

void library_restart(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++) {
        struct ev_timer *timer = &connections[visits[i].connection].timer;

        ev_timer_stop(loop, timer);
        ev_timer_set(timer, visits[i].delay_ms / 1e3, 0.);
        ev_timer_start(loop, timer);
    }
}
