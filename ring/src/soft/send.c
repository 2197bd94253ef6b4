/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_SEND and KEVY_OP_SENDMSG.
 *
 * Model. A send is tried at once and waits for room in the socket if there is none. What was taken
 * is the result, be it less than asked for; with MSG_WAITALL it goes on behind that. The data may
 * come from buffers of a group, a bundle of them in one message.
 *
 * Whatever is more than bytes of one buffer is a message: an address, vectors, control data. The
 * first try goes with the user's header, so that a bad pointer is the system call's to find; a
 * request that waits keeps a copy.
 *
 * Invariants. No byte is sent twice, and control data once: with the first bytes. Nothing is sent
 * after an error. Buffers leave their group when the first bytes of them have been sent.
 */
#include "capture.h"
#include "group.h"
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>

#define SEND_FLAGS    (KEVY_RECVSEND_POLL_FIRST | KEVY_RECVSEND_BUNDLE | KEVY_SEND_VECTORIZED)
#define SENDMSG_FLAGS KEVY_RECVSEND_POLL_FIRST

int send_prepare(struct soft *soft, struct request *request)
{
    struct kevy_sqe *sqe = &request->sqe;
    bool selects = (sqe->flags & KEVY_SQE_BUFFER_SELECT) != 0;

    (void)soft;
    request->events = EPOLLOUT;
    if (unlikely(sqe->ioprio & ~SEND_FLAGS) || sqe->pad3[0] != 0)
        return -EINVAL;
    if (unlikely((sqe->ioprio & KEVY_SEND_VECTORIZED) != 0) && selects)
        return -EINVAL;
    if (sqe->ioprio & KEVY_RECVSEND_BUNDLE) {
        if (!selects)
            return -EINVAL;
        sqe->msg_flags |= MSG_WAITALL; /* as io_uring does: a bundle is sent whole */
    }
    return 0;
}

int sendmsg_prepare(struct soft *soft, struct request *request)
{
    (void)soft;
    request->events = EPOLLOUT;
    if ((request->sqe.ioprio & ~SENDMSG_FLAGS) != 0 || request->sqe.file_index != 0)
        return -EINVAL;
    return 0;
}

/* The result of a send that took nothing more, or less than it should. */
static int send_stops(struct request *request, long result)
{
    if (result == -EAGAIN && (request->sqe.msg_flags & MSG_DONTWAIT) == 0)
        return RUN_WAITS;
    return request->done != 0 ? (int)request->done : (int)result;
}

/* True when bytes are left that have to be sent as well. */
static bool send_goes_on(struct request *request, size_t left)
{
    if ((request->sqe.msg_flags & MSG_WAITALL) == 0)
        return false;
    request->marks &= (uint16_t)~MARK_FAILED;
    if (left == 0)
        return false;
    request->marks |= MARK_FAILED | MARK_PARTIAL; /* should it end before the rest is sent */
    return true;
}

/* One buffer, nothing else. */
static int send_plain(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const char *data = sqe_pointer(sqe->addr);
    size_t length = sqe->len - request->done;
    long result = soft->os->send(soft->os, sqe->fd, data + request->done, length,
                                 call_flags(request, MSG_NOSIGNAL));

    if (unlikely(result < 0))
        return send_stops(request, result);
    request->done += (uint32_t)result;
    if (send_goes_on(request, length - (size_t)result))
        return RUN_AGAIN;
    return (int)request->done;
}

/* A send of the user's memory as a message. */
static void message_make(const struct request *request, struct msghdr *message,
                         struct iovec *vector)
{
    const struct kevy_sqe *sqe = &request->sqe;

    memset(message, 0, sizeof *message);
    message->msg_name = sqe_pointer(sqe->addr2);
    message->msg_namelen = message->msg_name != NULL ? sqe->addr_len : 0;
    vector->iov_base = sqe_pointer(sqe->addr);
    vector->iov_len = sqe->len;
    message->msg_iov = vector;
    message->msg_iovlen = 1;
    if (sqe->ioprio & KEVY_SEND_VECTORIZED) {
        message->msg_iov = sqe_pointer(sqe->addr);
        message->msg_iovlen = sqe->len;
    }
}

