/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Submission, waiting and batch reaping: everything that enters the kernel.
 *
 * Model. One function, enter(), is the only way into the kernel. Before it the SQ tail and the CQ
 * head are published; after it the kernel's SQ head says what was consumed. What to submit is
 * always our tail minus the kernel's head, never minus what was published last: a short submit thus
 * carries on with the next call instead of running one batch behind for ever.
 *
 * Invariants. sqe_tail - *sq_head <= sq_entries. cqe_head never passes *cq_tail. The CQ head is
 * published before every enter, because the kernel flushes overflowed completions only into free
 * slots.
 *
 * Without SQPOLL the kernel reads the tail inside our own syscall, so a release store is more than
 * needed and costs nothing; with SQPOLL it pairs with the thread's acquire.
 */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "kernel.h"

#define NS_PER_SECOND 1000000000U
#define CQE32_SHIFT   5
/* The kernel adds the limit to its clock in 63 bits: what could overflow there (146 years) is for
 * ever. */
#define LIMIT_MAX_NS (UINT64_C(1) << 62)

/* Publishes the tail and returns how many SQEs the kernel has yet to consume. */
static uint32_t tail_publish(struct kevy_ring *ring)
{
    __atomic_store_n(ring->sq_tail, ring->sqe_tail, __ATOMIC_RELEASE);
    return ring->sqe_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/*
 * With SQPOLL an enter is needed only to wake a sleeping thread. The thread sets NEED_WAKEUP and
 * then looks at the tail; we store the tail and then look at NEED_WAKEUP. Two stores and two loads
 * crossing like that need a full fence on both sides, release and acquire do not order them.
 */
static bool sqpoll_sleeps(const struct kevy_ring *ring)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & KEVY_SQ_NEED_WAKEUP) != 0;
}

static int enter(struct kevy_ring *ring, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                 const void *argument, size_t argument_size)
{
    if ((flags & KEVY_ENTER_GETEVENTS) != 0 && kevy_ring_overflowed(ring))
        ring->overflows++;
    kevy_ring_release(ring);
    return kernel_enter(ring, to_submit, minimum, flags | ring->enter_flags, argument,
                        argument_size);
}

/* Submits, and asks for completions where `flags` or the state of the queues say so. */
static int submit(struct kevy_ring *ring, uint32_t minimum, uint32_t flags)
{
    uint32_t queued = tail_publish(ring);
    bool polled = (ring->setup_flags & KEVY_SETUP_SQPOLL) != 0;
    bool needed = queued != 0;

    if (polled) {
        needed = queued != 0 && sqpoll_sleeps(ring);
        if (needed)
            flags |= KEVY_ENTER_SQ_WAKEUP;
    }
    if (kevy_ring_wants_enter(ring) || (ring->setup_flags & KEVY_SETUP_IOPOLL) != 0)
        flags |= KEVY_ENTER_GETEVENTS;
    if (!needed && flags == 0)
        return (int)queued;
    return enter(ring, queued, minimum, flags, NULL, 0);
}

int kevy_ring_submit(struct kevy_ring *ring)
{
    return submit(ring, 0, 0);
}

int kevy_ring_submit_and_wait(struct kevy_ring *ring, uint32_t minimum)
{
    return submit(ring, minimum, KEVY_ENTER_GETEVENTS);
}

int kevy_ring_flush(struct kevy_ring *ring)
{
    int result = enter(ring, 0, 0, KEVY_ENTER_GETEVENTS, NULL, 0);

    return result < 0 ? result : 0;
}

static bool wait_limited(const struct kevy_ring_wait *wait)
{
    return wait->timeout_ns < LIMIT_MAX_NS;
}

/* The limits that this kernel cannot keep are refused, not ignored. */
static int wait_check(const struct kevy_ring *ring, const struct kevy_ring_wait *wait)
{
    bool limited = wait_limited(wait);
    bool absolute = (wait->flags & KEVY_RING_WAIT_ABSOLUTE) != 0;

    if ((wait->flags & ~KEVY_RING_WAIT_ABSOLUTE) != 0)
        return -EINVAL;
    if ((limited || wait->signal_mask != NULL) && (ring->features & KEVY_FEAT_EXT_ARG) == 0)
        return -EOPNOTSUPP;
    /* ABS_TIMER and min_wait_usec came together in 6.12; only the latter has a feature bit. */
    if ((wait->min_wait_us != 0 || absolute) && (ring->features & KEVY_FEAT_MIN_TIMEOUT) == 0)
        return -EOPNOTSUPP;
    return 0;
}

static uint64_t wait_deadline(const struct kevy_ring *ring, const struct kevy_ring_wait *wait)
{
    if (!wait_limited(wait))
        return KEVY_FOREVER;
    if (wait->timeout_ns == 0 || (wait->flags & KEVY_RING_WAIT_ABSOLUTE) != 0)
        return wait->timeout_ns;
    return kernel_now_ns(ring) + wait->timeout_ns;
}

static struct kevy_timespec wait_limit(const struct kevy_ring_wait *wait)
{
    struct kevy_timespec limit = {.tv_sec = (int64_t)(wait->timeout_ns / NS_PER_SECOND),
                                  .tv_nsec = (int64_t)(wait->timeout_ns % NS_PER_SECOND)};

    return limit;
}

