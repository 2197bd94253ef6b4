/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The calls of a scene, answered by the simulated world. */

#include "stage.h"

#include "chance.h"
#include "clock.h"
#include "event_file.h"
#include "file.h"
#include "packet.h"
#include "pipe.h"
#include "regular_file.h"
#include "socket.h"
#include "system.h"
#include "world.h"

#include <kevy/system.h>

/* More than a socket of Linux holds of its own accord, and less than a scenario calls much. */
#define ROOM      200000U
#define FILE_ROOM 4096U

/* As the C library tells a result. */
static long told(long result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

/* What is due at this instant happens. */
static void settle(void)
{
    clock_pass(0);
}

static int installed(struct file *file, int flags)
{
    int fd = file_install(file);

    file->flags = flags;
    file_drop(file);
    return fd;
}

static void packets_make(int fds[2])
{
    struct kevy_x_packet_socket *sockets[2];

    for (unsigned i = 0; i < 2; i++) {
        sockets[i] = packet_make(AF_INET);
        sockets[i]->family = AF_UNIX;
        sockets[i]->delay_ns = 0;
        sockets[i]->receive_room = sockets[i]->send_room = ROOM;
        packet_bind_any(sockets[i]);
        fds[i] = installed(&sockets[i]->file, O_RDWR);
    }
    packet_connect(sockets[0], sockets[1]->port);
    packet_connect(sockets[1], sockets[0]->port);
}

static void streams_make(int family, int fds[2])
{
    struct kevy_x_socket *one = socket_make(family), *other = socket_make(family);

    socket_join(one, other, ROOM, 0);
    fds[0] = installed(&one->file, O_RDWR);
    fds[1] = installed(&other->file, O_RDWR);
}

static int stage_socketpair(int family, int type, int protocol, int fds[2])
{
    (void)protocol;
    if ((type & SOCK_DGRAM) != 0)
        packets_make(fds);
    else
        streams_make(family, fds);
    return 0;
}

static int stage_socket(int family, int type, int protocol)
{
    int fd = sim_system.socket(NULL, family, type);

    (void)protocol;
    if (fd >= 0 && file_at(fd, "socket")->kind == FILE_DATAGRAM)
        packet_of(file_at(fd, "socket"))->delay_ns = 0;
    return (int)told(fd);
}

static int stage_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    return (int)told(sim_system.bind(NULL, fd, address, length));
}

/* A connection as quick as loopback. */
static int stage_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    const struct sockaddr_in *internet = (const void *)address;
    struct kevy_x_socket *socket = socket_of(file_at(fd, "connect"));
    int error;

    (void)length;
    socket_bind(socket, 0);
    error = socket_reach(socket, ntohs(internet->sin_port));
    if (error == 0)
        socket->delay_ns = socket->peer->delay_ns = 0;
    return (int)told(error);
}

static int stage_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    return (int)told(sim_system.getsockname(NULL, fd, address, length));
}

static int stage_setsockopt(int fd, int level, int name, const void *value, socklen_t length)
{
    return (int)told(sim_system.setsockopt(NULL, fd, level, name, value, length));
}

static int stage_shutdown(int fd, int how)
{
    return (int)told(sim_system.shutdown(NULL, fd, how));
}

static ssize_t stage_recvmsg(int fd, struct msghdr *message, int flags)
{
    struct file *file = file_at(fd, "recvmsg");

    settle();
    if (file->kind == FILE_DATAGRAM)
        return told(packet_receive(packet_of(file), message, flags));
    message->msg_controllen = 0;
    return told(socket_read(socket_of(file), message->msg_iov[0].iov_base,
                            (uint32_t)message->msg_iov[0].iov_len));
}

