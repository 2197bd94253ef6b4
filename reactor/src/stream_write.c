/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writing side of a stream: a queue, and one send in flight.
 *
 * Model. Writing appends segments to the queue and makes the stream pending; the flush at the end
 * of the turn sends what has come together, one segment by SEND, several by one SENDMSG. The
 * completion says how many bytes the kernel took; they leave at the front of the queue, and the
 * rest goes with the next send.
 *
 * Invariants. At most one send is in flight: two on one socket interleave their bytes whenever the
 * socket fills (liburing issue 1001). The segments of a send in flight stay in the queue, so their
 * bytes stay valid. `queued` is the sum of the segments' lengths. Bytes may be appended to the last
 * block behind what is being sent. No MSG_WAITALL: a short send is progress that the write deadline
 * has to see.
 *
 * Message headers live in the reactor's arena until they have been submitted; the kernel copies
 * them then (KEVY_FEAT_SUBMIT_STABLE, 5.5).
 */
#include "stream_internal.h"

#if KEVY_RING_SUPPORTED

#define PARTS_MAX  64U
#define LENGTH_MAX (1U << 30) /* of one write, and of one send */

static bool writable(const struct kevy_stream *stream)
{
    return stream->object.state == STREAM_OPEN &&
           !stream_has(stream, STREAM_FIN_WANTED | STREAM_WRITE_FAILED);
}

static void queue_append(struct kevy_stream *stream, struct kevy_segment *first,
                         struct kevy_segment *last, uint32_t length)
{
    if (stream->queue_last != NULL) {
        stream->queue_last->next = first;
    } else {
        stream->queue_first = first;
        stream_write_expected(stream);
    }
    stream->queue_last = last;
    stream->queued += length;
    object_pend(&stream->object);
}

/* Above the high mark: nothing more for now, and `drain` is owed. */
static bool queue_full(struct kevy_stream *stream)
{
    if (likely(stream->queued < stream->mark_high))
        return false;
    stream->object.flags |= STREAM_TELL_DRAIN;
    return true;
}

/*
 * Appends to the block at the end of the queue, if nobody else refers to it and all bytes fit: a
 * chain cut in two could not be taken back when the second half finds no memory.
 */
static bool block_append(struct kevy_stream *stream, const void *data, size_t length)
{
    struct kevy_segment *last = stream->queue_last;
    struct kevy_block *block = last != NULL ? last->block : NULL;

    if (block == NULL || block->refs != 1 || last->write != NULL)
        return false;
    if (length > block->capacity - block->used)
        return false; /* a buffer of the pool has no capacity */
    if (last->data + last->length != block->data + block->used)
        return false;
    memcpy(block->data + block->used, data, length);
    block->used += (uint32_t)length;
    last->length += (uint32_t)length;
    stream->queued += (uint32_t)length;
    return true;
}

static void chain_free(struct kevy_reactor *reactor, struct kevy_segment *segment)
{
    while (segment != NULL) {
        struct kevy_segment *next = segment->next;

        if (segment->block != NULL)
            block_release(reactor, segment->block);
        segment_give(&reactor->memory, segment);
        segment = next;
    }
}

/* A segment of `length` bytes at `data`; takes over the reference to `block`. */
static struct kevy_segment *segment_make(struct kevy_reactor *reactor, struct kevy_block *block,
                                         const uint8_t *data, uint32_t length)
{
    struct kevy_segment *segment = segment_take(&reactor->memory);

    if (unlikely(segment == NULL))
        return NULL;
    segment->block = block;
    segment->data = data;
    segment->length = length;
    segment->write = NULL;
    return segment;
}

/* A chain of segments with copies of all bytes; NULL when memory is short, and then nothing is
 * kept. */
static struct kevy_segment *chain_copy(struct kevy_reactor *reactor, const uint8_t *data,
                                       size_t length, struct kevy_segment **last)
{
    struct kevy_segment *first = NULL;

    while (length > 0) {
        size_t room = reactor->memory.block_size;
        uint32_t part = (uint32_t)(length < room ? length : room);
        struct kevy_block *block = block_copy(reactor, data, part);
        struct kevy_segment *segment = NULL;

        if (block != NULL)
            segment = segment_make(reactor, block, block->data, part);
        if (segment == NULL) {
            if (block != NULL)
                block_release(reactor, block);
            chain_free(reactor, first);
            return NULL;
        }
        if (first == NULL)
            first = segment;
        else
            (*last)->next = segment;
        *last = segment;
        data += part;
        length -= part;
    }
    return first;
}

int kevy_stream_send(struct kevy_stream *stream, const void *data, size_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_segment *first, *last = NULL;

    if (unlikely(!writable(stream)))
        return -EPIPE;
    if (length == 0)
        return 0;
    if (unlikely(length > LENGTH_MAX))
        return -ENOBUFS;
    if (unlikely(queue_full(stream)))
        return -EAGAIN;
    if (block_append(stream, data, length)) {
        object_pend(&stream->object);
        return 0;
    }
    /* All or nothing: the copies are made before any of them is queued. */
    first = chain_copy(reactor, data, length, &last);
    if (first == NULL)
        return -ENOBUFS;
    queue_append(stream, first, last, (uint32_t)length);
    return 0;
}

