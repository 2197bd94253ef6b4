/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What holds for a stream between any two things that happen to it.
 *
 * Model. Each function asserts the invariants of one part of a stream. With debug checks they come
 * before every flush of the stream, when no callback of it runs.
 */
#include "stream/listener_internal.h"
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED && DEBUG_CHECKS

static bool flag_is(const struct kevy_stream *stream, uint32_t flag, bool expected)
{
    return stream_has(stream, flag) == expected;
}

/* Flags that say the same as another field, so that several things are tested at once. */
static void flags_check(const struct kevy_stream *stream)
{
    assert(flag_is(stream, STREAM_IS_OPEN, stream->object.state == STREAM_OPEN));
    assert(flag_is(stream, READER_STASHES, stream->reader.stash_last != NULL));
    assert(flag_is(stream, STREAM_HAS_READ, stream->events->read != NULL));
    assert(flag_is(stream, STREAM_IDLE_LIMITED, stream->idle_ticks != 0));
    assert(flag_is(stream, STREAM_SEND_LIMITED, stream->send_ticks != 0));
    assert(stream_has(stream, STREAM_HOLDS_OTHERS) || stream->holding == NULL);
}

/* Requests: at most one recv, and one send or connect. */
static void requests_check(const struct kevy_stream *stream)
{
    uint32_t known = stream_has(stream, STREAM_RECV_ARMED) + stream_has(stream, STREAM_SENDING);
    uint8_t state = stream->object.state;

    assert(stream->object.in_flight >= known && stream->object.in_flight <= known + 1);
    assert(stream->object.in_flight == known || state < STREAM_OPEN || state > STREAM_LINGERING);
    assert(state != STREAM_CLOSED || known == 0);
    assert(!stream_noted(stream, NOTE_RECV_CANCELLED) || stream_has(stream, STREAM_RECV_ARMED));
    assert(!stream_noted(stream, NOTE_SEND_CANCELLED) || state >= STREAM_CANCELLING);
    assert(!stream_noted(stream, NOTE_ZERO_COPYING) || stream_has(stream, STREAM_SENDING));
    assert(!stream_has(stream, STREAM_READ_ENDED) || !stream_has(stream, STREAM_RECV_ARMED));
    assert(!stream_has(stream, STREAM_RECV_ENDS) || stream_has(stream, STREAM_RECV_ARMED));
}

/* Whom it waits for, and who waits for it. */
static void waits_check(const struct kevy_stream *stream)
{
    bool held = stream_has(stream, STREAM_HELD);
    bool starved = stream_has(stream, READER_STARVED);

    bool in_turn = stream_has(stream, READER_IN_TURN);

    assert(held + starved + in_turn <= 1);
    assert(waiting(&stream->reader.wait) == (held || starved || in_turn));
    assert((!starved && !in_turn) || !stream_has(stream, STREAM_RECV_ARMED));
    for (const struct kevy_x_waiter *waiter = stream->holding; waiter != NULL;
         waiter = waiter->next)
        assert(waiting(waiter));
}

/* The queue is a circle, and `queued` the sum of its entries. */
static void queue_check(const struct kevy_stream *stream)
{
    const struct kevy_buffer *last = stream->queue_last;
    uint64_t sum = 0;

    assert(last != NULL || (stream->queued == 0 && !stream_has(stream, STREAM_SENDING)));
    assert(last != NULL || !stream_has(stream, STREAM_SENT_SHORT));
    for (const struct kevy_buffer *entry = last; entry != NULL;) {
        entry = entry->next;
        assert(entry->use >= BUFFER_QUEUED && entry->use != BUFFER_KEPT &&
               entry->use != BUFFER_FREE);
        assert(entry->block == NULL || entry->block->refs > 0);
        sum += entry->length;
        if (entry == last)
            break;
    }
    assert(sum == stream->queued);
    assert(stream->accepted >= stream->queued);
    assert(stream->low_watermark <= stream->high_watermark && stream->high_watermark > 0);
}

/* While a limit is on, the node is filed at or before it. */
static void limit_check(const struct kevy_stream *stream, uint32_t at)
{
    uint32_t filed = (uint32_t)(stream->deadline.deadline_ns >> WHEEL_TICK_SHIFT);

    assert(at == 0 || wheel_filed(&stream->deadline));
    assert(at == 0 || !deadline_before(at, filed));
}

static void limits_check(const struct kevy_stream *stream)
{
    /* What was closed or has ended sets other limits in the flush that is to come. */
    if (stream->object.state == STREAM_CONNECTING || stream->object.state == STREAM_OPEN ||
        stream->object.state == STREAM_LINGERING) {
        limit_check(stream, stream->idle_at);
        limit_check(stream, stream->send_at);
        limit_check(stream, stream->total_at);
        assert(wheel_filed(&stream->deadline) || !stream_has(stream, STREAM_WILL_ASK));
    }
    assert(stream->object.state < STREAM_CANCELLING || !wheel_filed(&stream->deadline));
}

/* How far it has come on its way to the end. */
static void end_check(const struct kevy_stream *stream)
{
    assert(!stream_noted(stream, NOTE_END_TOLD) || stream_has(stream, STREAM_READ_ENDED));
    assert(!stream_noted(stream, NOTE_FIN_SENT) || stream_has(stream, STREAM_FIN_WANTED));
    assert(stream->object.state != STREAM_LINGERING || stream_noted(stream, NOTE_FIN_SENT));
    assert(stream->object.state < STREAM_CANCELLING || stream_noted(stream, NOTE_LET_GO));
    assert(!stream_noted(stream, NOTE_LET_GO) ||
           (stream->holding == NULL && stream->reader.stash_last == NULL));
    assert(stream_noted(stream, NOTE_KEEPS_ADDRESS) || stream->listener == NULL ||
           stream->listener->connections > 0);
    assert(!stream_noted(stream, NOTE_KEEPS_ADDRESS) || stream->object.state == STREAM_CONNECTING ||
           stream->object.state == STREAM_TERMINATING);
}

void stream_check(const struct kevy_x_object *object)
{
    const struct kevy_stream *stream = KEVY_CONTAINER_OF(object, struct kevy_stream, object);

    flags_check(stream);
    requests_check(stream);
    waits_check(stream);
    queue_check(stream);
    limits_check(stream);
    end_check(stream);
}

#endif /* KEVY_RING_SUPPORTED && DEBUG_CHECKS */
