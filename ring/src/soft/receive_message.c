/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_RECVMSG.
 *
 * Model. Once, the first try goes with the user's own header, so that a bad pointer is the system
 * call's to find; a request that has to wait keeps a copy, and writes the lengths and flags back to
 * the user's header at its end. The data may go to a buffer of a group.
 *
 * Again and again, each message has a buffer of the group for itself, which begins with a
 * struct kevy_recvmsg_out and room for a name and for control data. Only the two sizes of that room
 * are read from the user's header, when the request is submitted.
 *
 * Invariants. A copy's lengths are set anew before each try. An empty datagram is a message, and
 * ends a multishot request, as it does in io_uring.
 */
#include "capture.h"
#include "group.h"
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <poll.h>

#define RECVMSG_FLAGS (KEVY_RECVSEND_POLL_FIRST | KEVY_RECV_MULTISHOT)

static bool is_multishot(const struct request *request)
{
    return (request->sqe.ioprio & KEVY_RECV_MULTISHOT) != 0;
}

/* The room for name and control data of a multishot request, kept in the SQE's own fields. */
static uint32_t name_room(const struct request *request)
{
    return (uint32_t)request->sqe.addr3;
}

static uint32_t control_room(const struct request *request)
{
    return (uint32_t)(request->sqe.addr3 >> 32);
}

static int rooms_read(struct request *request)
{
    const struct msghdr *message = sqe_pointer(request->sqe.addr);
    uint64_t most = INT32_MAX - sizeof(struct kevy_recvmsg_out);

    if (message == NULL)
        return -EFAULT;
    if (message->msg_namelen > most || message->msg_controllen > most - message->msg_namelen)
        return -EOVERFLOW;
    request->sqe.addr3 = (uint64_t)message->msg_controllen << 32 | message->msg_namelen;
    return 0;
}

int recvmsg_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    request->events = sqe->msg_flags & MSG_ERRQUEUE ? EPOLLERR : EPOLLIN | EPOLLRDHUP;
    if ((sqe->ioprio & ~RECVMSG_FLAGS) != 0 || sqe->addr2 != 0 || sqe->file_index != 0)
        return -EINVAL;
    if (!is_multishot(request))
        return 0;
    if ((sqe->flags & KEVY_SQE_BUFFER_SELECT) == 0 || (sqe->msg_flags & MSG_WAITALL) != 0)
        return -EINVAL;
    return rooms_read(request);
}

int recvmsg_capture(struct soft *soft, struct request *request)
{
    if (is_multishot(request))
        return 0; /* rooms_read() has taken all */
    return capture_message(soft, request, sqe_pointer(request->sqe.addr));
}

/* Gives the user what a copy has received. */
static void message_return(const struct captured_message *copy, const struct msghdr *received)
{
    copy->user->msg_namelen = received->msg_namelen;
    copy->user->msg_controllen = received->msg_controllen;
    copy->user->msg_flags = received->msg_flags;
}

/* What a try goes with: the user's header, or one made of the copy. */
static struct msghdr *message_of(const struct request *request, struct msghdr *scratch)
{
    const struct captured_message *copy = request->captured;

    if (copy == NULL)
        return sqe_pointer(request->sqe.addr);
    *scratch = copy->message;
    return scratch;
}

/* A part of a message that is wanted whole: the copy goes on behind it. */
static int part_received(struct soft *soft, struct request *request, size_t length)
{
    struct captured_message *copy;
    size_t emptied;
    int error = request->captured == NULL ? recvmsg_capture(soft, request) : 0;

    if (error < 0)
        return (int)request->done;
    copy = request->captured;
    emptied = vectors_advance(copy->message.msg_iov, copy->message.msg_iovlen, length);
    copy->message.msg_iov += emptied;
    copy->message.msg_iovlen -= emptied;
    copy->message.msg_controllen = 0;
    request->marks |= MARK_PARTIAL;
    return RUN_AGAIN;
}

static int recvmsg_plain(struct soft *soft, struct request *request)
{
    struct msghdr scratch;
    struct msghdr *message = message_of(request, &scratch);
    size_t wanted;
    long result = soft->os->recvmsg(soft->os, request->sqe.fd, message, call_flags(request, 0));

    if (result == -EAGAIN)
        return read_waits(soft, request);
    if (result < 0)
        return request->done != 0 ? (int)request->done : (int)result;
    soft->received += (uint64_t)result;
    request->done += (uint32_t)result;
    if (request->captured != NULL)
        message_return(request->captured, message);
    wanted = vectors_length(message->msg_iov, message->msg_iovlen);
    if ((request->sqe.msg_flags & MSG_WAITALL) != 0 && (size_t)result < wanted) {
        request->marks |= MARK_FAILED;
        if (result > 0)
            return part_received(soft, request, (size_t)result);
    }
    if (((size_t)result >= wanted && wanted != 0) ||
        descriptor_ended(descriptor_known(soft, request->sqe.fd)))
        request->flags |= KEVY_CQE_F_SOCK_NONEMPTY;
    request->marks &= (uint16_t) ~((size_t)result >= wanted ? MARK_FAILED : 0U);
    return (int)request->done;
}

