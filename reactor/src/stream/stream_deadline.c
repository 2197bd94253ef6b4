/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The three time limits of a stream.
 *
 * Model. A limit is a plain field, 0 when off; activity moves it by one store. One wheel node a
 * stream is filed at or before the earliest of them. When it comes up, the earliest is looked at
 * again: in the future, the node is filed anew (about once a period, whatever the traffic);
 * otherwise the limit has passed. The node also stands for a question that has no time of its own:
 * whenever it comes up, the question is asked.
 *
 * Invariants. While a limit is on, the node is filed at or before it. Only a limit set below the
 * filed time files eagerly. A limit that passed is off until it is set again.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>
#include <sys/ioctl.h>

#define LINGER_NS           KEVY_SECONDS(1)
#define LINGER_LIMIT_NS     KEVY_SECONDS(30)
#define CLOSE_SEND_STALL_NS KEVY_SECONDS(30)
#define STARVED_NS          KEVY_MILLISECONDS(50)

/* How long an end may go unnoticed: it costs the stream's memory and descriptor for that time, and
 * the question a wake of the loop. */
#define ASK_NS KEVY_SECONDS(15)

/* Half of what the difference of two limits tells apart, which is 26 days, and something to spare
 * for turns that are late. */
#define TICKS_MAX (UINT32_MAX / 2 - (1U << 27))

/* A time limit in ticks, rounded up. */
uint32_t stream_ticks(uint64_t timeout_ns)
{
    uint64_t mask = (1U << WHEEL_TICK_SHIFT) - 1;
    uint64_t ticks = (timeout_ns >> WHEEL_TICK_SHIFT) + ((timeout_ns & mask) != 0);

    return ticks > TICKS_MAX ? TICKS_MAX : (uint32_t)ticks;
}

static uint32_t earlier_on(uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return a | b;
    return deadline_before(a, b) ? a : b;
}

/* The earliest limit that is on, or 0. */
static uint32_t deadline_earliest(const struct kevy_stream *stream)
{
    return earlier_on(earlier_on(stream->idle_at, stream->send_at), stream->total_at);
}

/* The whole tick that the low half `at` stands for, which is near to the one of now. */
static uint64_t tick_whole(const struct kevy_reactor *reactor, uint32_t at)
{
    uint64_t now = reactor->now_ns >> WHEEL_TICK_SHIFT;
    int64_t ahead = (int32_t)(at - (uint32_t)now);

    return now + (uint64_t)ahead;
}

/* Files the node at the earliest limit, unless it is filed before that already. */
void stream_deadline_file(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    uint32_t earliest = deadline_earliest(stream);
    uint64_t earliest_ns;

    thread_check(reactor);
    if (stream_has(stream, STREAM_WILL_ASK))
        earliest = earlier_on(earliest, deadline_after(stream, stream_ticks(ASK_NS)));
    if (earliest == 0)
        return;
    earliest_ns = tick_whole(reactor, earliest) << WHEEL_TICK_SHIFT;
    if (wheel_filed(&stream->deadline) && stream->deadline.deadline_ns <= earliest_ns)
        return;
    wheel_unfile(&stream->deadline);
    assert(stream->object.state != STREAM_IDLE && stream->object.state < STREAM_TERMINATING);
    stream->deadline.deadline_ns = earliest_ns;
    wheel_file(&reactor->deadlines, &stream->deadline);
}

void stream_deadlines_off(struct kevy_stream *stream)
{
    wheel_unfile(&stream->deadline);
    stream->object.flags &= ~(STREAM_LIMITED | STREAM_WILL_ASK);
    stream->idle_ticks = 0;
    stream->send_ticks = 0;
    stream->idle_at = 0;
    stream->send_at = 0;
    stream->total_at = 0;
}

/* The limits of a stream that closes: the queue has to make progress, and nothing else counts. */
void stream_deadlines_closing(struct kevy_stream *stream)
{
    stream->object.flags &= ~STREAM_IDLE_LIMITED;
    stream->object.flags |= STREAM_SEND_LIMITED;
    stream->idle_ticks = 0;
    stream->idle_at = 0;
    stream->total_at = 0;
    if (stream->send_ticks == 0)
        stream->send_ticks = stream_ticks(CLOSE_SEND_STALL_NS);
    if (stream->queue_last != NULL && stream->send_at == 0)
        stream_send_expected(stream);
    else
        stream_deadline_file(stream); /* the node may have come up since the stream was closed */
}

