/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_TIMEOUT, KEVY_OP_TIMEOUT_REMOVE and KEVY_OP_LINK_TIMEOUT.
 *
 * Model. A time-out is a timer, may count completions as well, and may repeat. A link time-out is
 * a timer that is armed when the request before it begins to wait; it cancels that request, and
 * leaves the chain. The time is read when the request is submitted: the user may reuse it then.
 *
 * Other clocks: an instant of CLOCK_REALTIME or CLOCK_BOOTTIME becomes one of CLOCK_MONOTONIC, and
 * is looked at again when that has come: a clock that was set back lets it wait on.
 *
 * Invariants. In the SQE's copy `addr` holds nanoseconds: the interval, or the instant with
 * KEVY_TIMEOUT_ABS. Timers that count completions as well have MARK_COUNTS.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <time.h>

#define NS_PER_SECOND 1000000000U

#define TIMEOUT_FLAGS                                                          \
    (KEVY_TIMEOUT_ABS | KEVY_TIMEOUT_CLOCK_MASK | KEVY_TIMEOUT_ETIME_SUCCESS | \
     KEVY_TIMEOUT_MULTISHOT)
#define UPDATE_FLAGS (KEVY_TIMEOUT_UPDATE_MASK | KEVY_TIMEOUT_ABS | KEVY_TIMEOUT_CLOCK_MASK)

static bool has(const struct request *request, uint32_t flags)
{
    return (request->sqe.timeout_flags & flags) != 0;
}

/* Reads a time as nanoseconds. A second may have more than a billion of them, as in io_uring. */
static int time_read(uint64_t address, uint64_t *time_ns)
{
    const struct kevy_timespec *time = sqe_pointer(address);

    if (time == NULL)
        return -EFAULT;
    if (time->tv_sec < 0 || time->tv_nsec < 0)
        return -EINVAL;
    *time_ns = INT64_MAX; /* too much for a clock of io_uring, too */
    if (time->tv_sec < INT64_MAX / (2 * (int64_t)NS_PER_SECOND))
        *time_ns = (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
    return 0;
}

/* True for at most one clock. */
static bool clock_valid(uint32_t flags)
{
    return (flags & KEVY_TIMEOUT_CLOCK_MASK) != KEVY_TIMEOUT_CLOCK_MASK;
}

static int clock_of(const struct request *request)
{
    if (has(request, KEVY_TIMEOUT_REALTIME))
        return CLOCK_REALTIME;
    return has(request, KEVY_TIMEOUT_BOOTTIME) ? CLOCK_BOOTTIME : CLOCK_MONOTONIC;
}

/* The instant of CLOCK_MONOTONIC at which the time-out is due, as far as can be told. */
static uint64_t deadline_of(const struct soft *soft, const struct request *request)
{
    uint64_t now_ns = soft->os->now_ns(soft->os, CLOCK_MONOTONIC);
    uint64_t left_ns = request->sqe.addr;

    if (has(request, KEVY_TIMEOUT_ABS)) {
        uint64_t clock_ns = soft->os->now_ns(soft->os, clock_of(request));

        left_ns = left_ns > clock_ns ? left_ns - clock_ns : 0;
    }
    return left_ns > UINT64_MAX - 1 - now_ns ? UINT64_MAX - 1 : now_ns + left_ns;
}

int timeout_prepare(struct soft *soft, struct request *request)
{
    struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->buf_index != 0 || sqe->len != 1 || sqe->splice_fd_in != 0)
        return -EINVAL;
    if ((sqe->timeout_flags & ~TIMEOUT_FLAGS) != 0 || !clock_valid(sqe->timeout_flags))
        return -EINVAL;
    if (has(request, KEVY_TIMEOUT_MULTISHOT) && has(request, KEVY_TIMEOUT_ABS))
        return -EINVAL;
    return time_read(sqe->addr, &sqe->addr);
}

int timeout_run(struct soft *soft, struct request *request)
{
    int error = request_keep(soft, request);

    if (error < 0)
        return error;
    if (request->sqe.off != 0 && !has(request, KEVY_TIMEOUT_MULTISHOT)) {
        request->marks |= MARK_COUNTS;
        /* The number of the completion that ends it. */
        request->sqe.addr3 = cq_posted(soft) - soft->timeouts_posted + (uint32_t)request->sqe.off;
    }
    error = timer_start(soft, request, deadline_of(soft, request));
    return error < 0 ? error : RUN_TAKEN;
}

/* Those whose count of completions has been reached. */
rare void timeouts_count(struct soft *soft)
{
    uint32_t posted = cq_posted(soft) - soft->timeouts_posted;

    for (uint32_t index = 0; index < soft->timers.count;) {
        struct request *request = soft->timers.entries[index];

        if ((request->marks & MARK_COUNTS) != 0 &&
            (int32_t)((uint32_t)request->sqe.addr3 - posted) <= 0) {
            timer_stop(soft, request);
            soft->timed_out = true;
            request_end_later(soft, request, 0);
            index = 0; /* the heap has been put in order */
        } else {
            index++;
        }
    }
}

/* A time-out that repeats: the next time, counted from the last. */
static bool timeout_repeat(struct soft *soft, struct request *request)
{
    uint64_t interval_ns = request->sqe.addr;
    uint64_t next_ns = request->deadline_ns + interval_ns;

    if (!has(request, KEVY_TIMEOUT_MULTISHOT) || request->sqe.off == 1 || !cq_room(soft))
        return false;
    if (timer_start(soft, request, next_ns) < 0)
        return false;
    if (request->sqe.off != 0)
        request->sqe.off--;
    cq_post(soft, request->sqe.user_data, -ETIME, KEVY_CQE_F_MORE);
    soft->timeouts_posted++;
    return true;
}

