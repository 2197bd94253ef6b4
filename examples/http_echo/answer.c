/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Queues the answers, and holds the beginning of an echo.
 *
 * Invariant. After a function here has queued bytes the connection may be closing, and its exchange
 * gone. Nothing more is queued then.
 */
#include "answer.h"

#include "access_log.h"
#include "connection.h"
#include "networks.h"
#include "proxied.h"
#include "response.h"
#include "server.h"
#include "transport.h"

#include <errno.h>
#include <string.h>

/* A part of a body of this size or larger is forwarded without a copy; copying less than this costs
 * less than forwarding it. */
#define FORWARD_MIN 512

/* Counts queued bytes. -EPIPE means that the client is gone. Any other error means that the queue
 * or the reactor's memory is full. */
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
        account(connection, length, transport_send(connection, bytes, length));
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

/* The request line, as far as it has come. */
static struct text request_line(const struct connection *connection)
{
    const struct head *head;
    const char *end;

    if (!connection->exchange)
        return (struct text){"", 0};
    head = &connection->exchange->head;
    end = memchr(head->text, '\r', head->length);
    return (struct text){head->text, end ? (size_t)(end - head->text) : head->length};
}

/* An echo that has begun keeps its line until its end, when the number of bytes is known. */
static void log_answer(struct connection *connection, unsigned status, uint64_t bytes)
{
    struct access_log *log = connection->server->log;
    const char *peer = server_peer(connection->server, connection);

    if (connection->mode == CONNECTION_ECHOES && request_in_message(&connection->request))
        connection->line = access_log_hold(log, peer, request_line(connection), status);
    else
        access_log_add(log, peer, request_line(connection), status, bytes);
}

void answer_log_end(struct connection *connection)
{
    if (connection->line)
        access_log_release(connection->server->log, connection->line,
                           request_body_received(&connection->request));
    connection->line = NULL;
}

/* Sends the head of an answer, written in front of `body` where there is room for it, and `length`
 * bytes of body. */
static void send_answer(struct connection *connection, const struct response *response, char *body,
                        size_t length)
{
    char *head = response_write(body, response, server_date(connection->server));

    connection->server->counters.answers[response->status / 100]++;
    if (connection->server->log)
        log_answer(connection, response->status, length);
    send_bytes(connection, head, (size_t)(body - head) + length);
}

static void send_echo(struct connection *connection, enum response_framing framing, uint64_t length,
                      char *body, size_t there)
{
    static const char unknown_type[] = "application/octet-stream";
    const struct head *head = &connection->exchange->head;
    struct response response = {
        .status = 200,
        .framing = framing,
        .connection = connection_line(connection),
        .length = length,
        .type = head->type.at,
        .type_length = head->type.length,
    };

    if (!response.type_length || response.type_length > RESPONSE_TYPE_MAX) {
        response.type = unknown_type;
        response.type_length = sizeof unknown_type - 1;
    }
    connection->mode = CONNECTION_ECHOES;
    send_answer(connection, &response, body, there);
    connection_release_exchange(connection);
}

/*
 * More has come than can be held; `more` bytes of it are at hand. What came in chunks goes on in
 * chunks: the first is what was held, the second is the rest of the one that is being received. So
 * the answer does not depend on how the bytes arrived.
 */
static void begin_echo(struct connection *connection, size_t more)
{
    const struct request *request = &connection->request;
    struct exchange *exchange = connection->exchange;
    size_t length = exchange->held_length;
    char *body = exchange_held(exchange);
    char line[RESPONSE_CHUNK_BYTES];
    char *end = line + sizeof line;

    if (!request->chunked) {
        send_echo(connection, RESPONSE_LENGTH, request->length, body, length);
        return;
    }
    char *chunk = response_write_chunk_line(body, length);
    memcpy(body + length, "\r\n", 2);
    send_echo(connection, RESPONSE_CHUNKED, 0, chunk, (size_t)(body - chunk) + length + 2);
    chunk = response_write_chunk_line(end, more + request_chunk_left(request));
    send_bytes(connection, chunk, (size_t)(end - chunk));
}

