/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The write queue: order, marks, what each write reports. That one send is in flight at a time is
 * footgun 21, in test_footgun_stream.c.
 */

#include "reactor_test.h"

#include <stdio.h>
#include <sys/mman.h>

enum {
    MEGABYTE = 1 << 20,
};

static struct probe probe;
static uint8_t big[MEGABYTE];

struct report {
    struct kevy_send write;
    struct iovec parts[64];
    unsigned calls;
    unsigned order;
    int result;
    void (*then)(struct report *report, struct kevy_stream *stream);
    unsigned again;
};

static struct report reports[64];
static unsigned reported;

static void report_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    struct report *report = KEVY_CONTAINER_OF(write, struct report, write);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe_of(stream)->closed);
    report->calls++;
    report->result = result;
    report->order = ++reported;
    if (report->then != NULL)
        report->then(report, stream);
}

static int write_part(struct report *report, struct kevy_stream *stream, const void *data,
                      size_t length)
{
    int result;

    report->parts[0] = (struct iovec){.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    report->write.parts = report->parts;
    report->write.count = 1;
    report->write.done = report_done;
    QUIETLY(result = kevy_stream_send_pinned(stream, &report->write));
    return result;
}

static void probe_open_now(void)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
}

static void probe_abort(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(writes_of_one_turn_leave_as_one_send)
{
    struct kevy_reactor_stats before;

    probe_open_now();
    before = stats_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "HTTP/1.1 ", 9), 0));
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, "200 ", 4), 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "OK\r\n", 4), 0));
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 17);
    turn_now();
    ck_assert_uint_eq(stats_now().submissions, before.submissions + 1);
    peer_expect_text(probe.peer, "HTTP/1.1 200 OK\r\n");
    ck_assert_uint_eq(reports[0].calls, 1);
    ck_assert_int_eq(reports[0].result, 0);
    probe_abort();
}
END_TEST

START_TEST(one_send_is_in_flight_however_much_is_queued)
{
    probe_small(&probe, &probe_events);
    kevy_stream_set_watermarks(&probe.stream, 0, 64 * MEGABYTE);
    turns(3);
    for (unsigned index = 0; index < 16; index++) {
        ck_assert_int_eq(write_part(&reports[index], &probe.stream, big, MEGABYTE), 0);
        turn_now();
        ck_assert_uint_le(stats_now().operations, 2); /* it, and the receive */
    }
    turns(10);
    ck_assert_uint_eq(stats_now().operations, 2);
    probe_abort();
}
END_TEST

START_TEST(a_sent_copy_may_be_overwritten_at_once)
{
    char data[5] = "first";

    probe_open_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, 5), 0));
    memset(data, 'X', sizeof data);
    peer_expect_text(probe.peer, "first");
    probe_abort();
}
END_TEST

START_TEST(an_empty_send_is_nothing)
{
    probe_open_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "", 0), 0));
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    probe_abort();
}
END_TEST

START_TEST(writes_out_of_range_are_refused)
{
    struct iovec parts[65];
    struct kevy_send write = {.parts = parts, .count = 0};

    for (unsigned index = 0; index < 65; index++)
        parts[index] = (struct iovec){.iov_base = big, .iov_len = 1};
    probe_open_now();
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), -EINVAL);
    write.count = 65;
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), -EINVAL);
    write.count = 2;
    parts[1].iov_len = (size_t)1 << 30;
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), -EINVAL);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    probe_abort();
}
END_TEST

START_TEST(a_write_of_64_parts_with_empty_ones_arrives_whole)
{
    struct report *report = &reports[0];

    probe_open_now();
    pattern_fill(big, 64 * 100, 3, 0);
    for (unsigned index = 0; index < 64; index++)
        report->parts[index] =
            (struct iovec){.iov_base = big + index * 100, .iov_len = index % 2 ? 200 : 0};
    for (unsigned index = 1; index < 64; index += 2)
        report->parts[index].iov_base = big + (index - 1) * 100;
    report->write = (struct kevy_send){.parts = report->parts, .count = 64, .done = report_done};
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &report->write), 0));
    peer_expect(probe.peer, big, 6400);
    TURN_UNTIL(report->calls);
    ck_assert_int_eq(report->result, 0);
    probe_abort();
}
END_TEST

START_TEST(a_write_of_no_bytes_is_refused)
{
    probe_open_now();
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, "", 0), -EINVAL);
    turns(3);
    ck_assert_uint_eq(reported, 0);
    probe_abort();
}
END_TEST