/* Writes the arguments to where the kernel already looks: no copy, no pointer to follow. */
static int enter_registered(struct kevy_ring *ring, const struct kevy_ring_wait *wait,
                            uint32_t queued, uint32_t flags)
{
    struct kevy_reg_wait *argument = ring->wait_region;

    argument->flags = 0;
    if (wait_limited(wait)) {
        argument->flags = KEVY_REG_WAIT_TS;
        argument->ts = wait_limit(wait);
    }
    argument->min_wait_usec = wait->min_wait_us;
    argument->sigmask = (uint64_t)(uintptr_t)wait->signal_mask;
    argument->sigmask_sz = wait->signal_mask_size;
    /* The argument of enter is an offset into the region, and ours is at its start. */
    return enter(ring, queued, wait->minimum, flags | KEVY_ENTER_EXT_ARG | KEVY_ENTER_EXT_ARG_REG,
                 NULL, sizeof *argument);
}

static int enter_pointed(struct kevy_ring *ring, const struct kevy_ring_wait *wait, uint32_t queued,
                         uint32_t flags)
{
    struct kevy_timespec limit = wait_limit(wait);
    struct kevy_getevents_arg argument;

    memset(&argument, 0, sizeof argument);
    argument.sigmask = (uint64_t)(uintptr_t)wait->signal_mask;
    argument.sigmask_sz = wait->signal_mask_size;
    argument.min_wait_usec = wait->min_wait_us;
    if (wait_limited(wait))
        argument.ts = (uint64_t)(uintptr_t)&limit;
    return enter(ring, queued, wait->minimum, flags | KEVY_ENTER_EXT_ARG, &argument,
                 sizeof argument);
}

static int wait_enter(struct kevy_ring *ring, const struct kevy_ring_wait *wait, uint32_t queued)
{
    uint32_t flags = KEVY_ENTER_GETEVENTS;

    if ((ring->setup_flags & KEVY_SETUP_SQPOLL) != 0 && queued != 0 && sqpoll_sleeps(ring))
        flags |= KEVY_ENTER_SQ_WAKEUP;
    if (!wait_limited(wait) && wait->signal_mask == NULL && wait->min_wait_us == 0)
        return enter(ring, queued, wait->minimum, flags, NULL, 0);
    if (wait->flags & KEVY_RING_WAIT_ABSOLUTE)
        flags |= KEVY_ENTER_ABS_TIMER;
    if (ring->wait_region != NULL)
        return enter_registered(ring, wait, queued, flags);
    return enter_pointed(ring, wait, queued, flags);
}

/*
 * When anything was submitted the kernel reports the count and keeps to itself how the wait ended
 * (liburing issue 1280). With a time limit the clock tells; without one only a signal ends a wait.
 */
static int wait_outcome(const struct kevy_ring *ring, const struct kevy_ring_wait *wait,
                        uint64_t deadline_ns)
{
    if (wait->minimum == 0)
        return 0;
    if (deadline_ns != KEVY_FOREVER && kernel_now_ns(ring) >= deadline_ns)
        return -ETIME;
    return -EINTR;
}

int kevy_ring_wait(struct kevy_ring *ring, struct kevy_ring_wait *wait)
{
    int result = wait_check(ring, wait);
    uint64_t deadline_ns;
    uint32_t queued, ready;

    wait->submitted = 0;
    if (result < 0)
        return result;
    queued = tail_publish(ring);
    deadline_ns = queued != 0 ? wait_deadline(ring, wait) : KEVY_FOREVER;
    result = wait_enter(ring, wait, queued);
    if (result > 0)
        wait->submitted = (uint32_t)result;
    ready = kevy_ring_ready(ring);
    if (ready != 0)
        return (int)ready;
    if (result < 0)
        return result;
    /* A batch cut short for want of memory returns at once, without having waited. */
    if (wait->submitted < queued)
        return -EAGAIN;
    return wait_outcome(ring, wait, deadline_ns);
}

void kevy_x_ring_phantom_note(struct kevy_ring *ring)
{
    uint32_t head = *ring->cq_head, tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);

    if (tail - head <= ring->cq_entries)
        return;
    ring->phantom = head + ring->cq_entries;
    ring->has_phantom = true;
}

static uint32_t batch_reap(struct kevy_ring *ring, kevy_ring_reap reap, void *context)
{
    const struct kevy_cqe *cqe;
    uint32_t count = 0;

    while ((cqe = kevy_ring_next(ring)) != NULL) {
        /* Copied: `reap` may enter, which publishes the head and lets the slot be overwritten. */
        struct kevy_cqe32 copy;
        bool big =
            ring->cqe_shift == CQE32_SHIFT ||
            ((ring->setup_flags & KEVY_SETUP_CQE_MIXED) != 0 && (cqe->flags & KEVY_CQE_F_32) != 0);

        memcpy(&copy, cqe, big ? sizeof copy : sizeof copy.cqe);
        reap(&copy.cqe, context);
        count++;
    }
    kevy_ring_release(ring);
    return count;
}

uint32_t kevy_ring_for_each(struct kevy_ring *ring, kevy_ring_reap reap, void *context)
{
    uint32_t total = batch_reap(ring, reap, context);

    /* Each round empties the CQ, so each flush moves at least one completion out of the list. */
    while (kevy_ring_overflowed(ring)) {
        uint32_t count;

        if (kevy_ring_flush(ring) < 0)
            break;
        count = batch_reap(ring, reap, context);
        if (count == 0)
            break;
        total += count;
    }
    return total;
}

#endif /* KEVY_RING_SUPPORTED */
