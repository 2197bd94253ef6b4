/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guide_numbers: a client sends a number N, and gets the numbers from 1 to N, each on a line. An
 * answer of many gigabytes needs no more memory than one of 100 KiB.
 */
#include "serve.h"

#include <string.h>

#define PART_BYTES   8192 /* made and queued at a time */
#define NUMBER_BYTES 21   /* the longest number, and the end of its line */

struct client {
    struct kevy_stream stream;
    uint64_t next;
    uint64_t last; /* 0: the request is not complete */
    size_t length;
    char line[32];
};

static struct client *client_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct client, stream);
}

/* As many parts as the queue takes. `drain` calls it again when the client has read them. */
static void client_continue(struct kevy_stream *stream)
{
    struct client *client = client_of(stream);

    while (client->next <= client->last) {
        char part[PART_BYTES];
        uint64_t next = client->next;
        size_t length = 0;
        int error;

        while (next <= client->last && length + NUMBER_BYTES < sizeof part)
            length += (size_t)sprintf(part + length, "%llu\n", (unsigned long long)next++);
        error = kevy_stream_send(stream, part, length);
        if (error == -EAGAIN)
            return;
        if (error) {
            kevy_stream_abort(stream); /* a part must not look like the whole */
            return;
        }
        client->next = next;
    }
    kevy_stream_close(stream);
}

static void client_open(struct kevy_stream *stream)
{
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, KEVY_SECONDS(60));
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = client_of(stream);
    size_t room = sizeof client->line - 1 - client->length;
    size_t length = buffer->length < room ? buffer->length : room;

    memcpy(client->line + client->length, buffer->data, length);
    client->length += length;
    if (!strchr(client->line, '\n') && length < room)
        return;
    kevy_stream_pause(stream); /* one request, one answer; also its `end` has to wait */
    client->last = strtoull(client->line, NULL, 10);
    client->next = 1;
    client_continue(stream);
}

/* At SIGTERM an answer that has begun goes on: closing would cut it off, like a complete one. */
static void client_finish(struct kevy_stream *stream)
{
    if (client_of(stream)->last == 0)
        kevy_stream_close(stream);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(client_of(stream));
}

static const struct kevy_stream_events client_events = {.open = client_open,
                                                        .read = client_read,
                                                        .drain = client_continue,
                                                        .finish = client_finish,
                                                        .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"guide_numbers", USAGE_WHERE,
                                       "Sends the numbers from 1 to the one that it receives.\n"};
    static const struct service numbers = {.usage = &usage, .accept = client_accept};

    return serve(&numbers, argc, argv);
}
