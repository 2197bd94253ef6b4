/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_SPLICE and KEVY_OP_TEE.
 *
 * Model. splice(2) without blocking at a pipe. A side that is neither a pipe nor a regular file, a
 * socket that is, gets a moment of O_NONBLOCK. When the call would block, the request waits for the
 * side that is not ready: the source for reading, else the target for writing.
 *
 * Invariants. The request waits at the descriptor in `fd`; while that is the source, the target's
 * stands in `len_other`, and the other way round.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>

/* The two descriptors, as the request came with them: `fd` may be either. */
#define SOURCE_IS_FD MARK_STREAM

static int source_of(const struct request *request)
{
    return request->marks & SOURCE_IS_FD ? request->sqe.fd : request->sqe.splice_fd_in;
}

static int target_of(const struct request *request)
{
    return request->marks & SOURCE_IS_FD ? request->sqe.splice_fd_in : request->sqe.fd;
}

int splice_prepare(struct soft *soft, struct request *request)
{
    uint32_t known = SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT |
                     KEVY_SPLICE_F_FD_IN_FIXED;

    (void)soft;
    if (request->sqe.opcode == KEVY_OP_TEE &&
        (request->sqe.splice_off_in != 0 || request->sqe.off != 0))
        return -EINVAL;
    return (request->sqe.splice_flags & ~known) != 0 ? -EINVAL : 0;
}

static long splice_call(struct soft *soft, const struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int64_t offset_in = (int64_t)sqe->splice_off_in;
    int64_t offset_out = (int64_t)sqe->off;
    unsigned flags = (sqe->splice_flags & ~KEVY_SPLICE_F_FD_IN_FIXED) | SPLICE_F_NONBLOCK;

    if (sqe->opcode == KEVY_OP_TEE) {
        const long arguments[6] = {source_of(request), target_of(request), (long)sqe->len,
                                   (long)flags};

        return soft->os->call(soft->os, SYS_tee, arguments);
    }
    return soft->os->splice(soft->os, source_of(request), offset_in != -1 ? &offset_in : NULL,
                            target_of(request), offset_out != -1 ? &offset_out : NULL, sqe->len,
                            flags);
}

static long splice_nonblocking(struct soft *soft, struct request *request)
{
    bool source_changed, target_changed = false;
    uint64_t mask;
    long result = nonblocking_begin(soft, source_of(request), &source_changed);

    if (result == 0)
        result = nonblocking_begin(soft, target_of(request), &target_changed);
    /* Where a side is non-blocking by itself the user wants to know. */
    if (result == 0 && (!source_changed || !target_changed))
        request->sqe.splice_flags |= SPLICE_F_NONBLOCK;
    if (result == 0) {
        sigpipe_begin(soft, &mask);
        result = splice_call(soft, request);
        sigpipe_end(soft, &mask, result, request->sqe.len);
    }
    nonblocking_end(soft, target_of(request), target_changed);
    nonblocking_end(soft, source_of(request), source_changed);
    return result;
}

/* Makes `fd` the descriptor that the request waits at. */
static void wait_at(struct request *request, bool source, uint16_t events)
{
    if (source != ((request->marks & SOURCE_IS_FD) != 0)) {
        int other = request->sqe.splice_fd_in;

        request->sqe.splice_fd_in = request->sqe.fd;
        request->sqe.fd = other;
        request->marks ^= SOURCE_IS_FD;
    }
    request->events = events;
}

/* Finds the side that is not ready. */
static int splice_wait(struct soft *soft, struct request *request)
{
    bool waiting = (request->marks & MARK_WATCHED) != 0;
    bool source = soft->os->poll(soft->os, source_of(request), POLLIN) == 0;

    /* At the one descriptor it has waited for it is counted: it cannot go to the other. */
    if (waiting && source != ((request->marks & SOURCE_IS_FD) != 0)) {
        descriptor_release(soft, request->sqe.fd);
        request->marks &= (uint16_t)~MARK_WATCHED;
    }
    wait_at(request, source, source ? EPOLLIN | EPOLLRDHUP : EPOLLOUT);
    return RUN_WAITS;
}

static int source_find(struct soft *soft, struct request *request)
{
    int fd;

    if ((request->sqe.splice_flags & KEVY_SPLICE_F_FD_IN_FIXED) == 0)
        return 0;
    fd = file_table_find(soft, request->sqe.splice_fd_in);
    if (fd < 0)
        return -EBADF;
    request->sqe.splice_fd_in = fd;
    request->sqe.splice_flags &= ~KEVY_SPLICE_F_FD_IN_FIXED;
    return 0;
}

int splice_run(struct soft *soft, struct request *request)
{
    long result = source_find(soft, request);

    if (result == 0 && request->sqe.len != 0)
        result = splice_nonblocking(soft, request);
    if (result == -EAGAIN && (request->sqe.splice_flags & SPLICE_F_NONBLOCK) == 0)
        return splice_wait(soft, request);
    if (result >= 0 && (uint64_t)result != request->sqe.len)
        request->marks |= MARK_FAILED;
    return (int)result;
}

#endif /* KEVY_RING_SUPPORTED */
