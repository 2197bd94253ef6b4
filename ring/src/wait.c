/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Waiting for completions.
 *
 * Model. One enter submits and waits. When it comes back without a completion, the kernel has told
 * why (-ETIME, -EINTR), unless it submitted something: then it answers the count and does not tell
 * how the wait ended (liburing issue 1280). With a time limit the clock tells the one from the
 * other; without one only a signal ends a wait.
 *
 * Polling. On an IOPOLL ring the kernel does not sleep: it asks the device again and again, as long
 * as the CQ is empty, and gives up when another task wants the CPU, or while a worker has yet to
 * hand the request to the device. It knows no time limit there. So we enter again until something
 * has completed, and look at the clock ourselves.
 *
 * Invariant. No wait ends with -EINTR unless a signal came, and none with -ETIME before its time.
 */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <string.h>

#include "enter.h"

#define NS_PER_SECOND 1000000000U
#define NS_PER_US     1000U
/* The kernel adds the limit to its clock in 63 bits. What could overflow there, 146 years, is none.
 */
#define LIMIT_MAX_NS (UINT64_C(1) << 62)

static bool wait_limited(const struct kevy_ring_wait *wait)
{
    return wait->timeout_ns < LIMIT_MAX_NS;
}

static bool ring_polled(const struct kevy_ring *ring)
{
    /* With SQPOLL the kernel's thread polls, and a wait sleeps as on any other ring. */
    return (ring->setup_flags & (KEVY_SETUP_IOPOLL | KEVY_SETUP_SQPOLL)) == KEVY_SETUP_IOPOLL;
}

