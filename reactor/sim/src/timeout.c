/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "timeout.h"

#include <errno.h>

#include "clock.h"
#include "operations.h"
#include "ring.h"

#define NS_PER_SECOND 1000000000

#define CLOCK_FLAGS KEVY_TIMEOUT_CLOCK_MASK
#define TIMEOUT_FLAGS \
    (KEVY_TIMEOUT_ABS | CLOCK_FLAGS | KEVY_TIMEOUT_ETIME_SUCCESS | KEVY_TIMEOUT_MULTISHOT)
#define LIMIT_FLAGS  (KEVY_TIMEOUT_ABS | CLOCK_FLAGS | KEVY_TIMEOUT_ETIME_SUCCESS)
#define UPDATE_FLAGS (KEVY_TIMEOUT_UPDATE_MASK | KEVY_TIMEOUT_ABS | CLOCK_FLAGS)

static bool has(const struct request *request, uint32_t flags)
{
    return (request->sqe.timeout_flags & flags) != 0;
}

/* Reads a time as nanoseconds. A second may have more than a billion of them. */
static int time_read(uint64_t address, uint64_t *time_ns)
{
    const struct kevy_timespec *time = (const void *)(uintptr_t)address;

    if (time == NULL)
        return -EFAULT;
    if (time->tv_sec < 0 || time->tv_nsec < 0)
        return -EINVAL;
    *time_ns = INT64_MAX;
    if (time->tv_sec < INT64_MAX / (2 * (int64_t)NS_PER_SECOND))
        *time_ns = (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
    return 0;
}

/* At most one clock, and no flag but those. */
static bool flags_valid(const struct request *request, uint32_t known)
{
    uint32_t flags = request->sqe.timeout_flags;

    return (flags & ~known) == 0 && (flags & CLOCK_FLAGS) != CLOCK_FLAGS;
}

static void timer_start(struct request *request)
{
    uint64_t time_ns = request->time_ns;

    if (has(request, KEVY_TIMEOUT_ABS))
        time_ns = time_ns > clock_now() ? time_ns - clock_now() : 0;
    request->at_ns = clock_now() + time_ns;
    request_timer(request, time_ns);
}

int prepare_timeout(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->buf_index != 0 || sqe->len != 1 || sqe->splice_fd_in != 0 ||
        !flags_valid(request, TIMEOUT_FLAGS))
        return -EINVAL;
    if (has(request, KEVY_TIMEOUT_MULTISHOT) && has(request, KEVY_TIMEOUT_ABS))
        return -EINVAL;
    request->multishot = has(request, KEVY_TIMEOUT_MULTISHOT);
    return time_read(sqe->addr, &request->time_ns);
}

/* Completions other than those of time-outs. */
static uint64_t counted(const struct ring *ring)
{
    return ring->posted - ring->timeouts_posted;
}

/* One that repeats tells the time, and goes on. The next time is counted from the last one. */
static bool timeout_repeats(struct request *request)
{
    if (!request->multishot || request->sqe.off == 1 || !operation_post_more(request, -ETIME, 0))
        return false;
    request->ring->timeouts_posted++;
    if (request->sqe.off != 0)
        request->sqe.off--;
    request->at_ns += request->time_ns;
    request_timer(request, request->at_ns > clock_now() ? request->at_ns - clock_now() : 0);
    return true;
}

int run_timeout(struct request *request)
{
    if (!request->tried) {
        request->count_at = counted(request->ring) + request->sqe.off;
        timer_start(request);
        return REQUEST_TAKEN;
    }
    if (timeout_repeats(request))
        return REQUEST_TAKEN;
    request->ring->timeouts_posted++;
    request->succeeds = has(request, KEVY_TIMEOUT_ETIME_SUCCESS);
    return -ETIME;
}

void timeouts_reached(struct ring *ring)
{
    for (struct request *at = ring->requests.first; at != NULL; at = at->next)
        if (at->sqe.opcode == KEVY_OP_TIMEOUT && at->sqe.off != 0 && !at->multishot &&
            event_started(&at->late) && counted(ring) >= at->count_at)
            request_finish(at, 0);
}

/* A timer of the ring's that has not fired. */
static struct request *timer_find(const struct ring *ring, uint64_t user_data, uint8_t opcode)
{
    struct request *at = ring->requests.first;

    while (at != NULL && !(at->sqe.opcode == opcode && at->sqe.user_data == user_data &&
                           event_started(&at->late)))
        at = at->next;
    return at;
}

int prepare_timeout_remove(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->buf_index != 0 || sqe->len != 0 || sqe->splice_fd_in != 0)
        return -EINVAL;
    if (!has(request, KEVY_TIMEOUT_UPDATE_MASK))
        return sqe->timeout_flags != 0 ? -EINVAL : 0;
    if (!flags_valid(request, UPDATE_FLAGS))
        return -EINVAL;
    return time_read(sqe->addr2, &request->time_ns);
}

int run_timeout_remove(struct request *request)
{
    uint8_t opcode =
        has(request, KEVY_LINK_TIMEOUT_UPDATE) ? KEVY_OP_LINK_TIMEOUT : KEVY_OP_TIMEOUT;
    struct request *timer = timer_find(request->ring, request->sqe.addr, opcode);

    if (timer == NULL)
        return -ENOENT;
    if (!has(request, KEVY_TIMEOUT_UPDATE_MASK))
        return request_cancel_one(timer) ? 0 : -EALREADY;
    timer->time_ns = request->time_ns;
    timer->sqe.timeout_flags &= ~KEVY_TIMEOUT_ABS;
    timer->sqe.timeout_flags |= request->sqe.timeout_flags & KEVY_TIMEOUT_ABS;
    timer_start(timer);
    return 0;
}

/* ---- Limits -------------------------------------------------------------------------------- */

int prepare_limit(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const struct request *before = request->ring->chains.last;

    if (sqe->buf_index != 0 || sqe->len != 1 || sqe->splice_fd_in != 0 || sqe->off != 0 ||
        !flags_valid(request, LIMIT_FLAGS))
        return -EINVAL;
    if (before == NULL || before->sqe.opcode == KEVY_OP_LINK_TIMEOUT)
        return -EINVAL;
    return time_read(sqe->addr, &request->time_ns);
}

/* Its time has come: it leaves the chain, and what it limits is cancelled. One that limits nothing
 * is a member of a chain that was cut off in front of it. */
int run_limit(struct request *limit)
{
    struct request *limited = limit->limited;

    if (limited == NULL)
        return -ECANCELED;
    limited->chain = limit->chain;
    limit->chain = limit->limited = NULL;
    limit->succeeds = true;
    return request_cancel_one(limited) ? -ETIME : -EALREADY;
}

void limit_arm(struct request *request)
{
    struct request *limit = request->chain;

    if (limit == NULL || limit->sqe.opcode != KEVY_OP_LINK_TIMEOUT || limit->limited != NULL)
        return;
    limit->limited = request;
    limit->state = REQUEST_DELAYED;
    timer_start(limit);
}

void limit_disarm(struct request *limit)
{
    if (limit->limited == NULL)
        return;
    limit->limited = NULL;
    request_unwait(limit);
}
