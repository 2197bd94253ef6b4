/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * KEVY_OP_WAITID.
 *
 * Model. waitid(2) with WNOHANG, now and whenever there may be news. A pidfd is readable when its
 * process has ended, so a request for one process waits at a pidfd: the user's, or one of our own.
 * Where there is none (a group of processes, a stop instead of an end, Linux before 5.3) the
 * request looks again after a while, which doubles each time.
 *
 * Invariants. While it waits at a pidfd of our own, `fd` is that, and `addr` the process. `addr3`,
 * which nobody may set, counts how often it has looked again.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#define RETRY_NS        1000000U
#define RETRY_DOUBLINGS 7U

#define TYPE_PID   1U /* P_PID, as the kernel numbers them */
#define TYPE_PIDFD 3U /* P_PIDFD, 5.4 */

#ifndef SYS_pidfd_open
#define SYS_pidfd_open (KEVY_NR_BASE + 434)
#endif

int waitid_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    request->events = EPOLLIN;
    return sqe->addr != 0 || sqe->buf_index != 0 || sqe->addr3 != 0 || sqe->waitid_flags != 0
               ? -EINVAL
               : 0;
}

/* Has the request wait at a pidfd of our own. */
static int wait_at_own(struct soft *soft, struct request *request)
{
    const long arguments[6] = {request->sqe.fd, 0};
    int fd = (int)soft->os->call(soft->os, SYS_pidfd_open, arguments);
    int error;

    if (fd < 0)
        return fd;
    request->sqe.addr = (uint64_t)(uint32_t)request->sqe.fd;
    request->sqe.fd = fd;
    error = request_watch(soft, request);
    if (error == 0) {
        request->marks |= MARK_STREAM;
        descriptor_known(soft, fd)->flags |= DESCRIPTOR_DETACHED;
        return RUN_WAITS;
    }
    request->sqe.fd = (int)(uint32_t)request->sqe.addr;
    (void)soft->os->close(soft->os, fd);
    return error;
}

static int wait_again(struct soft *soft, struct request *request)
{
    bool ends_only = (request->sqe.file_index & (WSTOPPED | WCONTINUED)) == 0;
    uint64_t delay_ns;
    int error;

    if ((request->marks & MARK_STREAM) != 0 || (request->sqe.len == TYPE_PIDFD && ends_only))
        return RUN_WAITS;
    if (request->sqe.len == TYPE_PID && ends_only && wait_at_own(soft, request) == RUN_WAITS)
        return RUN_WAITS;
    error = request_keep(soft, request);
    delay_ns = (uint64_t)RETRY_NS << request->sqe.addr3;
    if (error == 0)
        error = timer_start(soft, request, soft->os->now_ns(soft->os, CLOCK_MONOTONIC) + delay_ns);
    if (request->sqe.addr3 < RETRY_DOUBLINGS)
        request->sqe.addr3++;
    return error < 0 ? error : RUN_TAKEN;
}

int waitid_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    long id = request->marks & MARK_STREAM ? (long)sqe->addr : sqe->fd;
    siginfo_t *user = sqe_pointer(sqe->addr2);
    siginfo_t own;
    siginfo_t *information = user != NULL ? user : &own;
    const long arguments[6] = {(long)sqe->len, id, (long)information,
                               (long)(sqe->file_index | WNOHANG)};
    long result;

    own.si_pid = 0;
    result = soft->os->call(soft->os, SYS_waitid, arguments);
    if (result < 0)
        return (int)result;
    if (information->si_pid != 0 || (sqe->file_index & WNOHANG) != 0)
        return 0;
    return wait_again(soft, request);
}

#endif /* KEVY_RING_SUPPORTED */
