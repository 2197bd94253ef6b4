/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writing side of a stream, as the kernel sees it: one send in flight.
 *
 * Model. The flush writes one SEND for one entry of the queue, one SENDMSG for several; a send
 * that the kernel has not seen yet is written anew when the queue has grown. The completion says
 * how many bytes the kernel took: they leave at the front of the queue, and the rest goes with the
 * next send.
 *
 * Invariants. At most one send is in flight: two on one socket interleave their bytes whenever the
 * socket fills (liburing issue 1001). The entries of a send in flight stay in the queue, so their
 * bytes stay valid. No MSG_WAITALL: a short send is progress that the send deadline has to see.
 */
#include "stream/stream_send.h"

#if KEVY_RING_SUPPORTED

/* More than a plain send can do. */
static bool message_needed(const struct kevy_stream *stream)
{
    const struct kevy_buffer *first = queue_first(stream);

    return first != stream->queue_last || first->use == BUFFER_RIGHTS ||
           stream_has(stream, STREAM_NOT_SOCKET);
}

static void message_prep(const struct kevy_stream *stream, struct kevy_sqe *sqe,
                         const struct msghdr *message)
{
    if (stream_has(stream, STREAM_NOT_SOCKET))
        kevy_prep_writev(sqe, stream->fd, message->msg_iov, (uint32_t)message->msg_iovlen,
                         KEVY_OFFSET_CURRENT, 0);
    else
        kevy_prep_sendmsg(sqe, stream->fd, message, 0);
}

/* Writes the send of several entries. */
static bool send_several(struct kevy_reactor *reactor, struct kevy_stream *stream)
{
    struct msghdr *message = stream_message(stream, stream_message_entries(stream));
    struct kevy_sqe *sqe = NULL;

    if (message != NULL)
        sqe = submission_sqe(reactor, stream, OPERATION_SEND);
    if (sqe == NULL)
        return false;
    assert(!stream_has(stream, STREAM_SENDING));
    message_prep(stream, sqe, message);
    stream->send_slot = reactor->ring.sqe_tail - 1;
    stream->object.flags |= STREAM_SENDING;
    object_request_begun(&stream->object);
    return true;
}

/* The queue grew behind a send that the kernel has not seen: the send grows with it. */
static void send_extend(struct kevy_stream *stream)
{
    const struct kevy_buffer *first = queue_first(stream);
    struct msghdr *message = NULL;
    struct kevy_sqe *sqe;

    if (stream_noted(stream, NOTE_ZERO_COPYING) || first->use == BUFFER_RANGE ||
        !send_changeable(stream))
        return;
    if (message_needed(stream) &&
        (message = stream_message(stream, stream_message_entries(stream))) == NULL)
        return;
    /* Making the message may have submitted what was there, to make room. */
    sqe = send_reserved(stream);
    if (sqe == NULL)
        return;
    if (message != NULL)
        message_prep(stream, sqe, message);
    else
        kevy_prep_send(sqe, stream->fd, first->data, first->length, 0);
}

static void send_start(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    const struct kevy_buffer *first = queue_first(stream);
    bool written;

    assert(stream->object.state != STREAM_CONNECTING && !stream_has(stream, STREAM_WRITE_FAILED));
    if (unlikely(first->use == BUFFER_ZERO_COPY) && stream_zero_copy_next(stream))
        written = stream_zero_copy_send(stream);
    else if (unlikely(first->use == BUFFER_RANGE))
        written = stream_range_next(stream);
    else if (!message_needed(stream))
        written = send_single(reactor, stream, first) ||
                  (submission_room(reactor) && send_single(reactor, stream, first));
    else
        written = send_several(reactor, stream);
    if (!written)
        object_pend(&stream->object);
}

static void fin_send(struct kevy_stream *stream)
{
    /* Where the close comes right behind it, that sends the FIN. */
    bool by_close = stream->object.state == STREAM_CLOSING && linger_over(stream);

    assert(stream->queue_last == NULL && !stream_noted(stream, NOTE_FIN_SENT));
    /* The system call, because IORING_OP_SHUTDOWN always goes through a worker thread. */
    if (!by_close && !stream_has(stream, STREAM_NOT_SOCKET))
        (void)SYSTEM(stream->object.reactor, shutdown, stream->fd, SHUT_WR);
    stream->notes |= NOTE_FIN_SENT;
}

/* The queue went down: tell who waits for that. */
static void queue_lowered(struct kevy_stream *stream)
{
    if (likely(stream->queued > stream->low_watermark))
        return;
    if (unlikely(stream_has(stream, STREAM_HOLDS_OTHERS)) &&
        stream->queued <= stream_release_mark(stream))
        stream_release_held(stream);
    if (unlikely(stream_has(stream, STREAM_TELL_DRAIN)) && stream->object.state == STREAM_OPEN) {
        stream->object.flags &= ~STREAM_TELL_DRAIN;
        object_tells(&stream->object);
        if (stream->events->drain != NULL)
            stream->events->drain(stream);
    }
}

