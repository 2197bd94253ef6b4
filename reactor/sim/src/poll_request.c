/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "poll_request.h"

#include <errno.h>
#include <kevy/ring_prep_base.h>
#include <poll.h>

#include "operations.h"
#include "ring.h"

#define UPDATE_FLAGS (KEVY_POLL_UPDATE_EVENTS | KEVY_POLL_UPDATE_USER_DATA)
/* Told whether they were asked for or not. */
#define UNMASKED (POLLERR | POLLHUP | POLLNVAL | POLLRDHUP)

static uint32_t events_read(const struct kevy_sqe *sqe)
{
    return (uint16_t)kevy_x_word_poll_events(sqe->poll32_events);
}

int prepare_poll(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->buf_index != 0 || sqe->off != 0 || sqe->addr != 0 ||
        (sqe->len & ~KEVY_POLL_ADD_MULTI) != 0)
        return -EINVAL;
    request->multishot = (sqe->len & KEVY_POLL_ADD_MULTI) != 0;
    if (request->multishot && (sqe->flags & KEVY_SQE_CQE_SKIP_SUCCESS) != 0)
        return -EINVAL;
    request->events = events_read(sqe) | UNMASKED;
    return 0;
}

/* What it was woken with, or what the file says. */
static uint32_t events_find(struct request *request)
{
    uint32_t events = request->woken & request->events;

    request->woken = 0;
    if (events == 0)
        events = request->file->operations->poll(request->file) & request->events;
    /* Who polls a counter looks at it; a socket that is writable is connected. */
    if (events == 0 && request->spurious && request->file->kind != FILE_SOCKET)
        events = events_read(&request->sqe);
    return events;
}

int run_poll(struct request *request)
{
    uint32_t events = events_find(request);

    if (events == 0)
        return REQUEST_WAITS;
    if (request->multishot && operation_post_more(request, (int)events, 0))
        return REQUEST_WAITS;
    return (int)events;
}

int prepare_poll_remove(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->buf_index != 0 || sqe->splice_fd_in != 0 ||
        (sqe->len & ~(UPDATE_FLAGS | KEVY_POLL_ADD_MULTI)) != 0)
        return -EINVAL;
    if ((sqe->len & UPDATE_FLAGS) == 0 &&
        (sqe->len != 0 || sqe->off != 0 || sqe->poll32_events != 0))
        return -EINVAL;
    if ((sqe->len & KEVY_POLL_UPDATE_USER_DATA) == 0 && sqe->off != 0)
        return -EINVAL;
    return 0;
}

static struct request *poll_find(const struct ring *ring, uint64_t user_data)
{
    struct request *at = ring->requests.first;

    while (at != NULL && !(at->sqe.opcode == KEVY_OP_POLL_ADD && at->sqe.user_data == user_data &&
                           request_is_found(at)))
        at = at->next;
    return at;
}

/* Other events, or another name; and it asks its file again. */
static void poll_change(struct request *poll, const struct kevy_sqe *sqe)
{
    if (sqe->len & KEVY_POLL_UPDATE_USER_DATA)
        poll->sqe.user_data = sqe->off;
    if (sqe->len & KEVY_POLL_UPDATE_EVENTS) {
        poll->events = events_read(sqe) | UNMASKED;
        poll->multishot = (sqe->len & KEVY_POLL_ADD_MULTI) != 0;
    }
    poll->woken = 0;
    request_unwait(poll);
    poll->state = REQUEST_READY;
    request_ready(poll);
}

int run_poll_remove(struct request *request)
{
    struct request *poll = poll_find(request->ring, request->sqe.addr);

    if (poll == NULL)
        return -ENOENT;
    if ((request->sqe.len & UPDATE_FLAGS) == 0)
        return request_cancel_one(poll) ? 0 : -EALREADY;
    poll_change(poll, &request->sqe);
    return 0;
}
