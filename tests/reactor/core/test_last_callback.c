/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* In its last callback an object is the user's memory again: freed there, or started anew. */

#include "reactor_test.h"

#include <sys/mman.h>
#include <sys/wait.h>

static unsigned ended;
static struct probe probe;

static void *make(size_t size)
{
    void *object = calloc(1, size);

    ck_assert_ptr_nonnull(object);
    return object;
}

/* Whoever looks at it again finds nonsense, and under AddressSanitizer the end. */
static void scrap(void *object, size_t size)
{
    ck_assert_uint_eq(quiet_depth, 0);
    memset(object, 0xEE, size);
    free(object);
    ended++;
}

static struct kevy_stream *stream;
static int peers[2];

static void stream_again(struct kevy_stream *again, int reason)
{
    int fd;

    ck_assert_int_eq(reason, -ECANCELED);
    if (ended != 0) {
        scrap(again, sizeof *again);
        return;
    }
    ended++;
    tcp_pair(&fd, &peers[1]);
    ck_assert_int_eq(kevy_stream_adopt(again, reactor, fd), 0);
    ck_assert_int_eq(kevy_stream_send(again, "xy", 2), 0);
    ck_assert_int_eq(kevy_stream_send(again, "z", 1), -EAGAIN);
}

START_TEST(a_stream_is_started_again_with_the_marks_it_had_and_freed)
{
    static const struct kevy_stream_events events = {.close = stream_again};
    int fd;

    stream = kevy_stream_init(make(sizeof *stream), &events);
    kevy_stream_set_watermarks(stream, 1, 2);
    tcp_pair(&fd, &peers[0]);
    ck_assert_int_eq(kevy_stream_adopt(stream, reactor, fd), 0);
    kevy_stream_abort(stream);
    TURN_UNTIL(ended == 1);
    peer_expect_text(peers[1], "xy");
    kevy_stream_abort(stream);
    TURN_UNTIL(ended == 2);
    close(peers[0]);
    close(peers[1]);
}
END_TEST

static struct kevy_stream *accept_none(struct kevy_listener *listener)
{
    (void)listener;
    return NULL;
}

static void listener_scrap(struct kevy_listener *listener)
{
    scrap(listener, sizeof *listener);
}

static void listener_again(struct kevy_listener *listener)
{
    ended++;
    ck_assert_int_eq(kevy_listener_open(listener, reactor,
                                        &(struct kevy_listener_options){.address = "127.0.0.1",
                                                                        .accept = accept_none,
                                                                        .close = listener_scrap}),
                     0);
    kevy_listener_close(listener);
}

START_TEST(a_listener_is_opened_again_and_freed)
{
    struct kevy_listener *listener = make(sizeof *listener);

    ck_assert_int_eq(kevy_listener_open(listener, reactor,
                                        &(struct kevy_listener_options){.address = "127.0.0.1",
                                                                        .accept = accept_none,
                                                                        .close = listener_again}),
                     0);
    turn_now();
    QUIETLY(kevy_listener_close(listener));
    TURN_UNTIL(ended == 2);
}
END_TEST

static void datagram_scrap(struct kevy_datagram *datagram)
{
    scrap(datagram, sizeof *datagram);
}

static void datagram_again(struct kevy_datagram *datagram)
{
    ended++;
    ck_assert_int_eq(kevy_datagram_open(datagram, reactor,
                                        &(struct kevy_datagram_options){.address = "127.0.0.1",
                                                                        .close = datagram_scrap}),
                     0);
    kevy_datagram_close(datagram);
}

START_TEST(a_datagram_socket_is_opened_again_and_freed)
{
    struct kevy_datagram *datagram = make(sizeof *datagram);

    ck_assert_int_eq(kevy_datagram_open(datagram, reactor,
                                        &(struct kevy_datagram_options){.address = "127.0.0.1",
                                                                        .close = datagram_again}),
                     0);
    turn_now();
    QUIETLY(kevy_datagram_close(datagram));
    TURN_UNTIL(ended == 2);
}
END_TEST

static void file_scrap(struct kevy_file *file, int reason)
{
    ck_assert_int_eq(reason, -ENOENT);
    scrap(file, sizeof *file);
}

static void file_again(struct kevy_file *file, int reason)
{
    ended++;
    ck_assert_int_eq(reason, 0);
    ck_assert_int_eq(
        kevy_file_open(file, reactor,
                       &(struct kevy_file_options){.path = "/no/such/file", .close = file_scrap}),
        0);
}

static void operation_scrap(struct kevy_file_operation *operation, int result)
{
    ck_assert_int_eq(result, 1);
    kevy_file_close(operation->file);
    scrap(operation, sizeof *operation);
}

static void file_read(struct kevy_file *file)
{
    static char byte;
    struct kevy_file_operation *operation = make(sizeof *operation);

    operation->done = operation_scrap;
    ck_assert_int_eq(kevy_file_read(file, operation, &byte, 1, 0), 0);
}

START_TEST(an_operation_is_freed_and_its_file_opened_again_and_freed)
{
    struct kevy_file *file = make(sizeof *file);

    ck_assert_int_eq(kevy_file_open(file, reactor,
                                    &(struct kevy_file_options){.path = "/dev/zero",
                                                                .open = file_read,
                                                                .close = file_again}),
                     0);
    TURN_UNTIL(ended == 3);
}
END_TEST

