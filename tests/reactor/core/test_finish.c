/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Draining: everything is told to finish, what does not is aborted, and then the loop ends. */

#include "reactor_test.h"

#include <poll.h>

static struct probe probes[4];
static struct kevy_listener listener;
static bool listener_gone;

static struct kevy_stream *accept_none(struct kevy_listener *ignored)
{
    (void)ignored;
    return NULL;
}

static void listener_closed(struct kevy_listener *ignored)
{
    (void)ignored;
    ck_assert_uint_eq(quiet_depth, 0);
    listener_gone = true;
}

static void listener_start(void)
{
    ck_assert_int_eq(kevy_listener_open(&listener, reactor,
                                        &(struct kevy_listener_options){.address = "127.0.0.1",
                                                                        .accept = accept_none,
                                                                        .close = listener_closed}),
                     0);
}

START_TEST(an_empty_reactor_drains_at_once)
{
    ck_assert(!kevy_reactor_finishing(reactor));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    ck_assert(kevy_reactor_finishing(reactor));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
}
END_TEST

START_TEST(drain_closes_listeners_and_streams_without_finish)
{
    listener_start();
    probe_tcp(&probes[0], &probe_events_close_only);
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    probe_peer_close(&probes[0]);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert(listener_gone);
    ck_assert(probes[0].closed);
    ck_assert_int_eq(probes[0].reason, 0);
}
END_TEST

static void finish_with_goodbye(struct probe *probe)
{
    ck_assert_int_eq(kevy_stream_send(&probe->stream, "goodbye", 7), 0);
    kevy_stream_close(&probe->stream);
}

START_TEST(drain_calls_finish_once_and_lets_the_stream_come_to_its_end)
{
    uint64_t count;

    probe_tcp(&probes[0], &probe_events);
    probes[0].on_finish = finish_with_goodbye;
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    ck_assert_int_eq(peer_drain(probes[0].peer, &count), 0);
    ck_assert_uint_eq(count, 7);
    probe_peer_close(&probes[0]);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_str_eq(probes[0].log, "ofc");
    ck_assert_int_eq(probes[0].reason, 0);
}
END_TEST

START_TEST(what_does_not_finish_is_aborted_at_the_deadline)
{
    probe_tcp(&probes[0], &probe_events);
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_MILLISECONDS(2)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_str_eq(probes[0].log, "ofc");
    ck_assert_int_eq(probes[0].reason, -ECANCELED);
    probe_peer_close(&probes[0]);
}
END_TEST

START_TEST(a_stream_adopted_while_draining_is_told_to_finish)
{
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    probe_tcp(&probes[0], &probe_events);
    probes[0].on_finish = finish_with_goodbye;
    turns(3);
    probe_peer_close(&probes[0]);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_str_eq(probes[0].log, "ofc");
}
END_TEST

START_TEST(a_listener_opened_while_draining_does_not_keep_the_loop)
{
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    listener_start();
    TURN_UNTIL(listener_gone);
}
END_TEST

START_TEST(a_later_drain_does_not_move_the_deadline_back)
{
    probe_tcp(&probes[0], &probe_events);
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_MILLISECONDS(2)));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    probe_finish(&probes[0]);
}
END_TEST

START_TEST(an_earlier_drain_moves_the_deadline_forward)
{
    probe_tcp(&probes[0], &probe_events);
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_MILLISECONDS(2)));
    probe_finish(&probes[0]);
}
END_TEST

START_TEST(a_drain_after_the_deadline_has_passed_does_not_lose_it)
{
    probe_tcp(&probes[0], &probe_events);
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_MILLISECONDS(1)));
    clock_pass(clock_ns() + KEVY_MILLISECONDS(5));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    probe_finish(&probes[0]);
}
END_TEST

static void finish_drains_again(struct probe *probe)
{
    kevy_reactor_finish(reactor, KEVY_SECONDS(1));
    kevy_stream_close(&probe->stream);
}