START_TEST(footgun_20_copies_references_and_more_copies_keep_their_order_through_short_sends)
{
    enum {
        PIECES = 3000,
    };
    static uint8_t source[PIECES * 700];
    uint8_t piece[9000];
    uint64_t queued = 0, have = 0, seed = 5;
    unsigned writes = 0;

    pattern_fill(source, sizeof source, 2, 0);
    probe_open_now();
    kevy_stream_set_watermarks(&probe.stream, 1000, 100000);
    for (unsigned count = 0; have < sizeof source; count++) {
        uint64_t length = 1 + random_next(&seed) % 20000;
        int result;

        ck_assert_uint_lt(count, TURNS_MAX);
        if (length > sizeof source - queued)
            length = sizeof source - queued;
        if (length > 0 && random_next(&seed) % 3 == 0 && reports[writes % 64].calls == writes / 64)
            result = write_part(&reports[writes++ % 64], &probe.stream, source + queued, length);
        else
            QUIETLY(result = kevy_stream_send(&probe.stream, source + queued, length));
        if (result == 0)
            queued += length;
        else
            ck_assert_int_eq(result, -EAGAIN);
        if (count % 4 != 0)
            continue;
        turn_now();
        result = peer_read(probe.peer, piece, sizeof piece);
        if (result > 0)
            pattern_check(piece, (size_t)result, 2, have);
        have += result > 0 ? (unsigned)result : 0;
    }
    probe_abort();
}
END_TEST

START_TEST(above_the_high_mark_a_write_answers_eagain_and_drain_follows)
{
    unsigned accepted = 0;
    uint64_t count;
    int result;

    probe_open_now();
    do {
        QUIETLY(result = kevy_stream_send(&probe.stream, big, 50000));
        accepted += result == 0;
        if (result == 0)
            turn_now();
    } while (result == 0);
    ck_assert_int_eq(result, -EAGAIN);
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, big, 1), -EAGAIN);
    ck_assert_uint_ge(kevy_stream_queued(&probe.stream), 65536);
    ck_assert_uint_eq(probe.drains, 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), 0));
    ck_assert_int_eq(peer_drain(probe.peer, &count), 0);
    ck_assert_uint_eq(count, accepted * UINT64_C(50000));
    ck_assert_uint_eq(probe.drains, 1);
    ck_assert_uint_eq(reports[0].calls, 0);
    probe_abort();
}
END_TEST

START_TEST(drain_does_not_come_without_eagain)
{
    probe_open_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 60000), 0));
    peer_expect(probe.peer, big, 60000);
    turns(5);
    ck_assert_uint_eq(probe.drains, 0);
    probe_abort();
}
END_TEST

static void refill(struct probe *filled)
{
    ck_assert_uint_le(kevy_stream_queued(&filled->stream), 10);
    if (filled->tag++ < 20) {
        ck_assert_int_eq(kevy_stream_send(&filled->stream, big, 500), 0);
        ck_assert_int_eq(kevy_stream_send(&filled->stream, big, 1), -EAGAIN);
    }
}

START_TEST(drain_may_fill_the_queue_again)
{
    uint64_t count;

    probe_open_now();
    kevy_stream_set_watermarks(&probe.stream, 10, 500);
    probe.on_drain = refill;
    QUIETLY(refill(&probe));
    TURN_UNTIL(probe.drains == 20);
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(peer_drain(probe.peer, &count), 0);
    ck_assert_uint_eq(count, 20 * 500);
    probe_peer_close(&probe);
    probe_finish(&probe);
}
END_TEST

START_TEST(marks_that_are_equal_or_zero_drain_too)
{
    probe_open_now();
    kevy_stream_set_watermarks(&probe.stream, 100, 100);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 100), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 1), -EAGAIN));
    TURN_UNTIL(probe.drains == 1);
    kevy_stream_set_watermarks(&probe.stream, 0, 1);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 3000), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 1), -EAGAIN));
    TURN_UNTIL(probe.drains == 2);
    probe_abort();
}
END_TEST

START_TEST(writes_report_ecanceled_on_abort_before_close_and_in_order)
{
    probe_open_now();
    kevy_stream_set_watermarks(&probe.stream, 0, 64 * MEGABYTE);
    for (unsigned index = 0; index < 16; index++)
        ck_assert_int_eq(write_part(&reports[index], &probe.stream, big, MEGABYTE), 0);
    turns(3);
    QUIETLY(kevy_stream_abort(&probe.stream));
    TURN_UNTIL(probe.closed);
    probe_peer_close(&probe);
    ck_assert_uint_eq(reported, 16);
    for (unsigned index = 0; index < 16; index++) {
        ck_assert_uint_eq(reports[index].calls, 1);
        ck_assert_uint_eq(reports[index].order, index + 1);
    }
    ck_assert_int_eq(reports[15].result, -ECANCELED);
}
END_TEST

