/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Connecting a stream to one address: what comes of it, and giving up at any moment. */

#include "reactor_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <sys/un.h>

static struct probe probe;
static struct sockaddr_in address;
static int listener = -1;

static void listen_here(void)
{
    listener = plain_listen(&address);
}

/* A port on which nobody listens: bound, so that nobody else gets it. */
static int port_closed(void)
{
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return fd;
}

static void start(uint64_t timeout_ns)
{
    struct sockaddr_in borrowed = address;
    int error;

    probe_init(&probe, &probe_events);
    QUIETLY(error = kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&borrowed,
                                        sizeof borrowed, timeout_ns));
    ck_assert_int_eq(error, 0);
    /* Borrowed until the call returns, and not longer. */
    memset(&borrowed, 0xFF, sizeof borrowed);
    ck_assert_str_eq(probe.log, "");
}

static void accept_peer(void)
{
    probe.peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    ck_assert_int_ge(probe.peer, 0);
    close(listener);
}

START_TEST(a_connected_stream_opens_and_talks)
{
    struct sockaddr_in peer;
    socklen_t length = sizeof peer;

    listen_here();
    start(KEVY_FOREVER);
    TURN_UNTIL(probe.log[0] == 'o');
    accept_peer();
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&peer, &length), 0);
    ck_assert_uint_eq(peer.sin_port, address.sin_port);
    probe.echo = true;
    peer_write_text(probe.peer, "hello");
    peer_expect_text(probe.peer, "hello");
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(5);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "orc");
}
END_TEST

static void greet(struct probe *opened)
{
    ck_assert_int_eq(kevy_stream_send(&opened->stream, "greetings", 9), 0);
    kevy_stream_close(&opened->stream);
}

START_TEST(open_may_write_and_close_at_once)
{
    listen_here();
    start(KEVY_FOREVER);
    probe.on_open = greet;
    TURN_UNTIL(probe.log[0] == 'o');
    accept_peer();
    peer_expect_text(probe.peer, "greetings");
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(a_refused_connection_closes_with_econnrefused_and_never_opens)
{
    int fd = port_closed();

    start(KEVY_FOREVER);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ECONNREFUSED);
    close(fd);
}
END_TEST

START_TEST(writes_before_open_are_refused)
{
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    struct kevy_send write = {.parts = &part, .count = 1};

    listen_here();
    start(KEVY_FOREVER);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), -EPIPE);
    ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), -EPIPE);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(listener);
}
END_TEST

/* A full backlog leaves the handshake unanswered: the connection hangs as long as we like. */
static int filler[8];

static void hang(void)
{
    listener = port_closed();
    ck_assert_int_eq(listen(listener, 0), 0);
    for (unsigned index = 0; index < 8; index++)
        filler[index] = plain_connect(ntohs(address.sin_port));
}

static void hang_end(void)
{
    for (unsigned index = 0; index < 8; index++)
        close(filler[index]);
    close(listener);
}

START_TEST(a_connection_that_hangs_times_out)
{
    uint64_t before_ns = clock_ns();

    hang();
    start(KEVY_MILLISECONDS(5));
    TURN_UNTIL(probe.closed);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ETIMEDOUT);
    ck_assert_uint_ge(clock_ns(), before_ns + KEVY_MILLISECONDS(5));
    hang_end();
}
END_TEST

START_TEST(an_endless_timeout_does_not_wrap)
{
    hang();
    start(UINT64_MAX - 1);
    turns(20);
    clock_pass(clock_ns() + KEVY_MILLISECONDS(5));
    turns(20);
    ck_assert_str_eq(probe.log, "");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECANCELED);
    hang_end();
}
END_TEST

START_TEST(giving_up_by_close_while_it_hangs)
{
    hang();
    start(KEVY_FOREVER);
    turns(_i);
    QUIETLY(kevy_stream_close(&probe.stream));
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, 0);
    hang_end();
}
END_TEST

