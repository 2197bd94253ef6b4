/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Ranges of files down a stream: their order among writes, both ways the bytes can go, and how they
 * end. Each file holds the pattern of its seed from its beginning on.
 */

#include "reactor_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { MEGABYTE = 1 << 20, BIG = 5 * MEGABYTE };

struct sending {
    struct kevy_file_range range;
    unsigned done;
    int result;
    uint64_t sent;
    unsigned order; /* among all that are done */
};

static struct probe probe;
static struct sending sendings[8];
static unsigned order_next;
static int file;
static uint8_t big[BIG];

static void sending_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                         uint64_t sent)
{
    struct sending *sending = KEVY_CONTAINER_OF(range, struct sending, range);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe_of(stream)->closed);
    sending->done++;
    sending->result = result;
    sending->sent = sent;
    sending->order = ++order_next;
}

/* A file without a name. */
static int file_make(size_t length)
{
    int fd = memfd_create("pattern", MFD_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, big, length), (ssize_t)length);
    return fd;
}

static void setup(void)
{
    pattern_fill(big, sizeof big, 1, 0);
    file = file_make(BIG);
    reactor_setup();
}

static void teardown(void)
{
    reactor_teardown();
    close(file);
}

static struct sending *range_send(unsigned index, int fd, uint64_t offset, uint64_t length)
{
    struct sending *sending = &sendings[index];

    memset(sending, 0xA5, sizeof *sending);
    sending->done = 0;
    sending->range.fd = fd;
    sending->range.offset = offset;
    sending->range.length = length;
    sending->range.done = sending_done;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &sending->range), 0));
    return sending;
}

static void send_copy(uint64_t offset, size_t length)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big + offset, length), 0));
}

static void open_tcp(void)
{
    probe_tcp(&probe, &probe_events);
    kevy_stream_marks(&probe.stream, 1 << 20, 64 << 20);
    turn_now();
}

/* Reads `length` bytes of the pattern from `position` on, at most `step` at once. */
static void peer_expect_pattern(uint64_t position, size_t length, size_t step)
{
    static uint8_t data[65536];
    size_t have = 0;

    for (unsigned count = 0; have < length; count++) {
        size_t room = length - have < step ? length - have : step;
        int result = peer_read(probe.peer, data, room < sizeof data ? room : sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result == -EAGAIN) {
            ck_assert(turn_waiting(count));
            continue;
        }
        ck_assert_int_gt(result, 0);
        pattern_check(data, (size_t)result, 1, position + have);
        have += (size_t)result;
    }
}

static void sending_check(const struct sending *sending, int result, uint64_t sent)
{
    TURN_UNTIL(sending->done != 0);
    ck_assert_uint_eq(sending->done, 1);
    ck_assert_int_eq(sending->result, result);
    ck_assert_uint_eq(sending->sent, sent);
}

/* Nothing may come behind what was expected. */
static void close_and_finish(void)
{
    uint64_t rest;

    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(peer_drain(probe.peer, &rest), 0);
    ck_assert_uint_eq(rest, 0);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}

static const uint64_t lengths[] = {1,     4095,  4096,   4097,         65535,
                                   65536, 65537, 200000, MEGABYTE + 1, BIG};

START_TEST(a_range_arrives_whole)
{
    uint64_t length = lengths[_i];
    const struct sending *sending;

    open_tcp();
    sending = range_send(0, file, 0, length);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    peer_expect_pattern(0, length, SIZE_MAX);
    sending_check(sending, 0, length);
    close_and_finish();
}
END_TEST

START_TEST(a_range_begins_at_its_offset)
{
    open_tcp();
    range_send(0, file, 12345, 1000);
    range_send(1, file, 13345, 300000);
    peer_expect_pattern(12345, 301000, SIZE_MAX);
    sending_check(&sendings[0], 0, 1000);
    sending_check(&sendings[1], 0, 300000);
    close_and_finish();
}
END_TEST

START_TEST(order_is_kept_among_writes_and_ranges)
{
    open_tcp();
    send_copy(0, 10);
    range_send(0, file, 10, 20);
    send_copy(30, 70);
    send_copy(100, 10000);
    range_send(1, file, 10100, 300000);
    range_send(2, file, 310100, 100000);
    send_copy(410100, 5);
    range_send(3, file, 410105, 30);
    peer_expect_pattern(0, 410135, SIZE_MAX);
    for (unsigned index = 0; index < 4; index++) {
        TURN_UNTIL(sendings[index].done == 1);
        ck_assert_uint_eq(sendings[index].order, index + 1);
    }
    close_and_finish();
}
END_TEST

