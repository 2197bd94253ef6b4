/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Listening: where, how many, and what happens when descriptors run out. */

#include "reactor_test.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/un.h>

enum {
    CLIENTS = 64,
};

static struct kevy_listener listener;
static struct probe probes[CLIENTS];
static unsigned accepted, listener_closes, states;
static int last_state;
static bool shed;
static int clients[CLIENTS];

static struct kevy_stream *accept_probe(struct kevy_listener *from)
{
    struct probe *probe = &probes[accepted % CLIENTS];

    ck_assert_ptr_eq(from, &listener);
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert_uint_eq(listener_closes, 0);
    if (shed)
        return NULL;
    accepted++;
    probe_init(probe, &probe_events);
    return &probe->stream;
}

static void state_note(struct kevy_listener *from, int error)
{
    ck_assert_ptr_eq(from, &listener);
    ck_assert_uint_eq(quiet_depth, 0);
    states++;
    last_state = error;
}

static void closed_note(struct kevy_listener *from)
{
    ck_assert_uint_eq(quiet_depth, 0);
    listener_closes++;
    memset(from, 0xA5, sizeof *from);
}

static struct kevy_listener_options options_here(void)
{
    return (struct kevy_listener_options){
        .address = "127.0.0.1", .accept = accept_probe, .state = state_note, .close = closed_note};
}

static void open_with(const struct kevy_listener_options *options)
{
    int error;

    QUIETLY(error = kevy_listener_open(&listener, reactor, options));
    ck_assert_int_eq(error, 0);
}

static void open_here(void)
{
    struct kevy_listener_options options = options_here();

    open_with(&options);
}

static void listener_end(void)
{
    QUIETLY(kevy_listener_close(&listener));
    TURN_UNTIL(listener_closes == 1);
}

static void connect_clients(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        clients[index] = plain_connect(kevy_listener_port(&listener));
}

static void end_all(unsigned streams, unsigned sockets)
{
    for (unsigned index = 0; index < streams; index++)
        if (!probes[index].closed)
            QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < streams; index++)
        probe_finish(&probes[index]);
    for (unsigned index = 0; index < sockets; index++)
        close(clients[index]);
}

static void echo_check(int client, struct probe *probe)
{
    probe->echo = true;
    peer_write_text(client, "hello");
    peer_expect_text(client, "hello");
}

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

START_TEST(one_listener_accepts_many_of_one_turn)
{
    open_here();
    connect_clients(CLIENTS);
    TURN_UNTIL(accepted == CLIENTS);
    ck_assert_uint_eq(kevy_listener_connections(&listener), CLIENTS);
    ck_assert_uint_eq(stats_now().accepts, CLIENTS);
    end_all(CLIENTS, CLIENTS);
    listener_end();
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

START_TEST(unix_sockets_listen_by_abstract_name)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int name = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "kevy-l%d", (int)getpid());
    struct kevy_listener_options options = options_here();

    options.address = NULL;
    options.socket_address = (struct sockaddr *)&where;
    options.socket_address_length = (socklen_t)(sizeof where.sun_family + 1 + (size_t)name);
    open_with(&options);
    ck_assert_uint_eq(kevy_listener_port(&listener), 0);
    clients[0] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(clients[0], options.socket_address, options.socket_address_length), 0);
    TURN_UNTIL(accepted == 1);
    echo_check(clients[0], &probes[0]);
    end_all(1, 1);
    listener_end();
}
END_TEST

START_TEST(what_cannot_be_listened_on_is_refused_and_leaves_nothing)
{
    struct kevy_listener_options options = options_here();
    struct kevy_listener second;
    int descriptors;

    open_here();
    descriptors = support_fd_count();
    options.port = kevy_listener_port(&listener);
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRINUSE);
    options.address = "localhost";
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EINVAL);
    options.address = "192.0.2.1";
    ck_assert_int_eq(kevy_listener_open(&second, reactor, &options), -EADDRNOTAVAIL);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 1);
    listener_end();
}
END_TEST

