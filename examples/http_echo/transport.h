/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * transport.h - the bytes of a connection, encrypted or not.
 *
 * Model. A connection has a stream; with TLS it has a kevy_tls beside it, whose own stream is in
 * use instead (secure.h). Each function here asks which of the two it is, and does the same with
 * either.
 */
#ifndef HTTP_ECHO_TRANSPORT_H
#define HTTP_ECHO_TRANSPORT_H

#include "connection.h"

#include <kevy/stream.h>

#ifdef HTTP_ECHO_TLS

#include <kevy/tls.h>

#define TRANSPORT(connection, on_tls, on_stream) ((connection)->tls ? on_tls : on_stream)

/* The stream that the bytes go through. */
static inline struct kevy_stream *transport_stream(struct connection *connection)
{
    return connection->tls ? &connection->tls->stream : &connection->stream;
}

#else

#define TRANSPORT(connection, on_tls, on_stream) (on_stream)

static inline struct kevy_stream *transport_stream(struct connection *connection)
{
    return &connection->stream;
}

#endif

static inline int transport_send(struct connection *connection, const void *bytes, size_t length)
{
    return TRANSPORT(connection, kevy_tls_send(connection->tls, bytes, length),
                     kevy_stream_send(&connection->stream, bytes, length));
}

static inline int transport_forward_slice(struct connection *connection, struct kevy_buffer *buffer,
                                          uint32_t offset, uint32_t length)
{
    return TRANSPORT(connection, kevy_tls_forward_slice(connection->tls, buffer, offset, length),
                     kevy_stream_forward_slice(&connection->stream, buffer, offset, length));
}

static inline void transport_set_watermarks(struct connection *connection, uint32_t low,
                                            uint32_t high)
{
    TRANSPORT(connection, kevy_tls_set_watermarks(connection->tls, low, high),
              kevy_stream_set_watermarks(&connection->stream, low, high));
}

static inline void transport_set_deadline(struct connection *connection,
                                          enum kevy_deadline deadline, uint64_t timeout_ns)
{
    TRANSPORT(connection, kevy_tls_set_deadline(connection->tls, deadline, timeout_ns),
              kevy_stream_set_deadline(&connection->stream, deadline, timeout_ns));
}

static inline void transport_close(struct connection *connection)
{
    TRANSPORT(connection, kevy_tls_close(connection->tls), kevy_stream_close(&connection->stream));
}

static inline void transport_abort(struct connection *connection)
{
    TRANSPORT(connection, kevy_tls_abort(connection->tls), kevy_stream_abort(&connection->stream));
}

/* Does not read from the client until it has read what is queued for it. */
static inline void transport_hold(struct connection *connection)
{
    struct kevy_stream *stream = transport_stream(connection);

    kevy_stream_hold(stream, stream);
}

#endif
