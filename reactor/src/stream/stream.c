/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The states of a stream: what its flush does in each, and how it ends.
 *
 * Model. The diagram is in stream_internal.h. User calls only change state and flags and make the
 * stream pending; the flush acts. It walks: each state has a step, which says whether the stream
 * has come to another state, and the walk goes on from there until something has to be waited for.
 * So a stream whose peer has ended, whose queue is empty and that is closed comes from open to
 * closed in one walk.
 *
 * Ending is one road: terminating -> everything let go of -> what is in flight cancelled and waited
 * for -> the descriptor closed -> last callback. Closing in good order walks towards it through
 * flushing and lingering.
 *
 * Invariants. The state only moves forward, from idle to idle. The descriptor is closed with
 * nothing in flight but that close: a close with a recv armed sends no FIN (liburing issue 932).
 * Between terminating and the last callback no other callback comes but `done` and `released` of
 * the writes that are dropped.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include "core/descriptor.h"
#include "stream/listener_internal.h"

/* Events that were waiting for the loop. Each may change the state. */
static void tell(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_TELL_OPEN)) {
        stream->object.flags &= ~STREAM_TELL_OPEN;
        object_tells(&stream->object);
        if (stream->events->open != NULL)
            stream->events->open(stream);
    }
    if (stream->object.state == STREAM_OPEN && stream_has(stream, OBJECT_FINISH)) {
        stream->object.flags &= ~OBJECT_FINISH;
        object_tells(&stream->object);
        if (stream->events->finish != NULL)
            stream->events->finish(stream);
        else if (!stream_has(stream, STREAM_DETACHING))
            stream_closing_mark(stream);
    }
}

static bool step_open(struct kevy_stream *stream)
{
    if (unlikely(stream_has(stream, STREAM_TELL_OPEN | OBJECT_FINISH)))
        tell(stream);
    if (unlikely(stream_has(stream, READER_STASHES | STREAM_READ_ENDED)))
        stream_read_continue(stream);
    if (unlikely(stream->object.state != STREAM_OPEN))
        return true;
    stream->object.flags &= ~STREAM_TRIED;
    stream_recv_adjust(stream);
    stream_write_continue(stream);
    if (unlikely(stream_has(stream, STREAM_DETACHING)) && stream->object.state == STREAM_OPEN)
        return stream_detach_step(stream);
    return stream->object.state != STREAM_OPEN;
}

/* Whatever was received and not told is dropped, and nobody waits for anybody any more. */
static void let_go(struct kevy_stream *stream)
{
    assert(stream->object.state >= STREAM_CLOSING && !stream_noted(stream, NOTE_LET_GO));
    stream->notes |= NOTE_LET_GO;
    stream_stash_drop(stream);
    stream_unhold(stream);
    stream_release_held(stream);
}

static bool step_closing(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_WRITE_FAILED)) {
        stream_terminate(stream, stream->reason);
        return true;
    }
    if (!stream_noted(stream, NOTE_LET_GO)) {
        let_go(stream);
        stream_deadlines_closing(stream);
    }
    /* Reading on, into nothing: a peer that is busy sending might not read otherwise. */
    if (!stream_has(stream, STREAM_NOT_SOCKET))
        stream_recv_adjust(stream);
    stream_write_continue(stream);
    if (stream->object.state != STREAM_CLOSING)
        return true; /* aborted in the `done` of a write */
    if (!stream_noted(stream, NOTE_FIN_SENT))
        return false;
    if (stream_has(stream, STREAM_NOT_SOCKET) || linger_over(stream)) {
        stream_terminate(stream, 0);
        return true;
    }
    stream_state_set(stream, STREAM_LINGERING);
    stream_deadlines_lingering(stream);
    return false;
}

static bool step_lingering(struct kevy_stream *stream)
{
    if (linger_over(stream)) {
        stream_terminate(stream, 0);
        return true;
    }
    stream_recv_adjust(stream);
    return false;
}

static bool step_terminating(struct kevy_stream *stream)
{
    if (!stream_noted(stream, NOTE_LET_GO))
        let_go(stream);
    stream_connect_over(stream);
    stream_deadlines_off(stream);
    reader_starve_end(&stream->reader);
    reader_turn_end(&stream->reader);
    /* A pause may have asked the recv to end already; this depends on it, so it is asked again. */
    stream->notes &= ~NOTE_RECV_CANCELLED;
    stream_state_set(stream, STREAM_CANCELLING);
    return true;
}

/* The user_data of the send or connect in flight. */
static uint64_t sending_name(const struct kevy_stream *stream)
{
    assert(stream_has(stream, STREAM_SENDING) || stream->queue_last == NULL);
    if (stream_noted(stream, NOTE_ZERO_COPYING))
        return user_data_make(stream_zero_copy_write(stream), OPERATION_ZERO_COPY);
    return user_data_make(stream,
                          stream_has(stream, STREAM_SENDING) ? OPERATION_SEND : OPERATION_CONNECT);
}

/*
 * Asks each request to end, by its name. Not all of the descriptor's at once: the kernel finds a
 * name by hashing, and a descriptor by looking at every request that waits, 270 us at 9,000 of them
 * (6.18).
 */
static void flights_cancel(struct kevy_stream *stream)
{
    bool receiving = stream_has(stream, STREAM_RECV_ARMED);

    if (receiving && !stream_noted(stream, NOTE_RECV_CANCELLED) &&
        object_cancel(&stream->object, user_data_make(stream, OPERATION_RECV)))
        stream->notes |= NOTE_RECV_CANCELLED;
    if (stream->object.in_flight > receiving && !stream_noted(stream, NOTE_SEND_CANCELLED) &&
        object_cancel(&stream->object, sending_name(stream)))
        stream->notes |= NOTE_SEND_CANCELLED;
}

