/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_POLL_ADD, KEVY_OP_POLL_REMOVE and KEVY_OP_EPOLL_WAIT.
 *
 * Model. A poll asks the file, with poll(2), when it is submitted, and then waits for what epoll
 * says. That may be over by the time of the completion: others that waited there have read. A
 * multishot poll answers each piece of news once; if it is the first to wait at its descriptor,
 * epoll tells the first one as well.
 *
 * Invariants. What cannot be polled is always ready. An update of a poll asks the file again.
 */
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep_base.h>
#include <poll.h>
#include <sys/syscall.h>

/* Of poll events: the ones that a poll reports, asked for or not. */
#define EVENTS_UNMASKED (EPOLLERR | EPOLLHUP | EPOLLNVAL | EPOLLRDHUP)
#ifndef EPOLLNVAL /* not in every C library */
#define EPOLLNVAL POLLNVAL
#endif
#define EVENTS_OF_POLL 0xffffU

#define UPDATE_FLAGS (KEVY_POLL_UPDATE_EVENTS | KEVY_POLL_UPDATE_USER_DATA)

static bool is_multishot(const struct request *request)
{
    return (request->sqe.len & KEVY_POLL_ADD_MULTI) != 0;
}

int poll_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->buf_index != 0 || sqe->off != 0 || sqe->addr != 0 ||
        (sqe->len & ~KEVY_POLL_ADD_MULTI) != 0)
        return -EINVAL;
    if (is_multishot(request) && (sqe->flags & KEVY_SQE_CQE_SKIP_SUCCESS) != 0)
        return -EINVAL;
    request->events = (uint16_t)(kevy_x_word_poll_events(sqe->poll32_events) & EVENTS_OF_POLL);
    request->marks |= MARK_POLL;
    return 0;
}

/* A multishot poll that is the first to wait at its descriptor: epoll reports what there is. */
static bool told_by_epoll(const struct soft *soft, const struct request *request)
{
    const struct descriptor *descriptor = descriptor_known(soft, request->sqe.fd);

    return is_multishot(request) && (request->marks & (MARK_WATCHED | MARK_NO_POLL)) == 0 &&
           (descriptor == NULL || (descriptor->flags & DESCRIPTOR_WATCHED) == 0);
}

/* What epoll has said, or what the file says now. */
static int events_find(const struct soft *soft, struct request *request)
{
    int events = (int)request->done;

    request->done = 0;
    if (events == 0)
        events = soft->os->poll(soft->os, request->sqe.fd, request->events | POLLRDHUP);
    if (events < 0)
        return events;
    if (events & POLLNVAL)
        return -EBADF;
    return events & (request->events | (int)EVENTS_UNMASKED);
}

int poll_run(struct soft *soft, struct request *request)
{
    int events = events_find(soft, request);

    if (events == 0 || (events > 0 && told_by_epoll(soft, request)))
        return RUN_WAITS;
    if (events < 0 || !is_multishot(request))
        return events;
    if (!cq_room(soft)) {
        request->done = (uint32_t)events;
        return RUN_AGAIN;
    }
    cq_push(soft, request->sqe.user_data, events, KEVY_CQE_F_MORE);
    return RUN_WAITS;
}

int poll_remove_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
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

static struct request *poll_find(const struct soft *soft, uint64_t user_data)
{
    struct request *request = request_find(soft, user_data, NULL);

    while (request != NULL &&
           (request->sqe.opcode != KEVY_OP_POLL_ADD || request->state == REQUEST_ENDING))
        request = request_find(soft, user_data, request);
    return request;
}

/* Gives a poll other events or another user_data, and has it ask the file again. */
static int poll_update(struct soft *soft, struct request *poll, const struct kevy_sqe *sqe)
{
    if (sqe->len & KEVY_POLL_UPDATE_USER_DATA)
        request_show_as(soft, poll, sqe->off);
    if (sqe->len & KEVY_POLL_UPDATE_EVENTS) {
        poll->events = (uint16_t)(kevy_x_word_poll_events(sqe->poll32_events) & EVENTS_OF_POLL);
        poll->sqe.len = sqe->len & KEVY_POLL_ADD_MULTI;
    }
    poll->done = 0;
    if ((poll->marks & MARK_WATCHED) != 0 && (poll->events & EPOLLOUT) != 0)
        (void)descriptor_watch(soft, poll->sqe.fd, true);
    if (poll->state == REQUEST_WAITING) {
        list_remove(&descriptor_known(soft, poll->sqe.fd)->waiting, poll);
        request_make_ready(soft, poll);
    }
    return 0;
}

int poll_remove_run(struct soft *soft, struct request *request)
{
    struct request *poll = poll_find(soft, request->sqe.addr);

    if (poll == NULL)
        return -ENOENT;
    if (request->sqe.len & UPDATE_FLAGS)
        return poll_update(soft, poll, &request->sqe);
    return request_cancel(soft, poll) ? 0 : -EALREADY;
}

int epoll_wait_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    request->events = EPOLLIN;
    return sqe->off != 0 || sqe->rw_flags != 0 || sqe->buf_index != 0 || sqe->splice_fd_in != 0
               ? -EINVAL
               : 0;
}

int epoll_wait_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int count =
        soft->os->epoll_pwait(soft->os, sqe->fd, sqe_pointer(sqe->addr), (int)sqe->len, 0, NULL, 0);

    if (count == 0) {
        descriptor_emptied(descriptor_known(soft, sqe->fd));
        return RUN_WAITS;
    }
    return count;
}

#endif /* KEVY_RING_SUPPORTED */
