/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The system calls that the reactor makes through libc, answered by the simulated kernel. The
 * linker puts them in the place of libc's (--wrap; meson.build has the list), so that nothing real
 * is reached: no socket, no clock, no descriptor.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "chance.h"
#include "clock.h"
#include "event_file.h"
#include "file.h"
#include "kernel.h"
#include "socket.h"
#include "verdict.h"

/* As a system call answers: -1 and errno for a negative result. */
static int answer(int result)
{
    if (result >= 0)
        return result;
    errno = -result;
    return -1;
}

/* A descriptor for a file that has one reference, which it takes. */
static int installed(struct file *file, int flags)
{
    int fd = file_install(file);

    file->flags = flags;
    file_drop(file);
    return answer(fd);
}

int __wrap_close(int fd);
int __wrap_close(int fd)
{
    struct file *file = file_at(fd, "close");

    EXPECT(file->requests == 0, "descriptor %d is closed with %u requests in flight", fd,
           file->requests);
    TRACE("close %d", fd);
    file_close(fd);
    return 0;
}

int __wrap_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol)
{
    (void)protocol;
    if (chance(CHANCE_SOCKET_FAILS))
        return answer(-EMFILE);
    EXPECT((type & SOCK_STREAM) != 0, "a socket of type %x", type);
    return installed(&socket_make(family)->file, O_RDWR | (type & SOCK_NONBLOCK));
}

int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_bind(int fd, const struct sockaddr *address, socklen_t length)
{
    struct socket *socket = socket_of(file_at(fd, "bind"));
    const struct sockaddr_in *internet = (const void *)address;

    (void)length;
    socket->port = SOCKET_PORT_FIRST;
    if (address->sa_family != AF_UNIX && internet->sin_port != 0)
        socket->port = ntohs(internet->sin_port);
    return 0;
}

int __wrap_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog)
{
    socket_listen(socket_of(file_at(fd, "listen")), backlog);
    return 0;
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t length)
{
    (void)address;
    (void)length;
    FAIL("connect(2) of descriptor %d", fd);
}

int __wrap_shutdown(int fd, int how);
int __wrap_shutdown(int fd, int how)
{
    struct socket *socket = socket_of(file_at(fd, "shutdown"));

    TRACE("shutdown %d %d", fd, how);
    if (socket->state != SOCKET_CONNECTED)
        return answer(-ENOTCONN);
    socket_shutdown(socket, how);
    return 0;
}

int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t length);
int __wrap_setsockopt(int fd, int level, int option, const void *value, socklen_t length)
{
    struct socket *socket = socket_of(file_at(fd, "setsockopt"));
    const struct linger *linger = value;

    if (level == SOL_SOCKET && option == SO_LINGER && length == sizeof *linger &&
        linger->l_onoff != 0 && linger->l_linger == 0)
        socket_abort(socket);
    return 0;
}

int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length);
int __wrap_getsockopt(int fd, int level, int option, void *value, socklen_t *length)
{
    const struct socket *socket = socket_of(file_at(fd, "getsockopt"));
    int answered;

    EXPECT(level == SOL_SOCKET && *length == sizeof answered, "getsockopt of option %d", option);
    switch (option) {
    case SO_ACCEPTCONN:
        answered = socket->state == SOCKET_LISTENING;
        break;
    case SO_DOMAIN:
        answered = socket->family;
        break;
    default:
        FAIL("getsockopt of option %d", option);
    }
    memcpy(value, &answered, sizeof answered);
    return 0;
}

int __wrap_poll(struct pollfd *one, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *one, nfds_t count, int timeout_ms)
{
    const struct file *file = file_at(one->fd, "poll");
    uint32_t wanted = (uint32_t)one->events | POLLERR | POLLHUP;

    EXPECT(count == 1 && timeout_ms == 0, "poll of %d for %d ms", (int)count, timeout_ms);
    one->revents = (short)(file->operations->poll(file) & wanted);
    return one->revents != 0;
}

