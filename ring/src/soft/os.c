/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Linux as the system below the soft kernel.
 *
 * The calls of the hot path are made without libc, as those of io_uring are (system_call.h says
 * why). Calls with 64-bit offsets go through libc, which knows how each machine splits them.
 */
#include <kevy/ring_kernel.h>

#if KEVY_RING_SUPPORTED

#include "os.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "../io_uring.h"
#include "../tools.h"

/* Where the C library's headers are older than the call. */
#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 (KEVY_NR_BASE + 441)
#endif

#define NS_PER_SECOND 1000000000U

static long answer(long result)
{
    return result < 0 ? -errno : result;
}

/* `call`, with its errno as the result, until no signal came in between. */
#define UNINTERRUPTED(result, call) \
    do                              \
        (result) = (call);          \
    while ((result) == -EINTR)

static int linux_epoll_create(const struct soft_os *os)
{
    (void)os;
    return (int)answer(epoll_create1(EPOLL_CLOEXEC));
}

static int linux_epoll_ctl(const struct soft_os *os, int epoll_fd, int operation, int fd,
                           struct epoll_event *event)
{
    (void)os;
    return (int)system_call5(SYS_epoll_ctl, epoll_fd, operation, fd, (long)event, 0);
}

/* The result; these events are the kernel's answer. */
static int events_told(const struct epoll_event *events, long count)
{
    if (TOOLS_TOLD && count > 0)
        tools_written(events, (size_t)count * sizeof *events);
    return (int)count;
}

static int linux_epoll_pwait2(const struct soft_os *os, int epoll_fd, struct epoll_event *events,
                              int room, const struct kevy_timespec *limit, const void *mask,
                              size_t mask_size)
{
    (void)os;
    return events_told(events, system_call6(SYS_epoll_pwait2, epoll_fd, (long)events, room,
                                            (long)limit, (long)mask, (long)mask_size));
}

static int linux_epoll_pwait(const struct soft_os *os, int epoll_fd, struct epoll_event *events,
                             int room, int limit_ms, const void *mask, size_t mask_size)
{
    (void)os;
    return events_told(events, system_call6(SYS_epoll_pwait, epoll_fd, (long)events, room, limit_ms,
                                            (long)mask, (long)mask_size));
}

static int linux_poll(const struct soft_os *os, int fd, int events)
{
    struct pollfd asked = {.fd = fd, .events = (short)events};
    long result = answer(poll(&asked, 1, 0));

    (void)os;
    return result < 0 ? (int)result : asked.revents;
}

static int linux_accept4(const struct soft_os *os, int fd, struct sockaddr *address,
                         socklen_t *length, int flags)
{
    (void)os;
    return (int)system_call5(SYS_accept4, fd, (long)address, (long)length, flags, 0);
}

static int linux_connect(const struct soft_os *os, int fd, const struct sockaddr *address,
                         socklen_t length)
{
    (void)os;
    return (int)system_call5(SYS_connect, fd, (long)address, (long)length, 0, 0);
}

static long linux_recv(const struct soft_os *os, int fd, void *data, size_t length, int flags)
{
    (void)os;
    return system_call5(SYS_recvfrom, fd, (long)data, (long)length, flags, 0);
}

static long linux_send(const struct soft_os *os, int fd, const void *data, size_t length, int flags)
{
    (void)os;
    return system_call5(SYS_sendto, fd, (long)data, (long)length, flags, 0);
}

static long linux_recvmsg(const struct soft_os *os, int fd, struct msghdr *message, int flags)
{
    (void)os;
    return system_call5(SYS_recvmsg, fd, (long)message, flags, 0, 0);
}

static long linux_sendmsg(const struct soft_os *os, int fd, const struct msghdr *message, int flags)
{
    (void)os;
    return system_call5(SYS_sendmsg, fd, (long)message, flags, 0, 0);
}

static int linux_getsockopt(const struct soft_os *os, int fd, int level, int option, void *value,
                            socklen_t *length)
{
    (void)os;
    return (int)answer(getsockopt(fd, level, option, value, length));
}

/* The kernel wants the offset in two halves; it ignores the second where a long holds all of it. */
static long linux_preadv2(const struct soft_os *os, int fd, const struct iovec *vectors, int count,
                          int64_t offset, int flags)
{
    long result;

    (void)os;
    UNINTERRUPTED(result, system_call6(SYS_preadv2, fd, (long)vectors, count, (long)offset,
                                       (long)((uint64_t)offset >> 32), flags));
    return result;
}

static long linux_pwritev2(const struct soft_os *os, int fd, const struct iovec *vectors, int count,
                           int64_t offset, int flags)
{
    long result;

    (void)os;
    UNINTERRUPTED(result, system_call6(SYS_pwritev2, fd, (long)vectors, count, (long)offset,
                                       (long)((uint64_t)offset >> 32), flags));
    return result;
}

