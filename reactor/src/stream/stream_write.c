/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writing side of a stream, as the user sees it: what goes into the queue.
 *
 * Model. Writing appends entries to the queue: copies in blocks, parts of the user's own memory,
 * received buffers that are handed on. The first one becomes a SEND in the submission queue at
 * once; what follows in the same turn makes the stream pending, and the flush writes that send
 * anew with all that has come together (stream_send.c).
 *
 * Invariants. A write is taken whole or not at all. `queued` is the sum of the entries' lengths.
 * Bytes may be appended to the last block behind what is being sent. Above the high mark copies
 * and writes are refused and `drain` is owed; what is handed on is taken, and its source held
 * back.
 */
#include "stream/stream_send.h"

#if KEVY_RING_SUPPORTED

#include <string.h>

#define QUEUED_MAX (3U << 30) /* of what is taken above the high mark */

static bool writable(const struct kevy_stream *stream)
{
    return (stream->object.flags & STREAM_WRITE_MASK) == STREAM_WRITE_PLAIN;
}

/*
 * Appends entries. The first of an idle queue is written as a send at once; what follows in the
 * same turn makes the flush write that send anew, with all of them.
 */
static inline void queue_append(struct kevy_stream *stream, struct kevy_buffer *first,
                                struct kevy_buffer *last, uint32_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *before = stream->queue_last;

    debug_assert(first->use >= BUFFER_QUEUED && first->use != BUFFER_KEPT);
    stream->queued += length;
    stream->accepted += length;
    stream->queue_last = last;
    if (likely(before == NULL)) {
        last->next = first;
        stream_send_expected(stream);
        /* Still sending: in the `done` of a write that was the last one. Its completion sees to
         * this. */
        if (stream_has(stream, STREAM_SENDING))
            return;
        if (likely(first == last) && likely(first->use == BUFFER_QUEUED) &&
            likely(!stream_has(stream, STREAM_NOT_SOCKET)) &&
            likely(send_single(reactor, stream, first)))
            return;
    } else {
        last->next = before->next;
        before->next = first;
        if (stream_has(stream, STREAM_SENDING) && !send_changeable(stream))
            return;
    }
    object_pend(&stream->object);
}

/* Above the high mark: nothing more for now, and `drain` is owed. */
static bool queue_full(struct kevy_stream *stream)
{
    if (likely(stream->queued < stream->high_watermark))
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
    struct kevy_buffer *last = stream->queue_last;
    struct kevy_x_block *block = last != NULL ? last->block : NULL;

    if (block == NULL || block->refs != 1 || last->write != NULL)
        return false;
    if (length > block->capacity - block->used)
        return false; /* a buffer of the pool has no capacity */
    assert(block->used <= block->capacity && last->use != BUFFER_RANGE);
    if (last->data + last->length != block->data + block->used)
        return false;
    memcpy(block->data + block->used, data, length);
    block->used += (uint32_t)length;
    last->length += (uint32_t)length;
    stream->queued += (uint32_t)length;
    stream->accepted += length;
    return true;
}

/* The same, told to the send: where the kernel has seen that, its completion sees to this. */
static bool copy_append(struct kevy_stream *stream, const void *data, size_t length)
{
    if (!block_append(stream, data, length))
        return false;
    if (!stream_has(stream, STREAM_SENDING) || send_changeable(stream))
        object_pend(&stream->object);
    return true;
}

static void chain_free(struct kevy_reactor *reactor, struct kevy_buffer *buffer)
{
    while (buffer != NULL) {
        struct kevy_buffer *next = buffer->next;

        if (buffer->block != NULL)
            block_release(reactor, buffer->block);
        buffer_give(&reactor->memory, buffer);
        buffer = next;
    }
}

/* A chain of buffers with copies of all bytes; NULL when memory is short, and then nothing is
 * kept. */
static struct kevy_buffer *chain_copy(struct kevy_reactor *reactor, const uint8_t *data,
                                      size_t length, struct kevy_buffer **last)
{
    struct kevy_buffer *first = NULL;

    while (length > 0) {
        size_t room = reactor->memory.block_size;
        uint32_t part = (uint32_t)(length < room ? length : room);
        struct kevy_x_block *block = block_copy(reactor, data, part);
        struct kevy_buffer *buffer = NULL;

        if (block != NULL)
            buffer = buffer_make(&reactor->memory, block, block->data, part);
        if (buffer == NULL) {
            if (block != NULL)
                block_release(reactor, block);
            chain_free(reactor, first);
            return NULL;
        }
        if (first == NULL)
            first = buffer;
        else
            (*last)->next = buffer;
        *last = buffer;
        data += part;
        length -= part;
    }
    return first;
}

