/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The watermarks of the write queue: `drain` after each stay at the high one, and answers of
 * several sends that are not refused in their middle.
 */

#include "reactor_test.h"

#include <sys/mman.h>

enum {
    KILOBYTE = 1 << 10,
    MEGABYTE = 1 << 20,
    PART = 16 * KILOBYTE,
};

static struct probe probe;
static uint8_t big[MEGABYTE];

static void open_with_marks(uint32_t low, uint32_t high)
{
    probe_small(&probe, &probe_events);
    QUIETLY(kevy_stream_set_watermarks(&probe.stream, low, high));
    turns(3);
}

static int send_bytes(size_t length)
{
    int result;

    QUIETLY(result = kevy_stream_send(&probe.stream, big, length));
    return result;
}

static int reserve(uint64_t length)
{
    int result;

    QUIETLY(result = kevy_stream_reserve(&probe.stream, length));
    return result;
}

/* Reads so much at the other end. */
static void peer_take(uint64_t length)
{
    static uint8_t data[64 * KILOBYTE];

    while (length > 0) {
        size_t room = length < sizeof data ? (size_t)length : sizeof data;
        int count = peer_read(probe.peer, data, room);

        ck_assert(count > 0 || count == -EAGAIN);
        if (count > 0)
            length -= (uint64_t)count;
        turn_now();
    }
}

static void probe_abort(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(drain_follows_a_stay_above_the_high_mark_without_a_refusal)
{
    open_with_marks(PART, 2 * PART);
    ck_assert_int_eq(send_bytes(10 * PART), 0);
    turns(5);
    ck_assert_uint_eq(probe.drains, 0);
    peer_take(10 * PART);
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    ck_assert_uint_eq(probe.drains, 1);
    probe_abort();
}
END_TEST

START_TEST(drain_follows_a_stay_right_at_the_high_mark)
{
    open_with_marks(1, 8);
    ck_assert_int_eq(send_bytes(4), 0);
    ck_assert_int_eq(send_bytes(3), 0);
    turns(3);
    ck_assert_uint_eq(probe.drains, 0); /* seven bytes have come and gone */
    ck_assert_int_eq(send_bytes(4), 0);
    ck_assert_int_eq(send_bytes(4), 0);
    turns(3);
    ck_assert_uint_eq(probe.drains, 1);
    probe_abort();
}
END_TEST

START_TEST(drain_comes_once_for_each_stay)
{
    open_with_marks(PART, 2 * PART);
    for (unsigned stay = 1; stay <= 3; stay++) {
        ck_assert_int_eq(send_bytes(10 * PART), 0);
        ck_assert_int_eq(send_bytes(1), -EAGAIN);
        ck_assert_int_eq(send_bytes(1), -EAGAIN);
        peer_take(10 * PART);
        TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
        ck_assert_uint_eq(probe.drains, stay);
    }
    probe_abort();
}
END_TEST

static void forward_it(struct probe *from, struct kevy_buffer *buffer)
{
    (void)from;
    ck_assert_int_eq(kevy_stream_forward(&probe.stream, buffer), 0);
}

START_TEST(drain_follows_forwarded_bytes_too)
{
    struct probe source;

    open_with_marks(1, 4);
    probe_tcp(&source, &probe_events);
    source.on_read = forward_it;
    peer_write_text(source.peer, "four");
    TURN_UNTIL(probe.drains == 1);
    peer_write_text(source.peer, "six   ");
    TURN_UNTIL(probe.drains == 2);
    peer_write_text(source.peer, "3  ");
    peer_expect_text(probe.peer, "foursix   3  ");
    ck_assert_uint_eq(probe.drains, 2);
    QUIETLY(kevy_stream_abort(&source.stream));
    probe_finish(&source);
    probe_abort();
}
END_TEST

static unsigned sent_files;

static void file_done(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                      uint64_t sent)
{
    (void)stream;
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(sent, range->length);
    sent_files++;
}

/* What a range has taken from its file counts as queued, so who looks at that may wait. */
START_TEST(drain_follows_the_bytes_of_a_file)
{
    struct kevy_file_range range = {.length = 10 * PART, .done = file_done};

    range.fd = memfd_create("range", MFD_CLOEXEC);
    ck_assert_int_eq(ftruncate(range.fd, 10 * PART), 0);
    open_with_marks(PART, 2 * PART);
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), 0));
    TURN_UNTIL(kevy_stream_queued(&probe.stream) >= 2 * PART);
    ck_assert_uint_eq(probe.drains, 0);
    peer_take(10 * PART);
    TURN_UNTIL(sent_files == 1);
    ck_assert_uint_gt(probe.drains, 0);
    close(range.fd);
    probe_abort();
}
END_TEST

static uint64_t left;

