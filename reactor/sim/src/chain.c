/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "chain.h"

#include <errno.h>
#include <stddef.h>

#include "completion.h"
#include "request.h"
#include "ring.h"
#include "timeout.h"

#define LINK_FLAGS (KEVY_SQE_IO_LINK | KEVY_SQE_IO_HARDLINK)

static bool has(const struct request *request, uint32_t flags)
{
    return (request->sqe.flags & flags) != 0;
}

static uint32_t length_of(const struct request *request)
{
    uint32_t length = 0;

    for (; request != NULL; request = request->chain)
        length++;
    return length;
}

/* ---- Behind a request that has ended ------------------------------------------------------- */

/* Answers a member that has not begun. */
static void member_end(struct request *member, int result, bool skip)
{
    member->chain = NULL;
    if (!skip)
        completion_post(member->ring, member->sqe.user_data, result, 0);
    request_free(member);
}

/* The request has ended before its limit, which goes. Returns what stands behind that. */
static struct request *limit_leave(struct request *limit)
{
    struct request *next = limit->chain;

    limit_disarm(limit);
    member_end(limit, -ECANCELED, has(limit, KEVY_SQE_CQE_SKIP_SUCCESS));
    return next;
}

/* All behind a failure. It says nothing of them if it was itself to say nothing. */
static void members_cancel(struct request *member, bool skip)
{
    while (member != NULL) {
        struct request *next = member->chain;

        member_end(member, member->refused ? member->result : -ECANCELED, skip);
        member = next;
    }
}

static void turn_comes(struct request *request)
{
    request->state = REQUEST_BEGINS;
    request_ready(request);
}

void chain_follow(struct request *request, bool failed)
{
    struct request *next = request->chain;

    request->chain = NULL;
    if (next != NULL && next->sqe.opcode == KEVY_OP_LINK_TIMEOUT && !next->refused &&
        !request->refused)
        next = limit_leave(next);
    if (next == NULL)
        return;
    if (failed && (request->refused || !has(request, KEVY_SQE_IO_HARDLINK)))
        members_cancel(next, has(request, KEVY_SQE_CQE_SKIP_SUCCESS));
    else
        turn_comes(next);
}

/* ---- Putting chains together --------------------------------------------------------------- */

bool chain_concerns(const struct request *request)
{
    const struct chains *chains = &request->ring->chains;

    return has(request, LINK_FLAGS | KEVY_SQE_IO_DRAIN) || chains->first != NULL ||
           chains->draining || chains->drain_next;
}

static void defer(struct chains *chains, struct request *head)
{
    head->state = REQUEST_LINKED;
    head->deferred_next = NULL;
    if (chains->deferred_first != NULL)
        chains->deferred_last->deferred_next = head;
    else
        chains->deferred_first = head;
    chains->deferred_last = head;
    chains->deferred += length_of(head);
}

/* Begins a request and what is chained to it, or puts them behind a drain. */
static void head_begin(struct request *head)
{
    struct chains *chains = &head->ring->chains;
    bool drain = has(head, KEVY_SQE_IO_DRAIN);

    if (head->refused) {
        request_refuse(head, head->result);
        return;
    }
    chains->draining |= drain;
    if (!chains->draining) {
        request_start(head);
        return;
    }
    defer(chains, head);
    chains_run(head->ring);
    /* The first that has not had to wait is behind the last drain. */
    chains->draining = drain || chains->deferred_first != NULL;
}

static void mark_refused(struct request *request, int error)
{
    if (request->refused)
        return;
    request->refused = true;
    request->result = error;
}

static void member_add(struct chains *chains, struct request *request)
{
    request->state = REQUEST_LINKED;
    if (chains->first != NULL)
        chains->last->chain = request;
    else
        chains->first = request;
    chains->last = request;
}

/* A drain inside a chain is one of the whole chain, and of what comes behind it. */
static void drain_note(struct chains *chains, struct request *request)
{
    if (chains->first == NULL) {
        if (chains->drain_next)
            request->sqe.flags |= KEVY_SQE_IO_DRAIN;
        chains->drain_next = false;
    } else if (has(request, KEVY_SQE_IO_DRAIN)) {
        chains->first->sqe.flags |= KEVY_SQE_IO_DRAIN;
        chains->drain_next = true;
    }
}

int chain_take(struct request *request, int error)
{
    struct ring *ring = request->ring;
    struct chains *chains = &ring->chains;
    bool linked = has(request, LINK_FLAGS);

    drain_note(chains, request);
    if (error < 0) {
        mark_refused(request, error);
        if (chains->first != NULL)
            mark_refused(chains->first, -ECANCELED);
    }
    member_add(chains, request);
    if (linked)
        return 0;
    chain_end(ring);
    return error;
}

void chain_end(struct ring *ring)
{
    struct request *head = ring->chains.first;

    ring->chains.first = ring->chains.last = NULL;
    if (head != NULL)
        head_begin(head);
}

/* A drain begins alone; what is behind it begins together, up to the next one. */
void chains_run(struct ring *ring)
{
    struct chains *chains = &ring->chains;
    bool alone = true; /* the first, and every drain */

    while (chains->deferred_first != NULL) {
        struct request *head = chains->deferred_first;

        alone = alone || has(head, KEVY_SQE_IO_DRAIN);
        if (alone && ring->requests.count != chains->deferred)
            return;
        alone = has(head, KEVY_SQE_IO_DRAIN);
        chains->deferred_first = head->deferred_next;
        chains->deferred -= length_of(head);
        turn_comes(head);
    }
}
