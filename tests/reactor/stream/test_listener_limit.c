/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* How many a listener takes, and what happens when descriptors, memory or room run out. */

#include "listener_test.h"

#include "stream/listener_internal.h"

#include <fcntl.h>
#include <sys/resource.h>

START_TEST(connections_max_is_a_limit_and_the_rest_waits_in_the_backlog)
{
    struct kevy_listener_options options = options_here();
    char byte;

    options.connections_max = 3;
    open_with(&options);
    connect_clients(10);
    turns(50);
    ck_assert_uint_eq(accepted, 3);
    ck_assert_uint_eq(kevy_listener_connections(&listener), 3);
    for (unsigned index = 0; index < 10; index++)
        ck_assert_int_eq(peer_read(clients[index], &byte, 1), -EAGAIN);
    for (unsigned index = 0; index < 7; index++) {
        QUIETLY(kevy_stream_abort(&probes[index].stream));
        TURN_UNTIL(accepted == index + 4);
        turns(5);
        ck_assert_uint_eq(accepted, index + 4);
        ck_assert_uint_le(kevy_listener_connections(&listener), 3);
    }
    end_all(10, 10);
    listener_end();
}
END_TEST

START_TEST(a_listener_at_its_limit_sleeps)
{
    struct kevy_listener_options options = options_here();
    struct kevy_reactor_stats before;

    options.connections_max = 1;
    open_with(&options);
    connect_clients(3);
    TURN_UNTIL(accepted == 1);
    turns(10);
    before = stats_now();
    ck_assert_int_eq(kevy_reactor_run_once(reactor, KEVY_MILLISECONDS(20)), 1);
    ck_assert_uint_le(stats_now().completions - before.completions, 1);
    end_all(1, 0);
    TURN_UNTIL(accepted == 2);
    QUIETLY(kevy_listener_close(&listener));
    end_all(2, 3);
    TURN_UNTIL(listener_closes);
}
END_TEST

START_TEST(a_connection_without_memory_is_shed_and_counted)
{
    uint64_t count;

    open_here();
    shed = true;
    connect_clients(1);
    (void)peer_drain(clients[0], &count);
    ck_assert_uint_eq(stats_now().accepts_shed, 1);
    ck_assert_uint_eq(stats_now().accepts, 1);
    ck_assert_uint_eq(kevy_listener_connections(&listener), 0);
    shed = false;
    close(clients[0]);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    end_all(1, 1);
    listener_end();
}
END_TEST

START_TEST(pause_leaves_clients_in_the_backlog_and_resume_takes_them)
{
    open_here();
    turns(3);
    QUIETLY(kevy_listener_pause(&listener));
    QUIETLY(kevy_listener_pause(&listener));
    turns(5);
    connect_clients(5);
    turns(20);
    ck_assert_uint_eq(accepted, 0);
    QUIETLY(kevy_listener_resume(&listener));
    QUIETLY(kevy_listener_resume(&listener));
    TURN_UNTIL(accepted == 5);
    end_all(5, 5);
    listener_end();
}
END_TEST

START_TEST(pausing_and_resuming_at_every_pace_loses_no_client)
{
    open_here();
    for (unsigned round = 0; round < 60; round++) {
        clients[0] = plain_connect(kevy_listener_port(&listener));
        if (round % 3 != 0)
            QUIETLY(kevy_listener_pause(&listener));
        turns(round % 4);
        QUIETLY(kevy_listener_resume(&listener));
        if (round % 5 == 0)
            QUIETLY(kevy_listener_pause(&listener));
        turns(round % 3);
        QUIETLY(kevy_listener_resume(&listener));
        TURN_UNTIL(accepted == round + 1);
        QUIETLY(kevy_stream_abort(&probes[round].stream));
        probe_finish(&probes[round]);
        close(clients[0]);
    }
    listener_end();
}
END_TEST

