/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "soft/os.h" /* the first: its names are macros */

#include "soft_sockets.h"
#include "soft_system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "chance.h"
#include "clock.h"
#include "epoll.h"
#include "file.h"
#include "kernel.h"
#include "regular_file.h"
#include "socket.h"
#include "splice.h"
#include "system.h"
#include "thread.h"
#include "world.h"

#define PAGE               4096U
#define NS_PER_SECOND      1000000000U
#define NS_PER_MILLISECOND 1000000U
/* How long an open takes at most, where chance wants it to take its time. */
#define OPEN_MOST_NS 100000000U

static struct {
    struct kevy_ring_kernel kernel;
    uint32_t mappings;
    bool no_pwait2; /* a Linux before 5.11 */
} system_state;

void soft_system_reset(void)
{
    memset(&system_state, 0, sizeof system_state);
    system_state.no_pwait2 = chance_one_in(2);
}

uint32_t soft_system_mappings(void)
{
    return system_state.mappings;
}

long soft_noted(const char *call, int fd, long result)
{
    world_note((uint64_t)(unsigned)fd << 32 | (uint32_t)result);
    TRACE("  %s %d = %ld", call, fd, result);
    return result;
}

/* ---- Waiting ------------------------------------------------------------------------------- */

static int os_epoll_create(const struct soft_os *os)
{
    struct file *set = epoll_make();
    int fd = file_install(set);

    (void)os;
    file_drop(set);
    return fd;
}

static int os_epoll_ctl(const struct soft_os *os, int epoll_fd, int operation, int fd,
                        struct epoll_event *event)
{
    struct file *set = file_at(epoll_fd, "epoll_ctl");

    (void)os;
    if (operation == EPOLL_CTL_ADD)
        return epoll_add(set, fd, event);
    return operation == EPOLL_CTL_MOD ? epoll_change(set, fd, event) : epoll_remove(set, fd);
}

static bool has_news(const void *set)
{
    return epoll_ready(set);
}

static int wait_until(int epoll_fd, struct epoll_event *events, int room, uint64_t deadline_ns)
{
    struct file *set = file_at(epoll_fd, "epoll_wait");
    int count = epoll_collect(set, events, room);

    while (count == 0 && deadline_ns > clock_now()) {
        if (chance(KEVY_SIM_WAIT_SIGNAL))
            return -EINTR;
        if (!thread_sleep(has_news, set, deadline_ns)) {
            EXPECT(deadline_ns != CLOCK_NEVER, "the loop sleeps for ever");
            break;
        }
        count = epoll_collect(set, events, room);
    }
    return count;
}

static int os_epoll_pwait2(const struct soft_os *os, int epoll_fd, struct epoll_event *events,
                           int room, const struct kevy_timespec *limit, const void *mask,
                           size_t mask_size)
{
    uint64_t deadline_ns = CLOCK_NEVER;

    (void)os;
    (void)mask;
    (void)mask_size;
    if (system_state.no_pwait2)
        return -ENOSYS;
    if (limit != NULL)
        deadline_ns =
            clock_now() + (uint64_t)limit->tv_sec * NS_PER_SECOND + (uint64_t)limit->tv_nsec;
    return wait_until(epoll_fd, events, room, deadline_ns);
}

static int os_epoll_pwait(const struct soft_os *os, int epoll_fd, struct epoll_event *events,
                          int room, int limit_ms, const void *mask, size_t mask_size)
{
    uint64_t deadline_ns = CLOCK_NEVER;

    (void)os;
    (void)mask;
    (void)mask_size;
    if (limit_ms >= 0)
        deadline_ns = clock_now() + (uint64_t)limit_ms * NS_PER_MILLISECOND;
    return wait_until(epoll_fd, events, room, deadline_ns);
}

static int os_poll(const struct soft_os *os, int fd, int events)
{
    (void)os;
    return sim_system.poll(NULL, fd, events);
}

/* ---- Files --------------------------------------------------------------------------------- */

/* One that has no position has no offsets either. */
static uint64_t place_of(int64_t offset)
{
    return offset < 0 ? FILE_POSITION : (uint64_t)offset;
}

