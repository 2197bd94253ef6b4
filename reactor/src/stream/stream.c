/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The states of a stream: what its flush does in each, and how it ends.
 *
 * Model. The diagram is in stream_internal.h. User calls only change state and flags and make the
 * stream pending; the flush acts. Ending is one road: terminate -> cancel what is in flight -> wait
 * for zero -> close the descriptor -> last callback. Closing in good order walks towards it through
 * flushing and lingering.
 *
 * Invariants. The state only moves forward, from idle to idle. The descriptor is closed with
 * nothing in flight but that close: a close with a recv armed sends no FIN (liburing issue 932).
 * Between terminate and the last callback no other callback comes but `done` of the writes that are
 * dropped.
 */
#include "stream_internal.h"
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

static void flush_nothing(struct kevy_stream *stream)
{
    (void)stream;
}

/* Events that were waiting for the loop. Each may change the state. */
static void tell(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_TELL_OPEN)) {
        stream->object.flags &= ~STREAM_TELL_OPEN;
        if (stream->events->open != NULL)
            stream->events->open(stream);
    }
    if (stream->object.state == STREAM_OPEN && stream_has(stream, OBJECT_FINISH)) {
        stream->object.flags &= ~OBJECT_FINISH;
        if (stream->events->finish != NULL)
            stream->events->finish(stream);
        else
            kevy_stream_close(stream);
    }
}

static void flush_open(struct kevy_stream *stream)
{
    /* Almost always: it reads on as it did, and has something to send. */
    if (unlikely(stream_has(stream, STREAM_TELL_OPEN | OBJECT_FINISH)))
        tell(stream);
    if (unlikely(stream->held_last != NULL || stream_has(stream, STREAM_READ_ENDED)))
        stream_read_continue(stream);
    if (unlikely(stream->object.state != STREAM_OPEN))
        return; /* a callback ended it, and made it pending again */
    stream_recv_adjust(stream);
    stream_write_continue(stream);
}

/* The peer is done, and what it has not acknowledged is the kernel's own. */
static bool linger_over(const struct kevy_stream *stream)
{
    return stream_has(stream, STREAM_READ_ENDED) && stream->notices == 0;
}

static void flush_closing(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_WRITE_FAILED)) {
        stream_terminate(stream, stream->reason);
        return;
    }
    /* Reading on, into nothing: a peer that is busy sending might not read otherwise. */
    if (!stream_has(stream, STREAM_FILE))
        stream_recv_adjust(stream);
    stream_write_continue(stream);
    if (!stream_has(stream, STREAM_FIN_SENT))
        return;
    if (stream_has(stream, STREAM_FILE)) {
        stream_terminate(stream, 0);
        return;
    }
    stream_linger(stream);
    if (linger_over(stream))
        stream_terminate(stream, 0);
}

static void flush_lingering(struct kevy_stream *stream)
{
    if (linger_over(stream))
        stream_terminate(stream, 0);
    else
        stream_recv_adjust(stream);
}

/* The user_data of the send or connect in flight. */
static uint64_t sending_name(const struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_ZERO_COPYING))
        return user_data_make(stream_zero_copy_write(stream), OPERATION_ZERO_COPY);
    return user_data_make(stream,
                          stream_has(stream, STREAM_SENDING) ? OPERATION_SEND : OPERATION_CONNECT);
}

static bool request_cancel(struct kevy_stream *stream, uint64_t user_data)
{
    struct kevy_sqe *sqe = reactor_cancel_sqe(stream->object.reactor);

    if (sqe != NULL)
        kevy_prep_cancel(sqe, user_data, 0);
    else
        object_pend(&stream->object);
    return sqe != NULL;
}

/*
 * Asks each request to end, by its name. Not all of the descriptor's at once: the kernel finds a
 * name by hashing, and a descriptor by looking at every request that waits, 270 us at 9,000 of them
 * (6.18).
 */
static void flights_cancel(struct kevy_stream *stream)
{
    bool receiving = stream_has(stream, STREAM_RECV_ARMED);

    if (receiving && !stream_has(stream, STREAM_RECV_CANCELLED) &&
        request_cancel(stream, user_data_make(stream, OPERATION_RECV)))
        stream->object.flags |= STREAM_RECV_CANCELLED;
    if (stream->object.in_flight > receiving && !stream_has(stream, STREAM_CANCELLED) &&
        request_cancel(stream, sending_name(stream)))
        stream->object.flags |= STREAM_CANCELLED;
}

static void descriptor_close(struct kevy_stream *stream)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct kevy_sqe *sqe = reactor_sqe(stream->object.reactor, stream, OPERATION_CLOSE);

    if (sqe == NULL) {
        object_pend(&stream->object);
        return;
    }
    if (stream_has(stream, STREAM_RESET))
        (void)setsockopt(stream->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    kevy_prep_close(sqe, stream->fd);
    stream->object.in_flight++;
    stream_state_set(stream, STREAM_CLOSED);
}