/* The limit for the data of a message that goes to a buffer: the length of the one vector. */
static int limit_of(const struct msghdr *message, uint32_t *limit)
{
    size_t length = message->msg_iovlen == 1 ? message->msg_iov[0].iov_len : 0;

    if (message->msg_iovlen > 1)
        return -EINVAL;
    *limit = length < UINT32_MAX ? (uint32_t)length : UINT32_MAX;
    return 0;
}

/* One message whose data goes to a buffer. */
static int recvmsg_select(struct soft *soft, struct request *request)
{
    struct msghdr scratch;
    struct msghdr *user = message_of(request, &scratch);
    struct group *group = group_find(soft, request->sqe.buf_group);
    const struct kevy_buf *buffer = group_next_room(group);
    struct iovec vector;
    struct msghdr message;
    uint32_t limit, id;
    int error = user != NULL ? limit_of(user, &limit) : -EFAULT;
    long result;

    if (error == 0 && buffer == NULL)
        error = -ENOBUFS;
    if (error < 0)
        return error;
    id = buffer->bid;
    vector.iov_base = sqe_pointer(buffer->addr);
    vector.iov_len = group_length(buffer, limit);
    message = *user;
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    result = soft->os->recvmsg(soft->os, request->sqe.fd, &message, call_flags(request, 0));
    if (result == -EAGAIN)
        return read_waits(soft, request);
    if (result < 0)
        return (int)result;
    user = request->captured != NULL ? ((struct captured_message *)request->captured)->user : user;
    user->msg_namelen = message.msg_namelen;
    user->msg_controllen = message.msg_controllen;
    user->msg_flags = message.msg_flags;
    if (result == 0)
        return 0;
    soft->received += (uint64_t)result;
    if ((size_t)result < vector.iov_len)
        vector.iov_len = (size_t)result;
    request->flags = group_take(group, (uint32_t)vector.iov_len) | id << KEVY_CQE_BUFFER_SHIFT;
    return (int)result;
}

/* Receives into a buffer, behind the header and the rooms. *used is what that takes of it. */
static long message_receive(struct soft *soft, const struct request *request,
                            const struct kevy_buf *buffer, uint32_t *used)
{
    struct kevy_recvmsg_out *out = sqe_pointer(buffer->addr);
    uint32_t front = (uint32_t)sizeof *out + name_room(request) + control_room(request);
    char *name = (char *)(out + 1);
    struct iovec vector = {.iov_base = (char *)out + front};
    struct msghdr message;
    long result;

    if (buffer->len < front)
        return -EFAULT;
    vector.iov_len = buffer->len - front;
    memset(&message, 0, sizeof message);
    message.msg_name = name;
    message.msg_namelen = name_room(request);
    message.msg_control = name + name_room(request);
    message.msg_controllen = control_room(request);
    message.msg_iov = &vector;
    message.msg_iovlen = 1;
    result = soft->os->recvmsg(soft->os, request->sqe.fd, &message, call_flags(request, 0));
    if (result < 0)
        return result;
    out->namelen = message.msg_namelen;
    out->controllen = (uint32_t)message.msg_controllen;
    out->payloadlen = (uint32_t)result;
    out->flags = (uint32_t)message.msg_flags;
    *used = front + ((size_t)result < vector.iov_len ? (uint32_t)result : (uint32_t)vector.iov_len);
    return result;
}

static int recvmsg_again_and_again(struct soft *soft, struct request *request)
{
    struct group *group = group_find(soft, request->sqe.buf_group);

    for (uint32_t round = 0; round < ROUNDS_MAX && cq_room(soft); round++) {
        const struct kevy_buf *buffer = group_next_room(group);
        uint32_t flags, used = 0, id = buffer != NULL ? buffer->bid : 0;
        long result = buffer != NULL ? message_receive(soft, request, buffer, &used) : -ENOBUFS;

        if (result == -EAGAIN)
            return read_waits(soft, request);
        if (result < 0)
            return (int)result;
        soft->received += used;
        flags = group_take(group, used) | id << KEVY_CQE_BUFFER_SHIFT;
        if (result == 0) {
            request->flags = flags;
            return (int)used;
        }
        cq_post(soft, request->sqe.user_data, (int)used, flags | KEVY_CQE_F_MORE);
    }
    return RUN_AGAIN;
}

int recvmsg_run(struct soft *soft, struct request *request)
{
    if (unlikely(poll_first(soft, request, KEVY_RECVSEND_POLL_FIRST, POLLIN | POLLRDHUP)))
        return RUN_WAITS;
    if (unlikely(receive_yields(soft, request)))
        return RUN_AGAIN;
    if (is_multishot(request))
        return recvmsg_again_and_again(soft, request);
    if (request->sqe.flags & KEVY_SQE_BUFFER_SELECT)
        return recvmsg_select(soft, request);
    return recvmsg_plain(soft, request);
}

#endif /* KEVY_RING_SUPPORTED */
