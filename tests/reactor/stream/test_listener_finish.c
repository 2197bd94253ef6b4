/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * A listener that comes to its end while clients wait: their connect has succeeded, so they are
 * accepted before it closes.
 */

#include "listener_test.h"

#include <poll.h>

enum {
    WAITING = 20,
};

static struct kevy_stream *accept_echo(struct kevy_listener *from)
{
    struct kevy_stream *stream = accept_probe(from);

    if (stream != NULL)
        probe_of(stream)->echo = true;
    return stream;
}

/* Opens, and has clients in the queue: the listener is paused, and nothing accepts them. */
static void clients_wait(struct kevy_listener_options options)
{
    options.accept = options.accept == accept_probe ? accept_echo : options.accept;
    open_with(&options);
    QUIETLY(kevy_listener_pause(&listener));
    turns(5);
    connect_clients(WAITING);
    for (unsigned index = 0; index < WAITING; index++) {
        ck_assert_int_eq(poll(&(struct pollfd){.fd = clients[index], .events = POLLOUT}, 1, -1), 1);
        peer_write_text(clients[index], "ping");
    }
    turns(5);
    ck_assert_uint_eq(accepted, 0);
}

START_TEST(a_listener_that_finishes_accepts_who_waits)
{
    clients_wait(options_here());
    QUIETLY(kevy_listener_finish(&listener));
    QUIETLY(kevy_listener_finish(&listener));
    TURN_UNTIL(listener_closes == 1);
    ck_assert_uint_eq(accepted, WAITING);
    for (unsigned index = 0; index < WAITING; index++)
        peer_expect_text(clients[index], "ping");
    end_all(WAITING, WAITING);
}
END_TEST

START_TEST(a_listener_that_is_closed_resets_who_waits)
{
    uint64_t count;

    clients_wait(options_here());
    listener_end();
    for (unsigned index = 0; index < WAITING; index++) {
        ck_assert_int_eq(peer_drain(clients[index], &count), -ECONNRESET);
        close(clients[index]);
    }
    ck_assert_uint_eq(accepted, 0);
}
END_TEST

/* Each is told to finish, and by the default of streams ends in good order. */
START_TEST(a_reactor_that_finishes_resets_no_client_whose_connect_has_succeeded)
{
    struct kevy_listener_options options = options_here();
    uint64_t count;

    clients_wait(options);
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(30)));
    for (unsigned index = 0; index < WAITING; index++)
        TURN_UNTIL(accepted == WAITING);
    for (unsigned index = 0; index < WAITING; index++)
        QUIETLY(kevy_stream_close(&probes[index].stream));
    for (unsigned index = 0; index < WAITING; index++) {
        ck_assert_int_eq(peer_drain(clients[index], &count), 0);
        close(clients[index]);
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(listener_closes, 1);
}
END_TEST

static void after_the_listener(struct probe *probe)
{
    ck_assert_uint_eq(listener_closes, 1);
    kevy_stream_close(&probe->stream);
}

/* Their clients connect again at once. */
START_TEST(streams_are_told_of_the_end_when_the_listener_has_closed)
{
    struct kevy_listener_options options = options_here();

    open_with(&options);
    connect_clients(3);
    TURN_UNTIL(accepted == 3);
    turns(3);
    for (unsigned index = 0; index < 3; index++)
        probes[index].on_finish = after_the_listener;
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(30)));
    for (unsigned index = 0; index < 3; index++) {
        TURN_UNTIL(strchr(probes[index].log, 'f') != NULL);
        close(clients[index]);
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
}
END_TEST

static struct kevy_system altered;
static unsigned late;

/* Another client comes while the queue is being taken. */
static int accept_while_others_come(void *context, int fd)
{
    if (late < 5)
        clients[WAITING + late++] = plain_connect(kevy_listener_port(&listener));
    return kevy_system_host()->accept(context, fd);
}

static int close_of_an_empty_queue(void *context, int fd)
{
    int listens = 0;
    socklen_t size = sizeof listens;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
        ck_assert_int_eq(poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 0), 0);
    return kevy_system_host()->close(context, fd);
}

START_TEST(the_queue_is_taken_until_it_is_empty_and_closed_in_one_go)
{
    altered = *kevy_system_host();
    altered.accept = accept_while_others_come;
    altered.close = close_of_an_empty_queue;
    reactor_setup_with(&(struct kevy_reactor_options){.system = &altered});
    clients_wait(options_here());
    QUIETLY(kevy_listener_finish(&listener));
    TURN_UNTIL(listener_closes == 1);
    ck_assert_uint_eq(late, 5);
    ck_assert_uint_eq(accepted, WAITING + 5);
    end_all(WAITING + 5, WAITING + 5);
    reactor_setup_with(NULL);
}
END_TEST

START_TEST(the_limit_of_connections_holds_to_the_end)
{
    struct kevy_listener_options options = options_here();

    options.connections_max = 3;
    clients_wait(options);
    QUIETLY(kevy_listener_finish(&listener));
    TURN_UNTIL(listener_closes == 1);
    ck_assert_uint_eq(accepted, 3);
    end_all(3, WAITING);
}
END_TEST

START_TEST(a_finish_without_descriptors_closes)
{
    clients_wait(options_here());
    descriptors_leave(0);
    QUIETLY(kevy_listener_finish(&listener));
    TURN_UNTIL(listener_closes == 1);
    descriptors_restore();
    ck_assert_uint_eq(accepted, 0);
    end_all(0, WAITING);
}
END_TEST

static struct kevy_stream *accept_and_close(struct kevy_listener *from)
{
    QUIETLY(kevy_listener_close(from));
    return accept_echo(from);
}

START_TEST(a_close_while_it_finishes_ends_that)
{
    struct kevy_listener_options options = options_here();

    options.accept = accept_and_close;
    clients_wait(options);
    QUIETLY(kevy_listener_finish(&listener));
    TURN_UNTIL(listener_closes == 1);
    ck_assert_uint_eq(accepted, 1);
    peer_expect_text(clients[0], "ping");
    end_all(1, WAITING);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener_finish");
    TCase *ends = tcase_create("ends");

    tcase_add_checked_fixture(ends, reactor_setup, reactor_teardown);
    tcase_set_timeout(ends, 20);
    tcase_add_test(ends, a_listener_that_finishes_accepts_who_waits);
    tcase_add_test(ends, a_listener_that_is_closed_resets_who_waits);
    tcase_add_test(ends, a_reactor_that_finishes_resets_no_client_whose_connect_has_succeeded);
    tcase_add_test(ends, streams_are_told_of_the_end_when_the_listener_has_closed);
    tcase_add_test(ends, the_queue_is_taken_until_it_is_empty_and_closed_in_one_go);
    tcase_add_test(ends, the_limit_of_connections_holds_to_the_end);
    tcase_add_test(ends, a_finish_without_descriptors_closes);
    tcase_add_test(ends, a_close_while_it_finishes_ends_that);
    suite_add_tcase(suite, ends);
    return suite;
}
