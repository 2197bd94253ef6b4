/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Requests that end with -EINTR, of each kind, several times in a row: nothing ends by that, and
 * nothing is lost. The kernel sees a NOP with that answer in the place of the request. A connect is
 * begun as well, and a close done, as a signal would leave them.
 */

#include "stream/connector_test.h"
#include "datagram/datagram_test.h"

#include "fault_kernel.h"

#include "core/reactor.h"
#include "system/system_internal.h"

#include <kevy/ring_prep.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

enum { TIMES = 3, PARTS = 4, PART = 10000 };

static uint8_t opcode; /* of the requests that are interrupted */
static unsigned left, interrupted;
static uint8_t bytes[PARTS * PART];

static void interrupt_some(struct kevy_sqe *sqe)
{
    if (sqe->opcode != opcode || left == 0)
        return;
    left--;
    interrupted++;
    if (opcode == KEVY_OP_CONNECT)
        (void)connect(sqe->fd, (const struct sockaddr *)(uintptr_t)sqe->addr, (socklen_t)sqe->off);
    if (opcode == KEVY_OP_CLOSE)
        (void)close(sqe->fd);
    kevy_prep_nop_result(sqe, -EINTR);
}

/* A request of a Unix socket, of which nothing is left. */
static void interrupt_only(struct kevy_sqe *sqe)
{
    if (sqe->opcode != opcode || interrupted++ > 0)
        return;
    kevy_prep_nop_result(sqe, -EINTR);
}

/* The next requests of that kind are. */
static void interrupt(uint8_t which, unsigned times)
{
    opcode = which;
    left = times;
    interrupted = 0;
    fault_rewrite_set(&reactor->ring, interrupt_some);
}

static void interrupting_setup(void)
{
    setup();
    pattern_fill(bytes, sizeof bytes, 1, 0);
}

static void interrupting_teardown(void)
{
    fault_reset();
    teardown();
}

/* Several parts, so that there is more in the queue than one buffer, and both ways. */
static void stream_talks(void)
{
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    for (unsigned part = 0; part < PARTS; part++)
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, bytes + (size_t)part * PART, PART),
                                 0));
    peer_expect(probe.peer, bytes, sizeof bytes);
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}

static const uint8_t stream_opcodes[] = {KEVY_OP_RECV, KEVY_OP_SEND, KEVY_OP_SENDMSG};

START_TEST(a_stream_outlives_interrupted_requests)
{
    interrupt(stream_opcodes[_i], TIMES);
    probe_tcp(&probe, &probe_events);
    if (opcode == KEVY_OP_SEND) { /* a single buffer is one */
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "one", 3), 0));
        peer_expect_text(probe.peer, "one");
    }
    stream_talks();
    ck_assert_uint_ge(interrupted, 1);
}
END_TEST

static unsigned releases;

static void released(struct kevy_send *send, struct kevy_stream *stream)
{
    (void)send;
    (void)stream;
    releases++;
}

START_TEST(a_zero_copy_send_that_is_interrupted_is_sent_again)
{
    static const struct iovec parts = {.iov_base = bytes, .iov_len = sizeof bytes};
    static struct kevy_send send = {
        .parts = &parts, .count = 1, .flags = KEVY_SEND_ZERO_COPY, .released = released};

    interrupt(KEVY_OP_SEND_ZC, TIMES);
    probe_tcp(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &send), 0));
    peer_expect(probe.peer, bytes, sizeof bytes);
    ck_assert_uint_eq(interrupted, TIMES);
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_eq(releases, 1);
}
END_TEST

START_TEST(a_connect_that_is_interrupted_goes_on)
{
    struct sockaddr_in address;
    int listening = plain_listen(&address);

    interrupt(KEVY_OP_CONNECT, 1);
    QUIETLY(
        ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&address,
                                             sizeof address, KEVY_FOREVER),
                         0));
    TURN_UNTIL(probe.log_end != probe.log);
    ck_assert_str_eq(probe.log, "o");
    ck_assert_uint_eq(interrupted, 1);
    probe.peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    close(listening);
    stream_talks();
}
END_TEST

START_TEST(an_interrupted_connect_that_fails_says_why)
{
    add_refusing();
    interrupt(KEVY_OP_CONNECT, 1);
    QUIETLY(ck_assert_int_eq(
        kevy_stream_connect(&probe.stream, reactor, list[0].address, list[0].length, KEVY_FOREVER),
        0));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECONNREFUSED);
    ck_assert_uint_eq(interrupted, 1);
}
END_TEST

