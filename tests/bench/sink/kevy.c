/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sink_kevy PORT: takes what comes, and only counts it. */
#include "serve.h"

#include <stdlib.h>

static uint64_t total;

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)stream;
    total += buffer->length;
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(stream);
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct kevy_stream *stream = calloc(1, sizeof *stream);

    (void)listener;
    return stream ? kevy_stream_init(stream, &client_events) : NULL;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"sink", USAGE_WHERE, "Receives, and only counts.\n"};
    static const struct service sink = {.usage = &usage, .accept = client_accept};

    return serve(&sink, argc, argv);
}