/*
 * The limits of a stream that waits for the peer's own end. While the kernel sends from the user's
 * memory, which only the peer's acknowledgement frees, it is the send deadline that limits it.
 */
void stream_deadlines_lingering(struct kevy_stream *stream)
{
    assert(stream->object.state == STREAM_LINGERING);
    stream->send_at = deadline_after(stream, stream->notices != 0 ? stream->send_ticks
                                                                  : stream_ticks(LINGER_LIMIT_NS));
    stream->total_at = deadline_after(stream, stream_ticks(LINGER_NS));
    stream_deadline_file(stream);
}

/* True when the peer's kernel has yet to acknowledge bytes: a reset now would destroy them.
 * (TIOCOUTQ is SIOCOUTQ by another name, which needs no kernel header.) */
static bool undelivered(const struct kevy_stream *stream)
{
    int bytes = 0;

    return SYSTEM(stream->object.reactor, ioctl, stream->fd, TIOCOUTQ, &bytes) == 0 && bytes > 0;
}

/* The peer has had a second to end its side. It gets another one as long as it is still receiving
 * ours. */
static void linger_passed(struct kevy_stream *stream, enum kevy_deadline which)
{
    if (which != KEVY_DEADLINE_TOTAL || (stream->notices == 0 && !undelivered(stream))) {
        stream_terminate(stream, stream->notices != 0 ? -ETIMEDOUT : 0);
        return;
    }
    stream->total_at = deadline_after(stream, stream_ticks(LINGER_NS));
    stream_deadline_file(stream);
}

static void deadline_passed(struct kevy_stream *stream, enum kevy_deadline which)
{
    stream->object.reactor->stats.timers_fired++;
    object_tells(&stream->object);
    if (stream->object.state == STREAM_LINGERING)
        linger_passed(stream, which);
    else if (stream->object.state == STREAM_CONNECTING && which == KEVY_DEADLINE_SEND)
        object_pend(&stream->object); /* to try again */
    else if (stream->object.state != STREAM_OPEN || stream->events->timeout == NULL)
        stream_terminate(stream, -ETIMEDOUT);
    else
        stream->events->timeout(stream, which);
}

/* A limit that passed is off, and so is what activity would set it to anew. */
static void limit_off(struct kevy_stream *stream, enum kevy_deadline which)
{
    switch (which) {
    case KEVY_DEADLINE_IDLE:
        stream->idle_ticks = 0;
        stream->idle_at = 0;
        stream->object.flags &= ~STREAM_IDLE_LIMITED;
        break;
    case KEVY_DEADLINE_SEND:
        stream->send_ticks = 0;
        stream->send_at = 0;
        stream->object.flags &= ~STREAM_SEND_LIMITED;
        break;
    case KEVY_DEADLINE_TOTAL:
        stream->total_at = 0;
        break;
    }
}

/* The limit that comes first of those that are on; `deadline_earliest()` is not 0. */
static enum kevy_deadline deadline_first(const struct kevy_stream *stream)
{
    uint32_t earliest = deadline_earliest(stream);

    assert(earliest != 0);
    if (stream->idle_at == earliest)
        return KEVY_DEADLINE_IDLE;
    return stream->send_at == earliest ? KEVY_DEADLINE_SEND : KEVY_DEADLINE_TOTAL;
}

/* Closed or ended, and its flush, which sets other limits, has yet to come. */
static bool limits_void(const struct kevy_stream *stream)
{
    return stream->object.state >= STREAM_TERMINATING ||
           (stream->object.state == STREAM_CLOSING && !stream_noted(stream, NOTE_LET_GO));
}

/* Bytes of the peer's wait in the socket, or its end. */
static bool bytes_wait(const struct kevy_stream *stream)
{
    return SYSTEM(stream->object.reactor, poll, stream->fd, POLLIN) > 0;
}

