/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A process for which the kernel can make no worker thread, as at RLIMIT_NPROC or at pids.max of a
 * container. What needs one the kernel cancels by itself, which must not look as if its user had.
 */

#include "reactor_test.h"
#include "scratch.h"

#include <fcntl.h>
#include <grp.h>
#include <kevy/ring.h>
#include <kevy/ring_prep.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum {
    BYTES = 300000,
    NOBODY = 65534,
};

static struct probe probe;
static uint8_t data[BYTES];
static int file_fd;

/* Each test is a process of its own. Root has no such limit, so the test is nobody from here on. */
static bool no_more_threads(void)
{
    struct rlimit limit;
    pid_t pid;

    if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
                           setresuid(NOBODY, NOBODY, NOBODY) != 0))
        return false;
    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = 1;
    if (setrlimit(RLIMIT_NPROC, &limit) != 0)
        return false;
    pid = fork();
    if (pid == 0)
        _exit(0);
    if (pid > 0)
        (void)waitpid(pid, NULL, 0);
    return pid < 0;
}

/* LeakSanitizer looks from a thread of its own, which may trace this process. */
static void threads_again(void)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NPROC, &limit);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NPROC, &limit), 0);
    ck_assert_int_eq(prctl(PR_SET_DUMPABLE, 1), 0);
}

static void setup(void)
{
    scratch_path path;

    pattern_fill(data, BYTES, 1, 0);
    file_fd = scratch_file(path);
    ck_assert_int_ge(file_fd, 0);
    unlink(path);
    ck_assert_int_eq(write(file_fd, data, BYTES), BYTES);
    ck_assert(no_more_threads());
    reactor_setup();
}

static void teardown(void)
{
    reactor_teardown();
    close(file_fd);
    threads_again();
}

static unsigned ranges_done;
static int range_result;

static void range_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    (void)range;
    (void)stream;
    ranges_done++;
    range_result = result;
    ck_assert(result != 0 || sent == BYTES);
}

START_TEST(a_range_of_a_file_is_copied)
{
    struct kevy_file_range range = {.fd = file_fd, .length = BYTES, .done = range_done};
    uint64_t count = 0;

    probe_tcp(&probe, &probe_events);
    turns(3);
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), 0));
    while (count < BYTES) {
        static uint8_t part[BYTES];
        int result = peer_read(probe.peer, part, sizeof part);

        if (result > 0) {
            ck_assert_mem_eq(part, data + count, (size_t)result);
            count += (uint64_t)result;
        } else {
            ck_assert_int_eq(result, -EAGAIN);
            ck_assert(ranges_done == 0 || range_result == 0);
            turns(1);
        }
    }
    TURN_UNTIL(ranges_done);
    ck_assert_int_eq(range_result, 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static unsigned operations_done;
static int operation_result;
static bool file_closed;

static void operation_note(struct kevy_file_operation *operation, int result)
{
    (void)operation;
    operations_done++;
    operation_result = result;
}

static void closed_note(struct kevy_file *file, int reason)
{
    (void)file;
    file_closed = true;
    ck_assert_int_eq(reason, 0);
}

/* fsync(2) always takes a worker. */
START_TEST(an_operation_on_a_file_does_not_look_cancelled)
{
    struct kevy_file_operation operation = {.done = operation_note};
    struct kevy_file_options options = {.close = closed_note};
    struct kevy_file file = {0};

    ck_assert_int_eq(kevy_file_adopt(&file, reactor, dup(file_fd), &options), 0);
    turns(2);
    QUIETLY(ck_assert_int_eq(kevy_file_fsync(&file, &operation, false), 0));
    TURN_UNTIL(operations_done);
    ck_assert_int_eq(operation_result, -EAGAIN);
    QUIETLY(kevy_file_close(&file));
    TURN_UNTIL(file_closed);
}
END_TEST

static int open_reason = 1;

static void not_opened(struct kevy_file *file, int reason)
{
    (void)file;
    open_reason = reason;
}

/* What opens for writing and cuts the file takes one. */
START_TEST(an_opening_does_not_look_cancelled)
{
    struct kevy_file_options options = {
        .path = "/dev/null", .flags = O_WRONLY | O_TRUNC, .close = not_opened};
    struct kevy_file file = {0};

    ck_assert_int_eq(kevy_file_open(&file, reactor, &options), 0);
    TURN_UNTIL(open_reason != 1);
    ck_assert_int_eq(open_reason, -EAGAIN);
}
END_TEST

/* Opens both ends of a named pipe that blocks. */
static bool named_pipe(int *reader, int *writer)
{
    scratch_path path;
    char fifo[64];

    if (!scratch_folder(path))
        return false;
    snprintf(fifo, sizeof fifo, "%s/fifo", path);
    if (mkfifo(fifo, 0600) != 0)
        return false;
    *reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    *writer = open(fifo, O_WRONLY | O_CLOEXEC);
    unlink(fifo);
    rmdir(path);
    return *reader >= 0 && *writer >= 0 && fcntl(*reader, F_SETFL, 0) == 0;
}

/* A stream that waits for a named pipe, into which bytes come. Returns the end for writing. */
static int named_pipe_adopt(void)
{
    int fd, writer;

    ck_assert(named_pipe(&fd, &writer));
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0));
    turns(3);
    ck_assert_int_eq(write(writer, "bye", 3), 3);
    return writer;
}