static void link_timeout_fired(struct soft *soft, struct request *request)
{
    struct request *limited = request->limited;

    /* It leaves the chain: what is behind it follows the request that it limits. */
    limited->chain = request->chain;
    request->chain = NULL;
    request->limited = NULL;
    request_end_later(soft, request, -ETIME); /* first, as io_uring tells it */
    if (!request_cancel(soft, limited))
        request->result = -EALREADY;
}

static void timeout_fired(struct soft *soft, struct request *request)
{
    if (has(request, KEVY_TIMEOUT_ABS) &&
        soft->os->now_ns(soft->os, clock_of(request)) < request->sqe.addr &&
        timer_start(soft, request, deadline_of(soft, request)) == 0)
        return; /* its clock has been set back */
    if (request->sqe.opcode == KEVY_OP_LINK_TIMEOUT) {
        link_timeout_fired(soft, request);
        return;
    }
    soft->timed_out = true;
    if (timeout_repeat(soft, request))
        return;
    soft->timeouts_posted++;
    if (has(request, KEVY_TIMEOUT_ETIME_SUCCESS))
        request->marks |= MARK_SUCCESS;
    request_end_later(soft, request, -ETIME);
}

/* Time-outs fire; others have their turn again. */
void timers_run(struct soft *soft)
{
    uint64_t now_ns;

    if (likely(soft->timers.count == 0))
        return;
    now_ns = soft->os->now_ns(soft->os, CLOCK_MONOTONIC);
    while (timers_next(soft) <= now_ns) {
        struct request *request = soft->timers.entries[0];

        timer_stop(soft, request);
        if (request->sqe.opcode == KEVY_OP_TIMEOUT || request->sqe.opcode == KEVY_OP_LINK_TIMEOUT)
            timeout_fired(soft, request);
        else
            request_make_ready(soft, request);
    }
}

int link_timeout_prepare(struct soft *soft, struct request *request)
{
    struct kevy_sqe *sqe = &request->sqe;
    uint32_t flags = KEVY_TIMEOUT_ABS | KEVY_TIMEOUT_CLOCK_MASK | KEVY_TIMEOUT_ETIME_SUCCESS;

    if (sqe->buf_index != 0 || sqe->len != 1 || sqe->splice_fd_in != 0 || sqe->off != 0 ||
        (sqe->timeout_flags & ~flags) != 0 || !clock_valid(sqe->timeout_flags))
        return -EINVAL;
    if (soft->chain_first == NULL || soft->chain_last->sqe.opcode == KEVY_OP_LINK_TIMEOUT)
        return -EINVAL;
    return time_read(sqe->addr, &sqe->addr);
}

/* Only as a member of a chain that was cut off before it has anything to run. */
int link_timeout_run(struct soft *soft, struct request *request)
{
    (void)soft;
    (void)request;
    return -ECANCELED;
}

/* `request` waits: the limit behind it, if there is one, begins to count. */
void link_timeout_arm(struct soft *soft, struct request *request)
{
    struct request *limit = request->chain;

    if (limit->sqe.opcode != KEVY_OP_LINK_TIMEOUT || limit->state != REQUEST_CHAINED)
        return;
    if (request_keep(soft, limit) < 0 || timer_start(soft, limit, deadline_of(soft, limit)) < 0)
        return; /* without memory there is no limit */
    limit->limited = request;
}

int timeout_remove_prepare(struct soft *soft, struct request *request)
{
    struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->buf_index != 0 || sqe->len != 0 || sqe->splice_fd_in != 0)
        return -EINVAL;
    if (!has(request, KEVY_TIMEOUT_UPDATE_MASK))
        return sqe->timeout_flags != 0 ? -EINVAL : 0;
    if ((sqe->timeout_flags & ~UPDATE_FLAGS) != 0 || !clock_valid(sqe->timeout_flags))
        return -EINVAL;
    return time_read(sqe->addr2, &sqe->addr2);
}

static struct request *timeout_find(const struct soft *soft, uint64_t user_data, uint8_t opcode)
{
    struct request *request = request_find(soft, user_data, NULL);

    while (request != NULL && (request->sqe.opcode != opcode || request->state != REQUEST_TIMED))
        request = request_find(soft, user_data, request);
    return request;
}

/* Another time. The clock stays. */
static int timeout_update(struct soft *soft, struct request *request, const struct kevy_sqe *sqe)
{
    timer_stop(soft, request);
    request->sqe.addr = sqe->addr2;
    request->sqe.timeout_flags &= ~KEVY_TIMEOUT_ABS;
    request->sqe.timeout_flags |= sqe->timeout_flags & KEVY_TIMEOUT_ABS;
    return timer_start(soft, request, deadline_of(soft, request)); /* there is room: it was in */
}

int timeout_remove_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    uint8_t opcode =
        has(request, KEVY_LINK_TIMEOUT_UPDATE) ? KEVY_OP_LINK_TIMEOUT : KEVY_OP_TIMEOUT;
    struct request *timeout = timeout_find(soft, sqe->addr, opcode);

    if (timeout == NULL)
        return -ENOENT;
    if (has(request, KEVY_TIMEOUT_UPDATE_MASK))
        return timeout_update(soft, timeout, sqe);
    return request_cancel(soft, timeout) ? 0 : -EALREADY;
}

#endif /* KEVY_RING_SUPPORTED */