static long os_preadv2(const struct soft_os *os, int fd, const struct iovec *vectors, int count,
                       int64_t offset, int flags)
{
    struct file *file = file_at(fd, "read");

    (void)os;
    (void)flags;
    if (file->kind == FILE_SOCKET)
        return soft_noted("read", fd, soft_receive(socket_of(file), vectors, (size_t)count));
    if (file->operations->read == NULL && file->operations->read_at == NULL)
        return -EBADF;
    regular_file_wait(file);
    return soft_noted("read", fd, file_parts_read(file, vectors, count, place_of(offset)));
}

static uint64_t place_at(const int64_t *offset)
{
    return offset != NULL ? (uint64_t)*offset : FILE_POSITION;
}

static long os_splice(const struct soft_os *os, int fd_in, int64_t *offset_in, int fd_out,
                      int64_t *offset_out, size_t length, unsigned flags)
{
    struct file *from = file_at(fd_in, "splice"), *to = file_at(fd_out, "splice");

    (void)os;
    EXPECT(splice_is_prompt(from, to, flags), "a splice that the program waits for");
    regular_file_wait(from);
    return soft_noted(
        "splice", fd_in,
        splice_move(from, place_at(offset_in), to, place_at(offset_out), (uint32_t)length));
}

static long os_pwritev2(const struct soft_os *os, int fd, const struct iovec *vectors, int count,
                        int64_t offset, int flags)
{
    struct file *file = file_at(fd, "write");

    (void)os;
    (void)flags;
    if (file->kind == FILE_SOCKET)
        return soft_noted("write", fd, soft_transmit(socket_of(file), vectors, (size_t)count));
    if (file->operations->write == NULL && file->operations->write_at == NULL)
        return -EBADF;
    regular_file_wait(file);
    return soft_noted("write", fd, file_parts_write(file, vectors, count, place_of(offset)));
}

static int os_fcntl(const struct soft_os *os, int fd, int command, long argument)
{
    struct file *file = file_at(fd, "fcntl");

    (void)os;
    switch (command) {
    case F_GETFD:
    case F_GETFL:
        return sim_system.fcntl(NULL, fd, command);
    case F_SETFL:
        file->flags = (int)argument | (file->flags & O_CLOEXEC);
        return 0;
    case F_DUPFD_CLOEXEC:
        return file_install(file);
    default:
        FAIL("fcntl %d", command);
    }
}

static int os_fstat(const struct soft_os *os, int fd, struct stat *status)
{
    (void)os;
    memset(status, 0, sizeof *status);
    status->st_mode = (mode_t)sim_system.file_mode(NULL, fd);
    return 0;
}

static int os_close(const struct soft_os *os, int fd)
{
    (void)os;
    return sim_system.close(NULL, fd);
}

static long call_waitid(const long arguments[6])
{
    return sim_system.waitid(NULL, (int)arguments[1], (void *)arguments[2]); /* of a pidfd */
}

static long call_openat(const long arguments[6])
{
    if (chance(KEVY_SIM_FILE_LATE))
        kernel_work(chance_magnitude(1, OPEN_MOST_NS));
    if (chance(KEVY_SIM_FILE_FAILS))
        return chance_one_in(2) ? -EIO : -ENOMEM;
    return regular_file_open(regular_file_find((const char *)arguments[1]), (int)arguments[2]);
}

static long call_fsync(const long arguments[6])
{
    struct file *file = file_at((int)arguments[0], "fsync");

    if (file->kind != FILE_REGULAR)
        return -EINVAL;
    regular_file_wait(file);
    return regular_file_sync(file);
}

static long call_statx(const long arguments[6])
{
    struct file *file = file_at((int)arguments[0], "statx");

    regular_file_wait(file);
    return regular_file_status(file, (void *)arguments[4]);
}

static long call_tee(const long arguments[6])
{
    struct file *from = file_at((int)arguments[0], "tee"), *to = file_at((int)arguments[1], "tee");

    EXPECT(splice_is_prompt(from, to, (uint32_t)arguments[3]), "a tee that the program waits for");
    return splice_tee(from, to, (uint32_t)arguments[2]);
}

