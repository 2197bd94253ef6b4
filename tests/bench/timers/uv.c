/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* libuv. Its loop's time is a public field; between turns nothing else moves it. */
#include "library.h"

#include <stdlib.h>
#include <uv.h>

union connection {
    uv_timer_t timer;
    char bytes[CONNECTION_BYTES];
};

_Static_assert(sizeof(union connection) == CONNECTION_BYTES, "all libraries spread alike");

static uv_loop_t loop;
static union connection *connections;

void library_run(void (*body)(void))
{
    uv_loop_init(&loop);
    body();
}

static void fire(uv_timer_t *timer)
{
    (void)timer;
    abort();
}

void library_prepare(enum library_kind kind, uint32_t count, const struct visit *visits)
{
    connections = calloc(count, sizeof *connections);
    if (connections == NULL)
        exit(1);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t idle_ms = IDLE_MS - visits[i].delay_ms % 1000;

        uv_timer_init(&loop, &connections[i].timer);
        if (kind == LIBRARY_DEADLINES)
            uv_timer_start(&connections[i].timer, fire, idle_ms, IDLE_MS);
        else
            uv_timer_start(&connections[i].timer, fire, visits[i].delay_ms, 0);
    }
}

void library_tick(void)
{
    loop.time++;
}

void library_activity(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++)
        uv_timer_again(&connections[visits[i].connection].timer);
}

void library_deadline(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++)
        uv_timer_start(&connections[visits[i].connection].timer, fire, IDLE_MS, 0);
}

void library_restart(const struct visit *visits)
{
    for (uint32_t i = 0; i < VISITS_PER_MS; i++) {
        uv_timer_t *timer = &connections[visits[i].connection].timer;

        uv_timer_stop(timer);
        uv_timer_start(timer, fire, visits[i].delay_ms, 0);
    }
}
