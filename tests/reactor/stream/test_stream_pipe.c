/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Streams that are no sockets: pipes, terminals, devices. */

#include "reactor_test.h"
#include "scratch.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

#include "stream/stream_internal.h"

enum {
    MEGABYTE = 1 << 20,
};

static struct probe probe;
static uint8_t big[MEGABYTE];
static int far_end; /* of the pipe */

static void setup(void)
{
    reactor_setup();
    (void)signal(SIGPIPE, SIG_IGN);
    pattern_fill(big, sizeof big, 1, 0);
}

static void adopt(int fd)
{
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0));
    turn_now();
}

/* A stream that reads a pipe, or writes to one; our end never blocks. */
static void open_pipe(bool reads, int flags)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | flags), 0);
    far_end = ends[reads];
    (void)fcntl(far_end, F_SETFL, O_NONBLOCK);
    adopt(ends[!reads]);
}

static void finish(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    if (far_end >= 0)
        close(far_end);
}

static void far_write(const char *text)
{
    ck_assert_int_eq(write(far_end, text, strlen(text)), (ssize_t)strlen(text));
}

/* Turns and reads `length` bytes of the pattern. Where the kernel writes to a blocking pipe by a
 * thread of its own (6.1), the loop hears nothing until all is written: the pipe is waited for. */
static void far_expect_pattern(size_t length)
{
    static uint8_t data[65536];
    size_t have = 0;

    for (unsigned count = 0; have < length; count++) {
        ssize_t result = read(far_end, data, sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result < 0) {
            ck_assert_int_eq(errno, EAGAIN);
            turn_now();
            (void)poll(&(struct pollfd){.fd = far_end, .events = POLLIN}, 1, 1);
            continue;
        }
        ck_assert_int_gt(result, 0);
        pattern_check(data, (size_t)result, 1, have);
        have += (size_t)result;
    }
}

START_TEST(a_pipe_is_read_to_its_end)
{
    open_pipe(true, _i != 0 ? O_NONBLOCK : 0);
    for (unsigned round = 1; round <= 5; round++) {
        far_write("hello");
        TURN_UNTIL(probe.count == 5 * round);
    }
    close(far_end);
    far_end = -1;
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "ore");
    finish();
}
END_TEST

/* As where the kernel has no multishot read: before 6.7. */
START_TEST(one_read_at_a_time_does_as_well)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | (_i != 0 ? O_NONBLOCK : 0)), 0);
    far_end = ends[1];
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, ends[0]), 0));
    probe.stream.notes |= NOTE_READ_ONCE;
    for (unsigned round = 1; round <= 50; round++) {
        far_write("hello");
        TURN_UNTIL(probe.count == 5 * round);
    }
    turns(10);
    close(far_end);
    far_end = -1;
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "ore");
    finish();
}
END_TEST

/* A stream that reads a pipe with a name, or writes to one. To the kernel that is a device, where
 * its descriptor blocks. */
static void open_named_pipe(bool reads, int flags)
{
    scratch_path folder;
    char path[64];
    int mode = reads ? O_RDONLY : O_WRONLY;
    int keeper;

    ck_assert(scratch_folder(folder));
    snprintf(path, sizeof path, "%s/pipe", folder);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    keeper = open(path, O_RDWR | O_CLOEXEC); /* with which no open waits */
    far_end = open(path, (reads ? O_WRONLY : O_RDONLY) | O_NONBLOCK | O_CLOEXEC);
    adopt(open(path, mode | flags | O_CLOEXEC));
    close(keeper);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(a_named_pipe_is_read_to_its_end)
{
    open_named_pipe(true, _i != 0 ? O_NONBLOCK : 0);
    turns(5);
    far_write("hello");
    TURN_UNTIL(probe.count == 5);
    turns(5);
    close(far_end);
    far_end = -1;
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "ore");
    finish();
}
END_TEST

START_TEST(a_pipe_is_written_in_order_though_it_fills)
{
    open_pipe(false, _i != 0 ? O_NONBLOCK : 0);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 1 << 22);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 10), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big + 10, MEGABYTE - 10), 0));
    far_expect_pattern(MEGABYTE);
    finish();
}
END_TEST

