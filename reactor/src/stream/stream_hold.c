/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What keeps a stream from reading: the user's pause, and the queues of others.
 *
 * Model. A stream is paused by its user, or held by the one stream that it fed above the mark; each
 * alone is enough. The streams that one queue holds are a list that begins at the stream with that
 * queue, and go free together when it is short again, or gone. Nothing is asked of the kernel here:
 * the next flush arms or cancels the recv, see stream_recv_adjust().
 *
 * Invariants. A stream is held by one other at most. It is held or starved, never both: its place
 * among those who wait serves one list at a time.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

void kevy_stream_pause(struct kevy_stream *stream)
{
    if (stream->object.state != STREAM_IDLE)
        thread_check(stream->object.reactor);
    if (!stream_has(stream, STREAM_DETACHING))
        stream->object.flags |= STREAM_PAUSED;
}

void kevy_stream_resume(struct kevy_stream *stream)
{
    if (!stream_has(stream, STREAM_PAUSED))
        return;
    stream->object.flags &= ~STREAM_PAUSED;
    if (stream->object.state == STREAM_OPEN)
        object_pend(&stream->object);
}

void kevy_stream_hold(struct kevy_stream *source, struct kevy_stream *target)
{
    if (source->object.state != STREAM_OPEN || target->object.state != STREAM_OPEN)
        return;
    thread_check(source->object.reactor);
    assert(source->object.reactor == target->object.reactor &&
           "a stream holds back one of its own reactor");
    if (stream_has(source, STREAM_HELD | STREAM_DETACHING) ||
        target->queued <= stream_release_mark(target))
        return;
    /* Held or starved: the starved queue is left, and data is waited for before a buffer later. */
    if (stream_has(source, READER_STARVED)) {
        reader_starve_end(&source->reader);
        source->object.flags |= READER_POLL_FIRST;
    }
    if (stream_has(source, READER_IN_TURN)) {
        reader_turn_end(&source->reader);
        source->notes |= NOTE_RUN_ENDED;
    }
    source->object.flags |= STREAM_HELD;
    waiter_link(&source->reader.wait, &target->holding);
    target->object.flags |= STREAM_HOLDS_OTHERS;
}

void stream_unhold(struct kevy_stream *stream)
{
    if (!stream_has(stream, STREAM_HELD))
        return;
    assert(!stream_has(stream, READER_STARVED));
    stream->object.flags &= ~STREAM_HELD;
    waiter_unlink(&stream->reader.wait);
}

/* The queue is short again, or gone: whoever it held back reads on. */
void stream_release_held(struct kevy_stream *stream)
{
    while (stream->holding != NULL) {
        struct kevy_stream *held =
            KEVY_CONTAINER_OF(stream->holding, struct kevy_stream, reader.wait);

        assert(stream_has(held, STREAM_HELD) && held->object.reactor == stream->object.reactor);
        stream_unhold(held);
        object_pend(&held->object);
    }
    stream->object.flags &= ~STREAM_HOLDS_OTHERS;
}

#endif /* KEVY_RING_SUPPORTED */
