/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/stream_queue.h - what the write queue of a stream takes besides copies of bytes.
 *
 * Part of <kevy/stream.h>, which explains the write queue, its watermarks and its errors.
 *
 * It takes four other kinds: your own memory, a file, bytes with a descriptor, and a TLS record.
 * All of them, and the bytes of kevy_stream_send(), leave in the order of the calls.
 */
#ifndef KEVY_STREAM_QUEUE_H
#define KEVY_STREAM_QUEUE_H

#include <kevy/recv_pool.h>

#if KEVY_RING_SUPPORTED

#include <sys/uio.h>

KEVY_BEGIN_DECLS

struct kevy_stream;

/*
 * For kevy_send.flags: let the kernel send from your memory, without a copy (6.2, TCP). It pays off
 * for large sends to a network. An ordinary send is made instead
 *
 *     - if the send is below the zero_copy_minimum of the reactor;
 *     - if the kernel cannot do it: a Unix socket, or the limit of locked memory;
 *     - for the rest of the stream's life, if the kernel reports that it copied after all, as it
 *       does on the loopback interface.
 */
#define KEVY_SEND_ZERO_COPY 1U

/*
 * A send of your own memory, which is not copied into the queue. The struct, `parts` and the bytes
 * are PINNED until `done`, which may be NULL. `result` is 0 if the kernel has all bytes, otherwise
 * the error that ended the stream. In `done` the struct may be queued again or freed.
 *
 * If `released` is set, all of them are PINNED until that callback instead. KEVY_SEND_ZERO_COPY
 * requires it (asserted). It comes once, after `done` and before `close`: at once if the bytes were
 * copied, otherwise when the peer has acknowledged them. Further sends do not wait for it.
 * kevy_stream_close() waits for it, within the send deadline.
 */
struct kevy_send {
    const struct iovec *parts;
    uint32_t count; /* of parts: 1 to 64, with 1 GiB in all at most */
    uint32_t flags; /* KEVY_SEND_ZERO_COPY, or 0 */
    void (*done)(struct kevy_send *write, struct kevy_stream *stream, int result);
    void (*released)(struct kevy_send *write, struct kevy_stream *stream);
    struct kevy_stream *stream; /* private */
    uint32_t notices;           /* private: requests whose memory the kernel still uses */
    uint32_t finished;          /* private: `done` has been called; a sum of the bytes */
} KEVY_X_OWNER_ALIGNED;

/*
 * Queues a send of your own memory. Returns like kevy_stream_send(), or -EINVAL: no bytes, more
 * than 1 GiB, `count` out of range, or an unknown flag. After an error no callback comes.
 */
KEVY_X_CHECKED KEVY_API int kevy_stream_send_pinned(struct kevy_stream *stream,
                                                    struct kevy_send *write);

/*
 * Queues a copy of `length` bytes, 1 to buffer_size - 32, together with a descriptor. The peer of a
 * Unix socket receives it with these bytes, or before them. On success the stream OWNS `fd`, and
 * closes it when it is sent or dropped; to keep one for yourself, pass the result of dup(2).
 *
 * Returns like kevy_stream_send(), or
 *
 *     -EINVAL      the length is out of range
 *     -EBADF       `fd` is negative
 *     -EOPNOTSUPP  the stream is no Unix socket
 *
 * If the kernel refuses the descriptor (-EBADF, -ETOOMANYREFS), the stream ends with that reason.
 */
KEVY_X_CHECKED KEVY_API int kevy_stream_send_descriptor(struct kevy_stream *stream, int fd,
                                                        const void *data, size_t length);

/*
 * Queues a copy of `length` bytes, 1 to buffer_size - 32, as a TLS record of the type `type`, for
 * example 21 for an alert. It is for libraries of TLS that let the kernel encrypt (kTLS, 4.13): the
 * socket has the keys (TLS_TX), and everything else that is sent becomes records of application
 * data. A socket without keys sends the bytes as they are. Returns like kevy_stream_send(), or
 * -EINVAL: the length is out of range.
 */
KEVY_X_CHECKED KEVY_API int kevy_stream_send_record(struct kevy_stream *stream, uint8_t type,
                                                    const void *data, size_t length);

/*
 * A range of a file that a stream sends. The struct and the descriptor are PINNED until `done`,
 * which comes once and is required. In `done` the struct may be queued again or freed.
 *
 * `result` is 0; or an error of reading the file (-ENOBUFS at memory_limit), after which the stream
 * stays open; or the error that ended the stream. `sent` is the number of bytes that the kernel has
 * taken for the peer. It is less than `length` if the file is shorter.
 *
 * If the bytes in the file change before the peer has acknowledged them, the peer may receive the
 * new ones.
 */
struct kevy_file_range {
    int fd;          /* a regular file, or another descriptor that can be read at an offset */
    uint64_t offset; /* bytes */
    uint64_t length; /* bytes */
    void (*done)(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                 uint64_t sent);
    struct kevy_buffer entry;   /* private, like all that follows: its place in the queue */
    struct kevy_buffer *blocks; /* being read into */
    uint64_t moved;             /* bytes taken from the file */
    uint64_t seen;              /* up to here it was in the page cache ... */
    uint64_t seen_ns;           /* ... at this time */
    uint32_t step;              /* what the request in flight does */
    uint32_t turn;              /* in which it sent last */
    bool begun;
    bool copying; /* read and sent, not by sendfile(2) */
    bool full;    /* the socket has to be waited for */
    bool by_send; /* ... by a send: the peer has ended, and a poll tells that at once */
};

/*
 * Queues a range of a file. Bytes that are in the page cache are sent from there, without a copy in
 * user memory. The kernel must tell that they are there: cachestat(2), from 6.5 on. Newer kernels
 * tell it only to the owner of the file and to a process that may write it. Otherwise the file is
 * read and sent, at most 64 KiB at a time, and only these count as queued. A range of up to 16 KiB
 * that is in the page cache is read by this call. The loop waits for a disk only if a
 * page leaves the cache within 0.1 s after the kernel said that it is there. Returns 0 or
 *
 *     -EAGAIN  as for kevy_stream_send(), and so is -EPIPE
 *     -EINVAL  the range ends after 2^63
 *     -EBADF   the descriptor is not open
 *     -ESPIPE  it is a pipe or a socket
 *
 * After an error `done` does not come.
 */
KEVY_X_CHECKED KEVY_API int kevy_stream_send_file(struct kevy_stream *stream,
                                                  struct kevy_file_range *range);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_STREAM_QUEUE_H */
