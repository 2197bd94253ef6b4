/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ends that the kernel does not tell.
 *
 * Model. A multishot recv that has emptied its socket waits for the next wake. An end, or an error,
 * that was there together with the last bytes has had its wake, and no other follows: the recv
 * waits for ever. That is so
 *
 *     - when the recv was armed by POLL_FIRST (measured on 6.12 to 7.3);
 *     - on Unix sockets, which tell since 6.17 that they are empty, whenever the kernel looks once
 *       for several wakes (6.17 to early 6.18 and 6.19, liburing issue 1549), or has reached its
 *       limit of 33 buffers a look;
 *     - on TCP, for a reset that comes right behind bytes: before the repair of that issue whenever
 *       both are there at one look (6.8 to 6.19), and since then when both come after the first try
 *       of a new recv and before its poll (5 in 20,000 on 6.18 with clients that do just that).
 *
 * In the first two cases the stream asks the socket behind the completion that says that the socket
 * is empty. In the third that would cost a system call a message or a connection. So the question
 * comes later: at most ASK_NS after the first bytes since the last question. Where the end is there
 * the recv is cancelled: the next finds it when it is armed.
 *
 * Invariants. STREAM_ASKS_END makes the next bytes take the slow way through here. On TCP these
 * take it away, and file the question: STREAM_WILL_ASK. The question sets it again, so that a
 * stream whose bytes come often asks once in ASK_NS, and one that is quiet does not ask at all.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>

/* The soft kernel asks the socket itself. */
static bool kernel_forgets(const struct kevy_reactor *reactor)
{
    return reactor->ring.kernel == NULL || reactor->ring.kernel != kevy_ring_kernel_soft();
}

/* A stream with a socket starts. */
void stream_asks_end(struct kevy_stream *stream, bool is_unix)
{
    const struct kevy_reactor *reactor = stream->object.reactor;

    assert(!stream_has(stream, STREAM_NOT_SOCKET));
    if (!kernel_forgets(reactor))
        return;
    if (!is_unix) {
        stream->object.flags |= STREAM_ASKS_END;
    } else if (reactor->run_bytes != 0) { /* which also came with 6.17 */
        stream->object.flags |= STREAM_ASKS_END | STREAM_ASKS_AT_ONCE;
        stream->notes |= NOTE_ASKS_END_ALWAYS;
    }
}

/* Its recv is armed by POLL_FIRST. */
void stream_asks_end_at_once(struct kevy_stream *stream)
{
    if (kernel_forgets(stream->object.reactor))
        stream->object.flags |= STREAM_ASKS_END | STREAM_ASKS_AT_ONCE;
}

static bool end_is_there(const struct kevy_stream *stream)
{
    return SYSTEM(stream->object.reactor, poll, stream->fd, POLLRDHUP) > 0;
}

/* Bytes have come, the socket is empty, and the recv goes on. True where it will not say more. */
bool stream_ended_silently(struct kevy_stream *stream)
{
    bool at_once = stream_has(stream, STREAM_ASKS_AT_ONCE);

    assert(stream_has(stream, STREAM_ASKS_END));
    if (stream->object.state >= STREAM_TERMINATING)
        return false;
    if (!stream_noted(stream, NOTE_ASKS_END_ALWAYS)) {
        stream->object.flags &= ~(STREAM_ASKS_END | STREAM_ASKS_AT_ONCE);
        stream->object.flags |= STREAM_WILL_ASK;
        stream_deadline_file(stream);
    }
    return at_once && end_is_there(stream);
}

/* The time for the question has come. True as above. */
bool stream_ended_unnoticed(struct kevy_stream *stream)
{
    if (!stream_has(stream, STREAM_WILL_ASK))
        return false;
    stream->object.flags &= ~STREAM_WILL_ASK;
    stream->object.flags |= STREAM_ASKS_END;
    return stream_has(stream, STREAM_RECV_ARMED) && !stream_noted(stream, NOTE_POLLS) &&
           end_is_there(stream);
}

#endif /* KEVY_RING_SUPPORTED */
