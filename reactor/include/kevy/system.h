/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/system.h - the plain system calls of a reactor, as a table that can be replaced.
 *
 * Model. A reactor talks to the system in two ways. Requests go through its ring. Everything else,
 * for example socket(2), setsockopt(2), close(2) and the clock, goes through this table. The
 * library makes no other system call, except for threads and their CPUs, locks, memory, the mask of
 * signals, getpid(2), and those of getaddrinfo(3).
 *
 * Most programs never need this header. It is for a program that puts something in place of the
 * system: a simulated world, or a test in which a call fails. Take the host's table, change what
 * has to be different, and name the table in the options of the reactor:
 *
 *     static int no_socket(void *context, int family, int type) { return -EMFILE; }
 *
 *     struct kevy_system broken = *kevy_system_host();
 *     broken.socket = no_socket;
 *     kevy_reactor_create(&reactor, &(struct kevy_reactor_options){.system = &broken});
 *
 * Results. Each call returns 0 or more on success, and -errno on failure. `errno` itself does not
 * matter. A call that is not described below does what its manual page says.
 *
 * Ownership. The table is PINNED from kevy_reactor_create() to kevy_reactor_destroy(). The members
 * of a group share one table. A descriptor that a call returns is OWNED by the library, which
 * closes it with `close` or with a request of the ring.
 *
 * Callbacks. No function of the table may call into the library, and none may block, except
 * `sleep_ns`.
 *
 * Threads. `write` is called from any thread that calls kevy_reactor_post() or
 * kevy_reactor_stop(), and also from a signal handler. The others are called from the reactor's
 * thread.
 *
 * Kernel: nothing of its own.
 */
#ifndef KEVY_SYSTEM_H
#define KEVY_SYSTEM_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

KEVY_BEGIN_DECLS

/* Every function is required. `context` is handed to each of them. */
struct kevy_system {
    void *context;

    /* Sockets. `type` of socket() contains SOCK_CLOEXEC and SOCK_NONBLOCK; the protocol is 0. */
    int (*socket)(void *context, int family, int type);
    int (*bind)(void *context, int fd, const struct sockaddr *address, socklen_t length);
    int (*listen)(void *context, int fd, int backlog);
    /* Only for datagram sockets; streams connect by a request of the ring. */
    int (*connect)(void *context, int fd, const struct sockaddr *address, socklen_t length);
    int (*shutdown)(void *context, int fd, int how);
    int (*setsockopt)(void *context, int fd, int level, int name, const void *value,
                      socklen_t length);
    int (*getsockopt)(void *context, int fd, int level, int name, void *value, socklen_t *length);
    int (*getsockname)(void *context, int fd, struct sockaddr *address, socklen_t *length);
    int (*getpeername)(void *context, int fd, struct sockaddr *address, socklen_t *length);

    /* Any descriptor. */
    int (*close)(void *context, int fd);
    int (*fcntl)(void *context, int fd, int command); /* F_GETFD or F_GETFL */
    int (*file_mode)(void *context, int fd);          /* `st_mode` of fstat(2) */
    int (*ioctl)(void *context, int fd, unsigned long request, void *argument);
    /* One look, without waiting: the events of poll(2) that are there, 0 when there are none. */
    int (*poll)(void *context, int fd, int events);
    int64_t (*lseek)(void *context, int fd, int64_t offset, int whence);
    int64_t (*read)(void *context, int fd, void *data, size_t length);
    int64_t (*write)(void *context, int fd, const void *data, size_t length);

    /* What a reactor opens for itself, close-on-exec and non-blocking. */
    int (*pipe)(void *context, int *fds); /* two descriptors: the reading end, the writing end */
    int (*eventfd)(void *context, unsigned value);
    int (*signalfd)(void *context, int fd, const void *mask); /* `mask`: a sigset_t */

    /* Children. waitid() reaps the child of a pidfd if it has exited, without waiting, and fills in
     * a siginfo_t; si_pid 0 says that it has not exited. */
    int (*pidfd_open)(void *context, pid_t pid);
    int (*waitid)(void *context, int fd, void *information);

    /* CLOCK_MONOTONIC in nanoseconds, and a pause of the thread. */
    uint64_t (*now_ns)(void *context);
    void (*sleep_ns)(void *context, uint64_t duration_ns);
};

/* The table of the host: the C library's system calls. Its `context` is not looked at. */
KEVY_API const struct kevy_system *kevy_system_host(void);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SYSTEM_H */
