/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * connection.h - one client, from accept to close.
 *
 * Model. Received bytes become the steps of request.h; a table has a function for each step.
 * Requests are answered one after the other, so pipelined answers stay in order. The answers are:
 *
 *     POST, PUT, PATCH    the body, in constant memory
 *     GET, DELETE         the head of the request, as text
 *     HEAD                the same without the text
 *     OPTIONS             the list of methods
 *
 * A client that does not read its answers is not read from: with more than options->watermark bytes
 * queued the stream holds itself. The high watermark of the queue is so far above it that the
 * answers to one buffer of pipelined requests never reach it.
 *
 * Ownership. The memory belongs to the server, which keeps it for the next client.
 */
#ifndef HTTP_ECHO_CONNECTION_H
#define HTTP_ECHO_CONNECTION_H

#include "request.h"

#include <kevy/stream.h>

struct access_log_line;
struct exchange;
struct kevy_tls;
struct proxy_header;
struct server;

enum connection_mode {
    CONNECTION_DISCARDS, /* between requests, in a head, or in a body that does not come back */
    CONNECTION_HOLDS,    /* in an echo that has not begun */
    CONNECTION_ECHOES,   /* in an echo that has */
    CONNECTION_CLOSES,   /* the last answer has been given; further bytes are ignored */
};

/* The part of a request that is waited for. Each has its own time limit. */
enum connection_part {
    PART_NONE,
    PART_HEAD, /* all of it */
    PART_BODY, /* a stride of it at a time */
};

struct connection {
    struct kevy_stream stream;  /* not in use with TLS */
    struct kevy_tls *tls;       /* NULL: not encrypted; see transport.h */
    struct proxy_header *proxy; /* NULL: not through a proxy; see proxied.h */
    struct server *server;
    struct connection *next_spare;
    struct exchange
        *exchange; /* from the first byte of a head until its answer begins, else NULL */
    struct access_log_line *line; /* of an echo that has begun, else NULL */
    struct request request;
    uint64_t received; /* bytes, when the body's limit began */
    uint32_t requests;
    uint8_t mode;    /* enum connection_mode */
    uint8_t limited; /* enum connection_part */
    bool stays;      /* the client may send another request after this one */
    bool http_1_0;   /* of this request */
};

/* Prepares memory of server_take_connection() for a client to be accepted. Returns its stream; NULL
 * when there is no memory for more, and then gives this back. */
struct kevy_stream *connection_init(struct connection *connection, struct server *server);

/* The callbacks of the stream, or of the TLS connection. The first `skipped` bytes of a buffer are
 * no part of a request. */
void connection_open(struct connection *connection);
void connection_read(struct connection *connection, struct kevy_buffer *buffer, uint32_t skipped);
void connection_end(struct connection *connection);
void connection_timeout(struct connection *connection, enum kevy_deadline deadline);
void connection_finish(struct connection *connection);
void connection_closed(struct connection *connection);

/* Ends the connection once everything queued is sent, or now. */
void connection_let_go(struct connection *connection);
void connection_abort(struct connection *connection);

/* Gives the exchange back, but not the parser that a body still needs. Idempotent. */
void connection_release_exchange(struct connection *connection);

#endif
