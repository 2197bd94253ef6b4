/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Submitting. Waiting is in wait.c, and what both share in enter.h. */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>

#include "enter.h"
#include "owner.h"

/* Only the SQ is this thread's: completions are left to the other one. */
static int submit_split(struct kevy_ring *ring)
{
    uint32_t queued = kevy_ring_publish(ring);
    uint32_t flags = ring->enter_flags;

    kevy_x_inspect_requests(ring);
    if (ring->modes & KEVY_X_MODE_SQPOLL) {
        if (queued == 0 || !sqpoll_sleeps(ring))
            return (int)queued;
        flags |= KEVY_ENTER_SQ_WAKEUP;
    }
    return queued != 0 ? kernel_enter(ring, queued, 0, flags, NULL, 0) : 0;
}

/* On any ring; KEVY_ENTER_GETEVENTS is added where the state of the queues asks for it. */
static int submit_long(struct kevy_ring *ring, uint32_t minimum, uint32_t flags)
{
    uint32_t queued = kevy_ring_publish(ring);
    bool needed = queued != 0;
    int result;

    assert((ring->modes & KEVY_X_MODE_SPLIT) == 0); /* waiting is the other thread's business */
    if (ring->modes & KEVY_X_MODE_SQPOLL) {
        needed = queued != 0 && sqpoll_sleeps(ring);
        if (needed)
            flags |= KEVY_ENTER_SQ_WAKEUP;
    }
    if (kevy_ring_wants_enter(ring) || (ring->modes & KEVY_X_MODE_IOPOLL) != 0)
        flags |= KEVY_ENTER_GETEVENTS;
    if (!needed && flags == 0)
        return (int)queued;
    result = enter(ring, queued, minimum, flags, NULL, 0);
    return result > 0 ? result : kevy_x_owner_answer(ring, result);
}

int kevy_ring_submit(struct kevy_ring *ring)
{
    uint32_t queued;
    long result;

    if (!path_is_short(ring, KEVY_SQ_CQ_OVERFLOW | KEVY_SQ_TASKRUN))
        return ring->modes & KEVY_X_MODE_SPLIT ? submit_split(ring) : submit_long(ring, 0, 0);
    queued = queues_publish(ring);
    if (queued == 0)
        return 0;
    result = io_uring_enter_plain(ring->enter_fd, queued, 0, ring->enter_flags);
    kevy_x_inspect_messages(ring);
    return __builtin_expect(result > 0, 1) ? (int)result : kevy_x_owner_answer(ring, result);
}

int kevy_ring_submit_and_wait(struct kevy_ring *ring, uint32_t minimum)
{
    long result;

    if (!path_is_short(ring, KEVY_SQ_CQ_OVERFLOW))
        return submit_long(ring, minimum, KEVY_ENTER_GETEVENTS);
    result = io_uring_enter_plain(ring->enter_fd, queues_publish(ring), minimum, ring->wait_flags);
    kevy_x_inspect_messages(ring);
    return __builtin_expect(result > 0, 1) ? (int)result : kevy_x_owner_answer(ring, result);
}

int kevy_ring_flush(struct kevy_ring *ring)
{
    int result = enter(ring, 0, 0, KEVY_ENTER_GETEVENTS, NULL, 0);

    return result < 0 ? result : 0;
}

#endif /* KEVY_RING_SUPPORTED */