int kevy_stream_write(struct kevy_stream *stream, struct kevy_write *write)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_segment *first = NULL, *last = NULL;
    size_t total = 0;

    if (!writable(stream))
        return -EPIPE;
    if (write->count == 0 || write->count > PARTS_MAX)
        return -EINVAL;
    if (queue_full(stream))
        return -EAGAIN;
    for (uint32_t part = 0; part < write->count; part++) {
        size_t length = write->parts[part].iov_len;
        struct kevy_segment *segment;

        total += length;
        if (length > LENGTH_MAX || total > LENGTH_MAX) {
            chain_free(reactor, first);
            return -EINVAL;
        }
        segment = segment_make(reactor, NULL, write->parts[part].iov_base, (uint32_t)length);
        if (segment == NULL) {
            chain_free(reactor, first);
            return -ENOBUFS;
        }
        if (first == NULL)
            first = segment;
        else
            last->next = segment;
        last = segment;
    }
    last->write = write;
    queue_append(stream, first, last, (uint32_t)total);
    return 0;
}

/*
 * Queues bytes of a received buffer, with a reference of their own, or a copy of them when the pool
 * is low. A byte that finds no memory would be missing from the stream, so the stream ends.
 */
static int forward(struct kevy_stream *stream, struct kevy_block *block, const uint8_t *data,
                   uint32_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_segment *segment;

    if (unlikely(block->capacity == 0 && pool_low(reactor))) {
        block = block_copy(reactor, data, length);
        if (block == NULL)
            goto no_memory;
        reactor->stats.copies++;
        data = block->data;
    } else {
        block->refs++;
    }
    segment = segment_make(reactor, block, data, length);
    if (unlikely(segment == NULL)) {
        block_release(reactor, block);
        goto no_memory;
    }
    queue_append(stream, segment, segment, length);
    if (unlikely(stream->queued > stream->mark_high) && reactor->reading != NULL)
        kevy_stream_hold(reactor->reading, stream);
    return 0;

no_memory:
    stream_terminate(stream, -ENOBUFS);
    return -ENOBUFS;
}

int kevy_stream_forward(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    int error = -EPIPE;

    assert(buffer->block != NULL);
    if (likely(writable(stream)))
        error = forward(stream, buffer->block, buffer->data, buffer->length);
    kevy_buffer_release(buffer);
    return error;
}

int kevy_stream_forward_slice(struct kevy_stream *stream, struct kevy_buffer *buffer,
                              uint32_t offset, uint32_t length)
{
    assert(buffer->block != NULL);
    assert(offset <= buffer->length && length <= buffer->length - offset);
    if (unlikely(!writable(stream)))
        return -EPIPE;
    if (length == 0)
        return 0;
    return forward(stream, buffer->block, buffer->data + offset, length);
}

/* Fills `sqe` with one vectored send of as much of the queue as `message` has parts for. */
static void send_vectored(struct kevy_stream *stream, struct kevy_sqe *sqe, struct msghdr *message)
{
    struct iovec *parts = (struct iovec *)(void *)(message + 1);
    struct kevy_segment *segment = stream->queue_first;
    uint32_t total = 0;
    uint32_t count = 0;

    while (segment != NULL && count < PARTS_MAX && segment->length <= LENGTH_MAX - total) {
        parts[count].iov_base = (void *)(uintptr_t)segment->data;
        parts[count].iov_len = segment->length;
        total += segment->length;
        count++;
        segment = segment->next;
    }
    memset(message, 0, sizeof *message);
    message->msg_iov = parts;
    message->msg_iovlen = count;
    kevy_prep_sendmsg(sqe, stream->fd, message, MSG_NOSIGNAL);
    stream->sending = total;
}

static uint32_t parts_count(const struct kevy_stream *stream)
{
    uint32_t count = 0;

    for (struct kevy_segment *segment = stream->queue_first; segment != NULL && count < PARTS_MAX;
         segment = segment->next)
        count++;
    return count;
}

static void send_start(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_segment *first = stream->queue_first;
    struct msghdr *message = NULL;
    struct kevy_sqe *sqe;

    if (first->next != NULL) {
        message =
            reactor_arena(reactor, sizeof *message + parts_count(stream) * sizeof(struct iovec));
        if (message == NULL) {
            object_pend(&stream->object);
            return;
        }
    }
    sqe = reactor_sqe(reactor, stream, OPERATION_SEND);
    if (unlikely(sqe == NULL)) {
        object_pend(&stream->object);
        return;
    }
    if (likely(message == NULL)) {
        kevy_prep_send(sqe, stream->fd, first->data, first->length, MSG_NOSIGNAL);
        stream->sending = first->length;
    } else {
        send_vectored(stream, sqe, message);
    }
    stream->object.flags |= STREAM_SENDING;
    stream->object.in_flight++;
}

