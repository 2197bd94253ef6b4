/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Which requests a cancel finds, and what becomes of them.
 *
 * Model. A request that waits is taken out of whatever it waits in, and answered with -ECANCELED,
 * or with the bytes that it has moved so far. One that could go on already may do so first, where
 * chance wants it: then the cancel comes too late. A thread that has begun is interrupted.
 */
#include <errno.h>

#include "chance.h"
#include "operations.h"
#include "request.h"
#include "ring.h"

bool request_is_found(const struct request *request)
{
    return request->state != REQUEST_LINKED && request->state != REQUEST_BEGINS &&
           request->sqe.opcode != KEVY_OP_ASYNC_CANCEL &&
           request->sqe.opcode != KEVY_OP_LINK_TIMEOUT && (request->flags & KEVY_CQE_F_NOTIF) == 0;
}

static bool cancel_matches(const struct kevy_sqe *cancel, const struct request *request)
{
    uint32_t flags = cancel->cancel_flags;
    uint32_t keys = KEVY_ASYNC_CANCEL_FD | KEVY_ASYNC_CANCEL_OP | KEVY_ASYNC_CANCEL_ANY;

    if (!request_is_found(request))
        return false;
    if (flags & KEVY_ASYNC_CANCEL_ANY)
        return true;
    if ((flags & KEVY_ASYNC_CANCEL_FD) != 0 &&
        (request->file == NULL || request->file != file_find(cancel->fd)))
        return false;
    if ((flags & KEVY_ASYNC_CANCEL_OP) != 0 && request->sqe.opcode != (uint8_t)cancel->len)
        return false;
    return ((flags & keys) != 0 && (flags & KEVY_ASYNC_CANCEL_USERDATA) == 0) ||
           request->sqe.user_data == cancel->addr;
}

/* True for one that does not wait for anything but its turn. */
static bool may_go_on(const struct request *request)
{
    bool is_timer = request->at_ns != 0;

    return !request->multishot && request->state != REQUEST_WAITING && !is_timer;
}

static bool sleeps_on_thread(const struct request *request)
{
    return operation_on_thread(request) && request->tried && request->state != REQUEST_DONE;
}

bool request_cancel_one(struct request *request)
{
    if (request->state == REQUEST_DONE)
        return false;
    request_unwait(request);
    if (may_go_on(request) && chance(KEVY_SIM_CANCEL_LOSES)) {
        int result = operation_try(request);

        if (result != REQUEST_WAITS && result != REQUEST_AGAIN && result != REQUEST_TAKEN) {
            request_complete(request, result);
            return false;
        }
    }
    if (sleeps_on_thread(request)) {
        request_complete_cancelled(request, -EINTR);
        return false;
    }
    request_complete_cancelled(request, request->done != 0 ? (int)request->done : -ECANCELED);
    return true;
}

int requests_cancel(struct ring *ring, const struct kevy_sqe *cancel)
{
    bool all = (cancel->cancel_flags & (KEVY_ASYNC_CANCEL_ALL | KEVY_ASYNC_CANCEL_ANY)) != 0;
    struct request *request = ring->requests.first;
    int found = 0;
    int error = -ENOENT;

    while (request != NULL) {
        struct request *next = request->next;

        if (cancel_matches(cancel, request)) {
            bool asleep = sleeps_on_thread(request);
            bool cancelled = request_cancel_one(request);

            found += cancelled;
            if (!cancelled)
                error = asleep || chance_one_in(2) ? -EALREADY : -ENOENT;
            if (!all)
                return cancelled ? 0 : error;
        }
        request = next;
    }
    return all ? found : error;
}