/* No SIGPIPE comes, and so none has to be blocked. */
static long call_sigprocmask(const long arguments[6])
{
    (void)arguments;
    return 0;
}

static long call_sigtimedwait(const long arguments[6])
{
    (void)arguments;
    return -EAGAIN;
}

/* The kernel asks for it for its probe. */
static long call_openat2(const long arguments[6])
{
    (void)arguments;
    return -ENOSYS;
}

static long os_call(const struct soft_os *os, long number, const long arguments[6])
{
    static const struct {
        long number;
        const char *name;
        long (*run)(const long arguments[6]);
    } calls[] = {
        {SYS_waitid, "waitid", call_waitid},
        {SYS_openat, "openat", call_openat},
        {SYS_fsync, "fsync", call_fsync},
        {SYS_fdatasync, "fdatasync", call_fsync},
        {SYS_statx, "statx", call_statx},
        {SYS_tee, "tee", call_tee},
        {SYS_rt_sigprocmask, "rt_sigprocmask", call_sigprocmask},
        {SYS_rt_sigtimedwait, "rt_sigtimedwait", call_sigtimedwait},
        {SYS_openat2, "openat2", call_openat2},
    };

    (void)os;
    for (size_t which = 0; which < sizeof calls / sizeof *calls; which++)
        if (calls[which].number == number)
            return soft_noted(calls[which].name, (int)arguments[0], calls[which].run(arguments));
    FAIL("system call %ld", number);
}

/* ---- Memory and time ----------------------------------------------------------------------- */

static int os_map(const struct soft_os *os, size_t size, void **memory)
{
    size_t pages = (size + PAGE - 1) & ~(size_t)(PAGE - 1);

    (void)os;
    if (chance(KEVY_SIM_ALLOCATION))
        return -ENOMEM;
    *memory = aligned_alloc(PAGE, pages);
    assert(*memory != NULL);
    memset(*memory, 0, pages);
    system_state.mappings++;
    return 0;
}

static void os_unmap(const struct soft_os *os, void *memory, size_t size)
{
    (void)os;
    (void)size;
    EXPECT(system_state.mappings > 0, "a mapping is given back twice");
    system_state.mappings--;
    free(memory);
}

static uint64_t os_now_ns(const struct soft_os *os, int clock)
{
    (void)os;
    (void)clock;
    return clock_now();
}

/* Those that are not set are never called: no request of the reactor leads to them. */
static const struct soft_os os_table = {
    .epoll_create = os_epoll_create,
    .epoll_ctl = os_epoll_ctl,
    .epoll_pwait2 = os_epoll_pwait2,
    .epoll_pwait = os_epoll_pwait,
    .poll = os_poll,
    .accept4 = soft_os_accept4,
    .connect = soft_os_connect,
    .recv = soft_os_recv,
    .send = soft_os_send,
    .recvmsg = soft_os_recvmsg,
    .sendmsg = soft_os_sendmsg,
    .getsockopt = soft_os_getsockopt,
    .preadv2 = os_preadv2,
    .pwritev2 = os_pwritev2,
    .splice = os_splice,
    .fcntl = os_fcntl,
    .fstat = os_fstat,
    .close = os_close,
    .call = os_call,
    .map = os_map,
    .unmap = os_unmap,
    .now_ns = os_now_ns,
};

static int enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                 const void *argument, size_t argument_size)
{
    int result;

    world_entered();
    if (flags & KEVY_ENTER_GETEVENTS)
        thread_yield();
    kernel_take_time();
    TRACE("enter submit %u minimum %u flags %x", to_submit, minimum, flags);
    result = kevy_ring_kernel_soft()->enter(state, fd, to_submit, minimum, flags, argument,
                                            argument_size);
    world_note(clock_now());
    return (int)soft_noted("enter", fd, result);
}

const struct kevy_ring_kernel *soft_kernel(void)
{
    system_state.kernel = *kevy_ring_kernel_soft();
    system_state.kernel.context = (void *)(uintptr_t)&os_table;
    system_state.kernel.enter = enter;
    return &system_state.kernel;
}
