/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/system.h - the plain system calls of a reactor, as a table that can be replaced.
 *
 * Most programs never need this header. It is for a program that replaces the system: a simulated
 * world, or a test in which a call fails.
 *
 * Model
 *
 *     A reactor makes requests through its ring. Its other system calls, for example socket(2),
 *     setsockopt(2), close(2) and the clock, go through this table. To replace some of them, copy
 *     the table of the host, change the copy, and name it in the options of the reactor.
 *
 *     The threads of groups, workers and resolvers start and wait through a table too: that of the
 *     reactors of the group, or the one in the options of the pool.
 *
 *     The library also makes some system calls that do not go through the table: the CPUs of
 *     threads, locks, memory, the signal mask and getpid(2).
 *
 * Results
 *
 *     Each function returns 0 or more on success, and a negative errno on failure. `errno` itself
 *     does not matter. A function without a description does the same as its manual page.
 *
 * Ownership
 *
 *     The table is PINNED from kevy_reactor_create() to kevy_reactor_destroy(), and as long as a
 *     group or a pool uses it. The members of a group share one table. A descriptor that a function
 *     returns is OWNED by the library. The library closes it with `close`, or with a request of the
 *     ring.
 *
 * Callbacks
 *
 *     No function of the table may call the library. None may block, except `sleep_ns`,
 *     `lookup`, `thread_join` and `thread_wait`.
 *
 * Threads
 *
 *     `write` is called from each thread that calls kevy_reactor_post() or kevy_reactor_stop(), and
 *     also from a signal handler. Those of threads are called from any thread, and those of names
 *     from the threads of a resolver. The others are called from the thread of the reactor.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: a listener in a process that has too many descriptors
 *
 *     #include <kevy/kevy.h>
 *     #include <errno.h>
 *     #include <stdio.h>
 *
 *     static int no_socket(void *context, int family, int type)
 *     {
 *         (void)context;
 *         (void)family;
 *         (void)type;
 *         return -EMFILE;
 *     }
 *
 *     static struct kevy_stream *client_accept(struct kevy_listener *listener)
 *     {
 *         (void)listener;
 *         return NULL;
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_system full = *kevy_system_host();
 *         struct kevy_reactor_options options = {.system = &full};
 *         struct kevy_listener_options listen = {.accept = client_accept};
 *         struct kevy_listener listener = {0};
 *         struct kevy_reactor *reactor = NULL;
 *         int error;
 *
 *         full.socket = no_socket;
 *         if (kevy_reactor_create(&reactor, &options) != 0)
 *             return 1;
 *         error = kevy_listener_open(&listener, reactor, &listen);
 *         printf("%s\n", error == -EMFILE ? "as expected" : "not expected");
 *         kevy_reactor_destroy(reactor);
 *         return error != -EMFILE;
 *     }
 */
#ifndef KEVY_SYSTEM_H
#define KEVY_SYSTEM_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

KEVY_BEGIN_DECLS

struct addrinfo;

/* The table. Every function is required, and gets `context`. */
struct kevy_system {
    void *context;

    /* Sockets. `type` of socket() contains SOCK_CLOEXEC and SOCK_NONBLOCK; the protocol is 0. */
    int (*socket)(void *context, int family, int type);
    int (*bind)(void *context, int fd, const struct sockaddr *address, socklen_t length);
    int (*listen)(void *context, int fd, int backlog);
    /* accept4(2) with SOCK_CLOEXEC and SOCK_NONBLOCK, without an address. Only for the backlog of a
     * listener that finishes; other connections are accepted with a request of the ring. */
    int (*accept)(void *context, int fd);
    /* For datagram sockets, and with AF_UNSPEC for a stream that is reset; streams connect with a
     * request of the ring. */
    int (*connect)(void *context, int fd, const struct sockaddr *address, socklen_t length);
    int (*shutdown)(void *context, int fd, int how);
    /* send(2) with MSG_DONTWAIT and MSG_NOSIGNAL. Only for long copies; streams send with a request
     * of the ring. */
    int64_t (*send)(void *context, int fd, const void *data, size_t length);
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
    /* Does not wait: returns the events of poll(2) that are there at the moment, or 0. */
    int (*poll)(void *context, int fd, int events);
    int64_t (*lseek)(void *context, int fd, int64_t offset, int whence);
    int64_t (*read)(void *context, int fd, void *data, size_t length);
    int64_t (*write)(void *context, int fd, const void *data, size_t length);

    /* Files. read_cached() does not wait for a disk: preadv2(2) with RWF_NOWAIT. file_cached()
     * returns 1 if all of these bytes are in the page cache, else 0: cachestat(2). sendfile()
     * raises no SIGPIPE. */
    int64_t (*read_cached)(void *context, int fd, const struct iovec *parts, int count,
                           uint64_t offset);
    int (*file_cached)(void *context, int fd, uint64_t offset, uint64_t length);
    int64_t (*sendfile)(void *context, int fd, int file, uint64_t offset, size_t length);

    /* Descriptors that a reactor opens for itself; all are close-on-exec and non-blocking. */
    int (*eventfd)(void *context, unsigned value);
    int (*signalfd)(void *context, int fd, const void *mask); /* `mask`: a sigset_t */

    /* Children. waitid() does not wait: if the child of the pidfd has exited, it reaps the child
     * and fills in a siginfo_t. If not, it sets si_pid to 0. */
    int (*pidfd_open)(void *context, pid_t pid);
    int (*waitid)(void *context, int fd, void *information);

    /* Names: getaddrinfo(3), which returns 0 or EAI_*, and sets errno with EAI_SYSTEM; and
     * freeaddrinfo(3). A resolver uses those of the table in its options. */
    int (*lookup)(void *context, const char *host, const char *service,
                  const struct addrinfo *hints, struct addrinfo **found);
    void (*lookup_free)(void *context, struct addrinfo *found);

    /* CLOCK_MONOTONIC in nanoseconds, and a pause of the thread. */
    uint64_t (*now_ns)(void *context);
    void (*sleep_ns)(void *context, uint64_t duration_ns);

    /* Threads. thread_start() is pthread_create(3) with all signals blocked in the new thread.
     * thread_wait() is pthread_cond_wait(3). thread_wake() is pthread_cond_signal(3), or
     * pthread_cond_broadcast(3) if `all` is true. */
    int (*thread_start)(void *context, pthread_t *thread, void *(*main)(void *argument),
                        void *argument);
    void (*thread_join)(void *context, pthread_t thread);
    void (*thread_wait)(void *context, pthread_cond_t *changed, pthread_mutex_t *lock);
    void (*thread_wake)(void *context, pthread_cond_t *changed, bool all);
};

/* The table of the host: the system calls of the C library. Its `context` is not used. */
KEVY_API const struct kevy_system *kevy_system_host(void);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SYSTEM_H */
