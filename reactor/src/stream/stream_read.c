/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reading side of a stream.
 *
 * Model. One multishot recv is armed while the stream is open; each completion brings one buffer of
 * the pool, or a bundle of several, and `read` is called for each buffer. What may not be
 * delivered, because the user paused or a queue holds the stream back, waits in the stash, in
 * order; the recv is cancelled only when that happens, so that a pause during which nothing arrives
 * costs nothing.
 *
 * Invariants. Bytes are delivered in the order of arrival. The data of a completion is looked at
 * before its end (the last completion of a multishot may carry both). The end is told once, after
 * the last byte.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include <poll.h>
#include <sys/ioctl.h>

/* Runs that a stream has in a row while there is more: a mebibyte. */
#define TURN_RUNS 16U

static bool deliverable(const struct kevy_stream *stream)
{
    return stream->object.state == STREAM_OPEN && !stream_has(stream, STREAM_PAUSED | STREAM_HELD);
}

static rare void buffer_drop(struct kevy_buffer *buffer)
{
    if (buffer->block->rights)
        stream_rights_drop(buffer->reactor, buffer->block);
    block_release(buffer->reactor, buffer->block);
}

/* Calls `read` with a buffer of the pool, whose reference is passed on. */
static inline void deliver(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    buffer->source = stream;
    stream->events->read(stream, buffer);
    if (unlikely(buffer->use != BUFFER_QUEUED))
        buffer_drop(buffer);
}

/* The same of a buffer that was stashed, or of a copy. */
static void deliver_stashed(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_buffer kept;
    struct kevy_buffer *lent = buffer_lend(buffer, &kept);

    assert(!buffer->block->rights && stream->object.state == STREAM_OPEN);
    lent->source = stream;
    object_tells(&stream->object);
    stream->events->read(stream, lent);
    buffer_lent_end(stream->object.reactor, lent);
}

/* Keeps a buffer for later, as a copy when the pool is low. A byte that finds no memory would be
 * missing: the stream ends. */
static void stash(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_buffer *copy;

    if (!pool_low(buffer->reactor)) {
        stash_append(&stream->reader, buffer);
        return;
    }
    copy = buffer_copy(buffer->reactor, buffer);
    memory_need(&buffer->reactor->memory);
    buffer_drop(buffer);
    if (copy != NULL)
        stash_append(&stream->reader, copy);
    else
        stream_terminate(stream, -ENOBUFS);
}

void stream_stash_drop(struct kevy_stream *stream)
{
    while (stream_has(stream, READER_STASHES))
        buffer_drop(stash_take(&stream->reader));
}

/* Delivers what was stashed, as far as the callbacks let it. */
static void stash_deliver(struct kevy_stream *stream)
{
    while (stream_has(stream, READER_STASHES) && deliverable(stream)) {
        struct kevy_x_block *block = stash_first(&stream->reader)->block;

        if (unlikely(block->rights))
            stream_rights_tell(stream, block);
        else
            deliver_stashed(stream, stash_take(&stream->reader));
    }
}

/* The descriptors first. Their callback may pause or end the stream, so the bytes are stashed
 * meanwhile. */
static void deliver_with_rights(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    stash(stream, buffer);
    stash_deliver(stream);
}

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    stream->received += buffer->length;
    if (stream_has(stream, STREAM_IDLE_LIMITED))
        stream_active(stream);
    if (stream->object.state != STREAM_OPEN || stream->events->read == NULL)
        buffer_drop(buffer); /* nobody's */
    else if (!deliverable(stream) || stream_has(stream, READER_STASHES))
        stash(stream, buffer);
    else if (unlikely(buffer->block->rights))
        deliver_with_rights(stream, buffer);
    else
        deliver(stream, buffer);
}

static void end_tell(struct kevy_stream *stream)
{
    assert(stream->object.state == STREAM_OPEN && stream->reader.stash_last == NULL);
    stream->notes |= NOTE_END_TOLD;
    object_tells(&stream->object);
    if (stream->reason != 0)
        stream_terminate(stream, stream->reason);
    else if (stream->events->end != NULL)
        stream->events->end(stream);
    else
        stream_closing_mark(stream);
}

void stream_read_continue(struct kevy_stream *stream)
{
    stash_deliver(stream);
    if (!stream_has(stream, READER_STASHES) && stream->object.state == STREAM_OPEN &&
        stream_has(stream, STREAM_READ_ENDED) && !stream_has(stream, STREAM_PAUSED) &&
        !stream_noted(stream, NOTE_END_TOLD) &&
        !(stream_has(stream, STREAM_DETACHING) && stream->reason == 0))
        end_tell(stream);
}

