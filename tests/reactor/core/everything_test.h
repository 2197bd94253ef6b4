/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EVERYTHING_TEST_H
#define EVERYTHING_TEST_H

/*
 * One scenario that uses every object of a reactor: a listener, a connector and an echo with every
 * way to send, a pair of Unix streams with a descriptor, datagrams, a file, a child, a signal, work
 * on a thread, completions, a task and timers.
 *
 * It goes on whatever fails, and keeps accounts. `reports` counts the errors that somebody was
 * told: by the result of a call, or in a callback. `owed` counts last callbacks that have yet to
 * come. `parts` are those that came to their good end. Where something was reported, what is left
 * is asked to finish after a while: it may wait for what will never come.
 */

#include <kevy/kevy.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reactor_test.h"
#include "scratch.h"

enum {
    COPY = 3000,
    PINNED = 5000,
    ZERO_COPY = 40000,
    RANGE = 20000,
    ALL_BYTES = COPY + PINNED + ZERO_COPY + RANGE,
    DATAGRAMS = 3,
    TICK_MS = 3,
    FINISH_TICKS = 3,  /* after a report */
    STUCK_TICKS = 3000 /* without one */
};

enum {
    PART_ECHO = 1 << 0,
    PART_RIGHTS = 1 << 1,
    PART_DATAGRAMS = 1 << 2,
    PART_FILE = 1 << 3,
    PART_CHILD = 1 << 4,
    PART_SIGNAL = 1 << 5,
    PART_WORK = 1 << 6,
    PART_COMPLETIONS = 1 << 7,
    PART_TASK = 1 << 8,
    PART_TIMER = 1 << 9,
    PARTS_ALL = (1 << 10) - 1
};

/* What outlives a run. */
static struct {
    struct kevy_workers *workers;
    scratch_path path; /* of a file */
    int file_fd;       /* ALL_BYTES of the pattern */
    uint8_t bytes[ALL_BYTES];
} stage;

static struct world {
    struct kevy_reactor *reactor;
    unsigned reports, owed, parts, ticks, reported_at;
    int report; /* the first one */
    bool stuck;
    struct kevy_timer tick, timer;

    struct kevy_listener listener;
    struct kevy_connector connector;
    struct sockaddr_in server_address;
    struct kevy_address address;
    struct kevy_stream client, server;
    struct kevy_send pinned, zero_copy;
    struct iovec pinned_parts[2], zero_copy_part;
    struct kevy_file_range range;
    uint64_t received; /* by the client */

    struct kevy_stream giver, taker;
    struct kevy_buffer kept;
    uint64_t taken;
    bool got_descriptor;

    struct kevy_datagram from, to;
    unsigned datagrams;

    struct kevy_file file;
    struct kevy_file_operation operation;
    char text[8];
    struct statx status;
    unsigned step;

    struct kevy_child child;
    struct kevy_signal watch;
    struct kevy_work work;
    struct kevy_task task;
    struct kevy_completion nop, poll;
    struct kevy_completion_timeout poll_timeout;
    int pipe[2];
} world;

/* Passes a result on; an error in it has been told. */
static int told(int result)
{
    if (result >= 0)
        return result;
    if (world.reports++ == 0) {
        world.report = result;
        world.reported_at = world.ticks;
    }
    return result;
}

/* The same of the start of something that has a last callback. */
static bool started(int result)
{
    world.owed += told(result) >= 0;
    return result >= 0;
}

static void settled(void)
{
    ck_assert_uint_gt(world.owed, 0);
    world.owed--;
}

/* The echo. */

static void server_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)told(kevy_stream_forward(stream, buffer));
}

static void server_close(struct kevy_stream *stream, int reason)
{
    (void)stream;
    settled();
    (void)told(reason);
}

static struct kevy_stream *server_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {.read = server_read, .close = server_close};

    (void)listener;
    (void)started(0);
    return kevy_stream_init(&world.server, &events);
}

static void listener_close(struct kevy_listener *listener)
{
    (void)listener;
    settled();
}

static void send_done(struct kevy_send *send, struct kevy_stream *stream, int result)
{
    (void)send;
    (void)stream;
    settled();
    (void)told(result);
}

static void send_released(struct kevy_send *send, struct kevy_stream *stream)
{
    (void)send;
    (void)stream;
    settled();
}

static void range_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    (void)stream;
    settled();
    if (told(result) >= 0)
        ck_assert_uint_eq(sent, range->length);
}

