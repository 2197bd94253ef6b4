/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Putting chains together, and putting requests behind a drain.
 *
 * Model. A submit puts a chain together, request by request, and begins it with the first that has
 * no link flag, or at its end. A drain, and what is submitted behind it, goes to a list of deferred
 * heads, unless nothing is active that it would wait for.
 *
 * Invariants. A request that was refused when it was submitted ends its chain before anything of it
 * has run. A chain that is not complete has not begun.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#define LINK_FLAGS (KEVY_SQE_IO_LINK | KEVY_SQE_IO_HARDLINK)

/* Begins a request and what is chained to it, or puts them behind a drain. */
static void head_begin(struct soft *soft, struct request *head)
{
    bool drain = (head->sqe.flags & KEVY_SQE_IO_DRAIN) != 0;

    if (head->marks & MARK_REFUSED) {
        request_end(soft, head, head->result);
        return;
    }
    soft->draining |= drain;
    if (!soft->draining) {
        request_begin(soft, head);
        return;
    }
    soft->active -= chain_length(head);
    head->state = REQUEST_DEFERRED;
    list_append(&soft->deferred, head);
    deferred_run(soft);
    /* The first that has not had to wait is behind the last drain. */
    soft->draining = drain || soft->deferred.first != NULL;
}

/* What will not begin within this submit needs its own copy of what its SQE points to. */
static int capture(struct soft *soft, struct request *request)
{
    const struct operation *operation = operation_of(soft, request);

    if (operation->capture == NULL || request->captured != NULL)
        return 0;
    return operation->capture(soft, request);
}

static void refuse(struct request *request, int error)
{
    if (request->marks & MARK_REFUSED)
        return;
    request->marks |= MARK_REFUSED;
    request->result = error;
}

static void member_add(struct soft *soft, struct request *request)
{
    if (soft->chain_first == NULL) {
        soft->chain_first = request;
    } else {
        request->state = REQUEST_CHAINED;
        soft->chain_last->chain = request;
    }
    soft->chain_last = request;
}

/* A drain inside a chain is one of the whole chain, and of what comes behind it. */
static void drain_note(struct soft *soft, struct request *request)
{
    if (soft->chain_first == NULL) {
        if (soft->drain_next)
            request->sqe.flags |= KEVY_SQE_IO_DRAIN;
        soft->drain_next = false;
    } else if (request->sqe.flags & KEVY_SQE_IO_DRAIN) {
        soft->chain_first->sqe.flags |= KEVY_SQE_IO_DRAIN;
        soft->drain_next = true;
    }
}

/*
 * A request that is part of a chain, drains, stands behind a drain, or was refused: `error`.
 * Returns the error if it ends a chain.
 */
int chain_submit(struct soft *soft, struct request *request, int error)
{
    bool linked = (request->sqe.flags & LINK_FLAGS) != 0;

    drain_note(soft, request);
    if (error == 0 && (soft->chain_first != NULL || soft->draining ||
                       (request->sqe.flags & KEVY_SQE_IO_DRAIN) != 0))
        error = capture(soft, request);
    if (error < 0) {
        refuse(request, error);
        if (soft->chain_first != NULL)
            refuse(soft->chain_first, -ECANCELED);
    }
    member_add(soft, request);
    if (linked)
        return 0;
    chain_close(soft);
    return error;
}

/* The chain is complete, or the submit is. */
void chain_close(struct soft *soft)
{
    struct request *head = soft->chain_first;

    if (head == NULL)
        return;
    soft->chain_first = soft->chain_last = NULL;
    head_begin(soft, head);
}

#endif /* KEVY_RING_SUPPORTED */
