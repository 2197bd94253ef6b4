/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The order of requests: chains (KEVY_SQE_IO_LINK, _HARDLINK) and drains (KEVY_SQE_IO_DRAIN) once
 * they have been submitted; chain_submit.c puts them together.
 *
 * Model. Only the head of a chain begins; each of the others begins when the one before it has
 * succeeded, or is cancelled with all that follow. A time-out that limits the request before it
 * (KEVY_OP_LINK_TIMEOUT) is a member of the chain that leaves it when that request ends.
 *
 * A drain waits until no request is active that was submitted before. What comes behind it waits in
 * the same list, until the drain has ended.
 *
 * Invariants. `active` counts the requests that have begun and those of their chains; a deferred
 * request and its chain are not among them.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

static bool is_limit(const struct request *request)
{
    return request->sqe.opcode == KEVY_OP_LINK_TIMEOUT;
}

/* Ends a member that has not begun. */
static void member_end(struct soft *soft, struct request *member, int result, bool skip)
{
    member->state = REQUEST_RUNNING;
    member->chain = NULL;
    if (!skip)
        cq_post(soft, member->sqe.user_data, result, 0);
    request_free(soft, member);
}

static void limit_disarm(struct soft *soft, struct request *limit)
{
    timer_stop(soft, limit);
    limit->limited = NULL;
}

/* The request has ended before its limit: the limit goes. Returns what stands behind it. */
static struct request *limit_leave(struct soft *soft, struct request *limit)
{
    struct request *next = limit->chain;

    if (limit->state == REQUEST_TIMED)
        limit_disarm(soft, limit);
    member_end(soft, limit, -ECANCELED, (limit->sqe.flags & KEVY_SQE_CQE_SKIP_SUCCESS) != 0);
    return next;
}

/* All that stands behind a failure. Without a completion if the failed request wanted none. */
static void members_cancel(struct soft *soft, struct request *member, bool skip)
{
    while (member != NULL) {
        struct request *next = member->chain;

        member_end(soft, member, member->marks & MARK_REFUSED ? member->result : -ECANCELED, skip);
        member = next;
    }
}

/* The request has ended: what is chained to it begins, or does not. */
void chain_continue(struct soft *soft, struct request *request, bool failed)
{
    bool refused = (request->marks & MARK_REFUSED) != 0;
    struct request *next = request->chain;

    request->chain = NULL;
    if (is_limit(next) && (next->marks & MARK_REFUSED) == 0 && !refused)
        next = limit_leave(soft, next);
    if (next == NULL)
        return;
    if (failed && (refused || (request->sqe.flags & KEVY_SQE_IO_HARDLINK) == 0))
        members_cancel(soft, next, (request->sqe.flags & KEVY_SQE_CQE_SKIP_SUCCESS) != 0);
    else
        request_make_ready(soft, next);
}

uint32_t chain_length(const struct request *request)
{
    uint32_t length = 0;

    for (; request != NULL; request = request->chain)
        length++;
    return length;
}

/* Begins what is deferred: when nothing is active any more, a drain alone, or all up to the next
 * one. */
void deferred_run(struct soft *soft)
{
    struct request *head;
    bool alone = true; /* the first, and every drain */

    while ((head = soft->deferred.first) != NULL) {
        alone = alone || (head->sqe.flags & KEVY_SQE_IO_DRAIN) != 0;
        if (alone && soft->active != 0)
            break;
        alone = (head->sqe.flags & KEVY_SQE_IO_DRAIN) != 0;
        list_remove(&soft->deferred, head);
        soft->active += chain_length(head);
        request_make_ready(soft, head);
    }
}

#endif /* KEVY_RING_SUPPORTED */
