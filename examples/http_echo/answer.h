/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * answer.h - what a client is told, in the order of the steps of its request.
 *
 * Model. An echo does not begin at once. Its first EXCHANGE_HELD_MAX bytes are held until the body
 * is complete or larger than that: as long as nothing has been said, a malformed, late or missing
 * end of the body can still be answered with what it deserves. After that the connection can only
 * be closed. Where bytes cannot be queued the connection is aborted, and its mode says so.
 */
#ifndef HTTP_ECHO_ANSWER_H
#define HTTP_ECHO_ANSWER_H

#include "refusal.h"

#include <kevy/recv_pool.h>

struct connection;

/* 100 Continue. */
void answer_interim(struct connection *connection);

/* Parts of a body, which come back where the method wants that; `buffer` is the one that they were
 * received in. */
void answer_chunk(struct connection *connection);
void answer_body(struct connection *connection, struct kevy_buffer *buffer);
void answer_chunk_end(struct connection *connection);

/* The rest of the answer to a complete request, or all of it. */
void answer_complete(struct connection *connection);

/* Why the request is turned down, if nothing has been said yet. The connection closes after it. */
void answer_refusal(struct connection *connection, enum refusal refusal);

#endif
