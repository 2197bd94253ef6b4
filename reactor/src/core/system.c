/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The host's system calls: the only file of reactor/ that asks the system for anything but locks,
 * memory and the CPUs of threads.
 *
 * Model. One function a call, which turns -1 and errno into a negative errno. <kevy/system.h> says
 * what each does.
 *
 * A thread inherits the mask of signals of the one that starts it, so that one blocks all of them
 * for the moment of the start. There is no moment in which the new thread could take one.
 */
#include <kevy/system.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* An enumerator of younger C libraries. */
#define ID_PIDFD 3

/* RWF_NOWAIT, of preadv2(2). */
#define READ_NOWAIT 8

/* One number on all architectures, 6.5. */
#define CACHESTAT_NUMBER 451

static int result_of(int result)
{
    return result < 0 ? -errno : result;
}

static int host_socket(void *context, int family, int type)
{
    (void)context;
    return result_of(socket(family, type, 0));
}

static int host_bind(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
    (void)context;
    return result_of(bind(fd, address, length));
}

static int host_listen(void *context, int fd, int backlog)
{
    (void)context;
    return result_of(listen(fd, backlog));
}

static int host_accept(void *context, int fd)
{
    (void)context;
    return result_of(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

static int host_connect(void *context, int fd, const struct sockaddr *address, socklen_t length)
{
    (void)context;
    return result_of(connect(fd, address, length));
}

static int host_shutdown(void *context, int fd, int how)
{
    (void)context;
    return result_of(shutdown(fd, how));
}

static int host_setsockopt(void *context, int fd, int level, int name, const void *value,
                           socklen_t length)
{
    (void)context;
    return result_of(setsockopt(fd, level, name, value, length));
}

static int host_getsockopt(void *context, int fd, int level, int name, void *value,
                           socklen_t *length)
{
    (void)context;
    return result_of(getsockopt(fd, level, name, value, length));
}

static int host_getsockname(void *context, int fd, struct sockaddr *address, socklen_t *length)
{
    (void)context;
    return result_of(getsockname(fd, address, length));
}

static int host_getpeername(void *context, int fd, struct sockaddr *address, socklen_t *length)
{
    (void)context;
    return result_of(getpeername(fd, address, length));
}

static int host_close(void *context, int fd)
{
    (void)context;
    return result_of(close(fd));
}

static int host_fcntl(void *context, int fd, int command)
{
    (void)context;
    return result_of(fcntl(fd, command));
}

static int host_file_mode(void *context, int fd)
{
    struct stat status;

    (void)context;
    return fstat(fd, &status) < 0 ? -errno : (int)status.st_mode;
}

static int host_ioctl(void *context, int fd, unsigned long request, void *argument)
{
    (void)context;
    return result_of(ioctl(fd, request, argument));
}

static int host_poll(void *context, int fd, int events)
{
    struct pollfd one = {.fd = fd, .events = (short)events};

    (void)context;
    return poll(&one, 1, 0) < 0 ? -errno : one.revents;
}

static int64_t host_lseek(void *context, int fd, int64_t offset, int whence)
{
    off_t result = lseek(fd, (off_t)offset, whence);

    (void)context;
    return result < 0 ? -errno : result;
}

static int64_t host_read(void *context, int fd, void *data, size_t length)
{
    ssize_t result = read(fd, data, length);

    (void)context;
    return result < 0 ? -errno : result;
}

static int64_t host_send(void *context, int fd, const void *data, size_t length)
{
    ssize_t result = send(fd, data, length, MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)context;
    return result < 0 ? -errno : result;
}

static int64_t host_write(void *context, int fd, const void *data, size_t length)
{
    ssize_t result = write(fd, data, length);

    (void)context;
    return result < 0 ? -errno : result;
}

/* The kernel's structs, <linux/mman.h> from 6.5 on. */
struct cachestat_range {
    uint64_t offset;
    uint64_t length;
};

struct cachestat {
    uint64_t cached; /* pages */
    uint64_t dirty;
    uint64_t writeback;
    uint64_t evicted;
    uint64_t recently_evicted;
};

static int host_file_cached(void *context, int fd, uint64_t offset, uint64_t length)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    const struct cachestat_range range = {offset, length};
    struct cachestat found;

    (void)context;
    if (length == 0)
        return 0;
    if (syscall(CACHESTAT_NUMBER, fd, &range, &found, 0) < 0)
        return 0;
    return found.cached == (offset + length - 1) / page - offset / page + 1;
}

/* tmpfs knows no RWF_NOWAIT, and never waits for a disk unless it swaps. */
static int64_t host_read_cached(void *context, int fd, const struct iovec *parts, int count,
                                uint64_t offset)
{
    /* The raw call, which C libraries of the age of musl 1.2.3 lack. */
    long result =
        syscall(SYS_preadv2, fd, parts, count, (long)offset, (long)(offset >> 32), READ_NOWAIT);
    uint64_t length = 0;

    if (result >= 0 || errno != EOPNOTSUPP)
        return result < 0 ? -errno : result;
    for (int part = 0; part < count; part++)
        length += parts[part].iov_len;
    if (host_file_cached(context, fd, offset, length) <= 0)
        return -EOPNOTSUPP;
    result = preadv(fd, parts, count, (off_t)offset);
    return result < 0 ? -errno : result;
}

/* Takes back the SIGPIPE of this thread that sendfile(2), which knows no MSG_NOSIGNAL, has raised.
 */
static void sigpipe_take(const sigset_t *sigpipe)
{
    static const struct timespec none;

    while (sigtimedwait(sigpipe, NULL, &none) < 0 && errno == EINTR)
        ;
}

static int64_t host_sendfile(void *context, int fd, int file, uint64_t offset, size_t length)
{
    off_t from = (off_t)offset;
    sigset_t sigpipe, before;
    int64_t result;

    (void)context;
    sigemptyset(&sigpipe);
    sigaddset(&sigpipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe, &before);
    result = sendfile(fd, file, &from, length);
    result = result < 0 ? -errno : result;
    /* A peer that leaves in the middle raises it, too, and the count is of what went before. */
    if (result != -EAGAIN && result < (int64_t)length && sigismember(&before, SIGPIPE) == 0)
        sigpipe_take(&sigpipe);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return result;
}

static int host_eventfd(void *context, unsigned value)
{
    (void)context;
    return result_of(eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC));
}

