/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Entering the kernel, for those who submit and those who wait.
 *
 * Model. Before an enter the SQ tail and the CQ head are published; after it the kernel's SQ head
 * says what was consumed. What to submit is always our tail minus the kernel's head, never minus
 * what was published last: a short submit thus carries on with the next call instead of running one
 * batch behind from then on.
 *
 * Invariants. sqe_tail - *sq_head <= sq_entries. cqe_head never passes *cq_tail. The CQ head is
 * published before every enter, because the kernel flushes overflowed completions only into free
 * slots. enter() asserts the first two; the short path has no instruction to spare for that.
 *
 * Without SQPOLL the kernel reads the tail inside our own system call, so a release store is more
 * than needed and costs nothing; with SQPOLL it pairs with the acquire of the kernel's thread.
 */
#ifndef KEVY_RING_SRC_ENTER_H
#define KEVY_RING_SRC_ENTER_H

#include <assert.h>
#include <kevy/ring.h>

#include "big.h"
#include "inspect.h"
#include "kernel.h"

/*
 * With SQPOLL an enter is needed only to wake a sleeping thread. The thread sets NEED_WAKEUP and
 * then looks at the tail; we store the tail and then look at NEED_WAKEUP. Two stores and two loads
 * crossing like that need a full fence on both sides, release and acquire do not order them.
 */
static inline bool sqpoll_sleeps(const struct kevy_ring *ring)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & KEVY_SQ_NEED_WAKEUP) != 0;
}

/*
 * Whether the short path can be taken: io_uring, no polling, CQEs of one size, and none of
 * `sq_flags` set, KEVY_SQ_*.
 */
static inline bool path_is_short(const struct kevy_ring *ring, uint32_t sq_flags)
{
    uint32_t flags = __atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & sq_flags;

    return __builtin_expect((ring->modes | flags) == 0, 1);
}

/* For enters on the short path: after it nothing is left to do but the system call. */
static inline uint32_t queues_publish(struct kevy_ring *ring)
{
    kevy_x_inspect_requests(ring);
    __atomic_store_n(ring->cq_head, ring->cqe_head, __ATOMIC_RELEASE);
    return kevy_ring_publish(ring);
}

/* Enters on any ring; `flags` with KEVY_ENTER_GETEVENTS bring overflowed completions back. */
static inline int enter(struct kevy_ring *ring, uint32_t to_submit, uint32_t minimum,
                        uint32_t flags, const void *argument, size_t argument_size)
{
    int result;

    /* Of split queues the SQ is another thread's. */
    assert((ring->modes & KEVY_X_MODE_SPLIT) != 0 || kevy_ring_space(ring) <= ring->sq_entries);
    assert((int32_t)kevy_ring_ready(ring) >= 0 && "more CQEs were advanced past than were ready");
    if (to_submit != 0)
        kevy_x_inspect_requests(ring);
    if (flags & KEVY_ENTER_GETEVENTS)
        ring->overflows += kevy_ring_overflowed(ring);
    kevy_ring_release(ring);
    if (ring->modes & KEVY_X_MODE_CQE_MIXED)
        kevy_x_mixed_publish(ring);
    result =
        kernel_enter(ring, to_submit, minimum, flags | ring->enter_flags, argument, argument_size);
    kevy_x_inspect_messages(ring);
    return result;
}

#endif
