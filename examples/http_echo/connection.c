/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The callbacks of a stream, the steps of a request and their time limits.
 *
 * Invariants. The exchange is there from step_begin() until the answer to its request begins. Its
 * parser stays with a body that has not come to its end. After an answer the connection may be
 * closing, and its exchange gone; then the loop over the steps ends.
 */
#include "connection.h"

#include "answer.h"
#include "proxied.h"
#include "secure.h"
#include "server.h"

#include <errno.h>
#include "transport.h"

/* More than the answers to all requests that fit into one received buffer. */
#define ANSWERS_OF_A_BUFFER (192 << 10)

/* How long a server that finishes waits for the next request of a client. */
#define FINISH_REQUEST_NS KEVY_SECONDS(1)

/* Bytes of a body that its time limit is for. */
#define BODY_STRIDE 1024

void connection_release_exchange(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;

    if (exchange) {
        if (connection->request.parser)
            exchange->parser = NULL;
        server_give_exchange(connection->server, exchange);
    }
    connection->exchange = NULL;
    request_release(&connection->request);
}

/* The message is complete, or never will be. Idempotent. */
static void message_end(struct connection *connection)
{
    llhttp_t *parser;

    connection_release_exchange(connection);
    parser = request_release_parser(&connection->request);
    if (parser)
        server_give_parser(connection->server, parser);
}

/* Queued bytes below which reading goes on. */
static uint32_t low_watermark(const struct connection *connection)
{
    return connection->server->options->watermark / 4;
}

static uint64_t bytes_received(struct connection *connection)
{
    struct kevy_stream_stats traffic;

    kevy_stream_stats(transport_stream(connection), &traffic);
    return traffic.received;
}

static void limit_part(struct connection *connection, enum connection_part part)
{
    const struct server_options *options = connection->server->options;
    const uint64_t limits_ns[] = {
        [PART_NONE] = 0, [PART_HEAD] = options->header_ns, [PART_BODY] = options->body_ns};

    if (part == PART_BODY)
        connection->received = bytes_received(connection);
    connection->limited = part;
    transport_set_deadline(connection, KEVY_DEADLINE_TOTAL, limits_ns[part]);
}

/* Sets the time limit of the part that is waited for, unless that is set already. */
static void limit_wait(struct connection *connection)
{
    enum connection_part part = request_in_head(&connection->request)      ? PART_HEAD
                                : request_in_message(&connection->request) ? PART_BODY
                                                                           : PART_NONE;

    if (part != connection->limited)
        limit_part(connection, part);
}

/* The part is complete: the next one has its own time limit. */
static void limit_end(struct connection *connection)
{
    if (connection->limited)
        limit_part(connection, PART_NONE);
}

void connection_let_go(struct connection *connection)
{
    connection->mode = CONNECTION_CLOSES;
    limit_end(connection);
    message_end(connection);
    transport_close(connection);
}

void connection_abort(struct connection *connection)
{
    connection_let_go(connection);
    transport_abort(connection);
}

/* A client that is idle when the server finishes may have a request under way. */
static void limit_idle(struct connection *connection)
{
    const struct server_options *options = connection->server->options;
    uint64_t limit_ns = options->idle_ns;

    if (kevy_reactor_finishing(connection->server->reactor) &&
        !request_in_message(&connection->request)) {
        uint64_t finish_ns =
            options->drain_ns / 2 < FINISH_REQUEST_NS ? options->drain_ns / 2 : FINISH_REQUEST_NS;
        if (limit_ns > finish_ns)
            limit_ns = finish_ns;
    }
    transport_set_deadline(connection, KEVY_DEADLINE_IDLE, limit_ns);
}

/* The buffer that was received, and the part of it that no step has used yet. */
struct reading {
    struct kevy_buffer *buffer;
    struct request_input input;
};

static void step_begin(struct connection *connection, struct reading *reading)
{
    (void)reading;
    connection->exchange = server_take_exchange(connection->server);
    if (connection->exchange)
        request_begin(&connection->request, &connection->exchange->head,
                      connection->exchange->parser);
    else
        answer_refusal(connection, REFUSAL_MEMORY);
    if (kevy_reactor_finishing(connection->server->reactor))
        limit_idle(connection);
}

