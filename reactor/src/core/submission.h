/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The submission queue: room for requests, what they point at until the kernel has seen them, and
 * the enters.
 *
 * Model. A request is written into the ring's queue and leaves with the turn's enter. When the
 * queue is full it is submitted at once, and the request takes a slot of those that became free.
 * Message headers and addresses lie in the arena until the request that names them has been
 * submitted. Buffers that were given back become visible to the kernel right before each enter.
 * Only completions have a backlog: an object that finds no slot pends and asks again in the next
 * flush.
 *
 * Invariants. What the kernel refuses (-EBUSY: completions overflowed; -EAGAIN, -ENOMEM: memory)
 * stays in the queue and goes with the next enter, after completions have been reaped: nothing is
 * lost, and nobody asks again before. The arena starts anew only when the queue is empty, so no
 * request that waits in it ever loses what it points at.
 */
#ifndef KEVY_REACTOR_SUBMISSION_H
#define KEVY_REACTOR_SUBMISSION_H

#include "core/names.h"

#include "core/reactor.h"

#define ARENA_SIZE      65536U
#define BACKLOG_ENTRIES 256U

/* Submits without waiting, to make room, where there is none. False when the kernel takes nothing,
 * which it is asked once a flush: from then on those that wait for room go first. */
bool submission_room(struct kevy_reactor *reactor);

/* The slot asked for again, or NULL when there is no room to be had. */
struct kevy_sqe *submission_sqe_full(struct kevy_reactor *reactor, uint64_t user_data);

/*
 * A slot for a request of `operation` made by `owner`, or NULL when the kernel takes nothing at the
 * moment: pend the object and try again in the next flush.
 */
static inline struct kevy_sqe *submission_sqe(struct kevy_reactor *reactor, const void *owner,
                                              enum operation operation)
{
    uint64_t user_data = user_data_make(owner, operation);
    struct kevy_sqe *sqe = kevy_ring_sqe(&reactor->ring, user_data);

    if (unlikely(sqe == NULL))
        return submission_sqe_full(reactor, user_data);
    return sqe;
}

/* A slot for a request that cancels others, or NULL as above. */
struct kevy_sqe *submission_cancel_sqe(struct kevy_reactor *reactor);

/* Handles OPERATION_CANCEL. */
void submission_cancelled(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/*
 * `size` bytes that stay put until the request reserved next has been submitted, or NULL as above.
 * A slot for that request is there.
 */
void *submission_arena(struct kevy_reactor *reactor, size_t size);

/* Makes buffers that were given back visible to the kernel, as every enter does. */
static inline void submission_publish(struct kevy_reactor *reactor)
{
    /* No more can be staged than there are buffers. */
    debug_assert(reactor->pool.tail - reactor->pool_published <= reactor->pool.entries);
    if (reactor->pool_published == reactor->pool.tail)
        return;
    reactor->pool_published = reactor->pool.tail;
    kevy_buffer_ring_publish(&reactor->pool);
}

/* Submits what the queue holds, without waiting. */
void submission_flush(struct kevy_reactor *reactor);

/* Submits what the queue holds and waits as *wait says, in one enter. Returns 0, or the errno that
 * ends the loop. */
int submission_wait(struct kevy_reactor *reactor, struct kevy_ring_wait *wait);

/* A slot of the backlog, to follow those of the queue, or NULL when it is full. */
struct kevy_sqe *submission_backlog_take(struct kevy_reactor *reactor, uint64_t user_data);

/* Moves slots of the backlog into the queue, in the order in which they were taken. */
void submission_backlog_move(struct kevy_reactor *reactor);

#endif /* KEVY_REACTOR_SUBMISSION_H */
