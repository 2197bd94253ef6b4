/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * chat: all other clients hear what one client says. One received buffer is queued for each of them
 * and sent from where it is, without a copy. A client that does not keep up is disconnected.
 */
#include "serve.h"

/* Bytes that may wait for one client. */
#define BEHIND_MAX (256 << 10)

struct client {
    struct kevy_stream stream;
    struct client *next;
    struct client *previous;
};

/* The clients, in a ring that begins and ends here. */
static struct client everyone = {.next = &everyone, .previous = &everyone};

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *speaker = KEVY_CONTAINER_OF(stream, struct client, stream);

    for (struct client *client = everyone.next; client != &everyone; client = client->next)
        if (client == speaker)
            continue;
        else if (kevy_stream_queued(&client->stream) > BEHIND_MAX)
            kevy_stream_abort(&client->stream);
        else
            kevy_stream_forward_slice(&client->stream, buffer, 0, buffer->length);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);

    (void)reason;
    client->previous->next = client->next;
    client->next->previous = client->previous;
    free(client);
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    (void)listener;
    if (!client)
        return NULL;
    client->next = everyone.next;
    client->previous = &everyone;
    everyone.next->previous = client;
    everyone.next = client;
    kevy_stream_init(&client->stream, &client_events);
    /* So high that no slow client ever holds a speaker back. */
    kevy_stream_set_watermarks(&client->stream, BEHIND_MAX, 2 * BEHIND_MAX);
    return &client->stream;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"chat", USAGE_WHERE,
                                       "Sends the bytes of each client to all other clients.\n"};
    static const struct service chat = {.usage = &usage, .accept = client_accept};
    return serve(&chat, argc, argv);
}
