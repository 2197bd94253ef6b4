/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What a close costs: one walk through the states in one flush, and no system call for what the
 * close of the descriptor does anyway. The states are seen right before each wait.
 */

#include "reactor_test.h"

#include "stream/stream_internal.h"

static struct probe probe;
static struct kevy_system counting;
static unsigned shutdowns;
static uint32_t seen; /* states, as bits */
static bool filed;    /* a deadline was, while closing */

static int shutdown_counted(void *context, int fd, int how)
{
    shutdowns++;
    return kevy_system_host()->shutdown(context, fd, how);
}

static void look(struct kevy_reactor *looked_at, void *context)
{
    (void)looked_at;
    (void)context;
    if (probe.closed)
        return;
    seen |= 1U << probe.stream.object.state;
    filed |= probe.stream.object.state > STREAM_OPEN && wheel_filed(&probe.stream.deadline);
}

static void setup(void)
{
    reactor_setup();
    counting = *kevy_system_host();
    counting.shutdown = shutdown_counted;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &counting, .before_wait = look});
}

/* Without an `end` of its own, and with one that closes. */
static void end_closes(struct kevy_stream *stream)
{
    kevy_stream_close(stream);
}

static void probe_open_at(int kind)
{
    static struct kevy_stream_events events;

    events = probe_events;
    events.end = kind % 2 == 0 ? NULL : end_closes;
    if (kind / 2 == 0)
        probe_tcp(&probe, &events);
    else
        probe_unix(&probe, &events);
    turns(3);
    seen = 0;
}

START_TEST(a_stream_whose_peer_has_ended_comes_from_open_to_closed_in_one_walk)
{
    char byte;

    probe_open_at(_i);
    shutdown(probe.peer, SHUT_WR);
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_int_eq(peer_read(probe.peer, &byte, 1), 0);
    ck_assert_uint_eq(seen & ~(1U << STREAM_OPEN), 1U << STREAM_CLOSED);
    ck_assert_uint_eq(shutdowns, 0);
    ck_assert(!filed);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(the_answer_to_a_peer_that_has_ended_comes_whole_and_before_the_end)
{
    probe_open_at(_i);
    probe.echo = true;
    peer_write_text(probe.peer, "hello");
    shutdown(probe.peer, SHUT_WR);
    peer_expect_text(probe.peer, "hello");
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_int_eq(peer_drain(probe.peer, &(uint64_t){0}), 0);
    ck_assert_uint_eq(shutdowns, 0);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(a_peer_that_has_not_ended_is_told_by_one_shutdown_and_waited_for)
{
    char byte;

    probe_open_at(_i);
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(3);
    ck_assert_uint_eq(shutdowns, 1);
    ck_assert_int_eq(peer_read(probe.peer, &byte, 1), 0);
    ck_assert_uint_eq(seen & (1U << STREAM_LINGERING), 1U << STREAM_LINGERING);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
    ck_assert_uint_eq(shutdowns, 1);
}
END_TEST

/* The flush tears down: between the call and the flush nothing has happened yet. */
START_TEST(an_abort_only_marks)
{
    struct probe source;

    probe_unix(&source, &probe_events);
    probe_small(&probe, &probe_events);
    turns(3);
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "hello");
    turns(3);
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_IDLE, KEVY_SECONDS(100));
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "0123456789", 10), 0);
    kevy_stream_set_watermarks(&probe.stream, 1, 2);
    QUIETLY(kevy_stream_hold(&source.stream, &probe.stream));
    QUIETLY(kevy_stream_abort(&probe.stream));
    ck_assert_uint_eq(probe.stream.object.state, STREAM_TERMINATING);
    ck_assert(wheel_filed(&probe.stream.deadline));
    ck_assert_ptr_nonnull(probe.stream.reader.stash_last);
    ck_assert(stream_has(&source.stream, STREAM_HELD));
    turn_now();
    ck_assert(!stream_has(&source.stream, STREAM_HELD));
    ck_assert(probe.closed || !wheel_filed(&probe.stream.deadline));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    QUIETLY(kevy_stream_abort(&source.stream));
    probe_finish(&source);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_walk");
    TCase *walk = tcase_create("walk");

    tcase_add_checked_fixture(walk, setup, reactor_teardown);
    tcase_set_timeout(walk, 20);
    tcase_add_loop_test(walk, a_stream_whose_peer_has_ended_comes_from_open_to_closed_in_one_walk,
                        0, 4);
    tcase_add_loop_test(walk, the_answer_to_a_peer_that_has_ended_comes_whole_and_before_the_end, 0,
                        4);
    tcase_add_loop_test(walk, a_peer_that_has_not_ended_is_told_by_one_shutdown_and_waited_for, 0,
                        4);
    tcase_add_test(walk, an_abort_only_marks);
    suite_add_tcase(suite, walk);
    return suite;
}