static ssize_t stage_recv(int fd, void *data, size_t length, int flags)
{
    struct iovec part = {data, length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    return stage_recvmsg(fd, &message, flags);
}

static ssize_t stage_sendmsg(int fd, const struct msghdr *message, int flags)
{
    struct file *file = file_at(fd, "sendmsg");

    (void)flags;
    settle();
    if (file->kind == FILE_DATAGRAM)
        return told(packet_send(packet_of(file), message));
    return told(socket_write(socket_of(file), message->msg_iov[0].iov_base,
                             (uint32_t)message->msg_iov[0].iov_len));
}

static ssize_t stage_sendto(int fd, const void *data, size_t length, int flags,
                            const struct sockaddr *address, socklen_t address_length)
{
    struct iovec part = {(void *)(uintptr_t)data, length};
    struct msghdr message = {.msg_name = (void *)(uintptr_t)address,
                             .msg_namelen = address_length,
                             .msg_iov = &part,
                             .msg_iovlen = 1};

    return stage_sendmsg(fd, &message, flags);
}

static ssize_t stage_send(int fd, const void *data, size_t length, int flags)
{
    return stage_sendto(fd, data, length, flags, NULL, 0);
}

static ssize_t stage_pread(int fd, void *data, size_t length, off_t offset)
{
    struct file *file = file_at(fd, "pread");

    return told(file->operations->read_at(file, data, (uint32_t)length, (uint64_t)offset));
}

static ssize_t stage_read(int fd, void *data, size_t length)
{
    struct file *file = file_at(fd, "read");

    settle();
    if (file->operations->read_at != NULL)
        return told(file->operations->read_at(file, data, (uint32_t)length, FILE_POSITION));
    return told(sim_system.read(NULL, fd, data, length));
}

static ssize_t stage_write(int fd, const void *data, size_t length)
{
    struct file *file = file_at(fd, "write");

    if (file->operations->write_at != NULL)
        return told(file->operations->write_at(file, data, (uint32_t)length, FILE_POSITION));
    return told(file->operations->write(file, data, (uint32_t)length));
}

static off_t stage_lseek(int fd, off_t offset, int whence)
{
    return (off_t)told((long)regular_file_seek(file_at(fd, "lseek"), offset, whence));
}

static int stage_poll(struct pollfd *polled, nfds_t count, int timeout_ms)
{
    uint64_t deadline_ns = clock_now() + (uint64_t)timeout_ms * 1000000;

    must(count == 1);
    settle();
    for (;;) {
        polled->revents = (short)sim_system.poll(NULL, polled->fd, polled->events);
        if (polled->revents != 0)
            return 1;
        if (!clock_next(deadline_ns))
            return 0;
    }
}

static int stage_fcntl(int fd, int command, int argument)
{
    struct file *file = file_at(fd, "fcntl");

    (void)argument;
    switch (command) {
    case F_DUPFD_CLOEXEC:
        return (int)told(file_install(file));
    case F_GETFD:
        return (file->flags & SOCK_CLOEXEC) != 0 ? FD_CLOEXEC : 0;
    default:
        must(command == F_GETFL);
        return file->flags;
    }
}

/* To a number that is the lowest one free. */
static int stage_dup2(int fd, int number)
{
    must(file_install(file_at(fd, "dup2")) == number);
    return number;
}

static int stage_close(int fd)
{
    file_close(fd);
    return 0;
}

static int stage_usleep(useconds_t duration_us)
{
    clock_pass((uint64_t)duration_us * 1000);
    return 0;
}

static int stage_pipe(int fds[2])
{
    struct file *ends[2];

    pipe_make(ends, PIPE_ROOM);
    fds[0] = installed(ends[0], O_RDONLY);
    fds[1] = installed(ends[1], O_WRONLY);
    return 0;
}

static void stage_open(struct scene *scene)
{
    static char bytes[FILE_ROOM];
    static struct kevy_sim_file contents = {.data = bytes, .room = sizeof bytes};
    static struct kevy_sim_file null = {.path = "/dev/null"};
    struct sockaddr_in address = loopback(0);

    scene->listener = stage_socket(AF_INET, SOCK_STREAM, 0);
    must(stage_bind(scene->listener, (struct sockaddr *)&address, sizeof address) == 0);
    must(sim_system.listen(NULL, scene->listener, 8) == 0);
    streams_make(AF_INET, scene->tcp);
    streams_make(AF_UNIX, scene->local);
    packets_make(scene->packets);
    kevy_sim_file_add(world_current(), &null);
    scene->event = installed(event_file_make(0), O_RDWR);
    must(stage_pipe(scene->pipe) == 0);
    scene->file = installed(regular_file_make(&contents, O_RDWR), O_RDWR);
    put(scene, scene->file, "0123456789");
}

const struct scene_system stage_system = {
    .open = stage_open,
    .socket = stage_socket,
    .socketpair = stage_socketpair,
    .bind = stage_bind,
    .connect = stage_connect,
    .getsockname = stage_getsockname,
    .setsockopt = stage_setsockopt,
    .shutdown = stage_shutdown,
    .recv = stage_recv,
    .recvmsg = stage_recvmsg,
    .send = stage_send,
    .sendto = stage_sendto,
    .sendmsg = stage_sendmsg,
    .read = stage_read,
    .pread = stage_pread,
    .write = stage_write,
    .lseek = stage_lseek,
    .poll = stage_poll,
    .fcntl = stage_fcntl,
    .dup2 = stage_dup2,
    .pipe = stage_pipe,
    .close = stage_close,
    .usleep = stage_usleep,
};