START_TEST(drain_may_be_called_from_finish)
{
    for (unsigned index = 0; index < 4; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].on_finish = finish_drains_again;
    }
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    for (unsigned index = 0; index < 4; index++)
        probe_peer_close(&probes[index]);
    turns(3);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    for (unsigned index = 0; index < 4; index++)
        ck_assert(probes[index].closed);
}
END_TEST

START_TEST(a_stream_that_closes_already_is_not_told)
{
    probe_tcp(&probes[0], &probe_events);
    turns(3);
    QUIETLY(kevy_stream_close(&probes[0].stream));
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    turns(3);
    probe_peer_close(&probes[0]);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_str_eq(probes[0].log, "oc");
}
END_TEST

static unsigned ticks;

static void tick(struct kevy_timer *timer)
{
    (void)timer;
    ticks++;
}

START_TEST(a_timer_goes_on_but_does_not_keep_a_draining_loop)
{
    struct kevy_timer background = {0}, periodic = {0};

    kevy_timer_start_periodic(&periodic, reactor, KEVY_MILLISECONDS(1), tick);
    kevy_timer_start(&background, reactor, KEVY_SECONDS(3600), tick);
    kevy_reactor_unref(reactor);
    probe_tcp(&probes[0], &probe_events);
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_MILLISECONDS(20)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert(probes[0].closed);
    ck_assert_uint_gt(ticks, 0);
    kevy_timer_stop(&periodic);
    kevy_timer_stop(&background);
    kevy_reactor_ref(reactor);
    probe_peer_close(&probes[0]);
}
END_TEST

static int completion_result;
static struct kevy_completion poll_again;

static void completion_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)flags;
    completion_result = result;
    ck_assert(!kevy_completion_active(completion));
}

/* A last callback that starts what nobody will ever end. */
static void close_starts_a_poll(struct probe *probe, int reason)
{
    struct kevy_sqe *sqe;

    (void)reason;
    kevy_completion_init(&poll_again, reactor, completion_done);
    sqe = kevy_completion_sqe(&poll_again);
    ck_assert_ptr_nonnull(sqe);
    kevy_prep_poll(sqe, probe->tag, POLLIN);
}

START_TEST(completions_in_flight_are_cancelled_at_the_deadline_even_those_started_in_close)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    probe_tcp(&probes[0], &probe_events);
    probes[0].tag = pair[0];
    probes[0].on_close = close_starts_a_poll;
    turns(3);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_MILLISECONDS(1)));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_int_eq(completion_result, -ECANCELED);
    probe_peer_close(&probes[0]);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("drain");
    TCase *drain = tcase_create("drain");

    tcase_add_checked_fixture(drain, reactor_setup, reactor_teardown);
    tcase_set_timeout(drain, 10);
    tcase_add_test(drain, an_empty_reactor_drains_at_once);
    tcase_add_test(drain, drain_closes_listeners_and_streams_without_finish);
    tcase_add_test(drain, drain_calls_finish_once_and_lets_the_stream_come_to_its_end);
    tcase_add_test(drain, what_does_not_finish_is_aborted_at_the_deadline);
    tcase_add_test(drain, a_stream_adopted_while_draining_is_told_to_finish);
    tcase_add_test(drain, a_listener_opened_while_draining_does_not_keep_the_loop);
    tcase_add_test(drain, a_later_drain_does_not_move_the_deadline_back);
    tcase_add_test(drain, an_earlier_drain_moves_the_deadline_forward);
    tcase_add_test(drain, a_drain_after_the_deadline_has_passed_does_not_lose_it);
    tcase_add_test(drain, drain_may_be_called_from_finish);
    tcase_add_test(drain, a_stream_that_closes_already_is_not_told);
    tcase_add_test(drain, a_timer_goes_on_but_does_not_keep_a_draining_loop);
    tcase_add_test(drain,
                   completions_in_flight_are_cancelled_at_the_deadline_even_those_started_in_close);
    suite_add_tcase(suite, drain);
    return suite;
}
