/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The callbacks of a stream, and between them the steps of a request and the answers to methods.
 *
 * Invariants. The exchange is there from step_begin() to the moment its answer has begun. Whoever
 * queues bytes may find the connection closing afterwards, and the exchange gone with it; nothing
 * is queued then any more, and the loop over the steps ends.
 */
#include "connection.h"

#include "response.h"
#include "server.h"

#include <errno.h>
#include <string.h>

/* Queued bytes above which a client is not read from until it has read. */
#define HOLD_MARK (64 << 10)

/* The queue's marks: reading goes on below the one, and writes fail above the other. */
#define MARK_LOW  (16 << 10)
#define MARK_HIGH (256 << 10)

/* A part of a body from here on is handed on as it was received; below, copying it costs less. */
#define FORWARD_MIN 512

static void release_exchange(struct connection *connection)
{
    if (connection->exchange)
        server_give_exchange(connection->server, connection->exchange);
    connection->exchange = NULL;
    request_release(&connection->request);
}

static void stop_head_timer(struct connection *connection)
{
    if (connection->head_timed)
        kevy_stream_deadline(&connection->stream, KEVY_DEADLINE_PHASE, 0);
    connection->head_timed = false;
}

/* Ends the connection once everything queued is sent. */
static void close_connection(struct connection *connection)
{
    connection->mode = CONNECTION_CLOSES;
    stop_head_timer(connection);
    release_exchange(connection);
    kevy_stream_close(&connection->stream);
}

/* Ends it now. */
static void abort_connection(struct connection *connection)
{
    close_connection(connection);
    kevy_stream_abort(&connection->stream);
}

/* Takes note of queued bytes. -EPIPE is a client gone; any other error means that HOLD_MARK, or the
 * memory that the reactor may use, does not do what it is there for. */
static void account(struct connection *connection, size_t length, int error)
{
    if (!error) {
        connection->server->counters.bytes_out += length;
        return;
    }
    connection->server->counters.overflows += error != -EPIPE;
    abort_connection(connection);
}

static void send_bytes(struct connection *connection, const void *bytes, size_t length)
{
    if (connection->mode != CONNECTION_CLOSES)
        account(connection, length, kevy_stream_send(&connection->stream, bytes, length));
}

static enum response_connection connection_line(const struct connection *connection)
{
    if (!connection->stays)
        return RESPONSE_CLOSES;
    return connection->http_1_0 ? RESPONSE_KEEPS : RESPONSE_STAYS;
}

/* Sends the head of an answer with the `length` bytes of its body that follow in the exchange. */
static void send_answer(struct connection *connection, const struct response *response, char *body,
                        size_t length)
{
    char bytes[RESPONSE_BYTES_MAX];
    size_t head = response_write(bytes, response, server_date(connection->server));

    connection->server->counters.answers[response->status / 100]++;
    memcpy(body - head, bytes, head);
    send_bytes(connection, body - head, head + length);
}

static void begin_echo(struct connection *connection)
{
    static const char unknown_type[] = "application/octet-stream";
    const struct request *request = &connection->request;
    struct exchange *exchange = connection->exchange;
    struct response response = {
        .status = 200,
        .framing = request->chunked ? RESPONSE_CHUNKED : RESPONSE_LENGTH,
        .connection = connection_line(connection),
        .length = request->length,
        .type = exchange->head.type.at,
        .type_length = exchange->head.type.length,
    };

    if (!response.type_length || response.type_length > RESPONSE_TYPE_MAX) {
        response.type = unknown_type;
        response.type_length = sizeof unknown_type - 1;
    }
    connection->mode = CONNECTION_ECHOES;
    send_answer(connection, &response, exchange_held(exchange), exchange->held_length);
    release_exchange(connection);
}

/* True when the bytes are kept for an echo that has not begun, or are of no interest. */
static bool hold_back(struct connection *connection, const void *bytes, size_t length)
{
    struct exchange *exchange = connection->exchange;

    if (connection->mode != CONNECTION_HOLDS)
        return connection->mode == CONNECTION_DISCARDS;
    if (length > EXCHANGE_HELD_MAX - exchange->held_length) {
        begin_echo(connection);
        return false;
    }
    memcpy(exchange_held(exchange) + exchange->held_length, bytes, length);
    exchange->held_length += (uint32_t)length;
    return true;
}

