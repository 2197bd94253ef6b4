/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SCENARIO_H
#define SCENARIO_H

/*
 * Scenarios: a few requests each, whose completions are written down as a text, the trace. Each is
 * played on io_uring and on the soft kernel, and the traces have to be equal. Where a kernel may
 * differ, the table says why, and the traces have to differ: a reason that no longer holds is a
 * failed test. The same tables are played on the simulated kernel: sim/stage/ has that.
 *
 * A line of a trace is a completion ("3: -ECANCELED", "7: 5 more buffer 2") or whatever the
 * scenario says. What is not part of the contract is left out: the numbers of descriptors, and
 * KEVY_CQE_F_SOCK_NONEMPTY, which is a hint. Completions that may come in any order are sorted by
 * the scenario (reap_sorted()).
 *
 * A scenario has a ring and, set up before it, sockets and files of every kind that it may use. Its
 * other calls, such as send(2) and close(2), go through scene->system, so that they can be those of
 * a simulated world.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <kevy/buffer_ring.h>
#include <kevy/ring.h>
#include <kevy/ring_files.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_probe.h>
#include <kevy/ring_register.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "support.h"

/* For what a scenario takes for granted. Not libcheck's, which writes to a descriptor each time. */
#define must(condition) ((condition) ? (void)0 : scene_fail(__FILE__, __LINE__, #condition))

static inline void scene_fail(const char *file, int line, const char *condition)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, condition);
    _exit(9);
}

/* Bytes of a trace. */
#define SCENE_TRACE 8192U

struct scene;

/* The calls of a scene: each does what the C library's function of its name does, `errno`
 * included. */
struct scene_system {
    void (*open)(struct scene *scene); /* makes the sockets and files of the scene */
    int (*socket)(int family, int type, int protocol);
    int (*socketpair)(int family, int type, int protocol, int fds[2]);
    int (*bind)(int fd, const struct sockaddr *address, socklen_t length);
    int (*connect)(int fd, const struct sockaddr *address, socklen_t length);
    int (*getsockname)(int fd, struct sockaddr *address, socklen_t *length);
    int (*setsockopt)(int fd, int level, int name, const void *value, socklen_t length);
    int (*shutdown)(int fd, int how);
    ssize_t (*recv)(int fd, void *data, size_t length, int flags);
    ssize_t (*recvmsg)(int fd, struct msghdr *message, int flags);
    ssize_t (*send)(int fd, const void *data, size_t length, int flags);
    ssize_t (*sendto)(int fd, const void *data, size_t length, int flags,
                      const struct sockaddr *address, socklen_t address_length);
    ssize_t (*sendmsg)(int fd, const struct msghdr *message, int flags);
    ssize_t (*read)(int fd, void *data, size_t length);
    ssize_t (*pread)(int fd, void *data, size_t length, off_t offset);
    ssize_t (*write)(int fd, const void *data, size_t length);
    off_t (*lseek)(int fd, off_t offset, int whence);
    int (*poll)(struct pollfd *polled, nfds_t count, int timeout_ms);
    int (*fcntl)(int fd, int command, int argument);
    int (*dup2)(int fd, int number);
    int (*pipe)(int fds[2]);
    int (*close)(int fd);
    int (*usleep)(useconds_t duration_us);
};

struct scene {
    const struct scene_system *system;
    struct kevy_ring ring;
    char *trace; /* SCENE_TRACE bytes */
    size_t length;
    int tcp[2];     /* a TCP connection, both ends blocking */
    int local[2];   /* a Unix stream */
    int packets[2]; /* Unix datagrams */
    int listener;   /* TCP, blocking, a backlog of 8 */
    int pipe[2];
    int event; /* an eventfd at 0 */
    int file;  /* in memory, "0123456789" */
    char bytes[4096];
    struct kevy_buffer_ring
        group; /* number 5, 8 buffers of 16 bytes, once group_make() is called */
};

/* What a kernel does wrong. A scene of its own finds out whether this one does. */
struct scenario_fault {
    bool (*is_there)(struct scene *scene);
    const char *name;
};

struct scenario {
    const char *name;
    void (*play)(struct scene *scene);
    const char *differs; /* why the soft kernel's trace is another one; NULL: it is not */
    uint32_t cq_entries; /* 0: 64 */
    uint32_t flags;      /* KEVY_SETUP_*; 0: as a reactor has them */
    bool plain;          /* no SUBMIT_ALL */
    const struct scenario_fault *fault; /* it is not played on a kernel with it; or NULL */
};

/* What a scenario is played on: a kernel of rings, and the calls that belong to it. */
struct scene_kernel {
    const char *name;
    enum kevy_ring_kernel_choice choice;
    const struct kevy_ring_kernel *custom; /* instead of `choice`; or NULL */
    const struct scene_system *system;
};

extern const struct scene_kernel scene_io_uring, scene_soft;

/* Plays a scenario in this process, which is to end after it. `trace` is at first empty. */
void scene_play(struct scene *scene, const struct scenario *scenario,
                const struct scene_kernel *kernel, char *trace);

