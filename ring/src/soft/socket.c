/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sockets: socket, bind, listen, connect, shutdown, and the commands of KEVY_OP_URING_CMD.
 *
 * Model. All but connect are system calls that do not block. connect(2) begins, and the request
 * waits until the socket is writable or has failed; then a second connect(2) says which, and tells
 * the socket that it is connected, as in io_uring. A Unix socket whose
 * listener has a full backlog has nothing to wait for: such a request tries again after a while, or
 * is answered -EAGAIN if the socket is non-blocking.
 */
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>

#include "capture.h"

#define RETRY_NS 1000000U /* while a backlog is full */

int connect_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    request->events = EPOLLOUT;
    if (sqe->len != 0 || sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0)
        return -EINVAL;
    return 0;
}

/* The address, which the user may reuse after the submit. */
int connect_capture(struct soft *soft, struct request *request)
{
    const struct msghdr message = {.msg_name = sqe_pointer(request->sqe.addr),
                                   .msg_namelen = (socklen_t)request->sqe.addr2};
    int error = capture_message(soft, request, &message);

    if (error == 0)
        request->sqe.addr =
            (uint64_t)(uintptr_t)((struct captured_message *)request->captured)->message.msg_name;
    return error;
}

/* *blocking: connect(2) of the user's would have waited for room in a backlog. */
static int connect_begin(struct soft *soft, const struct request *request, bool *blocking)
{
    int result = nonblocking_begin(soft, request->sqe.fd, blocking);

    if (result < 0)
        return result;
    result = soft->os->connect(soft->os, request->sqe.fd, sqe_pointer(request->sqe.addr),
                               (socklen_t)request->sqe.addr2);
    nonblocking_end(soft, request->sqe.fd, *blocking);
    return result;
}

/* Asks how the connection that was begun went. */
static int connect_outcome(struct soft *soft, const struct request *request)
{
    bool blocking;
    int result = connect_begin(soft, request, &blocking);

    if (result == -EALREADY)
        return RUN_WAITS; /* news of something else */
    return result == -EISCONN ? 0 : result;
}

/* Tries again in a while. */
static int connect_retry(struct soft *soft, struct request *request)
{
    int error = request->captured == NULL ? connect_capture(soft, request) : 0;

    if (error == 0)
        error = request_keep(soft, request);
    if (error == 0)
        error = timer_start(soft, request, soft->os->now_ns(soft->os, CLOCK_MONOTONIC) + RETRY_NS);
    return error < 0 ? error : RUN_TAKEN;
}

int connect_run(struct soft *soft, struct request *request)
{
    bool blocking;
    int result;

    if (request->marks & MARK_STARTED)
        return connect_outcome(soft, request);
    result = connect_begin(soft, request, &blocking);
    if (result == -EAGAIN && blocking)
        return connect_retry(soft, request);
    if (result != -EINPROGRESS)
        return result;
    request->marks |= MARK_STARTED;
    /* A connection within the machine is there already. io_uring says so in the same enter, before
     * the other end can have reset it. */
    return connect_outcome(soft, request);
}

static int call3(struct soft *soft, long number, long a, long b, long c)
{
    const long arguments[6] = {a, b, c};

    return (int)soft->os->call(soft->os, number, arguments);
}

int socket_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    if (sqe->addr != 0 || sqe->rw_flags != 0 || sqe->buf_index != 0)
        return -EINVAL;
    if (sqe->file_index != 0 && (sqe->off & SOCK_CLOEXEC) != 0)
        return -EINVAL;
    return 0;
}

int socket_run(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    long type = (long)sqe->off | (sqe->file_index != 0 ? SOCK_CLOEXEC : 0);
    int fd = call3(soft, SYS_socket, sqe->fd, type, (long)sqe->len);

    if (fd < 0 || sqe->file_index == 0)
        return fd;
    return file_table_install(soft, sqe->file_index, fd);
}

int bind_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->len != 0 || sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0
               ? -EINVAL
               : 0;
}

int bind_run(struct soft *soft, struct request *request)
{
    return call3(soft, SYS_bind, request->sqe.fd, (long)request->sqe.addr,
                 (long)request->sqe.addr2);
}

int listen_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->addr != 0 || sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0 ||
                   sqe->addr2 != 0
               ? -EINVAL
               : 0;
}

int listen_run(struct soft *soft, struct request *request)
{
    return call3(soft, SYS_listen, request->sqe.fd, (long)request->sqe.len, 0);
}

int shutdown_prepare(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    (void)soft;
    return sqe->off != 0 || sqe->addr != 0 || sqe->rw_flags != 0 || sqe->buf_index != 0 ||
                   sqe->splice_fd_in != 0
               ? -EINVAL
               : 0;
}

int shutdown_run(struct soft *soft, struct request *request)
{
    return call3(soft, SYS_shutdown, request->sqe.fd, (long)request->sqe.len, 0);
}

/* What an internet socket has in its queues; io_uring knows no other. */
static int queue_length(struct soft *soft, const struct request *request, long number)
{
    socklen_t length = sizeof(int);
    int value = 0;
    int result =
        soft->os->getsockopt(soft->os, request->sqe.fd, SOL_SOCKET, SO_DOMAIN, &value, &length);

    if (result < 0)
        return result;
    if (value != AF_INET && value != AF_INET6)
        return -EOPNOTSUPP;
    result = call3(soft, SYS_ioctl, request->sqe.fd, number, (long)&value);
    return result < 0 ? result : value;
}

static int command_inq(struct soft *soft, const struct request *request)
{
    return queue_length(soft, request, SIOCINQ);
}

static int command_outq(struct soft *soft, const struct request *request)
{
    return queue_length(soft, request, SIOCOUTQ);
}

static int command_getsockopt(struct soft *soft, const struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    socklen_t length = sqe->optlen;
    int result;

    if (sqe->level != SOL_SOCKET)
        return -EOPNOTSUPP;
    result = soft->os->getsockopt(soft->os, sqe->fd, (int)sqe->level, (int)sqe->optname,
                                  sqe_pointer(sqe->optval), &length);
    return result < 0 ? result : (int)length;
}

static int command_setsockopt(struct soft *soft, const struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const long arguments[6] = {sqe->fd, (long)sqe->level, (long)sqe->optname, (long)sqe->optval,
                               (long)sqe->optlen};

    return (int)soft->os->call(soft->os, SYS_setsockopt, arguments);
}

static int (*const commands[])(struct soft *soft, const struct request *request) = {
    [KEVY_SOCKET_OP_SIOCINQ] = command_inq,
    [KEVY_SOCKET_OP_SIOCOUTQ] = command_outq,
    [KEVY_SOCKET_OP_GETSOCKOPT] = command_getsockopt,
    [KEVY_SOCKET_OP_SETSOCKOPT] = command_setsockopt,
};

int command_prepare(struct soft *soft, struct request *request)
{
    (void)soft;
    return request->sqe.pad1 != 0 || request->sqe.uring_cmd_flags != 0 ? -EINVAL : 0;
}

int command_run(struct soft *soft, struct request *request)
{
    uint32_t command = request->sqe.cmd_op;
    int result = -EOPNOTSUPP;

    if (command < sizeof commands / sizeof commands[0])
        result = commands[command](soft, request);
    return result == -ENOTSOCK ? -EOPNOTSUPP : result; /* other files have no commands here */
}

#endif /* KEVY_RING_SUPPORTED */