START_TEST(a_write_aborted_in_its_own_turn_reports_too)
{
    probe_open_now();
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, big, 10), 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    ck_assert_uint_eq(reports[0].calls, 0);
    probe_finish(&probe);
    ck_assert_uint_eq(reports[0].calls, 1);
    /* The request may have been in the submission queue already: then the kernel has the bytes. */
    ck_assert(reports[0].result == -ECANCELED || reports[0].result == 0);
}
END_TEST

static int again_expected;

static void write_once_more(struct report *report, struct kevy_stream *stream)
{
    if (report->again++ < 5)
        ck_assert_int_eq(kevy_stream_send_pinned(stream, &report->write), again_expected);
}

START_TEST(a_write_may_be_queued_again_from_its_done)
{
    probe_open_now();
    reports[0].then = write_once_more;
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, "abc", 3), 0);
    peer_expect_text(probe.peer, "abcabcabcabcabcabc");
    TURN_UNTIL(reports[0].calls == 6);
    probe_abort();
}
END_TEST

START_TEST(a_write_queued_again_from_done_after_abort_is_refused)
{
    again_expected = -EPIPE;
    probe_open_now();
    reports[0].then = write_once_more;
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, "abc", 3), 0);
    probe_abort();
    ck_assert_uint_eq(reports[0].calls, 1);
}
END_TEST

static void abort_from_done(struct report *report, struct kevy_stream *stream)
{
    (void)report;
    kevy_stream_abort(stream);
}

START_TEST(a_done_that_aborts_leaves_the_other_writes_their_report)
{
    probe_open_now();
    for (unsigned index = 0; index < 10; index++) {
        reports[index].then = index == 3 ? abort_from_done : NULL;
        ck_assert_int_eq(write_part(&reports[index], &probe.stream, "abc", 3), 0);
    }
    probe_finish(&probe);
    for (unsigned index = 0; index < 10; index++)
        ck_assert_uint_eq(reports[index].calls, 1);
    ck_assert_int_eq(probe.reason, -ECANCELED);
}
END_TEST

START_TEST(a_write_without_done_is_fine)
{
    struct iovec part = {.iov_base = "quiet", .iov_len = 5};
    struct kevy_send write = {.parts = &part, .count = 1};

    probe_open_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), 0));
    peer_expect_text(probe.peer, "quiet");
    probe_abort();
}
END_TEST

/* With a tiny submission queue requests leave in the middle of a flush; what the next ones need
 * until then (message headers) must not be taken away from those still queued. */
static void many_vectored_sends(uint32_t sq_entries)
{
    enum {
        STREAMS = 24,
    };
    static struct probe probes[STREAMS];
    static struct report own[STREAMS];
    static char text[STREAMS][3][16];

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = sq_entries, .cq_entries = 64});
    for (unsigned index = 0; index < STREAMS; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(20);
    for (unsigned index = 0; index < STREAMS; index++) {
        for (unsigned part = 0; part < 3; part++) {
            snprintf(text[index][part], sizeof text[index][part], "<%03u.%u>", index, part);
            own[index].parts[part] = (struct iovec){.iov_base = text[index][part], .iov_len = 7};
        }
        own[index].write =
            (struct kevy_send){.parts = own[index].parts, .count = 3, .done = report_done};
        QUIETLY(
            ck_assert_int_eq(kevy_stream_send_pinned(&probes[index].stream, &own[index].write), 0));
    }
    for (unsigned index = 0; index < STREAMS; index++) {
        char expected[32];

        snprintf(expected, sizeof expected, "<%03u.0><%03u.1><%03u.2>", index, index, index);
        peer_expect_text(probes[index].peer, expected);
        QUIETLY(kevy_stream_abort(&probes[index].stream));
    }
    for (unsigned index = 0; index < STREAMS; index++)
        probe_finish(&probes[index]);
}

START_TEST(footgun_16_vectored_sends_through_a_full_submission_queue_keep_their_bytes)
{
    many_vectored_sends((uint32_t)_i);
}
END_TEST

