/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the stream's files share: its states and flags.
 *
 *     idle --adopt, accept--> open                idle --connect--> connecting --> open
 *     open --close--> closing --queue flushed, FIN--> lingering --peer's end--> terminating
 *     any --abort, error, deadline--> terminating --flush: lets go of everything--> cancelling
 *     cancelling --nothing in flight--> closed --descriptor gone, last callback--> idle
 *
 *     stream.c             what the flush does in each state
 *     stream_state.c       what calls and events mark for it
 *     stream_start.c       accepted, adopted, connected
 *     stream_read.c        receiving, delivering
 *     stream_silent_end.c  ends that the kernel does not tell
 *     stream_hold.c        what keeps a stream from reading
 *     stream_write.c       what goes into the write queue
 *     stream_forward.c     received bytes that do
 *     stream_send.c        the one send, and what its completion takes out again
 *     stream_message.c     a send of several entries
 *     stream_range.c       ranges of files in the queue
 *     stream_rights.c      descriptors that travel with the bytes
 *     stream_zero_copy.c   sends that the kernel makes from the user's memory
 *     stream_deadline.c    the three time limits
 *     stream_detach.c      a descriptor that is given back
 *     stream_peer.c        who is at the other end
 *     stream_pressure.c    what memory that runs short makes of it
 *     stream_check.c       what holds for a stream at any time
 */
#ifndef KEVY_REACTOR_STREAM_INTERNAL_H
#define KEVY_REACTOR_STREAM_INTERNAL_H

#include "core/names.h"

#include "core/clock.h"
#include "core/object.h"
#include "core/reader.h"
#include "core/submission.h"

#include <kevy/stream.h>

#include <errno.h>

enum stream_state {
    STREAM_IDLE = OBJECT_IDLE,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_CLOSING,     /* the user closed: the queue is being flushed */
    STREAM_LINGERING,   /* FIN sent: what the peer still sends is discarded */
    STREAM_TERMINATING, /* it has ended, and its flush has yet to come */
    STREAM_CANCELLING,  /* requests are cancelled and waited for */
    STREAM_CLOSED,      /* the descriptor is being closed */
};

/* For kevy_x_object.flags: what the hot path tests, several at once. */
#define STREAM_RECV_ARMED   (1U << 0)  /* a multishot recv is in flight */
#define STREAM_SENDING      (1U << 1)  /* a send is in flight */
#define STREAM_PAUSED       (1U << 2)  /* by the user */
#define STREAM_HELD         (1U << 3)  /* by another stream's queue, or its own */
#define STREAM_READ_ENDED   (1U << 4)  /* nothing more will be received; `reason` says why */
#define STREAM_TELL_OPEN    (1U << 5)  /* `open` has yet to be called */
#define STREAM_TELL_DRAIN   (1U << 6)  /* the queue was at the high mark, and not yet at the low */
#define STREAM_FIN_WANTED   (1U << 7)  /* once the queue is empty */
#define STREAM_WRITE_FAILED (1U << 8)  /* the peer takes nothing more */
#define STREAM_IS_OPEN      (1U << 9)  /* the state is STREAM_OPEN */
#define STREAM_HAS_READ     (1U << 10) /* its events have a read callback */
#define STREAM_HOLDS_OTHERS (1U << 11) /* its queue holds streams back, or did */
#define STREAM_SEND_LIMITED (1U << 12) /* it has a send deadline */
#define STREAM_IDLE_LIMITED (1U << 13) /* it has an idle deadline */
#define STREAM_SENT_SHORT   (1U << 14) /* part of the queue's first entry is gone */
#define STREAM_TAKES_RIGHTS (1U << 15) /* it receives descriptors with its bytes */
#define STREAM_NOT_SOCKET   (1U << 16) /* a pipe, a terminal... */
#define STREAM_ASKS_END     (1U << 17) /* the next bytes may hide an end: see stream_silent_end.c */
#define STREAM_DETACHING    (1U << 18) /* its descriptor will be the user's */
#define STREAM_INTERRUPTED  (1U << 19) /* its connect was, and goes on without a request */
#define STREAM_RECV_ENDS    (1U << 20) /* the recv is to end: no slot was free for its cancel */
#define STREAM_TRIED        (1U << 21) /* the socket was asked in this turn: direct_send() */
#define STREAM_ASKS_AT_ONCE (1U << 22) /* behind the bytes, and not some time later */
#define STREAM_WILL_ASK     (1U << 23) /* the node of its limits is filed for the question, too */

/* The buffer_size from which a block also holds more than bytes: a control message, an address. */
#define LARGE_BUFFER 256U

