/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The plain system calls of the reactor, answered by the simulated kernel: no socket, no clock and
 * no descriptor is real.
 */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "chance.h"
#include "child_file.h"
#include "clock.h"
#include "event_file.h"
#include "signal_file.h"
#include "file.h"
#include "kernel.h"
#include "name.h"
#include "packet.h"
#include "regular_file.h"
#include "socket.h"
#include "thread.h"
#include "world.h"

/* The kind of a socket, in the type of socket(2). */
#define TYPES 0xf
/* Of a file, on its way to a socket. */
#define PIECE 16384U

/* A descriptor for a file that has one reference, which it takes. */
static int installed(struct file *file, int flags)
{
    int fd = file_install(file);

    file->flags = flags;
    file_drop(file);
    return fd;
}

static int sim_close(void *context, int fd)
{
    struct file *file = file_at(fd, "close");

    (void)context;
    EXPECT(file->requests == 0, "descriptor %d is closed with %u requests in flight", fd,
           file->requests);
    TRACE("close %d", fd);
    file_close(fd);
    return 0;
}

static int sim_socket(void *context, int family, int type)
{
    struct file *file;

    (void)context;
    if (chance(KEVY_SIM_SOCKET_FAILS))
        return -EMFILE;
    EXPECT((type & TYPES) == SOCK_STREAM || (type & TYPES) == SOCK_DGRAM, "a socket of type %x",
           type);
    file = (type & TYPES) == SOCK_DGRAM ? &packet_make(family)->file : &socket_make(family)->file;
    return installed(file, O_RDWR | (type & (SOCK_NONBLOCK | SOCK_CLOEXEC)));
}

static int sim_bind(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
    struct file *file = file_at(fd, "bind");
    const struct sockaddr_in *internet = (const void *)address;
    uint16_t port = 0;

    (void)context;
    (void)length;
    if (address->sa_family != AF_UNIX)
        port = ntohs(internet->sin_port); /* in the same place for IPv6 */
    if (file->kind == FILE_DATAGRAM)
        return packet_bind(packet_of(file), port);
    socket_bind(socket_of(file), port);
    return 0;
}

static int sim_listen(void *context, int fd, int backlog)
{
    (void)context;
    return socket_listen(socket_of(file_at(fd, "listen")), backlog);
}

static int sim_accept(void *context, int fd)
{
    const struct file *file = file_at(fd, "accept");

    (void)context;
    EXPECT((file->flags & O_NONBLOCK) != 0 || (file->operations->poll(file) & POLLIN) != 0,
           "an accept of descriptor %d would block", fd);
    return socket_take(socket_of(file_at(fd, "accept")), SOCK_CLOEXEC | SOCK_NONBLOCK);
}

static int sim_connect(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
    const struct sockaddr_in *internet = (const void *)address;
    struct file *file = file_at(fd, "connect");

    (void)context;
    (void)length;
    if (file->kind == FILE_DATAGRAM) {
        packet_connect(packet_of(file), ntohs(internet->sin_port));
        return 0;
    }
    EXPECT(address->sa_family == AF_UNSPEC, "connect(2) of descriptor %d", fd);
    if (file->kind != FILE_SOCKET)
        return -ENOTSOCK;
    socket_abort(socket_of(file));
    return 0;
}

static int sim_shutdown(void *context, int fd, int how)
{
    struct kevy_x_socket *socket = socket_of(file_at(fd, "shutdown"));

    (void)context;
    TRACE("shutdown %d %d", fd, how);
    if (socket->state == SOCKET_LISTENING && how != SHUT_WR) {
        socket_listen_end(socket);
        socket->state = SOCKET_NEW;
        file_changed(&socket->file, POLLIN | POLLHUP);
        return 0;
    }
    if (socket->state != SOCKET_CONNECTED)
        return -ENOTCONN;
    socket_shutdown(socket, how);
    return 0;
}

static int sim_setsockopt(void *context, int fd, int level, int option, const void *value,
                          socklen_t length)
{
    struct file *file = file_at(fd, "setsockopt");
    const struct linger *linger = value;

    (void)context;
    if (file->kind == FILE_DATAGRAM) {
        if (level == IPPROTO_UDP && option == UDP_GRO)
            packet_merges(packet_of(file), *(const int *)value != 0);
        return 0;
    }
    if (level == SOL_SOCKET && option == SO_LINGER && length == sizeof *linger &&
        linger->l_onoff != 0 && linger->l_linger == 0)
        socket_abort(socket_of(file));
    if (level == SOL_SOCKET && option == SO_REUSEPORT)
        socket_of(file)->shared = *(const int *)value != 0;
    return 0;
}