static void recv_prepare(const struct kevy_stream *stream, struct kevy_sqe *sqe,
                         uint16_t recv_flags)
{
    const struct kevy_reactor *reactor = stream->object.reactor;

    if (stream_noted(stream, NOTE_READ_ONCE)) {
        kevy_prep_read_select(sqe, stream->fd, POOL_GROUP, 0, KEVY_OFFSET_CURRENT);
    } else if (stream_has(stream, STREAM_NOT_SOCKET)) {
        kevy_prep_read_multishot(sqe, stream->fd, POOL_GROUP, KEVY_OFFSET_CURRENT);
    } else if (stream_has(stream, STREAM_TAKES_RIGHTS)) {
        stream_rights_recv(sqe, stream->fd, recv_flags);
    } else if ((reactor->run_bytes == 0 && reactor->feeding) || memory_tight(&reactor->memory)) {
        kevy_prep_recv_select(sqe, stream->fd, POOL_GROUP, 0, 0);
        sqe->ioprio |= recv_flags;
    } else {
        kevy_prep_recv_multishot_limit(sqe, stream->fd, POOL_GROUP, 0, reactor->run_bytes,
                                       recv_flags | reactor->run_flags);
    }
}

static void recv_arm(struct kevy_stream *stream)
{
    struct kevy_sqe *sqe = submission_sqe(stream->object.reactor, stream, OPERATION_RECV);
    uint16_t recv_flags = 0;

    assert(!stream_has(stream,
                       STREAM_RECV_ARMED | STREAM_READ_ENDED | READER_STARVED | READER_IN_TURN));
    if (sqe == NULL) {
        object_pend(&stream->object);
        return;
    }
    /* Whoever polls first is served in the order of the queue, who does not at once. */
    if (stream_has(stream, READER_POLL_FIRST) || stream->object.reactor->feeding) {
        recv_flags = KEVY_RECVSEND_POLL_FIRST;
        stream_asks_end_at_once(stream);
    }
    recv_prepare(stream, sqe, recv_flags);
    stream->object.flags &= ~READER_POLL_FIRST;
    stream->object.flags |= STREAM_RECV_ARMED;
    object_request_begun(&stream->object);
}

static void recv_cancel(struct kevy_stream *stream)
{
    assert(stream_has(stream, STREAM_RECV_ARMED));
    if (!stream_noted(stream, NOTE_RECV_CANCELLED) &&
        object_cancel(&stream->object, user_data_make(stream, OPERATION_RECV)))
        stream->notes |= NOTE_RECV_CANCELLED;
}

/* The same for what the state of the stream does not tell: without a slot the flush tries again. */
void stream_recv_end(struct kevy_stream *stream)
{
    recv_cancel(stream);
    if (!stream_noted(stream, NOTE_RECV_CANCELLED))
        stream->object.flags |= STREAM_RECV_ENDS;
}

/* There is more, of which the stream takes a few runs before it goes behind others. */
static void turn_await(struct kevy_stream *stream)
{
    bool again = (stream->notes & NOTE_RUNS) < TURN_RUNS << NOTE_RUNS_SHIFT;

    stream->notes &= ~NOTE_RUN_ENDED;
    if (again)
        stream->notes += 1U << NOTE_RUNS_SHIFT;
    else
        stream->notes &= ~NOTE_RUNS;
    reader_turn_await(&stream->reader, again);
}

/* Its next recv brings one buffer, see recv_prepare(). */
void stream_restrain(struct kevy_x_object *object)
{
    struct kevy_stream *stream = stream_of(object);

    if (object->state == STREAM_OPEN && stream_has(stream, STREAM_RECV_ARMED) &&
        !stream_noted(stream, NOTE_POLLS) &&
        !stream_has(stream, STREAM_NOT_SOCKET | STREAM_TAKES_RIGHTS))
        stream_recv_end(stream);
}

/* While a stream is paused or held, and its recv has ended, a poll for the peer's end stands in its
 * place, for those who want to know. */
static void end_poll(struct kevy_stream *stream)
{
    struct kevy_sqe *sqe;

    if (stream->events->gone == NULL || stream->object.state != STREAM_OPEN ||
        stream_noted(stream, NOTE_GONE_TOLD) ||
        stream_has(stream, STREAM_READ_ENDED | READER_STARVED | READER_IN_TURN))
        return;
    sqe = submission_sqe(stream->object.reactor, stream, OPERATION_RECV);
    if (sqe == NULL) {
        object_pend(&stream->object);
        return;
    }
    kevy_prep_poll(sqe, stream->fd, POLLRDHUP);
    stream->notes |= NOTE_POLLS;
    stream->object.flags |= STREAM_RECV_ARMED;
    object_request_begun(&stream->object);
}

static void gone_tell(struct kevy_stream *stream, int error)
{
    if (stream->events->gone == NULL || stream->object.state != STREAM_OPEN ||
        stream_noted(stream, NOTE_GONE_TOLD | NOTE_END_TOLD) || deliverable(stream))
        return;
    stream->notes |= NOTE_GONE_TOLD;
    object_tells(&stream->object);
    stream->events->gone(stream, error);
}

