/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * How a stream's end begins.
 *
 * Model. The user's calls, errors and deadlines only mark: they change the state, note why, and
 * make the stream pending. Nothing is given back, cancelled or told here, so that they can come
 * from anywhere, also from the middle of what they end. The flush does the rest, see stream.c.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

static bool ended(const struct kevy_stream *stream)
{
    return stream->object.state == STREAM_IDLE || stream->object.state >= STREAM_TERMINATING;
}

void stream_terminate(struct kevy_stream *stream, int reason)
{
    assert(reason <= 0 && reason >= INT16_MIN);
    if (ended(stream))
        return;
    stream_state_set(stream, STREAM_TERMINATING);
    stream->reason = (int16_t)reason;
    /* What is cut short must not look complete: the peer gets a reset instead of an end. */
    if (reason != 0 && (stream->queue_last != NULL || stream->notices != 0 ||
                        reason == -ETIMEDOUT || reason == -ENOBUFS || reason == -ENOMEM))
        stream->notes |= NOTE_RESET;
    object_pend(&stream->object);
}

void stream_closing_mark(struct kevy_stream *stream)
{
    assert(stream->object.state == STREAM_OPEN);
    stream_state_set(stream, STREAM_CLOSING);
    stream->object.flags |= STREAM_FIN_WANTED;
    stream->object.flags &= ~STREAM_PAUSED;
}

void kevy_stream_close(struct kevy_stream *stream)
{
    if (stream->object.state == STREAM_CONNECTING)
        stream_terminate(stream, 0);
    if (stream->object.state != STREAM_OPEN || stream_has(stream, STREAM_DETACHING))
        return;
    stream_closing_mark(stream);
    object_pend(&stream->object);
}

void kevy_stream_abort(struct kevy_stream *stream)
{
    if (ended(stream))
        return;
    stream->notes |= NOTE_RESET;
    stream_terminate(stream, -ECANCELED);
}

#endif /* KEVY_RING_SUPPORTED */
