/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Operations that are one system call on a descriptor or on memory, or none at all.
 *
 * Model. The call is made when the request begins; what waits for a disk is waited for.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <fcntl.h>
#include <sys/syscall.h>

#define NOP_FLAGS                                                                           \
    (KEVY_NOP_INJECT_RESULT | KEVY_NOP_FILE | KEVY_NOP_FIXED_FILE | KEVY_NOP_FIXED_BUFFER | \
     KEVY_NOP_TW)

static int call(struct soft *soft, long number, long a, long b, long c, long d)
{
    const long arguments[6] = {a, b, c, d};

    return (int)soft->os->call(soft->os, number, arguments);
}

int nop_prepare(struct soft *soft, struct request *request)
{
    (void)soft;
    return (request->sqe.nop_flags & ~NOP_FLAGS) != 0 ? -EINVAL : 0;
}

/* Looks up what the flags name. */
static int nop_lookup(const struct soft *soft, const struct kevy_sqe *sqe)
{
    int fd = sqe->fd;

    if ((sqe->nop_flags & KEVY_NOP_FIXED_FILE) != 0)
        fd = file_table_find(soft, fd);
    if ((sqe->nop_flags & KEVY_NOP_FILE) != 0 &&
        (fd < 0 || soft->os->fcntl(soft->os, fd, F_GETFD, 0) < 0))
        return -EBADF;
    if ((sqe->nop_flags & KEVY_NOP_FIXED_BUFFER) != 0 &&
        (sqe->buf_index >= soft->buffers.count ||
         soft->buffers.buffers[sqe->buf_index].iov_base == NULL))
        return -EFAULT;
    return 0;
}

int nop_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int result = sqe->nop_flags & KEVY_NOP_INJECT_RESULT ? (int)sqe->len : 0;
    int error = sqe->nop_flags & ~KEVY_NOP_INJECT_RESULT ? nop_lookup(soft, sqe) : 0;

    /* A result is whatever the user wants: what is no errno is passed on, too. */
    if (error == 0 && ((sqe->nop_flags & KEVY_NOP_TW) != 0 || result <= RUN_WAITS)) {
        request_end_later(soft, request, result);
        return RUN_TAKEN;
    }
    return error < 0 ? error : result;
}

int fsync_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->addr != 0 || sqe->buf_index != 0 || sqe->splice_fd_in != 0 ||
                   (sqe->fsync_flags & ~KEVY_FSYNC_DATASYNC) != 0
               ? -EINVAL
               : 0;
}

int fsync_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    bool data = (sqe->fsync_flags & KEVY_FSYNC_DATASYNC) != 0;

    return call(soft, data ? SYS_fdatasync : SYS_fsync, sqe->fd, 0, 0, 0);
}

int fallocate_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0 ? -EINVAL : 0;
}

int fallocate_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return soft->os->fallocate(soft->os, sqe->fd, (int)sqe->len, (int64_t)sqe->off,
                               (int64_t)sqe->addr);
}

int range_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->addr != 0 || sqe->buf_index != 0 || sqe->splice_fd_in != 0 ? -EINVAL : 0;
}

int range_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return soft->os->sync_file_range(soft->os, sqe->fd, (int64_t)sqe->off, (int64_t)sqe->len,
                                     sqe->sync_range_flags);
}

int advice_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->buf_index != 0 || sqe->splice_fd_in != 0 ? -EINVAL : 0;
}

int fadvise_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    uint64_t length = sqe->addr != 0 ? sqe->addr : sqe->len;

    return soft->os->fadvise(soft->os, sqe->fd, (int64_t)sqe->off, (int64_t)length,
                             (int)sqe->fadvise_advice);
}

int madvise_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    uint64_t length = sqe->off != 0 ? sqe->off : sqe->len;

    return call(soft, SYS_madvise, (long)sqe->addr, (long)length, (long)sqe->fadvise_advice, 0);
}

int ftruncate_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->rw_flags != 0 || sqe->addr != 0 || sqe->len != 0 || sqe->buf_index != 0 ||
                   sqe->splice_fd_in != 0 || sqe->addr3 != 0
               ? -EINVAL
               : 0;
}

int ftruncate_run(struct soft *soft, struct request *request)
{
    return soft->os->ftruncate(soft->os, request->sqe.fd, (int64_t)request->sqe.off);
}

int epoll_ctl_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->fd == soft->epoll_fd)
        return -EBADF; /* the ring's own set */
    return soft->os->epoll_ctl(soft->os, sqe->fd, (int)sqe->len, (int)sqe->off,
                               sqe_pointer(sqe->addr));
}

int pipe_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->fd != 0 || sqe->off != 0 || sqe->addr3 != 0 || sqe->len != 0 || sqe->buf_index != 0)
        return -EINVAL;
    return sqe->file_index != 0 && (sqe->pipe_flags & O_CLOEXEC) != 0 ? -EINVAL : 0;
}

/* Both ends into slots: two next to each other, or two of our choice, whose numbers are stored. */
static int pipe_install(struct soft *soft, const struct kevy_sqe *sqe, const int fds[2])
{
    bool chosen = sqe->file_index == KEVY_FILE_INDEX_ALLOC;
    int32_t *numbers = sqe_pointer(sqe->addr);
    int first = file_table_install(soft, sqe->file_index, fds[0]);
    int second;

    if (first < 0) {
        (void)soft->os->close(soft->os, fds[1]);
        return first;
    }
    second = file_table_install(soft, chosen ? sqe->file_index : sqe->file_index + 1, fds[1]);
    if (second < 0) {
        (void)file_table_empty(soft, chosen ? (uint32_t)first : sqe->file_index - 1);
        return second;
    }
    if (chosen) {
        numbers[0] = first;
        numbers[1] = second;
    }
    return 0;
}

int pipe_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    int fds[2];
    int result;

    if (sqe->file_index == 0)
        return call(soft, SYS_pipe2, (long)sqe->addr, (long)sqe->pipe_flags, 0, 0);
    result = call(soft, SYS_pipe2, (long)fds, (long)(sqe->pipe_flags | O_CLOEXEC), 0, 0);
    return result < 0 ? result : pipe_install(soft, sqe, fds);
}

#endif /* KEVY_RING_SUPPORTED */
