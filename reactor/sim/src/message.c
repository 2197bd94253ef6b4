/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "message.h"

#include <errno.h>
#include <string.h>

#include "chance.h"
#include "operations.h"
#include "packet.h"
#include "ring.h"
#include "socket.h"
#include "ring.h"

/* Datagrams in one go before others have their turn. */
#define RETRIES 32

int message_prepare_send(struct request *request)
{
    const struct msghdr *header = (const void *)(uintptr_t)request->sqe.addr;

    if (header == NULL)
        return -EFAULT;
    request->message = *header;
    request->inline_only = (request->sqe.msg_flags & MSG_DONTWAIT) != 0;
    return request_parts_copy(request, request->message.msg_iov,
                              (uint32_t)request->message.msg_iovlen);
}

static bool selects(const struct request *request)
{
    return (request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0;
}

int message_prepare(struct request *request)
{
    const uint16_t known = KEVY_RECVSEND_POLL_FIRST | KEVY_RECV_MULTISHOT;
    const struct msghdr *header = (const void *)(uintptr_t)request->sqe.addr;

    request->multishot = (request->sqe.ioprio & KEVY_RECV_MULTISHOT) != 0;
    request->inline_only = (request->sqe.msg_flags & MSG_DONTWAIT) != 0;
    if ((request->sqe.ioprio & ~known) != 0)
        return -EINVAL;
    if (request->multishot && (!selects(request) || (request->sqe.msg_flags & MSG_WAITALL) != 0))
        return -EINVAL;
    if (header == NULL)
        return -EFAULT;
    request->message = *header;
    if (selects(request) && header->msg_iovlen > 1)
        return -EINVAL;
    if (request->multishot)
        return 0;
    return request_parts_copy(request, header->msg_iov, (uint32_t)header->msg_iovlen);
}

/* ---- Once ---------------------------------------------------------------------------------- */

/* A stream has neither names nor control data. */
static long stream_receive(struct request *request, struct msghdr *message)
{
    long total = 0;

    message->msg_namelen = 0;
    message->msg_controllen = 0;
    message->msg_flags = 0;
    for (size_t part = 0; part < (size_t)message->msg_iovlen; part++) {
        const struct iovec *to = &message->msg_iov[part];
        int result = socket_read(socket_of(request->file), to->iov_base, (uint32_t)to->iov_len);

        if (result < 0 && total == 0)
            return result;
        if (result <= 0)
            break;
        total += result;
        if ((size_t)result < to->iov_len)
            break;
    }
    return total;
}

static long once(struct request *request, struct msghdr *message)
{
    if (request->file->kind == FILE_DATAGRAM)
        return packet_receive(packet_of(request->file), message, (int)request->sqe.msg_flags);
    return stream_receive(request, message);
}

/* The program's header says what came; the parts and what it points to are those that it had. */
static void header_tell(const struct request *request, const struct msghdr *message)
{
    struct msghdr *header = (void *)(uintptr_t)request->sqe.addr;

    header->msg_namelen = message->msg_namelen;
    header->msg_controllen = message->msg_controllen;
    header->msg_flags = message->msg_flags;
}

static int receive_once(struct request *request)
{
    struct buffers *buffers = &request->ring->buffers;
    struct msghdr message = request->message;
    struct iovec part;
    uint32_t size;
    long result;

    message.msg_iov = request->parts;
    message.msg_iovlen = request->part_count;
    if (selects(request)) {
        if (!buffers_peek(buffers, request->sqe.buf_group, 0, &part.iov_base, &size))
            return -ENOBUFS;
        part.iov_len = size;
        if (request->part_count != 0 && request->parts[0].iov_len != 0 &&
            request->parts[0].iov_len < size)
            part.iov_len = request->parts[0].iov_len;
        message.msg_iov = &part;
        message.msg_iovlen = 1;
    }
    result = once(request, &message);
    if (result == -EAGAIN)
        return REQUEST_WAITS;
    if (result >= 0)
        header_tell(request, &message);
    if (result > 0 && selects(request))
        request->flags = buffers_take(buffers, 1, (uint32_t)result);
    return (int)result;
}

/* ---- Again and again ----------------------------------------------------------------------- */

/* Receives one datagram into a buffer of the group. The result is its length as it was sent; *used
 * is how many bytes of the buffer it takes. */
static long receive_into(const struct request *request, void *data, uint32_t size, uint32_t *used)
{
    struct kevy_recvmsg_out *out = data;
    uint32_t name_room = request->message.msg_namelen;
    uint32_t control_room = (uint32_t)request->message.msg_controllen;
    uint32_t front = (uint32_t)sizeof *out + name_room + control_room;
    char *name = (char *)(out + 1);
    struct iovec part = {.iov_base = (char *)data + front, .iov_len = size - front};
    struct msghdr message = {.msg_name = name,
                             .msg_namelen = name_room,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = name + name_room,
                             .msg_controllen = control_room};
    long result;

    if (size < front)
        return -EFAULT;
    result = packet_receive(packet_of(request->file), &message, (int)request->sqe.msg_flags);
    if (result < 0)
        return result;
    out->namelen = message.msg_namelen;
    out->controllen = (uint32_t)message.msg_controllen;
    out->payloadlen = (uint32_t)result;
    out->flags = (uint32_t)message.msg_flags;
    *used = front + ((size_t)result < part.iov_len ? (uint32_t)result : (uint32_t)part.iov_len);
    return result;
}

/* Posts what was received, unless it is the last. */
static bool goes_on(struct request *request, long length, uint32_t used)
{
    request->flags = buffers_take(&request->ring->buffers, 1, used);
    if (packet_waits(packet_of(request->file)))
        request->flags |= KEVY_CQE_F_SOCK_NONEMPTY;
    if (length == 0 || !operation_post_more(request, (int)used, request->flags))
        return false;
    request->flags = 0;
    return true;
}

static int receive_all(struct request *request)
{
    if (request->tried && chance(KEVY_SIM_MULTISHOT_ENDS))
        return chance_one_in(2) ? -EINTR : -EAGAIN;
    for (int count = 0; count < RETRIES; count++) {
        uint32_t size, used = 0;
        void *data;
        long result;

        if (!packet_waits(packet_of(request->file)))
            return REQUEST_WAITS;
        if (!buffers_peek(&request->ring->buffers, request->sqe.buf_group, 0, &data, &size) ||
            chance(KEVY_SIM_RECV_NO_BUFFERS))
            return -ENOBUFS;
        result = receive_into(request, data, size, &used);
        if (result < 0)
            return (int)result;
        if (!goes_on(request, result, used))
            return (int)used;
    }
    return REQUEST_AGAIN;
}

int message_collect(struct request *request)
{
    if (request->file->kind != FILE_DATAGRAM && request->file->kind != FILE_SOCKET)
        return -ENOTSOCK;
    return request->multishot ? receive_all(request) : receive_once(request);
}

int message_transmit(struct request *request)
{
    struct msghdr message = request->message;
    long result;

    message.msg_iov = request->parts;
    message.msg_iovlen = request->part_count;
    result = packet_send(packet_of(request->file), &message);
    return result == -EAGAIN ? REQUEST_WAITS : (int)result;
}