/*
 * The end follows what is sent now: the kernel keeps a last segment that is not full for it, and
 * both leave together. Without, a short answer and its FIN are two packets, each of which wakes the
 * peer. Not with a record of the kernel's TLS, which MSG_MORE would leave open.
 */
static void fin_announce(struct kevy_stream *stream)
{
    struct kevy_sqe *sqe;

    if (!stream_has(stream, STREAM_SENDING) || stream->queue_last->use == BUFFER_RIGHTS)
        return;
    sqe = send_reserved(stream);
    if (sqe != NULL && (sqe->opcode == KEVY_OP_SEND || sqe->opcode == KEVY_OP_SENDMSG))
        sqe->msg_flags |= MSG_MORE;
}

void stream_write_continue(struct kevy_stream *stream)
{
    /* The watermarks may have changed, or what was sent is told from here. */
    if (unlikely(stream_has(stream, STREAM_TELL_DRAIN | STREAM_HOLDS_OTHERS))) {
        queue_lowered(stream);
        if (stream->object.state >= STREAM_TERMINATING)
            return;
    }
    if (stream_has(stream, STREAM_SENDING))
        send_extend(stream);
    else if (stream->queue_last != NULL)
        send_start(stream);
    if (likely(!stream_has(stream, STREAM_FIN_WANTED)))
        return;
    if (stream->queue_last != NULL)
        fin_announce(stream);
    else if (!stream_has(stream, STREAM_SENDING) && !stream_noted(stream, NOTE_FIN_SENT))
        fin_send(stream);
}

/* Lets go of a queue entry and of the bytes it names. */
static inline void entry_release(struct kevy_reactor *reactor, struct kevy_buffer *entry)
{
    struct kevy_x_block *block = entry->block;

    if (likely(block != NULL && entry == &block->own)) {
        block_release(reactor, block);
        return;
    }
    if (block != NULL)
        block_release(reactor, block);
    buffer_give(&reactor->memory, entry);
}

static rare void write_report(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    bool two_stages = write->released != NULL; /* if not, `done` may free the write */

    object_tells(&stream->object);
    if (!two_stages)
        pinned_check(write);
    if (write->done != NULL)
        write->done(write, stream, result);
    if (two_stages)
        stream_write_finished(write);
}

/* Takes the first entry out of the queue. */
static struct kevy_buffer *queue_take(struct kevy_stream *stream)
{
    struct kevy_buffer *last = stream->queue_last;
    struct kevy_buffer *first = last->next;

    assert(stream->queued >= first->length);
    last->next = first->next;
    if (first == last)
        stream->queue_last = NULL;
    stream->queued -= first->length;
    return first;
}

/* Takes the first entry out; a write that it completes is reported. */
static void entry_finish(struct kevy_stream *stream, int result)
{
    struct kevy_buffer *entry = queue_first(stream);
    struct kevy_send *write = entry->write;

    if (unlikely(entry->use == BUFFER_RANGE)) {
        stream_range_end(stream, result);
        return;
    }
    (void)queue_take(stream);
    if (result < 0)
        stream->accepted -= entry->length;
    stream->object.flags &= ~STREAM_SENT_SHORT;
    if (unlikely(entry->use == BUFFER_ZERO_COPY) && write == NULL)
        entry->next->use = BUFFER_ZERO_COPY; /* what is left of the write begins there */
    if (unlikely(entry->use == BUFFER_RIGHTS))
        stream_rights_sent(stream->object.reactor, entry);
    entry_release(stream->object.reactor, entry);
    if (unlikely(write != NULL))
        write_report(write, stream, result);
}

/* The kernel took `count` bytes: they leave the queue, and so do empty parts behind them. */
static void queue_consume(struct kevy_stream *stream, uint32_t count)
{
    while (stream->queue_last != NULL) {
        struct kevy_buffer *first = queue_first(stream);

        if (unlikely(first->use == BUFFER_RANGE))
            break; /* whose bytes do not go with a send */
        if (count < first->length) {
            if (unlikely(first->use == BUFFER_RIGHTS) && count != 0)
                stream_rights_sent(stream->object.reactor, first);
            first->data += count;
            first->length -= count;
            stream->queued -= count;
            stream->object.flags |= STREAM_SENT_SHORT;
            return;
        }
        if (count == 0 && first->length != 0)
            return;
        count -= first->length;
        entry_finish(stream, 0);
    }
    assert(count == 0);
}

void stream_queue_drop(struct kevy_stream *stream, int result)
{
    assert(!stream_has(stream, STREAM_SENDING) && result < 0);
    stream_range_dropped(stream);
    while (stream->queue_last != NULL)
        entry_finish(stream, result);
}

/* No failure of the connection: the peer would take a shutdown for the end of what was sent. */
static bool memory_lacks(int error)
{
    return error == -ENOMEM || error == -ENOBUFS;
}

