/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A stream that gives its descriptor back.
 *
 * Model. The stream stays open while it detaches: the queue is sent, the recv is asked to end, and
 * what it had received is delivered. Then it takes the road of every end, on which the descriptor
 * is handed over in place of being closed.
 *
 * Invariants. The descriptor is handed over with nothing in flight and nothing queued, and no byte
 * that was taken from it is missing from what was delivered.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

int kevy_stream_detach(struct kevy_stream *stream)
{
    assert((stream->events == NULL || stream->events->detach != NULL) &&
           "a stream that detaches needs a detach callback");
    if (stream->object.state != STREAM_OPEN)
        return -EPIPE;
    thread_check(stream->object.reactor);
    if (stream_has(stream, STREAM_DETACHING))
        return 0;
    stream->object.flags |= STREAM_DETACHING;
    stream->object.flags &= ~STREAM_PAUSED;
    stream_unhold(stream);
    reader_starve_end(&stream->reader);
    reader_turn_end(&stream->reader);
    /* As if FIN had been sent: nothing more is queued, and none follows. */
    if (!stream_has(stream, STREAM_FIN_WANTED)) {
        stream->object.flags |= STREAM_FIN_WANTED;
        stream->notes |= NOTE_FIN_SENT;
    }
    object_pend(&stream->object);
    return 0;
}

/* Looked at in each flush. True when the stream has come to another state. */
bool stream_detach_step(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_WRITE_FAILED)) {
        stream_terminate(stream, stream->reason);
        return true;
    }
    if (stream->queue_last != NULL || stream->notices != 0 || !stream_noted(stream, NOTE_FIN_SENT))
        return false;
    if (stream_has(stream, STREAM_SENDING | STREAM_RECV_ARMED | READER_STASHES))
        return false;
    stream_terminate(stream, 0);
    return true;
}

/* Nothing is in flight. */
void stream_detached(struct kevy_stream *stream)
{
    int fd = stream->fd;

    assert(stream->object.state == STREAM_CANCELLING && stream->object.in_flight == 0);
    assert(stream->reason == 0 && stream->queue_last == NULL && stream->notices == 0);
    stream->fd = -1;
    object_tells(&stream->object);
    stream->events->detach(stream, fd);
}

#endif /* KEVY_RING_SUPPORTED */
