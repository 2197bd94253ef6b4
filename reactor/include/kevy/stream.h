/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/stream.h - a connected byte stream: TCP or Unix.
 *
 * Model. A stream reads by itself, into the reactor's pool, and writes through a queue of its own.
 * It comes from a listener, from kevy_stream_connect(), from <kevy/connector.h> or from an adopted
 * descriptor.
 *
 * - One send is in flight at a time. What a turn queues leaves as one vectored send at its end, in
 *   order; a short send is resumed. Two writes never interleave.
 * - Above the high mark kevy_stream_send() and kevy_stream_send_pinned() answer -EAGAIN, and
 *   `drain` follows once the queue is down to the low mark. kevy_stream_forward() always takes the
 *   bytes and holds the source back instead.
 * - Pausing loses and reorders nothing: what had been received already is delivered after
 *   resuming.
 * - When the peer takes nothing more, writes are refused, and what it sent before that is still
 *   read, unless the stream is paused. Then it ends with the error of the write.
 *
 * Order. init -> open -> (read)* -> at most one end -> close. `drain`, `timeout` and `finish` come
 * after `open`; `close` comes last, whatever ended the stream, and alone where that was before
 * `open`. Every write reports before `close`. From kevy_stream_close() and kevy_stream_abort() on,
 * or once a deadline has ended the stream, nothing comes but these reports (`done` and `released`)
 * and `close`.
 *
 * Ownership. The struct is PINNED from the start (accepted, connected or adopted) to `close`. It is
 * initialised once: from `close` on it is as before the start, with the marks that were set.
 *
 * Callbacks. In `close`, and nowhere else, the stream may be freed or started again.
 *
 * Threads: the reactor's.
 *
 * Kernel: Linux 6.1. Sending without a copy needs 6.2, reading a pipe without a request each time
 * 6.7 and O_NONBLOCK; both are done the other way where these are missing. Kernels from 6.8 to
 * 6.19, but for their latest releases, may keep a reset to themselves that comes right behind data,
 * until something is written: an idle limit ends such a stream.
 */
#ifndef KEVY_STREAM_H
#define KEVY_STREAM_H

#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

#include <sys/socket.h>
#include <sys/uio.h>

KEVY_BEGIN_DECLS

struct kevy_listener;
struct kevy_stream;
struct kevy_send;

/* The three time limits a stream may have, each off until set. */
enum kevy_deadline {
    KEVY_DEADLINE_IDLE,  /* nothing received and nothing sent for so long */
    KEVY_DEADLINE_SEND,  /* bytes queued, and none accepted by the kernel for so long */
    KEVY_DEADLINE_TOTAL, /* so long since it was set, whatever happens */
};

/* The callbacks of one kind of stream; `close` alone is required. */
struct kevy_stream_events {
    /* The stream is connected and reads from now on; an accepted one right after `accept`. */
    void (*open)(struct kevy_stream *stream);
    /* Bytes came, 1 to buffer_size of them. *buffer is BORROWED. NULL: discarded. */
    void (*read)(struct kevy_stream *stream, struct kevy_buffer *buffer);
    /*
     * A descriptor came along a Unix stream, right before the `read` of the bytes it was sent with,
     * or of earlier ones that came in one piece with them. `fd` is OWNED by the callback from then
     * on and close-on-exec; or it is -EMSGSIZE for those that are lost: more than 16 at once, or no
     * room in the table of this process. Needs `read`, and costs each buffer 96 bytes. Without this
     * callback, or with a buffer_size below 256, the kernel closes what comes.
     */
    void (*descriptor)(struct kevy_stream *stream, int fd);
    /* The peer sent its last byte. The stream can still be written to; close it when done. Without
     * this callback the stream is closed after its queue has been flushed. */
    void (*end)(struct kevy_stream *stream);
    /* The queue is down to the low mark, after -EAGAIN. */
    void (*drain)(struct kevy_stream *stream);
    /* A deadline passed; it is off until set again. Without this callback the stream is aborted
     * with -ETIMEDOUT. */
    void (*timeout)(struct kevy_stream *stream, enum kevy_deadline deadline);
    /* kevy_reactor_finish() was called: come to an end. Without this callback the stream is closed.
     */
    void (*finish)(struct kevy_stream *stream);
    /*
     * Last callback, required. `reason` is 0 after kevy_stream_close(), called or done for you as
     * above, when all that was queued before is in the kernel's hands. Else it is
     *
     *     -ECANCELED   kevy_stream_abort(), or the end of the reactor or its drain
     *     -ETIMEDOUT   a deadline, or no connection within its time
     *     -ENOBUFS     memory_limit, where received bytes had to be copied to be kept or forwarded
     *
     * or what connect(2), recv(2) or send(2) fail with: -ECONNREFUSED, -ECONNRESET, -EPIPE,
     * -EHOSTUNREACH...
     */
    void (*close)(struct kevy_stream *stream, int reason);
};

