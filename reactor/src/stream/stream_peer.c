/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Who is at the other end of a stream, and what went through it.
 *
 * Model. Asked of the kernel each time, and kept nowhere.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include "socket/socket.h"

static bool has_descriptor(const struct kevy_stream *stream)
{
    return kevy_stream_fd(stream) >= 0;
}

int kevy_stream_credentials(const struct kevy_stream *stream, struct kevy_credentials *peer)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    int error;

    if (!has_descriptor(stream))
        return -ENOTCONN;
    if (socket_family(reactor, stream->fd) != AF_UNIX)
        return -EOPNOTSUPP; /* the kernel would answer with nobody */
    error = SYSTEM(reactor, getsockopt, stream->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length);
    if (error < 0)
        return error;
    *peer = (struct kevy_credentials){
        .process = credentials.pid, .user = credentials.uid, .group = credentials.gid};
    return 0;
}

int kevy_stream_peer_address(const struct kevy_stream *stream, struct sockaddr *address,
                             socklen_t *length)
{
    if (!has_descriptor(stream))
        return -ENOTCONN;
    return SYSTEM(stream->object.reactor, getpeername, stream->fd, address, length);
}

int kevy_stream_local_address(const struct kevy_stream *stream, struct sockaddr *address,
                              socklen_t *length)
{
    if (!has_descriptor(stream))
        return -ENOTCONN;
    return SYSTEM(stream->object.reactor, getsockname, stream->fd, address, length);
}

void kevy_stream_stats(const struct kevy_stream *stream, struct kevy_stream_stats *traffic)
{
    assert(stream->accepted >= stream->queued);
    traffic->received = stream->received;
    traffic->sent = stream->accepted - stream->queued;
}

#endif /* KEVY_RING_SUPPORTED */