static bool comes_back(unsigned method)
{
    return method == METHOD_POST || method == METHOD_PUT || method == METHOD_PATCH;
}

static void step_head(struct connection *connection, struct reading *reading)
{
    const struct request *request = &connection->request;
    const struct head *head = request->head;
    struct server *server = connection->server;

    limit_end(connection);
    server->counters.requests++;
    connection->requests++;
    connection->stays =
        head_keeps_alive(head) && connection->requests < server->options->requests_max;
    connection->http_1_0 = head->http_1_0;
    connection->mode = comes_back(head->method) ? CONNECTION_HOLDS : CONNECTION_DISCARDS;
    /* A client that has sent a part of the body did not wait for an answer. */
    if (head->asks_continue && (request->chunked || request->length) &&
        reading->input.at == reading->input.end)
        answer_interim(connection);
}

static void step_chunk(struct connection *connection, struct reading *reading)
{
    (void)reading;
    answer_chunk(connection);
}

static void step_body(struct connection *connection, struct reading *reading)
{
    answer_body(connection, reading->buffer);
}

static void step_chunk_end(struct connection *connection, struct reading *reading)
{
    (void)reading;
    answer_chunk_end(connection);
}

/* During a drain the last answer to the bytes that were read closes the connection. */
static void step_complete(struct connection *connection, struct reading *reading)
{
    if (kevy_reactor_finishing(connection->server->reactor) &&
        reading->input.at == reading->input.end)
        connection->stays = false;
    limit_end(connection);
    answer_complete(connection);
    message_end(connection);
    if (connection->mode == CONNECTION_CLOSES)
        return;
    connection->mode = CONNECTION_DISCARDS;
    if (!connection->stays)
        connection_let_go(connection);
}

static void step_refused(struct connection *connection, struct reading *reading)
{
    (void)reading;
    answer_refusal(connection, (enum refusal)connection->request.refusal);
}

static void (*const steps[])(struct connection *connection, struct reading *reading) = {
    [REQUEST_BEGIN] = step_begin,         [REQUEST_HEAD] = step_head,
    [REQUEST_CHUNK] = step_chunk,         [REQUEST_BODY] = step_body,
    [REQUEST_CHUNK_END] = step_chunk_end, [REQUEST_COMPLETE] = step_complete,
    [REQUEST_REFUSED] = step_refused,
};

void connection_open(struct connection *connection)
{
    const struct server_options *options = connection->server->options;

    connection->server->counters.connections++;
    transport_set_watermarks(connection, low_watermark(connection),
                             options->watermark + ANSWERS_OF_A_BUFFER);
    limit_idle(connection);
    transport_set_deadline(connection, KEVY_DEADLINE_SEND, options->write_ns);
    if (!proxied_is_known(connection))
        limit_part(connection, PART_HEAD);
}

void connection_read(struct connection *connection, struct kevy_buffer *buffer, uint32_t skipped)
{
    struct reading reading = {buffer, {buffer->data + skipped, buffer->data + buffer->length}};
    enum request_step step;

    connection->server->counters.bytes_in += buffer->length - skipped;
    while (connection->mode != CONNECTION_CLOSES &&
           (step = request_next(&connection->request, &reading.input)) != REQUEST_MORE)
        steps[step](connection, &reading);
    if (connection->mode == CONNECTION_CLOSES)
        return;
    limit_wait(connection);
    if (kevy_stream_queued(transport_stream(connection)) > connection->server->options->watermark)
        transport_hold(connection);
}

/* The client ended the connection, not the server. */
static void count_cut_short(struct connection *connection)
{
    if (connection->mode != CONNECTION_CLOSES && request_in_message(&connection->request))
        connection->server->counters.cut_short++;
}

/* The client sends nothing more. All complete requests have been answered. */
void connection_end(struct connection *connection)
{
    count_cut_short(connection);
    connection_let_go(connection);
}