/* A stream. Its fields are private; 192 bytes at most. */
struct kevy_stream {
    union {
        struct kevy_x_reader reader;
        struct kevy_x_object object; /* of the reader */
    };
    const struct kevy_stream_events *events;
    struct kevy_listener *listener;    /* that accepted it and counts it, or NULL */
    struct kevy_buffer *queue_last;    /* the write queue: circular, first is next */
    struct kevy_x_waiter *holding;     /* first of the streams held back by this one's queue */
    struct kevy_x_wheel_node deadline; /* filed at or before the earliest of the three */
    uint64_t received;                 /* bytes */
    uint64_t accepted;                 /* bytes queued and not dropped */
    uint32_t idle_at;                  /* in ticks, the low half of them; 0: off */
    uint32_t send_at;
    uint32_t total_at;
    uint32_t idle_ticks; /* how long each lasts; 0: off */
    uint32_t send_ticks;
    uint32_t queued; /* bytes */
    uint32_t low_watermark;
    uint32_t high_watermark;
    uint32_t send_slot; /* of the send in flight: its place in the submission queue */
    uint32_t notes;     /* flags that the hot path does not look at */
    int32_t fd;
    int16_t reason;
    uint16_t notices; /* zero-copy sends whose memory the kernel has yet to let go of */
};

/*
 * Makes *stream ready to be started, and returns it. Its memory is all zero, or that of a stream
 * which has ended or was not started (asserted). `events` is BORROWED as long as the stream is used
 * (a static const table). Nothing needs undoing: until it is started a stream is plain memory. It
 * may be paused by then, and its marks be set; every other call is refused, or does nothing.
 */
KEVY_API struct kevy_stream *kevy_stream_init(struct kevy_stream *stream,
                                              const struct kevy_stream_events *events);

/*
 * Makes a stream of a connected, non-blocking or blocking socket, or of anything else that is read
 * and written in order: a pipe, a terminal, a character device; standard input and output among
 * them. `fd` is OWNED by the stream when 0 is returned: pass what dup(2) returns to keep it. `open`
 * comes from the next flush.
 *
 * What is not a socket ends differently: close flushes the queue and closes, without waiting for a
 * peer; there is no kevy_stream_shutdown(). A descriptor that cannot be read only writes, and has
 * no `end`; one that cannot be written answers -EPIPE. Writing to a pipe without a reader raises
 * SIGPIPE, as ever: ignore it, and the stream ends with -EPIPE. The master of a terminal has its
 * `end` when nobody has the other side open any more, for which the kernel's own word is -EIO.
 *
 * The stream is initialised and not in use (asserted). Returns 0; -EINVAL for a negative
 * descriptor, or for a regular file, a directory or a block device, which have positions and are
 * always ready; -EBADF. A socket that is not connected shows in `close`, with -ENOTCONN.
 */
KEVY_API int kevy_stream_adopt(struct kevy_stream *stream, struct kevy_reactor *reactor, int fd);

/*
 * Connects to `address` (BORROWED; IPv4, IPv6 or Unix, `address_length` bytes), with TCP_NODELAY.
 * `open` comes when connected, `close` with the errno when not, -ETIMEDOUT after `timeout_ns` (0:
 * what does not connect at once; KEVY_FOREVER: the kernel's own limit). kevy_stream_close(), with
 * reason 0, and kevy_stream_abort() give up at any moment.
 *
 * The stream is initialised and not in use (asserted). Returns 0; -EINVAL when the length is out of
 * range; -EAGAIN when the kernel takes nothing at the moment; or what socket(2) fails with. No
 * callback comes then.
 */
KEVY_API int kevy_stream_connect(struct kevy_stream *stream, struct kevy_reactor *reactor,
                                 const struct sockaddr *address, socklen_t address_length,
                                 uint64_t timeout_ns);

/*
 * Queues a copy of `length` bytes, 1 GiB at most. Takes all or nothing. Returns 0; -EAGAIN when the
 * queue is at the high mark or above (`drain` follows); -ENOBUFS when memory_limit is reached or
 * the length is above 1 GiB; -EPIPE when the stream is not open (yet, or any more), ended by
 * kevy_stream_shutdown(), or takes nothing more.
 */
KEVY_API int kevy_stream_send(struct kevy_stream *stream, const void *data, size_t length);

/*
 * For kevy_send.flags: send without a copy (Linux 6.2, TCP), which pays off for large writes to a
 * network. Falls back to an ordinary send for writes below the reactor's zero_copy_minimum, where
 * the kernel cannot (Unix sockets, locked-memory limit), and for the rest of the stream's life
 * once the kernel reports that it had to copy after all, as on loopback.
 */
