/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ends that the kernel does not tell.
 *
 * Model. A multishot recv that has emptied its socket waits for the next wake. An end, or an error,
 * that was there together with the last bytes has had its wake, and no other follows: the recv
 * waits for ever. That is so when the recv was armed by POLL_FIRST (measured on 6.12 to 7.3), and,
 * on Unix sockets, which tell since 6.17 that they are empty, whenever the kernel looks once for
 * several wakes (6.17 to early 6.18 and 6.19, liburing issue 1549) or has reached its limit of 33
 * buffers a look. So after the completion that says that the socket is empty, the stream asks the
 * socket, and where the end is there the recv is cancelled: the next finds it when it is armed.
 *
 * Invariants. STREAM_ASKS_END is set while an end may be there that was not told; without it no
 * question is asked. On TCP the first answer settles it, for every later end has a wake of its own.
 * Kernels between 6.8 and 6.19 without that fix can lose a reset that comes right behind
 * data on TCP, too; asking for that would cost a system call a message, so deadlines have to do.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>

/* A Unix stream, where the recv can be told where to end, which also came with 6.17. */
void stream_asks_end(struct kevy_stream *stream)
{
    if (stream->object.reactor->run_bytes == 0)
        return;
    stream->object.flags |= STREAM_ASKS_END;
    stream->notes |= NOTE_ASKS_END_ALWAYS;
}

bool stream_ended_silently(struct kevy_stream *stream)
{
    assert(stream_has(stream, STREAM_ASKS_END));
    if (!stream_noted(stream, NOTE_ASKS_END_ALWAYS))
        stream->object.flags &= ~STREAM_ASKS_END;
    return SYSTEM(stream->object.reactor, poll, stream->fd, POLLRDHUP) > 0;
}

#endif /* KEVY_RING_SUPPORTED */
