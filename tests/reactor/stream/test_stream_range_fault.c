/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Ranges of files while something fails once: each enter and each allocation in turn. What a range
 * says was sent is what the peer gets, `done` comes once, and nothing is left behind.
 */

#include "stream_range_test.h"

#include "failing_heap.h"
#include "fault_kernel.h"

enum { RANGES = 6, COPY = 1000 };

/* Small buffers, so that a range needs several blocks and slabs. */
static const struct kevy_reactor_options small = {
    .allocator = &heap_allocator, .buffer_size = 512, .sq_entries = 8, .cq_entries = 32};

static const struct {
    uint64_t offset, length, in_file;
} ranges[RANGES] = {
    {0, 1000, 1000},     {1000, 300000, 300000}, {5, 0, 0},
    {BIG - 5, 65536, 5}, {BIG, 10, 0},           {77, 65535, 65535},
};

static uint8_t received[1 << 20];
static size_t received_count;

/* Everything up to the end of the stream. */
static void receive_all(void)
{
    int result = -EAGAIN;

    received_count = 0;
    for (unsigned count = 0, idle = 0; result != 0; count++) {
        size_t room = sizeof received - received_count;

        ck_assert_uint_lt(count, TURNS_MAX);
        result = peer_read(probe.peer, received + received_count, room);
        ck_assert(result >= 0 || result == -EAGAIN);
        if (result > 0) {
            received_count += (size_t)result;
            idle = 0;
        } else if (result < 0) {
            ck_assert(turn_waiting(idle++));
        }
    }
}

/* What has to have come: a copy, if there was memory for one, and what each range says it sent. */
static void received_check(bool copied)
{
    size_t position = 0;

    if (copied) {
        pattern_check(received, COPY, 1, BIG - COPY);
        position = COPY;
    }
    for (unsigned index = 0; index < RANGES; index++) {
        ck_assert_uint_eq(sendings[index].done, 1);
        ck_assert_uint_eq(sendings[index].order, index + 1);
        ck_assert_uint_le(sendings[index].sent, ranges[index].in_file);
        if (sendings[index].result == 0)
            ck_assert_uint_eq(sendings[index].sent, ranges[index].in_file);
        pattern_check(received + position, sendings[index].sent, 1, ranges[index].offset);
        position += sendings[index].sent;
    }
    ck_assert_uint_eq(received_count, position);
}

/* How many ranges ended with an error, which can only be the one. */
static unsigned failures(void)
{
    unsigned count = 0;

    for (unsigned index = 0; index < RANGES; index++) {
        if (sendings[index].result != 0)
            ck_assert_int_eq(sendings[index].result, -ENOBUFS);
        count += sendings[index].result != 0;
    }
    return count;
}

/* A copy, if there is memory for it, and all ranges, queued at once. True when it was copied. */
static bool all_queue(int way)
{
    int error;

    open_tcp();
    way_set(way);
    order_next = 0;
    QUIETLY(error = kevy_stream_send(&probe.stream, big + BIG - COPY, COPY));
    for (unsigned index = 0; index < RANGES; index++)
        range_send(index, file, ranges[index].offset, ranges[index].length);
    return error == 0;
}

/* All that was queued leaves, and the stream ends cleanly. */
static void all_arrive(bool copied)
{
    QUIETLY(kevy_stream_close(&probe.stream));
    receive_all();
    received_check(copied);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}

static void each_reported_once(void)
{
    for (unsigned index = 0; index < RANGES; index++)
        ck_assert_uint_eq(sendings[index].done, 1);
}

static void small_setup(void)
{
    fault_reset();
    setup();
    reactor_setup_with(&small);
}

static void small_teardown(void)
{
    fault_reset();
    teardown();
    ck_assert_uint_eq(heap.live, 0);
}

/* Splicing where the kernel can for 0, copying always for 1. */
START_TEST(ranges_arrive_whole_though_any_enter_is_refused)
{
    static const int errors[] = {-EBUSY, -EAGAIN, -ENOMEM, -EINTR};
    uint32_t nth = 0;

    do {
        fault_nth(++nth, errors[_i % 4]);
        all_arrive(all_queue(_i / 4));
        ck_assert_uint_eq(failures(), 0);
    } while (fault_happened());
    ck_assert_uint_gt(nth, 10);
}
END_TEST

START_TEST(ranges_arrive_whole_though_any_batch_is_cut_short)
{
    for (uint32_t turn_number = 0; turn_number < 40; turn_number++) {
        bool copied = all_queue(_i);

        turns(turn_number);
        fault_submit_short(turn_number % 2);
        all_arrive(copied);
        ck_assert_uint_eq(failures(), 0);
        fault_reset();
    }
}
END_TEST

START_TEST(a_range_that_finds_no_memory_says_so_and_the_others_go_on)
{
    unsigned nth = 0;

    do {
        reactor_setup_with(
            &small); /* free lists keep what was allocated once: each time from the beginning */
        heap_fail(++nth);
        all_arrive(all_queue(_i));
        if (!heap.failed)
            ck_assert_uint_eq(failures(), 0);
        ck_assert_uint_le(failures(), 1);
    } while (heap.failed);
    ck_assert_uint_gt(nth, 2);
}
END_TEST

START_TEST(a_reset_reports_every_range_once_though_any_enter_is_refused)
{
    uint32_t nth = 0;

    do {
        (void)all_queue(_i);
        turns(nth % 13);
        fault_nth(++nth, -EBUSY);
        QUIETLY(kevy_stream_abort(&probe.stream));
        probe_finish(&probe);
        each_reported_once();
    } while (nth < 60);
}
END_TEST

START_TEST(destroy_reports_every_range_once_though_any_enter_is_refused)
{
    for (uint32_t nth = 1; nth < 30; nth++) {
        (void)all_queue(_i);
        turns(nth % 13);
        fault_nth(nth, -EBUSY);
        ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
        reactor = NULL;
        ck_assert(probe.closed);
        probe_peer_close(&probe);
        each_reported_once();
        ck_assert_uint_eq(heap.live, 0);
        fault_reset();
        reactor_setup_with(&small);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_range_fault");
    TCase *tests = tcase_create("faults");

    reactor_kernel = fault_kernel();
    tcase_add_checked_fixture(tests, small_setup, small_teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, ranges_arrive_whole_though_any_enter_is_refused, 0, 8);
    tcase_add_loop_test(tests, ranges_arrive_whole_though_any_batch_is_cut_short, 0, 2);
    tcase_add_loop_test(tests, a_range_that_finds_no_memory_says_so_and_the_others_go_on, 0, 2);
    tcase_add_loop_test(tests, a_reset_reports_every_range_once_though_any_enter_is_refused, 0, 2);
    tcase_add_loop_test(tests, destroy_reports_every_range_once_though_any_enter_is_refused, 0, 2);
    suite_add_tcase(suite, tests);
    return suite;
}