static void fin_send(struct kevy_stream *stream)
{
    /* The system call, because IORING_OP_SHUTDOWN always goes through a worker thread. */
    (void)shutdown(stream->fd, SHUT_WR);
    stream->object.flags |= STREAM_FIN_SENT;
}

void stream_write_continue(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_SENDING))
        return;
    if (stream->queue_first != NULL) {
        send_start(stream);
        return;
    }
    if (unlikely(stream_has(stream, STREAM_TELL_DRAIN))) {
        stream->object.flags &= ~STREAM_TELL_DRAIN;
        if (stream->events->drain != NULL && stream->object.state == STREAM_OPEN)
            stream->events->drain(stream);
    }
    if (stream->queue_first == NULL && stream_has(stream, STREAM_FIN_WANTED) &&
        !stream_has(stream, STREAM_FIN_SENT))
        fin_send(stream);
}

/* Takes the first segment out; a write that it completes is reported. */
static void segment_finish(struct kevy_stream *stream, int result)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_segment *segment = stream->queue_first;
    struct kevy_write *write = segment->write;

    stream->queue_first = segment->next;
    if (stream->queue_first == NULL)
        stream->queue_last = NULL;
    stream->queued -= segment->length;
    if (segment->block != NULL)
        block_release(reactor, segment->block);
    segment_give(&reactor->memory, segment);
    if (unlikely(write != NULL) && write->done != NULL)
        write->done(write, stream, result);
}

/* The kernel took `count` bytes: they leave the queue, and so do empty parts behind them. */
static void queue_consume(struct kevy_stream *stream, uint32_t count)
{
    while (stream->queue_first != NULL) {
        struct kevy_segment *first = stream->queue_first;

        if (count < first->length) {
            first->data += count;
            first->length -= count;
            stream->queued -= count;
            return;
        }
        if (count == 0 && first->length != 0)
            return;
        count -= first->length;
        segment_finish(stream, 0);
    }
    assert(count == 0);
}

void stream_queue_drop(struct kevy_stream *stream, int result)
{
    assert(!stream_has(stream, STREAM_SENDING));
    while (stream->queue_first != NULL)
        segment_finish(stream, result);
}

/* The queue went down: tell who waits for that. */
static void queue_lowered(struct kevy_stream *stream)
{
    if (likely(stream->queued > stream->mark_low))
        return;
    if (unlikely(stream->holding != NULL))
        stream_release_held(stream);
    if (unlikely(stream_has(stream, STREAM_TELL_DRAIN)) && stream->object.state == STREAM_OPEN) {
        stream->object.flags &= ~STREAM_TELL_DRAIN;
        if (stream->events->drain != NULL)
            stream->events->drain(stream);
    }
}

/*
 * The peer takes nothing more. What it sent before is still in the socket: reading goes on to its
 * end, which our shutdown bounds, and then the stream closes with the error. A paused stream has
 * nobody to wait for.
 */
static void send_failed(struct kevy_stream *stream, int error)
{
    stream->object.flags |= STREAM_WRITE_FAILED;
    if (stream->reason == 0)
        stream->reason = error;
    if (stream->object.state != STREAM_OPEN ||
        stream_has(stream, STREAM_PAUSED | STREAM_READ_ENDED)) {
        stream_terminate(stream, error);
        return;
    }
    stream->write_at_ns = 0;
    stream_queue_drop(stream, error);
    stream_release_held(stream);
    (void)shutdown(stream->fd, SHUT_RDWR);
}

void stream_send_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_stream *stream = owner;

    (void)reactor;
    (void)flags;
    stream->object.flags &= ~STREAM_SENDING;
    stream->object.in_flight--;
    if (unlikely(result < 0)) {
        object_pend(&stream->object);
        if (stream->object.state < STREAM_TERMINATING && result != -EAGAIN && result != -EINTR)
            send_failed(stream, result);
        return;
    }
    stream_active(stream);
    /* Marked as sending meanwhile: a `done` that ends the stream must not drop the queue under us.
     */
    stream->object.flags |= STREAM_SENDING;
    queue_consume(stream, (uint32_t)result);
    stream->object.flags &= ~STREAM_SENDING;
    stream->write_at_ns = 0;
    if (stream->queue_first != NULL)
        stream_write_expected(stream);
    queue_lowered(stream);
    if (stream->queue_first != NULL || stream->object.state != STREAM_OPEN ||
        stream_has(stream, STREAM_FIN_WANTED))
        object_pend(&stream->object);
}

int kevy_stream_shutdown(struct kevy_stream *stream)
{
    if (stream->object.state != STREAM_OPEN)
        return -EPIPE;
    stream->object.flags |= STREAM_FIN_WANTED;
    object_pend(&stream->object);
    return 0;
}

void kevy_stream_marks(struct kevy_stream *stream, uint32_t low, uint32_t high)
{
    assert(low <= high && high > 0);
    stream->mark_low = low;
    stream->mark_high = high;
}

#endif /* KEVY_RING_SUPPORTED */
