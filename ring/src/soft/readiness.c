/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whether a request on a socket waits: before its first try, and after one that found nothing.
 *
 * Model. A request may ask to wait first, because its sender knows that nothing is there yet
 * (KEVY_RECVSEND_POLL_FIRST). A receive that continues a flood takes its turn among the others.
 *
 * Invariant. A request waits first only if an event will come: on a socket that is not ready.
 */
#include "socket.h"

#if KEVY_RING_SUPPORTED

int read_waits(struct soft *soft, struct request *request)
{
    descriptor_emptied(descriptor_known(soft, request->sqe.fd));
    if (request->sqe.msg_flags & MSG_DONTWAIT)
        return request->done != 0 ? (int)request->done : -EAGAIN;
    return RUN_WAITS;
}

/* What is no socket cannot be waited for: the call says so. */
static bool is_socket(struct soft *soft, int fd)
{
    int type;
    socklen_t length = sizeof type;

    return soft->os->getsockopt(soft->os, fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}

bool poll_first(struct soft *soft, struct request *request, uint16_t flag, int events)
{
    if ((request->sqe.ioprio & flag) == 0 || (request->marks & MARK_STARTED) != 0)
        return false;
    request->marks |= MARK_STARTED;
    return soft->os->poll(soft->os, request->sqe.fd, events) == 0 &&
           is_socket(soft, request->sqe.fd);
}

bool receive_yields(const struct soft *soft, const struct request *request)
{
    const struct descriptor *descriptor;

    if (request->marks & (MARK_YIELDED | MARK_WATCHED))
        return false; /* this is its turn */
    descriptor = descriptor_known(soft, request->sqe.fd);
    return descriptor != NULL && (descriptor->flags & DESCRIPTOR_FLOODED) != 0;
}

#endif /* KEVY_RING_SUPPORTED */
