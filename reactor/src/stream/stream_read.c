/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reading side of a stream.
 *
 * Model. One multishot recv is armed while the stream is open; each completion brings one buffer of
 * the pool, or a bundle of several, and `read` is called for each buffer. What may not be
 * delivered, because the user paused or a queue holds the stream back, waits in the held queue, in
 * order; the recv is cancelled only when that happens, so that a pause during which nothing arrives
 * costs nothing.
 *
 * Invariants. Bytes are delivered in the order of arrival: never past a non-empty held queue. The
 * data of a completion is looked at before its end (the last completion of a multishot may carry
 * both). The end is told once, after the last byte. A stream is held or starved, never both.
 */
#include "stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <sys/ioctl.h>

static bool deliverable(const struct kevy_stream *stream)
{
    return stream->object.state == STREAM_OPEN && !stream_has(stream, STREAM_PAUSED | STREAM_HELD);
}

static rare void buffer_drop(struct kevy_buffer *buffer)
{
    if (buffer->block->descriptors)
        stream_descriptors_drop(buffer->block);
    block_release(buffer->reactor, buffer->block);
}

/* Calls `read` with a buffer, whose reference is passed on. */
static inline void deliver(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    buffer->source = stream;
    stream->events->read(stream, buffer);
    if (unlikely(buffer->use != BUFFER_QUEUED))
        buffer_drop(buffer);
}

/*
 * The same bytes in an entry of their own, because the pool is low; the buffer goes back. Their
 * descriptors go along in the copy, which then begins with the message that names them.
 */
static struct kevy_buffer *buffer_copy(struct kevy_reactor *reactor, struct kevy_buffer *buffer)
{
    struct kevy_x_block *from = buffer->block;
    const uint8_t *begin = from->descriptors ? from->data : buffer->data;
    uint32_t before = (uint32_t)(buffer->data - begin);
    struct kevy_x_block *block = block_copy(reactor, begin, before + buffer->length);
    struct kevy_buffer *copy = NULL;

    if (block != NULL)
        copy = buffer_make(&reactor->memory, block, block->data + before, buffer->length);
    if (copy != NULL) {
        reactor->stats.copies++;
        block->descriptors = from->descriptors;
        from->descriptors = false;
    } else if (block != NULL) {
        block_release(reactor, block);
    }
    buffer_drop(buffer);
    return copy;
}

/* Keeps a buffer for later. A byte that finds no memory would be missing: the stream ends. */
static void hold_back(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    if (pool_low(buffer->reactor))
        buffer = buffer_copy(buffer->reactor, buffer);
    if (buffer == NULL) {
        stream_terminate(stream, -ENOBUFS);
        return;
    }
    buffer->next = buffer;
    if (stream->held_last != NULL) {
        buffer->next = stream->held_last->next;
        stream->held_last->next = buffer;
    }
    stream->held_last = buffer;
    stream->object.flags |= STREAM_HOLDS_DATA;
    object_pend(&stream->object);
}

/* Delivers a held copy, and gives its entry back. */
static void deliver_copy(struct kevy_stream *stream, struct kevy_buffer *copy)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer buffer = {.data = copy->data,
                                 .length = copy->length,
                                 .use = BUFFER_KEPT,
                                 .block = copy->block,
                                 .reactor = reactor,
                                 .source = stream};

    buffer_give(&reactor->memory, copy);
    stream->events->read(stream, &buffer);
    kevy_buffer_release(&buffer);
}

static struct kevy_buffer *held_pop(struct kevy_stream *stream)
{
    struct kevy_buffer *first = stream->held_last->next;

    stream->held_last->next = first->next;
    if (first == stream->held_last) {
        stream->held_last = NULL;
        stream->object.flags &= ~STREAM_HOLDS_DATA;
    }
    return first;
}

void stream_held_drop(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;

    while (stream->held_last != NULL) {
        struct kevy_buffer *buffer = held_pop(stream);
        struct kevy_x_block *block = buffer->block;

        if (block->descriptors)
            stream_descriptors_drop(block);
        buffer_give(&reactor->memory, buffer);
        block_release(reactor, block);
    }
}

/* The descriptors first. Their callback may pause or end the stream, so the bytes are held back
 * meanwhile. */
static void deliver_with_descriptors(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    hold_back(stream, buffer);
    stream_read_continue(stream);
}

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    stream->received += buffer->length;
    if (stream_has(stream, STREAM_IDLE_LIMITED))
        stream_active(stream);
    if (stream->object.state != STREAM_OPEN || stream->events->read == NULL)
        buffer_drop(buffer); /* nobody's */
    else if (!deliverable(stream) || stream->held_last != NULL)
        hold_back(stream, buffer);
    else if (unlikely(buffer->block->descriptors))
        deliver_with_descriptors(stream, buffer);
    else
        deliver(stream, buffer);
}

static void end_tell(struct kevy_stream *stream)
{
    stream->object.flags |= STREAM_END_TOLD;
    if (stream->reason != 0)
        stream_terminate(stream, stream->reason);
    else if (stream->events->end != NULL)
        stream->events->end(stream);
    else
        kevy_stream_close(stream);
}

void stream_read_continue(struct kevy_stream *stream)
{
    while (stream->held_last != NULL && deliverable(stream)) {
        struct kevy_buffer *buffer = stream->held_last->next;

        if (unlikely(buffer->block->descriptors)) {
            stream_descriptors_tell(stream, buffer->block);
            continue;
        }
        buffer = held_pop(stream);
        if (buffer->use == BUFFER_QUEUED)
            deliver_copy(stream, buffer);
        else
            deliver(stream, buffer);
    }
    if (stream->held_last == NULL && stream->object.state == STREAM_OPEN &&
        stream_has(stream, STREAM_READ_ENDED) &&
        !stream_has(stream, STREAM_END_TOLD | STREAM_PAUSED))
        end_tell(stream);
}

