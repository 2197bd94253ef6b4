/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reads and writes of any file: KEVY_OP_READ, _WRITE, _READV, _WRITEV, their forms with a
 * registered buffer, and _READ_MULTISHOT.
 *
 * Model. All are preadv2(2) or pwritev2(2). A regular file, a block device or a folder is read and
 * written at once, and the call may wait for the disk: there is no thread that could do it instead.
 * Whatever else there is (pipes, terminals, eventfds, sockets) must not block: RWF_NOWAIT sees to
 * that where the file knows it, a moment of O_NONBLOCK where it does not. What cannot be polled
 * (/dev/null) is taken to be always ready.
 *
 * Invariants. The kind of the file is asked for once a request, and before it is read or written.
 * A file without a position takes no offset, whatever the request says.
 */
#include "capture.h"
#include "group.h"
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <sys/stat.h>

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 8
#endif

typedef long (*transfer_call)(const struct soft_os *os, int fd, const struct iovec *vectors,
                              int count, int64_t offset, int flags);

static bool is_vectored(const struct request *request)
{
    return request->sqe.opcode == KEVY_OP_READV || request->sqe.opcode == KEVY_OP_WRITEV ||
           request->sqe.opcode == KEVY_OP_READV_FIXED ||
           request->sqe.opcode == KEVY_OP_WRITEV_FIXED;
}

static bool is_write(const struct request *request)
{
    return request->sqe.opcode == KEVY_OP_WRITE || request->sqe.opcode == KEVY_OP_WRITEV ||
           request->sqe.opcode == KEVY_OP_WRITE_FIXED ||
           request->sqe.opcode == KEVY_OP_WRITEV_FIXED;
}

static bool selects(const struct request *request)
{
    return (request->sqe.flags & KEVY_SQE_BUFFER_SELECT) != 0;
}

int read_prepare(struct soft *soft, struct request *request)
{
    (void)soft;
    request->events = EPOLLIN | EPOLLRDHUP;
    if (request->sqe.attr_type_mask != 0)
        return -EINVAL;
    return is_vectored(request) && selects(request) && request->sqe.len > 1 ? -EINVAL : 0;
}

int write_prepare(struct soft *soft, struct request *request)
{
    (void)soft;
    request->events = EPOLLOUT;
    return request->sqe.attr_type_mask != 0 ? -EINVAL : 0;
}

int read_multishot_prepare(struct soft *soft, struct request *request)
{
    if (!selects(request) || request->sqe.addr != 0 || request->sqe.len != 0)
        return -EINVAL;
    return read_prepare(soft, request);
}

/* True when `length` bytes at `address` lie in a buffer. */
static bool is_inside(const struct iovec *buffer, uint64_t address, uint64_t length)
{
    uint64_t offset = address - (uint64_t)(uintptr_t)buffer->iov_base;

    return buffer->iov_base != NULL && address >= (uint64_t)(uintptr_t)buffer->iov_base &&
           offset <= buffer->iov_len && length <= buffer->iov_len - offset;
}

/* What a request names has to be part of one registered buffer. */
int fixed_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const struct iovec *vectors = sqe_pointer(sqe->addr);
    const struct iovec *buffer;

    request->events = is_write(request) ? EPOLLOUT : EPOLLIN | EPOLLRDHUP;
    if (sqe->attr_type_mask != 0)
        return -EINVAL;
    if (sqe->buf_index >= soft->buffers.count)
        return -EFAULT;
    buffer = &soft->buffers.buffers[sqe->buf_index];
    if (!is_vectored(request))
        return is_inside(buffer, sqe->addr, sqe->len) ? 0 : -EFAULT;
    if (sqe->len > VECTORS_MAX)
        return -EINVAL;
    for (uint32_t index = 0; index < sqe->len; index++)
        if (!is_inside(buffer, (uint64_t)(uintptr_t)vectors[index].iov_base,
                       vectors[index].iov_len))
            return -EFAULT;
    return 0;
}

int vectors_capture(struct soft *soft, struct request *request)
{
    if (!is_vectored(request))
        return 0;
    return capture_vectors(soft, request, sqe_pointer(request->sqe.addr), request->sqe.len);
}

/* Regular files and the like: they are never waited for. */
static int kind_find(struct soft *soft, struct request *request)
{
    struct stat status;
    int error = soft->os->fstat(soft->os, request->sqe.fd, &status);

    if (error < 0)
        return error;
    request->marks |= MARK_STARTED;
    if (!S_ISREG(status.st_mode) && !S_ISBLK(status.st_mode) && !S_ISDIR(status.st_mode))
        request->marks |= MARK_STREAM;
    return 0;
}

/* The call with a moment of O_NONBLOCK, for files that do not know RWF_NOWAIT. */
static long transfer_nonblocking(struct soft *soft, const struct request *request,
                                 transfer_call call, const struct iovec *vectors, int count)
{
    bool changed;
    long result = nonblocking_begin(soft, request->sqe.fd, &changed);

    if (result < 0)
        return result;
    result = call(soft->os, request->sqe.fd, vectors, count, -1, (int)request->sqe.rw_flags);
    nonblocking_end(soft, request->sqe.fd, changed);
    return result;
}

