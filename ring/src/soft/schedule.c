/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Running requests: from their first try to their last completion.
 *
 * Model. The operation says how a try went. A result ends the request; RUN_WAITS parks it at its
 * descriptor; RUN_AGAIN has it yield to the others. Two lists are worked off in an enter, each from
 * its beginning: `ready`, where events put the parked requests, and after that `yielding`, of which
 * each enter runs one at least. So a stream that has little to say is not held up by floods, and
 * floods share what is left.
 *
 * An enter is bounded: what it brings forth should still be in the cache when the user's callbacks
 * read it.
 *
 * Invariants. Nothing is run from within another request's run: what a completion sets going (the
 * next of a chain, the end of a cancelled request) goes to the ready list. Nothing of it is tried
 * while the CQ has no room; what has its result is told, and overflows.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

/* What one working-off of the list posts at most. */
#define COMPLETIONS_MAX 512U

void request_end(struct soft *soft, struct request *request, int result)
{
    bool failed = result < 0 || (request->marks & MARK_FAILED) != 0;

    if (unlikely((request->marks & MARK_SUCCESS) != 0))
        failed = false;
    request->state = REQUEST_RUNNING;
    if (likely((request->sqe.flags & KEVY_SQE_CQE_SKIP_SUCCESS) == 0) || failed)
        cq_post(soft, request->sqe.user_data, result, request->flags);
    if (unlikely(request->chain != NULL))
        chain_continue(soft, request, failed);
    request_free(soft, request);
}

/* Whoever receives is going to send. */
static bool wants_out(const struct request *request)
{
    return (request->events & EPOLLOUT) != 0 || request->sqe.opcode == KEVY_OP_RECV ||
           request->sqe.opcode == KEVY_OP_RECVMSG;
}

/* The first wait of a request: its descriptor has to be watched, and a cancel has to find it. */
rare int request_watch(struct soft *soft, struct request *request)
{
    const struct operation *operation = operation_of(soft, request);
    int error = 0;

    if (operation->capture != NULL && request->captured == NULL)
        error = operation->capture(soft, request);
    if (error == 0)
        error = request_keep(soft, request);
    if (error == 0)
        error = descriptor_watch(soft, request->sqe.fd, wants_out(request));
    if (error < 0)
        return error;
    descriptor_known(soft, request->sqe.fd)->requests++;
    request->marks |= MARK_WATCHED;
    return 0;
}

void request_park(struct soft *soft, struct request *request)
{
    int error = 0;

    if (unlikely((request->marks & MARK_WATCHED) == 0))
        error = request_watch(soft, request);
    if (unlikely(error == -EPERM)) {
        request->marks |= MARK_NO_POLL;
        request_make_ready(soft, request);
    } else if (unlikely(error < 0)) {
        request_end(soft, request, error);
    } else {
        request->state = REQUEST_WAITING;
        list_append(&descriptor_known(soft, request->sqe.fd)->waiting, request);
    }
}

/* Lets the others go first. A cancel finds the request meanwhile. */
void request_yield(struct soft *soft, struct request *request)
{
    const struct operation *operation = operation_of(soft, request);
    int error = request_keep(soft, request);

    if (error == 0 && operation->capture != NULL && request->captured == NULL)
        error = operation->capture(soft, request);
    if (error < 0) {
        request_end(soft, request, error);
        return;
    }
    request->state = REQUEST_YIELDING;
    request->marks |= MARK_YIELDED;
    list_append(&soft->yielding, request);
}

static rare void settle_pending(struct soft *soft, struct request *request, int result)
{
    struct descriptor *descriptor = descriptor_known(soft, request->sqe.fd);

    if (result == RUN_SHORT)
        result = descriptor_drained(soft, descriptor, request->sqe.fd) ? RUN_WAITS : RUN_AGAIN;
    if (request->chain != NULL)
        link_timeout_arm(soft, request);
    if (result == RUN_WAITS)
        request_park(soft, request);
    else if (result == RUN_AGAIN)
        request_yield(soft, request);
}

void request_settle(struct soft *soft, struct request *request, int result)
{
    if (likely(result > RUN_WAITS))
        request_end(soft, request, result);
    else if (likely(result == RUN_WAITS && request->chain == NULL))
        request_park(soft, request);
    else
        settle_pending(soft, request, result);
}

/* A registered file is looked up when its request begins: one before it may have put it there. */
static rare bool file_find(struct soft *soft, struct request *request)
{
    int fd = file_table_find(soft, request->sqe.fd);

    if (fd < 0)
        return false;
    request->sqe.fd = fd;
    request->sqe.flags &= (uint8_t)~KEVY_SQE_FIXED_FILE;
    return true;
}

void request_begin(struct soft *soft, struct request *request)
{
    const struct operation *operation = operation_of(soft, request);

    if (unlikely((request->sqe.flags & KEVY_SQE_FIXED_FILE) != 0) &&
        (operation->flags & OPERATION_FILE) != 0 && !file_find(soft, request))
        request_end(soft, request, -EBADF);
    else
        request_settle(soft, request, operation->run(soft, request));
}

static void first_run(struct soft *soft, struct list *list)
{
    struct request *request = list->first;
    bool ending = request->state == REQUEST_ENDING;

    list_remove(list, request);
    request->state = REQUEST_RUNNING;
    if (unlikely(ending))
        request_end(soft, request, request->result);
    else
        request_begin(soft, request);
}

/* What becomes ready by what others have come to: time-outs that count, and drains. */
static rare void followers_run(struct soft *soft)
{
    if (soft->counting != 0)
        timeouts_count(soft);
    if (soft->deferred.first != NULL)
        deferred_run(soft);
}

/* Those that have their results. Else a user who fills the CQ with each submit would hold the end
 * of a cancelled request back without end. */
static rare void ending_run(struct soft *soft)
{
    struct request *next;

    for (struct request *request = soft->ready.first; request != NULL; request = next) {
        next = request->next;
        if (request->state != REQUEST_ENDING)
            continue;
        list_remove(&soft->ready, request);
        request_end(soft, request, request->result);
    }
}

void ready_run(struct soft *soft)
{
    uint32_t posted = cq_posted(soft);
    bool yielded = false;

    for (;;) {
        if (unlikely(soft->counting != 0 || soft->deferred.first != NULL))
            followers_run(soft);
        if (unlikely(!cq_room(soft))) {
            ending_run(soft);
            break;
        }
        if (cq_posted(soft) - posted >= COMPLETIONS_MAX)
            break;
        if (soft->ready.first != NULL) {
            first_run(soft, &soft->ready);
        } else if (soft->yielding.first != NULL && (soft->received < RECEIVED_MAX || !yielded)) {
            yielded = true;
            first_run(soft, &soft->yielding);
        } else {
            break;
        }
    }
}

#endif /* KEVY_RING_SUPPORTED */
