/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The submission queue; the model and the invariants are in submission.h. */
#include "core/submission.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <string.h>

/* What the arena holds is free again once the kernel has consumed every request that names it. */
static void arena_recycle(struct kevy_reactor *reactor)
{
    assert(reactor->arena_used <= ARENA_SIZE);
    if (kevy_ring_space(&reactor->ring) == reactor->ring.sq_entries)
        reactor->arena_used = 0;
}

/* Books the outcome of an enter. Returns 0, or the errno that ends the loop. */
static int book(struct kevy_reactor *reactor, int result, uint32_t submitted)
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

    thread_check(reactor);
    submission_publish(reactor);
    result = kevy_ring_submit(&reactor->ring);
    (void)book(reactor, result, result > 0 ? (uint32_t)result : 0);
}

int submission_wait(struct kevy_reactor *reactor, struct kevy_ring_wait *wait)
{
    int result;

    debug_assert(reactor->running);
    submission_publish(reactor);
    result = kevy_ring_wait(&reactor->ring, wait);
    return book(reactor, result, wait->submitted);
}

/* Room for another request, unless the kernel has just refused to make any: it will again, until
 * completions have been reaped. */
static void room_make(struct kevy_reactor *reactor)
{
    if (!reactor->refused)
        submission_flush(reactor);
}

bool submission_room(struct kevy_reactor *reactor)
{
    if (kevy_ring_space(&reactor->ring) == 0)
        room_make(reactor);
    if (kevy_ring_space(&reactor->ring) != 0)
        return true;
    reactor->crowded = true;
    return false;
}

struct kevy_sqe *submission_sqe_full(struct kevy_reactor *reactor, uint64_t user_data)
{
    return submission_room(reactor) ? kevy_ring_sqe(&reactor->ring, user_data) : NULL;
}

struct kevy_sqe *submission_cancel_sqe(struct kevy_reactor *reactor)
{
    struct kevy_sqe *sqe = submission_sqe(reactor, reactor, OPERATION_CANCEL);

    if (sqe != NULL)
        reactor->cancels_active++;
    return sqe;
}

void submission_cancelled(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    /* 0, -ENOENT and -EALREADY are all normal, and may come before or after the victim's own. */
    (void)owner;
    (void)result;
    (void)flags;
    assert(owner == reactor && reactor->cancels_active > 0);
    reactor->cancels_active--;
}

void *submission_arena(struct kevy_reactor *reactor, size_t size)
{
    void *place;

    assert(size > 0);
    size = (size + 15) & ~(size_t)15;
    assert(size <= ARENA_SIZE);
    /* The slot first: making room for it later would submit, and hand these bytes out again. */
    if (unlikely(kevy_ring_space(&reactor->ring) == 0 || reactor->arena_used + size > ARENA_SIZE))
        room_make(reactor);
    if (unlikely(kevy_ring_space(&reactor->ring) == 0 || reactor->arena_used + size > ARENA_SIZE)) {
        reactor->crowded = true;
        return NULL;
    }
    place = reactor->arena + reactor->arena_used;
    reactor->arena_used += (uint32_t)size;
    assert(((uintptr_t)place & 7) == 0);
    return place;
}

struct kevy_sqe *submission_backlog_take(struct kevy_reactor *reactor, uint64_t user_data)
{
    struct kevy_sqe *sqe;

    assert(reactor->backlog_count <= BACKLOG_ENTRIES);
    if (reactor->backlog_count == BACKLOG_ENTRIES)
        return NULL;
    sqe = &reactor->backlog[reactor->backlog_count++];
    memset(sqe, 0, sizeof *sqe);
    sqe->user_data = user_data;
    return sqe;
}

void submission_backlog_move(struct kevy_reactor *reactor)
{
    uint32_t moved = 0;

    assert(reactor->backlog_count <= BACKLOG_ENTRIES);
    while (moved < reactor->backlog_count) {
        const struct kevy_sqe *waiting = &reactor->backlog[moved];
        struct kevy_sqe *sqe = kevy_ring_sqe(&reactor->ring, waiting->user_data);

        /* Who fills the queue between the flushes would go first for ever. */
        if (sqe == NULL)
            sqe = submission_sqe_full(reactor, waiting->user_data);
        if (sqe == NULL)
            break;
        assert(sqe->user_data == waiting->user_data);
        *sqe = *waiting;
        moved++;
    }
    reactor->backlog_count -= moved;
    memmove(reactor->backlog, reactor->backlog + moved,
            reactor->backlog_count * sizeof *reactor->backlog);
}

#endif /* KEVY_RING_SUPPORTED */