#define STREAM_LIMITED (STREAM_IDLE_LIMITED | STREAM_SEND_LIMITED)

/* For kevy_stream.notes: the others. */
#define NOTE_RECV_CANCELLED  (1U << 0) /* the recv in flight has been asked to end */
#define NOTE_SEND_CANCELLED  (1U << 1) /* the send or connect in flight has been asked to end */
#define NOTE_END_TOLD        (1U << 2) /* the end of what the peer sends */
#define NOTE_FIN_SENT        (1U << 3)
#define NOTE_LET_GO          (1U << 4) /* closing or ending has begun: nothing is stashed or held */
#define NOTE_RESET           (1U << 5) /* end with RST */
#define NOTE_COPIES          (1U << 6) /* zero-copy writes have turned out not to be any */
#define NOTE_ZERO_COPYING    (1U << 7) /* the send in flight is a zero-copy one */
#define NOTE_READ_ONCE       (1U << 8) /* the kernel cannot read it by multishot */
#define NOTE_RUN_ENDED       (1U << 10) /* the last recv ended at its limit: there is more */
#define NOTE_ASKS_END_ALWAYS (1U << 9)  /* a Unix socket, of whose end the kernel may say nothing */
#define NOTE_KEEPS_ADDRESS   (1U << 11) /* `again` is set, in the place of `listener` */

/* Runs that the stream has had in its turn: a count in the upper bits of the notes. */
/* When the queue went down or began to grow, in units of 2^30 ns, modulo 1024. */
#define NOTE_MOVED_UNIT (1U << 12)
#define NOTE_MOVED_MASK 0x3FFU
#define NOTE_MOVED      (NOTE_MOVED_MASK * NOTE_MOVED_UNIT)

#define NOTE_POLLS     (1U << 22) /* the recv in flight is a poll for the end, see `gone` */
#define NOTE_GONE_TOLD (1U << 23)

#define NOTE_RUNS_SHIFT 24
#define NOTE_RUNS       (0xFFU << NOTE_RUNS_SHIFT)

/* What a completion of a recv has to look at, and how it looks when the bytes can be delivered at
 * once. */
#define STREAM_DELIVER_MASK                                                            \
    (STREAM_IS_OPEN | STREAM_HAS_READ | STREAM_PAUSED | STREAM_HELD | READER_STASHES | \
     STREAM_IDLE_LIMITED | STREAM_TAKES_RIGHTS | STREAM_ASKS_END)
#define STREAM_DELIVER_PLAIN (STREAM_IS_OPEN | STREAM_HAS_READ)

/* The same for writing ... */
#define STREAM_WRITE_MASK  (STREAM_IS_OPEN | STREAM_FIN_WANTED | STREAM_WRITE_FAILED)
#define STREAM_WRITE_PLAIN STREAM_IS_OPEN

/* ... for handing received bytes straight to the kernel ... */
#define STREAM_FORWARD_MASK \
    (STREAM_WRITE_MASK | STREAM_SENDING | STREAM_SEND_LIMITED | STREAM_NOT_SOCKET)
#define STREAM_FORWARD_PLAIN STREAM_IS_OPEN

/* ... for the completion of a send that emptied the queue ... */
#define STREAM_SENT_MASK                                                               \
    (STREAM_WRITE_MASK | STREAM_TELL_DRAIN | STREAM_HOLDS_OTHERS | STREAM_SENT_SHORT | \
     STREAM_LIMITED)
#define STREAM_SENT_PLAIN STREAM_IS_OPEN

/* ... and for the flush, where all that is left to do is to send. */
#define STREAM_FLUSH_MASK                                                                     \
    (STREAM_IS_OPEN | STREAM_TELL_OPEN | OBJECT_FINISH | READER_STASHES | STREAM_READ_ENDED | \
     STREAM_RECV_ARMED | STREAM_RECV_ENDS | STREAM_DETACHING | STREAM_TRIED)
#define STREAM_FLUSH_PLAIN (STREAM_IS_OPEN | STREAM_RECV_ARMED)

static inline struct kevy_stream *stream_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_stream, object);
}

static inline bool stream_has(const struct kevy_stream *stream, uint32_t flags)
{
    return (stream->object.flags & flags) != 0;
}

static inline bool stream_noted(const struct kevy_stream *stream, uint32_t notes)
{
    return (stream->notes & notes) != 0;
}

