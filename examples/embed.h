/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_EMBED_H
#define EXAMPLES_EMBED_H

/* The echo server that embed_uv.c and embed_event.c have in another event loop. */

#include "report_address.h"
#include "usage.h"

#include <kevy/kevy.h>

#include <stdlib.h>
#include <unistd.h>

static inline void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static inline void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(stream);
}

static inline struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {.read = client_read, .close = client_close};
    struct kevy_stream *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_stream_init(client, &events) : NULL;
}

/* What the other loop asks for when standard input is readable: false at its end. */
static inline bool input_read(const struct usage *usage, struct kevy_reactor *reactor)
{
    struct kevy_reactor_stats stats;
    char line[256];

    if (read(0, line, sizeof line) <= 0) {
        kevy_reactor_finish(reactor, KEVY_SECONDS(5));
        return false;
    }
    kevy_reactor_stats(reactor, &stats);
    dprintf(1, "%s: %llu accepted\n", usage->program, (unsigned long long)stats.accepts);
    return true;
}

/* main(): `serve` turns the other loop until the reactor has nothing left to do. Returns 0 or an
 * error. */
static inline int embed(const struct usage *usage, int argc, char **argv,
                        int (*serve)(struct kevy_reactor *reactor))
{
    struct kevy_reactor_options options = {.embedded = true};
    struct kevy_listener listener = {0};
    struct kevy_reactor *reactor = NULL;
    struct where where;
    int error, status = usage_check(usage, argc, argv, &where);

    if (status >= 0)
        return status;
    options.kernel = where.kernel;
    error = kevy_reactor_create(&reactor, &options);
    if (error)
        return kevy_report(usage->program, error);
    error = kevy_listener_open(&listener, reactor,
                               &(struct kevy_listener_options){.address = where.address,
                                                               .port = where.port,
                                                               .accept = client_accept});
    if (!error) {
        dprintf(1, "%s: serving port %u\n", usage->program, kevy_listener_port(&listener));
        error = serve(reactor);
    }
    status = report_start(usage->program, where.address, where.port, error);
    return status | (kevy_reactor_destroy(reactor) != 0);
}

#endif