START_TEST(what_is_queued_while_a_range_goes_waits_behind_it)
{
    open_tcp();
    range_send(0, file, 0, MEGABYTE);
    turns(5);
    send_copy(MEGABYTE, 1000);
    turns(5);
    send_copy(MEGABYTE + 1000, 1000);
    peer_expect_pattern(0, MEGABYTE + 2000, 10000);
    sending_check(&sendings[0], 0, MEGABYTE);
    close_and_finish();
}
END_TEST

START_TEST(a_short_file_ends_its_range)
{
    int small = file_make(100000), smaller = file_make(100);

    open_tcp();
    range_send(0, small, 0, MEGABYTE);
    send_copy(100000, 10);
    range_send(1, smaller, 50, 1000);
    range_send(2, smaller, 100, 1000);
    range_send(3, smaller, MEGABYTE, MEGABYTE);
    peer_expect_pattern(0, 100010, SIZE_MAX);
    peer_expect_pattern(50, 50, SIZE_MAX);
    sending_check(&sendings[0], 0, 100000);
    sending_check(&sendings[1], 0, 50);
    sending_check(&sendings[2], 0, 0);
    sending_check(&sendings[3], 0, 0);
    close_and_finish();
    close(small);
    close(smaller);
}
END_TEST

START_TEST(an_empty_range_reports_in_its_turn)
{
    open_tcp();
    range_send(0, file, 0, 0);
    sending_check(&sendings[0], 0, 0);
    send_copy(0, 10);
    range_send(1, file, 0, 0);
    range_send(2, file, 0, 0);
    send_copy(10, 10);
    peer_expect_pattern(0, 20, SIZE_MAX);
    sending_check(&sendings[1], 0, 0);
    sending_check(&sendings[2], 0, 0);
    ck_assert_uint_lt(sendings[1].order, sendings[2].order);
    close_and_finish();
}
END_TEST

static void done_sends_again(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                             uint64_t sent)
{
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(sent, range->length);
    range->offset += range->length;
    if (probe.tag-- > 0)
        QUIETLY(ck_assert_int_eq(kevy_stream_send_file(stream, range), 0));
}

START_TEST(a_range_may_be_queued_again_from_its_done)
{
    static const uint64_t sizes[] = {1000, 100000};
    struct kevy_file_range *range = &sendings[0].range;
    uint64_t length = sizes[_i];

    open_tcp();
    probe.tag = 20;
    range->fd = file;
    range->length = length;
    range->done = done_sends_again;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, range), 0));
    peer_expect_pattern(0, 21 * length, SIZE_MAX);
    TURN_UNTIL(probe.tag < 0);
    close_and_finish();
}
END_TEST

START_TEST(a_peer_that_does_not_read_holds_the_file_back)
{
    open_tcp();
    range_send(0, file, 0, BIG);
    TURN_UNTIL(sendings[0].range.full);
    ck_assert_uint_le(kevy_stream_queued(&probe.stream), 65536);
    ck_assert_uint_eq(sendings[0].done, 0);
    turn_now();
    ck_assert_uint_eq(stats_now().operations, 2); /* reading, and waiting for room */
    peer_expect_pattern(0, BIG, 7000);
    sending_check(&sendings[0], 0, BIG);
    close_and_finish();
}
END_TEST

START_TEST(ranges_respect_the_marks)
{
    open_tcp();
    kevy_stream_marks(&probe.stream, 10, 20);
    send_copy(0, 20);
    sendings[0].range = (struct kevy_file_range){.fd = file, .length = 1, .done = sending_done};
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &sendings[0].range), -EAGAIN);
    TURN_UNTIL(probe.drains == 1);
    peer_expect_pattern(0, 20, SIZE_MAX);
    close_and_finish();
}
END_TEST

START_TEST(what_is_no_range_is_refused)
{
    struct kevy_file_range range = {.fd = file, .length = 1};
    int ends[2];

    open_tcp();
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EINVAL);
    range.done = sending_done;
    range.offset = UINT64_MAX;
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EINVAL);
    range.offset = 1;
    range.length = INT64_MAX;
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EINVAL);
    range.length = 1;
    range.fd = -1;
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EBADF);
    ck_assert_int_eq(pipe(ends), 0);
    range.fd = ends[0];
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -ESPIPE);
    close(ends[0]);
    close(ends[1]);
    QUIETLY(kevy_stream_close(&probe.stream));
    range.fd = file;
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EPIPE);
    probe_peer_close(&probe);
    probe_finish(&probe);
}
END_TEST

