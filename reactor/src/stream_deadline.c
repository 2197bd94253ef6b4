/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The three time limits of a stream.
 *
 * Model. A limit is a plain field, 0 when off; activity moves it by one store. One wheel node a
 * stream is filed at or before the earliest of them. When it comes up, the earliest is looked at
 * again: in the future, the node is filed anew (about once a period, whatever the traffic);
 * otherwise the limit has passed.
 *
 * Invariants. While a limit is on, the node is filed at or before it. Only a limit set below the
 * filed time files eagerly. A limit that passed is off until it is set again.
 */
#include "stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <sys/ioctl.h>

#define LINGER_MS            1000U
#define LINGER_LIMIT_MS      30000U
#define CLOSE_WRITE_STALL_MS 30000U

static uint64_t earlier_on(uint64_t a_ns, uint64_t b_ns)
{
    if (a_ns == 0 || b_ns == 0)
        return a_ns | b_ns;
    return a_ns < b_ns ? a_ns : b_ns;
}

/* The earliest limit that is on, or 0. */
static uint64_t deadline_earliest(const struct kevy_stream *stream)
{
    return earlier_on(earlier_on(stream->idle_at_ns, stream->write_at_ns), stream->phase_at_ns);
}

/* Files the node at the earliest limit, unless it is filed before that already. */
void stream_deadline_file(struct kevy_stream *stream)
{
    uint64_t earliest_ns = deadline_earliest(stream);

    if (earliest_ns == 0)
        return;
    if (wheel_filed(&stream->deadline) && stream->deadline.deadline_ns <= earliest_ns)
        return;
    wheel_unfile(&stream->deadline);
    stream->deadline.deadline_ns = earliest_ns;
    wheel_file(&stream->object.reactor->deadlines, &stream->deadline);
}

void stream_deadlines_off(struct kevy_stream *stream)
{
    wheel_unfile(&stream->deadline);
    stream->object.flags &= ~STREAM_LIMITED;
    stream->idle_timeout_ms = 0;
    stream->write_timeout_ms = 0;
    stream->idle_at_ns = 0;
    stream->write_at_ns = 0;
    stream->phase_at_ns = 0;
}

/* The limits of a stream that closes: the queue has to make progress, and nothing else counts. */
void stream_deadlines_closing(struct kevy_stream *stream)
{
    stream->object.flags &= ~STREAM_IDLE_LIMITED;
    stream->object.flags |= STREAM_WRITE_LIMITED;
    stream->idle_timeout_ms = 0;
    stream->idle_at_ns = 0;
    stream->phase_at_ns = 0;
    if (stream->write_timeout_ms == 0)
        stream->write_timeout_ms = CLOSE_WRITE_STALL_MS;
    if (stream->queue_first != NULL && stream->write_at_ns == 0)
        stream_write_expected(stream);
}

/*
 * The limits of a stream that waits for the peer's own end. While the kernel sends from the user's
 * memory, which only the peer's acknowledgement frees, it is the write deadline that limits it.
 */
void stream_linger(struct kevy_stream *stream)
{
    stream_state_set(stream, STREAM_LINGERING);
    stream->write_at_ns =
        deadline_after(stream, stream->notices != 0 ? stream->write_timeout_ms : LINGER_LIMIT_MS);
    stream->phase_at_ns = deadline_after(stream, LINGER_MS);
    stream_deadline_file(stream);
}

/* True when the peer's kernel has yet to acknowledge bytes: a reset now would destroy them.
 * (TIOCOUTQ is SIOCOUTQ by another name, which needs no kernel header.) */
static bool undelivered(const struct kevy_stream *stream)
{
    int bytes = 0;

    return ioctl(stream->fd, TIOCOUTQ, &bytes) == 0 && bytes > 0;
}

/* The peer has had a second to end its side. It gets another one as long as it is still receiving
 * ours. */
static void linger_passed(struct kevy_stream *stream, enum kevy_deadline which)
{
    if (which != KEVY_DEADLINE_PHASE || (stream->notices == 0 && !undelivered(stream))) {
        stream_terminate(stream, stream->notices != 0 ? -ETIMEDOUT : 0);
        return;
    }
    stream->phase_at_ns = deadline_after(stream, LINGER_MS);
    stream_deadline_file(stream);
}

static void deadline_passed(struct kevy_stream *stream, enum kevy_deadline which)
{
    stream->object.reactor->stats.timers_fired++;
    if (stream->object.state == STREAM_LINGERING)
        linger_passed(stream, which);
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
        stream->idle_timeout_ms = 0;
        stream->idle_at_ns = 0;
        stream->object.flags &= ~STREAM_IDLE_LIMITED;
        break;
    case KEVY_DEADLINE_WRITE:
        stream->write_timeout_ms = 0;
        stream->write_at_ns = 0;
        stream->object.flags &= ~STREAM_WRITE_LIMITED;
        break;
    case KEVY_DEADLINE_PHASE:
        stream->phase_at_ns = 0;
        break;
    }
}

/* The limit that comes first of those that are on; `deadline_earliest()` is not 0. */
static enum kevy_deadline deadline_first(const struct kevy_stream *stream)
{
    uint64_t earliest_ns = deadline_earliest(stream);

    if (stream->idle_at_ns == earliest_ns)
        return KEVY_DEADLINE_IDLE;
    return stream->write_at_ns == earliest_ns ? KEVY_DEADLINE_WRITE : KEVY_DEADLINE_PHASE;
}

/* The node came up. The first limit is reported; another that is due as well comes right after. */
void stream_deadline_due(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    uint64_t earliest_ns = deadline_earliest(stream);
    enum kevy_deadline which;

    if (earliest_ns == 0 || earliest_ns > reactor->now_ns) {
        reactor->stats.deadlines_refiled++;
        stream_deadline_file(stream);
        return;
    }
    which = deadline_first(stream);
    limit_off(stream, which);
    stream_deadline_file(stream);
    deadline_passed(stream, which);
}

static uint32_t to_milliseconds(uint64_t timeout_ns)
{
    uint64_t timeout_ms = timeout_ns / 1000000U + (timeout_ns % 1000000U != 0);

    return timeout_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)timeout_ms;
}

void kevy_stream_deadline(struct kevy_stream *stream, enum kevy_deadline deadline,
                          uint64_t timeout_ns)
{
    uint32_t timeout_ms = to_milliseconds(timeout_ns);

    if (stream->object.state != STREAM_OPEN)
        return;
    switch (deadline) {
    case KEVY_DEADLINE_IDLE:
        stream->idle_timeout_ms = timeout_ms;
        stream->object.flags &= ~STREAM_IDLE_LIMITED;
        if (timeout_ms != 0)
            stream->object.flags |= STREAM_IDLE_LIMITED;
        stream->idle_at_ns = timeout_ms != 0 ? deadline_after(stream, timeout_ms) : 0;
        break;
    case KEVY_DEADLINE_WRITE:
        stream->write_timeout_ms = timeout_ms;
        stream->write_at_ns = 0;
        stream->object.flags &= ~STREAM_WRITE_LIMITED;
        if (timeout_ms != 0)
            stream->object.flags |= STREAM_WRITE_LIMITED;
        if (stream->queue_first != NULL)
            stream_write_expected(stream);
        break;
    case KEVY_DEADLINE_PHASE:
        stream->phase_at_ns = timeout_ms != 0 ? deadline_after(stream, timeout_ms) : 0;
        break;
    }
    stream_deadline_file(stream);
}

#endif /* KEVY_RING_SUPPORTED */
