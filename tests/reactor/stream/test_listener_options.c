/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What a listener sets on its socket, and the accepted ones inherit. */

#include "listener_test.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>

START_TEST(reuse_port_lets_two_listeners_share_a_port)
{
    struct kevy_listener_options options = options_here();
    struct kevy_listener second = {0};

    options.reuse_port = true;
    open_with(&options);
    options.port = kevy_listener_port(&listener);
    options.close = NULL;
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), 0);
    ck_assert_uint_eq(kevy_listener_port(&second), options.port);
    QUIETLY(kevy_listener_close(&second));
    listener_end();
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
}
END_TEST

static int nodelay(int fd)
{
    int value = -1;
    socklen_t length = sizeof value;

    ck_assert_int_eq(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &value, &length), 0);
    return value;
}

START_TEST(accepted_sockets_inherit_the_options_of_the_listener)
{
    struct kevy_listener_options options = options_here();

    options.nagle = _i;
    open_with(&options);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    ck_assert_int_eq(nodelay(kevy_stream_fd(&probes[0].stream)) != 0, !_i);
    ck_assert_int_ne(fcntl(kevy_stream_fd(&probes[0].stream), F_GETFD) & FD_CLOEXEC, 0);
    end_all(1, 1);
    listener_end();
}
END_TEST

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

START_TEST(every_option_of_the_listener_reaches_the_accepted_socket)
{
    struct kevy_listener_options options = options_here();
    int fd;

    options.tcp_keepidle_s = 90;
    options.tcp_user_timeout_ms = 12345;
    options.tcp_notsent_lowat = 16384;
    open_with(&options);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    fd = kevy_stream_fd(&probes[0].stream);
    ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 90);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPINTVL), 30);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 12345);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT), 16384);
    end_all(1, 1);
    listener_end();
}
END_TEST

START_TEST(with_defer_accept_a_silent_client_is_not_accepted)
{
    struct kevy_listener_options options = options_here();

    options.tcp_defer_accept_s = 5;
    open_with(&options);
    connect_clients(2);
    turns(20);
    ck_assert_uint_eq(accepted, 0);
    peer_write_text(clients[1], "hello");
    TURN_UNTIL(accepted == 1);
    TURN_UNTIL(probes[0].count == 5);
    end_all(1, 2);
    listener_end();
}
END_TEST

START_TEST(fast_open_is_offered_where_asked_for)
{
    struct kevy_listener_options options = options_here();

    options.tcp_fastopen = (uint32_t)_i * 16;
    open_with(&options);
    ck_assert_int_eq(option_of(listener.fd, IPPROTO_TCP, TCP_FASTOPEN), _i * 16);
    listener_end();
}
END_TEST

static int backlog_limit(void)
{
    FILE *file = fopen("/proc/sys/net/core/somaxconn", "r");
    int limit = 0;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &limit), 1);
    fclose(file);
    return limit;
}

START_TEST(the_backlog_is_4096_or_what_was_asked_for)
{
    static const int asked[] = {0, 7}, wanted[] = {4096, 7};
    struct kevy_listener_options options = options_here();
    int limit = backlog_limit();
    struct tcp_info info;
    socklen_t length = sizeof info;

    options.backlog = asked[_i];
    open_with(&options);
    ck_assert_int_eq(getsockopt(listener.fd, IPPROTO_TCP, TCP_INFO, &info, &length), 0);
    /* Of a listening socket the kernel tells its backlog here. */
    ck_assert_int_eq((int)info.tcpi_sacked, wanted[_i] < limit ? wanted[_i] : limit);
    listener_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener_options");
    TCase *options = tcase_create("options");

    tcase_add_checked_fixture(options, reactor_setup, reactor_teardown);
    tcase_set_timeout(options, 20);
    tcase_add_test(options, reuse_port_lets_two_listeners_share_a_port);
    tcase_add_loop_test(options, accepted_sockets_inherit_the_options_of_the_listener, 0, 2);
    tcase_add_test(options, every_option_of_the_listener_reaches_the_accepted_socket);
    tcase_add_loop_test(options, fast_open_is_offered_where_asked_for, 0, 2);
    tcase_add_loop_test(options, the_backlog_is_4096_or_what_was_asked_for, 0, 2);
    tcase_add_test(options, with_defer_accept_a_silent_client_is_not_accepted);
    suite_add_tcase(suite, options);
    return suite;
}