static void child_scrap(struct kevy_child *child, int result)
{
    ck_assert_int_eq(result, -ECANCELED);
    scrap(child, sizeof *child);
}

static void child_again(struct kevy_child *child, int result)
{
    ended++;
    ck_assert_int_eq(result, -ECANCELED);
    ck_assert_int_eq(kevy_child_watch(child, reactor, child->pid, child_scrap), 0);
    kevy_child_unwatch(child);
}

START_TEST(a_watch_of_a_child_is_started_again_and_freed)
{
    struct kevy_child *child = make(sizeof *child);
    int pipes[2];
    pid_t pid;

    ck_assert_int_eq(pipe(pipes), 0);
    pid = fork();
    if (pid == 0) { /* until the pipe is closed */
        close(pipes[1]);
        _exit((int)read(pipes[0], &(char){0}, 1));
    }
    ck_assert_int_eq(kevy_child_watch(child, reactor, pid, child_again), 0);
    turn_now();
    QUIETLY(kevy_child_unwatch(child));
    TURN_UNTIL(ended == 2);
    close(pipes[0]);
    close(pipes[1]);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

static struct kevy_resolver resolver;

static void lookup_scrap(struct kevy_lookup *lookup, int result)
{
    ck_assert_int_eq(result, 0);
    kevy_lookup_release(lookup);
    scrap(lookup, sizeof *lookup);
}

START_TEST(a_lookup_is_released_and_freed)
{
    struct kevy_lookup *lookup = make(sizeof *lookup);

    ck_assert_int_eq(kevy_resolver_open(&resolver, NULL), 0);
    ck_assert_int_eq(kevy_lookup_start(lookup, reactor,
                                       &(struct kevy_lookup_options){.resolver = &resolver,
                                                                     .host = "127.0.0.1",
                                                                     .done = lookup_scrap}),
                     0);
    TURN_UNTIL(ended == 1);
    kevy_resolver_close(&resolver);
}
END_TEST

static void periodic_scrap(struct kevy_timer *timer)
{
    ck_assert(kevy_timer_armed(timer));
    kevy_timer_stop(timer);
    scrap(timer, sizeof *timer);
}

START_TEST(a_periodic_timer_is_stopped_and_freed)
{
    struct kevy_timer *timer = make(sizeof *timer);

    kevy_timer_start_periodic(timer, reactor, KEVY_MILLISECONDS(1), periodic_scrap);
    TURN_UNTIL(ended == 1);
}
END_TEST

static void write_scrap(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    ck_assert_ptr_eq(stream, &probe.stream);
    ck_assert_int_eq(result, 0);
    scrap(write, sizeof *write);
}

static void write_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    (void)stream;
    ck_assert_uint_eq(write->finished & 1, 0);
    ck_assert_int_eq(result, 0);
    ended++;
}

static void write_released(struct kevy_send *write, struct kevy_stream *stream)
{
    write_scrap(write, stream, 0);
}

START_TEST(a_write_is_freed_in_done_or_where_there_is_one_in_released)
{
    static char text[] = "hello";
    static const struct iovec part = {.iov_base = text, .iov_len = 5};
    struct kevy_send *one = make(sizeof *one), *two = make(sizeof *two);

    *one = (struct kevy_send){.parts = &part, .count = 1, .done = write_scrap};
    *two = (struct kevy_send){
        .parts = &part, .count = 1, .done = write_done, .released = write_released};
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, one), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, two), 0));
    TURN_UNTIL(ended == 3);
    peer_expect_text(probe.peer, "hellohello");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static void range_scrap(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                        uint64_t sent)
{
    (void)stream;
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(sent, 5);
    close(range->fd);
    scrap(range, sizeof *range);
}

START_TEST(a_range_of_a_file_is_freed)
{
    struct kevy_file_range *range = make(sizeof *range);

    *range = (struct kevy_file_range){
        .fd = memfd_create("range", MFD_CLOEXEC), .length = 5, .done = range_scrap};
    ck_assert_int_eq(write(range->fd, "hello", 5), 5);
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, range), 0));
    TURN_UNTIL(ended == 1);
    peer_expect_text(probe.peer, "hello");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("last_callback");
    TCase *last = tcase_create("last");

    tcase_add_checked_fixture(last, reactor_setup, reactor_teardown);
    tcase_set_timeout(last, 10);
    tcase_add_test(last, a_stream_is_started_again_with_the_marks_it_had_and_freed);
    tcase_add_test(last, a_listener_is_opened_again_and_freed);
    tcase_add_test(last, a_datagram_socket_is_opened_again_and_freed);
    tcase_add_test(last, an_operation_is_freed_and_its_file_opened_again_and_freed);
    tcase_add_test(last, a_watch_of_a_child_is_started_again_and_freed);
    tcase_add_test(last, a_lookup_is_released_and_freed);
    tcase_add_test(last, a_periodic_timer_is_stopped_and_freed);
    tcase_add_test(last, a_write_is_freed_in_done_or_where_there_is_one_in_released);
    tcase_add_test(last, a_range_of_a_file_is_freed);
    suite_add_tcase(suite, last);
    return suite;
}