START_TEST(a_file_that_cannot_be_read_is_told_and_the_stream_goes_on)
{
    int closed = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    open_tcp();
    range_send(0, closed, 0, 100);
    range_send(1, closed, 0, MEGABYTE);
    range_send(2, folder, 0, MEGABYTE); /* splicing is refused first, then reading */
    send_copy(0, 10);
    peer_expect_pattern(0, 10, SIZE_MAX);
    sending_check(&sendings[0], -EBADF, 0);
    sending_check(&sendings[1], -EBADF, 0);
    sending_check(&sendings[2], -EISDIR, 0);
    close_and_finish();
    close(closed);
    close(folder);
}
END_TEST

START_TEST(without_a_descriptor_for_the_pipe_it_is_copied)
{
    struct rlimit limit, none;

    open_tcp();
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    range_send(0, file, 0, BIG);
    peer_expect_pattern(0, BIG, SIZE_MAX);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    sending_check(&sendings[0], 0, BIG);
    close_and_finish();
}
END_TEST

START_TEST(a_blocking_socket_is_copied_to)
{
    open_tcp();
    ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, 0), 0);
    range_send(0, file, 0, BIG);
    turns(100);
    ck_assert_uint_eq(sendings[0].done, 0);
    peer_expect_pattern(0, BIG, SIZE_MAX);
    sending_check(&sendings[0], 0, BIG);
    close_and_finish();
}
END_TEST

START_TEST(a_socket_that_refuses_splice_is_copied_to)
{
    open_tcp();
    /* Splice takes no file that is open for appending, a socket included. */
    ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, O_NONBLOCK | O_APPEND), 0);
    range_send(0, file, 0, BIG);
    send_copy(0, 100);
    TURN_UNTIL(sendings[0].range.copying);
    turns(100);
    ck_assert_uint_eq(sendings[0].done, 0);
    peer_expect_pattern(0, BIG, 9000);
    peer_expect_pattern(0, 100, SIZE_MAX);
    sending_check(&sendings[0], 0, BIG);
    close_and_finish();
}
END_TEST

START_TEST(a_file_that_refuses_splice_is_copied)
{
    static uint8_t expected[200000], found[200000];
    int fd = open("/proc/self/limits", O_RDONLY | O_CLOEXEC);
    ssize_t length = read(fd, expected, sizeof expected);

    ck_assert_int_gt(length, 0);
    open_tcp();
    range_send(0, fd, 0, sizeof expected);
    TURN_UNTIL(sendings[0].done == 1);
    ck_assert(sendings[0].range.copying);
    ck_assert_int_eq(sendings[0].result, 0);
    ck_assert_uint_ge(sendings[0].sent, (uint64_t)length);
    ck_assert_int_ge(peer_read(probe.peer, found, sizeof found), (int)length);
    ck_assert_mem_eq(found, expected, (size_t)length);
    close_and_finish();
    close(fd);
}
END_TEST

START_TEST(unix_streams_take_ranges)
{
    probe_small(&probe, &probe_events);
    turn_now();
    range_send(0, file, 0, MEGABYTE);
    range_send(1, file, MEGABYTE, 50000);
    peer_expect_pattern(0, MEGABYTE + 50000, 3000);
    sending_check(&sendings[0], 0, MEGABYTE);
    sending_check(&sendings[1], 0, 50000);
    close_and_finish();
}
END_TEST

START_TEST(a_pipe_is_copied_to)
{
    static uint8_t data[65536];
    size_t have = 0;
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, ends[1]), 0));
    turn_now();
    range_send(0, file, 0, MEGABYTE);
    QUIETLY(kevy_stream_close(&probe.stream));
    for (unsigned count = 0; have < MEGABYTE; count++) {
        ssize_t result = read(ends[0], data, sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result > 0) {
            pattern_check(data, (size_t)result, 1, have);
            have += (size_t)result;
        } else {
            ck_assert(turn_waiting(count));
        }
    }
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert(sendings[0].range.copying);
    sending_check(&sendings[0], 0, MEGABYTE);
    close(ends[0]);
}
END_TEST

START_TEST(small_buffers_make_many_pieces)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_size = 256});
    open_tcp();
    range_send(0, file, 0, 65535);
    peer_expect_pattern(0, 65535, SIZE_MAX);
    sending_check(&sendings[0], 0, 65535);
    close_and_finish();
}
END_TEST

