/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/recv_pool.h - received bytes.
 *
 * Model. A reactor has one pool of receive buffers, shared by all its streams and datagram sockets:
 * the kernel picks one when data arrives, so an idle connection holds none. A read callback gets
 * the bytes as a kevy_buffer; kevy_buffer_retain() keeps them longer, kevy_stream_forward() hands
 * them to a stream's queue without a copy, and everything else goes back to the kernel at the end
 * of the turn.
 *
 * Running out is the reactor's business. Whoever finds the pool empty waits in a queue and reads on
 * when an eighth of the pool is back, oldest first. When more than half of the pool is retained,
 * held back or queued, these become copies (counted in `copies`), up to memory_limit.
 *
 * Ownership. The buffer of a read callback is BORROWED. A kept one is LENT until
 * kevy_buffer_release(), or until it is forwarded; it outlives its stream, and has to be given back
 * before the reactor is destroyed. Its struct may be moved.
 *
 * Threads: the reactor's. Kept bytes do not change, so another thread may read them meanwhile.
 *
 * Kernel: Linux 6.1.
 */
#ifndef KEVY_RECV_POOL_H
#define KEVY_RECV_POOL_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_x_block;
struct kevy_stream;
struct kevy_send;

/* Some received bytes. Read `data` and `length`; the rest is private. */
struct kevy_buffer {
    const uint8_t *data;
    uint32_t length;
    uint32_t use;               /* who has it: enum buffer_use */
    struct kevy_x_block *block; /* that `data` lies in, with a reference; NULL for a user's write */
    struct kevy_reactor *reactor;
    struct kevy_send *write; /* in a queue: to report when these bytes are gone */
    union {
        struct kevy_buffer *next;   /* in a queue */
        struct kevy_stream *source; /* not in a queue: whose read callback runs, or NULL */
    };
};

/* Private: what streams and datagram sockets begin with. */
struct kevy_x_reader {
    struct kevy_x_object object;
    struct kevy_x_waiter wait;      /* for buffers, or among the streams that another holds back */
    struct kevy_buffer *stash_last; /* received, not yet delivered: circular, first is next */
};

/*
 * Keeps the bytes of a BORROWED buffer: *kept is LENT to the caller. Only in the read callback, and
 * before the buffer is forwarded; as often as liked. Returns 0, or -ENOBUFS when the bytes had to
 * be copied and memory_limit is reached; *kept is then untouched.
 */
KEVY_API int kevy_buffer_retain(struct kevy_buffer *buffer, struct kevy_buffer *kept);

/* Another reference to kept bytes, LENT as well, to be released on its own. Never copies. */
KEVY_API void kevy_buffer_share(const struct kevy_buffer *kept, struct kevy_buffer *shared);

/* Gives kept bytes back. Idempotent: it leaves *kept empty, which is all zero. */
KEVY_API void kevy_buffer_release(struct kevy_buffer *kept);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RECV_POOL_H */
