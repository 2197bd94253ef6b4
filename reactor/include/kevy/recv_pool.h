/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/recv_pool.h - received bytes.
 *
 * Model
 *
 *     A reactor has one pool of receive buffers, and all its streams and datagram sockets share it.
 *     The kernel takes a buffer from the pool when data arrives, so an idle connection uses none.
 *
 *     A `read` callback gets the bytes as a kevy_buffer. It may
 *
 *     - read them, until the callback returns;
 *     - keep them longer, with kevy_buffer_retain();
 *     - queue them on a stream without a copy, with kevy_stream_forward().
 *
 *     Buffers that are not kept and not queued go back to the kernel at the end of the turn.
 *
 * When the pool is empty
 *
 *     An object that finds the pool empty waits in a queue, and reads again when an eighth of the
 *     pool is back. The object that waits longest comes first. No data is lost.
 *
 *     If more than half of the pool is kept, held back or queued, further bytes that must stay are
 *     copied (stats.copies), up to memory_limit.
 *
 * Ownership
 *
 *     The buffer of a `read` callback is BORROWED. A kept buffer is LENT until
 *     kevy_buffer_release(), or until it is forwarded. It stays valid after the end of its stream.
 *     Release it before you destroy the reactor (asserted). Its struct may be moved.
 *
 * Threads
 *
 *     The thread of the reactor. Kept bytes do not change, so another thread may read them.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: keep the first bytes of a stream until it ends
 *
 *     #include <kevy/recv_pool.h>
 *     #include <kevy/stream.h>
 *     #include <stdio.h>
 *     #include <stdlib.h>
 *
 *     struct client {
 *         struct kevy_stream stream;
 *         struct kevy_buffer first;
 *     };
 *
 *     static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
 *     {
 *         struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
 *
 *         if (client->first.length == 0 && kevy_buffer_retain(buffer, &client->first) != 0)
 *             kevy_stream_abort(stream);
 *     }
 *
 *     static void client_close(struct kevy_stream *stream, int reason)
 *     {
 *         struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
 *
 *         printf("%d: began with %u bytes\n", reason, (unsigned)client->first.length);
 *         kevy_buffer_release(&client->first);
 *         free(client);
 *     }
 *
 *     static const struct kevy_stream_events client_events = {
 *         .read = client_read,
 *         .close = client_close,
 *     };
 *
 *     struct kevy_stream *client_create(void)
 *     {
 *         struct client *client = calloc(1, sizeof *client);
 *
 *         return client != NULL ? kevy_stream_init(&client->stream, &client_events) : NULL;
 *     }
 */
#ifndef KEVY_RECV_POOL_H
#define KEVY_RECV_POOL_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_x_block;
struct kevy_stream;
struct kevy_send;

/* Received bytes: `data` and `length`. The other fields are private. All zero: no bytes. */
struct kevy_buffer {
    const uint8_t *data;
    uint32_t length;            /* bytes */
    uint32_t use;               /* by which owner: enum buffer_use */
    struct kevy_x_block *block; /* that holds `data`; NULL for a pinned send */
    struct kevy_reactor *reactor;
    struct kevy_send *write; /* in a queue: to report when these bytes are gone */
    union {
        struct kevy_buffer *next;   /* in a queue */
        struct kevy_stream *source; /* not in a queue: the stream whose `read` runs, or NULL */
    };
};

/* Private: the first member of streams and datagram sockets. */
struct kevy_x_reader {
    struct kevy_x_object object;
    struct kevy_x_waiter wait;      /* for buffers, or among the streams that another holds back */
    struct kevy_buffer *stash_last; /* received, not yet delivered: circular, first is next */
};

/*
 * Keeps the bytes of the buffer of a `read` callback: *kept is LENT to the caller. Call it only in
 * this callback, and before the buffer is forwarded (asserted); it may be called several times.
 * *kept must be empty, because it is overwritten. Returns 0 or
 *
 *     -ENOBUFS  the bytes had to be copied, and memory_limit is reached; *kept is unchanged
 */
KEVY_API int kevy_buffer_retain(struct kevy_buffer *buffer, struct kevy_buffer *kept);

/* Makes *shared another reference to the kept bytes. It is LENT, too, and must be released on its
 * own. It never copies the bytes. */
KEVY_API void kevy_buffer_share(const struct kevy_buffer *kept, struct kevy_buffer *shared);

/* Gives kept bytes back, and leaves *kept empty (all zero). Idempotent. */
KEVY_API void kevy_buffer_release(struct kevy_buffer *kept);

/*
 * Makes a kept buffer of buffer_size bytes, LENT to the caller, for bytes that did not come from
 * the kernel, for example decrypted or decompressed ones. Write the bytes to kevy_buffer_bytes(),
 * and set `length` to their number, before you pass the buffer on. `source` is the stream that they
 * come from, or NULL: kevy_stream_forward() of this buffer holds that stream back, like the stream
 * of a running `read` callback. Returns 0 or
 *
 *     -ENOBUFS  memory_limit is reached; *created is unchanged
 */
KEVY_API int kevy_buffer_create(struct kevy_reactor *reactor, struct kevy_stream *source,
                                struct kevy_buffer *created);

/* Returns the place for the bytes of a created buffer. */
static inline uint8_t *kevy_buffer_bytes(struct kevy_buffer *created)
{
    return (uint8_t *)(uintptr_t)created->data;
}

/* Returns the stream that kevy_stream_forward() of this buffer holds back, or NULL. In a `read`
 * callback it is the one that received the bytes. */
static inline struct kevy_stream *kevy_buffer_source(const struct kevy_buffer *buffer)
{
    return buffer->source;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RECV_POOL_H */