/* The poll has ended: with what it saw, or because the stream reads on. */
static void end_polled(struct kevy_stream *stream, int events)
{
    stream->object.flags &= ~STREAM_RECV_ARMED;
    stream->notes &= ~(NOTE_POLLS | NOTE_RECV_CANCELLED);
    object_request_ended(&stream->object);
    object_pend(&stream->object);
    /* The error itself is left in the socket, for the recv that comes to it. */
    if (events > 0)
        gone_tell(stream, events & (POLLERR | POLLHUP) ? -ECONNRESET : 0);
}

/* True when what is armed has to end: a poll before a recv, and a recv that brings what nobody may
 * take. */
static bool recv_in_the_way(const struct kevy_stream *stream, bool wanted)
{
    if (unlikely(stream_noted(stream, NOTE_POLLS)))
        return wanted;
    return !wanted &&
           (stream_has(stream, READER_STASHES) || memory_tight(&stream->object.reactor->memory));
}

/* Arms or cancels the recv, as the state of the stream wants it. */
void stream_recv_adjust(struct kevy_stream *stream)
{
    bool detaching = stream_has(stream, STREAM_DETACHING);
    bool wanted = stream->object.state != STREAM_OPEN || (deliverable(stream) && !detaching);

    assert(stream->object.state >= STREAM_OPEN && stream->object.state <= STREAM_LINGERING);
    if (stream_has(stream, STREAM_RECV_ARMED)) {
        if (recv_in_the_way(stream, wanted) || (!wanted && detaching) ||
            stream_has(stream, STREAM_RECV_ENDS))
            recv_cancel(stream);
        return;
    }
    if (!wanted && !detaching)
        end_poll(stream);
    if (!wanted || stream_has(stream, STREAM_READ_ENDED | READER_STARVED | READER_IN_TURN))
        return;
    if (unlikely(stream_noted(stream, NOTE_RUN_ENDED)))
        turn_await(stream);
    else
        recv_arm(stream);
}

uint32_t stream_feed(struct kevy_x_object *object)
{
    struct kevy_stream *stream = stream_of(object);

    assert(!stream_has(stream, READER_STARVED | STREAM_RECV_ARMED));
    if (object->state >= STREAM_TERMINATING)
        return 0; /* it ended while it was starved, and its flush has yet to come */
    if (object->state == STREAM_OPEN)
        stream_deadlines_late(stream, stream_has(stream, READER_POLL_FIRST));
    stream_recv_adjust(stream);
    if (!stream_has(stream, STREAM_RECV_ARMED))
        return 0;
    if (stream_has(stream, STREAM_TAKES_RIGHTS | STREAM_NOT_SOCKET))
        return run_endless(object->reactor);
    return object->reactor->run_buffers;
}

/* A kernel before 6.7, or a file that cannot be polled, /dev/null among them. */
static bool multishot_refused(int result)
{
    return result == -EINVAL || result == -EBADFD || result == -EOPNOTSUPP;
}

/*
 * The master of a terminal reads -EIO when nobody has the other side open any more, where a pipe
 * reads its end. Only a master has a number; for what else answers -EIO it is an error.
 */
static rare bool terminal_ended(const struct kevy_stream *stream, int result)
{
    unsigned number;

    return result == -EIO && stream_has(stream, STREAM_NOT_SOCKET) &&
           SYSTEM(stream->object.reactor, ioctl, stream->fd, TIOCGPTN, &number) == 0;
}

/* The pool is empty, or others wait for it. */
static void buffers_await(struct kevy_stream *stream)
{
    if (stream->object.state >= STREAM_TERMINATING)
        return;
    if (stream_has(stream, STREAM_HELD)) {
        stream->object.flags |= READER_POLL_FIRST;
        return;
    }
    reader_starve(&stream->reader);
    PROBE(starved, stream->fd);
}

/* Nothing but the end is left to read, which of a named pipe or a terminal a worker would find. */
static rare bool hung_up(const struct kevy_stream *stream)
{
    int events = SYSTEM(stream->object.reactor, poll, stream->fd, POLLIN);

    return events > 0 && (events & (POLLIN | POLLHUP)) == POLLHUP;
}

/* Nothing more will be received; `reason` is 0 for the peer's end. */
static void read_ended(struct kevy_stream *stream, int reason)
{
    stream->object.flags |= STREAM_READ_ENDED;
    if (stream->reason == 0)
        stream->reason = (int16_t)reason;
    gone_tell(stream, reason);
}

