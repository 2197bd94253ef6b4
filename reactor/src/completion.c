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

int kevy_completion_cancel(struct kevy_completion *completion)
{
    struct kevy_reactor *reactor = completion->reactor;
    struct kevy_sqe *sqe = NULL;

    if (completion->in_flight == 0)
        return -ENOENT;
    if (reactor->backlog_count == 0)
        sqe = reactor_cancel_sqe(reactor);
    if (sqe == NULL) {
        sqe = backlog_take(reactor, user_data_make(reactor, OPERATION_CANCEL));
        if (sqe == NULL)
            return -EAGAIN;
        reactor->cancels_active++;
    }
    kevy_prep_cancel(sqe, user_data_make(completion, OPERATION_COMPLETION), KEVY_ASYNC_CANCEL_ALL);
    return 0;
}

void completion_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_completion *completion = owner;

    if ((flags & KEVY_CQE_F_MORE) == 0) {
        assert(completion->in_flight > 0);
        completion->in_flight--;
        reactor->completions_active--;
    }
    completion->done(completion, result, flags);
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