START_TEST(reuse_port_lets_two_listeners_share_a_port)
{
    struct kevy_listener_options options = options_here();
    struct kevy_listener second;

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

    options.delay = _i;
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

    options.keep_alive_s = 90;
    options.user_timeout_ms = 12345;
    options.not_sent_low = 16384;
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

    options.defer_accept_s = 5;
    options.fast_open_backlog = 16;
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

START_TEST(an_adopted_listening_socket_serves)
{
    struct kevy_listener_options options = options_here();
    struct sockaddr_in address;

    options.fd = plain_listen(&address);
    open_with(&options);
    ck_assert_uint_eq(kevy_listener_port(&listener), ntohs(address.sin_port));
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    end_all(1, 1);
    listener_end();
}
END_TEST

START_TEST(an_adopted_descriptor_that_does_not_listen_is_refused)
{
    struct kevy_listener_options options = options_here();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error;

    options.fd = fd;
    QUIETLY(error = kevy_listener_open(&listener, reactor, &options));
    if (error != 0) {
        ck_assert_int_eq(error, -EINVAL);
        close(fd);
        return;
    }
    ck_abort_msg("it was accepted, and its accept fails for ever");
}
END_TEST

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
    ck_assert_uint_eq(stats_now().sheds, 1);
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

/* Leaves exactly `room` descriptors, whatever is open. */
static struct rlimit limit_before;

static void descriptors_leave(unsigned room)
{
    struct rlimit limit;
    int last = 0;

    getrlimit(RLIMIT_NOFILE, &limit_before);
    limit = limit_before;
    for (int fd = 0; room > 0; fd++)
        if (fcntl(fd, F_GETFD) < 0) {
            last = fd;
            room--;
        }
    limit.rlim_cur = (rlim_t)last + 1;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void descriptors_restore(void)
{
    setrlimit(RLIMIT_NOFILE, &limit_before);
}

/* The limit counts from the moment the accept is armed: so lower it first. */
START_TEST(emfile_stops_accepting_reports_and_does_not_spin)
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

START_TEST(accepting_goes_on_when_a_stream_closes_without_waiting_for_the_timer)
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
    }
    descriptors_restore();
    QUIETLY(kevy_listener_close(&listener));
    end_all(3, 3);
    TURN_UNTIL(listener_closes);
}
END_TEST

START_TEST(accepting_goes_on_by_itself_when_descriptors_are_free_again)
{
    open_here();
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(states == 1);
    descriptors_restore();
    TURN_UNTIL(accepted == 2);
    ck_assert_int_eq(last_state, 0);
    end_all(2, 2);
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

    options.state = state_closes;
    open_with(&options);
    connect_clients(2);
    descriptors_leave(1);
    TURN_UNTIL(listener_closes);
    ck_assert_uint_eq(states, 1);
    descriptors_restore();
    end_all(1, 2);
}
END_TEST

START_TEST(accepts_through_an_overflowing_completion_queue_lose_no_client)
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
    tcase_add_test(listen, one_listener_accepts_many_of_one_turn);
    add_ipv6(listen);
    tcase_add_test(listen, unix_sockets_listen_by_abstract_name);
    tcase_add_test(listen, what_cannot_be_listened_on_is_refused_and_leaves_nothing);
    tcase_add_test(listen, reuse_port_lets_two_listeners_share_a_port);
    tcase_add_loop_test(listen, accepted_sockets_inherit_the_options_of_the_listener, 0, 2);
    tcase_add_test(listen, every_option_of_the_listener_reaches_the_accepted_socket);
    tcase_add_test(listen, with_defer_accept_a_silent_client_is_not_accepted);
    tcase_add_test(listen, an_adopted_listening_socket_serves);
    tcase_add_test(listen, an_adopted_descriptor_that_does_not_listen_is_refused);
    tcase_add_test(listen, connections_max_is_a_limit_and_the_rest_waits_in_the_backlog);
    tcase_add_test(listen, a_listener_at_its_limit_sleeps);
    tcase_add_test(listen, a_connection_without_memory_is_shed_and_counted);
    tcase_add_test(listen, pause_leaves_clients_in_the_backlog_and_resume_takes_them);
    tcase_add_test(listen, pausing_and_resuming_at_every_pace_loses_no_client);
    tcase_add_test(listen, closing_is_idempotent_and_calls_back_once_last);
    tcase_add_test(listen, closing_frees_the_port_at_once);
    tcase_add_test(listen, streams_outlive_their_listener);
    tcase_add_test(listen, the_listener_may_be_closed_from_accept);
    tcase_add_test(listen, the_listener_may_be_closed_from_open);
    tcase_add_test(listen, emfile_stops_accepting_reports_and_does_not_spin);
    tcase_add_test(listen, accepting_goes_on_when_a_stream_closes_without_waiting_for_the_timer);
    tcase_add_test(listen, accepting_goes_on_by_itself_when_descriptors_are_free_again);
    tcase_add_test(listen, a_listener_that_ran_out_of_descriptors_can_be_closed);
    tcase_add_test(listen, the_listener_may_be_closed_from_state);
    tcase_add_test(listen, accepts_through_an_overflowing_completion_queue_lose_no_client);
    tcase_add_test(listen, destroy_with_a_listener_and_its_streams_ends_all);
    suite_add_tcase(suite, listen);
    return suite;
}
