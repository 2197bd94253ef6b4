/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* sender_kevy PORT copied|pinned: answers each byte with a mebibyte, copied into the stream's queue
 * or by reference. A client waits for its answer before it asks again. */
#include "serve.h"
#include "value.h"

#include <stdlib.h>
#include <string.h>

struct client {
    struct kevy_stream stream;
    struct kevy_send send;
    bool asked;
    bool sending;
};

static const struct iovec part = {.iov_base = value, .iov_len = VALUE_SIZE};
static bool pinned;

static void answer(struct client *client);

/* The peer may have the last byte, and ask again, before we are told. */
static void sent(struct kevy_send *send, struct kevy_stream *stream, int result)
{
    struct client *client = KEVY_CONTAINER_OF(send, struct client, send);

    (void)stream;
    client->sending = false;
    if (result == 0 && client->asked)
        answer(client);
}

static void answer(struct client *client)
{
    int error;

    client->asked = false;
    if (pinned) {
        client->sending = true;
        client->send = (struct kevy_send){.parts = &part, .count = 1, .done = sent};
        error = kevy_stream_send_pinned(&client->stream, &client->send);
    } else {
        error = kevy_stream_send(&client->stream, value, VALUE_SIZE);
    }
    if (error)
        kevy_stream_abort(&client->stream);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);

    (void)buffer;
    client->asked = true;
    if (!client->sending)
        answer(client);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(KEVY_CONTAINER_OF(stream, struct client, stream));
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

static int begin(struct kevy_listener_options *options, char **arguments)
{
    (void)options;
    pinned = strcmp(arguments[0], "pinned") == 0;
    value_prepare();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"sender", USAGE_WHERE " copied|pinned",
                                       "Answers each byte with a mebibyte.\n"};
    static const struct service sender = {.usage = &usage, .accept = client_accept, .begin = begin};

    return serve(&sender, argc, argv);
}
