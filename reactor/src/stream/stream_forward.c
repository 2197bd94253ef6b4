/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Received bytes that go into a queue.
 *
 * Model. A buffer that is fresh from the kernel becomes an entry of the queue itself, and its bytes
 * are sent from where they were received. A part of it, or a buffer that is kept, gets an entry of
 * its own with another reference to the block, or a copy when the pool is low.
 *
 * Invariants. What is handed on is taken also above the high mark, and its source held back. A byte
 * that finds no memory would be missing from the stream, so the stream ends.
 */
#include "stream/stream_send.h"

#if KEVY_RING_SUPPORTED

#define QUEUED_MAX (3U << 30) /* of what is taken above the high mark */

/* True when `length` more can be counted; what is left to 4 GiB is for a range's own bytes. */
static bool queue_room(const struct kevy_stream *stream, uint32_t length)
{
    return stream->queued <= QUEUED_MAX && length <= QUEUED_MAX - stream->queued;
}

/* The queue grew above its mark by what `source` received: that stream waits. */
static void source_hold(struct kevy_stream *stream, struct kevy_stream *source)
{
    if (source != NULL)
        kevy_stream_hold(source, stream);
}

/* Queues bytes of a block, whose reference is passed on; false when there is no entry for them. */
static bool entry_queue(struct kevy_stream *stream, struct kevy_x_block *block, const uint8_t *data,
                        uint32_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *entry = buffer_make(&reactor->memory, block, data, length);

    if (entry == NULL) {
        block_release(reactor, block);
        return false;
    }
    queue_append(stream, entry, entry, length);
    return true;
}

/*
 * Queues a copy: behind the copies that are queued already where their block has room. A peer that
 * sends byte by byte and reads nothing would take a block for each, up to the memory of all.
 */
static bool copy_queue(struct kevy_stream *stream, const uint8_t *data, uint32_t length)
{
    struct kevy_x_block *block;

    if (stream_copy_append(stream, data, length))
        return true;
    block = block_copy(stream->object.reactor, data, length);
    memory_need(&stream->object.reactor->memory);
    return block != NULL && entry_queue(stream, block, block->data, length);
}

/* Memory is scarcer than buffers are: the bytes stay where they are. */
static bool pool_instead(const struct kevy_reactor *reactor)
{
    return memory_scarce(&reactor->memory) &&
           reactor->pool.lent_count < reactor->pool.entries / 8 * 7;
}

/*
 * Queues bytes of a block with a new reference, or a copy of them when the pool is low. A byte that
 * finds no memory would be missing from the stream, so the stream ends.
 */
static int queue_bytes(struct kevy_stream *stream, const struct kevy_buffer *from,
                       const uint8_t *data, uint32_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    bool queued = queue_room(stream, length);

    assert(from->reactor == reactor && "a buffer goes to a stream of its own reactor");
    if (queued && from->block->capacity == 0 && pool_low(reactor) && !pool_instead(reactor)) {
        queued = copy_queue(stream, data, length);
        reactor->stats.copies += queued;
    } else if (queued) {
        from->block->refs++;
        queued = entry_queue(stream, from->block, data, length);
    }
    if (!queued) {
        stream_terminate(stream, -ENOBUFS);
        return -ENOBUFS;
    }
    if (stream->queued > stream_hold_mark(stream))
        source_hold(stream, from->source);
    return 0;
}

/* Whatever is not simple: a kept buffer, a queue, a low pool, a stream that takes nothing. */
static rare int forward_slow(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_stream *source = buffer->source;
    int error = 0;

    thread_check(buffer->reactor);
    assert(buffer->use != BUFFER_QUEUED && "a buffer is forwarded once; keep it for more");
    assert(buffer->block != NULL && "an empty buffer cannot be forwarded");
    if (!stream_writable(stream)) {
        error = -EPIPE;
    } else if (buffer->use == BUFFER_BORROWED && !pool_low(buffer->reactor) &&
               queue_room(stream, buffer->length)) {
        /* The block's own entry, and the reference of the read callback, move to the queue. */
        buffer->use = BUFFER_QUEUED;
        queue_append(stream, buffer, buffer, buffer->length);
        if (stream->queued > stream_hold_mark(stream))
            source_hold(stream, source);
        return 0;
    } else {
        error = queue_bytes(stream, buffer, buffer->data, buffer->length);
    }
    if (buffer->use == BUFFER_KEPT)
        kevy_buffer_release(buffer);
    return error;
}

/*
 * What most forwards are: a buffer fresh from the kernel, to a stream with an empty queue. Does all
 * that forward_slow() would, or nothing.
 */
static inline bool forward_fast(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_reactor *reactor = buffer->reactor;
    uint32_t length = buffer->length; /* read once: the compiler takes an SQE for any memory */

    if ((stream->object.flags & STREAM_FORWARD_MASK) != STREAM_FORWARD_PLAIN ||
        buffer->use != BUFFER_BORROWED || stream->queue_last != NULL)
        return false;
    if (length >= stream->high_watermark || pool_low(reactor))
        return false;
    /* The SQ head has to be read: rare, and registers for it would be saved in each call. */
    if (reactor->ring.sqe_next == reactor->ring.sqe_end)
        return false;
    if (!send_single(reactor, stream, buffer))
        return false;
    buffer->use = BUFFER_QUEUED;
    buffer->next = buffer;
    stream->queue_last = buffer;
    stream->queued = length;
    stream->accepted += length;
    return true;
}

int kevy_stream_forward(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    if (likely(forward_fast(stream, buffer)))
        return 0;
    return forward_slow(stream, buffer);
}

int kevy_stream_forward_slice(struct kevy_stream *stream, struct kevy_buffer *buffer,
                              uint32_t offset, uint32_t length)
{
    assert(buffer->block != NULL && "an empty buffer cannot be forwarded");
    assert(buffer->use != BUFFER_QUEUED && "the buffer has been forwarded as a whole");
    assert(offset <= buffer->length && length <= buffer->length - offset &&
           "the slice lies within the buffer");
    if (unlikely(!stream_writable(stream)))
        return -EPIPE;
    thread_check(stream->object.reactor);
    if (length == 0)
        return 0;
    return queue_bytes(stream, buffer, buffer->data + offset, length);
}

#endif /* KEVY_RING_SUPPORTED */