static inline void stream_state_set(struct kevy_stream *stream, enum stream_state state)
{
    object_state_set(&stream->object, (uint8_t)state);
    if (state == STREAM_OPEN)
        stream->object.flags |= STREAM_IS_OPEN;
    else
        stream->object.flags &= ~STREAM_IS_OPEN;
}

static inline bool stream_writable(const struct kevy_stream *stream)
{
    return (stream->object.flags & STREAM_WRITE_MASK) == STREAM_WRITE_PLAIN;
}

/* Whenever the queue has grown: who stops writing at its high mark waits for `drain`. */
static inline void stream_mark_check(struct kevy_stream *stream)
{
    if (stream->queued >= stream->high_watermark)
        stream->object.flags |= STREAM_TELL_DRAIN;
}

static inline uint32_t moved_stamp(const struct kevy_reactor *reactor)
{
    return (uint32_t)(reactor->now_ns >> 30) * NOTE_MOVED_UNIT & NOTE_MOVED;
}

static inline void stream_moved(struct kevy_stream *stream)
{
    stream->notes = (stream->notes & ~NOTE_MOVED) | moved_stamp(stream->object.reactor);
}

/* The first entry of the write queue, NULL for none. */
static inline struct kevy_buffer *queue_first(const struct kevy_stream *stream)
{
    return stream->queue_last != NULL ? stream->queue_last->next : NULL;
}

/* The peer is done, and what it has not acknowledged is the kernel's own. */
static inline bool linger_over(const struct kevy_stream *stream)
{
    return stream_has(stream, STREAM_READ_ENDED) && stream->notices == 0;
}

/* stream.c */
extern const struct object_kind_operations stream_kind;
void stream_due(struct kevy_x_wheel_node *node);

/* stream_check.c */
void stream_check(const struct kevy_x_object *object);

/* stream_state.c */

/* Ends the stream: its flush does all that follows. Idempotent; the first reason counts. */
void stream_terminate(struct kevy_stream *stream, int reason);

/* As kevy_stream_close() of an open stream, from its own flush, which goes on from there. */
void stream_closing_mark(struct kevy_stream *stream);

/* stream_start.c */
void stream_accepted(struct kevy_stream *stream, struct kevy_listener *listener, int fd,
                     bool is_unix);
void stream_connect_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/* The flush of a stream that connects; false, as for every step that waits. */
bool stream_connect_step(struct kevy_stream *stream);

/* Gives back what connecting took; idempotent. */
void stream_connect_over(struct kevy_stream *stream);

/* stream_read.c */
void stream_read_continue(struct kevy_stream *stream);
void stream_recv_adjust(struct kevy_stream *stream);
void stream_recv_end(struct kevy_stream *stream);
void stream_stash_drop(struct kevy_stream *stream);
void stream_restrain(struct kevy_x_object *object);
uint32_t stream_feed(struct kevy_x_object *object);
void stream_recv_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/* stream_silent_end.c */
void stream_asks_end(struct kevy_stream *stream, bool is_unix);
void stream_asks_end_at_once(struct kevy_stream *stream);
bool stream_ended_silently(struct kevy_stream *stream);
bool stream_ended_unnoticed(struct kevy_stream *stream);

/* stream_detach.c */
bool stream_detach_step(struct kevy_stream *stream);
void stream_detached(struct kevy_stream *stream);

/* stream_hold.c */
void stream_unhold(struct kevy_stream *stream);
void stream_release_held(struct kevy_stream *stream);

/* stream_pressure.c */

/* Queued bytes above which the stream that fed them is held back. */
uint32_t stream_hold_mark(const struct kevy_stream *stream);

/* Queued bytes at or below which nobody is. */
uint32_t stream_release_mark(const struct kevy_stream *stream);
struct weight stream_weigh(const struct kevy_x_object *object);
void stream_evict(struct kevy_x_object *object);

/* stream_write.c */
bool stream_copy_append(struct kevy_stream *stream, const void *data, size_t length);
int stream_write_allowed(struct kevy_stream *stream);
void stream_queue_append(struct kevy_stream *stream, struct kevy_buffer *entry);

/* stream_send.c */
void stream_write_continue(struct kevy_stream *stream);
void stream_queue_drop(struct kevy_stream *stream, int result);
void stream_send_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void stream_zero_copy_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/* stream_message.c */
struct msghdr *stream_message(const struct kevy_stream *stream, uint32_t count);
uint32_t stream_message_entries(const struct kevy_stream *stream);

/* stream_range.c */
bool stream_range_next(struct kevy_stream *stream);
void stream_range_done(struct kevy_stream *stream, int result);
void stream_range_end(struct kevy_stream *stream, int result);
void stream_range_dropped(struct kevy_stream *stream);