/* In a child, so that every performance begins with the same descriptors. `trace` is shared. */
void scene_perform(const struct scenario *scenario, const struct scene_kernel *kernel, char *trace);

/* True when io_uring has all that the scenarios use, and none of the fault of this one. */
bool scene_io_uring_is_there(void);
bool scene_is_faulty(const struct scenario *scenario);

/* Room for so many traces, shared with children. */
char *scene_traces(unsigned count);

/* Played for as long as a completion is awaited that should come. */
#define SCENE_PATIENCE_NS UINT64_C(2000000000)
/* And when none should. */
#define SCENE_QUIET_NS UINT64_C(4000000)

static inline void say(struct scene *scene, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static inline void say(struct scene *scene, const char *format, ...)
{
    va_list arguments;
    int length;

    va_start(arguments, format);
    length =
        vsnprintf(scene->trace + scene->length, SCENE_TRACE - scene->length, format, arguments);
    va_end(arguments);
    must(length >= 0);
    scene->length += (size_t)length;
    must(scene->length < SCENE_TRACE);
}

static inline const char *error_name(int error)
{
    const char *name = strerrorname_np(error);

    return name != NULL ? name : "E?";
}

static inline void say_result(struct scene *scene, const char *what, long result)
{
    if (result < 0)
        say(scene, "%s: -%s\n", what, error_name((int)-result));
    else
        say(scene, "%s: %ld\n", what, result);
}

static inline struct kevy_sqe *ask(struct scene *scene, uint64_t user_data)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(&scene->ring, user_data);

    must(sqe != NULL);
    return sqe;
}

/* Submits, and says how many were taken. */
static inline void submit(struct scene *scene)
{
    say_result(scene, "submit", kevy_ring_submit(&scene->ring));
}

/* Submits without a word. */
static inline void go(struct scene *scene)
{
    must(kevy_ring_submit(&scene->ring) >= 0);
}

static inline void say_cqe(struct scene *scene, const struct kevy_cqe *cqe)
{
    if (cqe->res < 0)
        say(scene, "%u: -%s", (unsigned)cqe->user_data, error_name((int)(0U - (unsigned)cqe->res)));
    else
        say(scene, "%u: %d", (unsigned)cqe->user_data, cqe->res);
    say(scene, "%s%s%s", cqe->flags & KEVY_CQE_F_MORE ? " more" : "",
        cqe->flags & KEVY_CQE_F_NOTIF ? " notif" : "",
        cqe->flags & KEVY_CQE_F_BUF_MORE ? " buf-more" : "");
    if (cqe->flags & KEVY_CQE_F_BUFFER)
        say(scene, " buffer %u", cqe->flags >> KEVY_CQE_BUFFER_SHIFT);
    say(scene, "\n");
}

/* Waits for one completion, at most `limit_ns`. False when none came. */
static inline bool cqe_next(struct scene *scene, uint64_t limit_ns, struct kevy_cqe *copy)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = limit_ns};
    const struct kevy_cqe *cqe;

    for (unsigned round = 0; round < 100 && kevy_ring_ready(&scene->ring) == 0; round++) {
        int result = kevy_ring_wait(&scene->ring, &wait);

        if (result == -ETIME)
            return false;
    }
    cqe = kevy_ring_next(&scene->ring);
    if (cqe == NULL)
        return false;
    *copy = *cqe;
    kevy_ring_release(&scene->ring);
    return true;
}

/* The next completion, whose result is returned and not said. */
static inline int result_of_next(struct scene *scene)
{
    struct kevy_cqe cqe;

    if (!cqe_next(scene, SCENE_PATIENCE_NS, &cqe)) {
        say(scene, "nothing\n");
        return -1;
    }
    return cqe.res;
}

/* Writes down `count` completions in the order in which they come. */
static inline void reap(struct scene *scene, unsigned count)
{
    struct kevy_cqe cqe;

    while (count-- > 0) {
        if (!cqe_next(scene, SCENE_PATIENCE_NS, &cqe)) {
            say(scene, "nothing\n");
            return;
        }
        say_cqe(scene, &cqe);
    }
}

/* Writes down `count` completions by their user_data; those of one request in their order. */
static inline void reap_sorted(struct scene *scene, unsigned count)
{
    struct kevy_cqe cqes[64];
    unsigned found = 0;

    must(count <= 64);
    while (found < count && cqe_next(scene, SCENE_PATIENCE_NS, &cqes[found])) {
        struct kevy_cqe cqe = cqes[found];
        unsigned place = found++;

        for (; place > 0 && cqes[place - 1].user_data > cqe.user_data; place--)
            cqes[place] = cqes[place - 1];
        cqes[place] = cqe;
    }
    for (unsigned place = 0; place < found; place++)
        say_cqe(scene, &cqes[place]);
    if (found < count)
        say(scene, "nothing\n");
}

