/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A peer that goes while the stream is paused: who asks for `gone` is told, and who does not pays
 * nothing. */

#include "reactor_test.h"

static struct probe probe;
static unsigned told;
static int told_error;

static void gone(struct kevy_stream *stream, int error)
{
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_ptr_eq(stream, &probe.stream);
    ck_assert(!probe.closed && strchr(probe.log, 'e') == NULL);
    told++;
    told_error = error;
}

static void open_paused(bool tells)
{
    static struct kevy_stream_events events;

    events = probe_events;
    events.gone = tells ? gone : NULL;
    probe_tcp(&probe, &events);
    turns(3);
    QUIETLY(kevy_stream_pause(&probe.stream));
}

/* The peer's end, reset or not, behind bytes that nobody has read or not. */
static const struct {
    bool bytes, reset;
    int error;
} ends[] = {
    {true, true, -ECONNRESET}, {false, true, -ECONNRESET}, {true, false, 0}, {false, false, 0}};

static void peer_goes(bool bytes, bool reset)
{
    static const struct linger linger = {.l_onoff = 1};

    if (bytes)
        peer_write_text(probe.peer, "unread");
    turns(10);
    if (reset)
        ck_assert_int_eq(setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    probe_peer_close(&probe);
}

START_TEST(the_end_of_a_paused_peer_is_told_once_and_the_bytes_before_it_are_kept)
{
    open_paused(true);
    peer_goes(ends[_i].bytes, ends[_i].reset);
    TURN_UNTIL(told);
    ck_assert_int_eq(told_error, ends[_i].error);
    ck_assert_uint_eq(probe.count, 0);
    turns(10);
    QUIETLY(kevy_stream_resume(&probe.stream));
    if (ends[_i].reset) {
        TURN_UNTIL(probe.closed);
        ck_assert_int_eq(probe.reason, -ECONNRESET);
    } else {
        TURN_UNTIL(strchr(probe.log, 'e') != NULL);
        ck_assert_uint_eq(probe.count, ends[_i].bytes ? 6 : 0);
        QUIETLY(kevy_stream_close(&probe.stream));
        TURN_UNTIL(probe.closed);
    }
    ck_assert_uint_eq(told, 1);
}
END_TEST

START_TEST(a_stream_that_reads_on_in_time_is_told_nothing)
{
    open_paused(true);
    peer_write_text(probe.peer, "first");
    turns(10);
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 5);
    peer_write_text(probe.peer, "second");
    TURN_UNTIL(probe.count == 11);
    probe_peer_close(&probe);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_uint_eq(told, 0);
    QUIETLY(kevy_stream_close(&probe.stream));
    TURN_UNTIL(probe.closed);
}
END_TEST

START_TEST(without_the_callback_nothing_is_asked_of_the_kernel)
{
    uint64_t with, before;

    open_paused(false);
    before = stats_now().submissions;
    peer_write_text(probe.peer, "unread");
    turns(10);
    ck_assert_uint_eq(stats_now().submissions - before, 1); /* the cancel of the recv */
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    open_paused(true);
    before = stats_now().submissions;
    peer_write_text(probe.peer, "unread");
    turns(10);
    with = stats_now().submissions - before;
    ck_assert_uint_eq(with, 2);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_gone");
    TCase *tests = tcase_create("tests");

    tcase_add_checked_fixture(tests, reactor_setup, reactor_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_loop_test(
        tests, the_end_of_a_paused_peer_is_told_once_and_the_bytes_before_it_are_kept, 0, 4);
    tcase_add_test(tests, a_stream_that_reads_on_in_time_is_told_nothing);
    tcase_add_test(tests, without_the_callback_nothing_is_asked_of_the_kernel);
    suite_add_tcase(suite, tests);
    return suite;
}
