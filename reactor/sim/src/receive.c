/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "receive.h"

#include <errno.h>
#include <poll.h>

#include "buffers.h"
#include "chance.h"
#include "kernel.h"
#include "operations.h"
#include "packet.h"
#include "regular_file.h"
#include "ring.h"
#include "socket.h"

static bool selects(const struct request *request)
{
    return (request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0;
}

static uint32_t flags_known(void)
{
    uint32_t known = KEVY_RECVSEND_POLL_FIRST | KEVY_RECV_MULTISHOT;

    return kernel_minor() >= 10 ? known | KEVY_RECVSEND_BUNDLE : known;
}

int prepare_receive(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    request->multishot = (sqe->ioprio & KEVY_RECV_MULTISHOT) != 0;
    request->limit = sqe->optlen; /* where a multishot ends, from 6.17 on */
    if ((sqe->ioprio & ~flags_known()) != 0 || sqe->addr2 != 0)
        return -EINVAL;
    if (request->limit != 0 && (kernel_minor() < 17 || !request->multishot))
        return -EINVAL;
    if (request->multishot && (!selects(request) || (sqe->msg_flags & MSG_WAITALL) != 0))
        return -EINVAL;
    request->inline_only = (sqe->msg_flags & MSG_DONTWAIT) != 0;
    return operation_prepare_bytes(request);
}

static bool more_to_read(const struct request *request)
{
    if (request->file->kind == FILE_DATAGRAM)
        return packet_waits(packet_of(request->file));
    return request->file->kind == FILE_SOCKET && socket_more(socket_of(request->file));
}

static int packet_read(struct request *request, void *data, uint32_t length)
{
    struct iovec part = {.iov_base = data, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    return (int)packet_receive(packet_of(request->file), &message, (int)request->sqe.msg_flags);
}

/* One recv(2), or read(2). */
static int read_part(struct request *request, void *data, uint32_t length)
{
    const struct file *file = request->file;
    bool receives = request->sqe.opcode == KEVY_OP_RECV;

    if (data == NULL && length != 0 && (file->operations->poll(file) & POLLIN) != 0)
        return -EFAULT;
    if (receives && file->kind == FILE_DATAGRAM)
        return packet_read(request, data, length);
    if (receives && (request->sqe.msg_flags & MSG_PEEK) != 0)
        return socket_peek(socket_of(request->file), data, length);
    if (file->operations->read == NULL)
        return -EBADF;
    return file->operations->read(request->file, data, length);
}

/* ---- Into a group -------------------------------------------------------------------------- */

/* Bytes that one answer may have. */
static uint32_t most_of(const struct request *request)
{
    uint32_t most = request->sqe.len != 0 ? request->sqe.len : INT32_MAX;
    bool bundle = (request->sqe.ioprio & KEVY_RECVSEND_BUNDLE) != 0;

    /* The buffer in which a multishot reaches its limit is filled nevertheless, but for bundles. */
    return bundle && request->limit != 0 && request->limit < most ? request->limit : most;
}

/* Reads into the next buffers of the group: one, or a bundle. Returns as a read; *used is how many
 * buffers it took. */
static int read_bundle(struct request *request, uint32_t *used)
{
    struct buffers *buffers = &request->ring->buffers;
    bool bundle = (request->sqe.ioprio & KEVY_RECVSEND_BUNDLE) != 0;
    uint32_t most = most_of(request), total = 0, size;
    void *data;

    *used = 0;
    if (bundle && !buffers_known(buffers, request->sqe.buf_group))
        return -ENOENT;
    if (!buffers_peek(buffers, request->sqe.buf_group, 0, &data, &size) ||
        chance(KEVY_SIM_RECV_NO_BUFFERS))
        return -ENOBUFS;
    do {
        uint32_t wanted = most - total < size ? most - total : size;
        int result = read_part(request, data, wanted);

        if (result <= 0)
            return result;
        total += (uint32_t)result;
        ++*used;
        /* One receive: what it leaves behind, an error for instance, is for the next. */
        if (!bundle || request->file->kind != FILE_SOCKET || (uint32_t)result < size ||
            total == most || socket_readable(socket_of(request->file)) == 0)
            break;
    } while (buffers_peek(buffers, request->sqe.buf_group, *used, &data, &size));
    return (int)total;
}

/*
 * The wake that found the bytes was that of the end or the reset behind them, too, and the kernel
 * forgets it. Before 6.17 it does not know that a Unix socket is empty, and tries again.
 */
static bool end_is_silent(const struct request *request)
{
    bool polled_first = (request->sqe.ioprio & KEVY_RECVSEND_POLL_FIRST) != 0;
    const struct kevy_x_socket *socket;

    if (!request->multishot || request->file->kind != FILE_SOCKET)
        return false;
    socket = socket_of(request->file);
    if (socket_readable(socket) != 0)
        return false;
    if (socket->error == 0)
        return !request->tried && polled_first && socket->in.end_arrived &&
               chance(KEVY_SIM_END_SILENT);
    return (request->tried || polled_first) && !socket->in.end_arrived &&
           (socket->family != AF_UNIX || kernel_minor() >= 17) && chance(KEVY_SIM_RESET_SILENT);
}

/* Counts what a multishot has received. True when that was all. */
static bool limit_reached(struct request *request, uint32_t received)
{
    if (request->limit == 0)
        return false;
    request->limit -= received < request->limit ? received : request->limit;
    return request->limit == 0;
}

static int receive_select(struct request *request)
{
    if (request->tried && request->multishot && chance(KEVY_SIM_MULTISHOT_ENDS))
        return chance_one_in(2) ? -EINTR : -EAGAIN;
    for (int count = 0; count < OPERATION_ROUNDS; count++) {
        uint32_t used;
        int result = read_bundle(request, &used);

        if (result == -EAGAIN)
            return REQUEST_WAITS;
        request->silent = result > 0 && end_is_silent(request);
        request->flags = more_to_read(request) && !request->silent ? KEVY_CQE_F_SOCK_NONEMPTY : 0;
        if (result <= 0)
            return result;
        request->flags |= buffers_take(&request->ring->buffers, used, (uint32_t)result);
        if (limit_reached(request, (uint32_t)result) || !request->multishot ||
            !operation_post_more(request, result, request->flags))
            return result;
        request->flags = 0;
        if (request->silent)
            return REQUEST_WAITS;
    }
    return REQUEST_AGAIN;
}

/* ---- Into memory --------------------------------------------------------------------------- */

/* Reads into what is left of the request's parts. The bytes, or a negative errno for none. */
static int read_parts(struct request *request)
{
    uint32_t total = 0;

    for (uint32_t part = 0; part < request->part_count; part++) {
        struct iovec *to = &request->parts[part];
        int result;

        if (to->iov_len == 0 && request->part_count > 1)
            continue;
        result = read_part(request, to->iov_base, (uint32_t)to->iov_len);
        if (result < 0 && total == 0)
            return result;
        if (result <= 0)
            break;
        total += (uint32_t)result;
        if ((uint32_t)result < to->iov_len)
            break;
    }
    return (int)total;
}

/* From a file with offsets. */
static int read_at(struct request *request)
{
    uint64_t offset = request->sqe.off;
    uint32_t total = 0;

    for (uint32_t part = 0; part < request->part_count; part++) {
        const struct iovec *to = &request->parts[part];
        int result = request->file->operations->read_at(request->file, to->iov_base,
                                                        (uint32_t)to->iov_len, offset);

        if (result < 0)
            return total != 0 ? (int)total : result;
        total += (uint32_t)result;
        if ((uint32_t)result < to->iov_len)
            break;
        if (offset != FILE_POSITION)
            offset += (uint32_t)result;
    }
    return (int)total;
}

int prepare_read_multishot(struct request *request)
{
    request->multishot = true;
    return !selects(request) || request->sqe.addr != 0 || request->sqe.len != 0 ? -EINVAL : 0;
}

/* What cannot be polled cannot be read again and again. */
int run_read_multishot(struct request *request)
{
    return request->file->operations->read == NULL ? -EBADFD : receive_select(request);
}

int run_read(struct request *request)
{
    bool has_offsets = request->file->operations->read_at != NULL;
    int result;

    if (has_offsets && regular_file_is_late(request))
        return REQUEST_TAKEN;
    if (selects(request))
        return receive_select(request);
    result = has_offsets ? read_at(request) : read_parts(request);
    if (result == -EAGAIN)
        return REQUEST_WAITS;
    /* A short read is a failure in a chain, a short receive is none. */
    request->falls_short = request->sqe.opcode != KEVY_OP_RECV && result >= 0 &&
                           (uint32_t)result < request_left(request);
    return result;
}

int run_receive(struct request *request)
{
    if (request->file->kind != FILE_SOCKET && request->file->kind != FILE_DATAGRAM)
        return -ENOTSOCK;
    if (selects(request))
        return receive_select(request);
    return (request->sqe.msg_flags & MSG_WAITALL) != 0
               ? operation_whole(request, read_parts(request))
               : run_read(request);
}
