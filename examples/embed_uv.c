/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * embed_uv: an echo server inside a loop of libuv. The loop polls the descriptor of the reactor; a
 * prepare handle asks the reactor, right before each sleep, how long that may be.
 */
#include "embed.h"

#include <uv.h>

static const struct usage usage = {"embed_uv", USAGE_WHERE,
                                   "Sends back what it receives, in a loop of libuv. A line on "
                                   "standard input prints\nthe number of connections so far; its "
                                   "end stops the server.\n"};

struct embedding {
    struct kevy_reactor *reactor;
    uv_loop_t loop;
    uv_poll_t ready;      /* the reactor has something to do */
    uv_timer_t limit;     /* or a timer of it is due */
    uv_prepare_t prepare; /* before the loop sleeps */
    uv_poll_t input;
    int result; /* of the last turn */
};

static void turn(struct embedding *embedding)
{
    embedding->result = kevy_reactor_run_once(embedding->reactor, 0);
    if (embedding->result <= 0)
        uv_stop(&embedding->loop);
}

static void ready(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    turn(handle->data);
}

static void limit_passed(uv_timer_t *handle)
{
    turn(handle->data);
}

/* Milliseconds, rounded up: rounded down the loop would wake before the reactor's timer. */
static void prepare(uv_prepare_t *handle)
{
    struct embedding *embedding = handle->data;
    uint64_t timeout_ns = kevy_reactor_next_timeout(embedding->reactor);

    uv_update_time(&embedding->loop);
    if (timeout_ns == KEVY_FOREVER)
        uv_timer_stop(&embedding->limit);
    else
        uv_timer_start(&embedding->limit, limit_passed, (timeout_ns + 999999) / 1000000, 0);
}

static void input_ready(uv_poll_t *handle, int status, int events)
{
    struct embedding *embedding = handle->data;

    (void)status;
    (void)events;
    if (!input_read(&usage, embedding->reactor))
        uv_poll_stop(handle);
}

static int serve(struct kevy_reactor *reactor)
{
    struct embedding embedding = {.reactor = reactor};
    int fd = kevy_reactor_fd(reactor);

    if (fd < 0)
        return fd;
    uv_loop_init(&embedding.loop);
    uv_poll_init(&embedding.loop, &embedding.ready, fd);
    uv_poll_init(&embedding.loop, &embedding.input, 0);
    uv_timer_init(&embedding.loop, &embedding.limit);
    uv_prepare_init(&embedding.loop, &embedding.prepare);
    embedding.ready.data = embedding.limit.data = &embedding;
    embedding.prepare.data = embedding.input.data = &embedding;
    uv_poll_start(&embedding.ready, UV_READABLE, ready);
    uv_poll_start(&embedding.input, UV_READABLE, input_ready);
    uv_prepare_start(&embedding.prepare, prepare);
    uv_run(&embedding.loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&embedding.ready, NULL);
    uv_close((uv_handle_t *)&embedding.limit, NULL);
    uv_close((uv_handle_t *)&embedding.prepare, NULL);
    uv_close((uv_handle_t *)&embedding.input, NULL);
    uv_run(&embedding.loop, UV_RUN_DEFAULT);
    uv_loop_close(&embedding.loop);
    return embedding.result;
}

int main(int argc, char **argv)
{
    return embed(&usage, argc, argv, serve);
}