/* The multishot is over: by the peer, by us, or by the kernel, which may do so at any time. */
static void recv_ended(struct kevy_stream *stream, int result)
{
    bool asked = stream_noted(stream, NOTE_RECV_CANCELLED) || stream->object.reactor->cancelled;

    assert(stream_has(stream, STREAM_RECV_ARMED));
    stream->object.flags &= ~(STREAM_RECV_ARMED | STREAM_RECV_ENDS);
    stream->notes &= ~NOTE_RECV_CANCELLED;
    object_request_ended(&stream->object);
    object_pend(&stream->object);
    if (result == -ECANCELED && !asked && stream_has(stream, STREAM_NOT_SOCKET)) {
        read_ended(stream, hung_up(stream) ? 0 : worker_result(result, asked));
        return;
    }
    if (result == -ECANCELED || result == -EINTR || result == -EAGAIN)
        return;
    /* A run is over: those who wait for buffers come first, or it would take them all again. */
    if (result > 0 && (stream->object.reactor->starved.count == 0)) {
        if (stream->object.reactor->run_bytes != 0 && stream->object.state == STREAM_OPEN)
            stream->notes |= NOTE_RUN_ENDED;
        return;
    }
    if (stream_has(stream, STREAM_NOT_SOCKET) && !stream_noted(stream, NOTE_READ_ONCE) &&
        multishot_refused(result)) {
        stream->notes |= NOTE_READ_ONCE;
        return;
    }
    if (result > 0 || result == -ENOBUFS) {
        buffers_await(stream);
        return;
    }
    read_ended(stream, terminal_ended(stream, result) ? 0 : result);
}

static inline struct kevy_buffer *buffer_fill(struct kevy_reactor *reactor, uint16_t id,
                                              uint32_t length)
{
    struct kevy_x_block *block = pool_take(reactor, id, length);

    block->own.length = length;
    block->own.use = BUFFER_BORROWED;
    return &block->own;
}

/* A bundle: all buffers from the one that the completion names, in ring order, filled to the last.
 */
static void bundle_received(struct kevy_reactor *reactor, struct kevy_stream *stream,
                            uint32_t length, uint32_t flags)
{
    uint32_t size = reactor->pool.buffer_size;
    uint16_t id = kevy_buffer_id(flags);

    while (length > 0) {
        uint32_t part = length < size ? length : size;
        /* Asked for first: the callback may give the buffer back, at another place of the ring. */
        uint16_t next = kevy_buffer_ring_after(&reactor->pool, id);

        received(stream, buffer_fill(reactor, id, part));
        length -= part;
        id = next;
    }
}

/* Any completion of a recv: data that cannot be delivered at once, the end, an error. */
static rare void recv_done(struct kevy_reactor *reactor, struct kevy_stream *stream, int result,
                           uint32_t flags)
{
    if (unlikely(stream_noted(stream, NOTE_POLLS))) {
        end_polled(stream, result);
        return;
    }
    /* The buffer follows the flag, whatever the result: errors and the end carry none. */
    if ((flags & KEVY_CQE_F_BUFFER) && result > (int)reactor->pool.buffer_size) {
        bundle_received(reactor, stream, (uint32_t)result, flags);
    } else if (flags & KEVY_CQE_F_BUFFER) {
        uint32_t length = result > 0 ? (uint32_t)result : 0;
        struct kevy_buffer *buffer = buffer_fill(reactor, kevy_buffer_id(flags), length);

        assert(buffer->data == buffer->block->data && !buffer->block->rights);
        if (result > 0 && stream_has(stream, STREAM_TAKES_RIGHTS))
            result = stream_rights_received(buffer, result);
        if (result > 0)
            received(stream, buffer);
        else
            buffer_drop(buffer);
    }
    if ((flags & KEVY_CQE_F_MORE) == 0)
        recv_ended(stream, result);
    else if ((flags & KEVY_CQE_F_SOCK_NONEMPTY) == 0 && stream_has(stream, STREAM_ASKS_END) &&
             stream_ended_silently(stream))
        stream_recv_end(stream);
}

void stream_recv_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    const uint32_t data = KEVY_CQE_F_BUFFER | KEVY_CQE_F_MORE;
    struct kevy_stream *stream = owner;
    uint32_t state = stream->object.flags & STREAM_DELIVER_MASK;

    /* Almost always: bytes of one buffer, more to come, and nothing in the way. With F_MORE the
     * result is above 0. */
    if (unlikely((uint32_t)result > reactor->pool.buffer_size || (flags & data) != data ||
                 (state & ~STREAM_IDLE_LIMITED) != STREAM_DELIVER_PLAIN)) {
        recv_done(reactor, stream, result, flags);
        return;
    }
    if (state & STREAM_IDLE_LIMITED)
        stream_active(stream);
    stream->received += (uint32_t)result;
    deliver(stream, buffer_fill(reactor, kevy_buffer_id(flags), (uint32_t)result));
}

#endif /* KEVY_RING_SUPPORTED */