/* The limit counts from the moment the accept is armed: so lower it first. */
START_TEST(footgun_38_emfile_stops_accepting_reports_and_does_not_spin)
{
    struct kevy_reactor_stats before, after;

    open_here();
    connect_clients(4);
    descriptors_leave(2);
    TURN_UNTIL(states == 1);
    ck_assert_int_eq(last_state, -EMFILE);
    ck_assert_uint_eq(accepted, 2);
    before = stats_now();
    turns(100);
    after = stats_now();
    ck_assert_uint_eq(after.accept_pauses, 1);
    ck_assert_uint_le(after.completions - before.completions, 2);
    ck_assert_uint_le(after.submissions - before.submissions, 2);
    /* And asleep: until the retry timer nothing is due. */
    before = after;
    (void)kevy_reactor_run_once(reactor, KEVY_MILLISECONDS(10));
    ck_assert_uint_eq(stats_now().completions, before.completions);
    descriptors_restore();
    end_all(2, 0);
    TURN_UNTIL(accepted == 4);
    end_all(4, 4);
    listener_end();
}
END_TEST

START_TEST(footgun_38_accepting_goes_on_when_a_stream_closes_without_waiting_for_the_timer)
{
    open_here();
    connect_clients(3);
    descriptors_leave(1);
    TURN_UNTIL(states == 1);
    ck_assert_uint_eq(accepted, 1);
    for (unsigned index = 0; index < 2; index++) {
        QUIETLY(kevy_stream_abort(&probes[index].stream));
        for (unsigned count = 0; accepted < index + 2; count++) {
            ck_assert_uint_lt(count, 20);
            turn_now();
        }
        /* The stream that closed made room for one; the next one has to wait again. */
        ck_assert_uint_eq(accepted, index + 2);
        ck_assert_uint_ge(states, 2 * index + 2);
        if (index == 0) /* later nobody waits, and what is said then differs between kernels */
            ck_assert_int_eq(last_state, -EMFILE);
    }
    descriptors_restore();
    QUIETLY(kevy_listener_close(&listener));
    end_all(3, 3);
    TURN_UNTIL(listener_closes);
}
END_TEST

START_TEST(footgun_38_accepting_goes_on_by_itself_after_100_milliseconds)
{
    uint64_t before_ns = clock_ns();

    open_here();
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(states == 1);
    descriptors_restore();
    TURN_UNTIL(accepted == 2);
    ck_assert_uint_ge(clock_ns() - before_ns, KEVY_MILLISECONDS(100));
    ck_assert_int_eq(last_state, 0);
    end_all(2, 2);
    listener_end();
}
END_TEST

/* As if an accept that was armed had ended so. */
static void accept_ends(int error)
{
    listener.object.in_flight++;
    listener_accept_done(reactor, &listener, error, 0);
}

static const int shortages[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM};

START_TEST(footgun_38_every_kind_of_shortage_stops_accepting_and_is_reported)
{
    uint64_t before_ns = clock_ns();

    open_here();
    accept_ends(shortages[_i]);
    ck_assert_uint_eq(states, 1);
    ck_assert_int_eq(last_state, shortages[_i]);
    connect_clients(1);
    turns(5);
    ck_assert_uint_eq(stats_now().accept_pauses, 1);
    TURN_UNTIL(accepted == 1);
    ck_assert_uint_ge(clock_ns() - before_ns, KEVY_MILLISECONDS(100));
    ck_assert_uint_eq(states, 2);
    ck_assert_int_eq(last_state, 0);
    end_all(1, 1);
    listener_end();
}
END_TEST

static const int passing[] = {-ECONNABORTED, -EPROTO, -EINTR, -EAGAIN, -ECANCELED};

START_TEST(the_error_of_one_connection_does_not_stop_accepting)
{
    open_here();
    accept_ends(passing[_i]);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    ck_assert_uint_eq(states, 0);
    end_all(1, 1);
    listener_end();
}
END_TEST

/*
 * An accept into a table of direct descriptors that is full drops the connection it took (measured
 * on 6.18). Into the table of the process it takes none: who finds no room there waits.
 */