/* The body arrives fast enough, or it is not read because its client does not read the answer. */
static bool body_moves(struct connection *connection)
{
    return bytes_received(connection) - connection->received >= BODY_STRIDE ||
           kevy_stream_queued(transport_stream(connection)) > low_watermark(connection);
}

static enum timeout timeout_of(const struct connection *connection, enum kevy_deadline deadline)
{
    if (deadline == KEVY_DEADLINE_IDLE)
        return TIMEOUT_IDLE;
    if (deadline == KEVY_DEADLINE_SEND)
        return TIMEOUT_WRITE;
    return connection->limited == PART_HEAD ? TIMEOUT_HEADER : TIMEOUT_BODY;
}

/* Between two requests the connection is closed without a word; in a drain that is no fault of the
 * client. Within a request the client gets 408, unless its answer has begun. */
void connection_timeout(struct connection *connection, enum kevy_deadline deadline)
{
    if (deadline == KEVY_DEADLINE_TOTAL && connection->limited == PART_BODY &&
        body_moves(connection)) {
        limit_part(connection, PART_BODY);
        return;
    }
    if (!kevy_reactor_finishing(connection->server->reactor) ||
        request_in_message(&connection->request))
        connection->server->counters.timeouts[timeout_of(connection, deadline)]++;
    if (deadline == KEVY_DEADLINE_SEND || connection->mode >= CONNECTION_ECHOES)
        connection_abort(connection);
    else if (request_in_message(&connection->request))
        answer_refusal(connection, REFUSAL_TIMEOUT);
    else
        connection_let_go(connection);
}

/* A drain: a request that has begun, or comes soon, is answered first, and step_complete() closes.
 * To close an idle connection at once would lose the request that is under way. */
void connection_finish(struct connection *connection)
{
    if (!request_in_message(&connection->request))
        limit_idle(connection);
}

void connection_closed(struct connection *connection)
{
    count_cut_short(connection);
    message_end(connection);
    answer_log_end(connection);
    proxied_end(connection);
    server_give_connection(connection->server, connection);
}

static struct connection *connection_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct connection, stream);
}

static void plain_open(struct kevy_stream *stream)
{
    connection_open(connection_of(stream));
}

static void plain_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    connection_read(connection_of(stream), buffer, 0);
}

static void plain_end(struct kevy_stream *stream)
{
    connection_end(connection_of(stream));
}

static void plain_timeout(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    connection_timeout(connection_of(stream), deadline);
}

static void plain_finish(struct kevy_stream *stream)
{
    connection_finish(connection_of(stream));
}

static void plain_close(struct kevy_stream *stream, int reason)
{
    struct connection *connection = connection_of(stream);

    connection->server->counters.overflows += reason == -ENOMEM;
    connection_closed(connection);
}

static const struct kevy_stream_events plain_events = {
    .open = plain_open,
    .read = plain_read,
    .end = plain_end,
    .timeout = plain_timeout,
    .finish = plain_finish,
    .close = plain_close,
};

/* In front of the first request there is a header of the proxy. */
static void proxied_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct connection *connection = connection_of(stream);
    int taken = 0;

    if (!proxied_is_known(connection))
        taken = proxied_take(connection, buffer->data, buffer->length);
    if (taken < 0)
        connection_abort(connection);
    else if (proxied_is_known(connection))
        connection_read(connection, buffer, (uint32_t)taken);
}

static const struct kevy_stream_events proxied_events = {
    .open = plain_open,
    .read = proxied_read,
    .end = plain_end,
    .timeout = plain_timeout,
    .finish = plain_finish,
    .close = plain_close,
};

struct kevy_stream *connection_init(struct connection *connection, struct server *server)
{
    *connection = (struct connection){.server = server};
    request_init(&connection->request, &server->options->limits);
    if (proxied_expected(server->options, &server->listener) && !proxied_begin(connection)) {
        server_give_connection(server, connection);
        return NULL;
    }
#ifdef HTTP_ECHO_TLS
    if (server->options->tls)
        return secure_init(connection, server->options->tls);
#endif
    return kevy_stream_init(&connection->stream,
                            connection->proxy ? &proxied_events : &plain_events);
}
