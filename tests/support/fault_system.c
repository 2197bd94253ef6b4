/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Plain system calls with a fault in them; fault_system.h says which. */

#include "fault_system.h"

#include <errno.h>
#include <stddef.h>

static struct {
    uint32_t nth; /* counted down to the one that fails, 0 for none */
    uint32_t choice;
    int failed;
    const char *name;
} fault;

void fault_system_nth(uint32_t nth, uint32_t choice)
{
    fault.nth = nth;
    fault.choice = choice;
    fault.failed = 0;
    fault.name = NULL;
}

int fault_system_failed(void)
{
    return fault.failed;
}

const char *fault_system_name(void)
{
    return fault.name;
}

/* The error of this call, from a list that ends with 0, or 0. */
static int draw(const char *name, const int *errors)
{
    if (fault.nth == 0 || --fault.nth != 0)
        return 0;
    fault.name = name;
    for (uint32_t index = 0; errors[index] != 0; index++)
        if (index == fault.choice)
            fault.failed = errors[index];
    return fault.failed;
}

/* One function of the table: `arguments` in brackets as they are declared, `passed` as names. */
#define CALL(type, name, arguments, passed, ...)                     \
    static type faulty_##name arguments                              \
    {                                                                \
        static const int errors[] = {__VA_ARGS__, 0};                \
        int error = draw(#name, errors);                             \
                                                                     \
        return error != 0 ? error : kevy_system_host()->name passed; \
    }

CALL(int, socket, (void *context, int family, int type), (context, family, type), -EMFILE, -ENFILE,
     -ENOBUFS, -ENOMEM, -EACCES)
CALL(int, bind, (void *context, int fd, const struct sockaddr *address, socklen_t length),
     (context, fd, address, length), -EADDRINUSE, -EACCES, -ENOMEM)
CALL(int, listen, (void *context, int fd, int backlog), (context, fd, backlog), -EADDRINUSE)
CALL(int, accept, (void *context, int fd), (context, fd), -EINTR, -ECONNABORTED)
CALL(int, setsockopt,
     (void *context, int fd, int level, int name, const void *value, socklen_t length),
     (context, fd, level, name, value, length), -ENOBUFS, -ENOPROTOOPT, -EPERM)
CALL(int, getsockname, (void *context, int fd, struct sockaddr *address, socklen_t *length),
     (context, fd, address, length), -ENOBUFS)
CALL(int, getpeername, (void *context, int fd, struct sockaddr *address, socklen_t *length),
     (context, fd, address, length), -ENOBUFS, -ENOTCONN)
CALL(int, fcntl, (void *context, int fd, int command), (context, fd, command), -EACCES, -EPERM)
CALL(int, file_mode, (void *context, int fd), (context, fd), -EOVERFLOW, -ENOMEM)
CALL(int, poll, (void *context, int fd, int events), (context, fd, events), -EINTR, -ENOMEM)
CALL(int64_t, lseek, (void *context, int fd, int64_t offset, int whence),
     (context, fd, offset, whence), -EOVERFLOW)
CALL(int64_t, read, (void *context, int fd, void *data, size_t length), (context, fd, data, length),
     -EINTR)
CALL(int64_t, read_cached,
     (void *context, int fd, const struct iovec *parts, int count, uint64_t offset),
     (context, fd, parts, count, offset), -EAGAIN, -EINTR, -EIO, -EOPNOTSUPP)
CALL(int, file_cached, (void *context, int fd, uint64_t offset, uint64_t length),
     (context, fd, offset, length), -ENOSYS, -EOPNOTSUPP)
CALL(int64_t, sendfile, (void *context, int fd, int file, uint64_t offset, size_t length),
     (context, fd, file, offset, length), -EAGAIN, -EINTR, -EINVAL, -ENOMEM, -EIO)
CALL(int64_t, send, (void *context, int fd, const void *data, size_t length),
     (context, fd, data, length), -EAGAIN, -EINTR, -ENOMEM, -ENOBUFS)
CALL(int, eventfd, (void *context, unsigned value), (context, value), -EMFILE, -ENFILE, -ENODEV,
     -ENOMEM)
CALL(int, signalfd, (void *context, int fd, const void *mask), (context, fd, mask), -EMFILE,
     -ENFILE, -ENODEV, -ENOMEM)
CALL(int, pidfd_open, (void *context, pid_t pid), (context, pid), -EMFILE, -ENFILE, -ENOMEM,
     -ENOSYS)
CALL(int, waitid, (void *context, int fd, void *information), (context, fd, information), -EINTR)

static int faulty_connect(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
    static const int errors[] = {-EAGAIN, -ENETUNREACH, -EACCES, 0};
    int error = address->sa_family == AF_UNSPEC ? 0 : draw("connect", errors);

    return error != 0 ? error : kevy_system_host()->connect(context, fd, address, length);
}

/* The descriptor is gone whatever close(2) says. */
static int faulty_close(void *context, int fd)
{
    static const int errors[] = {-EINTR, -EIO, 0};
    int error = draw("close", errors);
    int result = kevy_system_host()->close(context, fd);

    return error != 0 ? error : result;
}

const struct kevy_system *fault_system(void)
{
    static struct kevy_system table;

    table = *kevy_system_host();
    table.socket = faulty_socket;
    table.bind = faulty_bind;
    table.listen = faulty_listen;
    table.accept = faulty_accept;
    table.connect = faulty_connect;
    table.setsockopt = faulty_setsockopt;
    table.getsockname = faulty_getsockname;
    table.getpeername = faulty_getpeername;
    table.close = faulty_close;
    table.fcntl = faulty_fcntl;
    table.file_mode = faulty_file_mode;
    table.poll = faulty_poll;
    table.lseek = faulty_lseek;
    table.read = faulty_read;
    table.read_cached = faulty_read_cached;
    table.file_cached = faulty_file_cached;
    table.sendfile = faulty_sendfile;
    table.send = faulty_send;
    table.eventfd = faulty_eventfd;
    table.signalfd = faulty_signalfd;
    table.pidfd_open = faulty_pidfd_open;
    table.waitid = faulty_waitid;
    return &table;
}