START_TEST(footgun_37_a_full_descriptor_table_loses_no_client)
{
    enum {
        ROOM = 3,
    };
    char byte;

    open_here();
    connect_clients(CLIENTS);
    descriptors_leave(ROOM);
    for (unsigned served = 0; served < CLIENTS; served++) {
        TURN_UNTIL(accepted > served);
        ck_assert_uint_le(accepted, served + ROOM);
        for (unsigned index = served; index < CLIENTS; index++)
            ck_assert_int_eq(peer_read(clients[index], &byte, 1), -EAGAIN); /* no end, no reset */
        echo_check(clients[served], &probes[served]);
        QUIETLY(kevy_stream_abort(&probes[served].stream));
        probe_finish(&probes[served]);
    }
    ck_assert_int_eq(last_state, 0);
    ck_assert_uint_ge(stats_now().accept_pauses, CLIENTS / ROOM - 1);
    ck_assert_uint_eq(stats_now().accepts, CLIENTS);
    ck_assert_uint_eq(stats_now().accepts_shed, 0);
    descriptors_restore();
    end_all(0, CLIENTS);
    listener_end();
}
END_TEST

START_TEST(a_listener_that_ran_out_of_descriptors_can_be_closed)
{
    open_here();
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(states == 1);
    descriptors_restore();
    listener_end();
    end_all(1, 2);
}
END_TEST

static void state_closes(struct kevy_listener *from, int error)
{
    state_note(from, error);
    kevy_listener_close(from);
}

START_TEST(the_listener_may_be_closed_from_state)
{
    struct kevy_listener_options options = options_here();

    options.stalled = state_closes;
    open_with(&options);
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(listener_closes);
    ck_assert_uint_eq(states, 1);
    descriptors_restore();
    end_all(1, 2);
}
END_TEST

START_TEST(footgun_2_accepts_through_an_overflowing_completion_queue_lose_no_client)
{
    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 2, .cq_entries = 2});
    open_here();
    connect_clients(CLIENTS);
    TURN_UNTIL(accepted == CLIENTS);
    for (unsigned index = 0; index < CLIENTS; index++)
        echo_check(clients[index], &probes[index]);
    end_all(CLIENTS, CLIENTS);
    listener_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener_limit");
    TCase *limit = tcase_create("limit");

    tcase_add_checked_fixture(limit, reactor_setup, reactor_teardown);
    tcase_set_timeout(limit, 20);
    tcase_add_test(limit, connections_max_is_a_limit_and_the_rest_waits_in_the_backlog);
    tcase_add_test(limit, a_listener_at_its_limit_sleeps);
    tcase_add_test(limit, a_connection_without_memory_is_shed_and_counted);
    tcase_add_test(limit, pause_leaves_clients_in_the_backlog_and_resume_takes_them);
    tcase_add_test(limit, pausing_and_resuming_at_every_pace_loses_no_client);
    tcase_add_test(limit, footgun_38_emfile_stops_accepting_reports_and_does_not_spin);
    tcase_add_test(limit,
                   footgun_38_accepting_goes_on_when_a_stream_closes_without_waiting_for_the_timer);
    tcase_add_test(limit, footgun_38_accepting_goes_on_by_itself_after_100_milliseconds);
    tcase_add_loop_test(limit, footgun_38_every_kind_of_shortage_stops_accepting_and_is_reported, 0,
                        (int)(sizeof shortages / sizeof *shortages));
    tcase_add_loop_test(limit, the_error_of_one_connection_does_not_stop_accepting, 0,
                        (int)(sizeof passing / sizeof *passing));
    tcase_add_test(limit, footgun_37_a_full_descriptor_table_loses_no_client);
    tcase_add_test(limit, a_listener_that_ran_out_of_descriptors_can_be_closed);
    tcase_add_test(limit, the_listener_may_be_closed_from_state);
    tcase_add_test(limit, footgun_2_accepts_through_an_overflowing_completion_queue_lose_no_client);
    suite_add_tcase(suite, limit);
    return suite;
}