int kevy_stream_send(struct kevy_stream *stream, const void *data, size_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *first, *last = NULL;

    if (unlikely(!writable(stream)))
        return -EPIPE;
    thread_check(reactor);
    if (length == 0)
        return 0;
    if (unlikely(length > LENGTH_MAX))
        return -ENOBUFS;
    if (unlikely(queue_full(stream)))
        return -EAGAIN;
    if (copy_append(stream, data, length))
        return 0;
    /* All or nothing: the copies are made before any of them is queued. */
    first = chain_copy(reactor, data, length, &last);
    if (first == NULL)
        return -ENOBUFS;
    queue_append(stream, first, last, (uint32_t)length);
    return 0;
}

/* 0 when bytes may be queued now, else what kevy_stream_send() returns. */
int stream_write_allowed(struct kevy_stream *stream)
{
    if (!writable(stream))
        return -EPIPE;
    thread_check(stream->object.reactor);
    return queue_full(stream) ? -EAGAIN : 0;
}

void stream_queue_append(struct kevy_stream *stream, struct kevy_buffer *entry)
{
    queue_append(stream, entry, entry, entry->length);
}

static void write_begin(struct kevy_stream *stream, struct kevy_send *write)
{
    write->stream = stream;
    write->notices = 0;
    write->finished = 0;
}

int kevy_stream_send_pinned(struct kevy_stream *stream, struct kevy_send *write)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *first = NULL, *last = NULL;
    size_t total = 0;

    if (!writable(stream))
        return -EPIPE;
    thread_check(reactor);
    if (write->count == 0 || write->count > PARTS_MAX || (write->flags & ~KEVY_SEND_ZERO_COPY))
        return -EINVAL;
    assert((write->flags == 0 || write->released != NULL) &&
           "a write without a copy needs a released callback");
    if (queue_full(stream))
        return -EAGAIN;
    for (uint32_t part = 0; part < write->count; part++) {
        size_t length = write->parts[part].iov_len;
        struct kevy_buffer *buffer;

        total += length;
        if (length > LENGTH_MAX || total > LENGTH_MAX) {
            chain_free(reactor, first);
            return -EINVAL;
        }
        buffer = buffer_make(&reactor->memory, NULL, write->parts[part].iov_base, (uint32_t)length);
        if (buffer == NULL) {
            chain_free(reactor, first);
            return -ENOBUFS;
        }
        if (first == NULL)
            first = buffer;
        else
            last->next = buffer;
        last = buffer;
    }
    if (total == 0) {
        chain_free(reactor, first);
        return -EINVAL;
    }
    last->write = write;
    if (write->released != NULL)
        write_begin(stream, write);
    if (write->flags != 0 && total >= reactor->options.zero_copy_minimum)
        first->use = BUFFER_ZERO_COPY;
    queue_append(stream, first, last, (uint32_t)total);
    return 0;
}

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

    if (copy_append(stream, data, length))
        return true;
    block = block_copy(stream->object.reactor, data, length);
    return block != NULL && entry_queue(stream, block, block->data, length);
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
    if (queued && from->block->capacity == 0 && pool_low(reactor)) {
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
    if (stream->queued > stream->high_watermark)
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
    if (!writable(stream)) {
        error = -EPIPE;
    } else if (buffer->use == BUFFER_BORROWED && !pool_low(buffer->reactor) &&
               queue_room(stream, buffer->length)) {
        /* The block's own entry, and the reference of the read callback, move to the queue. */
        buffer->use = BUFFER_QUEUED;
        queue_append(stream, buffer, buffer, buffer->length);
        if (stream->queued > stream->high_watermark)
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

    if ((stream->object.flags & STREAM_FORWARD_MASK) != STREAM_FORWARD_PLAIN ||
        buffer->use != BUFFER_BORROWED || stream->queue_last != NULL)
        return false;
    if (buffer->length > stream->high_watermark || pool_low(reactor))
        return false;
    if (!send_single(reactor, stream, buffer))
        return false;
    buffer->use = BUFFER_QUEUED;
    buffer->next = buffer;
    stream->queue_last = buffer;
    stream->queued = buffer->length;
    stream->accepted += buffer->length;
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
    if (unlikely(!writable(stream)))
        return -EPIPE;
    thread_check(stream->object.reactor);
    if (length == 0)
        return 0;
    return queue_bytes(stream, buffer, buffer->data + offset, length);
}

int kevy_stream_shutdown(struct kevy_stream *stream)
{
    if (stream->object.state != STREAM_OPEN)
        return -EPIPE;
    if (stream_has(stream, STREAM_NOT_SOCKET))
        return -EOPNOTSUPP;
    stream->object.flags |= STREAM_FIN_WANTED;
    object_pend(&stream->object);
    return 0;
}

void kevy_stream_set_watermarks(struct kevy_stream *stream, uint32_t low, uint32_t high)
{
    assert(low <= high && high > 0 && high <= LENGTH_MAX && "low <= high, 1 to 1 GiB");
    stream->low_watermark = low;
    stream->high_watermark = high;
}

#endif /* KEVY_RING_SUPPORTED */