/* One after the other, as long as all are taken: so what arrives is the beginning. */
static int client_send(void)
{
    const uint8_t *at = stage.bytes;
    int error = kevy_stream_send(&world.client, at, COPY);

    at += COPY;
    world.pinned_parts[0] = (struct iovec){(void *)(uintptr_t)at, PINNED / 2};
    world.pinned_parts[1] = (struct iovec){(void *)(uintptr_t)(at + PINNED / 2), PINNED / 2};
    world.pinned = (struct kevy_send){.parts = world.pinned_parts, .count = 2, .done = send_done};
    at += PINNED;
    world.zero_copy_part = (struct iovec){(void *)(uintptr_t)at, ZERO_COPY};
    world.zero_copy = (struct kevy_send){.parts = &world.zero_copy_part,
                                         .count = 1,
                                         .flags = KEVY_SEND_ZERO_COPY,
                                         .done = send_done,
                                         .released = send_released};
    world.range = (struct kevy_file_range){
        .fd = stage.file_fd, .offset = ALL_BYTES - RANGE, .length = RANGE, .done = range_done};
    if (error >= 0)
        error = kevy_stream_send_pinned(&world.client, &world.pinned);
    if (error < 0)
        return error;
    (void)started(0);
    error = kevy_stream_send_pinned(&world.client, &world.zero_copy);
    if (error < 0)
        return error;
    world.owed += 2;
    error = kevy_stream_send_file(&world.client, &world.range);
    if (error >= 0)
        (void)started(0);
    return error;
}

static void client_open(struct kevy_stream *stream)
{
    kevy_stream_set_watermarks(stream, 1 << 16, 1 << 20);
    (void)told(client_send());
    kevy_stream_shutdown(stream);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)stream;
    ck_assert_uint_le(world.received + buffer->length, ALL_BYTES);
    ck_assert_mem_eq(buffer->data, stage.bytes + world.received, buffer->length);
    world.received += buffer->length;
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)stream;
    settled();
    if (told(reason) == 0 && world.received == ALL_BYTES)
        world.parts |= PART_ECHO;
    kevy_listener_close(&world.listener);
}

static void connector_done(struct kevy_connector *connector, int result)
{
    (void)connector;
    settled();
    if (told(result) < 0)
        kevy_listener_close(&world.listener);
    else
        (void)started(0);
}

static void echo_start(void)
{
    static const struct kevy_stream_events events = {
        .open = client_open, .read = client_read, .close = client_close};
    const struct kevy_listener_options listening = {
        .address = "127.0.0.1", .accept = server_accept, .close = listener_close};
    socklen_t length = sizeof world.server_address;
    struct kevy_connector_options connecting = {
        .stream = &world.client, .addresses = &world.address, .count = 1, .done = connector_done};

    if (!started(kevy_listener_open(&world.listener, world.reactor, &listening)))
        return;
    world.address = (struct kevy_address){(struct sockaddr *)&world.server_address, length};
    kevy_stream_init(&world.client, &events);
    if (told(kevy_listener_address(&world.listener, (struct sockaddr *)&world.server_address,
                                   &length)) < 0 ||
        !started(kevy_connector_start(&world.connector, world.reactor, &connecting)))
        kevy_listener_close(&world.listener);
}

/* A descriptor that travels. */

static void taker_descriptor(struct kevy_stream *stream, int fd)
{
    (void)stream;
    if (told(fd) < 0)
        return;
    world.got_descriptor = true;
    close(fd);
}

static void taker_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)stream;
    world.taken += buffer->length;
    if (world.kept.data == NULL)
        (void)told(kevy_buffer_retain(buffer, &world.kept));
}

static void taker_close(struct kevy_stream *stream, int reason)
{
    (void)stream;
    settled();
    if (world.kept.data != NULL)
        kevy_buffer_release(&world.kept);
    if (told(reason) == 0 && world.got_descriptor && world.taken == 4)
        world.parts |= PART_RIGHTS;
}

static void giver_open(struct kevy_stream *stream)
{
    int fd = dup(stage.file_fd);

    if (told(kevy_stream_send_descriptor(stream, fd, "with", 4)) < 0)
        close(fd);
    kevy_stream_close(stream);
}

static bool adopted(struct kevy_stream *stream, const struct kevy_stream_events *events, int fd)
{
    kevy_stream_init(stream, events);
    if (started(kevy_stream_adopt(stream, world.reactor, fd)))
        return true;
    close(fd);
    return false;
}