START_TEST(giving_up_by_abort_while_it_hangs)
{
    hang();
    start(KEVY_FOREVER);
    turns(_i);
    QUIETLY(kevy_stream_abort(&probe.stream));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ECANCELED);
    hang_end();
}
END_TEST

START_TEST(a_timeout_that_did_not_pass_is_off_once_open)
{
    listen_here();
    start(KEVY_MILLISECONDS(3));
    turns(5);
    ck_assert_str_eq(probe.log, "o");
    clock_pass(clock_ns() + KEVY_MILLISECONDS(8));
    turns(5);
    ck_assert_str_eq(probe.log, "o");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    close(listener);
}
END_TEST

START_TEST(addresses_that_cannot_be_are_refused_at_once)
{
    struct sockaddr_storage wrong;
    int descriptors = support_fd_count();

    memset(&wrong, 0, sizeof wrong);
    wrong.ss_family = 250;
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&wrong,
                                         sizeof wrong, KEVY_FOREVER),
                     -EAFNOSUPPORT);
    ck_assert_int_eq(
        kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&wrong, 1, KEVY_FOREVER),
        -EINVAL);
    ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&wrong,
                                         sizeof wrong + 1, KEVY_FOREVER),
                     -EINVAL);
    turns(3);
    ck_assert_str_eq(probe.log, "");
    ck_assert_int_eq(support_fd_count(), descriptors);
}
END_TEST

static void connect_unix(const struct sockaddr_un *where, socklen_t length, int server)
{
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(bind(server, (const struct sockaddr *)where, length), 0);
    ck_assert_int_eq(listen(server, 1), 0);
    QUIETLY(
        ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (const struct sockaddr *)where,
                                             length, KEVY_FOREVER),
                         0));
    TURN_UNTIL(probe.log[0] == 'o');
    listener = server;
    accept_peer();
    peer_write_text(probe.peer, "local");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}

START_TEST(unix_sockets_connect_by_abstract_name)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    int length = snprintf(where.sun_path + 1, sizeof where.sun_path - 1, "kevy-%d", (int)getpid());
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    connect_unix(&where, (socklen_t)(sizeof where.sun_family + 1 + (size_t)length), server);
}
END_TEST

START_TEST(unix_sockets_connect_by_path)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};
    const char *folder = getenv("TMPDIR");
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(where.sun_path, sizeof where.sun_path, "%s/kevy-connect-%d",
             folder != NULL ? folder : "/tmp", (int)getpid());
    (void)unlink(where.sun_path);
    connect_unix(&where, sizeof where, server);
    ck_assert_int_eq(unlink(where.sun_path), 0);
}
END_TEST

START_TEST(unix_sockets_that_do_not_exist_are_reported)
{
    struct sockaddr_un where = {.sun_family = AF_UNIX};

    snprintf(where.sun_path, sizeof where.sun_path, "/nonexistent/kevy");
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&where,
                                                 sizeof where, KEVY_FOREVER),
                             0));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ENOENT);
}
END_TEST

static int full_filler;
static struct sockaddr_un full_where;
static socklen_t full_length;

/* A Unix socket whose backlog is full: nobody accepts the one that it holds. */
static void full_listen(void)
{
    full_where = (struct sockaddr_un){.sun_family = AF_UNIX};
    full_length = sizeof full_where;
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&full_where, sizeof(sa_family_t)), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&full_where, &full_length), 0);
    ck_assert_int_eq(listen(listener, 0), 0);
    full_filler = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(full_filler, (struct sockaddr *)&full_where, full_length), 0);
}

static void full_connect(uint64_t timeout_ns)
{
    full_listen();
    probe_init(&probe, &probe_events);
    QUIETLY(
        ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&full_where,
                                             full_length, timeout_ns),
                         0));
}

static void full_close(void)
{
    close(full_filler);
    close(listener);
}