START_TEST(a_full_pipe_does_not_spin)
{
    uint64_t before;

    open_pipe(false, _i != 0 ? O_NONBLOCK : 0);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 1 << 22);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, MEGABYTE), 0));
    turns(30);
    before = stats_now().completions;
    turns(30);
    ck_assert_uint_le(stats_now().completions, before + 1);
    finish();
}
END_TEST

START_TEST(an_empty_pipe_does_not_spin)
{
    uint64_t before;

    open_pipe(true, _i != 0 ? O_NONBLOCK : 0);
    turns(30);
    before = stats_now().completions;
    turns(30);
    ck_assert_uint_le(stats_now().completions, before + 1);
    finish();
}
END_TEST

START_TEST(close_flushes_and_then_the_reader_sees_the_end)
{
    char rest;

    open_pipe(false, 0);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 1 << 22);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 300000), 0));
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(10);
    ck_assert(!probe.closed);
    far_expect_pattern(300000);
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_int_eq(read(far_end, &rest, 1), 0);
    close(far_end);
}
END_TEST

START_TEST(close_of_a_reading_pipe_waits_for_nobody)
{
    open_pipe(true, 0);
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(10);
    ck_assert(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
    close(far_end);
}
END_TEST

START_TEST(a_reader_that_is_gone_ends_the_stream)
{
    open_pipe(false, 0);
    close(far_end);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -EPIPE);
}
END_TEST

START_TEST(a_reader_that_leaves_a_full_pipe_ends_the_stream)
{
    if (_i / 2 != 0)
        open_named_pipe(false, _i % 2 != 0 ? O_NONBLOCK : 0);
    else
        open_pipe(false, _i % 2 != 0 ? O_NONBLOCK : 0);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 1 << 22);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, MEGABYTE), 0));
    turns(20);
    close(far_end);
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -EPIPE);
}
END_TEST

START_TEST(each_end_does_what_it_can)
{
    open_pipe(true, 0);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), -EOPNOTSUPP);
    finish();
    open_pipe(false, 0);
    turns(10);
    ck_assert_str_eq(probe.log, "o"); /* no end, for there is nothing to read */
    finish();
}
END_TEST

START_TEST(pause_holds_back_and_resume_goes_on)
{
    open_pipe(true, 0);
    QUIETLY(kevy_stream_pause(&probe.stream));
    far_write("first");
    turns(10);
    far_write("second");
    turns(10);
    ck_assert_uint_eq(probe.count, 0);
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 11);
    finish();
}
END_TEST

START_TEST(the_null_device_is_read_and_written)
{
    far_end = -1;
    adopt(open("/dev/null", O_RDWR | O_CLOEXEC | (_i != 0 ? O_NONBLOCK : 0)));
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "oe");
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "gone", 4), 0));
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    finish();
}
END_TEST

/* A terminal of which the stream is the master. */
static void open_terminal(int flags, const struct kevy_stream_events *events)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);

    ck_assert_int_ge(terminal, 0);
    ck_assert_int_eq(fcntl(terminal, F_SETFL, flags), 0);
    ck_assert_int_eq(grantpt(terminal), 0);
    ck_assert_int_eq(unlockpt(terminal), 0);
    far_end = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    ck_assert_int_ge(far_end, 0);
    probe_init(&probe, events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, terminal), 0));
}

START_TEST(a_terminal_echoes)
{
    char line[32] = "";

    open_terminal(0, &probe_events);
    turn_now();
    far_write("hello");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "typed\n", 6), 0));
    TURN_UNTIL(read(far_end, line, sizeof line) == 6);
    ck_assert_str_eq(line, "typed\n");
    finish();
}
END_TEST