static void flush_terminating(struct kevy_stream *stream)
{
    if (stream->object.in_flight != 0) {
        flights_cancel(stream);
        return;
    }
    stream_queue_drop(stream, stream->reason != 0 ? stream->reason : -ECANCELED);
    descriptor_close(stream);
}

void stream_flush(struct kevy_x_object *object)
{
    static void (*const by_state[])(struct kevy_stream *) = {
        [STREAM_IDLE] = flush_nothing,        [STREAM_CONNECTING] = flush_nothing,
        [STREAM_OPEN] = flush_open,           [STREAM_CLOSING] = flush_closing,
        [STREAM_LINGERING] = flush_lingering, [STREAM_TERMINATING] = flush_terminating,
        [STREAM_CLOSED] = flush_nothing,
    };

    /* Almost always: it reads on as it did, and has something to send. */
    if (likely((object->flags & STREAM_FLUSH_MASK) == STREAM_FLUSH_PLAIN))
        stream_write_continue(stream_of(object));
    else
        by_state[object->state](stream_of(object));
}

void stream_terminate(struct kevy_stream *stream, int reason)
{
    if (stream->object.state == STREAM_IDLE || stream->object.state >= STREAM_TERMINATING)
        return;
    stream_state_set(stream, STREAM_TERMINATING);
    stream->reason = (int16_t)reason;
    /* What is cut short must not look complete: the peer gets a reset instead of an end. */
    if (reason != 0 && (stream->queue_first != NULL || stream->notices != 0 ||
                        reason == -ETIMEDOUT || reason == -ENOBUFS))
        stream->object.flags |= STREAM_RESET;
    /* A pause may have asked the recv to end already; this depends on it, so it is asked again. */
    stream->object.flags &= ~STREAM_RECV_CANCELLED;
    stream_deadlines_off(stream);
    stream_held_drop(stream);
    stream_unhold(stream);
    stream_release_held(stream);
    pool_forget(stream);
    object_pend(&stream->object);
}

void kevy_stream_close(struct kevy_stream *stream)
{
    if (stream->object.state == STREAM_CONNECTING) {
        stream_terminate(stream, 0);
        return;
    }
    if (stream->object.state != STREAM_OPEN)
        return;
    stream_state_set(stream, STREAM_CLOSING);
    stream->object.flags |= STREAM_FIN_WANTED;
    stream->object.flags &= ~STREAM_PAUSED;
    stream_held_drop(stream);
    stream_unhold(stream);
    stream_release_held(stream);
    stream_deadlines_closing(stream);
    object_pend(&stream->object);
}

void kevy_stream_abort(struct kevy_stream *stream)
{
    if (stream->object.state == STREAM_IDLE || stream->object.state >= STREAM_TERMINATING)
        return;
    stream->object.flags |= STREAM_RESET;
    stream_terminate(stream, -ECANCELED);
}

void stream_object_abort(struct kevy_x_object *object)
{
    kevy_stream_abort(stream_of(object));
}

void stream_object_closed(struct kevy_x_object *object)
{
    struct kevy_stream *stream = stream_of(object);
    struct kevy_reactor *reactor = object->reactor;
    struct kevy_listener *listener = stream->listener;

    assert(stream->queue_first == NULL && stream->held_last == NULL);
    if (stream->notices != 0)
        return; /* the last of them is the end */
    object_unlink(object);
    stream_state_set(stream, STREAM_IDLE);
    object->flags = 0;
    stream->fd = -1;
    stream->listener = NULL;
    if (listener != NULL)
        listener_connection_gone(listener);
    if (unlikely(reactor->listeners_stalled != 0))
        listeners_descriptor_free(reactor);
    PROBE(stream_close, stream->reason);
    stream->events->close(stream, stream->reason);
}

int kevy_stream_credentials(const struct kevy_stream *stream, struct kevy_credentials *peer)
{
    struct ucred credentials;
    socklen_t length = sizeof credentials;

    if (stream->fd < 0)
        return -ENOTCONN;
    if (socket_family(stream->fd) != AF_UNIX)
        return -EOPNOTSUPP; /* the kernel would answer with nobody */
    if (getsockopt(stream->fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0)
        return -errno;
    *peer = (struct kevy_credentials){
        .process = credentials.pid, .user = credentials.uid, .group = credentials.gid};
    return 0;
}

void kevy_stream_stats(const struct kevy_stream *stream, struct kevy_stream_stats *traffic)
{
    traffic->received = stream->received;
    traffic->sent = stream->accepted - stream->queued;
}

int kevy_stream_peer_address(const struct kevy_stream *stream, struct sockaddr *address,
                             socklen_t *length)
{
    if (stream->fd < 0)
        return -ENOTCONN;
    return getpeername(stream->fd, address, length) < 0 ? -errno : 0;
}

#endif /* KEVY_RING_SUPPORTED */