static void recv_prepare(const struct kevy_stream *stream, struct kevy_sqe *sqe,
                         uint16_t recv_flags)
{
    const struct kevy_reactor *reactor = stream->object.reactor;

    if (stream_has(stream, STREAM_READ_ONCE)) {
        kevy_prep_read_select(sqe, stream->fd, POOL_GROUP, 0, KEVY_OFFSET_CURRENT);
    } else if (stream_has(stream, STREAM_FILE)) {
        kevy_prep_read_multishot(sqe, stream->fd, POOL_GROUP, KEVY_OFFSET_CURRENT);
    } else if (stream_has(stream, STREAM_DESCRIPTORS)) {
        stream_descriptors_recv(sqe, stream->fd, recv_flags);
    } else if (reactor->run_bytes == 0 && reactor->feeding) {
        kevy_prep_recv_select(sqe, stream->fd, POOL_GROUP, 0, 0);
        sqe->ioprio |= recv_flags;
    } else {
        kevy_prep_recv_multishot_limit(sqe, stream->fd, POOL_GROUP, 0, reactor->run_bytes,
                                       recv_flags | reactor->run_flags);
    }
}

static void recv_arm(struct kevy_stream *stream)
{
    struct kevy_sqe *sqe = reactor_sqe(stream->object.reactor, stream, OPERATION_RECV);
    uint16_t recv_flags = 0;

    if (sqe == NULL) {
        object_pend(&stream->object);
        return;
    }
    /* Whoever polls first is served in the order of the queue, who does not at once. */
    if (stream_has(stream, STREAM_POLL_FIRST) || stream->object.reactor->feeding) {
        recv_flags = KEVY_RECVSEND_POLL_FIRST;
        stream->object.flags |= STREAM_END_UNSURE;
    }
    recv_prepare(stream, sqe, recv_flags);
    stream->object.flags &= ~STREAM_POLL_FIRST;
    stream->object.flags |= STREAM_RECV_ARMED;
    stream->object.in_flight++;
}

static void recv_cancel(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_sqe *sqe = reactor_cancel_sqe(reactor);

    if (sqe == NULL) {
        object_pend(&stream->object);
        return;
    }
    kevy_prep_cancel(sqe, user_data_make(stream, OPERATION_RECV), 0);
    stream->object.flags |= STREAM_RECV_CANCELLED;
}

/* Arms or cancels the recv, as the state of the stream wants it. */
void stream_recv_adjust(struct kevy_stream *stream)
{
    bool wanted = stream->object.state != STREAM_OPEN || deliverable(stream);

    if (stream_has(stream, STREAM_RECV_ARMED)) {
        if (!wanted && stream->held_last != NULL && !stream_has(stream, STREAM_RECV_CANCELLED))
            recv_cancel(stream);
        return;
    }
    if (wanted && !stream_has(stream, STREAM_READ_ENDED | STREAM_STARVED))
        recv_arm(stream);
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

    return result == -EIO && stream_has(stream, STREAM_FILE) &&
           ioctl(stream->fd, TIOCGPTN, &number) == 0;
}

/* The multishot is over: by the peer, by us, or by the kernel, which may do so at any time. */
static void recv_ended(struct kevy_stream *stream, int result)
{
    stream->object.flags &= ~(STREAM_RECV_ARMED | STREAM_RECV_CANCELLED);
    stream->object.in_flight--;
    object_pend(&stream->object);
    if (result == -ECANCELED || result == -EINTR || result == -EAGAIN)
        return;
    /* A run is over: those who wait for buffers come first, or it would take them all anew. */
    if (result > 0 && (stream->object.reactor->starved_count == 0))
        return;
    if (stream_has(stream, STREAM_FILE) && !stream_has(stream, STREAM_READ_ONCE) &&
        multishot_refused(result)) {
        stream->object.flags |= STREAM_READ_ONCE;
        return;
    }
    if (result > 0 || result == -ENOBUFS) {
        if (stream->object.state >= STREAM_TERMINATING)
            return;
        if (stream_has(stream, STREAM_HELD))
            stream->object.flags |= STREAM_POLL_FIRST;
        else
            pool_starve(stream);
        return;
    }
    stream->object.flags |= STREAM_READ_ENDED;
    if (stream->reason == 0 && !terminal_ended(stream, result))
        stream->reason = (int16_t)result;
}

static inline struct kevy_buffer *buffer_fill(struct kevy_reactor *reactor, uint16_t id,
                                              uint32_t length)
{
    struct kevy_x_block *block = pool_take(reactor, id);

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
    /* The buffer follows the flag, whatever the result: errors and the end carry none. */
    if ((flags & KEVY_CQE_F_BUFFER) && result > (int)reactor->pool.buffer_size) {
        bundle_received(reactor, stream, (uint32_t)result, flags);
    } else if (flags & KEVY_CQE_F_BUFFER) {
        struct kevy_buffer *buffer = buffer_fill(reactor, kevy_buffer_id(flags), (uint32_t)result);

        assert(buffer->data == buffer->block->data && !buffer->block->descriptors);
        if (result > 0 && stream_has(stream, STREAM_DESCRIPTORS))
            result = stream_descriptors_received(buffer, result);
        if (result > 0)
            received(stream, buffer);
        else
            buffer_drop(buffer);
    }
    if ((flags & KEVY_CQE_F_MORE) == 0)
        recv_ended(stream, result);
    else if ((flags & KEVY_CQE_F_SOCK_NONEMPTY) == 0 && stream_has(stream, STREAM_END_UNSURE) &&
             stream_end_there(stream) && !stream_has(stream, STREAM_RECV_CANCELLED))
        recv_cancel(stream);
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