/*
 * The peer takes nothing more. What it sent before is still in the socket: reading goes on to its
 * end, which our shutdown bounds, and then the stream closes with the error. A paused stream has
 * nobody to wait for.
 */
static void send_failed(struct kevy_stream *stream, int error)
{
    assert(error < 0 && !stream_has(stream, STREAM_SENDING));
    stream->object.flags |= STREAM_WRITE_FAILED;
    if (stream->reason == 0)
        stream->reason = (int16_t)error;
    if (stream->object.state != STREAM_OPEN || memory_lacks(error) ||
        stream_has(stream, STREAM_PAUSED | STREAM_READ_ENDED | STREAM_NOT_SOCKET)) {
        stream_terminate(stream, stream->reason);
        return;
    }
    stream->send_at = 0;
    stream_queue_drop(stream, error);
    stream_release_held(stream);
    (void)SYSTEM(stream->object.reactor, shutdown, stream->fd, SHUT_RDWR);
}

/*
 * What most sends are: a buffer of the pool, the only one of the queue, gone, and nobody waiting
 * for that. Does all that sent() would, or nothing.
 */
static inline bool send_done_fast(struct kevy_reactor *reactor, struct kevy_stream *stream,
                                  int result)
{
    struct kevy_buffer *entry = stream->queue_last;
    struct kevy_x_block *block = KEVY_CONTAINER_OF(entry, struct kevy_x_block, own);
    uint32_t state = stream->object.flags & STREAM_SENT_MASK;

    if ((state & ~STREAM_LIMITED) != STREAM_SENT_PLAIN || entry->next != entry ||
        (uint32_t)result != entry->length)
        return false;
    if (entry->block != block || block->refs != 1)
        return false;
    if (state & STREAM_LIMITED)
        stream_limits_sent(stream);
    stream->object.flags &= ~STREAM_SENDING;
    stream->queue_last = NULL;
    stream->queued = 0;
    kevy_buffer_ring_give_at(&reactor->pool, block->id, block->data);
    return true;
}

/* A request of the file range that the queue begins with. */
static void range_moved(struct kevy_stream *stream, int result)
{
    assert(stream_has(stream, STREAM_SENDING));
    stream->object.flags &= ~STREAM_SENDING;
    object_pend(&stream->object);
    stream_range_done(stream, result);
    stream_moved(stream);
    stream_limits_sent(stream);
    if (stream->queue_last != NULL)
        stream_send_expected(stream);
    queue_lowered(stream);
}

/* A write that was cancelled by nobody; of a socket none needs a worker. */
static bool worker_missing(const struct kevy_stream *stream)
{
    return stream_has(stream, STREAM_NOT_SOCKET) && !stream_noted(stream, NOTE_SEND_CANCELLED) &&
           stream->object.state < STREAM_TERMINATING && !stream->object.reactor->cancelled;
}

/* Any completion of a send: short, failed, of several entries, or awaited by somebody. */
static rare void sent(struct kevy_stream *stream, int result)
{
    assert(stream_has(stream, STREAM_SENDING) && stream->queue_last != NULL);
    if (queue_first(stream)->use == BUFFER_RANGE) {
        range_moved(stream, result);
        return;
    }
    if (result < 0) {
        stream->object.flags &= ~STREAM_SENDING;
        object_pend(&stream->object);
        if (unlikely(result == -ECANCELED) && worker_missing(stream))
            send_failed(stream, worker_result(result, false));
        else if (stream->object.state < STREAM_TERMINATING && result != -EAGAIN && result != -EINTR)
            send_failed(stream, result);
        return;
    }
    /* Still marked as sending: a `done` that ends the stream must not drop the queue under us. */
    queue_consume(stream, (uint32_t)result);
    stream->object.flags &= ~STREAM_SENDING;
    stream_moved(stream);
    stream_limits_sent(stream);
    if (stream->queue_last != NULL)
        stream_send_expected(stream);
    queue_lowered(stream);
    if (stream->queue_last != NULL || stream->object.state != STREAM_OPEN ||
        stream_has(stream, STREAM_FIN_WANTED))
        object_pend(&stream->object);
}

void stream_send_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_stream *stream = owner;

    (void)flags;
    object_request_ended(&stream->object);
    if (likely(send_done_fast(reactor, stream, result)))
        return;
    sent(stream, result);
}

void stream_zero_copy_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_send *write = owner;
    struct kevy_stream *stream = write->stream;

    (void)reactor;
    assert(stream->object.reactor == reactor);
    if (flags & KEVY_CQE_F_NOTIF) {
        stream_zero_copy_notice(stream, write, (uint32_t)result);
        return;
    }
    object_request_ended(&stream->object);
    sent(stream, stream_zero_copy_result(stream, write, result, flags));
}

#endif /* KEVY_RING_SUPPORTED */