int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length);
int __wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
    const struct socket *socket = socket_of(file_at(fd, "getsockname"));
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(socket->port)};

    if (socket->family == AF_INET6)
        name.sin_family = AF_INET6; /* the port lies in the same place */
    memcpy(address, &name, sizeof name < *length ? sizeof name : *length);
    return 0;
}

int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *length);
int __wrap_getpeername(int fd, struct sockaddr *address, socklen_t *length)
{
    return __wrap_getsockname(fd, address, length);
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list arguments;
    int *value;

    EXPECT(request == TIOCOUTQ, "ioctl %lx", request);
    va_start(arguments, request);
    value = va_arg(arguments, int *);
    va_end(arguments);
    *value = (int)socket_unacknowledged(socket_of(file_at(fd, "ioctl")));
    return 0;
}

/* glibc has a second name for what takes 64-bit offsets. */
#define ALIAS(name) __attribute__((alias(#name)))

int __wrap_fcntl(int fd, int command, ...) ALIAS(__wrap_fcntl64);
int __wrap_fcntl64(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...)
{
    EXPECT(command == F_GETFL, "fcntl %d", command);
    return file_at(fd, "fcntl")->flags;
}

int __wrap_fstat(int fd, struct stat *status) ALIAS(__wrap_fstat64);
int __wrap_fstat64(int fd, struct stat *status);
int __wrap_fstat64(int fd, struct stat *status)
{
    memset(status, 0, sizeof *status);
    status->st_mode = file_at(fd, "fstat")->kind == FILE_SOCKET ? S_IFSOCK : S_IFIFO;
    return 0;
}

int __wrap_eventfd(unsigned value, int flags);
int __wrap_eventfd(unsigned value, int flags)
{
    if (chance(CHANCE_SOCKET_FAILS))
        return answer(-EMFILE);
    return installed(event_file_make(value), flags);
}

int __wrap_signalfd(int fd, const sigset_t *mask, int flags);
int __wrap_signalfd(int fd, const sigset_t *mask, int flags)
{
    (void)mask;
    return fd >= 0 ? fd : installed(signal_file_make(), flags);
}

ssize_t __wrap_read(int fd, void *data, size_t length);
ssize_t __wrap_read(int fd, void *data, size_t length)
{
    struct file *file = file_at(fd, "read");

    return answer(file->operations->read(file, data, (uint32_t)length));
}

ssize_t __wrap_write(int fd, const void *data, size_t length);
ssize_t __wrap_write(int fd, const void *data, size_t length)
{
    struct file *file = file_at(fd, "write");

    return answer(file->operations->write(file, data, (uint32_t)length));
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(clock_now() / 1000000000U);
    now->tv_nsec = (long)(clock_now() % 1000000000U);
    return 0;
}

int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *pause,
                           struct timespec *left);
int __wrap_clock_nanosleep(clockid_t clock, int flags, const struct timespec *pause,
                           struct timespec *left)
{
    (void)clock;
    (void)flags;
    (void)left;
    kernel_work((uint64_t)pause->tv_sec * 1000000000U + (uint64_t)pause->tv_nsec);
    return 0;
}

/* What no scenario reaches so far. */
off_t __wrap_lseek(int fd, off_t offset, int whence) ALIAS(__wrap_lseek64);
off_t __wrap_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence)
{
    (void)offset;
    (void)whence;
    FAIL("lseek of descriptor %d", fd);
}

int __wrap_pipe2(int *fds, int flags);
int __wrap_pipe2(int *fds, int flags)
{
    (void)fds;
    FAIL("pipe2 with flags %x", flags);
}

long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    EXPECT(number == SYS_gettid, "system call %ld", number);
    return 1;
}

int __wrap_waitid(int kind, unsigned id, void *info, int options);
int __wrap_waitid(int kind, unsigned id, void *info, int options)
{
    (void)kind;
    (void)info;
    (void)options;
    FAIL("waitid of %u", id);
}