/* A writer that looks at the queue and never meets a refusal. */
static void write_below_the_mark(struct probe *at)
{
    while (left > 0 && kevy_stream_queued(&at->stream) < 64 * KILOBYTE) {
        size_t part = left < PART ? (size_t)left : PART;

        ck_assert_int_eq(kevy_stream_send(&at->stream, big, part), 0);
        left -= part;
    }
}

START_TEST(a_writer_that_stops_by_itself_at_the_mark_sends_all_of_50_mib)
{
    left = 50 * MEGABYTE;
    open_with_marks(PART, 64 * KILOBYTE);
    probe.on_drain = write_below_the_mark;
    write_below_the_mark(&probe);
    peer_take(50 * MEGABYTE);
    ck_assert_uint_eq(left, 0);
    probe_abort();
}
END_TEST

START_TEST(marks_that_move_owe_a_drain_or_bring_it)
{
    open_with_marks(PART, 64 * PART);
    ck_assert_int_eq(send_bytes(20 * PART), 0);
    turns(5);
    QUIETLY(kevy_stream_set_watermarks(&probe.stream, PART, 2 * PART));
    turns(5);
    ck_assert_uint_eq(probe.drains, 0);
    QUIETLY(kevy_stream_set_watermarks(&probe.stream, 64 * PART, 64 * PART));
    ck_assert_uint_eq(probe.drains, 0);
    turns(2);
    ck_assert_uint_eq(probe.drains, 1); /* the peer has read nothing */
    probe_abort();
}
END_TEST

START_TEST(a_stream_started_again_owes_no_drain)
{
    open_with_marks(PART, 2 * PART);
    ck_assert_int_eq(reserve(MEGABYTE), 0);
    ck_assert_int_eq(send_bytes(10 * PART), 0);
    probe_abort();
    probe_stream_init(&probe, &probe_events);
    open_with_marks(PART, 2 * PART);
    ck_assert_int_eq(send_bytes(5), 0);
    turns(3);
    ck_assert_uint_eq(probe.drains, 0);
    ck_assert_int_eq(send_bytes(10 * PART), 0);
    ck_assert_int_eq(send_bytes(1), -EAGAIN); /* and has nothing reserved */
    probe_abort();
}
END_TEST

static unsigned plain_closes;

static void plain_close(struct kevy_stream *stream, int reason)
{
    (void)stream;
    (void)reason;
    plain_closes++;
}

/* Two sends of two bytes, of which the mark refuses the second unless it was reserved. */
static int plain_start(struct kevy_stream *stream, uint64_t reserved)
{
    int pair[2], result;

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    close(pair[1]);
    ck_assert_int_eq(kevy_stream_adopt(stream, reactor, pair[0]), 0);
    if (reserved != 0)
        ck_assert_int_eq(kevy_stream_reserve(stream, reserved), 0);
    ck_assert_int_eq(kevy_stream_send(stream, "ab", 2), 0);
    result = kevy_stream_send(stream, "cd", 2);
    kevy_stream_abort(stream);
    return result;
}

START_TEST(a_reserve_ends_with_its_stream)
{
    static const struct kevy_stream_events events = {.close = plain_close};
    struct kevy_stream stream = {0};

    kevy_stream_set_watermarks(kevy_stream_init(&stream, &events), 1, 2);
    ck_assert_int_eq(plain_start(&stream, 100), 0);
    TURN_UNTIL(plain_closes == 1);
    ck_assert_int_eq(plain_start(&stream, 0), -EAGAIN); /* not initialised again */
    TURN_UNTIL(plain_closes == 2);
}
END_TEST

/* `drain` may end the stream, from whichever place it comes. */
static void abort_in_drain(struct probe *at)
{
    QUIETLY(kevy_stream_abort(&at->stream));
}

START_TEST(a_drain_that_aborts_is_the_end)
{
    open_with_marks(PART, 64 * PART);
    probe.on_drain = abort_in_drain;
    ck_assert_int_eq(send_bytes(20 * PART), 0);
    turns(5);
    QUIETLY(kevy_stream_set_watermarks(&probe.stream, PART, PART));
    QUIETLY(kevy_stream_set_watermarks(&probe.stream, 64 * PART, 64 * PART));
    TURN_UNTIL(probe.closed);
    ck_assert_uint_eq(probe.drains, 1);
    ck_assert_int_eq(probe.reason, -ECANCELED);
    probe_finish(&probe);
}
END_TEST

START_TEST(an_answer_of_20_parts_arrives_whole)
{
    open_with_marks(PART, 64 * KILOBYTE);
    ck_assert_int_eq(reserve(20 * MEGABYTE), 0);
    for (unsigned part = 0; part < 20; part++)
        ck_assert_int_eq(send_bytes(MEGABYTE), 0);
    ck_assert_int_eq(send_bytes(1), -EAGAIN);
    peer_take(20 * MEGABYTE);
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    ck_assert_uint_eq(probe.drains, 1);
    ck_assert_int_eq(peer_read(probe.peer, big, sizeof big), -EAGAIN);
    probe_abort();
}
END_TEST

