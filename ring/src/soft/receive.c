/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_RECV: its checks, its first try, and the receive into the user's memory.
 *
 * Model. receive_group.c has the receive into buffers of a group. Into the user's memory it is one
 * recv(2), or with MSG_WAITALL as many as it takes.
 */
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#define RECV_FLAGS (KEVY_RECVSEND_POLL_FIRST | KEVY_RECV_MULTISHOT | KEVY_RECVSEND_BUNDLE)

int recv_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    bool multishot = (sqe->ioprio & KEVY_RECV_MULTISHOT) != 0;
    bool selects = (sqe->flags & KEVY_SQE_BUFFER_SELECT) != 0;

    (void)soft;
    request->events = sqe->msg_flags & MSG_ERRQUEUE ? EPOLLERR : EPOLLIN | EPOLLRDHUP;
    if ((sqe->ioprio & ~RECV_FLAGS) != 0 || sqe->addr2 != 0)
        return -EINVAL;
    if (multishot && (!selects || (sqe->msg_flags & MSG_WAITALL) != 0))
        return -EINVAL;
    if (sqe->optlen != 0 && !multishot)
        return -EINVAL; /* only a multishot has a total */
    request->limit = sqe->optlen != 0 ? sqe->optlen : UINT32_MAX;
    return 0;
}

/* Into the user's memory. */
static int recv_plain(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    char *data = sqe_pointer(sqe->addr);
    size_t room = sqe->len - request->done;
    long result =
        soft->os->recv(soft->os, sqe->fd, data + request->done, room, call_flags(request, 0));

    if (result == -EAGAIN)
        return read_waits(soft, request);
    if (result < 0)
        return request->done != 0 ? (int)request->done : (int)result;
    soft->received += (uint64_t)result;
    request->done += (uint32_t)result;
    if ((sqe->msg_flags & MSG_WAITALL) != 0 && request->done < sqe->len) {
        request->marks |= MARK_FAILED | MARK_PARTIAL;
        if (result > 0)
            return RUN_AGAIN;
    } else {
        request->marks &= (uint16_t)~MARK_FAILED;
    }
    if (((size_t)result == room && room != 0) || descriptor_ended(descriptor_known(soft, sqe->fd)))
        request->flags |= KEVY_CQE_F_SOCK_NONEMPTY;
    return (int)request->done;
}

/* A request that is tried for the first time: RUN_WAITS, RUN_AGAIN, or 0 to receive. */
static rare int recv_first(struct soft *soft, struct request *request)
{
    if (poll_first(soft, request, KEVY_RECVSEND_POLL_FIRST, POLLIN | POLLRDHUP))
        return RUN_WAITS;
    return receive_yields(soft, request) ? RUN_AGAIN : 0;
}

int recv_run(struct soft *soft, struct request *request)
{
    if ((request->marks & MARK_LIGHT) != 0 && cq_room(soft))
        return recv_light(soft, request);
    if ((request->marks & (MARK_WATCHED | MARK_YIELDED)) == 0) {
        int result = recv_first(soft, request);

        if (result != 0)
            return result;
    }
    if (request->sqe.flags & KEVY_SQE_BUFFER_SELECT)
        return recv_group(soft, request);
    return recv_plain(soft, request);
}

#endif /* KEVY_RING_SUPPORTED */