static void echo(struct connection *connection, const void *bytes, size_t length)
{
    if (!hold_back(connection, bytes, length))
        send_bytes(connection, bytes, length);
}

static void refuse(struct connection *connection, enum refusal refusal)
{
    struct server_counters *counters = &connection->server->counters;
    const struct exchange *exchange = connection->exchange;
    char bytes[RESPONSE_BYTES_MAX];

    counters->refusals[refusal]++;
    if (connection->mode < CONNECTION_ECHOES) {
        counters->answers[response_refusal_status(refusal) / 100]++;
        send_bytes(connection, bytes,
                   response_write_refusal(bytes, refusal,
                                          exchange && exchange->head.method == METHOD_HEAD,
                                          server_date(connection->server)));
    }
    close_connection(connection);
}

/* What a step has to work on. */
struct reading {
    struct kevy_buffer *buffer;
    struct request_input input;
};

static void step_begin(struct connection *connection, struct reading *reading)
{
    (void)reading;
    connection->exchange = server_take_exchange(connection->server);
    if (connection->exchange)
        request_begin(&connection->request, &connection->exchange->head);
    else
        refuse(connection, REFUSAL_MEMORY);
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

    stop_head_timer(connection);
    server->counters.requests++;
    connection->requests++;
    connection->stays =
        head_keeps_alive(head) && connection->requests < server->options->requests_max;
    connection->http_1_0 = head->http_1_0;
    connection->mode = comes_back(head->method) ? CONNECTION_HOLDS : CONNECTION_DISCARDS;
    /* A client that sends the body along with the head did not wait for an answer. */
    if (head->asks_continue && (request->chunked || request->length) &&
        reading->input.at == reading->input.end)
        send_bytes(connection, response_continue, strlen(response_continue));
}

static void step_chunk(struct connection *connection, struct reading *reading)
{
    char line[RESPONSE_CHUNK_BYTES];

    (void)reading;
    echo(connection, line, response_write_chunk_line(line, connection->request.chunk_bytes));
}

static void step_body(struct connection *connection, struct reading *reading)
{
    struct text body = connection->request.body;
    struct kevy_buffer *buffer = reading->buffer;

    if (hold_back(connection, body.at, body.length) || connection->mode == CONNECTION_CLOSES)
        return;
    if (body.length < FORWARD_MIN) {
        send_bytes(connection, body.at, body.length);
        return;
    }
    size_t offset = (size_t)((const uint8_t *)body.at - buffer->data);
    account(connection, body.length,
            kevy_stream_forward_slice(&connection->stream, buffer, (uint32_t)offset,
                                      (uint32_t)body.length));
}

static void step_chunk_end(struct connection *connection, struct reading *reading)
{
    (void)reading;
    echo(connection, "\r\n", 2);
}

static void answer_echo(struct connection *connection)
{
    if (connection->request.chunked)
        echo(connection, "0\r\n\r\n", 5);
    if (connection->mode == CONNECTION_HOLDS)
        begin_echo(connection);
}

static void answer_head(struct connection *connection)
{
    static const char type[] = "text/plain";
    const struct head *head = &connection->exchange->head;
    const struct response response = {
        .status = 200,
        .framing = RESPONSE_LENGTH,
        .connection = connection_line(connection),
        .length = head->length - 2, /* without the empty line */
        .type = type,
        .type_length = sizeof type - 1,
    };

    send_answer(connection, &response, head->text,
                head->method == METHOD_HEAD ? 0 : (size_t)response.length);
}

static void answer_options(struct connection *connection)
{
    const struct response response = {
        .status = 204,
        .framing = RESPONSE_EMPTY,
        .connection = connection_line(connection),
        .allow = true,
    };

    send_answer(connection, &response, connection->exchange->head.text, 0);
}

static void (*const answers[METHOD_COUNT])(struct connection *connection) = {
    [METHOD_GET] = answer_head,        [METHOD_HEAD] = answer_head, [METHOD_DELETE] = answer_head,
    [METHOD_POST] = answer_echo,       [METHOD_PUT] = answer_echo,  [METHOD_PATCH] = answer_echo,
    [METHOD_OPTIONS] = answer_options,
};

