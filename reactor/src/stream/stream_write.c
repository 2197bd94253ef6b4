/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writing side of a stream, as the user sees it: what goes into the queue.
 *
 * Model. Writing appends entries to the queue: copies in blocks, parts of the user's own memory,
 * received buffers that are handed on (stream_forward.c). The first one becomes a SEND in the
 * submission queue at once; what follows in the same turn makes the stream pending, and the flush
 * writes that send anew with all that has come together (stream_send.c).
 *
 * Long copies. A socket with nothing before them is asked first, by send(2), and only what it does
 * not take is copied: copying a mebibyte costs a third of what its way to the peer does. Once in a
 * turn: a user who sends until it is refused would never return while the peer is quick.
 *
 * Invariants. A write is taken whole or not at all. `queued` is the sum of the entries' lengths.
 * Bytes may be appended to the last block behind what is being sent. At the high mark `drain` is
 * owed, and copies and writes are refused, but for what was reserved before.
 */
#include "stream/stream_send.h"

#if KEVY_RING_SUPPORTED

#include <string.h>

/* Of so many bytes the socket is asked before they are copied. */
#define DIRECT_MINIMUM 65536U

/* At the high mark: nothing more for now, unless it was reserved. `drain` is owed, again where both
 * marks are the same and it came at this one. */
static bool queue_full(struct kevy_stream *stream)
{
    if (likely(stream->queued < stream->high_watermark))
        return false;
    stream->object.flags |= STREAM_TELL_DRAIN;
    return stream->accepted >= stream->reserved;
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
    stream_mark_check(stream);
    return true;
}

/* The same, told to the send: where the kernel has seen that, its completion sees to this. */
bool stream_copy_append(struct kevy_stream *stream, const void *data, size_t length)
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

/* A chain of empty buffers with room for `length` bytes, or NULL when memory is short. */
static struct kevy_buffer *chain_take(struct kevy_reactor *reactor, size_t length,
                                      struct kevy_buffer **last)
{
    size_t room = reactor->memory.block_size;
    struct kevy_buffer *first = NULL;

    for (size_t taken = 0; taken < length; taken += room) {
        struct kevy_x_block *block = block_take(&reactor->memory);
        struct kevy_buffer *buffer = NULL;

        if (block != NULL)
            buffer = buffer_make(&reactor->memory, block, block->data, 0);
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
    }
    return first;
}

/* Copies the bytes into the chain, which has room for them; its last buffer is used. */
static void chain_fill(struct kevy_buffer *buffer, const uint8_t *data, size_t length)
{
    while (length > 0) {
        struct kevy_x_block *block = buffer->block;
        uint32_t part = (uint32_t)(length < block->capacity ? length : block->capacity);

        memcpy(block->data, data, part);
        block->used = part;
        buffer->length = part;
        buffer = buffer->next;
        data += part;
        length -= part;
    }
    assert(buffer == NULL);
}

/* Gives back what a chain has at its front above the room for `length` bytes. */
static struct kevy_buffer *chain_trim(struct kevy_reactor *reactor, struct kevy_buffer *first,
                                      size_t before, size_t length)
{
    size_t room = reactor->memory.block_size;
    size_t surplus = (before + room - 1) / room - (length + room - 1) / room;

    for (; surplus > 0; surplus--) {
        struct kevy_buffer *next = first->next;

        first->next = NULL;
        chain_free(reactor, first);
        first = next;
    }
    return first;
}

/* An error of the connection, which the kernel tells once: it is the stream's. */
static bool fatal(int64_t error)
{
    return error != -EAGAIN && error != -EINTR && error != -ENOMEM && error != -ENOBUFS;
}

/* How many of the bytes the socket takes at once, see the model. An error comes back with the send
 * of the queue; its reason may not. */
static size_t direct_send(struct kevy_stream *stream, const void *data, size_t length)
{
    int64_t result;

    if (stream->queue_last != NULL ||
        stream_has(stream, STREAM_SENDING | STREAM_NOT_SOCKET | STREAM_TRIED))
        return 0;
    stream->object.flags |= STREAM_TRIED;
    object_pend(&stream->object);
    result = SYSTEM(stream->object.reactor, send, stream->fd, data, length);
    if (result <= 0) {
        if (fatal(result) && stream->reason == 0)
            stream->reason = (int16_t)result;
        return 0;
    }
    assert((uint64_t)result <= length);
    stream->accepted += (uint64_t)result;
    stream_limits_sent(stream);
    return (size_t)result;
}

int kevy_stream_send(struct kevy_stream *stream, const void *data, size_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *first, *last = NULL;
    size_t taken = 0;

    if (unlikely(!stream_writable(stream)))
        return -EPIPE;
    thread_check(reactor);
    if (length == 0)
        return 0;
    if (unlikely(length > LENGTH_MAX))
        return -ENOBUFS;
    if (unlikely(queue_full(stream)))
        return -EAGAIN;
    if (stream_copy_append(stream, data, length))
        return 0;
    /* All or nothing: there is memory for all of them before any leaves. */
    first = chain_take(reactor, length, &last);
    if (unlikely(reactor->memory.pressed) && stream->queued < memory_reserve(&reactor->memory) / 4)
        memory_need(&reactor->memory);
    if (first == NULL)
        return -ENOBUFS;
    if (unlikely(length >= DIRECT_MINIMUM)) {
        taken = direct_send(stream, data, length);
        if (taken != 0 && length >= stream->high_watermark)
            stream->object.flags |= STREAM_TELL_DRAIN; /* as if all had gone through the queue */
        first = chain_trim(reactor, first, length, length - taken);
        if (first == NULL)
            return 0;
    }
    chain_fill(first, (const uint8_t *)data + taken, length - taken);
    queue_append(stream, first, last, (uint32_t)(length - taken));
    return 0;
}

