/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Memory that runs out, at each allocation of each call: the call says -ENOBUFS and has taken
 * nothing, or, where a byte of a stream would be missing, the stream ends with that. Nothing leaks,
 * and what comes next works.
 */

#include "datagram/datagram_test.h"

#include <sys/mman.h>

#include "failing_heap.h"

enum {
    POOL = 4, /* buffers: with two of them kept the pool is low while there is another */
    SIZE = 512,
    ALLOCATIONS = 5, /* more than any call makes */
};

static struct probe probe, hog;
static struct kevy_buffer kept[POOL];
static unsigned kept_count;
static uint8_t data[20 * SIZE];

static void setup(void)
{
    pattern_fill(data, sizeof data, 1, 0);
    reactor_setup_with(&(struct kevy_reactor_options){
        .allocator = &heap_allocator, .buffer_count = POOL, .buffer_size = SIZE});
}

static void teardown(void)
{
    heap_fail(0);
    reactor_teardown();
    ck_assert_uint_eq(heap.live, 0);
}

static void probe_abort(struct probe *aborted)
{
    QUIETLY(kevy_stream_abort(&aborted->stream));
    probe_finish(aborted);
}

/* The call failed if and only if an allocation did, and then for want of memory. */
static void outcome_check(int result)
{
    ck_assert_int_eq(result, heap.failed ? -ENOBUFS : 0);
    heap_fail(0);
}

/* A stream; the `nth` allocation from then on fails. */
static void open_unix(int nth)
{
    probe_unix(&probe, &probe_events);
    turn_now();
    heap_fail((unsigned)nth);
}

/* What was queued first arrives if it was taken, and what comes next does in any case. */
static void arrives(bool first, size_t length)
{
    if (first)
        peer_expect(probe.peer, data, length);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "next", 4), 0));
    peer_expect_text(probe.peer, "next");
    probe_abort(&probe);
}

START_TEST(a_copy_is_taken_whole_or_not_at_all)
{
    int error;

    open_unix(_i);
    QUIETLY(error = kevy_stream_send(&probe.stream, data, sizeof data));
    outcome_check(error);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), error == 0 ? sizeof data : 0);
    arrives(error == 0, sizeof data);
}
END_TEST

static unsigned writes_done;

static void write_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    (void)write;
    (void)stream;
    ck_assert_int_eq(result, 0);
    writes_done++;
}

START_TEST(a_write_that_is_refused_is_never_reported)
{
    struct iovec parts[2] = {{data, 10}, {data + 10, 20}};
    struct kevy_send write = {.parts = parts, .count = 2, .done = write_done};
    int error;

    open_unix(_i);
    QUIETLY(error = kevy_stream_send_pinned(&probe.stream, &write));
    outcome_check(error);
    arrives(error == 0, 30);
    ck_assert_uint_eq(writes_done, error == 0);
}
END_TEST

/* The parts that had an entry already give it back: else the last write would find none. */
START_TEST(a_write_whose_last_parts_find_no_memory_gives_the_first_ones_back)
{
    struct iovec parts[64];
    struct kevy_send write = {.parts = parts, .count = 64, .done = write_done};
    int error;

    reactor_setup_with(
        &(struct kevy_reactor_options){.allocator = &heap_allocator, .memory_limit = 1500});
    for (unsigned part = 0; part < 64; part++)
        parts[part] = (struct iovec){data + part, 1};
    probe_unix(&probe, &probe_events);
    turn_now();
    do {
        QUIETLY(error = kevy_stream_send_pinned(&probe.stream, &write));
        write.count -= error != 0;
    } while (error == -ENOBUFS && write.count > 0);
    ck_assert_int_eq(error, 0);
    ck_assert_uint_gt(write.count, 3);
    ck_assert_uint_lt(write.count, 64);
    peer_expect(probe.peer, data, write.count);
    probe_abort(&probe);
}
END_TEST

START_TEST(a_descriptor_that_is_refused_is_still_the_callers)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC), error;

    open_unix(_i);
    QUIETLY(error = kevy_stream_send_descriptor(&probe.stream, fd, data, 10));
    outcome_check(error);
    if (error != 0) {
        ck_assert_int_ge(fcntl(fd, F_GETFD), 0);
        close(fd);
    }
    arrives(error == 0, 10);
}
END_TEST

static int range_result;
static unsigned ranges_done;

static void range_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                       uint64_t sent)
{
    (void)stream;
    ranges_done++;
    range_result = result;
    ck_assert_uint_eq(sent, result == 0 ? range->length : 0);
}

/* A small one: it is read into one block. */
START_TEST(a_range_that_finds_no_memory_says_so)
{
    struct kevy_file_range range = {.length = 10, .done = range_done};

    range.fd = memfd_create("range", MFD_CLOEXEC);
    ck_assert_int_eq(write(range.fd, data, 10), 10);
    open_unix(_i);
    ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, 0), 0); /* it is copied */
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), 0));
    TURN_UNTIL(ranges_done == 1);
    ck_assert(range_result == 0); /* it asks again, in its turn */
    arrives(range_result == 0, 10);
    close(range.fd);
}
END_TEST

static void keep(struct probe *hog_probe, struct kevy_buffer *buffer)
{
    (void)hog_probe;
    ck_assert_uint_lt(kept_count, POOL);
    QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept[kept_count++]), 0));
}

/* Keeps half of the pool, so that copies are made of what would be kept beyond it. */
static void pool_make_low(void)
{
    probe_unix(&hog, &probe_events);
    hog.on_read = keep;
    while (kept_count < POOL / 2) {
        unsigned before = kept_count;

        peer_write_text(hog.peer, "x");
        TURN_UNTIL(kept_count == before + 1);
    }
    hog.on_read = NULL;
}

