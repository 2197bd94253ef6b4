/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_LINE_SERVER_H
#define SIM_LINE_SERVER_H

/*
 * A server that answers each line with the same line, once as it should be, and once with a bug
 * that most servers had in their youth: it takes what one read brings for a line.
 */

#include <kevy/kevy.h>
#include <stdlib.h>
#include <string.h>

struct line_client {
    struct kevy_stream stream;
    size_t length;
    char line[64];
};

static inline void line_answer(struct line_client *client, const char *line, size_t length)
{
    if (kevy_stream_send(&client->stream, "you said: ", 10) != 0 ||
        kevy_stream_send(&client->stream, line, length) != 0)
        kevy_stream_abort(&client->stream);
}

static inline void line_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct line_client *client = KEVY_CONTAINER_OF(stream, struct line_client, stream);

    for (size_t at = 0; at < buffer->length; at++) {
        char byte = (char)((const unsigned char *)buffer->data)[at];

        client->line[client->length++] = byte;
        if (byte == '\n' || client->length == sizeof client->line) {
            line_answer(client, client->line, client->length);
            client->length = 0;
        }
    }
}

static inline void line_read_planted(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct line_client *client = KEVY_CONTAINER_OF(stream, struct line_client, stream);

    line_answer(client, (const char *)buffer->data, buffer->length);
}

static inline void line_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(KEVY_CONTAINER_OF(stream, struct line_client, stream));
}

static const struct kevy_stream_events line_events = {.read = line_read, .close = line_close};
static const struct kevy_stream_events line_events_planted = {.read = line_read_planted,
                                                              .close = line_close};

static inline struct kevy_stream *line_make(const struct kevy_stream_events *events)
{
    struct line_client *client = calloc(1, sizeof *client);

    return client != NULL ? kevy_stream_init(&client->stream, events) : NULL;
}

static inline struct kevy_stream *line_accept(struct kevy_listener *listener)
{
    (void)listener;
    return line_make(&line_events);
}

static inline struct kevy_stream *line_accept_planted(struct kevy_listener *listener)
{
    (void)listener;
    return line_make(&line_events_planted);
}

#endif
