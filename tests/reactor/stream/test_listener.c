/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Listening: on what, and how a listener ends. */

#include "listener_test.h"

#include <arpa/inet.h>

START_TEST(port_0_is_answered_with_the_port_that_the_kernel_picked)
{
    open_here();
    ck_assert_uint_ne(kevy_listener_port(&listener), 0);
    ck_assert_ptr_eq(kevy_listener_reactor(&listener), reactor);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    ck_assert_str_eq(probes[0].log, "o");
    ck_assert_uint_eq(kevy_listener_connections(&listener), 1);
    echo_check(clients[0], &probes[0]);
    end_all(1, 1);
    ck_assert_uint_eq(kevy_listener_connections(&listener), 0);
    listener_end();
}
END_TEST

START_TEST(one_request_accepts_every_connection)
{
    uint64_t submissions;

    open_here();
    turns(3);
    submissions = stats_now().submissions;
    connect_clients(CLIENTS);
    TURN_UNTIL(accepted == CLIENTS);
    turns(3);
    ck_assert_uint_eq(stats_now().submissions, submissions + CLIENTS); /* to read from each */
    ck_assert_uint_eq(kevy_listener_connections(&listener), CLIENTS);
    ck_assert_uint_eq(stats_now().accepts, CLIENTS);
    end_all(CLIENTS, CLIENTS);
    listener_end();
}
END_TEST

enum {
    MANY = 32,
};

static struct kevy_listener many[MANY];
static unsigned many_closes;

static struct kevy_stream *accept_by_index(struct kevy_listener *from)
{
    struct probe *probe = &probes[from - many];

    probe_init(probe, &probe_events);
    return &probe->stream;
}

static void many_closed(struct kevy_listener *from)
{
    (void)from;
    many_closes++;
}

START_TEST(many_listeners_serve_on_one_loop)
{
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .accept = accept_by_index, .close = many_closed};

    for (unsigned index = 0; index < MANY; index++)
        ck_assert_int_eq(kevy_listener_open(&many[index], reactor, &options), 0);
    for (unsigned index = MANY; index-- > 0;)
        clients[index] = plain_connect(kevy_listener_port(&many[index]));
    for (unsigned index = 0; index < MANY; index++) {
        TURN_UNTIL(probes[index].log_end != NULL && probes[index].log_end != probes[index].log);
        echo_check(clients[index], &probes[index]);
        ck_assert_uint_eq(kevy_listener_connections(&many[index]), 1);
        kevy_listener_close(&many[index]);
    }
    end_all(MANY, MANY);
    TURN_UNTIL(many_closes == MANY);
}
END_TEST

static int client_six(uint16_t port)
{
    struct sockaddr_in6 six = {
        .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback, .sin6_port = htons(port)};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (struct sockaddr *)&six, sizeof six) < 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    return fd;
}

START_TEST(ipv6_listens_on_ipv6_alone)
{
    struct kevy_listener_options options = options_here();

    options.address = "::1";
    open_with(&options);
    clients[0] = client_six(kevy_listener_port(&listener));
    ck_assert_int_ge(clients[0], 0);
    TURN_UNTIL(accepted == 1);
    echo_check(clients[0], &probes[0]);
    end_all(1, 1);
    listener_end();
}
END_TEST

START_TEST(no_address_means_ipv4_and_ipv6)
{
    struct kevy_listener_options options = options_here();

    options.address = NULL;
    open_with(&options);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    clients[1] = client_six(kevy_listener_port(&listener));
    ck_assert_int_ge(clients[1], 0);
    TURN_UNTIL(accepted == 2);
    end_all(2, 2);
    listener_end();
}
END_TEST

START_TEST(what_cannot_be_listened_on_is_refused_and_leaves_nothing)
{
    struct kevy_listener_options options = options_here();
    struct kevy_listener second = {0};
    int descriptors;

    open_here();
    descriptors = support_fd_count();
    options.port = kevy_listener_port(&listener);
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRINUSE);
    options.address = "localhost";
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRNOTAVAIL);
    options.address = "fe80::1%nowhere";
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -ENODEV);
    options.address = "192.0.2.1";
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRNOTAVAIL);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 1);
    listener_end();
}
END_TEST

START_TEST(an_address_is_given_once)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct kevy_listener_options options = {.accept = accept_probe,
                                            .socket_address = (struct sockaddr *)&address,
                                            .socket_address_length = sizeof address};

    options.address = "127.0.0.1";
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), -EINVAL);
    options.address = NULL;
    options.port = 1;
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), -EINVAL);
    options.port = 0;
    options.socket_address_length = 0;
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), -EINVAL);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