/* A server that drains says goodbye with the last answer to what it has read. */
static void step_complete(struct connection *connection, struct reading *reading)
{
    if (kevy_reactor_draining(connection->server->reactor) &&
        reading->input.at == reading->input.end)
        connection->stays = false;
    if (connection->mode == CONNECTION_ECHOES)
        answer_echo(connection); /* the head is given back by now: it would say so */
    else
        answers[connection->exchange->head.method](connection);
    release_exchange(connection);
    if (connection->mode == CONNECTION_CLOSES)
        return;
    connection->mode = CONNECTION_DISCARDS;
    if (!connection->stays)
        close_connection(connection);
}

static void step_refused(struct connection *connection, struct reading *reading)
{
    (void)reading;
    refuse(connection, (enum refusal)connection->request.refusal);
}

static void (*const steps[])(struct connection *connection, struct reading *reading) = {
    [REQUEST_BEGIN] = step_begin,         [REQUEST_HEAD] = step_head,
    [REQUEST_CHUNK] = step_chunk,         [REQUEST_BODY] = step_body,
    [REQUEST_CHUNK_END] = step_chunk_end, [REQUEST_COMPLETE] = step_complete,
    [REQUEST_REFUSED] = step_refused,
};

static struct connection *connection_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct connection, stream);
}

static void connection_open(struct kevy_stream *stream)
{
    struct connection *connection = connection_of(stream);
    const struct server_options *options = connection->server->options;

    connection->server->counters.connections++;
    kevy_stream_marks(stream, MARK_LOW, MARK_HIGH);
    kevy_stream_deadline(stream, KEVY_DEADLINE_IDLE, options->idle_ns);
    kevy_stream_deadline(stream, KEVY_DEADLINE_WRITE, options->write_ns);
    if (kevy_reactor_draining(connection->server->reactor))
        close_connection(connection);
}

static void connection_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct connection *connection = connection_of(stream);
    struct reading reading = {buffer, {buffer->data, buffer->data + buffer->length}};
    enum request_step step;

    connection->server->counters.bytes_in += buffer->length;
    while (connection->mode != CONNECTION_CLOSES &&
           (step = request_next(&connection->request, &reading.input)) != REQUEST_MORE)
        steps[step](connection, &reading);
    if (connection->mode == CONNECTION_CLOSES)
        return;
    if (request_in_head(&connection->request) && !connection->head_timed) {
        connection->head_timed = true;
        kevy_stream_deadline(stream, KEVY_DEADLINE_PHASE, connection->server->options->header_ns);
    }
    if (kevy_stream_queued(stream) > HOLD_MARK)
        kevy_stream_hold(stream, stream);
}

/* The client is gone, and nobody has told it to go. */
static void count_cut_short(struct connection *connection)
{
    if (connection->mode != CONNECTION_CLOSES && request_in_message(&connection->request))
        connection->server->counters.cut_short++;
}

/* All that the client sent has been read: what is complete by now has been answered. */
static void connection_end(struct kevy_stream *stream)
{
    struct connection *connection = connection_of(stream);

    count_cut_short(connection);
    close_connection(connection);
}

/* A client between two requests is let go; one within a request learns why, if it still can. */
static void connection_timeout(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    struct connection *connection = connection_of(stream);

    connection->server->counters.timeouts[deadline]++;
    if (deadline == KEVY_DEADLINE_WRITE || connection->mode >= CONNECTION_ECHOES)
        abort_connection(connection);
    else if (request_in_message(&connection->request))
        refuse(connection, REFUSAL_TIMEOUT);
    else
        close_connection(connection);
}

/* The server drains: a request that has begun is answered first, and step_complete() closes. */
static void connection_finish(struct kevy_stream *stream)
{
    struct connection *connection = connection_of(stream);

    if (!request_in_message(&connection->request))
        close_connection(connection);
}

static void connection_close(struct kevy_stream *stream, int reason)
{
    struct connection *connection = connection_of(stream);

    (void)reason;
    count_cut_short(connection);
    release_exchange(connection);
    server_give_connection(connection->server, connection);
}

static const struct kevy_stream_events events = {
    .open = connection_open,
    .read = connection_read,
    .end = connection_end,
    .timeout = connection_timeout,
    .finish = connection_finish,
    .close = connection_close,
};

struct kevy_stream *connection_create(struct server *server)
{
    struct connection *connection = server_take_connection(server);

    if (!connection)
        return NULL;
    *connection = (struct connection){.server = server};
    request_init(&connection->request, &server->options->limits);
    return kevy_stream_init(&connection->stream, &events);
}