/* The limits that this kernel cannot keep are refused, not ignored. */
static int wait_check(const struct kevy_ring *ring, const struct kevy_ring_wait *wait)
{
    bool absolute = (wait->flags & KEVY_RING_WAIT_ABSOLUTE) != 0;

    if ((wait->flags & ~KEVY_RING_WAIT_ABSOLUTE) != 0)
        return -EINVAL;
    if (ring_polled(ring))
        return wait->signal_mask != NULL || wait->min_wait_us != 0 ? -EOPNOTSUPP : 0;
    if ((wait_limited(wait) || wait->signal_mask != NULL) &&
        (ring->features & KEVY_FEAT_EXT_ARG) == 0)
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

/* When min_wait is over the kernel looks no further unless there is a limit beyond it. */
static uint64_t kernel_limit(const struct kevy_ring_wait *wait)
{
    return wait_limited(wait) ? wait->timeout_ns : LIMIT_MAX_NS - 1;
}

/* A min_wait beyond the limit would be waited for to its end. */
static uint32_t kernel_min_wait(const struct kevy_ring *ring, const struct kevy_ring_wait *wait)
{
    uint64_t left_ns = kernel_limit(wait);

    if (wait->min_wait_us != 0 && (wait->flags & KEVY_RING_WAIT_ABSOLUTE) != 0) {
        uint64_t now_ns = kernel_now_ns(ring);

        left_ns = left_ns > now_ns ? left_ns - now_ns : 0;
    }
    return wait->min_wait_us < left_ns / NS_PER_US ? wait->min_wait_us
                                                   : (uint32_t)(left_ns / NS_PER_US);
}

/* Writes the arguments to where the kernel already looks: no copy, no pointer to follow. */
static int enter_registered(struct kevy_ring *ring, const struct kevy_ring_wait *wait,
                            uint32_t queued, uint32_t flags)
{
    struct kevy_reg_wait *argument = ring->wait_region;
    uint64_t limit_ns = kernel_limit(wait);

    argument->flags = KEVY_REG_WAIT_TS;
    argument->ts.tv_sec = (int64_t)(limit_ns / NS_PER_SECOND);
    argument->ts.tv_nsec = (int64_t)(limit_ns % NS_PER_SECOND);
    argument->min_wait_usec = kernel_min_wait(ring, wait);
    argument->sigmask = (uint64_t)(uintptr_t)wait->signal_mask;
    argument->sigmask_sz = wait->signal_mask_size;
    /* The argument of enter is an offset into the region, and ours is at its start. */
    return enter_for_events(ring, queued, wait->minimum,
                            flags | KEVY_ENTER_EXT_ARG | KEVY_ENTER_EXT_ARG_REG, NULL,
                            sizeof *argument);
}

static int enter_pointed(struct kevy_ring *ring, const struct kevy_ring_wait *wait, uint32_t queued,
                         uint32_t flags)
{
    uint64_t limit_ns = kernel_limit(wait);
    struct kevy_timespec limit = {.tv_sec = (int64_t)(limit_ns / NS_PER_SECOND),
                                  .tv_nsec = (int64_t)(limit_ns % NS_PER_SECOND)};
    struct kevy_getevents_arg argument = {
        .sigmask = (uint64_t)(uintptr_t)wait->signal_mask,
        .sigmask_sz = wait->signal_mask_size,
        .min_wait_usec = kernel_min_wait(ring, wait),
        .ts = (uint64_t)(uintptr_t)&limit,
    };

    return enter_for_events(ring, queued, wait->minimum, flags | KEVY_ENTER_EXT_ARG, &argument,
                            sizeof argument);
}

static int wait_enter(struct kevy_ring *ring, const struct kevy_ring_wait *wait, uint32_t queued)
{
    uint32_t flags = 0;

    if ((ring->setup_flags & KEVY_SETUP_SQPOLL) != 0 && queued != 0 && sqpoll_sleeps(ring))
        flags |= KEVY_ENTER_SQ_WAKEUP;
    if (!wait_limited(wait) && wait->signal_mask == NULL && wait->min_wait_us == 0)
        return enter_for_events(ring, queued, wait->minimum, flags, NULL, 0);
    if (wait->flags & KEVY_RING_WAIT_ABSOLUTE)
        flags |= KEVY_ENTER_ABS_TIMER;
    if (ring->wait_region != NULL)
        return enter_registered(ring, wait, queued, flags);
    return enter_pointed(ring, wait, queued, flags);
}

/* How a wait ended of which the kernel has told the count of submissions alone. */
static int wait_outcome(const struct kevy_ring *ring, const struct kevy_ring_wait *wait,
                        uint64_t deadline_ns)
{
    if (wait->minimum == 0)
        return 0;
    if (deadline_ns != KEVY_FOREVER && kernel_now_ns(ring) >= deadline_ns)
        return -ETIME;
    return -EINTR;
}

static int wait_asleep(struct kevy_ring *ring, struct kevy_ring_wait *wait, uint32_t queued)
{
    uint64_t deadline_ns = queued != 0 ? wait_deadline(ring, wait) : KEVY_FOREVER;
    int result = wait_enter(ring, wait, queued);
    uint32_t ready;

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

static int wait_polling(struct kevy_ring *ring, struct kevy_ring_wait *wait, uint32_t queued)
{
    uint64_t deadline_ns = wait_deadline(ring, wait);
    /* The kernel would poll past a limit: let it look once, and come back. */
    uint32_t minimum = deadline_ns == KEVY_FOREVER ? wait->minimum : 0;
    int result;

    do {
        uint32_t ready;

        result = enter_for_events(ring, queued - wait->submitted, minimum, 0, NULL, 0);
        if (result > 0)
            wait->submitted += (uint32_t)result;
        ready = kevy_ring_ready(ring);
        if (ready != 0)
            return (int)ready;
        if (result < 0)
            return result;
        if (wait->submitted < queued)
            return -EAGAIN;
        if (wait->minimum == 0)
            return 0;
    } while (deadline_ns == KEVY_FOREVER || kernel_now_ns(ring) < deadline_ns);
    return -ETIME;
}

int kevy_ring_wait(struct kevy_ring *ring, struct kevy_ring_wait *wait)
{
    int result = wait_check(ring, wait);
    uint32_t queued;

    wait->submitted = 0;
    if (result < 0)
        return result;
    queued = tail_publish(ring);
    if (ring_polled(ring))
        return wait_polling(ring, wait, queued);
    return wait_asleep(ring, wait, queued);
}

#endif /* KEVY_RING_SUPPORTED */
