/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What objects can be asked: their reactor, their addresses, who it is that connects. */

#include "reactor_test.h"

#include <fcntl.h>
#include <signal.h>

static struct kevy_listener listener;
static struct probe probe;
static struct sockaddr_in seen;
static int seen_result, incoming = -1;
static unsigned accepts;

static struct kevy_stream *accept_seen(struct kevy_listener *from)
{
    socklen_t length = sizeof seen;

    QUIETLY(seen_result = kevy_listener_peer_address(from, (struct sockaddr *)&seen, &length));
    incoming = kevy_listener_incoming_fd(from);
    accepts++;
    return NULL;
}

static void listen_here(void)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = accept_seen};

    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), 0);
}

static void listener_end(void)
{
    kevy_listener_close(&listener);
    ck_assert_int_ge(kevy_listener_fd(&listener), 0);
    TURN_UNTIL(stats_now().objects == 0);
}

START_TEST(a_listener_tells_its_descriptor_and_its_address_while_it_is_open)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    ck_assert_int_eq(kevy_listener_fd(&listener), -1);
    listen_here();
    ck_assert_int_ge(kevy_listener_fd(&listener), 0);
    ck_assert_int_eq(kevy_listener_address(&listener, (struct sockaddr *)&address, &length), 0);
    ck_assert_uint_eq(ntohs(address.sin_port), kevy_listener_port(&listener));
    listener_end();
    ck_assert_int_eq(kevy_listener_fd(&listener), -1);
    ck_assert_int_eq(kevy_listener_address(&listener, (struct sockaddr *)&address, &length),
                     -EBADF);
}
END_TEST

START_TEST(who_connects_is_known_before_memory_is_given)
{
    struct sockaddr_in own;
    socklen_t length = sizeof own;
    int client;

    listen_here();
    ck_assert_int_eq(kevy_listener_incoming_fd(&listener), -1);
    ck_assert_int_eq(kevy_listener_peer_address(&listener, (struct sockaddr *)&own, &length),
                     -EBADF);
    client = plain_connect(kevy_listener_port(&listener));
    TURN_UNTIL(accepts == 1);
    length = sizeof own;
    ck_assert_int_eq(getsockname(client, (struct sockaddr *)&own, &length), 0);
    ck_assert_int_eq(seen_result, 0);
    ck_assert_uint_eq(seen.sin_port, own.sin_port);
    ck_assert_int_ge(incoming, 0);
    ck_assert_int_eq(kevy_listener_incoming_fd(&listener), -1);
    close(client);
    listener_end();
}
END_TEST

START_TEST(a_client_that_has_gone_already_has_no_address)
{
    const struct linger reset = {.l_onoff = 1, .l_linger = 0};
    int client;

    listen_here();
    client = plain_connect(kevy_listener_port(&listener));
    ck_assert_int_eq(setsockopt(client, SOL_SOCKET, SO_LINGER, &reset, sizeof reset), 0);
    close(client);
    TURN_UNTIL(accepts == 1);
    ck_assert_int_eq(seen_result, -ENOTCONN);
    listener_end();
}
END_TEST

START_TEST(a_datagram_socket_tells_its_address_while_it_is_open)
{
    struct kevy_datagram_options options = {.address = "::1"};
    struct kevy_datagram datagram = {0};
    struct sockaddr_in6 address;
    socklen_t length = sizeof address;

    ck_assert_int_eq(kevy_datagram_open(&datagram, reactor, &options), 0);
    ck_assert_int_eq(kevy_datagram_address(&datagram, (struct sockaddr *)&address, &length), 0);
    ck_assert_uint_eq(ntohs(address.sin6_port), kevy_datagram_port(&datagram));
    kevy_datagram_close(&datagram);
    TURN_UNTIL(stats_now().objects == 0);
    ck_assert_int_eq(kevy_datagram_fd(&datagram), -1);
    ck_assert_int_eq(kevy_datagram_address(&datagram, (struct sockaddr *)&address, &length),
                     -EBADF);
}
END_TEST

/* From the moment in which the descriptor is being closed its number may be another's. */
static void descriptors_look(struct kevy_reactor *of, void *context)
{
    (void)context;
    ck_assert_ptr_eq(of, reactor);
    if (stats_now().objects != 0 && !probe.closed && kevy_stream_fd(&probe.stream) >= 0)
        ck_assert_int_ge(fcntl(kevy_stream_fd(&probe.stream), F_GETFD), 0);
}

