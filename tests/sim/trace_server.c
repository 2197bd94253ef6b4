/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The application of a trace: a server whose streams do as the plans of their connections say, and
 * that writes down what it sees. The first bytes of a connection are its number.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "trace.h"

struct link {
    struct kevy_stream stream;
    struct trace *trace;
    uint8_t header[TRACE_HEADER];
    char log[8];
    const struct trace_plan *plan; /* NULL until the header is there */
    struct trace_seen *seen;
    uint64_t received;
    uint64_t sent; /* of a download */
    uint32_t sum;
    bool ended;
};

static struct link *link_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct link, stream);
}

static void note(struct link *link, char letter)
{
    size_t length = strlen(link->log);

    if (length > 0 && link->log[length - 1] == letter && letter == 'r')
        return;
    EXPECT(length < sizeof link->log - 1, "too many callbacks: %s", link->log);
    link->log[length] = letter;
}

static void opened(struct kevy_stream *stream)
{
    note(link_of(stream), 'o');
}

/* Bytes of a download, as many as there is room for; then the end. */
static void produce(struct link *link)
{
    uint8_t bytes[4096];
    int error = 0;

    while (link->sent < link->plan->bytes && error == 0) {
        uint64_t left = link->plan->bytes - link->sent;
        size_t length = left < sizeof bytes ? (size_t)left : sizeof bytes;

        pattern_fill(bytes, length, link->plan->script, link->sent);
        error = kevy_stream_send(&link->stream, bytes, length);
        EXPECT(error == 0 || error == -EAGAIN || error == -EPIPE, "a send answers %d", error);
        if (error == 0)
            link->sent += length;
    }
    if (error != 0)
        return;
    if (link->ended)
        kevy_stream_close(&link->stream);
    else
        (void)kevy_stream_shutdown(&link->stream);
}

/* The number is complete. */
static void identified(struct link *link)
{
    uint32_t number = link->header[0] | (uint32_t)link->header[1] << 8;

    EXPECT(link->header[2] == 'K' && link->header[3] == 'V' && number < TRACE_CONNECTIONS,
           "a connection has number %u", number);
    link->plan = &link->trace->plans[number];
    link->seen = &link->trace->seen[number];
    EXPECT(link->seen->log[0] == '\0', "connection %u comes twice", number);
    memcpy(link->seen->log, "?", 2);
    if (link->plan->ending == TRACE_SILENT)
        kevy_stream_set_deadline(&link->stream, KEVY_DEADLINE_IDLE, TRACE_IDLE_NS);
    if (link->plan->kind == TRACE_DOWNLOAD)
        produce(link);
}

static uint32_t header_take(struct link *link, const struct kevy_buffer *buffer)
{
    uint32_t taken = 0;

    while (link->received < TRACE_HEADER && taken < buffer->length)
        link->header[link->received++] = buffer->data[taken++];
    return taken;
}

static void echo(struct link *link, struct kevy_buffer *buffer, uint32_t from)
{
    struct kevy_stream *stream = &link->stream;

    if (!link->plan->copies) {
        (void)kevy_stream_forward_slice(stream, buffer, from, buffer->length - from);
        return;
    }
    /* The queue is below its high watermark: otherwise the stream would be held back. */
    EXPECT(kevy_stream_send(stream, buffer->data + from, buffer->length - from) != -EAGAIN,
           "a stream reads although it is held back");
    kevy_stream_hold(stream, stream);
}

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct link *link = link_of(stream);
    uint32_t from = header_take(link, buffer);

    note(link, 'r');
    if (link->plan == NULL && link->received == TRACE_HEADER)
        identified(link);
    if (from == buffer->length)
        return;
    pattern_check(buffer->data + from, buffer->length - from, link->plan->script,
                  link->received - TRACE_HEADER, "server");
    for (uint32_t at = from; at < buffer->length; at++)
        link->sum = link->sum * 31 + buffer->data[at];
    link->received += buffer->length - from;
    if (link->plan->kind == TRACE_TALK || link->plan->kind == TRACE_FLOOD)
        echo(link, buffer, from);
}

static void ended(struct kevy_stream *stream)
{
    struct link *link = link_of(stream);

    note(link, 'e');
    link->ended = true;
    EXPECT(link->plan != NULL, "a connection ends before its number");
    if (link->plan->kind == TRACE_UPLOAD)
        EXPECT(kevy_stream_send(stream, &link->sum, sizeof link->sum) == 0, "no room for a sum");
    if (link->plan->kind != TRACE_DOWNLOAD || link->sent == link->plan->bytes)
        kevy_stream_close(stream);
}

static void drained(struct kevy_stream *stream)
{
    struct link *link = link_of(stream);

    if (link->plan->kind == TRACE_DOWNLOAD)
        produce(link);
}

static void timed_out(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    EXPECT(deadline == KEVY_DEADLINE_IDLE, "deadline %d passes", (int)deadline);
    note(link_of(stream), 't');
    kevy_stream_abort(stream);
}

static void closed(struct kevy_stream *stream, int reason)
{
    struct link *link = link_of(stream);
    struct trace_seen *seen = link->seen;

    note(link, 'c');
    EXPECT(link->plan != NULL, "a connection is closed with %d before its number", reason);
    memcpy(seen->log, link->log, sizeof seen->log);
    seen->reason = reason;
    if (!trace_is_loose(link->plan)) {
        seen->received = link->received;
        seen->sum = link->sum;
    }
    free(link);
}

static const struct kevy_stream_events events = {.open = opened,
                                                 .read = received,
                                                 .end = ended,
                                                 .drain = drained,
                                                 .timeout = timed_out,
                                                 .close = closed};

struct kevy_stream *trace_accept(struct kevy_listener *listener)
{
    struct link *link = calloc(1, sizeof *link);

    (void)listener;
    EXPECT(link != NULL, "no memory for the test itself");
    link->trace = kevy_sim_context(world);
    link->trace->accepted++;
    return kevy_stream_init(&link->stream, &events);
}