static int stream_option(struct kevy_x_socket *socket, int option)
{
    int answered;

    switch (option) {
    case SO_ACCEPTCONN:
        return socket->state == SOCKET_LISTENING;
    case SO_ERROR:
        answered = socket->error;
        socket->error = 0;
        return answered;
    case SO_TYPE:
        return SOCK_STREAM;
    case SO_DOMAIN:
        return socket->family;
    default:
        FAIL("getsockopt of option %d", option);
    }
}

static int datagram_option(struct kevy_x_packet_socket *socket, int option)
{
    switch (option) {
    case SO_ACCEPTCONN:
        return 0;
    case SO_ERROR:
        return -packet_error_take(socket);
    case SO_TYPE:
        return SOCK_DGRAM;
    case SO_DOMAIN:
        return socket->family;
    default:
        FAIL("getsockopt of option %d", option);
    }
}

static int sim_getsockopt(void *context, int fd, int level, int option, void *value,
                          socklen_t *length)
{
    struct file *file = file_at(fd, "getsockopt");
    int answered;

    (void)context;
    EXPECT(level == SOL_SOCKET && *length == sizeof answered, "getsockopt of option %d", option);
    answered = file->kind == FILE_DATAGRAM ? datagram_option(packet_of(file), option)
                                           : stream_option(socket_of(file), option);
    memcpy(value, &answered, sizeof answered);
    return 0;
}

static int sim_poll(void *context, int fd, int events)
{
    const struct file *file = file_at(fd, "poll");

    (void)context;
    return (int)(file->operations->poll(file) & ((uint32_t)events | POLLERR | POLLHUP));
}

static int sim_getsockname(void *context, int fd, struct sockaddr *address, socklen_t *length)
{
    struct file *file = file_at(fd, "getsockname");
    struct sockaddr_in name = {.sin_family = AF_INET};

    (void)context;
    if (file->kind == FILE_DATAGRAM) {
        packet_name(packet_of(file)->family, packet_of(file)->port, address, length);
        return 0;
    }
    name.sin_port = htons(socket_of(file)->port);
    if (socket_of(file)->family == AF_INET6)
        name.sin_family = AF_INET6; /* the port lies in the same place */
    memcpy(address, &name, sizeof name < *length ? sizeof name : *length);
    return 0;
}

static int sim_getpeername(void *context, int fd, struct sockaddr *address, socklen_t *length)
{
    struct file *file = file_at(fd, "getpeername");

    if (file->kind == FILE_DATAGRAM) {
        uint16_t port = packet_of(file)->to_port;

        if (port == 0)
            return -ENOTCONN;
        packet_name(packet_of(file)->family, port, address, length);
        return 0;
    }
    return sim_getsockname(context, fd, address, length);
}

static int sim_ioctl(void *context, int fd, unsigned long request, void *argument)
{
    (void)context;
    if (request == FIONBIO) {
        struct file *file = file_at(fd, "ioctl");

        file->flags &= ~O_NONBLOCK;
        file->flags |= *(const int *)argument != 0 ? O_NONBLOCK : 0;
        return 0;
    }
    if (request == TIOCGPTN)
        return -ENOTTY;
    EXPECT(request == TIOCOUTQ, "ioctl %lx", request);
    *(int *)argument = (int)socket_unacknowledged(socket_of(file_at(fd, "ioctl")));
    return 0;
}

static int sim_fcntl(void *context, int fd, int command)
{
    (void)context;
    EXPECT(command == F_GETFL || command == F_GETFD, "fcntl %d", command);
    if (command == F_GETFL)
        return file_at(fd, "fcntl")->flags & ~O_CLOEXEC;
    return (file_at(fd, "fcntl")->flags & O_CLOEXEC) != 0 ? FD_CLOEXEC : 0;
}

static int sim_file_mode(void *context, int fd)
{
    const struct file *file = file_at(fd, "fstat");

    (void)context;
    if (file->kind == FILE_REGULAR)
        return S_IFREG;
    return file->kind == FILE_SOCKET || file->kind == FILE_DATAGRAM ? S_IFSOCK : S_IFIFO;
}