#define KEVY_SEND_ZERO_COPY 1U

/*
 * A write by reference. The struct, `parts` and the bytes they point at are PINNED until `done`:
 * `result` is 0 when the kernel has all bytes, else the -errno that ended the stream. In `done`,
 * which may be NULL, the write may be queued again, or freed.
 *
 * With `released`, which KEVY_SEND_ZERO_COPY needs, all this holds for that callback instead. It
 * comes once, after `done` and before the stream's `close`: at once where the bytes were copied,
 * when the peer has acknowledged them where they were not. The next writes do not wait for it.
 * kevy_stream_close() does, as long as the write deadline lets it.
 */
struct kevy_send {
    const struct iovec *parts;
    uint32_t count; /* 1 to 64; 1 GiB in all at most */
    uint32_t flags; /* KEVY_SEND_ZERO_COPY, or 0 */
    void (*done)(struct kevy_send *write, struct kevy_stream *stream, int result);
    void (*released)(struct kevy_send *write, struct kevy_stream *stream);
    struct kevy_stream *stream; /* private */
    uint32_t notices;           /* private: sends of it that the kernel has yet to let go of */
    uint32_t finished;          /* private: `done` has been called */
} KEVY_X_OWNER_ALIGNED;

/* Queues a write by reference. Returns as kevy_stream_send(), or -EINVAL for no bytes at all, too
 * many of them, a count out of range, or an unknown flag. Neither `done` nor `released` comes then.
 * Zero-copy needs `released` (asserted). */
KEVY_API int kevy_stream_send_pinned(struct kevy_stream *stream, struct kevy_send *write);

/*
 * Queues a copy of `length` bytes, 1 to buffer_size - 32, with a descriptor that the peer of a Unix
 * stream receives with them or before. When 0 is returned `fd` is OWNED by the stream, which
 * closes it when it is sent or dropped; pass what dup(2) returns to keep it. Returns as
 * kevy_stream_send(), or -EINVAL for a negative descriptor or a length out of range, or -EOPNOTSUPP
 * for TCP. A descriptor that the kernel refuses (-EBADF, -ETOOMANYREFS) ends the stream with that
 * reason.
 */
KEVY_API int kevy_stream_send_descriptor(struct kevy_stream *stream, int fd, const void *data,
                                         size_t length);

/*
 * A range of a file. `fd` is BORROWED, and the struct PINNED, until `done`, which is called once:
 * `result` is 0, or the -errno of reading the file (-ENOBUFS at memory_limit), which leaves the
 * stream open, or the one that ended the stream. `sent` says how many bytes the kernel has taken
 * for the peer, fewer than `length` when the file ends before. In `done` the range may be queued
 * again, or freed. Bytes that change in the file until the peer has acknowledged them may change on
 * the way.
 */
struct kevy_file_range {
    int fd; /* regular file, or whatever can be read at an offset */
    uint64_t offset;
    uint64_t length;
    void (*done)(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                 uint64_t sent);
    struct kevy_buffer entry;   /* private, as all that follows: its place in the queue */
    struct kevy_buffer *blocks; /* being read into */
    uint64_t moved;             /* bytes taken from the file */
    int pipe[2];
    uint32_t step; /* what the request in flight does */
    bool begun;
    bool copying; /* read and sent, not spliced */
    bool full;    /* the socket has to be waited for */
};

/*
 * Queues a range of a file behind what is queued. From 64 KiB on it is spliced where the kernel
 * can, which takes a pipe meanwhile; otherwise it is read and sent. Only up to 64 KiB at a time are
 * taken from the file, and only those count as queued. `done` is required (asserted). Returns 0,
 * -EAGAIN or -EPIPE as kevy_stream_send(); -EINVAL for a range past 2^63; -EBADF; or -ESPIPE for a
 * pipe or socket.
 */
KEVY_API int kevy_stream_send_file(struct kevy_stream *stream, struct kevy_file_range *range);

/*
 * Queues received bytes of the same reactor, without a copy. `buffer` is either the one of the read
 * callback that is running, and not to be used after this, or a kept one, which is released (left
 * empty) whatever comes of it. Takes the bytes above the high mark too: the stream whose read
 * callback is running then reads no more until `stream` is down to its low mark. A kept buffer
 * holds nobody back; see kevy_stream_hold(). Returns 0; -EPIPE as kevy_stream_send(); or -ENOBUFS
 * at memory_limit or with 3 GiB queued: a byte would be missing, so the stream ends with that
 * reason.
 */
KEVY_API int kevy_stream_forward(struct kevy_stream *stream, struct kevy_buffer *buffer);

/*
 * As kevy_stream_forward() for `length` bytes from `offset` on, both within the buffer; *buffer
 * stays what it was, so that several pieces of it can be queued.
 */
