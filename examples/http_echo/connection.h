/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * connection.h - one client, from accept to close.
 *
 * Model. Received bytes become the steps of request.h, each step a function of a table. Requests
 * are answered one after the other, so pipelined answers cannot change places. What a request
 * becomes:
 *
 *     POST, PUT, PATCH    its body comes back, framed as it came, in constant memory
 *     GET, DELETE, HEAD   its head comes back as text (to HEAD only that text's length)
 *     OPTIONS             the list of methods
 *
 * An echo does not begin at once. Its first EXCHANGE_HELD_MAX bytes are held until the body is
 * complete or larger than that: as long as nothing has been said, a malformed, late or missing end
 * of the body can still be answered with what it deserves. After that the connection can only be
 * closed.
 *
 * A client that does not read its answers is not read from: above HOLD_MARK queued bytes the stream
 * holds itself. The queue's own high mark lies so far above that one buffer of pipelined requests
 * never meets it.
 *
 * Ownership. The memory belongs to the server, which keeps it for the next client.
 */
#ifndef HTTP_ECHO_CONNECTION_H
#define HTTP_ECHO_CONNECTION_H

#include "request.h"

#include <kevy/stream.h>

struct exchange;
struct server;

enum connection_mode {
    CONNECTION_DISCARDS, /* between requests, in a head, or in a body that does not come back */
    CONNECTION_HOLDS,    /* in an echo that has not begun */
    CONNECTION_ECHOES,   /* in an echo that has */
    CONNECTION_CLOSES,   /* the last answer is given: what still comes is not looked at */
};

struct connection {
    struct kevy_stream stream;
    struct server *server;
    struct connection *next_spare;
    struct exchange
        *exchange; /* from the first byte of a head until its answer begins, else NULL */
    struct request request;
    uint32_t requests;
    uint8_t mode;    /* enum connection_mode */
    bool stays;      /* the client may send another request after this one */
    bool http_1_0;   /* of this request */
    bool head_timed; /* the header deadline is set */
};

/* A stream for a client to be accepted, NULL when there is no memory. */
struct kevy_stream *connection_create(struct server *server);

#endif
