/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the stream's files share: its states and flags.
 *
 *     idle --adopt, accept--> open                idle --connect--> connecting --> open
 *     open --close--> closing --queue flushed, FIN--> lingering --peer's end--> terminating
 *     any --abort, error, deadline--> terminating --nothing in flight--> closed
 *     closed --descriptor gone, last callback--> idle
 *
 *     stream.c             states: start, flush, close, terminate
 *     stream_read.c        receiving, delivering, holding back
 *     stream_write.c       what goes into the queue
 *     stream_send.c        the one send, and what its completion takes out again
 *     stream_end.c         ends that the kernel does not tell
 *     stream_descriptor.c  descriptors that travel with the bytes
 *     stream_file.c        ranges of files in the queue
 *     stream_zero_copy.c   sends that the kernel makes from the user's memory
 *     stream_deadline.c    the three time limits
 */
#ifndef KEVY_REACTOR_STREAM_INTERNAL_H
#define KEVY_REACTOR_STREAM_INTERNAL_H

#include "core/names.h"

#include "core/internal.h"

enum stream_state {
    STREAM_IDLE,
    STREAM_CONNECTING,
    STREAM_OPEN,
    STREAM_CLOSING,     /* the user closed: the queue is being flushed */
    STREAM_LINGERING,   /* FIN sent: what the peer still sends is discarded */
    STREAM_TERMINATING, /* requests are cancelled and waited for */
    STREAM_CLOSED,      /* the descriptor is being closed */
};

/* For kevy_x_object.flags. */
#define STREAM_RECV_ARMED     (1U << 0) /* a multishot recv is in flight */
#define STREAM_RECV_CANCELLED (1U << 1) /* ... and has been asked to end */
#define STREAM_SENDING        (1U << 2) /* a send is in flight */
#define STREAM_PAUSED         (1U << 3) /* by the user */
#define STREAM_HELD           (1U << 4) /* by another stream's queue, or its own */
#define STREAM_STARVED        (1U << 5) /* waiting for buffers */
#define STREAM_READ_ENDED     (1U << 6) /* nothing more will be received; `reason` says why */
#define STREAM_END_TOLD       (1U << 7)
#define STREAM_TELL_OPEN      (1U << 8)
#define STREAM_TELL_DRAIN     (1U << 9)  /* a write was answered -EAGAIN */
#define STREAM_FIN_WANTED     (1U << 10) /* once the queue is empty */
#define STREAM_FIN_SENT       (1U << 11)
#define STREAM_WRITE_FAILED   (1U << 12) /* the peer takes nothing more */
#define STREAM_CANCELLED      (1U << 13) /* the send or connect in flight has been asked to end */
#define STREAM_RESET          (1U << 14) /* end with RST */
#define STREAM_POLL_FIRST \
    (1U << 15) /* the pool was empty: wait for data before taking a buffer \
                */

#define STREAM_IS_OPEN \
    (1U << 16) /* the state is STREAM_OPEN, for tests of several things at once */
#define STREAM_HOLDS_DATA    (1U << 17) /* the held queue is not empty */
#define STREAM_HAS_READ      (1U << 18) /* its events have a read callback */
#define STREAM_HOLDS_OTHERS  (1U << 19) /* its queue holds streams back, or did */
#define STREAM_WRITE_LIMITED (1U << 20) /* it has a write deadline */
#define STREAM_SENT_SHORT    (1U << 21) /* part of the queue's first entry is gone */
#define STREAM_IDLE_LIMITED  (1U << 22) /* it has an idle deadline */

#define STREAM_COPIES       (1U << 23) /* zero-copy writes have turned out not to be any */
#define STREAM_ZERO_COPYING (1U << 24) /* the send in flight is a zero-copy one */
#define STREAM_DESCRIPTORS  (1U << 25) /* it receives descriptors with its bytes */
#define STREAM_FILE         (1U << 26) /* not a socket: a pipe, a terminal... */
#define STREAM_READ_ONCE    (1U << 27) /* ... that the kernel cannot read by multishot */
#define STREAM_LOCAL        (1U << 28) /* a Unix socket, of whose end the kernel may say nothing */
#define STREAM_END_UNSURE   (1U << 29) /* the end may be there, and nothing said of it */

#define STREAM_LIMITED (STREAM_IDLE_LIMITED | STREAM_WRITE_LIMITED)

/* What a completion of a recv has to look at, and how it looks when the bytes can be delivered at
 * once. */
#define STREAM_DELIVER_MASK                                                               \
    (STREAM_IS_OPEN | STREAM_HAS_READ | STREAM_PAUSED | STREAM_HELD | STREAM_HOLDS_DATA | \
     STREAM_IDLE_LIMITED | STREAM_DESCRIPTORS | STREAM_END_UNSURE)
#define STREAM_DELIVER_PLAIN (STREAM_IS_OPEN | STREAM_HAS_READ)

/* The same for writing ... */
#define STREAM_WRITE_MASK  (STREAM_IS_OPEN | STREAM_FIN_WANTED | STREAM_WRITE_FAILED)
#define STREAM_WRITE_PLAIN STREAM_IS_OPEN