static long linux_splice(const struct soft_os *os, int fd_in, int64_t *offset_in, int fd_out,
                         int64_t *offset_out, size_t length, unsigned flags)
{
    long result;

    (void)os;
    UNINTERRUPTED(result, system_call6(SYS_splice, fd_in, (long)offset_in, fd_out, (long)offset_out,
                                       (long)length, (long)flags));
    return result;
}

static int linux_fallocate(const struct soft_os *os, int fd, int mode, int64_t offset,
                           int64_t length)
{
    long result;

    (void)os;
    UNINTERRUPTED(result, answer(fallocate(fd, mode, (off_t)offset, (off_t)length)));
    return (int)result;
}

static int linux_fadvise(const struct soft_os *os, int fd, int64_t offset, int64_t length,
                         int advice)
{
    (void)os;
    return -posix_fadvise(fd, (off_t)offset, (off_t)length, advice);
}

static int linux_sync_file_range(const struct soft_os *os, int fd, int64_t offset, int64_t length,
                                 unsigned flags)
{
    long result;

    (void)os;
    UNINTERRUPTED(result, answer(sync_file_range(fd, (off_t)offset, (off_t)length, flags)));
    return (int)result;
}

static int linux_ftruncate(const struct soft_os *os, int fd, int64_t length)
{
    long result;

    (void)os;
    UNINTERRUPTED(result, answer(ftruncate(fd, (off_t)length)));
    return (int)result;
}

static int linux_fstat(const struct soft_os *os, int fd, struct stat *status)
{
    long result = answer(fstat(fd, status));

    (void)os;
    /* MemorySanitizer of clang 14 knows this function under its former name alone. */
    if (result == 0)
        tools_written(status, sizeof *status);
    return (int)result;
}

static int linux_fcntl(const struct soft_os *os, int fd, int command, long argument)
{
    (void)os;
    return (int)answer(fcntl(fd, command, argument));
}

static int linux_close(const struct soft_os *os, int fd)
{
    (void)os;
    /* ThreadSanitizer takes the next thread that gets the number for a racing one, unless it sees
     * that the number has become free. */
    if (TOOLS_THREAD)
        return (int)answer(close(fd));
    return (int)system_call5(SYS_close, fd, 0, 0, 0, 0);
}

static int linux_timer_set(const struct soft_os *os, int fd, uint64_t deadline_ns)
{
    struct itimerspec setting = {.it_value = {.tv_sec = (time_t)(deadline_ns / NS_PER_SECOND),
                                              .tv_nsec = (long)(deadline_ns % NS_PER_SECOND)}};

    (void)os;
    return (int)answer(timerfd_settime(fd, TFD_TIMER_ABSTIME, &setting, NULL));
}

static long linux_call(const struct soft_os *os, long number, const long arguments[6])
{
    long result;

    (void)os;
    UNINTERRUPTED(result, system_call6(number, arguments[0], arguments[1], arguments[2],
                                       arguments[3], arguments[4], arguments[5]));
    return result;
}

static int linux_map(const struct soft_os *os, size_t size, void **memory)
{
    (void)os;
    return io_uring_map(-1, KEVY_RING_MAP_PRIVATE, size, 0, memory);
}

static void linux_unmap(const struct soft_os *os, void *memory, size_t size)
{
    (void)os;
    io_uring_unmap(memory, size);
}

static uint64_t linux_now_ns(const struct soft_os *os, int clock)
{
    struct timespec now;

    (void)os;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static const struct soft_os table = {
    .epoll_create = linux_epoll_create,
    .epoll_ctl = linux_epoll_ctl,
    .epoll_pwait2 = linux_epoll_pwait2,
    .epoll_pwait = linux_epoll_pwait,
    .poll = linux_poll,
    .accept4 = linux_accept4,
    .connect = linux_connect,
    .recv = linux_recv,
    .send = linux_send,
    .recvmsg = linux_recvmsg,
    .sendmsg = linux_sendmsg,
    .getsockopt = linux_getsockopt,
    .preadv2 = linux_preadv2,
    .pwritev2 = linux_pwritev2,
    .splice = linux_splice,
    .fallocate = linux_fallocate,
    .fadvise = linux_fadvise,
    .sync_file_range = linux_sync_file_range,
    .ftruncate = linux_ftruncate,
    .fstat = linux_fstat,
    .fcntl = linux_fcntl,
    .close = linux_close,
    .timer_set = linux_timer_set,
    .call = linux_call,
    .map = linux_map,
    .unmap = linux_unmap,
    .now_ns = linux_now_ns,
};

const struct soft_os *soft_os_linux(void)
{
    return &table;
}

#endif /* KEVY_RING_SUPPORTED */