START_TEST(attempts_that_are_interrupted_go_on)
{
    struct place *place;

    add_refusing();
    place = add_listening();
    interrupt(KEVY_OP_CONNECT, TIMES);
    start();
    check_end(0);
    check_connected_to(place);
    ck_assert_uint_eq(interrupted, 2);
    ck_assert_uint_eq(failure_count, 1);
    ck_assert_int_eq(failures[0].error, -ECONNREFUSED);
}
END_TEST

static unsigned accepted;

static struct kevy_stream *accept_probe(struct kevy_listener *listener)
{
    (void)listener;
    accepted++;
    return &probe.stream;
}

START_TEST(a_listener_outlives_interrupted_accepts)
{
    static struct kevy_listener listener;
    const struct kevy_listener_options listening = {.address = "127.0.0.1", .accept = accept_probe};

    interrupt(KEVY_OP_ACCEPT, TIMES);
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &listening), 0);
    probe.peer = plain_connect(kevy_listener_port(&listener));
    TURN_UNTIL(accepted == 1);
    ck_assert_uint_eq(interrupted, TIMES);
    QUIETLY(kevy_listener_close(&listener));
    stream_talks();
}
END_TEST

static const uint8_t datagram_opcodes[] = {KEVY_OP_RECVMSG, KEVY_OP_SENDMSG};

START_TEST(a_datagram_socket_outlives_interrupted_requests)
{
    static struct post post;
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);
    char text[8];

    interrupt(datagram_opcodes[_i], TIMES);
    post_open(&post);
    plain_send_numbers(fd, &post, 0, 1);
    TURN_UNTIL(post.reads == 1);
    ck_assert_int_eq(send_to(&post, "back", 4, &peer), 0);
    ck_assert_int_eq(plain_receive(fd, text, sizeof text), 4);
    ck_assert_uint_eq(interrupted, TIMES);
    ck_assert_uint_eq(post.errors, 0);
    post_end(&post);
    close(fd);
}
END_TEST

static unsigned exits;

static void exit_note(struct kevy_child *child, int outcome)
{
    ck_assert_int_eq(outcome, 0);
    ck_assert_int_eq(child->status, 7);
    exits++;
}

/* By the ring's own waitid, where there is one, and by a poll. */
START_TEST(a_child_is_reaped_though_its_wait_is_interrupted)
{
    static struct kevy_child child;
    int hold[2];
    char byte;
    pid_t pid;

    ck_assert_int_eq(pipe(hold), 0);
    pid = fork();
    if (pid == 0) {
        close(hold[1]);
        _exit(read(hold[0], &byte, 1) == 0 ? 7 : 8);
    }
    close(hold[0]);
    interrupt(_i == 0 ? KEVY_OP_WAITID : KEVY_OP_POLL_ADD, TIMES);
    ck_assert_int_eq(child_start(&child, reactor, pid, exit_note, _i != 0), 0);
    turns(2 * TIMES);
    close(hold[1]);
    TURN_UNTIL(exits == 1);
    ck_assert(interrupted == TIMES || _i == 0);
}
END_TEST

static unsigned runs;

static void run(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
    runs++;
}

static void *post_one(void *task)
{
    kevy_reactor_post(reactor, task);
    return NULL;
}

START_TEST(the_loop_is_woken_though_its_own_poll_was_interrupted)
{
    static struct kevy_task task = {.run = run};
    pthread_t thread;

    interrupt(KEVY_OP_POLL_ADD, TIMES);
    turns(2 * TIMES);
    ck_assert_uint_eq(interrupted, TIMES);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_one, &task), 0);
    TURN_UNTIL(runs == 1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

static const uint8_t pipe_opcodes[] = {KEVY_OP_READ_MULTISHOT, KEVY_OP_READ};

START_TEST(a_pipe_outlives_interrupted_reads)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | (_i == 0 ? O_NONBLOCK : 0)), 0);
    interrupt(pipe_opcodes[_i], TIMES);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, ends[0]), 0);
    turns(2 * TIMES);
    ck_assert_int_eq(write(ends[1], "hello", 5), 5);
    TURN_UNTIL(probe.count == 5);
    close(ends[1]);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_ge(interrupted, 1);
}
END_TEST