static void pool_restore(void)
{
    ck_assert_uint_eq(stats_now().buffers_lent, POOL / 2);
    while (kept_count > 0)
        kevy_buffer_release(&kept[--kept_count]);
    probe_abort(&hog);
}

/* A byte that cannot be handed on would be missing: its target ends, and can be told from one that
 * came to an end. */
static void check_ended(void)
{
    uint64_t count;

    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -ENOBUFS);
    ck_assert_int_le(peer_drain(probe.peer, &count), 0);
    ck_assert_uint_eq(count, 0);
    probe_peer_close(&probe);
}

static void retain_once(struct probe *reader, struct kevy_buffer *buffer)
{
    struct kevy_buffer mine = {.length = 77};

    QUIETLY(reader->tag = kevy_buffer_retain(buffer, &mine));
    ck_assert_uint_eq(mine.length, reader->tag == 0 ? 5 : 77);
    if (reader->tag == 0)
        kevy_buffer_release(&mine);
}

START_TEST(a_buffer_that_cannot_be_kept_is_told_and_the_stream_goes_on)
{
    pool_make_low();
    open_unix(_i);
    probe.on_read = retain_once;
    peer_write_text(probe.peer, "bytes");
    TURN_UNTIL(probe.count == 5);
    outcome_check(probe.tag);
    probe.on_read = NULL;
    peer_write_text(probe.peer, "bytes");
    TURN_UNTIL(probe.count == 10);
    probe_abort(&probe);
    pool_restore();
}
END_TEST

static void forward_once(struct probe *reader, struct kevy_buffer *buffer)
{
    int error;

    QUIETLY(error = kevy_stream_forward(&reader->stream, buffer));
    reader->tag = heap.failed;
    outcome_check(error);
}

START_TEST(forwarding_what_cannot_be_copied_ends_the_stream)
{
    pool_make_low();
    open_unix(_i);
    probe.on_read = forward_once;
    peer_write_text(probe.peer, "bytes");
    TURN_UNTIL(probe.count == 5);
    if (probe.tag != 0) {
        check_ended();
    } else {
        peer_expect_text(probe.peer, "bytes");
        probe_abort(&probe);
    }
    pool_restore();
}
END_TEST

START_TEST(holding_back_what_cannot_be_copied_ends_the_stream)
{
    pool_make_low();
    open_unix(_i);
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "bytes");
    TURN_UNTIL(heap.failed || stats_now().copies == 1);
    if (heap.failed) {
        check_ended();
    } else {
        QUIETLY(kevy_stream_resume(&probe.stream));
        TURN_UNTIL(probe.count == 5);
        probe_abort(&probe);
    }
    pool_restore();
}
END_TEST

START_TEST(a_datagram_is_taken_whole_or_not_at_all)
{
    static char text[5 * SIZE];
    struct sockaddr_in peer;
    struct post post;
    int fd = plain_socket(&peer), error;

    post_open(&post);
    turns(2);
    heap_fail((unsigned)_i);
    error = send_to(&post, data, 4 * SIZE, &peer);
    outcome_check(error);
    if (error == 0) {
        ck_assert_int_eq(plain_receive(fd, text, sizeof text), 4 * SIZE);
        ck_assert_mem_eq(text, data, 4 * SIZE);
    }
    ck_assert_int_eq(send_to(&post, "next", 4, &peer), 0);
    ck_assert_int_eq(plain_receive(fd, text, sizeof text), 4);
    post_end(&post);
    close(fd);
}
END_TEST

/* As one for which a receive buffer of the kernel's had no room. */
START_TEST(a_datagram_that_cannot_be_held_back_is_dropped)
{
    struct sockaddr_in peer;
    struct post post;
    int fd = plain_socket(&peer);

    pool_make_low();
    post_open(&post);
    turns(3);
    QUIETLY(kevy_datagram_pause(&post.datagram));
    heap_fail((unsigned)_i);
    plain_send(fd, &post, "first", 5);
    TURN_UNTIL(heap.failed || stats_now().copies == 1);
    QUIETLY(kevy_datagram_resume(&post.datagram));
    plain_send(fd, &post, "next", 4);
    TURN_UNTIL(strcmp(post.text, "next") == 0);
    ck_assert_uint_eq(post.reads, heap.failed ? 1 : 2);
    post_end(&post);
    close(fd);
    pool_restore();
}
END_TEST

/* Each with the first allocation failing, then the second, and at last with none. */
static void each_add(TCase *tcase, const TTest *test)
{
    tcase_add_loop_test(tcase, test, 1, ALLOCATIONS + 1);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("shortage");
    TCase *calls = tcase_create("calls");
    TCase *low = tcase_create("low");

    tcase_add_checked_fixture(calls, setup, teardown);
    each_add(calls, a_copy_is_taken_whole_or_not_at_all);
    each_add(calls, a_write_that_is_refused_is_never_reported);
    tcase_add_test(calls, a_write_whose_last_parts_find_no_memory_gives_the_first_ones_back);
    each_add(calls, a_descriptor_that_is_refused_is_still_the_callers);
    each_add(calls, a_range_that_finds_no_memory_says_so);
    each_add(calls, a_datagram_is_taken_whole_or_not_at_all);
    suite_add_tcase(suite, calls);
    tcase_add_checked_fixture(low, setup, teardown);
    each_add(low, a_buffer_that_cannot_be_kept_is_told_and_the_stream_goes_on);
    each_add(low, forwarding_what_cannot_be_copied_ends_the_stream);
    each_add(low, holding_back_what_cannot_be_copied_ends_the_stream);
    each_add(low, a_datagram_that_cannot_be_held_back_is_dropped);
    suite_add_tcase(suite, low);
    return suite;
}
