/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What is queued for a client, and what is held back of it.
 *
 * Invariants. Whoever queues bytes may find the connection closing afterwards, and the exchange
 * gone with it; nothing is queued then any more.
 */
#include "answer.h"

#include "connection.h"
#include "response.h"
#include "server.h"

#include <errno.h>
#include <string.h>

/* A part of a body from here on is handed on as it was received; below, copying it costs less. */
#define FORWARD_MIN 512

/* Takes note of queued bytes. -EPIPE is a client gone; any other error means that HOLD_MARK, or the
 * memory that the reactor may use, does not do what it is there for. */
static void account(struct connection *connection, size_t length, int error)
{
    if (!error) {
        connection->server->counters.bytes_out += length;
        return;
    }
    connection->server->counters.overflows += error != -EPIPE;
    connection_abort(connection);
}

static void send_bytes(struct connection *connection, const void *bytes, size_t length)
{
    if (connection->mode != CONNECTION_CLOSES)
        account(connection, length, kevy_stream_send(&connection->stream, bytes, length));
}

void answer_interim(struct connection *connection)
{
    send_bytes(connection, response_continue, strlen(response_continue));
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
    connection_release_exchange(connection);
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

void answer_refusal(struct connection *connection, enum refusal refusal)
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
    connection_let_go(connection);
}

void answer_chunk(struct connection *connection)
{
    char line[RESPONSE_CHUNK_BYTES];

    echo(connection, line, response_write_chunk_line(line, connection->request.chunk_bytes));
}

void answer_chunk_end(struct connection *connection)
{
    echo(connection, "\r\n", 2);
}

void answer_body(struct connection *connection, struct kevy_buffer *buffer)
{
    struct text body = connection->request.body;
    size_t offset = (size_t)((const uint8_t *)body.at - buffer->data);

    if (hold_back(connection, body.at, body.length) || connection->mode == CONNECTION_CLOSES)
        return;
    if (body.length < FORWARD_MIN)
        send_bytes(connection, body.at, body.length);
    else
        account(connection, body.length,
                kevy_stream_forward_slice(&connection->stream, buffer, (uint32_t)offset,
                                          (uint32_t)body.length));
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

void answer_complete(struct connection *connection)
{
    if (connection->mode == CONNECTION_ECHOES)
        answer_echo(connection); /* the head is given back by now: it would say so */
    else
        answers[connection->exchange->head.method](connection);
}