START_TEST(what_was_queued_for_a_pipe_outlives_interrupted_writes)
{
    static uint8_t arrived[sizeof bytes];
    size_t length = 0;
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    interrupt(KEVY_OP_WRITEV, TIMES);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, ends[1]), 0);
    for (unsigned part = 0; part < PARTS; part++)
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, bytes + (size_t)part * PART, PART),
                                 0));
    QUIETLY(kevy_stream_close(&probe.stream));
    while (length < sizeof bytes) {
        ssize_t got = read(ends[0], arrived + length, sizeof arrived - length);

        turn_now();
        length += got > 0 ? (size_t)got : 0;
    }
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_mem_eq(arrived, bytes, sizeof bytes);
    ck_assert_uint_eq(interrupted, TIMES);
    close(ends[0]);
}
END_TEST

START_TEST(a_descriptor_is_closed_once_though_its_close_is_interrupted)
{
    int descriptors = support_fd_count();

    interrupt(KEVY_OP_CLOSE, TIMES);
    probe_tcp(&probe, &probe_events);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECANCELED);
    ck_assert_uint_eq(interrupted, 1);
    ck_assert_int_eq(support_fd_count(), descriptors);
}
END_TEST

static unsigned ranges;

static void range_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    (void)stream;
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(sent, range->length);
    ranges++;
}

static int64_t no_sendfile(void *context, int fd, int file_fd, uint64_t offset, size_t length)
{
    (void)context;
    (void)fd;
    (void)file_fd;
    (void)offset;
    (void)length;
    return -EINVAL;
}

/* Copied, by reads of the file; or from the page cache, with polls of the socket. */
START_TEST(a_file_range_outlives_interrupted_requests)
{
    static struct kevy_file_range range;
    static struct kevy_system system;
    uint64_t count;

    system = *kevy_system_host();
    if (_i == 0)
        system.sendfile = no_sendfile;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &system});
    interrupt(_i == 0 ? KEVY_OP_READV : KEVY_OP_POLL_ADD, TIMES);
    range = (struct kevy_file_range){.length = 8 << 20, .done = range_done};
    range.fd = memfd_create("range", MFD_CLOEXEC);
    ck_assert_int_eq(fallocate(range.fd, 0, 0, (off_t)range.length), 0);
    probe_tcp(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), 0));
    turns(2 * TIMES);
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(peer_drain(probe.peer, &count), 0);
    ck_assert_uint_eq(count, range.length);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_eq(ranges, 1);
    ck_assert_uint_eq(interrupted, TIMES);
    close(range.fd);
}
END_TEST

START_TEST(what_a_closing_datagram_socket_has_queued_outlives_interrupted_sends)
{
    static struct post post;
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);
    char text[8];

    interrupt(KEVY_OP_SENDMSG, TIMES);
    post_open(&post);
    ck_assert_int_eq(send_to(&post, "one", 3, &peer), 0);
    ck_assert_int_eq(send_to(&post, "more", 4, &peer), 0);
    post_end(&post);
    ck_assert_uint_eq(interrupted, TIMES);
    ck_assert_int_eq(
        recv(fd, text, sizeof text, MSG_DONTWAIT) + recv(fd, text, sizeof text, MSG_DONTWAIT), 7);
    close(fd);
}
END_TEST

/* Without room for its address it cannot be made again, and nothing may be told as open. */
START_TEST(an_interrupted_unix_connect_is_made_again_or_fails)
{
    struct sockaddr_un place;
    socklen_t length = unix_name(&place, "interrupted");
    int listening;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_size = _i == 0 ? 4096 : 64});
    listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listening, (const void *)&place, length), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    opcode = KEVY_OP_CONNECT;
    fault_rewrite_set(&reactor->ring, interrupt_only);
    QUIETLY(ck_assert_int_eq(
        kevy_stream_connect(&probe.stream, reactor, (const void *)&place, length, KEVY_FOREVER),
        0));
    TURN_UNTIL(probe.log_end != probe.log);
    ck_assert_str_eq(probe.log, _i == 0 ? "o" : "c");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, _i == 0 ? -ECANCELED : -EINTR);
    close(listening);
}
END_TEST

static int outcome;
static unsigned outcomes, files_closed;

static void operation_told(struct kevy_file_operation *operation, int result)
{
    (void)operation;
    outcome = result;
    outcomes++;
}

static void file_told(struct kevy_file *file, int reason)
{
    (void)file;
    ck_assert_int_eq(reason, 0);
    files_closed++;
}

