/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Ranges of files down a stream: their bytes, and their order among writes. */

#include "stream_range_test.h"

static const uint64_t lengths[] = {1,     4095,  4096,   4097,         65535,
                                   65536, 65537, 200000, MEGABYTE + 1, BIG};

START_TEST(a_range_arrives_whole)
{
    uint64_t length = lengths[_i];
    const struct sending *sending;

    open_tcp();
    sending = range_send(0, file, 0, length);
    if (cache_told())
        ck_assert_uint_eq(kevy_stream_queued(&probe.stream), length <= 16384 ? length : 0);
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
    kevy_stream_set_watermarks(&probe.stream, 10, 20);
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
    struct kevy_file_range range = {.fd = file, .length = 1, .done = sending_done};
    int ends[2];

    open_tcp();
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

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_range");
    TCase *ranges = tcase_create("ranges");

    tcase_add_checked_fixture(ranges, setup, teardown);
    tcase_add_loop_test(ranges, a_range_arrives_whole, 0, (int)(sizeof lengths / sizeof *lengths));
    tcase_add_test(ranges, a_range_begins_at_its_offset);
    tcase_add_test(ranges, order_is_kept_among_writes_and_ranges);
    tcase_add_test(ranges, what_is_queued_while_a_range_goes_waits_behind_it);
    tcase_add_test(ranges, a_short_file_ends_its_range);
    tcase_add_test(ranges, an_empty_range_reports_in_its_turn);
    tcase_add_loop_test(ranges, a_range_may_be_queued_again_from_its_done, 0, 2);
    ADD_IF_CACHE_TOLD(ranges, a_peer_that_does_not_read_holds_the_file_back);
    tcase_add_test(ranges, ranges_respect_the_marks);
    tcase_add_test(ranges, what_is_no_range_is_refused);
    suite_add_tcase(suite, ranges);
    return suite;
}