/* The kernel says -EIO there. By multishot and one by one, on a blocking master and on another. */
START_TEST(a_terminal_ends_when_its_other_side_is_closed)
{
    open_terminal(_i % 2 != 0 ? O_NONBLOCK : 0, &probe_events);
    if (_i / 2 != 0)
        probe.stream.notes |= NOTE_READ_ONCE;
    turns(5);
    far_write("hello");
    close(far_end);
    far_end = -1;
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "ore");
    ck_assert_uint_eq(probe.count, 5);
    turns(5);
    ck_assert_str_eq(probe.log, "ore");
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(a_terminal_without_an_end_callback_closes_cleanly_at_its_end)
{
    open_terminal(0, &probe_events_close_only);
    turns(5);
    close(far_end);
    far_end = -1;
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

/* `fd` is standard input or output, and one end of a pipe meanwhile. */
static int replace(int fd, int with)
{
    int kept = fcntl(fd, F_DUPFD_CLOEXEC, 3);

    ck_assert_int_eq(dup2(with, fd), fd);
    close(with);
    return kept;
}

START_TEST(standard_input_and_output_are_streams)
{
    static struct probe output;
    int in[2], out[2], kept[2];
    char text[16] = "";

    ck_assert_int_eq(pipe2(in, O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(out, O_CLOEXEC | O_NONBLOCK), 0);
    kept[0] = replace(STDIN_FILENO, in[0]);
    kept[1] = replace(STDOUT_FILENO, out[1]);
    probe_init(&output, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&output.stream, reactor, STDOUT_FILENO), 0));
    far_end = in[1];
    adopt(STDIN_FILENO);
    far_write("typed");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&output.stream, "printed", 7), 0));
    TURN_UNTIL(read(out[0], text, sizeof text) == 7);
    ck_assert_str_eq(text, "printed");
    QUIETLY(kevy_stream_abort(&output.stream));
    probe_finish(&output);
    finish();
    ck_assert_int_eq(dup2(kept[0], STDIN_FILENO), STDIN_FILENO);
    ck_assert_int_eq(dup2(kept[1], STDOUT_FILENO), STDOUT_FILENO);
    close(kept[0]);
    close(kept[1]);
    close(out[0]);
}
END_TEST

static void forward_on(struct probe *reader, struct kevy_buffer *buffer)
{
    (void)reader;
    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&probe.stream, buffer), 0));
}

START_TEST(received_bytes_are_forwarded_into_a_pipe)
{
    static struct probe reader;

    open_pipe(false, 0);
    probe_tcp(&reader, &probe_events);
    reader.on_read = forward_on;
    turn_now();
    for (size_t position = 0; position < 5000; position += 1000) {
        peer_write(reader.peer, big + position, 1000);
        turns(5);
    }
    far_expect_pattern(5000);
    QUIETLY(kevy_stream_abort(&reader.stream));
    probe_finish(&reader);
    finish();
}
END_TEST

START_TEST(what_is_no_stream_is_refused)
{
    FILE *file = tmpfile();

    probe_init(&probe, &probe_events);
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fileno(file)), -EINVAL);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, 1000000), -EBADF);
    fclose(file);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_pipe");
    TCase *pipes = tcase_create("pipes");
    TCase *others = tcase_create("others");

    tcase_add_checked_fixture(pipes, setup, reactor_teardown);
    tcase_add_loop_test(pipes, a_pipe_is_read_to_its_end, 0, 2);
    tcase_add_loop_test(pipes, a_named_pipe_is_read_to_its_end, 0, 2);
    tcase_add_loop_test(pipes, one_read_at_a_time_does_as_well, 0, 2);
    tcase_add_loop_test(pipes, a_pipe_is_written_in_order_though_it_fills, 0, 2);
    tcase_add_loop_test(pipes, a_full_pipe_does_not_spin, 0, 2);
    tcase_add_loop_test(pipes, an_empty_pipe_does_not_spin, 0, 2);
    tcase_add_test(pipes, close_flushes_and_then_the_reader_sees_the_end);
    tcase_add_test(pipes, close_of_a_reading_pipe_waits_for_nobody);
    tcase_add_test(pipes, a_reader_that_is_gone_ends_the_stream);
    tcase_add_loop_test(pipes, a_reader_that_leaves_a_full_pipe_ends_the_stream, 0, 4);
    tcase_add_test(pipes, each_end_does_what_it_can);
    tcase_add_test(pipes, pause_holds_back_and_resume_goes_on);
    suite_add_tcase(suite, pipes);
    tcase_add_checked_fixture(others, setup, reactor_teardown);
    tcase_add_loop_test(others, the_null_device_is_read_and_written, 0, 2);
    tcase_add_test(others, standard_input_and_output_are_streams);
    tcase_add_test(others, a_terminal_echoes);
    tcase_add_loop_test(others, a_terminal_ends_when_its_other_side_is_closed, 0, 4);
    tcase_add_test(others, a_terminal_without_an_end_callback_closes_cleanly_at_its_end);
    tcase_add_test(others, received_bytes_are_forwarded_into_a_pipe);
    tcase_add_test(others, what_is_no_stream_is_refused);
    suite_add_tcase(suite, others);
    return suite;
}