START_TEST(without_memory_the_range_ends)
{
    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 1});
    open_tcp();
    range_send(0, file, 0, 100);
    sending_check(&sendings[0], -ENOBUFS, 0);
    close_and_finish();
}
END_TEST

START_TEST(a_restricted_reactor_sends_ranges)
{
    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    open_tcp();
    range_send(0, file, 0, 1000);
    range_send(1, file, 1000, MEGABYTE);
    peer_expect_pattern(0, 1000 + MEGABYTE, SIZE_MAX);
    sending_check(&sendings[1], 0, MEGABYTE);
    close_and_finish();
}
END_TEST

/* Splicing for 0, copying for 1. */
static void way_set(int way)
{
    if (way == 1)
        ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, 0), 0);
}

/* Until nothing moves any more: the peer has bytes of the range, and takes no more. */
static void stall_wait(int way)
{
    int bytes = 0;

    if (way == 0)
        TURN_UNTIL(sendings[0].range.full);
    else
        TURN_UNTIL(ioctl(probe.peer, FIONREAD, &bytes) == 0 && bytes > 10);
    turns(100);
    ck_assert_uint_eq(sendings[0].done, 0);
}

/* A range that is stuck, because the peer does not read, and another behind it. */
static void stall(int way)
{
    open_tcp();
    way_set(way);
    send_copy(0, 10);
    range_send(0, file, 10, BIG - 10);
    range_send(1, file, 0, 100);
    stall_wait(way);
}

/* What the peer can have is what was sent. */
static void stalled_check(int result)
{
    ck_assert_uint_eq(sendings[0].done, 1);
    ck_assert_uint_eq(sendings[1].done, 1);
    ck_assert_int_eq(sendings[0].result, result);
    ck_assert_int_eq(sendings[1].result, result);
    ck_assert_uint_gt(sendings[0].sent, 0);
    ck_assert_uint_lt(sendings[0].sent, BIG - 10);
    ck_assert_uint_eq(sendings[1].sent, 0);
    ck_assert_uint_eq(sendings[0].order + 1, sendings[1].order);
}

START_TEST(abort_drops_a_range_in_the_middle)
{
    stall(_i);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    stalled_check(-ECANCELED);
}
END_TEST

static struct kevy_stream_events events;
static uint64_t sent_counted;

static void close_counts(struct kevy_stream *stream, int reason)
{
    struct kevy_traffic traffic;

    kevy_stream_counters(stream, &traffic);
    sent_counted = traffic.sent;
    probe_events.close(stream, reason);
}