static void rights_start(void)
{
    static const struct kevy_stream_events giving = {
        .open = giver_open, .read = client_read, .close = server_close};
    static const struct kevy_stream_events taking = {
        .read = taker_read, .descriptor = taker_descriptor, .close = taker_close};
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    (void)adopted(&world.giver, &giving, pair[0]);
    (void)adopted(&world.taker, &taking, pair[1]);
}

/* Datagrams. */

static void datagram_read(struct kevy_datagram *datagram, struct kevy_datagram_message *message)
{
    ck_assert_uint_eq(message->buffer->length, 100);
    if (++world.datagrams < DATAGRAMS)
        return;
    world.parts |= PART_DATAGRAMS;
    kevy_datagram_close(datagram);
    kevy_datagram_close(&world.from);
}

static void datagram_error(struct kevy_datagram *datagram, int error, const struct sockaddr *peer)
{
    (void)datagram;
    (void)peer;
    (void)told(error);
}

static void datagram_close(struct kevy_datagram *datagram)
{
    (void)datagram;
    settled();
}

static void datagrams_start(void)
{
    struct kevy_datagram_options options = {.address = "127.0.0.1",
                                            .read = datagram_read,
                                            .error = datagram_error,
                                            .close = datagram_close};
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    if (!started(kevy_datagram_open(&world.to, world.reactor, &options)))
        return;
    if (told(kevy_datagram_address(&world.to, (struct sockaddr *)&address, &length)) < 0)
        return;
    options.peer = (const struct sockaddr *)&address;
    options.peer_length = length;
    if (!started(kevy_datagram_open(&world.from, world.reactor, &options)))
        return;
    for (unsigned count = 0; count < DATAGRAMS; count++)
        (void)told(kevy_datagram_send(&world.from, stage.bytes, 100, NULL, 0));
}

/* A file: each operation begins in the `done` of the one before. */

static void file_next(int error);

static void operation_done(struct kevy_file_operation *operation, int result)
{
    (void)operation;
    settled();
    file_next(result);
}

static int step_write(void)
{
    return kevy_file_write(&world.file, &world.operation, "content", 7, 0);
}

static int step_sync(void)
{
    return kevy_file_fsync(&world.file, &world.operation, true);
}

static int step_read(void)
{
    return kevy_file_read(&world.file, &world.operation, world.text, 7, 0);
}

static int step_statx(void)
{
    return kevy_file_statx(&world.file, &world.operation, STATX_SIZE, &world.status);
}

static void file_next(int error)
{
    static int (*const steps[])(void) = {step_write, step_sync, step_read, step_statx};

    world.operation.done = operation_done;
    if (told(error) >= 0 && world.step < sizeof steps / sizeof *steps) {
        if (started(steps[world.step++]()))
            return;
    } else if (error >= 0) {
        ck_assert_str_eq(world.text, "content");
        ck_assert_uint_eq(world.status.stx_size, 7);
        world.parts |= PART_FILE;
    }
    kevy_file_close(&world.file);
}

static void file_open(struct kevy_file *file)
{
    (void)file;
    file_next(0);
}

static void file_close(struct kevy_file *file, int reason)
{
    (void)file;
    settled();
    (void)told(reason);
}

static void file_start(void)
{
    const struct kevy_file_options options = {
        .path = stage.path, .flags = O_RDWR, .open = file_open, .close = file_close};

    (void)started(kevy_file_open(&world.file, world.reactor, &options));
}

/* A child, a signal, work on a thread. */

static void child_done(struct kevy_child *child, int result)
{
    settled();
    if (told(result) < 0)
        ck_assert_int_eq(waitpid(child->pid, NULL, 0), child->pid);
    else if (child->status == 7)
        world.parts |= PART_CHILD;
}

static void child_start_one(void)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0)
        _exit(7);
    if (!started(kevy_child_watch(&world.child, world.reactor, pid, child_done)))
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

static void signal_end(void)
{
    settled();
    kevy_signal_unwatch(&world.watch);
    kevy_reactor_unref(world.reactor);
}

static void signal_fire(struct kevy_signal *watch)
{
    (void)watch;
    world.parts |= PART_SIGNAL;
    signal_end();
}

