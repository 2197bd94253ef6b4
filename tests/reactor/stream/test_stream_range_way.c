/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The ways that the bytes of a range can go: from the page cache, or copied. */

#include "stream_range_test.h"

#include <sys/socket.h>

START_TEST(a_file_that_cannot_be_read_is_told_and_the_stream_goes_on)
{
    int closed = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int folder = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    open_tcp();
    range_send(0, closed, 0, 100);
    range_send(1, closed, 0, MEGABYTE);
    range_send(2, folder, 0, MEGABYTE);
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

static int descriptors(void)
{
    int fd = dup(file);

    ck_assert_int_ge(fd, 0);
    close(fd);
    return fd;
}

START_TEST(what_is_cached_needs_no_memory_and_no_descriptor)
{
    int lowest;

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 1});
    open_tcp();
    lowest = descriptors();
    range_send(0, file, 0, BIG);
    TURN_UNTIL(sendings[0].range.full);
    ck_assert_int_eq(descriptors(), lowest);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    peer_expect_pattern(0, BIG, SIZE_MAX);
    sending_check(&sendings[0], 0, BIG);
    close_and_finish();
}
END_TEST

/* One send for the head and the file: nothing else is queued when the flush comes. */
START_TEST(a_short_range_leaves_together_with_what_is_before_it)
{
    static uint8_t found[4096];
    uint64_t submissions;

    open_tcp();
    turns(3);
    submissions = stats_now().submissions;
    send_copy(0, 100);
    range_send(0, file, 100, 2000);
    turn_now();
    ck_assert_uint_eq(stats_now().submissions - submissions, 1);
    ck_assert_int_eq(peer_read(probe.peer, found, sizeof found), 2100);
    pattern_check(found, 2100, 1, 0);
    sending_check(&sendings[0], 0, 2000);
    close_and_finish();
}
END_TEST

/* The head and parts of several files are queued: what each says it sent is what came. */
START_TEST(short_ranges_that_are_dropped_count_what_was_sent)
{
    uint64_t arrived, sent = 0;

    open_tcp();
    send_copy(0, BIG);
    for (unsigned index = 0; index < 3; index++)
        range_send(index, file, index * 10000U, 10000);
    turns(20);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    for (unsigned index = 0; index < 3; index++) {
        ck_assert_uint_eq(sendings[index].done, 1);
        ck_assert_int_eq(sendings[index].result, -ECANCELED);
        sent += sendings[index].sent;
    }
    (void)peer_drain(probe.peer, &arrived);
    ck_assert_uint_eq(sent, 0); /* the socket took less than what was before them */
}
END_TEST

/* sendfile(2) knows no MSG_NOSIGNAL. */
START_TEST(a_peer_that_is_gone_raises_no_signal)
{
    open_tcp();
    range_send(0, file, 0, BIG);
    TURN_UNTIL(sendings[0].range.full);
    ck_assert_int_eq(shutdown(kevy_stream_fd(&probe.stream), SHUT_WR), 0);
    TURN_UNTIL(probe.closed);
    ck_assert_uint_eq(sendings[0].done, 1);
    ck_assert_int_lt(sendings[0].result, 0);
    probe_finish(&probe);
}
END_TEST

START_TEST(what_is_not_cached_is_copied)
{
    int fd = memfd_create("holes", MFD_CLOEXEC);

    ck_assert_int_eq(ftruncate(fd, MEGABYTE), 0);
    open_tcp();
    range_send(0, fd, 0, MEGABYTE);
    TURN_UNTIL(sendings[0].range.copying);
    TURN_UNTIL(peer_read(probe.peer, big, sizeof big) != 0 && sendings[0].done == 1);
    sending_check(&sendings[0], 0, MEGABYTE);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(fd);
}
END_TEST

/* The page cache of `file`, as the system tells it. */
static struct {
    struct kevy_system system;
    size_t sent_most;  /* by one sendfile(2), which is the last */
    uint64_t later_ns; /* than the clock shows */
    bool cached;
} cache;

static uint64_t clock_later(void *context)
{
    return kevy_system_host()->now_ns(context) + cache.later_ns;
}

static int64_t not_read_cached(void *context, int fd, const struct iovec *parts, int count,
                               uint64_t offset)
{
    (void)context;
    (void)fd;
    (void)parts;
    (void)count;
    (void)offset;
    return -EAGAIN;
}

static int cached_for_now(void *context, int fd, uint64_t offset, uint64_t length)
{
    (void)context;
    (void)fd;
    (void)offset;
    (void)length;
    return cache.cached;
}

static int64_t sent_in_part(void *context, int fd, int from, uint64_t offset, size_t length)
{
    const struct kevy_system *host = kevy_system_host();

    cache.cached = false;
    cache.later_ns += KEVY_SECONDS(1); /* until then it is taken to be there */
    return host->sendfile(context, fd, from, offset,
                          length < cache.sent_most ? length : cache.sent_most);
}

