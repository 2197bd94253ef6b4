/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Streams when memory runs short.
 *
 * Model. A stream that feeds a queue is held back when the queue reaches its mark. Above half of
 * memory_limit in use the mark shrinks with the square of what is left, so the more streams there
 * are, the less each may hold, and none is ended: with 64 MiB, a mark of 64 KiB and no reader at
 * all, 1,000 streams come to rest at 40 KiB each and 10,000 at 5 KiB. What is ended, when the
 * reserve is touched all the same, is chosen by pressure.c.
 *
 * Invariants. A mark is never 0, so an empty queue takes a buffer. NOTE_MOVED is when the queue
 * went down or began to grow, in units of 2^30 ns: it says how long a peer has not read.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

/* The part of a mark that is left, of 256, when less than half of the memory is. */
static uint32_t part_left(const struct memory *memory)
{
    uint64_t half = memory->limit / 2;
    uint64_t left = memory_left(memory);

    return left >= half || half < 256 ? 256 : (uint32_t)(left / (half / 256));
}

uint32_t stream_hold_mark(const struct kevy_stream *stream)
{
    const struct memory *memory = &stream->object.reactor->memory;
    uint64_t part = part_left(memory);
    uint64_t mark = stream->high_watermark;

    if (likely(part >= 256))
        return stream->high_watermark;
    /* A mark above that is one of a user who relies on the limit. */
    if (mark > memory->limit / 2)
        mark = memory->limit / 2;
    mark = mark * (part * part) >> 16;
    return mark != 0 ? (uint32_t)mark : 1;
}

uint32_t kevy_stream_hold_watermark(const struct kevy_stream *stream)
{
    return stream->object.reactor != NULL ? stream_hold_mark(stream) : stream->high_watermark;
}

uint32_t stream_release_mark(const struct kevy_stream *stream)
{
    uint32_t mark = stream_hold_mark(stream);

    return mark < stream->low_watermark ? mark : stream->low_watermark;
}

/* Heap bytes of a list of buffers, circular. */
static uint64_t heap_bytes(const struct kevy_buffer *last)
{
    const struct kevy_buffer *entry = last;
    uint64_t sum = 0;

    if (last == NULL)
        return 0;
    do {
        entry = entry->next;
        if (entry->block != NULL && entry->block->capacity != 0)
            sum += entry->length;
    } while (entry != last);
    return sum;
}

struct weight stream_weigh(const struct kevy_x_object *object)
{
    const struct kevy_stream *stream = KEVY_CONTAINER_OF(object, struct kevy_stream, object);
    struct weight weight = {0};

    if (object->state >= STREAM_TERMINATING)
        return weight;
    weight.bytes = heap_bytes(stream->queue_last) + heap_bytes(stream->reader.stash_last);
    weight.stalled_s =
        (moved_stamp(object->reactor) - (stream->notes & NOTE_MOVED)) / NOTE_MOVED_UNIT &
        NOTE_MOVED_MASK;
    return weight;
}

void stream_evict(struct kevy_x_object *object)
{
    stream_terminate(stream_of(object), -ENOMEM);
}

#endif /* KEVY_RING_SUPPORTED */