/* The kernel tries by itself before it says so, once a turn on some releases. */
START_TEST(a_full_unix_backlog_is_waited_for)
{
    full_connect(KEVY_SECONDS(100));
    turns(400);
    ck_assert_str_eq(probe.log, "");
    close(full_filler);
    close(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
    TURN_UNTIL(probe.log[0] != '\0');
    ck_assert_str_eq(probe.log, "o");
    accept_peer();
    peer_write_text(probe.peer, "local");
    TURN_UNTIL(probe.count == 5);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(a_full_unix_backlog_is_waited_for_until_the_limit)
{
    uint64_t before_ns = clock_ns();

    full_connect(KEVY_MILLISECONDS(50));
    TURN_UNTIL(probe.closed);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ETIMEDOUT);
    ck_assert_uint_ge(clock_ns(), before_ns + KEVY_MILLISECONDS(50));
    full_close();
}
END_TEST

/* Twice the time before the last try, and a tenth of a second at last. */
START_TEST(a_full_unix_backlog_is_asked_less_and_less_often)
{
    struct kevy_reactor_stats before = stats_now();
    uint64_t begin_ns = clock_ns(), passed_ms = 0;

    full_connect(KEVY_FOREVER);
    while (passed_ms < 600) {
        ck_assert(turn());
        passed_ms = (clock_ns() - begin_ns) / 1000000;
    }
    ck_assert_uint_ge(stats_now().timers_fired, before.timers_fired + 5);
    ck_assert_uint_le(stats_now().timers_fired, before.timers_fired + 8 + passed_ms / 100);
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    full_close();
}
END_TEST

/* Between two tries, or during one. */
START_TEST(giving_up_while_a_unix_backlog_is_full)
{
    full_connect(KEVY_FOREVER);
    turns((unsigned)_i * 40);
    if (_i % 2 == 0) {
        QUIETLY(kevy_stream_close(&probe.stream));
        QUIETLY(kevy_stream_close(&probe.stream));
    } else {
        QUIETLY(kevy_stream_abort(&probe.stream));
    }
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, _i % 2 == 0 ? 0 : -ECANCELED);
    full_close();
}
END_TEST

START_TEST(with_small_buffers_a_full_unix_backlog_is_an_error)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_size = 255});
    full_connect(KEVY_FOREVER);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -EAGAIN);
    full_close();
}
END_TEST

START_TEST(without_memory_for_the_address_connecting_to_a_unix_socket_says_so)
{
    int descriptors;

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 1});
    full_listen();
    descriptors = support_fd_count();
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&full_where,
                                         full_length, KEVY_FOREVER),
                     -ENOBUFS);
    ck_assert_int_eq(support_fd_count(), descriptors);
    full_close();
}
END_TEST

START_TEST(destroy_gives_up_a_full_unix_backlog)
{
    full_connect(KEVY_FOREVER);
    turns((unsigned)_i * 200);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ECANCELED);
    reactor = NULL;
    full_close();
    close(probe.peer);
    reactor_setup();
}
END_TEST

START_TEST(ipv6_connects_where_the_host_has_it)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    socklen_t length = sizeof six;

    listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&six, sizeof six), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&six, &length), 0);
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_connect(&probe.stream, reactor, (struct sockaddr *)&six,
                                                 sizeof six, KEVY_FOREVER),
                             0));
    TURN_UNTIL(probe.log[0] == 'o');
    accept_peer();
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

/* Each address waits in memory of the reactor until its request has left: none may replace
 * another, whatever the size of the queue. */
START_TEST(footgun_16_many_connects_of_one_turn_each_reach_their_own_address)
{
    enum {
        COUNT = 40,
    };
    static struct probe probes[COUNT];
    struct sockaddr_in addresses[COUNT];
    int listeners[COUNT];

    reactor_setup_with(
        &(struct kevy_reactor_options){.sq_entries = (uint32_t)_i, .cq_entries = 128});
    for (unsigned index = 0; index < COUNT; index++)
        listeners[index] = plain_listen(&addresses[index]);
    for (unsigned index = 0; index < COUNT; index++) {
        int error;

        probe_init(&probes[index], &probe_events);
        QUIETLY(error = kevy_stream_connect(&probes[index].stream, reactor,
                                            (struct sockaddr *)&addresses[index],
                                            sizeof addresses[index], KEVY_FOREVER));
        ck_assert_int_eq(error, 0);
    }
    for (unsigned index = 0; index < COUNT; index++) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;

        TURN_UNTIL(probes[index].log[0] == 'o');
        ck_assert_int_eq(
            kevy_stream_peer_address(&probes[index].stream, (struct sockaddr *)&peer, &length), 0);
        ck_assert_uint_eq(peer.sin_port, addresses[index].sin_port);
        QUIETLY(kevy_stream_abort(&probes[index].stream));
        close(listeners[index]);
    }
    for (unsigned index = 0; index < COUNT; index++)
        probe_finish(&probes[index]);
}
END_TEST