/* All of it is held: whatever way it came in, it goes back in one piece. */
static void send_held(struct connection *connection)
{
    struct exchange *exchange = connection->exchange;
    size_t length = exchange->held_length;

    send_echo(connection, RESPONSE_LENGTH, length, exchange_held(exchange), length);
}

/* Keeps what there is room for. Returns the rest. */
static struct text hold_back(struct exchange *exchange, struct text body)
{
    size_t room = EXCHANGE_HELD_MAX - exchange->held_length;
    size_t length = body.length < room ? body.length : room;

    memcpy(exchange_held(exchange) + exchange->held_length, body.at, length);
    exchange->held_length += (uint32_t)length;
    return text_skip(body, length);
}

static void log_refusal(struct connection *connection, unsigned status, struct text answer)
{
    const char *body = memmem(answer.at, answer.length, "\r\n\r\n", 4);

    log_answer(connection, status, answer.length - (size_t)(body - answer.at) - 4);
}

void answer_refusal(struct connection *connection, enum refusal refusal)
{
    struct server_counters *counters = &connection->server->counters;
    const struct exchange *exchange = connection->exchange;
    char bytes[RESPONSE_BYTES_MAX];

    counters->refusals[refusal]++;
    if (connection->mode < CONNECTION_ECHOES) {
        struct text answer = response_write_refusal(
            bytes, refusal, exchange ? head_answer(&exchange->head) : HEAD_ANSWER_UNKNOWN,
            server_date(connection->server));

        counters->answers[response_refusal_status(refusal) / 100]++;
        if (connection->server->log)
            log_refusal(connection, response_refusal_status(refusal), answer);
        send_bytes(connection, answer.at, answer.length);
    }
    connection_let_go(connection);
}

/* What is held is without the lines of its chunks. */
void answer_chunk(struct connection *connection)
{
    char line[RESPONSE_CHUNK_BYTES];
    char *end = line + sizeof line;
    char *at = response_write_chunk_line(end, connection->request.chunk_bytes);

    if (connection->mode == CONNECTION_ECHOES)
        send_bytes(connection, at, (size_t)(end - at));
}

void answer_chunk_end(struct connection *connection)
{
    if (connection->mode == CONNECTION_ECHOES)
        send_bytes(connection, "\r\n", 2);
}

void answer_body(struct connection *connection, struct kevy_buffer *buffer)
{
    struct text body = connection->request.body;

    if (connection->mode == CONNECTION_HOLDS) {
        body = hold_back(connection->exchange, body);
        if (body.length)
            begin_echo(connection, body.length);
    }
    if (connection->mode != CONNECTION_ECHOES || !body.length)
        return;
    if (body.length < FORWARD_MIN)
        send_bytes(connection, body.at, body.length);
    else
        account(connection, body.length,
                transport_forward_slice(connection, buffer,
                                        (uint32_t)((const uint8_t *)body.at - buffer->data),
                                        (uint32_t)body.length));
}

static void answer_echo(struct connection *connection)
{
    if (connection->mode == CONNECTION_HOLDS)
        send_held(connection);
    else if (connection->request.chunked)
        send_bytes(connection, "0\r\n\r\n", 5);
}

/* Where proxies name their clients, the client can see as whom it is known. */
static const char *write_client(struct connection *connection, char *text)
{
    const struct networks *proxies = connection->server->options->proxies;

    if (!proxies || !proxies->count)
        return NULL;
    proxied_write_client(connection, text, RESPONSE_CLIENT_MAX + 1);
    return text;
}

static void answer_head(struct connection *connection)
{
    static const char type[] = "text/plain";
    const struct head *head = &connection->exchange->head;
    char client[RESPONSE_CLIENT_MAX + 1];
    const struct response response = {
        .status = 200,
        .framing = RESPONSE_LENGTH,
        .connection = connection_line(connection),
        .length = head->length - 2, /* without the empty line */
        .type = type,
        .type_length = sizeof type - 1,
        .client = write_client(connection, client),
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
    if (connection->mode == CONNECTION_ECHOES) {
        answer_echo(connection); /* the exchange with the head is given back by now */
        answer_log_end(connection);
    } else {
        answers[connection->exchange->head.method](connection);
    }
}