static void signal_start(void)
{
    if (!started(kevy_signal_watch(&world.watch, world.reactor, SIGUSR1, signal_fire)))
        return;
    kevy_reactor_ref(world.reactor);
    ck_assert_int_eq(raise(SIGUSR1), 0);
}

static int work_run(struct kevy_work *work)
{
    (void)work;
    return 7;
}

static void work_done(struct kevy_work *work, int result)
{
    (void)work;
    settled();
    if (told(result) == 7)
        world.parts |= PART_WORK;
}

/* Completions, a task, a timer. */

static void nop_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    settled();
    (void)told(result);
}

/* Nothing comes through the pipe: its poll has a time limit. */
static void poll_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    settled();
    kevy_completion_timeout_stop(&world.poll_timeout);
    if (result == -ETIMEDOUT)
        world.parts |= PART_COMPLETIONS;
    else
        (void)told(result);
}

static void completions_start(void)
{
    struct kevy_sqe *sqe;

    kevy_completion_init(&world.nop, world.reactor, nop_done);
    kevy_completion_init(&world.poll, world.reactor, poll_done);
    sqe = kevy_completion_sqe(&world.nop);
    if (started(sqe != NULL ? 0 : -EAGAIN))
        kevy_prep_nop(sqe);
    ck_assert_int_eq(pipe2(world.pipe, O_CLOEXEC), 0);
    sqe = kevy_completion_sqe(&world.poll);
    if (!started(sqe != NULL ? 0 : -EAGAIN))
        return;
    kevy_prep_poll(sqe, world.pipe[0], POLLIN);
    kevy_completion_timeout_start(&world.poll_timeout, &world.poll, KEVY_MILLISECONDS(1));
}

static void task_run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    settled();
    world.parts |= PART_TASK;
}

static void timer_fire(struct kevy_timer *timer)
{
    (void)timer;
    settled();
    world.parts |= PART_TIMER;
}

/* The run. */

static void tick_fire(struct kevy_timer *timer)
{
    (void)timer;
    world.ticks++;
    if (world.reports != 0 && world.ticks - world.reported_at >= FINISH_TICKS &&
        !kevy_reactor_finishing(world.reactor))
        kevy_reactor_finish(world.reactor, KEVY_MILLISECONDS(5));
    if (world.ticks < STUCK_TICKS)
        return;
    world.stuck = true;
    kevy_reactor_stop(world.reactor);
}

static void everything_start(void)
{
    echo_start();
    rights_start();
    datagrams_start();
    file_start();
    child_start_one();
    signal_start();
    world.work.run = work_run;
    world.work.done = work_done;
    (void)started(kevy_work_submit(&world.work, stage.workers, world.reactor));
    completions_start();
    world.task.run = task_run;
    kevy_reactor_post(world.reactor, &world.task);
    kevy_timer_start(&world.timer, world.reactor, KEVY_MILLISECONDS(1), timer_fire);
    world.owed += 2;
    kevy_timer_start_periodic(&world.tick, world.reactor, KEVY_MILLISECONDS(TICK_MS), tick_fire);
    kevy_reactor_unref(world.reactor); /* of the tick */
}

/* Ends what a run has left. */
static void everything_end(void)
{
    if (kevy_timer_armed(&world.timer)) /* disarmed without a callback */
        settled();
    if ((world.parts & PART_TASK) == 0) /* dropped */
        settled();
    if (kevy_signal_reactor(&world.watch) != NULL)
        signal_end();
    (void)kevy_reactor_destroy(world.reactor);
    if (world.pipe[0] != 0) {
        close(world.pipe[0]);
        close(world.pipe[1]);
    }
}

static void no_action(int number)
{
    (void)number;
}

static void stage_open(void)
{
    int fd;

    ck_assert(signal(SIGUSR1, no_action) != SIG_ERR);
    pattern_fill(stage.bytes, sizeof stage.bytes, 1, 0);
    stage.file_fd = memfd_create("everything", MFD_CLOEXEC);
    ck_assert_int_eq(write(stage.file_fd, stage.bytes, sizeof stage.bytes), ALL_BYTES);
    fd = scratch_file(stage.path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    ck_assert_int_eq(kevy_workers_create(&stage.workers,
                                         &(struct kevy_workers_options){.threads = 1, .queue = 8}),
                     0);
}

static void stage_close(void)
{
    kevy_workers_destroy(stage.workers);
    ck_assert_int_eq(unlink(stage.path), 0);
    close(stage.file_fd);
}

#endif