static void reconnect(struct probe *again, int reason)
{
    ck_assert_int_eq(reason, -ECONNREFUSED);
    if (again->tag++ < 20) {
        again->closed = false;
        probe_stream_init(again, &probe_events);
        ck_assert_int_eq(kevy_stream_connect(&again->stream, reactor, (struct sockaddr *)&address,
                                             sizeof address, KEVY_FOREVER),
                         0);
    }
}

START_TEST(the_last_callback_may_connect_again)
{
    int fd = port_closed();

    start(KEVY_FOREVER);
    probe.on_close = reconnect;
    TURN_UNTIL(probe.tag == 21 && probe.closed);
    close(fd);
}
END_TEST

START_TEST(destroy_gives_up_what_hangs)
{
    hang();
    start(KEVY_FOREVER);
    turns(2);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 1);
    ck_assert_str_eq(probe.log, "c");
    ck_assert_int_eq(probe.reason, -ECANCELED);
    hang_end();
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

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_connect");
    TCase *connect = tcase_create("connect");

    tcase_add_checked_fixture(connect, reactor_setup, reactor_teardown);
    tcase_set_timeout(connect, 20);
    tcase_add_test(connect, a_connected_stream_opens_and_talks);
    tcase_add_test(connect, open_may_write_and_close_at_once);
    tcase_add_test(connect, a_refused_connection_closes_with_econnrefused_and_never_opens);
    tcase_add_test(connect, writes_before_open_are_refused);
    tcase_add_test(connect, a_connection_that_hangs_times_out);
    tcase_add_test(connect, an_endless_timeout_does_not_wrap);
    tcase_add_loop_test(connect, giving_up_by_close_while_it_hangs, 0, 4);
    tcase_add_loop_test(connect, giving_up_by_abort_while_it_hangs, 0, 4);
    tcase_add_test(connect, a_timeout_that_did_not_pass_is_off_once_open);
    tcase_add_test(connect, addresses_that_cannot_be_are_refused_at_once);
    tcase_add_test(connect, unix_sockets_connect_by_abstract_name);
    tcase_add_test(connect, unix_sockets_connect_by_path);
    tcase_add_test(connect, unix_sockets_that_do_not_exist_are_reported);
    tcase_add_test(connect, a_full_unix_backlog_is_waited_for);
    tcase_add_test(connect, a_full_unix_backlog_is_waited_for_until_the_limit);
    tcase_add_test(connect, a_full_unix_backlog_is_asked_less_and_less_often);
    tcase_add_loop_test(connect, giving_up_while_a_unix_backlog_is_full, 0, 10);
    tcase_add_test(connect, with_small_buffers_a_full_unix_backlog_is_an_error);
    tcase_add_test(connect, without_memory_for_the_address_connecting_to_a_unix_socket_says_so);
    tcase_add_loop_test(connect, destroy_gives_up_a_full_unix_backlog, 0, 2);
    if (has_ipv6())
        tcase_add_test(connect, ipv6_connects_where_the_host_has_it);
    else
        support_skip("ipv6_connects_where_the_host_has_it", "no IPv6 on this host");
    tcase_add_loop_test(connect, footgun_16_many_connects_of_one_turn_each_reach_their_own_address,
                        1, 9);
    tcase_add_test(connect, the_last_callback_may_connect_again);
    tcase_add_test(connect, destroy_gives_up_what_hangs);
    suite_add_tcase(suite, connect);
    return suite;
}