KEVY_API int kevy_stream_forward_slice(struct kevy_stream *stream, struct kevy_buffer *buffer,
                                       uint32_t offset, uint32_t length);

/*
 * Holds `source` back until the queue of `target` is down to its low mark; both may be the same
 * stream. A no-op when it is, when `source` is held already, or unless both are open. For servers
 * that answer with kevy_stream_send(): a client that does not read its answers is not read from
 * either.
 */
KEVY_API void kevy_stream_hold(struct kevy_stream *source, struct kevy_stream *target);

/* Stops `read`, `descriptor` and `end`, at once. Idempotent. */
KEVY_API void kevy_stream_pause(struct kevy_stream *stream);

/* Lets them come again, from the next flush on. Idempotent. */
KEVY_API void kevy_stream_resume(struct kevy_stream *stream);

/*
 * Ends the writing side: FIN after the queue. Reading goes on. Idempotent. Returns 0, -EPIPE when
 * the stream is not open (yet, or any more), or -EOPNOTSUPP for what is not a socket.
 */
KEVY_API int kevy_stream_shutdown(struct kevy_stream *stream);

/*
 * Closes in good order: the queue is flushed; FIN; what the peer still sends is read and discarded
 * until its own FIN, so that our last bytes are not lost to a reset; then `close` with reason 0, or
 * with the error of what could not be written. The peer gets a second for that, and more, up to 30
 * s, while its kernel has yet to acknowledge bytes of ours. A peer that does not read is bounded by
 * the write deadline, 30 s where none is set. Idempotent; without effect on a stream that has not
 * been started or is ending.
 */
KEVY_API void kevy_stream_close(struct kevy_stream *stream);

/* Closes at once, also what is closing already: the queue is dropped, the peer gets RST (TCP),
 * `close` comes with -ECANCELED. Idempotent. */
KEVY_API void kevy_stream_abort(struct kevy_stream *stream);

/*
 * Sets a deadline of an open stream, `timeout_ns` from now, cut to 24 days; 0 turns it off.
 * KEVY_DEADLINE_IDLE and _WRITE start anew with every activity, which costs one store. Never early,
 * late by two ticks of 1.05 ms at most and the turn it falls into. A stream that is not open has
 * none, and ignores this.
 */
KEVY_API void kevy_stream_set_deadline(struct kevy_stream *stream, enum kevy_deadline deadline,
                                       uint64_t timeout_ns);

/* Sets the marks of the write queue in bytes, low <= high, 1 <= high <= 1 GiB (asserted). Default
 * 16 KiB and 64 KiB. */
KEVY_API void kevy_stream_set_watermarks(struct kevy_stream *stream, uint32_t low, uint32_t high);

/*
 * The peer's address, asked from the kernel: *length is the room in bytes; then the size, which is
 * above the room where the address was cut. Returns 0; -ENOTCONN before the stream is connected and
 * once the peer has reset it or it is closed; -ENOTSOCK for a pipe or terminal.
 */
KEVY_API int kevy_stream_peer_address(const struct kevy_stream *stream, struct sockaddr *address,
                                      socklen_t *length);

/* Who is at the other end of a Unix stream, as the kernel knows it since the connect (SO_PEERCRED
 * of unix(7)). */
struct kevy_credentials {
    int32_t process; /* pid, 0 for one that this process cannot see: another pid namespace's */
    uint32_t user;   /* effective uid */
    uint32_t group;  /* effective gid */
};

/* Writes the peer's credentials into *peer. Returns 0, -ENOTCONN when the stream is not started or
 * closed, or -EOPNOTSUPP for what is not a Unix socket. */
KEVY_API int kevy_stream_credentials(const struct kevy_stream *stream,
                                     struct kevy_credentials *peer);

/* What went through a stream since it started. */
struct kevy_stream_stats {
    uint64_t received; /* bytes the kernel gave, told or not */
    uint64_t sent;     /* bytes the kernel took */
};

/* Writes the counters into *traffic; in `close` too, where they are final. */
KEVY_API void kevy_stream_stats(const struct kevy_stream *stream,
                                struct kevy_stream_stats *traffic);

/* Bytes queued and not yet accepted by the kernel. */
static inline size_t kevy_stream_queued(const struct kevy_stream *stream)
{
    return stream->queued;
}

/* The descriptor, BORROWED for socket options; -1 when there is none. Never close it. */
static inline int kevy_stream_fd(const struct kevy_stream *stream)
{
    return stream->object.state != 0 ? stream->fd : -1;
}

/* The reactor, NULL before the stream was started. */
static inline struct kevy_reactor *kevy_stream_reactor(const struct kevy_stream *stream)
{
    return stream->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_STREAM_H */