START_TEST(a_stream_names_no_descriptor_that_is_closed)
{
    reactor_setup_with(&(struct kevy_reactor_options){.after_wait = descriptors_look,
                                                      .before_wait = descriptors_look});
    probe_tcp(&probe, &probe_events);
    turns(2);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static void ignore_timer(struct kevy_timer *timer)
{
    (void)timer;
}

static void ignore_signal(struct kevy_signal *watch)
{
    (void)watch;
}

static int work_run(struct kevy_work *work)
{
    (void)work;
    return 0;
}

static void work_done(struct kevy_work *work, int result)
{
    ck_assert_ptr_eq(kevy_work_reactor(work), reactor);
    (void)result;
}

static void completion_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)result;
    (void)flags;
}

START_TEST(every_object_tells_its_reactor)
{
    struct kevy_timer timer = {0};
    struct kevy_signal watch = {0};
    struct kevy_child child = {0};
    struct kevy_connector connector = {0};
    struct kevy_lookup lookup = {0};
    struct kevy_work work = {.run = work_run, .done = work_done};
    struct kevy_completion completion = {0};
    struct kevy_workers *workers;

    ck_assert_ptr_null(kevy_timer_reactor(&timer));
    ck_assert_ptr_null(kevy_signal_reactor(&watch));
    ck_assert_ptr_null(kevy_child_reactor(&child));
    ck_assert_ptr_null(kevy_connector_reactor(&connector));
    ck_assert_ptr_null(kevy_lookup_reactor(&lookup));
    ck_assert_ptr_null(kevy_work_reactor(&work));
    ck_assert_ptr_null(kevy_completion_reactor(&completion));
    kevy_timer_start(&timer, reactor, KEVY_SECONDS(1), ignore_timer);
    ck_assert_ptr_eq(kevy_timer_reactor(&timer), reactor);
    kevy_timer_stop(&timer);
    ck_assert_int_eq(kevy_signal_watch(&watch, reactor, SIGUSR1, ignore_signal), 0);
    ck_assert_ptr_eq(kevy_signal_reactor(&watch), reactor);
    kevy_signal_unwatch(&watch);
    kevy_completion_init(&completion, reactor, completion_done);
    ck_assert_ptr_eq(kevy_completion_reactor(&completion), reactor);
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    ck_assert_int_eq(kevy_work_submit(&work, workers, reactor), 0);
    TURN_UNTIL(stats_now().objects == 0);
    kevy_workers_destroy(workers);
}
END_TEST

static unsigned hooked;

static void hook(struct kevy_reactor *of, void *context)
{
    (void)of;
    ++*(unsigned *)context;
}

START_TEST(a_reactor_has_a_context_for_its_user)
{
    unsigned before = 0;

    ck_assert_ptr_null(kevy_reactor_context(reactor));
    reactor_setup_with(&(struct kevy_reactor_options){.before_wait = hook, .context = &before});
    ck_assert_ptr_eq(kevy_reactor_context(reactor), &before);
    turn_now();
    ck_assert_uint_eq(before, 1);
    kevy_reactor_set_context(reactor, &hooked);
    ck_assert_ptr_eq(kevy_reactor_context(reactor), &hooked);
    turn_now();
    ck_assert_uint_eq(before, 1);
    ck_assert_uint_eq(hooked, 1);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("getters");
    TCase *tests = tcase_create("getters");

    tcase_add_checked_fixture(tests, reactor_setup, reactor_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, a_listener_tells_its_descriptor_and_its_address_while_it_is_open);
    tcase_add_test(tests, who_connects_is_known_before_memory_is_given);
    tcase_add_test(tests, a_client_that_has_gone_already_has_no_address);
    tcase_add_test(tests, a_datagram_socket_tells_its_address_while_it_is_open);
    tcase_add_test(tests, a_stream_names_no_descriptor_that_is_closed);
    tcase_add_test(tests, every_object_tells_its_reactor);
    tcase_add_test(tests, a_reactor_has_a_context_for_its_user);
    suite_add_tcase(suite, tests);
    return suite;
}