/* Of a named pipe that blocks a worker finds the end. */
START_TEST(the_end_of_a_named_pipe_is_told_and_does_not_spin)
{
    int writer = named_pipe_adopt();

    TURN_UNTIL(probe.count == 3);
    close(writer);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    QUIETLY(kevy_stream_close(&probe.stream));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(a_named_pipe_that_workers_alone_can_read_is_closed)
{
    int writer = named_pipe_adopt();

    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -EAGAIN);
    close(writer);
}
END_TEST

/* In a process of its own, because it gives up what root may. */
static bool in_a_child(bool (*holds)(void))
{
    int status = 1;
    pid_t pid = fork();

    if (pid == 0)
        _exit(holds() ? 0 : 1);
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* A named pipe is read without a worker when bytes come. Linux 6.1 gives the read to one then. */
static bool pipe_is_read(void)
{
    struct kevy_ring ring = {0};
    const struct kevy_cqe *cqe;
    char bytes[2];
    int fd, writer;

    if (!named_pipe(&fd, &writer) || !no_more_threads() || kevy_ring_init(&ring, 4, NULL) < 0)
        return false;
    kevy_prep_read(kevy_ring_sqe(&ring, 1), fd, bytes, sizeof bytes, KEVY_OFFSET_CURRENT);
    if (kevy_ring_submit(&ring) != 1 || write(writer, "x", 1) != 1 ||
        kevy_ring_submit_and_wait(&ring, 1) < 0)
        return false;
    cqe = kevy_ring_next(&ring);
    return cqe != NULL && cqe->res == 1;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("no_worker");
    TCase *tests = tcase_create("tests");

    if (in_a_child(no_more_threads)) {
        tcase_add_checked_fixture(tests, setup, teardown);
        tcase_set_timeout(tests, 20);
        tcase_add_test(tests, a_range_of_a_file_is_copied);
        tcase_add_test(tests, an_operation_on_a_file_does_not_look_cancelled);
        tcase_add_test(tests, an_opening_does_not_look_cancelled);
        if (in_a_child(pipe_is_read))
            tcase_add_test(tests, the_end_of_a_named_pipe_is_told_and_does_not_spin);
        else
            tcase_add_test(tests, a_named_pipe_that_workers_alone_can_read_is_closed);
    } else {
        support_skip("no_worker", "RLIMIT_NPROC does not bind this process");
    }
    suite_add_tcase(suite, tests);
    return suite;
}
