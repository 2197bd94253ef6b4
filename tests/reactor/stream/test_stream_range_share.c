/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* How much of a turn a range takes: on sockets that take whatever they are given. */

#include "stream_range_test.h"

enum { CROWD = 8, PIECE = 256 << 10, FIRST_SUM = 2 << 20 };

static struct kevy_system counting;
static unsigned calls;
static unsigned questions;
static uint64_t virtual_ns;
static uint64_t call_ns;  /* that each call takes */
static int64_t call_most; /* taken by a socket in one call */
static uint64_t cached_most;
static uint64_t turn_bytes;
static uint64_t sent_in_turn[CROWD];
static struct probe crowd[CROWD];
static struct sending crowd_sendings[CROWD];

static int64_t taking_sendfile(void *context, int fd, int file_fd, uint64_t offset, size_t length)
{
    int64_t taken = (int64_t)length < call_most ? (int64_t)length : call_most;

    (void)context;
    (void)file_fd;
    (void)offset;
    calls++;
    virtual_ns += call_ns;
    turn_bytes += (uint64_t)taken;
    for (unsigned index = 0; index < CROWD; index++)
        if (crowd[index].stream.fd == fd)
            sent_in_turn[index] += (uint64_t)taken;
    return taken;
}

static int told_cached(void *context, int fd, uint64_t offset, uint64_t length)
{
    (void)context;
    (void)fd;
    (void)offset;
    questions++;
    return length <= cached_most;
}

static uint64_t clock_virtual(void *context)
{
    (void)context;
    return virtual_ns;
}

static void share_setup(void)
{
    setup();
    calls = questions = 0;
    call_ns = 0;
    call_most = INT64_MAX;
    cached_most = UINT64_MAX;
    counting = *kevy_system_host();
    counting.sendfile = taking_sendfile;
    counting.file_cached = told_cached;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &counting});
}

static void abort_and_finish(struct probe *one)
{
    QUIETLY(kevy_stream_abort(&one->stream));
    probe_finish(one);
}

START_TEST(a_file_of_a_mebibyte_leaves_in_one_call)
{
    open_tcp();
    range_send(0, file, 0, MEGABYTE);
    sending_check(&sendings[0], 0, MEGABYTE);
    ck_assert_uint_eq(calls, 1);
    abort_and_finish(&probe);
}
END_TEST

/* A mebibyte to a socket that takes 100,000 bytes, each time in `part_ns`. */
static void send_in_parts(uint64_t part_ns)
{
    virtual_ns = kevy_system_host()->now_ns(NULL);
    call_ns = part_ns;
    counting.now_ns = clock_virtual;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &counting});
    call_most = 100000;
    open_tcp();
    range_send(0, file, 0, MEGABYTE);
    sending_check(&sendings[0], 0, MEGABYTE);
}

/* All of it was seen before the first part left. */
START_TEST(a_file_that_leaves_in_parts_is_looked_for_once)
{
    send_in_parts(KEVY_MILLISECONDS(1));
    ck_assert_uint_eq(calls, (MEGABYTE + 99999) / 100000);
    ck_assert_uint_eq(questions, 1);
    abort_and_finish(&probe);
}
END_TEST

/* It may have left the page cache meanwhile. */
START_TEST(a_file_that_leaves_slowly_is_looked_for_each_time)
{
    send_in_parts(KEVY_SECONDS(1));
    ck_assert_uint_eq(questions, calls);
    abort_and_finish(&probe);
}
END_TEST

/* It may name another file by then. */
START_TEST(a_range_that_is_sent_again_is_looked_for_again)
{
    send_in_parts(KEVY_MILLISECONDS(1));
    sendings[0].done = 0;
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &sendings[0].range), 0));
    sending_check(&sendings[0], 0, MEGABYTE);
    ck_assert_uint_eq(questions, 2);
    abort_and_finish(&probe);
}
END_TEST

START_TEST(a_socket_that_took_less_is_waited_for)
{
    uint64_t submissions;

    call_most = 100000;
    open_tcp();
    turns(3);
    submissions = stats_now().submissions;
    range_send(0, file, 0, MEGABYTE);
    turn_now();
    ck_assert_uint_eq(calls, 1);
    ck_assert_uint_eq(stats_now().submissions - submissions, 1); /* the poll */
    sending_check(&sendings[0], 0, MEGABYTE);
    ck_assert_uint_eq(calls, (MEGABYTE + 99999) / 100000);
    abort_and_finish(&probe);
}
END_TEST

/* The part that is cached is not copied because the rest has to be. */
START_TEST(a_long_piece_that_is_not_all_cached_is_cut)
{
    cached_most = PIECE;
    open_tcp();
    range_send(0, file, 0, MEGABYTE);
    turn_now();
    ck_assert_uint_eq(calls, 1);
    ck_assert_uint_eq(turn_bytes, PIECE);
    sending_check(&sendings[0], 0, MEGABYTE);
    ck_assert(!sendings[0].range.copying);
    abort_and_finish(&probe);
}
END_TEST

static void crowd_start(void)
{
    for (unsigned index = 0; index < CROWD; index++) {
        probe_tcp(&crowd[index], &probe_events);
        turn_now();
        memset(&crowd_sendings[index], 0, sizeof crowd_sendings[index]);
        crowd_sendings[index].range =
            (struct kevy_file_range){.fd = file, .length = BIG, .done = sending_done};
    }
    for (unsigned index = 0; index < CROWD; index++)
        QUIETLY(ck_assert_int_eq(
            kevy_stream_send_file(&crowd[index].stream, &crowd_sendings[index].range), 0));
}

/* The sum of a turn is bounded, and nobody goes without. */
START_TEST(each_range_has_its_part_of_a_turn)
{
    crowd_start();
    for (unsigned left = CROWD, count = 0; left > 0; count++) {
        uint64_t before[CROWD];

        ck_assert_uint_lt(count, 10 * BIG / PIECE);
        for (unsigned index = 0; index < CROWD; index++)
            before[index] = crowd_sendings[index].range.moved;
        memset(sent_in_turn, 0, sizeof sent_in_turn);
        turn_bytes = 0;
        turn_now();
        ck_assert_uint_le(turn_bytes, FIRST_SUM + CROWD * PIECE);
        left = 0;
        for (unsigned index = 0; index < CROWD; index++) {
            ck_assert_uint_le(sent_in_turn[index], MEGABYTE);
            if (before[index] != BIG)
                ck_assert_uint_ge(sent_in_turn[index], PIECE);
            left += crowd_sendings[index].done == 0;
        }
    }
    for (unsigned index = 0; index < CROWD; index++) {
        ck_assert_int_eq(crowd_sendings[index].result, 0);
        ck_assert_uint_eq(crowd_sendings[index].sent, BIG);
        abort_and_finish(&crowd[index]);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_range_share");
    TCase *share = tcase_create("share");

    tcase_add_checked_fixture(share, share_setup, teardown);
    tcase_add_test(share, a_file_of_a_mebibyte_leaves_in_one_call);
    tcase_add_test(share, a_file_that_leaves_in_parts_is_looked_for_once);
    tcase_add_test(share, a_file_that_leaves_slowly_is_looked_for_each_time);
    tcase_add_test(share, a_range_that_is_sent_again_is_looked_for_again);
    tcase_add_test(share, a_socket_that_took_less_is_waited_for);
    tcase_add_test(share, a_long_piece_that_is_not_all_cached_is_cut);
    tcase_add_test(share, each_range_has_its_part_of_a_turn);
    suite_add_tcase(suite, share);
    return suite;
}