/* ... for handing received bytes straight to the kernel ... */
#define STREAM_FORWARD_MASK \
    (STREAM_WRITE_MASK | STREAM_SENDING | STREAM_WRITE_LIMITED | STREAM_FILE)
#define STREAM_FORWARD_PLAIN STREAM_IS_OPEN

/* ... for the completion of a send that emptied the queue ... */
#define STREAM_SENT_MASK                                                               \
    (STREAM_WRITE_MASK | STREAM_TELL_DRAIN | STREAM_HOLDS_OTHERS | STREAM_SENT_SHORT | \
     STREAM_LIMITED)
#define STREAM_SENT_PLAIN STREAM_IS_OPEN

/* ... and for the flush, where all that is left to do is to send. */
#define STREAM_FLUSH_MASK                                                                        \
    (STREAM_IS_OPEN | STREAM_TELL_OPEN | OBJECT_FINISH | STREAM_HOLDS_DATA | STREAM_READ_ENDED | \
     STREAM_RECV_ARMED)
#define STREAM_FLUSH_PLAIN (STREAM_IS_OPEN | STREAM_RECV_ARMED)

#define POOL_GROUP 0

static inline struct kevy_stream *stream_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_stream, object);
}

static inline bool stream_has(const struct kevy_stream *stream, uint32_t flags)
{
    return (stream->object.flags & flags) != 0;
}

static inline void stream_state_set(struct kevy_stream *stream, enum stream_state state)
{
    stream->object.state = (uint8_t)state;
    if (state == STREAM_OPEN)
        stream->object.flags |= STREAM_IS_OPEN;
    else
        stream->object.flags &= ~STREAM_IS_OPEN;
}

/* stream.c */
void stream_terminate(struct kevy_stream *stream, int reason);

/* stream_read.c */
void stream_read_continue(struct kevy_stream *stream);
void stream_recv_adjust(struct kevy_stream *stream);
void stream_held_drop(struct kevy_stream *stream);

/* stream_hold.c */
void stream_unhold(struct kevy_stream *stream);
void stream_release_held(struct kevy_stream *stream);

/* stream_write.c */
void stream_write_continue(struct kevy_stream *stream);
void stream_queue_drop(struct kevy_stream *stream, int result);
void stream_sent(struct kevy_stream *stream, int result);
int stream_write_allowed(struct kevy_stream *stream);
void stream_queue_append(struct kevy_stream *stream, struct kevy_buffer *entry);
struct msghdr *stream_message(const struct kevy_stream *stream, uint32_t count);

/* stream_zero_copy.c */
bool stream_zero_copy_next(const struct kevy_stream *stream);
bool stream_zero_copy_send(struct kevy_stream *stream);
struct kevy_send *stream_zero_copy_write(const struct kevy_stream *stream);
void stream_write_finished(struct kevy_send *write);

/* stream_descriptor.c */
bool stream_receives_descriptors(const struct kevy_stream *stream,
                                 const struct kevy_reactor *reactor);
void stream_descriptors_recv(struct kevy_sqe *sqe, int fd, uint16_t recv_flags);
int stream_descriptors_received(struct kevy_buffer *buffer, int length);
void stream_descriptors_tell(struct kevy_stream *stream, struct kevy_x_block *block);
void stream_descriptors_drop(struct kevy_x_block *block);
void stream_descriptor_attach(const struct kevy_buffer *entry, struct msghdr *message);
void stream_descriptor_sent(struct kevy_buffer *entry);

/* stream_end.c */
void stream_local(struct kevy_stream *stream);
bool stream_end_there(struct kevy_stream *stream);

/* stream_file.c */
bool stream_file_next(struct kevy_stream *stream);
int stream_file_done(struct kevy_stream *stream, int result);
void stream_file_end(struct kevy_stream *stream, int result);
void stream_file_dropped(struct kevy_stream *stream);

/* True where a zero-copy write begins. */
static inline bool zero_copy_begins(const struct kevy_stream *stream,
                                    const struct kevy_buffer *entry)
{
    return entry->use == BUFFER_ZERO_COPY && (stream->object.flags & STREAM_COPIES) == 0;
}

/* True where a send has to begin. */
static inline bool send_begins(const struct kevy_stream *stream, const struct kevy_buffer *entry)
{
    return entry->use == BUFFER_DESCRIPTOR || entry->use == BUFFER_FILE ||
           zero_copy_begins(stream, entry);
}

/* stream_deadline.c */
uint32_t stream_ticks(uint64_t timeout_ns);
void stream_deadline_file(struct kevy_stream *stream);
void stream_deadlines_off(struct kevy_stream *stream);
void stream_deadlines_closing(struct kevy_stream *stream);
void stream_linger(struct kevy_stream *stream);

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

/* The kernel owes us progress from now on. The node is filed at or before the limit, as a rule
 * already. */
static inline void stream_write_expected(struct kevy_stream *stream)
{
    uint32_t filed = (uint32_t)(stream->deadline.deadline_ns >> WHEEL_TICK_SHIFT);

    if (stream->write_ticks == 0)
        return;
    stream->write_at = deadline_after(stream, stream->write_ticks);
    if (!wheel_filed(&stream->deadline) || deadline_before(stream->write_at, filed))
        stream_deadline_file(stream);
}

#endif /* KEVY_REACTOR_STREAM_INTERNAL_H */