START_TEST(memory_limit_refuses_a_copy_whole_and_leaves_the_stream_alone)
{
    int result;

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 200000});
    probe_open_now();
    kevy_stream_set_watermarks(&probe.stream, 0, 64 * MEGABYTE);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, MEGABYTE), -ENOBUFS));
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "small", 5), 0));
    peer_expect_text(probe.peer, "small");
    /* A peer that reads nothing: the queue grows to the limit, and no byte beyond. */
    for (unsigned count = 0; count < 2000; count++) {
        QUIETLY(result = kevy_stream_send(&probe.stream, big, 3000));
        if (result < 0)
            break;
        if (count % 10 == 0)
            turn_now();
    }
    ck_assert_int_eq(result, -ENOBUFS);
    ck_assert_uint_le(stats_now().memory, 200000);
    ck_assert_uint_gt(stats_now().memory_failures, 0);
    ck_assert(!probe.closed);
    probe_abort();
    ck_assert_uint_eq(stats_now().memory_peak, stats_now().memory);
}
END_TEST

static void send_from_done(struct report *report, struct kevy_stream *stream)
{
    if (report->again++ == 0) {
        ck_assert_int_eq(kevy_stream_send(stream, "copy,", 5), 0);
        ck_assert_int_eq(kevy_stream_send(stream, "copy.", 5), 0);
    }
}

START_TEST(copies_sent_from_done_arrive_once_and_in_order)
{
    probe_open_now();
    reports[0].then = send_from_done;
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, "write,", 6), 0);
    peer_expect_text(probe.peer, "write,copy,copy.");
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "end", 3), 0));
    peer_expect_text(probe.peer, "end");
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    probe_abort();
}
END_TEST

/* 32 bits count the queue: the highest mark and the longest write together must fit. */
START_TEST(the_longest_queue_does_not_wrap)
{
    size_t length = (size_t)1 << 30;
    void *zeros = mmap(NULL, length, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    unsigned accepted = 0;

    ck_assert_ptr_ne(zeros, MAP_FAILED);
    probe_open_now();
    kevy_stream_set_watermarks(&probe.stream, 0, 1U << 30);
    ck_assert_int_eq(write_part(&reports[0], &probe.stream, zeros, length - 1), 0);
    for (unsigned index = 1; index < 6; index++)
        accepted += write_part(&reports[index], &probe.stream, zeros, length) == 0;
    ck_assert_uint_eq(accepted, 1);
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 2 * length - 1);
    turns(3);
    ck_assert_uint_gt(kevy_stream_queued(&probe.stream), length);
    probe_abort();
    ck_assert_uint_eq(reported, 2);
    munmap(zeros, length);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_write");
    TCase *write = tcase_create("write");

    tcase_add_checked_fixture(write, reactor_setup, reactor_teardown);
    tcase_set_timeout(write, 30);
    tcase_add_test(write, writes_of_one_turn_leave_as_one_send);
    tcase_add_test(write, one_send_is_in_flight_however_much_is_queued);
    tcase_add_test(write, a_sent_copy_may_be_overwritten_at_once);
    tcase_add_test(write, an_empty_send_is_nothing);
    tcase_add_test(write, writes_out_of_range_are_refused);
    tcase_add_test(write, a_write_of_64_parts_with_empty_ones_arrives_whole);
    tcase_add_test(write, a_write_of_no_bytes_is_refused);
    tcase_add_test(
        write, footgun_20_copies_references_and_more_copies_keep_their_order_through_short_sends);
    tcase_add_test(write, above_the_high_mark_a_write_answers_eagain_and_drain_follows);
    tcase_add_test(write, drain_does_not_come_without_eagain);
    tcase_add_test(write, drain_may_fill_the_queue_again);
    tcase_add_test(write, marks_that_are_equal_or_zero_drain_too);
    tcase_add_test(write, writes_report_ecanceled_on_abort_before_close_and_in_order);
    tcase_add_test(write, a_write_aborted_in_its_own_turn_reports_too);
    tcase_add_test(write, a_write_may_be_queued_again_from_its_done);
    tcase_add_test(write, a_write_queued_again_from_done_after_abort_is_refused);
    tcase_add_test(write, a_done_that_aborts_leaves_the_other_writes_their_report);
    tcase_add_test(write, a_write_without_done_is_fine);
    tcase_add_loop_test(
        write, footgun_16_vectored_sends_through_a_full_submission_queue_keep_their_bytes, 1, 9);
    tcase_add_test(write, memory_limit_refuses_a_copy_whole_and_leaves_the_stream_alone);
    tcase_add_test(write, copies_sent_from_done_arrive_once_and_in_order);
    tcase_add_test(write, the_longest_queue_does_not_wrap);
    suite_add_tcase(suite, write);
    return suite;
}