START_TEST(closing_is_idempotent_and_calls_back_once_last)
{
    open_here();
    QUIETLY(kevy_listener_close(&listener));
    QUIETLY(kevy_listener_close(&listener));
    QUIETLY(kevy_listener_pause(&listener));
    QUIETLY(kevy_listener_resume(&listener));
    ck_assert_uint_eq(listener_closes, 0);
    TURN_UNTIL(listener_closes);
    turns(5);
    ck_assert_uint_eq(listener_closes, 1);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
}
END_TEST

START_TEST(closing_frees_the_port_at_once)
{
    struct kevy_listener_options options = options_here();

    open_here();
    options.port = kevy_listener_port(&listener);
    turns(3);
    listener_end();
    listener_closes = 0;
    open_with(&options);
    listener_end();
}
END_TEST

START_TEST(streams_outlive_their_listener)
{
    open_here();
    connect_clients(4);
    TURN_UNTIL(accepted == 4);
    listener_end();
    for (unsigned index = 0; index < 4; index++)
        echo_check(clients[index], &probes[index]);
    end_all(4, 4);
}
END_TEST

static struct kevy_stream *accept_then_close(struct kevy_listener *from)
{
    struct kevy_stream *stream = accept_probe(from);

    kevy_listener_close(from);
    return stream;
}

START_TEST(the_listener_may_be_closed_from_accept)
{
    struct kevy_listener_options options = options_here();

    options.accept = accept_then_close;
    open_with(&options);
    connect_clients(5);
    TURN_UNTIL(listener_closes);
    ck_assert_uint_ge(accepted, 1);
    ck_assert_str_eq(probes[0].log, "o");
    echo_check(clients[0], &probes[0]);
    end_all(accepted, 5);
}
END_TEST

static void open_closes_listener(struct probe *probe)
{
    (void)probe;
    kevy_listener_close(&listener);
}

static struct kevy_stream *accept_with_open(struct kevy_listener *from)
{
    struct kevy_stream *stream = accept_probe(from);

    probe_of(stream)->on_open = open_closes_listener;
    return stream;
}

START_TEST(the_listener_may_be_closed_from_open)
{
    struct kevy_listener_options options = options_here();

    options.accept = accept_with_open;
    open_with(&options);
    connect_clients(1);
    TURN_UNTIL(listener_closes);
    end_all(accepted, 1);
}
END_TEST

START_TEST(destroy_with_a_listener_and_its_streams_ends_all)
{
    open_here();
    connect_clients(5);
    TURN_UNTIL(accepted == 5);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 6);
    ck_assert_uint_eq(listener_closes, 1);
    for (unsigned index = 0; index < 5; index++) {
        ck_assert(probes[index].closed);
        close(clients[index]);
    }
    reactor = NULL;
    reactor_setup();
}
END_TEST

static bool has_ipv6(void)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&six, sizeof six) == 0;

    if (fd >= 0)
        close(fd);
    return has;
}

static void add_ipv6(TCase *tcase)
{
    if (has_ipv6()) {
        tcase_add_test(tcase, ipv6_listens_on_ipv6_alone);
        tcase_add_test(tcase, no_address_means_ipv4_and_ipv6);
        return;
    }
    support_skip("ipv6_listens_on_ipv6_alone", "no IPv6 on this host");
    support_skip("no_address_means_ipv4_and_ipv6", "no IPv6 on this host");
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener");
    TCase *listen = tcase_create("listener");

    tcase_add_checked_fixture(listen, reactor_setup, reactor_teardown);
    tcase_set_timeout(listen, 20);
    tcase_add_test(listen, port_0_is_answered_with_the_port_that_the_kernel_picked);
    tcase_add_test(listen, one_request_accepts_every_connection);
    tcase_add_test(listen, many_listeners_serve_on_one_loop);
    add_ipv6(listen);
    tcase_add_test(listen, what_cannot_be_listened_on_is_refused_and_leaves_nothing);
    tcase_add_test(listen, an_address_is_given_once);
    tcase_add_test(listen, closing_is_idempotent_and_calls_back_once_last);
    tcase_add_test(listen, closing_frees_the_port_at_once);
    tcase_add_test(listen, streams_outlive_their_listener);
    tcase_add_test(listen, the_listener_may_be_closed_from_accept);
    tcase_add_test(listen, the_listener_may_be_closed_from_open);
    tcase_add_test(listen, destroy_with_a_listener_and_its_streams_ends_all);
    suite_add_tcase(suite, listen);
    return suite;
}