/*
 * Bytes of the peer's wait in the socket, and the stream for a buffer to read them into, or for its
 * turn: it is the reactor that is late. Idle begins again, because something has come; total is put
 * off while buffers are missing. Turns are those of streams that have bytes without end, which must
 * not put total off.
 */
static bool reactor_late(struct kevy_stream *stream, enum kevy_deadline which)
{
    uint32_t waits = which == KEVY_DEADLINE_IDLE ? READER_STARVED | READER_IN_TURN : READER_STARVED;

    if (which == KEVY_DEADLINE_SEND || !stream_has(stream, waits) || !bytes_wait(stream))
        return false;
    if (which == KEVY_DEADLINE_IDLE)
        stream->idle_at = deadline_after(stream, stream->idle_ticks);
    else
        stream->total_at = deadline_after(stream, stream_ticks(STARVED_NS));
    stream_deadline_file(stream);
    return true;
}

/*
 * The stream has waited, and is about to be armed. A loop that catches up may have asked the kernel
 * for everything before that, and judge limits before it sees what this recv brings.
 */
void stream_deadlines_late(struct kevy_stream *stream, bool starved)
{
    uint32_t now = (uint32_t)(stream->object.reactor->now_ns >> WHEEL_TICK_SHIFT);
    bool idle = stream->idle_at != 0 && !deadline_before(now, stream->idle_at);
    bool total = starved && stream->total_at != 0 && !deadline_before(now, stream->total_at);

    if (likely(!idle && !total) || !bytes_wait(stream))
        return;
    if (idle)
        stream->idle_at = deadline_after(stream, stream->idle_ticks);
    if (total)
        stream->total_at = deadline_after(stream, stream_ticks(STARVED_NS));
}

/* The node came up. The first limit is reported; another that is due as well comes right after. */
void stream_deadline_due(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    uint32_t now = (uint32_t)(reactor->seen_ns >> WHEEL_TICK_SHIFT);
    uint32_t earliest = deadline_earliest(stream);
    enum kevy_deadline which;

    assert(!wheel_filed(&stream->deadline) && stream->object.state != STREAM_IDLE);
    if (limits_void(stream))
        return;
    if (earliest == 0 || deadline_before(now, earliest)) {
        reactor->stats.deadlines_moved++;
        stream_deadline_file(stream);
        return;
    }
    which = deadline_first(stream);
    if (unlikely(reactor_late(stream, which)))
        return;
    limit_off(stream, which);
    stream_deadline_file(stream);
    deadline_passed(stream, which);
}

/* A limit was set: the node is filed anew only where it stands behind it. */
static void limit_set(struct kevy_stream *stream, uint32_t at)
{
    uint32_t filed = (uint32_t)(stream->deadline.deadline_ns >> WHEEL_TICK_SHIFT);

    if (at != 0 && (!wheel_filed(&stream->deadline) || deadline_before(at, filed)))
        stream_deadline_file(stream);
}

void kevy_stream_set_deadline(struct kevy_stream *stream, enum kevy_deadline deadline,
                              uint64_t timeout_ns)
{
    uint32_t ticks = stream_ticks(timeout_ns);

    if (stream->object.state != STREAM_OPEN)
        return;
    switch (deadline) {
    case KEVY_DEADLINE_IDLE:
        stream->idle_ticks = ticks;
        stream->object.flags &= ~STREAM_IDLE_LIMITED;
        if (ticks != 0)
            stream->object.flags |= STREAM_IDLE_LIMITED;
        stream->idle_at = ticks != 0 ? deadline_after(stream, ticks) : 0;
        limit_set(stream, stream->idle_at);
        break;
    case KEVY_DEADLINE_SEND:
        stream->send_ticks = ticks;
        stream->send_at = 0;
        stream->object.flags &= ~STREAM_SEND_LIMITED;
        if (ticks != 0)
            stream->object.flags |= STREAM_SEND_LIMITED;
        if (stream->queue_last != NULL)
            stream_send_expected(stream);
        break;
    case KEVY_DEADLINE_TOTAL:
        stream->total_at = ticks != 0 ? deadline_after(stream, ticks) : 0;
        limit_set(stream, stream->total_at);
        break;
    }
}

#endif /* KEVY_RING_SUPPORTED */