static long transfer(struct soft *soft, const struct request *request, const struct iovec *vectors,
                     int count)
{
    const struct kevy_sqe *sqe = &request->sqe;
    transfer_call call = is_write(request) ? soft->os->pwritev2 : soft->os->preadv2;
    bool stream = (request->marks & MARK_STREAM) != 0;
    long result;

    if (!stream || (request->marks & MARK_NO_POLL) != 0) {
        result = call(soft->os, sqe->fd, vectors, count, (int64_t)sqe->off, (int)sqe->rw_flags);
        if (result != -ESPIPE)
            return result;
    }
    if (request->marks & MARK_NO_POLL)
        return call(soft->os, sqe->fd, vectors, count, -1, (int)sqe->rw_flags);
    result = call(soft->os, sqe->fd, vectors, count, -1, (int)sqe->rw_flags | RWF_NOWAIT);
    if (result == -EOPNOTSUPP)
        return transfer_nonblocking(soft, request, call, vectors, count);
    return result;
}

/* What a try means. A regular file that was read to less than asked for breaks a chain. */
static int outcome(struct soft *soft, struct request *request, long result, size_t wanted)
{
    if (result == -EAGAIN && (request->marks & MARK_STREAM) != 0 &&
        (request->sqe.rw_flags & RWF_NOWAIT) == 0) {
        descriptor_emptied(descriptor_known(soft, request->sqe.fd));
        return RUN_WAITS;
    }
    if (result >= 0 && (size_t)result < wanted)
        request->marks |= MARK_FAILED;
    if (result > 0 && !is_write(request))
        soft->received += (uint64_t)result;
    return (int)result;
}

/* Into a buffer of the group, for the first `length` bytes of it, 0 for all. */
static long read_selected(struct soft *soft, const struct request *request, uint32_t length,
                          uint32_t *flags, size_t *room)
{
    struct group *group = group_find(soft, request->sqe.buf_group);
    const struct kevy_buf *buffer = group_next_room(group);
    struct iovec vector;
    uint32_t id;
    long result;

    if (buffer == NULL)
        return -ENOBUFS;
    id = buffer->bid;
    vector.iov_base = sqe_pointer(buffer->addr);
    vector.iov_len = *room = group_length(buffer, length);
    result = transfer(soft, request, &vector, 1);
    if (result > 0)
        *flags = group_take(group, (uint32_t)result) | id << KEVY_CQE_BUFFER_SHIFT;
    return result;
}

static int read_select(struct soft *soft, struct request *request)
{
    const struct captured_vectors *copy = request->captured;
    uint32_t length = request->sqe.len;
    size_t room = 0;
    long result;

    if (is_vectored(request)) {
        const struct iovec *vectors = copy != NULL ? copy->vectors : sqe_pointer(request->sqe.addr);

        length = length != 0 ? (uint32_t)vectors[0].iov_len : 0;
    }
    result = read_selected(soft, request, length, &request->flags, &room);
    return outcome(soft, request, result, length != 0 ? room : 0);
}

int transfer_run(struct soft *soft, struct request *request)
{
    const struct captured_vectors *copy = request->captured;
    const struct kevy_sqe *sqe = &request->sqe;
    struct iovec vector = {.iov_base = sqe_pointer(sqe->addr), .iov_len = sqe->len};
    int error = (request->marks & MARK_STARTED) == 0 ? kind_find(soft, request) : 0;
    const struct iovec *vectors = &vector;
    int count = 1;
    long result;

    if (error < 0)
        return error;
    if (selects(request))
        return read_select(soft, request);
    if (is_vectored(request)) {
        vectors = copy != NULL ? copy->vectors : sqe_pointer(sqe->addr);
        count = (int)sqe->len;
    }
    result = transfer(soft, request, vectors, count);
    /* Only after the call is it known that the vectors may be read. */
    return outcome(soft, request, result, result >= 0 ? vectors_length(vectors, (size_t)count) : 0);
}

int read_multishot_run(struct soft *soft, struct request *request)
{
    int error = (request->marks & MARK_STARTED) == 0 ? kind_find(soft, request) : 0;

    if (error < 0)
        return error;
    if ((request->marks & MARK_STREAM) == 0 || (request->marks & MARK_NO_POLL) != 0)
        return -EBADFD; /* what cannot be polled cannot be read again and again */
    for (uint32_t round = 0; round < ROUNDS_MAX && cq_room(soft); round++) {
        uint32_t flags = 0;
        size_t room;
        long result = read_selected(soft, request, 0, &flags, &room);

        if (result <= 0)
            return outcome(soft, request, result, 0);
        soft->received += (uint64_t)result;
        cq_post(soft, request->sqe.user_data, (int)result, flags | KEVY_CQE_F_MORE);
    }
    return RUN_AGAIN;
}

#endif /* KEVY_RING_SUPPORTED */
