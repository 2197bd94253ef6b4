/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Completions: any request, one callback.
 *
 * Model. The slot goes straight into the submission queue. While the kernel takes nothing, slots
 * come from a backlog that the next flush moves over, in order: what was promised is kept.
 *
 * Invariants. in_flight counts slots without a last callback. The reactor's own completions (its
 * wake and its signals) are counted apart, so that they do not keep the loop running.
 */
#include "internal.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>

void kevy_completion_init(struct kevy_completion *completion, struct kevy_reactor *reactor,
                          kevy_completion_done done)
{
    completion->done = done;
    completion->reactor = reactor;
    completion->in_flight = 0;
    completion->cancelled = 0;
}

static struct kevy_sqe *backlog_take(struct kevy_reactor *reactor, uint64_t user_data)
{
    struct kevy_sqe *sqe;

    if (reactor->backlog_count == BACKLOG_ENTRIES)
        return NULL;
    sqe = &reactor->backlog[reactor->backlog_count++];
    memset(sqe, 0, sizeof *sqe);
    sqe->user_data = user_data;
    return sqe;
}

struct kevy_sqe *kevy_completion_sqe(struct kevy_completion *completion)
{
    struct kevy_reactor *reactor = completion->reactor;
    struct kevy_sqe *sqe = NULL;

    thread_check(reactor);
    /* Behind a backlog only the backlog keeps the order. */
    if (reactor->backlog_count == 0)
        sqe = reactor_sqe(reactor, completion, OPERATION_COMPLETION);
    if (sqe == NULL)
        sqe = backlog_take(reactor, user_data_make(completion, OPERATION_COMPLETION));
    if (sqe == NULL)
        return NULL;
    completion->in_flight++;
    reactor->completions_active++;
    return sqe;
}

static int cancel(struct kevy_completion *completion, int reason)
{
    struct kevy_reactor *reactor = completion->reactor;
    struct kevy_sqe *sqe = NULL;

    if (completion->in_flight == 0)
        return -ENOENT;
    thread_check(reactor);
    if (reactor->backlog_count == 0)
        sqe = reactor_cancel_sqe(reactor);
    if (sqe == NULL) {
        sqe = backlog_take(reactor, user_data_make(reactor, OPERATION_CANCEL));
        if (sqe == NULL)
            return -EAGAIN;
        reactor->cancels_active++;
    }
    kevy_prep_cancel(sqe, user_data_make(completion, OPERATION_COMPLETION), KEVY_ASYNC_CANCEL_ALL);
    if (completion->cancelled != ETIMEDOUT)
        completion->cancelled = (uint32_t)-reason;
    return 0;
}

int kevy_completion_cancel(struct kevy_completion *completion)
{
    return cancel(completion, -ECANCELED);
}

void completion_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_completion *completion = owner;

    if (unlikely(completion->cancelled != 0 || reactor->cancelled) && ended_by_cancel(result))
        result = completion->cancelled == ETIMEDOUT ? -ETIMEDOUT : -ECANCELED;
    if ((flags & KEVY_CQE_F_MORE) == 0) {
        assert(completion->in_flight > 0);
        completion->in_flight--;
        reactor->completions_active--;
        if (completion->in_flight == 0)
            completion->cancelled = 0;
    }
    completion->done(completion, result, flags);
}

/* Without a slot for the cancel the limit comes again in a tick. */
static void limit_passed(struct kevy_timer *timer)
{
    struct kevy_completion_timeout *limit =
        KEVY_CONTAINER_OF(timer, struct kevy_completion_timeout, timer);
    if (cancel(limit->completion, -ETIMEDOUT) == -EAGAIN)
        kevy_timer_start(timer, timer->reactor, 1, limit_passed);
}

void kevy_completion_timeout_start(struct kevy_completion_timeout *limit,
                                   struct kevy_completion *completion, uint64_t timeout_ns)
{
    limit->completion = completion;
    kevy_timer_start(&limit->timer, completion->reactor, timeout_ns, limit_passed);
}

void kevy_completion_timeout_stop(struct kevy_completion_timeout *limit)
{
    kevy_timer_stop(&limit->timer);
}

int completion_internal_poll(struct kevy_completion *completion, int fd)
{
    struct kevy_sqe *sqe = kevy_completion_sqe(completion);

    if (sqe == NULL)
        return -EAGAIN;
    kevy_prep_poll_multishot(sqe, fd, POLLIN);
    completion->reactor->completions_internal++;
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