START_TEST(sent_is_what_the_peer_gets)
{
    uint64_t count = 0;

    events = probe_events;
    /* A Unix socket keeps what was sent when the sender is gone. */
    probe_small(&probe, &events);
    turn_now();
    way_set(_i);
    range_send(0, file, 0, MEGABYTE);
    stall_wait(_i);
    events.close = close_counts;
    QUIETLY(kevy_stream_abort(&probe.stream));
    TURN_UNTIL(probe.closed);
    (void)peer_drain(probe.peer, &count);
    ck_assert_uint_gt(count, 0);
    ck_assert_uint_eq(sent_counted, count);
    sending_check(&sendings[0], -ECANCELED, count);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(abort_at_any_moment_reports_once)
{
    for (unsigned moment = 0; moment < 40; moment++) {
        open_tcp();
        way_set(_i);
        range_send(0, file, 0, MEGABYTE);
        range_send(1, file, 0, 0);
        turns(moment);
        QUIETLY(kevy_stream_abort(&probe.stream));
        probe_finish(&probe);
        ck_assert_uint_eq(sendings[0].done, 1);
        ck_assert_uint_eq(sendings[1].done, 1);
    }
}
END_TEST

START_TEST(a_reset_by_the_peer_ends_a_range_in_the_middle)
{
    static const struct linger reset = {.l_onoff = 1, .l_linger = 0};

    ck_assert(signal(SIGPIPE, SIG_DFL) != SIG_ERR); /* which must not come */
    stall(_i);
    (void)setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    probe_peer_close(&probe);
    TURN_UNTIL(probe.closed);
    ck_assert_int_lt(probe.reason, 0);
    stalled_check(sendings[0].result);
    ck_assert(sendings[0].result == -ECONNRESET || sendings[0].result == -EPIPE);
}
END_TEST

START_TEST(close_waits_for_ranges)
{
    uint64_t rest;

    stall(_i);
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(50);
    ck_assert(!probe.closed);
    peer_expect_pattern(0, BIG, SIZE_MAX);
    peer_expect_pattern(0, 100, SIZE_MAX);
    ck_assert_int_eq(peer_drain(probe.peer, &rest), 0);
    ck_assert_uint_eq(rest, 0);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_eq(sendings[0].sent, BIG - 10);
    ck_assert_uint_eq(sendings[1].sent, 100);
}
END_TEST

START_TEST(the_write_deadline_bounds_a_range)
{
    open_tcp();
    way_set(_i);
    kevy_stream_deadline(&probe.stream, KEVY_DEADLINE_WRITE, KEVY_MILLISECONDS(30));
    range_send(0, file, 0, BIG);
    TURN_UNTIL(probe.timeouts == 1);
    ck_assert_uint_eq(probe.deadlines[KEVY_DEADLINE_WRITE], 1);
    ck_assert_uint_eq(sendings[0].done, 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(sendings[0].result, -ECANCELED);
}
END_TEST

START_TEST(a_range_that_is_gone_leaves_no_deadline)
{
    open_tcp();
    kevy_stream_deadline(&probe.stream, KEVY_DEADLINE_WRITE, KEVY_SECONDS(100));
    range_send(0, file, 0, (uint64_t)_i * 100000);
    peer_expect_pattern(0, (size_t)_i * 100000, SIZE_MAX);
    sending_check(&sendings[0], 0, (uint64_t)_i * 100000);
    ck_assert_uint_eq(probe.stream.write_at, 0);
    close_and_finish();
}
END_TEST

START_TEST(destroy_drops_ranges)
{
    stall(_i);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert(probe.closed);
    stalled_check(-ECANCELED);
    probe_peer_close(&probe);
    reactor = NULL;
    reactor_setup();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_file");
    TCase *tests = tcase_create("ranges");
    TCase *ways = tcase_create("ways");
    TCase *ending = tcase_create("ending");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_loop_test(tests, a_range_arrives_whole, 0, (int)(sizeof lengths / sizeof *lengths));
    tcase_add_test(tests, a_range_begins_at_its_offset);
    tcase_add_test(tests, order_is_kept_among_writes_and_ranges);
    tcase_add_test(tests, what_is_queued_while_a_range_goes_waits_behind_it);
    tcase_add_test(tests, a_short_file_ends_its_range);
    tcase_add_test(tests, an_empty_range_reports_in_its_turn);
    tcase_add_loop_test(tests, a_range_may_be_queued_again_from_its_done, 0, 2);
    tcase_add_test(tests, a_peer_that_does_not_read_holds_the_file_back);
    tcase_add_test(tests, ranges_respect_the_marks);
    tcase_add_test(tests, what_is_no_range_is_refused);
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(ways, setup, teardown);
    tcase_add_test(ways, a_file_that_cannot_be_read_is_told_and_the_stream_goes_on);
    tcase_add_test(ways, without_a_descriptor_for_the_pipe_it_is_copied);
    tcase_add_test(ways, a_blocking_socket_is_copied_to);
    tcase_add_test(ways, a_socket_that_refuses_splice_is_copied_to);
    tcase_add_test(ways, a_file_that_refuses_splice_is_copied);
    tcase_add_test(ways, unix_streams_take_ranges);
    tcase_add_test(ways, a_pipe_is_copied_to);
    tcase_add_test(ways, small_buffers_make_many_pieces);
    tcase_add_test(ways, without_memory_the_range_ends);
    tcase_add_test(ways, a_restricted_reactor_sends_ranges);
    suite_add_tcase(suite, ways);
    tcase_add_checked_fixture(ending, setup, teardown);
    tcase_add_loop_test(ending, abort_drops_a_range_in_the_middle, 0, 2);
    tcase_add_loop_test(ending, sent_is_what_the_peer_gets, 0, 2);
    tcase_add_loop_test(ending, abort_at_any_moment_reports_once, 0, 2);
    tcase_add_loop_test(ending, a_reset_by_the_peer_ends_a_range_in_the_middle, 0, 2);
    tcase_add_loop_test(ending, close_waits_for_ranges, 0, 2);
    tcase_add_loop_test(ending, the_write_deadline_bounds_a_range, 0, 2);
    tcase_add_loop_test(ending, a_range_that_is_gone_leaves_no_deadline, 0, 3);
    tcase_add_loop_test(ending, destroy_drops_ranges, 0, 2);
    suite_add_tcase(suite, ending);
    return suite;
}
