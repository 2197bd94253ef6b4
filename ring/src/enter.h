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
 * slots.
 *
 * Without SQPOLL the kernel reads the tail inside our own system call, so a release store is more
 * than needed and costs nothing; with SQPOLL it pairs with the acquire of the kernel's thread.
 */
#ifndef KEVY_RING_SRC_ENTER_H
#define KEVY_RING_SRC_ENTER_H

#include <kevy/ring.h>

#include "kernel.h"

/* Publishes the tail and returns how many SQEs the kernel has yet to consume. */
static inline uint32_t tail_publish(struct kevy_ring *ring)
{
    __atomic_store_n(ring->sq_tail, ring->sqe_tail, __ATOMIC_RELEASE);
    return ring->sqe_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

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

/* For enters with KEVY_ENTER_GETEVENTS: the only ones by which overflowed completions come back. */
static inline int enter_for_events(struct kevy_ring *ring, uint32_t to_submit, uint32_t minimum,
                                   uint32_t flags, const void *argument, size_t argument_size)
{
    ring->overflows += kevy_ring_overflowed(ring);
    kevy_ring_release(ring);
    return kernel_enter(ring, to_submit, minimum, flags | KEVY_ENTER_GETEVENTS | ring->enter_flags,
                        argument, argument_size);
}

static inline int enter_for_submission(struct kevy_ring *ring, uint32_t to_submit, uint32_t flags)
{
    kevy_ring_release(ring);
    return kernel_enter(ring, to_submit, 0, flags | ring->enter_flags, NULL, 0);
}

#endif
