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
 * Most waits have a time limit or none, and nothing else to ask for: they take a short path.
 *
 * Invariants. No wait ends with -EINTR unless a signal came, and none with -ETIME before its time.
 * Between waits the wait region holds a time limit and neither a mask nor a min_wait.
 */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "enter.h"
#include "owner.h"

/* Keeps registers and stack of the rare paths out of the short one. */
#define out_of_line __attribute__((noinline))

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

/* What cannot be done is refused, not ignored. */
static int wait_check(const struct kevy_ring *ring, const struct kevy_ring_wait *wait)
{
    bool absolute = (wait->flags & KEVY_RING_WAIT_ABSOLUTE) != 0;

    if ((wait->flags & ~(KEVY_RING_WAIT_ABSOLUTE | KEVY_RING_WAIT_NO_CLOCK)) != 0)
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

/*
 * Whether the clock must be read before a limited wait that submits: to tell its end, which the
 * kernel does not, when the limit counts from the wait's beginning.
 */
static bool start_matters(const struct kevy_ring_wait *wait)
{
    return (wait->flags & (KEVY_RING_WAIT_ABSOLUTE | KEVY_RING_WAIT_NO_CLOCK)) == 0;
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

static struct kevy_timespec timespec_of(uint64_t ns)
{
    struct kevy_timespec time = {.tv_sec = (int64_t)(ns / NS_PER_SECOND),
                                 .tv_nsec = (int64_t)(ns % NS_PER_SECOND)};

    return time;
}

/* Many programs wait for the same time again and again: the region holds it already then. */
static void region_limit(struct kevy_ring *ring, uint64_t limit_ns)
{
    if (ring->wait_region_ns == limit_ns)
        return;
    ring->wait_region->ts = timespec_of(limit_ns);
    ring->wait_region_ns = limit_ns;
}

static void region_check(const struct kevy_ring *ring)
{
    const struct kevy_reg_wait *argument = ring->wait_region;

    assert(argument->flags == KEVY_REG_WAIT_TS);
    assert(argument->min_wait_usec == 0 && argument->sigmask == 0);
    (void)argument; /* without asserts nobody reads it */
}

/* Writes the arguments to where the kernel already looks: no copy, no pointer to follow. */
static int enter_registered(struct kevy_ring *ring, const struct kevy_ring_wait *wait,
                            uint32_t queued, uint32_t flags)
{
    struct kevy_reg_wait *argument = ring->wait_region;
    int result;

    region_check(ring);
    region_limit(ring, kernel_limit(wait));
    argument->min_wait_usec = kernel_min_wait(ring, wait);
    argument->sigmask = (uint64_t)(uintptr_t)wait->signal_mask;
    argument->sigmask_sz = wait->signal_mask_size;
    /* The argument of enter is an offset into the region, and ours is at its start. */
    result = enter(ring, queued, wait->minimum, flags | KEVY_ENTER_EXT_ARG | KEVY_ENTER_EXT_ARG_REG,
                   NULL, sizeof *argument);
    argument->min_wait_usec = 0;
    argument->sigmask = 0;
    argument->sigmask_sz = 0;
    return result;
}

static int enter_pointed(struct kevy_ring *ring, const struct kevy_ring_wait *wait, uint32_t queued,
                         uint32_t flags)
{
    struct kevy_timespec limit = timespec_of(kernel_limit(wait));
    struct kevy_getevents_arg argument = {
        .sigmask = (uint64_t)(uintptr_t)wait->signal_mask,
        .sigmask_sz = wait->signal_mask_size,
        .min_wait_usec = kernel_min_wait(ring, wait),
        .ts = (uint64_t)(uintptr_t)&limit,
    };

    return enter(ring, queued, wait->minimum, flags | KEVY_ENTER_EXT_ARG, &argument,
                 sizeof argument);
}

static int wait_enter(struct kevy_ring *ring, const struct kevy_ring_wait *wait, uint32_t queued)
{
    uint32_t flags = KEVY_ENTER_GETEVENTS;

    if ((ring->modes & KEVY_X_MODE_SQPOLL) != 0 && queued != 0 && sqpoll_sleeps(ring))
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
 * How a wait ended that came back with nothing to reap. `start_ns` is the clock before it, and 0 if
 * that does not matter.
 */
static int wait_outcome(const struct kevy_ring *ring, const struct kevy_ring_wait *wait, int result,
                        uint64_t start_ns)
{
    bool absolute = (wait->flags & KEVY_RING_WAIT_ABSOLUTE) != 0;
    bool split = (ring->modes & KEVY_X_MODE_SPLIT) != 0; /* the SQ is another thread's */

    if (result < 0)
        return split ? result : kevy_x_owner_answer(ring, result);
    /* A batch cut short for want of memory returns at once, without having waited. */
    if (!split && ring->sqe_tail != __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE))
        return kevy_x_owner_answer(ring, -EAGAIN);
    if (wait->minimum == 0)
        return 0;
    if (wait_limited(wait) && (absolute || !(wait->flags & KEVY_RING_WAIT_NO_CLOCK)) &&
        kernel_now_ns(ring) - start_ns >= wait->timeout_ns)
        return -ETIME;
    return -EINTR;
}

static int wait_asleep(struct kevy_ring *ring, struct kevy_ring_wait *wait, uint32_t queued)
{
    uint64_t start_ns = 0;
    uint32_t ready;
    int result;

    if (queued != 0 && wait_limited(wait) && start_matters(wait))
        start_ns = kernel_now_ns(ring);
    result = wait_enter(ring, wait, queued);
    ready = kevy_ring_ready(ring);
    if (result > 0)
        wait->submitted = (uint32_t)result;
    return ready != 0 ? (int)ready : wait_outcome(ring, wait, result, start_ns);
}

static int wait_polling(struct kevy_ring *ring, struct kevy_ring_wait *wait, uint32_t queued)
{
    bool limited = wait_limited(wait);
    uint64_t start_ns = 0;
    /* The kernel would poll past a limit: let it look once, and come back. */
    uint32_t minimum = limited ? 0 : wait->minimum;
    int result;

    if (limited && (wait->flags & KEVY_RING_WAIT_ABSOLUTE) == 0)
        start_ns = kernel_now_ns(ring);
    do {
        uint32_t ready;

        result = enter(ring, queued - wait->submitted, minimum, KEVY_ENTER_GETEVENTS, NULL, 0);
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
    } while (!limited || kernel_now_ns(ring) - start_ns < wait->timeout_ns);
    return -ETIME;
}

static out_of_line int wait_long(struct kevy_ring *ring, struct kevy_ring_wait *wait)
{
    int result = wait_check(ring, wait);
    uint32_t queued;

    wait->submitted = 0;
    if (result < 0)
        return result;
    queued = ring->modes & KEVY_X_MODE_SPLIT ? 0 : kevy_ring_publish(ring);
    if (ring_polled(ring))
        return wait_polling(ring, wait, queued);
    return wait_asleep(ring, wait, queued);
}

/* On the short path, with a limit and no region to hold it. */
static out_of_line int enter_limit_pointed(const struct kevy_ring *ring,
                                           const struct kevy_ring_wait *wait, uint32_t queued,
                                           uint32_t flags)
{
    struct kevy_timespec limit = timespec_of(wait->timeout_ns);
    struct kevy_getevents_arg argument = {.ts = (uint64_t)(uintptr_t)&limit};

    return io_uring_enter(ring->enter_fd, queued, wait->minimum, flags, &argument, sizeof argument);
}

static inline int enter_limited(struct kevy_ring *ring, const struct kevy_ring_wait *wait,
                                uint32_t queued)
{
    uint32_t flags = ring->wait_flags | KEVY_ENTER_EXT_ARG;

    if (wait->flags & KEVY_RING_WAIT_ABSOLUTE)
        flags |= KEVY_ENTER_ABS_TIMER;
    if (ring->wait_region == NULL)
        return enter_limit_pointed(ring, wait, queued, flags);
    region_limit(ring, wait->timeout_ns);
    return io_uring_enter(ring->enter_fd, queued, wait->minimum, flags | KEVY_ENTER_EXT_ARG_REG,
                          NULL, sizeof *ring->wait_region);
}

/* For the short path, which leaves the arithmetic to those few waits that need it. */
static out_of_line int wait_outcome_since(const struct kevy_ring *ring,
                                          const struct kevy_ring_wait *wait, int result,
                                          const struct timespec *start)
{
    uint64_t start_ns = 0;

    if (start_matters(wait))
        start_ns = (uint64_t)start->tv_sec * NS_PER_SECOND + (uint64_t)start->tv_nsec;
    return wait_outcome(ring, wait, result, start_ns);
}

int kevy_ring_wait(struct kevy_ring *ring, struct kevy_ring_wait *wait)
{
    const uint32_t usual = KEVY_RING_WAIT_ABSOLUTE | KEVY_RING_WAIT_NO_CLOCK;
    struct timespec start; /* written if it matters, and read only then */
    uint32_t queued, ready;
    int result;

    if (!path_is_short(ring, KEVY_SQ_CQ_OVERFLOW) || wait->signal_mask != NULL ||
        (wait->min_wait_us | (wait->flags & ~usual)) != 0)
        return wait_long(ring, wait);
    queued = queues_publish(ring);
    if (wait_limited(wait)) {
        if (queued != 0 && start_matters(wait))
            (void)clock_gettime(ring->clock, &start);
        result = enter_limited(ring, wait, queued);
    } else {
        result = (int)io_uring_enter_plain(ring->enter_fd, queued, wait->minimum, ring->wait_flags);
    }
    kevy_x_inspect_messages(ring);
    ready = kevy_ring_ready(ring);
    wait->submitted = result > 0 ? (uint32_t)result : 0;
    return ready != 0 ? (int)ready : wait_outcome_since(ring, wait, result, &start);
}

#endif /* KEVY_RING_SUPPORTED */