/*
 * Ends the connection as SO_LINGER of 0 and a close would, and leaves no option behind: another
 * process may have the socket too, whose own close would reset what it has sent.
 */
static void connection_reset(const struct kevy_stream *stream)
{
    static const struct sockaddr nobody = {.sa_family = AF_UNSPEC};
    static const struct linger at_once = {.l_onoff = 1};
    struct kevy_reactor *reactor = stream->object.reactor;

    /* A socket that encrypts (kTLS) cannot be disconnected: seen on 6.12.117. */
    if (SYSTEM(reactor, connect, stream->fd, &nobody, sizeof nobody) == -EOPNOTSUPP)
        (void)SYSTEM(reactor, setsockopt, stream->fd, SOL_SOCKET, SO_LINGER, &at_once,
                     sizeof at_once);
}

static bool step_cancelling(struct kevy_stream *stream)
{
    if (stream->object.in_flight != 0) {
        flights_cancel(stream);
        return false;
    }
    stream_queue_drop(stream, stream->reason != 0 ? stream->reason : -ECANCELED);
    assert(stream->object.state == STREAM_CANCELLING); /* no callback brings it back */
    if (stream_has(stream, STREAM_DETACHING) && stream->reason == 0) {
        stream_detached(stream);
        stream_state_set(stream, STREAM_CLOSED);
        return true;
    }
    if (!descriptor_close(&stream->object, stream->fd))
        return false;
    /* In time: the kernel does not see the request before the next enter. */
    if (stream_noted(stream, NOTE_RESET))
        connection_reset(stream);
    stream->fd = -1; /* the number may be another's from here on */
    stream_state_set(stream, STREAM_CLOSED);
    return false;
}

/* The last callback, in which the stream may go. */
static void stream_end(struct kevy_stream *stream)
{
    struct kevy_listener *listener = stream->listener;

    assert(stream->queue_last == NULL && stream->queued == 0 && stream->notices == 0);
    assert(stream->reader.stash_last == NULL && stream->holding == NULL);
    assert(!waiting(&stream->reader.wait) && !wheel_filed(&stream->deadline));
    object_end(&stream->object);
    stream->notes = 0;
    stream->listener = NULL;
    if (listener != NULL)
        listener_connection_gone(listener);
    PROBE(stream_close, stream->reason);
    stream->events->close(stream, stream->reason);
}

/* The descriptor is gone, and with it the last notice of a zero-copy send. */
static bool step_closed(struct kevy_stream *stream)
{
    if (stream->object.in_flight == 0 && stream->notices == 0)
        stream_end(stream);
    return false;
}

static void stream_flush(struct kevy_x_object *object)
{
    static bool (*const steps[])(struct kevy_stream *) = {
        [STREAM_CONNECTING] = stream_connect_step,
        [STREAM_OPEN] = step_open,
        [STREAM_CLOSING] = step_closing,
        [STREAM_LINGERING] = step_lingering,
        [STREAM_TERMINATING] = step_terminating,
        [STREAM_CANCELLING] = step_cancelling,
        [STREAM_CLOSED] = step_closed,
    };

    /* Almost always: it reads on as it did, and has something to send. */
    if (likely((object->flags & STREAM_FLUSH_MASK) == STREAM_FLUSH_PLAIN)) {
        stream_write_continue(stream_of(object));
        return;
    }
    while (steps[object->state](stream_of(object)))
        assert(object->state != STREAM_IDLE);
}

static void stream_abort(struct kevy_x_object *object)
{
    kevy_stream_abort(stream_of(object));
}

/* The descriptor is gone; notices that are missing come from that, and the flush then ends it. */
static void stream_closed(struct kevy_x_object *object)
{
    struct kevy_stream *stream = stream_of(object);

    assert(object->state == STREAM_CLOSED && object->in_flight == 0);
    if (stream->notices == 0)
        stream_end(stream);
}

/* The node of its limits has come up. */
void stream_due(struct kevy_x_wheel_node *node)
{
    struct kevy_stream *stream = KEVY_CONTAINER_OF(node, struct kevy_stream, deadline);

    if (stream_ended_unnoticed(stream))
        stream_recv_end(stream);
    stream_deadline_due(stream);
}

const struct object_kind_operations stream_kind = {
    .name = "stream",
    .flush = stream_flush,
    .abort = stream_abort,
    .closed = stream_closed,
    .feed = stream_feed,
    .weigh = stream_weigh,
    .evict = stream_evict,
    .restrain = stream_restrain,
#if DEBUG_CHECKS
    .check = stream_check,
#endif
    .next =
        {
            [STREAM_IDLE] = STATE(STREAM_CONNECTING) | STATE(STREAM_OPEN),
            [STREAM_CONNECTING] = STATE(STREAM_OPEN) | STATE(STREAM_TERMINATING),
            [STREAM_OPEN] = STATE(STREAM_CLOSING) | STATE(STREAM_TERMINATING),
            [STREAM_CLOSING] = STATE(STREAM_LINGERING) | STATE(STREAM_TERMINATING),
            [STREAM_LINGERING] = STATE(STREAM_TERMINATING),
            [STREAM_TERMINATING] = STATE(STREAM_CANCELLING),
            [STREAM_CANCELLING] = STATE(STREAM_CLOSED),
            [STREAM_CLOSED] = STATE(STREAM_IDLE),
        },
};

#endif /* KEVY_RING_SUPPORTED */