/* As reap_sorted(), two completions that end their requests; others of these may come before. */
static inline void reap_two_ends(struct scene *scene)
{
    struct kevy_cqe cqes[2], cqe;

    for (unsigned found = 0; found < 2;) {
        must(cqe_next(scene, SCENE_PATIENCE_NS, &cqe));
        if ((cqe.flags & KEVY_CQE_F_MORE) == 0)
            cqes[found++] = cqe;
    }
    say_cqe(scene, &cqes[cqes[0].user_data > cqes[1].user_data]);
    say_cqe(scene, &cqes[cqes[0].user_data < cqes[1].user_data]);
}

/* Says whatever comes although nothing should. */
static inline void quiet(struct scene *scene)
{
    struct kevy_cqe cqe;

    while (cqe_next(scene, SCENE_QUIET_NS, &cqe)) {
        say(scene, "too much: ");
        say_cqe(scene, &cqe);
    }
}

/* Submits, and reaps `count`. */
static inline void submit_reap(struct scene *scene, unsigned count)
{
    go(scene);
    reap(scene, count);
}

/* The one completion is a new descriptor: closes it, and says that it was one. */
static inline void reap_descriptor(struct scene *scene)
{
    struct kevy_cqe cqe;

    if (!cqe_next(scene, SCENE_PATIENCE_NS, &cqe)) {
        say(scene, "nothing\n");
        return;
    }
    if (cqe.res < 0) {
        say_cqe(scene, &cqe);
        return;
    }
    say(scene, "%u: a descriptor%s\n", (unsigned)cqe.user_data,
        cqe.flags & KEVY_CQE_F_MORE ? " more" : "");
    must(scene->system->close(cqe.res) == 0);
}

/* What is in memory, as text. */
static inline void say_bytes(struct scene *scene, const void *bytes, size_t length)
{
    say(scene, "\"%.*s\"\n", (int)length, (const char *)bytes);
}

static inline void put(struct scene *scene, int fd, const char *text)
{
    must(scene->system->write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

/* What has arrived on `fd`, without waiting. */
static inline void say_arrived(struct scene *scene, int fd)
{
    char bytes[256];
    ssize_t length = scene->system->recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);

    if (length < 0)
        say(scene, "arrived: -%s\n", error_name(errno));
    else
        say(scene, "arrived: \"%.*s\"\n", (int)length, bytes);
}

/* Fills what `fd` sends to; returns how many bytes that took. */
static inline size_t stuff(struct scene *scene, int fd)
{
    static char bytes[65536];
    size_t total = 0;
    ssize_t length;

    while ((length = scene->system->send(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        total += (size_t)length;
    return total;
}

/* Takes everything out of `fd`. */
static inline size_t drain(struct scene *scene, int fd)
{
    static char bytes[65536];
    size_t total = 0;
    ssize_t length;

    while ((length = scene->system->recv(fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
        total += (size_t)length;
    return total;
}

static inline void group_make(struct scene *scene, uint32_t flags)
{
    struct kevy_buffer_ring_options options = {
        .entries = 8, .buffer_size = 16, .group = 5, .flags = flags};

    must(kevy_buffer_ring_init(&scene->group, &scene->ring, &options) == 0);
}

/* Gives all buffers back that the kernel has handed out, in the order of their numbers. */
static inline void group_refill(struct scene *scene)
{
    uint32_t head = (uint32_t)kevy_buffer_ring_head(&scene->group);

    while ((uint16_t)head != (uint16_t)scene->group.tail - 8U) {
        uint16_t id = scene->group.slots[(scene->group.tail) & 7].bid;

        (void)kevy_buffer_ring_take(&scene->group, id);
        kevy_buffer_ring_give(&scene->group, id);
        if ((uint16_t)(scene->group.tail - head) == 8)
            break;
    }
    kevy_buffer_ring_publish(&scene->group);
}

static inline struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};

    return address;
}

static inline struct sockaddr_in name_of(struct scene *scene, int fd)
{
    struct sockaddr_in address = loopback(0);
    socklen_t length = sizeof address;

    must(scene->system->getsockname(fd, (struct sockaddr *)&address, &length) == 0);
    return address;
}

static inline int connect_to(struct scene *scene, int listener)
{
    struct sockaddr_in address = name_of(scene, listener);
    int fd = scene->system->socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(scene->system->connect(fd, (struct sockaddr *)&address, sizeof address) == 0);
    return fd;
}

/* Closes `fd` so that the other end sees a reset. */
static inline void reset(struct scene *scene, int fd)
{
    const struct linger now = {.l_onoff = 1};

    must(scene->system->setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    must(scene->system->close(fd) == 0);
}

/* Rows of a table. */
#define PLAY(function)                               \
    {                                                \
#function, function, NULL, 0, 0, false, NULL \
    }
#define PLAY_UNLESS(function, fault)                     \
    {                                                    \
#function, function, NULL, 0, 0, false, &(fault) \
    }
#define DIFFERS(function, why)                      \
    {                                               \
#function, function, why, 0, 0, false, NULL \
    }

/* Plays every scenario of a table on both kernels. */
Suite *scenario_suite(const char *name, const struct scenario *scenarios, int count);

#define SCENARIO_COUNT(table) ((int)(sizeof(table) / sizeof((table)[0])))

#endif
