/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* guide_lines: sends each line back with its bytes in reverse order. A line has at most 1 KiB, and
 * must be complete MS milliseconds after its first byte. A client that neither sends nor reads for
 * ten times as long is disconnected. */
#include "serve.h"

#include <string.h>

#define LINE_BYTES 1024 /* the longest line, without its end */

static uint64_t line_ns; /* from the first byte of a line to its end */

struct client {
    struct kevy_stream stream;
    size_t length; /* of the line that has begun */
    char line[LINE_BYTES];
};

static struct client *client_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct client, stream);
}

/* The last words to a client: they are sent, and nothing more is read. */
static void client_refuse(struct client *client, const char *why)
{
    bool sent = kevy_stream_send(&client->stream, why, strlen(why)) == 0;
    (sent ? kevy_stream_close : kevy_stream_abort)(&client->stream);
}

static void client_answer(struct client *client)
{
    char answer[LINE_BYTES + 1];
    size_t length = client->length;
    if (length > 0 && client->line[length - 1] == '\r')
        length--;
    for (size_t i = 0; i < length; i++)
        answer[i] = client->line[length - 1 - i];
    answer[length] = '\n';
    client->length = 0;
    kevy_stream_set_deadline(&client->stream, KEVY_DEADLINE_TOTAL, 0);
    if (kevy_stream_send(&client->stream, answer, length + 1) < 0)
        kevy_stream_abort(&client->stream); /* no memory: an answer must not be left out */
}

/* Returns false if the line is too long. */
static bool client_take(struct client *client, char byte)
{
    if (byte == '\n') {
        client_answer(client);
        return true;
    }
    if (client->length == LINE_BYTES)
        return false;
    if (client->length == 0) /* only the first byte starts the time: slow bytes do not extend it */
        kevy_stream_set_deadline(&client->stream, KEVY_DEADLINE_TOTAL, line_ns);
    client->line[client->length++] = byte;
    return true;
}

static void client_open(struct kevy_stream *stream)
{
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, 10 * line_ns);
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_SEND, 10 * line_ns);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    for (uint32_t at = 0; at < buffer->length; at++)
        if (!client_take(client_of(stream), (char)buffer->data[at])) {
            client_refuse(client_of(stream), "too long\n");
            return;
        }
    kevy_stream_hold(stream, stream); /* reads no more until the client has read its answers */
}

static void client_timeout(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    if (deadline == KEVY_DEADLINE_TOTAL)
        client_refuse(client_of(stream), "too slow\n");
    else
        kevy_stream_abort(stream);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(client_of(stream));
}

static const struct kevy_stream_events client_events = {
    .open = client_open, .read = client_read, .timeout = client_timeout, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);
    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

static const struct usage usage = {"guide_lines", USAGE_WHERE " MS",
                                   "Reverses lines, each of which has MS milliseconds.\n"};

static int begin(struct kevy_listener_options *options, char **arguments)
{
    unsigned long ms;
    (void)options;
    if (!usage_number(&usage, "MS", arguments[0], 1, 86400000, &ms))
        return 2;
    line_ns = KEVY_MILLISECONDS(ms);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct service lines = {&usage, client_accept, begin, NULL};
    return serve(&lines, argc, argv);
}