static int sim_eventfd(void *context, unsigned value)
{
    (void)context;
    if (chance(KEVY_SIM_SOCKET_FAILS))
        return -EMFILE;
    return installed(event_file_make(value), O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int sim_signalfd(void *context, int fd, const void *mask)
{
    (void)context;
    if (fd >= 0)
        return signal_file_set(file_at(fd, "signalfd"), mask), fd;
    if (chance(KEVY_SIM_SOCKET_FAILS))
        return -EMFILE;
    return installed(signal_file_make(mask), O_RDWR | O_NONBLOCK | O_CLOEXEC);
}

static int64_t sim_read(void *context, int fd, void *data, size_t length)
{
    struct file *file = file_at(fd, "read");

    (void)context;
    return file->operations->read(file, data, (uint32_t)length);
}

static int64_t sim_write(void *context, int fd, const void *data, size_t length)
{
    struct file *file = file_at(fd, "write");

    (void)context;
    return file->operations->write(file, data, (uint32_t)length);
}

/* Any error and any short count that a send of the ring may have. */
static int64_t sim_send(void *context, int fd, const void *data, size_t length)
{
    struct file *file = file_at(fd, "send");
    int error;

    (void)context;
    REQUIRE(file->kind == FILE_SOCKET, -ENOTSOCK, "send to descriptor %d, which is no socket", fd);
    error = socket_shortage(socket_of(file));
    return error < 0 ? error : file->operations->write(file, data, (uint32_t)length);
}

static uint64_t sim_now_ns(void *context)
{
    (void)context;
    return clock_now();
}

static void sim_sleep_ns(void *context, uint64_t duration_ns)
{
    (void)context;
    kernel_work(duration_ns);
}

static int64_t sim_lseek(void *context, int fd, int64_t offset, int whence)
{
    struct file *file = file_at(fd, "lseek");

    (void)context;
    return file->kind == FILE_REGULAR ? regular_file_seek(file, offset, whence) : -ESPIPE;
}

/* Some file systems do not know the question, and what is not there as a whole is not read. */
static int64_t sim_read_cached(void *context, int fd, const struct iovec *parts, int count,
                               uint64_t offset)
{
    struct file *file = file_at(fd, "preadv2");

    (void)context;
    if (chance(KEVY_SIM_FILE_UNCACHED))
        return chance_one_in(4) ? -EOPNOTSUPP : -EAGAIN;
    return file_parts_read(file, parts, count, offset);
}

static int sim_file_cached(void *context, int fd, uint64_t offset, uint64_t length)
{
    (void)context;
    return regular_file_cached(file_at(fd, "cachestat"), offset, length);
}

/* One piece of it: how many bytes of the file have gone, 0 at its end, or a negative errno. */
static int piece_send(struct kevy_x_socket *socket, struct file *file, uint64_t offset,
                      size_t length)
{
    uint8_t bytes[PIECE];
    int count = file->operations->read_at(
        file, bytes, length < sizeof bytes ? (uint32_t)length : (uint32_t)sizeof bytes, offset);

    return count <= 0 ? count : socket_write(socket, bytes, (uint32_t)count);
}

static int64_t sim_sendfile(void *context, int fd, int file, uint64_t offset, size_t length)
{
    struct kevy_x_socket *socket = socket_of(file_at(fd, "sendfile"));
    int64_t total = 0;
    int result = socket_shortage(socket);

    (void)context;
    if (result < 0)
        return result;
    /* As with one send: an error that comes of its first piece is for the next. */
    while ((uint64_t)total < length && (total == 0 || socket->error == 0)) {
        result = piece_send(socket, file_at(file, "sendfile"), offset + (uint64_t)total,
                            length - (uint64_t)total);
        if (result <= 0)
            return total != 0 ? total : result;
        total += result;
    }
    return total;
}

static int sim_pidfd_open(void *context, pid_t pid)
{
    struct file *file;

    (void)context;
    if (chance(KEVY_SIM_SOCKET_FAILS))
        return -EMFILE;
    file = child_file_make(pid);
    return file != NULL ? installed(file, O_RDWR | O_CLOEXEC) : -ESRCH;
}

static int sim_waitid(void *context, int fd, void *information)
{
    (void)context;
    return child_file_wait(file_at(fd, "waitid"), information);
}

const struct kevy_system sim_system = {
    .socket = sim_socket,
    .bind = sim_bind,
    .listen = sim_listen,
    .accept = sim_accept,
    .connect = sim_connect,
    .shutdown = sim_shutdown,
    .send = sim_send,
    .setsockopt = sim_setsockopt,
    .getsockopt = sim_getsockopt,
    .getsockname = sim_getsockname,
    .getpeername = sim_getpeername,
    .close = sim_close,
    .fcntl = sim_fcntl,
    .file_mode = sim_file_mode,
    .ioctl = sim_ioctl,
    .poll = sim_poll,
    .lseek = sim_lseek,
    .read = sim_read,
    .write = sim_write,
    .read_cached = sim_read_cached,
    .file_cached = sim_file_cached,
    .sendfile = sim_sendfile,
    .eventfd = sim_eventfd,
    .signalfd = sim_signalfd,
    .pidfd_open = sim_pidfd_open,
    .waitid = sim_waitid,
    .lookup = sim_lookup,
    .lookup_free = sim_lookup_free,
    .now_ns = sim_now_ns,
    .sleep_ns = sim_sleep_ns,
    .thread_start = sim_thread_start,
    .thread_join = sim_thread_join,
    .thread_wait = sim_thread_wait,
    .thread_wake = sim_thread_wake,
};