/* stream_rights.c */
bool stream_takes_rights(const struct kevy_stream *stream, const struct kevy_reactor *reactor);
void stream_rights_recv(struct kevy_sqe *sqe, int fd, uint16_t recv_flags);
int stream_rights_received(struct kevy_buffer *buffer, int length);
void stream_rights_tell(struct kevy_stream *stream, struct kevy_x_block *block);
void stream_rights_drop(struct kevy_reactor *reactor, struct kevy_x_block *block);
/* An entry with a control message is a record of TLS, and a message of its own. */
bool stream_sent_alone(const struct kevy_buffer *entry);
void stream_rights_attach(const struct kevy_buffer *entry, struct msghdr *message);
void stream_rights_sent(struct kevy_reactor *reactor, struct kevy_buffer *entry);

/* stream_zero_copy.c */
bool stream_zero_copy_next(const struct kevy_stream *stream);
bool stream_zero_copy_send(struct kevy_stream *stream);
struct kevy_send *stream_zero_copy_write(const struct kevy_stream *stream);
void stream_zero_copy_notice(struct kevy_stream *stream, struct kevy_send *write, uint32_t usage);
int stream_zero_copy_result(struct kevy_stream *stream, struct kevy_send *write, int result,
                            uint32_t flags);
void stream_write_finished(struct kevy_send *write);

/* In kevy_send.finished: `done` has been called. The bits above are a sum of the bytes. */
#define WRITE_FINISHED 1U

#if DEBUG_CHECKS
/* Asserts that bytes which are PINNED, or the parts that name them, do not change meanwhile. */
void pinned_note(struct kevy_send *write);
void pinned_check(const struct kevy_send *write);
#else
static inline void pinned_note(const struct kevy_send *write)
{
    (void)write;
}

static inline void pinned_check(const struct kevy_send *write)
{
    (void)write;
}
#endif

/* True where a zero-copy write begins. */
static inline bool zero_copy_begins(const struct kevy_stream *stream,
                                    const struct kevy_buffer *entry)
{
    return entry->use == BUFFER_ZERO_COPY && !stream_noted(stream, NOTE_COPIES);
}

/* stream_deadline.c */
uint32_t stream_ticks(uint64_t timeout_ns);
void stream_deadline_file(struct kevy_stream *stream);
void stream_deadlines_off(struct kevy_stream *stream);
void stream_deadlines_closing(struct kevy_stream *stream);
void stream_deadlines_late(struct kevy_stream *stream, bool starved);
void stream_deadlines_lingering(struct kevy_stream *stream);
void stream_deadline_due(struct kevy_stream *stream);

/*
 * Limits are kept as the low 32 bits of the wheel's tick, so two of them are compared by their
 * difference, and none is further off than half of what 32 bits count. 0 means off: the one tick in
 * 52 days that would be 0 becomes the next.
 */
static inline uint32_t deadline_at(uint64_t now_ns, uint32_t ticks)
{
    uint32_t at = (uint32_t)((now_ns - 1) >> WHEEL_TICK_SHIFT) + 1 + ticks;

    return at != 0 ? at : 1;
}

static inline uint32_t deadline_after(const struct kevy_stream *stream, uint32_t ticks)
{
    return deadline_at(clock_now(stream->object.reactor), ticks);
}

/* True when limit `a` comes before limit `b`, both on. */
static inline bool deadline_before(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) < 0;
}

/* Something moved on a STREAM_IDLE_LIMITED stream: the limit starts anew, for the price of one
 * store. */
static inline void stream_active(struct kevy_stream *stream)
{
    stream->idle_at = deadline_at(stream->object.reactor->now_ns, stream->idle_ticks);
}

/* Something was sent: the kernel owes nothing until the next bytes. */
static inline void stream_limits_sent(struct kevy_stream *stream)
{
    stream->send_at = 0;
    if (stream_has(stream, STREAM_IDLE_LIMITED))
        stream_active(stream);
}

/* The kernel owes us progress from now on. The node is filed at or before the limit, as a rule
 * already. */
static inline void stream_send_expected(struct kevy_stream *stream)
{
    uint32_t filed = (uint32_t)(stream->deadline.deadline_ns >> WHEEL_TICK_SHIFT);

    if (stream->send_ticks == 0)
        return;
    stream->send_at = deadline_after(stream, stream->send_ticks);
    if (!wheel_filed(&stream->deadline) || deadline_before(stream->send_at, filed))
        stream_deadline_file(stream);
}

#endif /* KEVY_REACTOR_STREAM_INTERNAL_H */
