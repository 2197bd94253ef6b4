/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The submission queue: room for requests, and what they point at until the kernel has seen them.
 *
 * Model. A request is written into the ring's queue and leaves with the turn's enter. When the
 * queue is full it is submitted at once, and the request takes a slot of those that became free.
 * Message headers and addresses lie in the arena until the request that names them has been
 * submitted. Only completions have a backlog: an object that finds no slot pends and asks again in
 * the next flush.
 *
 * Invariants. What the kernel refuses (-EBUSY: completions overflowed; -EAGAIN, -ENOMEM: memory)
 * stays in the queue and goes with the next enter, after completions have been reaped: nothing is
 * lost, and nobody asks again before. The arena starts anew only when the queue is empty, so no
 * request that waits in it ever loses what it points at.
 */
#include "internal.h"

#if KEVY_RING_SUPPORTED

/* What the arena holds is free again once the kernel has consumed every request that names it. */
static void arena_recycle(struct kevy_reactor *reactor)
{
    if (kevy_ring_space(&reactor->ring) == reactor->ring.sq_entries)
        reactor->arena_used = 0;
}

int submission_book(struct kevy_reactor *reactor, int result, uint32_t submitted)
{
    reactor->stats.enters++;
    reactor->stats.submissions += submitted;
    reactor->refused = false;
    arena_recycle(reactor);
    if (result >= 0 || result == -ETIME || result == -EINTR)
        return 0;
    if (result != -EBUSY && result != -EAGAIN && result != -ENOMEM)
        return result;
    reactor->refused = true;
    reactor->stats.submit_retries++;
    return 0;
}

/* An error shows again in the turn's own enter. */
void submission_flush(struct kevy_reactor *reactor)
{
    int result;

    pool_publish(reactor);
    result = kevy_ring_submit(&reactor->ring);
    (void)submission_book(reactor, result, result > 0 ? (uint32_t)result : 0);
}

/* Room for another request, unless the kernel has just refused to make any: it will again, until
 * completions have been reaped. */
static void room_make(struct kevy_reactor *reactor)
{
    if (!reactor->refused)
        submission_flush(reactor);
}

struct kevy_sqe *reactor_sqe_full(struct kevy_reactor *reactor, uint64_t user_data)
{
    room_make(reactor);
    return kevy_ring_sqe(&reactor->ring, user_data);
}

void *reactor_arena(struct kevy_reactor *reactor, size_t size)
{
    void *place;

    size = (size + 15) & ~(size_t)15;
    assert(size <= ARENA_SIZE);
    /* The slot first: making room for it later would submit, and hand these bytes out again. */
    if (unlikely(kevy_ring_space(&reactor->ring) == 0 || reactor->arena_used + size > ARENA_SIZE))
        room_make(reactor);
    if (unlikely(kevy_ring_space(&reactor->ring) == 0 || reactor->arena_used + size > ARENA_SIZE))
        return NULL;
    place = reactor->arena + reactor->arena_used;
    reactor->arena_used += (uint32_t)size;
    return place;
}

void submission_backlog(struct kevy_reactor *reactor)
{
    uint32_t moved = 0;

    while (moved < reactor->backlog_count) {
        const struct kevy_sqe *waiting = &reactor->backlog[moved];
        struct kevy_sqe *sqe = kevy_ring_sqe(&reactor->ring, waiting->user_data);

        /* Who fills the queue between the flushes would go first for ever. */
        if (sqe == NULL)
            sqe = reactor_sqe_full(reactor, waiting->user_data);
        if (sqe == NULL)
            break;
        *sqe = *waiting;
        moved++;
    }
    reactor->backlog_count -= moved;
    memmove(reactor->backlog, reactor->backlog + moved,
            reactor->backlog_count * sizeof *reactor->backlog);
}

struct kevy_sqe *reactor_cancel_sqe(struct kevy_reactor *reactor)
{
    struct kevy_sqe *sqe = reactor_sqe(reactor, reactor, OPERATION_CANCEL);

    if (sqe != NULL)
        reactor->cancels_active++;
    return sqe;
}

#endif /* KEVY_RING_SUPPORTED */
