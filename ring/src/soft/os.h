/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The system below the soft kernel: a table of the calls that it makes.
 *
 * Model. Each function is one system call of Linux. It returns the result, or an errno as a
 * negative number, and never touches `errno`. The table itself is the first argument, so that a
 * simulated system can put its own state behind it. A kernel table whose `context` points to such a
 * table runs on that system; with NULL it runs on Linux.
 *
 * Invariants. The soft kernel makes no call that is not in this table. None of them is newer than
 * Linux 4.18, except those that may be missing: epoll_pwait2 (5.11), pidfd_open (5.3), openat2
 * (5.6). For these -ENOSYS and -EPERM are answers like any other.
 */
#ifndef KEVY_RING_SRC_SOFT_OS_H
#define KEVY_RING_SRC_SOFT_OS_H

#include "names.h"

#include <kevy/ring_abi.h>

#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

struct soft_os {
    /* Waiting. `mask` is the kernel's sigset_t of `mask_size` bytes, or NULL. */
    int (*epoll_create)(const struct soft_os *os);
    int (*epoll_ctl)(const struct soft_os *os, int epoll_fd, int operation, int fd,
                     struct epoll_event *event);
    int (*epoll_pwait2)(const struct soft_os *os, int epoll_fd, struct epoll_event *events,
                        int room, const struct kevy_timespec *limit, const void *mask,
                        size_t mask_size);
    int (*epoll_pwait)(const struct soft_os *os, int epoll_fd, struct epoll_event *events, int room,
                       int limit_ms, const void *mask, size_t mask_size);
    /* The events of `fd` at this moment, POLL*; 0 for none. */
    int (*poll)(const struct soft_os *os, int fd, int events);

    /* Sockets. */
    int (*accept4)(const struct soft_os *os, int fd, struct sockaddr *address, socklen_t *length,
                   int flags);
    int (*connect)(const struct soft_os *os, int fd, const struct sockaddr *address,
                   socklen_t length);
    long (*recv)(const struct soft_os *os, int fd, void *data, size_t length, int flags);
    long (*send)(const struct soft_os *os, int fd, const void *data, size_t length, int flags);
    long (*recvmsg)(const struct soft_os *os, int fd, struct msghdr *message, int flags);
    long (*sendmsg)(const struct soft_os *os, int fd, const struct msghdr *message, int flags);
    int (*getsockopt)(const struct soft_os *os, int fd, int level, int option, void *value,
                      socklen_t *length);

    /* Files. The offset -1 is the position of the file. */
    long (*preadv2)(const struct soft_os *os, int fd, const struct iovec *vectors, int count,
                    int64_t offset, int flags);
    long (*pwritev2)(const struct soft_os *os, int fd, const struct iovec *vectors, int count,
                     int64_t offset, int flags);
    long (*splice)(const struct soft_os *os, int fd_in, int64_t *offset_in, int fd_out,
                   int64_t *offset_out, size_t length, unsigned flags);
    int (*fallocate)(const struct soft_os *os, int fd, int mode, int64_t offset, int64_t length);
    int (*fadvise)(const struct soft_os *os, int fd, int64_t offset, int64_t length, int advice);
    int (*sync_file_range)(const struct soft_os *os, int fd, int64_t offset, int64_t length,
                           unsigned flags);
    int (*ftruncate)(const struct soft_os *os, int fd, int64_t length);
    int (*fstat)(const struct soft_os *os, int fd, struct stat *status);
    int (*fcntl)(const struct soft_os *os, int fd, int command, long argument);
    int (*close)(const struct soft_os *os, int fd);
    /* Sets a timerfd to fire once, at an instant of its clock. */
    int (*timer_set)(const struct soft_os *os, int fd, uint64_t deadline_ns);

    /* Any other, by its number: calls that need no care and are not often made. */
    long (*call)(const struct soft_os *os, long number, const long arguments[6]);

    /* Memory: whole pages of zeros. */
    int (*map)(const struct soft_os *os, size_t size, void **memory);
    void (*unmap)(const struct soft_os *os, void *memory, size_t size);

    /* A clock in nanoseconds, CLOCK_*. */
    uint64_t (*now_ns)(const struct soft_os *os, int clock);
};

/* Linux. */
const struct soft_os *soft_os_linux(void);

#endif
