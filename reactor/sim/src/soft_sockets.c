/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "soft/os.h" /* the first: its names are macros */

#include "soft_sockets.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "file.h"
#include "host.h"
#include "packet.h"
#include "socket.h"
#include "system.h"
#include "world.h"

static bool is_datagram(int fd)
{
    return fd >= 0 && file_at(fd, "using")->kind == FILE_DATAGRAM;
}

/* Descriptor -1 is a question whether the kernel knows the other fields of a request. */
static int socket_at(int fd, const char *call, struct kevy_x_socket **socket)
{
    struct file *file;

    if (fd == -1)
        return -EBADF;
    file = file_at(fd, call);
    if (file->kind != FILE_SOCKET)
        return -ENOTSOCK;
    *socket = socket_of(file);
    return 0;
}

int soft_os_accept4(const struct soft_os *os, int fd, struct sockaddr *address, socklen_t *length,
                    int flags)
{
    struct kevy_x_socket *listener;
    int error = socket_at(fd, "accept", &listener);

    (void)os;
    EXPECT(address == NULL && length == NULL, "accept with an address");
    return error < 0 ? error : (int)soft_noted("accept", fd, socket_take(listener, flags));
}

static int connect_result(struct kevy_x_socket *socket, const struct sockaddr *address)
{
    int error;

    if (socket->state == SOCKET_NEW) {
        error = socket_shortage(socket);
        if (error == 0)
            error = host_connect(socket, address);
        return error < 0 ? error : -EINPROGRESS;
    }
    if (socket->state != SOCKET_CONNECTING)
        return 0;
    error = socket->error;
    socket->error = 0;
    return error != 0 ? -error : -EALREADY;
}

int soft_os_connect(const struct soft_os *os, int fd, const struct sockaddr *address,
                    socklen_t length)
{
    struct kevy_x_socket *socket;
    int error = socket_at(fd, "connect", &socket);

    (void)os;
    (void)length;
    return error < 0 ? error : (int)soft_noted("connect", fd, connect_result(socket, address));
}

/* One receive: an error that it leaves behind is for the next. */
long soft_receive(struct kevy_x_socket *socket, const struct iovec *parts, size_t count)
{
    long total = 0;

    for (size_t part = 0; part < count; part++) {
        int result;

        if (parts[part].iov_len == 0)
            continue;
        if (total != 0 && socket_readable(socket) == 0)
            break;
        result = socket_read(socket, parts[part].iov_base, (uint32_t)parts[part].iov_len);
        if (result <= 0)
            return total != 0 ? total : result;
        total += result;
        if ((size_t)result < parts[part].iov_len)
            break;
    }
    return total;
}

long soft_transmit(struct kevy_x_socket *socket, const struct iovec *parts, size_t count)
{
    long total = 0;

    for (size_t part = 0; part < count; part++) {
        int result;

        if (parts[part].iov_len == 0)
            continue;
        if (total != 0 && socket->error != 0)
            break;
        result = socket_write(socket, parts[part].iov_base, (uint32_t)parts[part].iov_len);
        if (result < 0)
            return total != 0 ? total : result;
        total += result;
        if ((size_t)result < parts[part].iov_len)
            break;
    }
    return total;
}

long soft_os_recvmsg(const struct soft_os *os, int fd, struct msghdr *message, int flags)
{
    struct kevy_x_socket *socket;
    int error;

    (void)os;
    if (is_datagram(fd))
        return soft_noted("recv", fd,
                          packet_receive(packet_of(file_at(fd, "recv")), message, flags));
    error = socket_at(fd, "recv", &socket);
    if (error < 0)
        return error;
    EXPECT((flags & ~(MSG_DONTWAIT | MSG_CMSG_CLOEXEC | MSG_ERRQUEUE)) == 0, "recv with flags %x",
           flags);
    message->msg_flags = 0;
    message->msg_controllen = 0;
    message->msg_namelen = 0;
    if (flags & MSG_ERRQUEUE)
        return -EAGAIN;
    return soft_noted("recv", fd,
                      soft_receive(socket, message->msg_iov, (size_t)message->msg_iovlen));
}

long soft_os_recv(const struct soft_os *os, int fd, void *data, size_t length, int flags)
{
    struct iovec part = {.iov_base = data, .iov_len = length};
    struct msghdr message;

    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return soft_os_recvmsg(os, fd, &message, flags);
}

long soft_os_sendmsg(const struct soft_os *os, int fd, const struct msghdr *message, int flags)
{
    struct kevy_x_socket *socket;
    int error;

    (void)os;
    if (is_datagram(fd))
        return soft_noted("send", fd, packet_send(packet_of(file_at(fd, "send")), message));
    error = socket_at(fd, "send", &socket);
    if (error < 0)
        return error;
    EXPECT((flags & ~(MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE)) == 0 && (flags & MSG_NOSIGNAL) != 0,
           "send with flags %x", flags);
    EXPECT(message->msg_controllen == 0, "send with a control message");
    error = socket_shortage(socket);
    if (error < 0)
        return soft_noted("send", fd, error);
    return soft_noted("send", fd,
                      soft_transmit(socket, message->msg_iov, (size_t)message->msg_iovlen));
}

long soft_os_send(const struct soft_os *os, int fd, const void *data, size_t length, int flags)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct msghdr message;

    memset(&message, 0, sizeof message);
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return soft_os_sendmsg(os, fd, &message, flags);
}

int soft_os_getsockopt(const struct soft_os *os, int fd, int level, int option, void *value,
                       socklen_t *length)
{
    struct file *file;
    int protocol;

    (void)os;
    if (fd == -1)
        return -EBADF;
    file = file_at(fd, "getsockopt");
    if (file->kind != FILE_SOCKET && file->kind != FILE_DATAGRAM)
        return -ENOTSOCK;
    if (level != SOL_SOCKET || option != SO_PROTOCOL)
        return sim_system.getsockopt(NULL, fd, level, option, value, length);
    protocol = IPPROTO_UDP;
    if (file->kind == FILE_SOCKET)
        protocol = socket_of(file)->family == AF_UNIX ? 0 : IPPROTO_TCP;
    memcpy(value, &protocol, sizeof protocol);
    return 0;
}