/* What is told in a turn's flush is what the caller of the turn waits for. */
START_TEST(the_turn_that_tells_of_a_range_does_not_sleep)
{
    int fd = memfd_create("holes", MFD_CLOEXEC);

    ck_assert_int_eq(ftruncate(fd, 30000), 0);
    open_tcp();
    range_send(0, fd, 0, 30000);
    while (sendings[0].done == 0)
        ck_assert(turn());
    ck_assert(sendings[0].range.copying);
    sending_check(&sendings[0], 0, 30000);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(fd);
}
END_TEST

/* A short range is in the page cache after it was queued, and half of it is no more. */
START_TEST(what_leaves_the_page_cache_half_way_is_copied_from_there)
{
    cache.system = *kevy_system_host();
    cache.system.read_cached = not_read_cached;
    cache.system.file_cached = cached_for_now;
    cache.system.sendfile = sent_in_part;
    cache.system.now_ns = clock_later;
    cache.sent_most = 3000;
    cache.cached = true;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &cache.system});
    open_tcp();
    range_send(0, file, 100, 10000);
    send_copy(10100, 50);
    peer_expect_pattern(100, 10050, SIZE_MAX);
    sending_check(&sendings[0], 0, 10000);
    close_and_finish();
}
END_TEST

/* The peer has sent its end, and reads nothing yet: the kernel tells that again and again. */
START_TEST(a_range_for_a_peer_that_sends_nothing_more_waits_for_room)
{
    uint64_t completions;

    open_tcp();
    ck_assert_int_eq(shutdown(probe.peer, SHUT_WR), 0);
    TURN_UNTIL(probe.log_end != probe.log && probe.log_end[-1] == 'e');
    range_send(0, file, 0, BIG);
    TURN_UNTIL(sendings[0].range.moved != 0);
    turns(20);
    completions = stats_now().completions;
    for (int i = 0; i < 100; i++)
        turn_now();
    ck_assert_uint_lt(stats_now().completions - completions, 20);
    peer_expect_pattern(0, BIG, SIZE_MAX);
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

START_TEST(a_file_without_pages_is_copied)
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
    for (unsigned count = 0, idle = 0; have < MEGABYTE; count++) {
        ssize_t result = read(ends[0], data, sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result > 0) {
            pattern_check(data, (size_t)result, 1, have);
            have += (size_t)result;
            idle = 0;
        } else {
            ck_assert(turn_waiting(idle++));
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
    ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, 0), 0);
    range_send(0, file, 0, 100);
    sending_check(&sendings[0], -ENOBUFS, 0);
    close_and_finish();
}
END_TEST

/* The file leaves the page cache half-way, and then there is no memory to copy. */
START_TEST(a_range_that_ends_without_memory_frees_whom_its_queue_held_back)
{
    static struct probe source;
    static uint8_t data[65536];

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 1});
    open_tcp();
    kevy_stream_set_watermarks(&probe.stream, 1000, 100000);
    range_send(0, file, 0, BIG);
    TURN_UNTIL(sendings[0].range.full);
    probe_unix(&source, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_hold(&source.stream, &probe.stream));
    peer_write_text(source.peer, "x");
    sendings[0].range.copying = true;
    while (sendings[0].done == 0)
        if (peer_read(probe.peer, data, sizeof data) == -EAGAIN)
            turn_now();
    ck_assert_int_eq(sendings[0].result, -ENOBUFS);
    TURN_UNTIL(source.count == 1);
    QUIETLY(kevy_stream_abort(&source.stream));
    probe_finish(&source);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
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

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_range_way");
    TCase *ways = tcase_create("ways");

    tcase_add_checked_fixture(ways, setup, teardown);
    tcase_add_test(ways, a_file_that_cannot_be_read_is_told_and_the_stream_goes_on);
    ADD_IF_CACHE_TOLD(ways, what_is_cached_needs_no_memory_and_no_descriptor);
    ADD_IF_CACHE_TOLD(ways, a_short_range_leaves_together_with_what_is_before_it);
    tcase_add_test(ways, short_ranges_that_are_dropped_count_what_was_sent);
    ADD_IF_CACHE_TOLD(ways, a_peer_that_is_gone_raises_no_signal);
    tcase_add_test(ways, what_is_not_cached_is_copied);
    tcase_add_test(ways, the_turn_that_tells_of_a_range_does_not_sleep);
    tcase_add_test(ways, what_leaves_the_page_cache_half_way_is_copied_from_there);
    ADD_IF_CACHE_TOLD(ways, a_range_for_a_peer_that_sends_nothing_more_waits_for_room);
    tcase_add_test(ways, a_blocking_socket_is_copied_to);
    tcase_add_test(ways, a_file_without_pages_is_copied);
    tcase_add_test(ways, unix_streams_take_ranges);
    tcase_add_test(ways, a_pipe_is_copied_to);
    tcase_add_test(ways, small_buffers_make_many_pieces);
    tcase_add_test(ways, without_memory_the_range_ends);
    ADD_IF_CACHE_TOLD(ways, a_range_that_ends_without_memory_frees_whom_its_queue_held_back);
    tcase_add_test(ways, a_restricted_reactor_sends_ranges);
    suite_add_tcase(suite, ways);
    return suite;
}