/* Its user is told, who alone knows whether it may be done twice. */
START_TEST(an_interrupted_operation_of_a_file_ends_the_operation_alone)
{
    static struct kevy_file file;
    static struct kevy_file_operation operation = {.done = operation_told};
    char text[4];

    ck_assert_int_eq(kevy_file_adopt(&file, reactor, memfd_create("file", MFD_CLOEXEC),
                                     &(struct kevy_file_options){.close = file_told}),
                     0);
    interrupt(KEVY_OP_WRITE, 1);
    ck_assert_int_eq(kevy_file_write(&file, &operation, "text", 4, 0), 0);
    TURN_UNTIL(outcomes == 1);
    ck_assert_int_eq(outcome, -EINTR);
    ck_assert_int_eq(kevy_file_write(&file, &operation, "text", 4, 0), 0);
    TURN_UNTIL(outcomes == 2);
    ck_assert_int_eq(outcome, 4);
    interrupt(KEVY_OP_READ, 1);
    ck_assert_int_eq(kevy_file_read(&file, &operation, text, 4, 0), 0);
    TURN_UNTIL(outcomes == 3);
    ck_assert_int_eq(outcome, -EINTR);
    interrupt(KEVY_OP_CLOSE, 1);
    kevy_file_close(&file);
    TURN_UNTIL(files_closed == 1);
}
END_TEST

static unsigned fired;

static void signal_note(struct kevy_signal *watch)
{
    (void)watch;
    fired++;
}

static unsigned reads_left;

static int64_t interrupted_read(void *context, int fd, void *data, size_t size)
{
    if (reads_left > 0) {
        reads_left--;
        return -EINTR;
    }
    return kevy_system_host()->read(context, fd, data, size);
}

START_TEST(a_signal_is_told_though_its_requests_are_interrupted)
{
    static struct kevy_signal watch;
    static struct kevy_system system;

    system = *kevy_system_host();
    system.read = interrupted_read;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &system});
    turns(2);
    interrupt(KEVY_OP_POLL_ADD, TIMES);
    ck_assert_int_eq(kevy_signal_watch(&watch, reactor, SIGUSR1, signal_note), 0);
    turns(2 * TIMES);
    ck_assert_uint_eq(interrupted, TIMES);
    reads_left = TIMES;
    ck_assert_int_eq(raise(SIGUSR1), 0);
    TURN_UNTIL(fired == 1);
    ck_assert_uint_eq(reads_left, 0);
    kevy_signal_unwatch(&watch);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("interrupted");
    TCase *tests = tcase_create("interrupted");

    reactor_kernel = fault_kernel();
    suite_add_tcase(suite, tests);
    if (!fault_results_offered()) {
        support_skip("interrupted", "no NOP with a result of one's own: Linux 6.10");
        return suite;
    }
    tcase_add_checked_fixture(tests, interrupting_setup, interrupting_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(tests, a_stream_outlives_interrupted_requests, 0, 3);
    tcase_add_test(tests, a_zero_copy_send_that_is_interrupted_is_sent_again);
    tcase_add_test(tests, a_connect_that_is_interrupted_goes_on);
    tcase_add_test(tests, an_interrupted_connect_that_fails_says_why);
    tcase_add_test(tests, attempts_that_are_interrupted_go_on);
    tcase_add_test(tests, a_listener_outlives_interrupted_accepts);
    tcase_add_loop_test(tests, a_datagram_socket_outlives_interrupted_requests, 0, 2);
    tcase_add_loop_test(tests, a_child_is_reaped_though_its_wait_is_interrupted, 0, 2);
    tcase_add_test(tests, the_loop_is_woken_though_its_own_poll_was_interrupted);
    tcase_add_loop_test(tests, a_pipe_outlives_interrupted_reads, 0, 2);
    tcase_add_test(tests, what_was_queued_for_a_pipe_outlives_interrupted_writes);
    tcase_add_test(tests, a_descriptor_is_closed_once_though_its_close_is_interrupted);
    tcase_add_loop_test(tests, a_file_range_outlives_interrupted_requests, 0, 2);
    tcase_add_test(tests, what_a_closing_datagram_socket_has_queued_outlives_interrupted_sends);
    tcase_add_loop_test(tests, an_interrupted_unix_connect_is_made_again_or_fails, 0, 2);
    tcase_add_test(tests, an_interrupted_operation_of_a_file_ends_the_operation_alone);
    tcase_add_test(tests, a_signal_is_told_though_its_requests_are_interrupted);
    return suite;
}