static int host_signalfd(void *context, int fd, const void *mask)
{
    (void)context;
    return result_of(signalfd(fd, mask, SFD_NONBLOCK | SFD_CLOEXEC));
}

static int host_pidfd_open(void *context, pid_t pid)
{
    (void)context;
    return result_of((int)syscall(SYS_pidfd_open, pid, 0)); /* musl has no wrapper for it */
}

static int host_waitid(void *context, int fd, void *information)
{
    siginfo_t *info = information;

    (void)context;
    *info = (siginfo_t){0};
    return result_of(waitid((idtype_t)ID_PIDFD, (id_t)fd, info, WEXITED | WNOHANG));
}

static int host_lookup(void *context, const char *host, const char *service,
                       const struct addrinfo *hints, struct addrinfo **found)
{
    (void)context;
    return getaddrinfo(host, service, hints, found);
}

static void host_lookup_free(void *context, struct addrinfo *found)
{
    (void)context;
    freeaddrinfo(found);
}

static uint64_t host_now_ns(void *context)
{
    struct timespec now;

    (void)context;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void host_sleep_ns(void *context, uint64_t duration_ns)
{
    const struct timespec pause = {.tv_sec = (time_t)(duration_ns / 1000000000U),
                                   .tv_nsec = (long)(duration_ns % 1000000000U)};

    (void)context;
    (void)clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

static int host_thread_start(void *context, pthread_t *thread, void *(*main)(void *argument),
                             void *argument)
{
    sigset_t all, before;
    int error;

    (void)context;
    sigfillset(&all);
    error = pthread_sigmask(SIG_SETMASK, &all, &before);
    assert(error == 0);
    error = pthread_create(thread, NULL, main, argument);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return -error;
}

static void host_thread_join(void *context, pthread_t thread)
{
    (void)context;
    pthread_join(thread, NULL);
}

static void host_thread_wait(void *context, pthread_cond_t *changed, pthread_mutex_t *lock)
{
    (void)context;
    pthread_cond_wait(changed, lock);
}

static void host_thread_wake(void *context, pthread_cond_t *changed, bool all)
{
    (void)context;
    if (all)
        pthread_cond_broadcast(changed);
    else
        pthread_cond_signal(changed);
}

static const struct kevy_system host = {
    .socket = host_socket,
    .bind = host_bind,
    .listen = host_listen,
    .accept = host_accept,
    .connect = host_connect,
    .shutdown = host_shutdown,
    .send = host_send,
    .setsockopt = host_setsockopt,
    .getsockopt = host_getsockopt,
    .getsockname = host_getsockname,
    .getpeername = host_getpeername,
    .close = host_close,
    .fcntl = host_fcntl,
    .file_mode = host_file_mode,
    .ioctl = host_ioctl,
    .poll = host_poll,
    .lseek = host_lseek,
    .read = host_read,
    .write = host_write,
    .read_cached = host_read_cached,
    .file_cached = host_file_cached,
    .sendfile = host_sendfile,
    .eventfd = host_eventfd,
    .signalfd = host_signalfd,
    .pidfd_open = host_pidfd_open,
    .waitid = host_waitid,
    .lookup = host_lookup,
    .lookup_free = host_lookup_free,
    .now_ns = host_now_ns,
    .sleep_ns = host_sleep_ns,
    .thread_start = host_thread_start,
    .thread_join = host_thread_join,
    .thread_wait = host_thread_wait,
    .thread_wake = host_thread_wake,
};

const struct kevy_system *kevy_system_host(void)
{
    return &host;
}

#endif /* KEVY_RING_SUPPORTED */
