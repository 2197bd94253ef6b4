/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "socket_call.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

#include "chance.h"
#include "host.h"
#include "operations.h"
#include "packet.h"
#include "socket.h"
#include "system.h"

#define ACCEPT_MODES (KEVY_ACCEPT_MULTISHOT | KEVY_ACCEPT_DONTWAIT | KEVY_ACCEPT_POLL_FIRST)
#define SOCKET_FLAGS (SOCK_CLOEXEC | SOCK_NONBLOCK)

/* 0 for a stream socket, or what a call fails with that only those know. */
static int stream_check(const struct file *file)
{
    if (file->kind == FILE_DATAGRAM)
        return -EOPNOTSUPP;
    return file->kind == FILE_SOCKET ? 0 : -ENOTSOCK;
}

static bool is_socket(const struct file *file)
{
    return file->kind == FILE_DATAGRAM || file->kind == FILE_SOCKET;
}

/* ---- Accept -------------------------------------------------------------------------------- */

int prepare_accept(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    request->multishot = (sqe->ioprio & KEVY_ACCEPT_MULTISHOT) != 0;
    if (sqe->len != 0 || sqe->buf_index != 0 || (sqe->ioprio & ~ACCEPT_MODES) != 0 ||
        (sqe->accept_flags & ~(uint32_t)SOCKET_FLAGS) != 0)
        return -EINVAL;
    return 0;
}

/* Tells the address of who has been accepted, if that is wanted. */
static void address_tell(const struct request *request, int fd)
{
    const struct kevy_x_socket *accepted = socket_of(file_find(fd));
    void *address = (void *)(uintptr_t)request->sqe.addr;
    uint16_t port = accepted->peer != NULL ? accepted->peer->port : 0;

    if (address != NULL)
        packet_name(accepted->family, port, address, (void *)(uintptr_t)request->sqe.addr2);
}

int run_accept(struct request *request)
{
    int error = stream_check(request->file);

    if (error < 0)
        return error;
    if (socket_of(request->file)->state != SOCKET_LISTENING)
        return -EINVAL;
    for (int count = 0; count < OPERATION_ROUNDS; count++) {
        int result = socket_take(socket_of(request->file), (int)request->sqe.accept_flags);

        if (result == -EAGAIN)
            return REQUEST_WAITS;
        if (result >= 0)
            address_tell(request, result);
        if (result < 0 || !request->multishot || !operation_post_more(request, result, 0))
            return result;
    }
    return REQUEST_AGAIN;
}

/* ---- Connect and bind ---------------------------------------------------------------------- */

/* Keeps the address, whose length is in `off`. */
static int address_keep(struct request *request)
{
    if (request->sqe.off > sizeof request->address)
        return -EINVAL;
    memcpy(&request->address, (const void *)(uintptr_t)request->sqe.addr, request->sqe.off);
    return 0;
}

int prepare_connect(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->len != 0 || sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0)
        return -EINVAL;
    return address_keep(request);
}

static int connect_begin(struct request *request)
{
    int error;

    if (request->sqe.off < sizeof(sa_family_t))
        return -EINVAL;
    if (request->address.ss_family != socket_of(request->file)->family)
        return -EAFNOSUPPORT;
    error = socket_shortage(socket_of(request->file));
    if (error < 0)
        return error;
    error = host_connect(socket_of(request->file), (const void *)&request->address);
    if (error < 0)
        return error;
    /* The attempt goes on, and whoever began it has to ask for its end. */
    return chance(KEVY_SIM_REQUEST_SIGNAL) ? -EINTR : 0;
}

int run_connect(struct request *request)
{
    struct kevy_x_socket *socket;

    if (!is_socket(request->file))
        return -ENOTSOCK;
    if (request->file->kind == FILE_DATAGRAM)
        return sim_system.connect(NULL, request->sqe.fd, (const void *)&request->address,
                                  (socklen_t)request->sqe.off);
    socket = socket_of(request->file);
    if (socket->state == SOCKET_NEW) {
        int error = connect_begin(request);

        if (error < 0)
            return error;
    } else if (!request->tried && socket->state == SOCKET_CONNECTED && socket->told) {
        return -EISCONN;
    } else if (!request->tried && socket->state == SOCKET_CONNECTING && socket->error == 0) {
        return -EALREADY; /* an attempt goes on, and another request began it */
    }
    if (socket->state == SOCKET_CONNECTED) {
        socket->told = true;
        return 0;
    }
    return socket->error != 0 ? -socket->error : REQUEST_WAITS;
}

int prepare_bind(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if (sqe->len != 0 || sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0)
        return -EINVAL;
    return address_keep(request);
}

int run_bind(struct request *request)
{
    if (!is_socket(request->file))
        return -ENOTSOCK;
    if (request->file->kind == FILE_SOCKET && socket_of(request->file)->state != SOCKET_NEW)
        return -EINVAL;
    return sim_system.bind(NULL, request->sqe.fd, (const void *)&request->address,
                           (socklen_t)request->sqe.off);
}

/* ---- The others ---------------------------------------------------------------------------- */

int prepare_listen(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->addr != 0 || sqe->buf_index != 0 || sqe->rw_flags != 0 || sqe->splice_fd_in != 0 ||
                   sqe->off != 0
               ? -EINVAL
               : 0;
}

int run_listen(struct request *request)
{
    int error = stream_check(request->file);

    return error < 0 ? error : sim_system.listen(NULL, request->sqe.fd, (int)request->sqe.len);
}

int prepare_socket(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->addr != 0 || sqe->rw_flags != 0 || sqe->buf_index != 0 ? -EINVAL : 0;
}

int run_socket(struct request *request)
{
    int family = request->sqe.fd, type = (int)request->sqe.off;
    int kind = type & ~SOCKET_FLAGS;

    if (family != AF_INET && family != AF_INET6 && family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (kind != SOCK_STREAM && kind != SOCK_DGRAM)
        return -EINVAL;
    return request->sqe.len != 0 ? -EPROTONOSUPPORT : sim_system.socket(NULL, family, type);
}

int prepare_shutdown(struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    return sqe->off != 0 || sqe->addr != 0 || sqe->rw_flags != 0 || sqe->buf_index != 0 ||
                   sqe->splice_fd_in != 0
               ? -EINVAL
               : 0;
}

int run_shutdown(struct request *request)
{
    int how = (int)request->sqe.len;

    if (!is_socket(request->file))
        return -ENOTSOCK;
    if (how != SHUT_RD && how != SHUT_WR && how != SHUT_RDWR)
        return -EINVAL;
    return sim_system.shutdown(NULL, request->sqe.fd, how);
}
