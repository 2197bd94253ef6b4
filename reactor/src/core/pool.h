/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The receive pool: lending, and copying under pressure.
 *
 * Model. One provided-buffer ring a reactor, one block a buffer. A block's references are the read
 * callback that runs, the user's kept buffers and the entries of queues; with the last one the
 * buffer is staged for the kernel, and the next enter publishes what was staged.
 *
 * Runs. One recv fills buffers for as long as there is data: 33 of them before others have their
 * turn (measured on 6.18), all of the pool on 6.1. From 6.17 on a recv can be told to end after so
 * many bytes, and then it may also fill several buffers at once (a bundle): a run is RUN_BYTES in
 * few completions, and the recv is armed again behind those of others. Bundles without that limit,
 * 6.10 to 6.16, are not used: a run would be megabytes, and some of those kernels mix up the order
 * of the buffers (liburing issue 1409). recv_run.c finds out which of these the kernel has.
 *
 * Invariants. At most half of the pool is kept beyond a read callback: beyond that, keeping copies.
 * So a stream that hoards takes half of the pool at worst, and the other half goes on serving.
 */
#ifndef KEVY_REACTOR_POOL_H
#define KEVY_REACTOR_POOL_H

#include "core/names.h"

#include "core/reactor.h"

#define POOL_GROUP 0

/* Buffers that a multishot without a limit fills in one go: 32 retries and the first (measured on
 * 6.18; on 6.1 there is no end to it). */
#define RUN_BUFFERS 33U

/* The part that the kernel may refuse, and the rest. */
int pool_register(struct kevy_reactor *reactor, uint32_t count, uint32_t size);
int pool_open(struct kevy_reactor *reactor);
void pool_close(struct kevy_reactor *reactor);

/* 0 where the kernel takes the request that most of the reactor lives by, or why it does not. */
int receive_try(struct kevy_reactor *reactor);

/* Finds out how a recv can be told where to end, once the pool is there. */
void run_choose(struct kevy_reactor *reactor);

/* Buffers that a request takes in one go if nothing tells it where to end. */
static inline uint32_t run_endless(const struct kevy_reactor *reactor)
{
    return reactor->run_bytes != 0 ? RUN_BUFFERS : reactor->pool.entries;
}

/* The same bytes in heap memory, with one reference, or NULL at the limit. */
struct kevy_x_block *block_copy(struct kevy_reactor *reactor, const void *data, uint32_t length);

#if DEBUG_CHECKS
/* A buffer is the kernel's: reading it is a mistake that AddressSanitizer and valgrind see, writing
 * to it one that pool_show() sees. */
void pool_hide(const struct kevy_reactor *reactor, struct kevy_x_block *block);

/* The first `length` bytes are whose the buffer is now. */
void pool_show(const struct kevy_reactor *reactor, struct kevy_x_block *block, uint32_t length);
#else
static inline void pool_hide(const struct kevy_reactor *reactor, const struct kevy_x_block *block)
{
    (void)reactor;
    (void)block;
}

static inline void pool_show(const struct kevy_reactor *reactor, const struct kevy_x_block *block,
                             uint32_t length)
{
    (void)reactor;
    (void)block;
    (void)length;
}
#endif

static inline void block_release(struct kevy_reactor *reactor, struct kevy_x_block *block)
{
    assert(block->refs > 0);
    if (block->refs != 1) {
        block->refs--;
    } else if (block->capacity == 0) {
        block->own.data = block->data; /* a send may have moved it */
        pool_hide(reactor, block);
        kevy_buffer_ring_give_at(&reactor->pool, block->id, block->data);
    } else {
        block_give(&reactor->memory, block);
    }
}

/* The buffer that a completion with KEVY_CQE_F_BUFFER names, with one reference, and the bytes that
 * the kernel has written. */
static inline struct kevy_x_block *pool_take(struct kevy_reactor *reactor, uint16_t id,
                                             uint32_t length)
{
    (void)kevy_buffer_ring_take(&reactor->pool, id);
    debug_assert(reactor->pool_blocks[id].refs == 1 && !reactor->pool_blocks[id].rights);
    pool_show(reactor, &reactor->pool_blocks[id], length);
    return &reactor->pool_blocks[id];
}

/* True when so much of the pool is out that what is kept longer has to be copied. */
static inline bool pool_low(const struct kevy_reactor *reactor)
{
    return reactor->pool.lent_count > reactor->pool_half;
}

#endif /* KEVY_REACTOR_POOL_H */
