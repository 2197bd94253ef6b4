/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * answer.h - the answers to a client, one function for each step of its request.
 *
 * Model. An echo does not begin at once. Up to EXCHANGE_HELD_MAX bytes of the body are held until
 * it is complete, or larger than that. While they are held,
 *
 *     - a malformed or late body can still be answered with its status;
 *     - the length of a chunked body may become known, and is then sent instead of chunks.
 *
 * After the echo has begun, a fault in the body can only end the connection. Where bytes cannot be
 * queued the connection is aborted, and its mode says so.
 */
#ifndef HTTP_ECHO_ANSWER_H
#define HTTP_ECHO_ANSWER_H

#include "refusal.h"

#include <kevy/recv_pool.h>

struct connection;

/* 100 Continue. */
void answer_interim(struct connection *connection);

/* The parts of a body. They come back if the method is one of those that echo. `buffer` is the
 * buffer that the bytes were received in. */
void answer_chunk(struct connection *connection);
void answer_body(struct connection *connection, struct kevy_buffer *buffer);
void answer_chunk_end(struct connection *connection);

/* The rest of the answer to a complete request, or all of it. */
void answer_complete(struct connection *connection);

/* An echo that has begun ends, complete or not: its line of the log is written. Idempotent. */
void answer_log_end(struct connection *connection);

/* Why the request is refused, unless its answer has begun. The connection closes after it. */
void answer_refusal(struct connection *connection, enum refusal refusal);

#endif