START_TEST(an_answer_that_cannot_begin_is_refused_and_drain_follows)
{
    open_with_marks(PART, 2 * PART);
    ck_assert_int_eq(send_bytes(10 * PART), 0);
    ck_assert_int_eq(reserve(5), -EAGAIN);
    ck_assert_int_eq(send_bytes(5), -EAGAIN);
    peer_take(10 * PART);
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    ck_assert_uint_eq(probe.drains, 1);
    ck_assert_int_eq(reserve(5), 0);
    probe_abort();
}
END_TEST

START_TEST(the_last_send_of_a_reserve_may_go_beyond_it)
{
    open_with_marks(1, 2);
    ck_assert_int_eq(reserve(10), 0);
    ck_assert_int_eq(send_bytes(9), 0);
    ck_assert_int_eq(send_bytes(100), 0);
    ck_assert_int_eq(send_bytes(1), -EAGAIN);
    probe_abort();
}
END_TEST

START_TEST(a_new_reserve_replaces_the_earlier_one)
{
    open_with_marks(PART, 2 * PART);
    ck_assert_int_eq(reserve(MEGABYTE), 0);
    ck_assert_int_eq(reserve(PART), 0);
    ck_assert_int_eq(send_bytes(2 * PART), 0);
    ck_assert_int_eq(send_bytes(1), -EAGAIN);
    peer_take(2 * PART);
    TURN_UNTIL(kevy_stream_queued(&probe.stream) == 0);
    ck_assert_int_eq(reserve(UINT64_MAX), 0);
    ck_assert_int_eq(send_bytes(2 * PART), 0);
    ck_assert_int_eq(send_bytes(1), 0);
    /* At the mark an earlier reserve ends as well. */
    ck_assert_int_eq(reserve(0), -EAGAIN);
    ck_assert_int_eq(send_bytes(1), -EAGAIN);
    probe_abort();
}
END_TEST

START_TEST(every_kind_of_send_is_taken_from_a_reserve)
{
    struct iovec part = {.iov_base = big, .iov_len = 100};
    struct kevy_send send = {.parts = &part, .count = 1};
    struct kevy_file_range range = {.length = 100, .done = file_done};

    sent_files = 0;
    range.fd = memfd_create("range", MFD_CLOEXEC);
    ck_assert_int_eq(ftruncate(range.fd, 100), 0);
    open_with_marks(1, 2);
    ck_assert_int_eq(reserve(500), 0);
    ck_assert_int_eq(send_bytes(100), 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &send), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, dup(0), big, 100), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), 0));
    ck_assert_int_eq(send_bytes(100), 0);
    peer_take(500);
    TURN_UNTIL(sent_files == 1);
    close(range.fd);
    probe_abort();
}
END_TEST

START_TEST(nothing_is_reserved_on_a_stream_that_takes_nothing)
{
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(reserve(5), -EPIPE);
    open_with_marks(1, 2);
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(reserve(5), -EPIPE);
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_watermark");
    TCase *drain = tcase_create("drain");
    TCase *reserved = tcase_create("reserved");

    tcase_add_checked_fixture(drain, reactor_setup, reactor_teardown);
    tcase_set_timeout(drain, 20);
    tcase_add_test(drain, drain_follows_a_stay_above_the_high_mark_without_a_refusal);
    tcase_add_test(drain, drain_follows_a_stay_right_at_the_high_mark);
    tcase_add_test(drain, drain_comes_once_for_each_stay);
    tcase_add_test(drain, drain_follows_forwarded_bytes_too);
    tcase_add_test(drain, drain_follows_the_bytes_of_a_file);
    tcase_add_test(drain, a_writer_that_stops_by_itself_at_the_mark_sends_all_of_50_mib);
    tcase_add_test(drain, marks_that_move_owe_a_drain_or_bring_it);
    tcase_add_test(drain, a_stream_started_again_owes_no_drain);
    tcase_add_test(drain, a_drain_that_aborts_is_the_end);
    suite_add_tcase(suite, drain);
    tcase_add_checked_fixture(reserved, reactor_setup, reactor_teardown);
    tcase_set_timeout(reserved, 20);
    tcase_add_test(reserved, an_answer_of_20_parts_arrives_whole);
    tcase_add_test(reserved, an_answer_that_cannot_begin_is_refused_and_drain_follows);
    tcase_add_test(reserved, the_last_send_of_a_reserve_may_go_beyond_it);
    tcase_add_test(reserved, a_new_reserve_replaces_the_earlier_one);
    tcase_add_test(reserved, every_kind_of_send_is_taken_from_a_reserve);
    tcase_add_test(reserved, a_reserve_ends_with_its_stream);
    tcase_add_test(reserved, nothing_is_reserved_on_a_stream_that_takes_nothing);
    suite_add_tcase(suite, reserved);
    return suite;
}
