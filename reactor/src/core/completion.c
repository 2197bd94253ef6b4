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
#include "core/completion.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include <errno.h>
#include <poll.h>

#include "core/submission.h"

void kevy_completion_init(struct kevy_completion *completion, struct kevy_reactor *reactor,
                          kevy_completion_done done)
{
    assert(completion->in_flight == 0 && completion->cancelled == 0 &&
           "the completion is active, or its memory was not zeroed");
    assert(done != NULL && "a completion needs a callback");
    completion->done = done;
    completion->reactor = reactor;
}

struct kevy_sqe *kevy_completion_sqe(struct kevy_completion *completion)
{
    struct kevy_reactor *reactor = completion->reactor;
    struct kevy_sqe *sqe = NULL;

    assert(completion->done != NULL && "kevy_completion_init() comes first");
    thread_check(reactor);
    /* Behind a backlog only the backlog keeps the order. */
    if (reactor->backlog_count == 0)
        sqe = submission_sqe(reactor, completion, OPERATION_COMPLETION);
    if (sqe == NULL)
        sqe = submission_backlog_take(reactor, user_data_make(completion, OPERATION_COMPLETION));
    if (sqe == NULL)
        return NULL;
    assert(completion->in_flight < UINT32_MAX);
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
    assert(reason == -ECANCELED || reason == -ETIMEDOUT);
    if (reactor->backlog_count == 0)
        sqe = submission_cancel_sqe(reactor);
    if (sqe == NULL) {
        sqe = submission_backlog_take(reactor, user_data_make(reactor, OPERATION_CANCEL));
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

    assert(completion->reactor == reactor);
    if (unlikely(completion->cancelled != 0 || reactor->cancelled) && ended_by_cancel(result))
        result = completion->cancelled == ETIMEDOUT ? -ETIMEDOUT : -ECANCELED;
    if ((flags & KEVY_CQE_F_MORE) == 0) {
        assert(completion->in_flight > 0 && reactor->completions_active > 0);
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
    assert(limit->completion != NULL && limit->completion->reactor == timer->reactor);
    if (cancel(limit->completion, -ETIMEDOUT) == -EAGAIN)
        kevy_timer_start(timer, timer->reactor, 1, limit_passed);
}

void kevy_completion_timeout_start(struct kevy_completion_timeout *limit,
                                   struct kevy_completion *completion, uint64_t timeout_ns)
{
    assert(completion->reactor != NULL && "kevy_completion_init() comes first");
    limit->completion = completion;
    kevy_timer_start(&limit->timer, completion->reactor, timeout_ns, limit_passed);
}

void kevy_completion_timeout_stop(struct kevy_completion_timeout *limit)
{
    kevy_timer_stop(&limit->timer);
}

bool completion_cancel_or_pend(struct kevy_completion *completion, struct kevy_x_object *object)
{
    assert(kevy_completion_active(completion) && completion->reactor == object->reactor);
    if (kevy_completion_cancel(completion) == 0)
        return true;
    object_pend(object);
    return false;
}

static void own_poll_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct own_poll *poll = KEVY_CONTAINER_OF(completion, struct own_poll, completion);
    struct kevy_reactor *reactor = completion->reactor;

    if ((flags & KEVY_CQE_F_MORE) == 0) {
        assert(reactor->completions_internal > 0);
        reactor->completions_internal--;
        /* Destroying waits for jobs too, and these end with a post. */
        reactor->own_polls_ended |= !reactor->destroying || reactor->objects != NULL;
    }
    if (result >= 0) /* or it was cancelled, because the reactor is being destroyed */
        poll->ready(reactor);
}

void own_poll_start(struct own_poll *poll, struct kevy_reactor *reactor, int fd,
                    void (*ready)(struct kevy_reactor *reactor))
{
    assert(fd >= 0 && ready != NULL);
    kevy_completion_init(&poll->completion, reactor, own_poll_done);
    poll->ready = ready;
    poll->fd = fd;
    poll->next = reactor->own_polls;
    reactor->own_polls = poll;
    reactor->own_polls_ended = true;
}

/* Without a slot the next flush tries again. */
void own_polls_arm(struct kevy_reactor *reactor)
{
    reactor->own_polls_ended = false;
    for (struct own_poll *poll = reactor->own_polls; poll != NULL; poll = poll->next) {
        struct kevy_sqe *sqe;

        if (kevy_completion_active(&poll->completion))
            continue;
        sqe = kevy_completion_sqe(&poll->completion);
        if (sqe == NULL) {
            reactor->own_polls_ended = true;
            return;
        }
        kevy_prep_poll_multishot(sqe, poll->fd, POLLIN);
        reactor->completions_internal++;
        assert(reactor->completions_internal <= reactor->completions_active);
    }
}

#endif /* KEVY_RING_SUPPORTED */