int send_capture(struct soft *soft, struct request *request)
{
    struct msghdr message;
    struct iovec vector;

    if (request->sqe.opcode == KEVY_OP_SENDMSG)
        return capture_message(soft, request, sqe_pointer(request->sqe.addr));
    if ((request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0 ||
        (request->sqe.addr2 == 0 && (request->sqe.ioprio & KEVY_SEND_VECTORIZED) == 0))
        return 0;
    message_make(request, &message, &vector);
    return capture_message(soft, request, &message);
}

/* What is left of a message that was sent in part: the copy goes on behind it. */
static int message_continue(struct soft *soft, struct request *request,
                            const struct msghdr *message, size_t length)
{
    struct captured_message *copy;
    size_t emptied;
    int error = request->captured == NULL ? capture_message(soft, request, message) : 0;

    if (error < 0)
        return (int)request->done;
    copy = request->captured;
    emptied = vectors_advance(copy->message.msg_iov, copy->message.msg_iovlen, length);
    copy->message.msg_iov += emptied;
    copy->message.msg_iovlen -= emptied;
    copy->message.msg_control = NULL;
    copy->message.msg_controllen = 0;
    return RUN_AGAIN;
}

static int message_try(struct soft *soft, struct request *request, const struct msghdr *message)
{
    const struct captured_message *copy = request->captured;
    bool whole = (request->sqe.msg_flags & MSG_WAITALL) != 0;
    size_t length;
    long result;

    if (copy != NULL)
        message = &copy->message;
    result =
        soft->os->sendmsg(soft->os, request->sqe.fd, message, call_flags(request, MSG_NOSIGNAL));
    if (result < 0)
        return send_stops(request, result);
    request->done += (uint32_t)result;
    length = whole ? vectors_length(message->msg_iov, message->msg_iovlen) : 0;
    if (whole && send_goes_on(request, length - (size_t)result))
        return message_continue(soft, request, message, (size_t)result);
    return (int)request->done;
}

/* The first bytes are gone: the buffers leave their group; with `message` those that are sent later
 * as well. */
static void bundle_take(struct soft *soft, struct request *request, const struct msghdr *message,
                        uint16_t id)
{
    size_t length = request->done;

    if (message != NULL)
        length = vectors_length(message->msg_iov, message->msg_iovlen);
    request->flags = group_take(group_find(soft, request->sqe.buf_group), (uint32_t)length) |
                     (uint32_t)id << KEVY_CQE_BUFFER_SHIFT;
}

/* Sends the bundle that the group begins with, or what is left of one. */
static int bundle_send(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    bool bundle = (sqe->ioprio & KEVY_RECVSEND_BUNDLE) != 0;
    struct iovec vectors[BUNDLE_MAX];
    struct msghdr message;
    uint16_t id = 0;
    int result;

    memset(&message, 0, sizeof message);
    message.msg_iov = vectors;
    if (request->captured == NULL) {
        result = group_select_many(soft, sqe->buf_group, sqe->len, vectors, bundle ? BUNDLE_MAX : 1,
                                   &id);
        if (result < 0)
            return result;
        message.msg_iovlen = (size_t)result;
        message.msg_name = sqe_pointer(sqe->addr2);
        message.msg_namelen = message.msg_name != NULL ? sqe->addr_len : 0;
    }
    result = message_try(soft, request, &message);
    if (request->flags == 0 && request->done != 0)
        bundle_take(soft, request, result <= RUN_WAITS ? &message : NULL, id);
    return result;
}

/* One bundle after the other, until the group is empty. */
static int send_selected(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    for (uint32_t round = 0; round < ROUNDS_MAX; round++) {
        int result = bundle_send(soft, request);

        if (result <= 0 || (sqe->ioprio & KEVY_RECVSEND_BUNDLE) == 0 ||
            group_next(group_find(soft, sqe->buf_group)) == NULL)
            return result;
        if (!cq_room(soft))
            return result; /* the user begins another for the rest */
        cq_post(soft, sqe->user_data, result, request->flags | KEVY_CQE_F_MORE);
        if (request->captured != NULL)
            capture_give(soft, request->captured);
        request->captured = NULL;
        request->done = 0;
        request->flags = 0;
        request->marks &= (uint16_t) ~(MARK_FAILED | MARK_PARTIAL);
    }
    return RUN_AGAIN;
}

/* A send of one buffer, with no flag that needs more than one try. */
int send_quick(struct soft *soft, const struct kevy_sqe *sqe)
{
    const uint32_t peculiar = MSG_WAITALL | MSG_DONTWAIT;
    long result;

    if (unlikely((sqe->flags | sqe->ioprio | sqe->personality) != 0 || sqe->addr2 != 0 ||
                 sqe->file_index != 0 || (sqe->msg_flags & peculiar) != 0))
        return RUN_TAKEN;
    result = soft->os->send(soft->os, sqe->fd, sqe_pointer(sqe->addr), sqe->len,
                            (int)(sqe->msg_flags | MSG_DONTWAIT | MSG_NOSIGNAL));
    return likely(result != -EAGAIN) ? (int)result : RUN_WAITS;
}

int send_run(struct soft *soft, struct request *request)
{
    struct msghdr message;
    struct iovec vector;

    if (unlikely(request->sqe.ioprio != 0) &&
        poll_first(soft, request, KEVY_RECVSEND_POLL_FIRST, POLLOUT))
        return RUN_WAITS;
    if (unlikely((request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0))
        return send_selected(soft, request);
    if (likely(request->sqe.addr2 == 0 && (request->sqe.ioprio & KEVY_SEND_VECTORIZED) == 0))
        return send_plain(soft, request);
    message_make(request, &message, &vector);
    return message_try(soft, request, &message);
}

int sendmsg_quick(struct soft *soft, const struct kevy_sqe *sqe)
{
    const uint32_t peculiar = MSG_WAITALL | MSG_DONTWAIT;
    long result;

    if (unlikely((sqe->flags | sqe->ioprio | sqe->personality) != 0 || sqe->file_index != 0 ||
                 (sqe->msg_flags & peculiar) != 0))
        return RUN_TAKEN;
    result = soft->os->sendmsg(soft->os, sqe->fd, sqe_pointer(sqe->addr),
                               (int)(sqe->msg_flags | MSG_DONTWAIT | MSG_NOSIGNAL));
    return likely(result != -EAGAIN) ? (int)result : RUN_WAITS;
}

int sendmsg_run(struct soft *soft, struct request *request)
{
    if (unlikely(request->sqe.ioprio != 0) &&
        poll_first(soft, request, KEVY_RECVSEND_POLL_FIRST, POLLOUT))
        return RUN_WAITS;
    return message_try(soft, request, sqe_pointer(request->sqe.addr));
}

#endif /* KEVY_RING_SUPPORTED */
