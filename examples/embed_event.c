/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * embed_event: an echo server inside a loop of libevent. The loop watches the descriptor of the
 * reactor, and sleeps no longer than the reactor allows: it is turned once at a time, because
 * libevent 2.1 calls nobody before it sleeps.
 */
#include "embed.h"

#include <errno.h>
#include <event2/event.h>

static const struct usage usage = {"embed_event", USAGE_WHERE,
                                   "Sends back what it receives, in a loop of libevent. A line on "
                                   "standard input prints\nthe number of connections so far; its "
                                   "end stops the server.\n"};

struct embedding {
    struct kevy_reactor *reactor;
    struct event *ready; /* the reactor has something to do */
    struct event *limit; /* or a timer of it is due */
    struct event *input;
};

/* Only to wake the loop: the turn follows. */
static void woken(evutil_socket_t fd, short events, void *context)
{
    (void)fd;
    (void)events;
    (void)context;
}

static void input_ready(evutil_socket_t fd, short events, void *context)
{
    struct embedding *embedding = context;

    (void)fd;
    (void)events;
    if (!input_read(&usage, embedding->reactor))
        event_del(embedding->input);
}

static void limit_set(struct embedding *embedding, uint64_t timeout_ns)
{
    uint64_t timeout_us = (timeout_ns + 999) / 1000; /* not before the reactor's timer */
    struct timeval limit = {.tv_sec = (time_t)(timeout_us / 1000000),
                            .tv_usec = (suseconds_t)(timeout_us % 1000000)};

    if (timeout_ns == KEVY_FOREVER)
        event_del(embedding->limit);
    else
        event_add(embedding->limit, &limit);
}

static int serve(struct kevy_reactor *reactor)
{
    struct embedding embedding = {.reactor = reactor};
    struct event_base *base = event_base_new();
    int fd = kevy_reactor_fd(reactor), more = fd;

    if (!base || fd < 0)
        return base ? fd : -ENOMEM;
    embedding.ready = event_new(base, fd, EV_READ | EV_PERSIST, woken, NULL);
    embedding.limit = event_new(base, -1, 0, woken, NULL);
    embedding.input = event_new(base, 0, EV_READ | EV_PERSIST, input_ready, &embedding);
    event_add(embedding.ready, NULL);
    event_add(embedding.input, NULL);
    while ((more = kevy_reactor_run_once(reactor, 0)) > 0) {
        limit_set(&embedding, kevy_reactor_next_timeout(reactor));
        event_base_loop(base, EVLOOP_ONCE);
    }
    event_free(embedding.ready);
    event_free(embedding.limit);
    event_free(embedding.input);
    event_base_free(base);
    return more;
}

int main(int argc, char **argv)
{
    return embed(&usage, argc, argv, serve);
}
