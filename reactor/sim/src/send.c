/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "send.h"

#include <errno.h>
#include <string.h>

#include "buffers.h"
#include "chance.h"
#include "kernel.h"
#include "message.h"
#include "operations.h"
#include "regular_file.h"
#include "ring.h"
#include "socket.h"

/* Whom a datagram goes to. */
static void name_keep(struct request *request)
{
    const void *name = (const void *)(uintptr_t)request->sqe.addr2;
    size_t length = request->sqe.addr_len;

    if (name == NULL || length > sizeof request->address)
        return;
    memcpy(&request->address, name, length);
    request->message.msg_name = &request->address;
    request->message.msg_namelen = (socklen_t)length;
}

static uint32_t flags_known(void)
{
    uint32_t known = KEVY_RECVSEND_POLL_FIRST;

    if (kernel_minor() >= 10)
        known |= KEVY_RECVSEND_BUNDLE;
    return kernel_minor() >= 17 ? known | KEVY_SEND_VECTORIZED : known;
}

int prepare_send(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    bool selects = (sqe->flags & KEVY_SQE_BUFFER_SELECT) != 0;

    if ((sqe->ioprio & ~flags_known()) != 0 || sqe->pad3[0] != 0)
        return -EINVAL;
    if ((sqe->ioprio & KEVY_RECVSEND_BUNDLE) != 0 && !selects)
        return -EINVAL;
    if ((sqe->ioprio & KEVY_SEND_VECTORIZED) != 0 && selects)
        return -EINVAL;
    request->inline_only = (sqe->msg_flags & MSG_DONTWAIT) != 0;
    name_keep(request);
    if (sqe->ioprio & KEVY_SEND_VECTORIZED)
        return request_parts_copy(request, (const void *)(uintptr_t)sqe->addr, sqe->len);
    return operation_prepare_bytes(request);
}

int prepare_send_message(struct request *request)
{
    if ((request->sqe.ioprio & ~KEVY_RECVSEND_POLL_FIRST) != 0 || request->sqe.file_index != 0)
        return -EINVAL;
    return message_prepare_send(request);
}

/* A send without a copy. Which refusals have a notice differs from kernel to kernel. */
static int zero_copy_check(struct request *request)
{
    uint32_t known = KEVY_RECVSEND_POLL_FIRST | KEVY_RECVSEND_FIXED_BUF;

    if (kernel_minor() >= 2)
        known |= KEVY_SEND_ZC_REPORT_USAGE;
    request->notices = (request->sqe.ioprio & ~known) == 0 || chance_one_in(2);
    return (request->sqe.ioprio & ~known) != 0 ? -EINVAL : 0;
}

int prepare_send_zero_copy(struct request *request)
{
    int error = zero_copy_check(request);

    return error < 0 ? error : operation_prepare_bytes(request);
}

int prepare_send_message_zero_copy(struct request *request)
{
    int error = zero_copy_check(request);

    return error < 0 ? error : message_prepare_send(request);
}

/* Writes what is left of the request's parts. The bytes, or a negative errno for none. */
static int write_parts(struct request *request)
{
    uint32_t total = 0;

    for (uint32_t part = 0; part < request->part_count; part++) {
        const struct iovec *from = &request->parts[part];
        int result = 0;

        /* One send: an error that comes of its first part is for the next. */
        if (total != 0 && request->file->kind == FILE_SOCKET &&
            socket_of(request->file)->error != 0)
            break;
        if (from->iov_base == NULL && from->iov_len != 0)
            result = -EFAULT;
        else if (from->iov_len != 0)
            result = request->file->operations->write(request->file, from->iov_base,
                                                      (uint32_t)from->iov_len);
        if (result < 0 && total == 0)
            return result;
        if (result < 0)
            break;
        total += (uint32_t)result;
        if ((uint32_t)result < from->iov_len)
            break;
    }
    return (int)total;
}

/* To a file with offsets. */
static int write_at(struct request *request)
{
    uint64_t offset = request->sqe.off;
    uint32_t total = 0;

    for (uint32_t part = 0; part < request->part_count; part++) {
        const struct iovec *from = &request->parts[part];
        int result = request->file->operations->write_at(request->file, from->iov_base,
                                                         (uint32_t)from->iov_len, offset);

        if (result < 0)
            return total != 0 ? (int)total : result;
        total += (uint32_t)result;
        if ((uint32_t)result < from->iov_len)
            break;
        if (offset != FILE_POSITION)
            offset += (uint32_t)result;
    }
    return (int)total;
}

int run_write(struct request *request)
{
    bool has_offsets = request->file->operations->write_at != NULL;
    int result;

    if (!has_offsets && request->file->operations->write == NULL)
        return -EBADF;
    if (has_offsets && regular_file_is_late(request))
        return REQUEST_TAKEN;
    result = has_offsets ? write_at(request) : write_parts(request);
    if (result == -EAGAIN)
        return REQUEST_WAITS;
    /* A short write is a failure in a chain, a short send is none. */
    request->falls_short =
        (request->sqe.opcode == KEVY_OP_WRITE || request->sqe.opcode == KEVY_OP_WRITEV) &&
        result >= 0 && (uint32_t)result < request_left(request);
    return result;
}

/* From buffers of a group: one, or as many as there are and have room. */
static int send_select(struct request *request)
{
    struct buffers *buffers = &request->ring->buffers;
    bool bundle = (request->sqe.ioprio & KEVY_RECVSEND_BUNDLE) != 0;
    uint32_t most = request->sqe.len != 0 ? request->sqe.len : INT32_MAX;
    uint32_t total = 0, used = 0, size;
    void *data;

    if (!buffers_known(buffers, request->sqe.buf_group))
        return -ENOENT;
    while (total < most &&
           buffers_peek_filled(buffers, request->sqe.buf_group, used, &data, &size)) {
        uint32_t wanted = most - total < size ? most - total : size;
        int result = request->file->operations->write(request->file, data, wanted);

        if (result < 0 && total == 0)
            return result == -EAGAIN ? REQUEST_WAITS : result;
        if (result < 0)
            break;
        total += (uint32_t)result;
        used++;
        if (!bundle || (uint32_t)result < wanted)
            break;
    }
    if (used == 0)
        return -ENOBUFS;
    request->flags = buffers_take(buffers, used, total);
    return (int)total;
}

int run_send(struct request *request)
{
    int error;

    if (request->file->kind != FILE_DATAGRAM && request->file->kind != FILE_SOCKET)
        return -ENOTSOCK;
    if ((request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0)
        return send_select(request);
    if (request->file->kind == FILE_DATAGRAM)
        return message_transmit(request);
    error = socket_shortage(socket_of(request->file));
    if (error < 0)
        return error;
    return (request->sqe.msg_flags & MSG_WAITALL) != 0
               ? operation_whole(request, write_parts(request))
               : run_write(request);
}

int run_send_zero_copy(struct request *request)
{
    if (socket_of(request->file)->family == AF_UNIX)
        return -EOPNOTSUPP;
    if (chance(KEVY_SIM_ZERO_COPY_FAILS))
        return chance_one_in(2) ? -ENOMEM : -ENOBUFS;
    return run_write(request);
}