/* 0 when bytes may be queued now, else what kevy_stream_send() returns. */
int stream_write_allowed(struct kevy_stream *stream)
{
    if (!stream_writable(stream))
        return -EPIPE;
    thread_check(stream->object.reactor);
    return queue_full(stream) ? -EAGAIN : 0;
}

void stream_queue_append(struct kevy_stream *stream, struct kevy_buffer *entry)
{
    queue_append(stream, entry, entry, entry->length);
}

/* The entries of one write, on their way into the queue. */
struct chain {
    struct kevy_buffer *first;
    struct kevy_buffer *last;
    size_t length;
};

/* Makes entries of the parts; none is left where that fails. Returns 0, -EINVAL or -ENOBUFS. */
static int chain_make(struct kevy_reactor *reactor, const struct kevy_send *write,
                      struct chain *chain)
{
    int error = 0;

    for (uint32_t part = 0; part < write->count && error == 0; part++) {
        size_t length = write->parts[part].iov_len;
        struct kevy_buffer *buffer = NULL;

        chain->length += length;
        if (length > LENGTH_MAX || chain->length > LENGTH_MAX)
            error = -EINVAL;
        else if ((buffer = buffer_make(&reactor->memory, NULL, write->parts[part].iov_base,
                                       (uint32_t)length)) == NULL)
            error = -ENOBUFS;
        else if (chain->first == NULL)
            chain->first = buffer;
        else
            chain->last->next = buffer;
        chain->last = buffer;
    }
    if (error == 0 && chain->length == 0)
        error = -EINVAL;
    if (error < 0)
        chain_free(reactor, chain->first);
    return error;
}

#if DEBUG_CHECKS

#define PINNED_LOOK ((size_t)64 * 1024)

/* FNV-1a, eight bytes at a time. */
static uint64_t sum_add(uint64_t sum, const uint8_t *data, size_t length)
{
    while (length > 0) {
        size_t part = length < sizeof(uint64_t) ? length : sizeof(uint64_t);
        uint64_t word = 0;

        memcpy(&word, data, part);
        sum = (sum ^ word) * 0x100000001b3U;
        data += part;
        length -= part;
    }
    return sum ^ sum >> 32;
}

/* Of long parts the beginning and the end: one part may have all 4 GiB of a queue. */
static uint32_t pinned_sum(const struct kevy_send *write)
{
    uint64_t sum = write->count;

    for (uint32_t index = 0; index < write->count; index++) {
        const uint8_t *data = write->parts[index].iov_base;
        size_t length = write->parts[index].iov_len;
        size_t looked_at = length < PINNED_LOOK ? length : PINNED_LOOK;

        sum = sum_add(sum, data, looked_at);
        if (length > looked_at)
            sum = sum_add(sum, data + length - looked_at, looked_at);
    }
    return (uint32_t)sum & ~WRITE_FINISHED;
}

void pinned_note(struct kevy_send *write)
{
    write->finished = pinned_sum(write);
}

void pinned_check(const struct kevy_send *write)
{
    assert((write->finished & ~WRITE_FINISHED) == pinned_sum(write) &&
           "bytes that are PINNED were changed before `done`, or before `released`");
}

#endif

int kevy_stream_send_pinned(struct kevy_stream *stream, struct kevy_send *write)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct chain chain = {0};
    int error;

    if (!stream_writable(stream))
        return -EPIPE;
    thread_check(reactor);
    if (write->count == 0 || write->count > PARTS_MAX || (write->flags & ~KEVY_SEND_ZERO_COPY))
        return -EINVAL;
    assert((write->flags == 0 || write->released != NULL) &&
           "a write without a copy needs a released callback");
    if (queue_full(stream))
        return -EAGAIN;
    error = chain_make(reactor, write, &chain);
    if (error < 0)
        return error;
    chain.last->write = write;
    if (write->released != NULL) {
        write->stream = stream;
        write->notices = 0;
        write->finished = 0;
    }
    pinned_note(write);
    if (write->flags != 0 && chain.length >= reactor->options.zero_copy_minimum)
        chain.first->use = BUFFER_ZERO_COPY;
    queue_append(stream, chain.first, chain.last, (uint32_t)chain.length);
    return 0;
}

int kevy_stream_reserve(struct kevy_stream *stream, uint64_t length)
{
    if (!stream_writable(stream))
        return -EPIPE;
    thread_check(stream->object.reactor);
    stream->reserved = 0;
    if (queue_full(stream))
        return -EAGAIN;
    if (__builtin_add_overflow(stream->accepted, length, &stream->reserved))
        stream->reserved = UINT64_MAX;
    return 0;
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
    if (stream->object.state != STREAM_OPEN)
        return;
    thread_check(stream->object.reactor);
    stream_mark_check(stream);
    if (stream_has(stream, STREAM_TELL_DRAIN | STREAM_HOLDS_OTHERS))
        object_pend(&stream->object); /* the queue may be down to its low mark by that */
}

#endif /* KEVY_RING_SUPPORTED */
