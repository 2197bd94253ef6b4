/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The preps of <kevy/ring_prep_net.h>, run on this kernel. */

#include "ops_net.h"

#include <fcntl.h>
#include <linux/errqueue.h>
#include <linux/net_tstamp.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/un.h>

/* The file in `slot` as a descriptor, to look at it with system calls. */
static int installed(uint32_t slot)
{
    kevy_prep_fixed_fd_install(request(0), slot, 0);
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    return fd;
}

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

/* Open, bind, listen */

START_TEST(socket_opens_a_descriptor)
{
    kevy_prep_socket(request(1), AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP);
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(option(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    ck_assert_int_eq(option(fd, SOL_SOCKET, SO_PROTOCOL), IPPROTO_UDP);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
    kevy_prep_socket(request(1), AF_INET, SOCK_STREAM, IPPROTO_UDP);
    expect(1, -EPROTONOSUPPORT);
}
END_TEST

START_TEST(socket_direct_opens_into_a_slot)
{
    kevy_prep_socket_direct(request(1), AF_INET, SOCK_STREAM, 0, 0);
    expect(1, -ENXIO);
    file_table(2);
    kevy_prep_socket_direct(request(1), AF_INET, SOCK_STREAM, 0, 1);
    expect(1, 0);
    ck_assert_int_eq(option(installed(1), SOL_SOCKET, SO_TYPE), SOCK_STREAM);
    kevy_prep_socket_direct(request(1), AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 1);
    expect(1, -EINVAL);
    kevy_prep_socket_direct(request(1), AF_INET, SOCK_STREAM, 0, 2);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(socket_direct_alloc_fills_the_table)
{
    file_table(2);
    for (int i = 0; i < 2; i++) {
        kevy_prep_socket_direct_alloc(request(1), AF_INET, SOCK_DGRAM, 0);
        int slot = next_cqe().res;
        ck_assert_int_ge(slot, 0);
        ck_assert_int_le(slot, 1);
        ck_assert_int_eq(option(installed((uint32_t)slot), SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
    }
    kevy_prep_socket_direct_alloc(request(1), AF_INET, SOCK_DGRAM, 0);
    expect(1, -ENFILE);
}
END_TEST

START_TEST(bind_and_listen_make_a_listener)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    kevy_prep_bind(request(1), fd, (struct sockaddr *)&address, sizeof address);
    submit();
    memset(&address, 0xff, sizeof address); /* BORROWED only */
    expect(1, 0);
    ck_assert_uint_ne(name_of(fd).sin_port, 0);
    kevy_prep_listen(request(1), fd, 4);
    expect(1, 0);
    ck_assert_int_eq(option(fd, SOL_SOCKET, SO_ACCEPTCONN), 1);
    connection_to(fd, SOCK_STREAM);
    address = name_of(fd);
    kevy_prep_bind(request(1), fd, (struct sockaddr *)&address, sizeof address);
    expect(1, -EINVAL);
}
END_TEST

/* Accept */

START_TEST(accept_takes_a_connection_and_its_address)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int listener = listener_open();

    kevy_prep_accept(request(1), listener, (struct sockaddr *)&address, &length,
                     SOCK_CLOEXEC | SOCK_NONBLOCK);
    submit();
    int client = connection_to(listener, SOCK_STREAM);
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    ck_assert_uint_eq(length, sizeof address);
    ck_assert_uint_eq(address.sin_port, name_of(client).sin_port);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_ne(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

START_TEST(accept_direct_takes_it_into_a_slot)
{
    int listener = listener_open();

    file_table(3);
    kevy_prep_accept_direct(request(1), listener, NULL, NULL, 0, 2);
    submit();
    int client = connection_to(listener, SOCK_STREAM);
    expect(1, 0);
    sent(client, "direct");
    received(installed(2), "direct");
    kevy_prep_accept_direct(request(1), listener, NULL, NULL, SOCK_CLOEXEC, 2);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(accept_direct_alloc_chooses_the_slot)
{
    int listener = listener_open();

    file_table(3);
    kevy_prep_accept_direct_alloc(request(1), listener, NULL, NULL, 0);
    submit();
    int client = connection_to(listener, SOCK_STREAM);
    int slot = next_cqe().res;
    ck_assert_int_ge(slot, 0);
    sent(client, "chosen");
    received(installed((uint32_t)slot), "chosen");
}
END_TEST

START_TEST(accept_multishot_takes_one_after_the_other)
{
    int listener = listener_open();

    kevy_prep_accept_multishot(request(1), listener, SOCK_CLOEXEC);
    submit();
    for (int i = 0; i < 3; i++) {
        int client = connection_to(listener, SOCK_STREAM);
        struct kevy_cqe cqe = next_cqe();
        ck_assert_int_ge(cqe.res, 0);
        ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
        sent(client, "many");
        received(cqe.res, "many");
    }
    kevy_prep_cancel(request(2), 1, 0);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    ck_assert_uint_eq(outcome.flags[1] & KEVY_CQE_F_MORE, 0);
}
END_TEST

/* The table is full: the connection is accepted all the same, and its peer sees the end. */
START_TEST(footgun_37_accept_multishot_direct_drops_what_finds_no_slot)
{
    int listener = listener_open();
    char byte;

    file_table(1);
    kevy_prep_accept_multishot_direct(request(1), listener, 0);
    submit();
    int first = connection_to(listener, SOCK_STREAM);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, 0);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
    sent(first, "slot");
    received(installed(0), "slot");
    int second = connection_to(listener, SOCK_STREAM);
    cqe = next_cqe();
    ck_assert_int_eq(cqe.res, -ENFILE);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
    ck_assert_int_le(recv(second, &byte, 1, 0), 0);
}
END_TEST

START_TEST(accept_modes_are_added)
{
    int listener = listener_open();
    struct kevy_sqe *sqe = request(1);

    kevy_prep_accept(sqe, listener, NULL, NULL, 0);
    kevy_sqe_set_accept_mode(sqe, KEVY_ACCEPT_DONTWAIT);
    expect(1, -EAGAIN);
    sqe = request(1);
    kevy_prep_accept_multishot(sqe, listener, 0);
    kevy_sqe_set_accept_mode(sqe, KEVY_ACCEPT_POLL_FIRST);
    submit();
    connection_to(listener, SOCK_STREAM);
    ck_assert_uint_ne(next_cqe().flags & KEVY_CQE_F_MORE, 0);
}
END_TEST

/* Connect and end */

START_TEST(connect_reaches_a_listener)
{
    int listener = listener_open();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = name_of(listener);

    kevy_prep_connect(request(1), fd, (struct sockaddr *)&address, sizeof address);
    submit();
    memset(&address, 0xff, sizeof address); /* BORROWED only */
    expect(1, 0);
    sent(fd, "there");
    received(accept(listener, NULL, NULL), "there");
}
END_TEST

/* A Unix socket, because TCP is told by a reset, for which a lost one would have it wait. */
START_TEST(connect_is_refused_where_nobody_listens)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    socklen_t length = sizeof address;
    int bound = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(bound, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
    ck_assert_int_eq(getsockname(bound, (struct sockaddr *)&address, &length), 0);
    kevy_prep_connect(request(1), fd, (struct sockaddr *)&address, length);
    expect(1, -ECONNREFUSED);
}
END_TEST

START_TEST(shutdown_ends_one_direction)
{
    int ends[2];
    char byte;

    tcp_pair(ends);
    kevy_prep_shutdown(request(1), ends[0], SHUT_WR);
    expect(1, 0);
    ck_assert_int_eq(recv(ends[1], &byte, 1, 0), 0);
    sent(ends[1], "back");
    received(ends[0], "back");
    kevy_prep_shutdown(request(1), STDIN_FILENO, SHUT_WR);
    expect(1, -ENOTSOCK);
}
END_TEST

START_TEST(close_closes_a_descriptor)
{
    int ends[2];
    char byte;

    tcp_pair(ends);
    kevy_prep_close(request(1), ends[0]);
    expect(1, 0);
    ck_assert_int_eq(fcntl(ends[0], F_GETFD), -1);
    ck_assert_int_eq(recv(ends[1], &byte, 1, 0), 0);
    kevy_prep_close(request(1), ends[0]);
    expect(1, -EBADF);
    kevy_prep_close(request(1), ring.fd);
    expect(1, -EBADF);
}
END_TEST

START_TEST(close_direct_empties_a_slot)
{
    struct kevy_sqe *sqe;
    int ends[2];
    char byte;

    tcp_pair(ends);
    file_table(3);
    file_put(2, ends[0]);
    close(ends[0]);
    kevy_prep_close_direct(request(1), 2);
    expect(1, 0);
    ck_assert_int_eq(recv(ends[1], &byte, 1, 0), 0);
    kevy_prep_close_direct(request(1), 2);
    expect(1, -EBADF);
    sqe = request(1);
    kevy_prep_close(sqe, 2);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, -EBADF);
}
END_TEST

/* Socket commands */

START_TEST(socket_inq_and_outq_count_bytes)
{
    int ends[2];

    tcp_pair(ends);
    kevy_prep_socket_inq(request(1), ends[1]);
    expect(1, 0);
    sent(ends[0], "12345");
    kevy_prep_poll(request(1), ends[1], 1);
    expect(1, 1);
    kevy_prep_socket_inq(request(1), ends[1]);
    expect(1, 5);
    kevy_prep_socket_outq(request(1), ends[1]);
    expect(1, 0);
    ck_assert_int_eq(pipe(ends), 0);
    kevy_prep_socket_inq(request(1), ends[0]);
    expect(1, -EOPNOTSUPP);
}
END_TEST

START_TEST(setsockopt_and_getsockopt_work_on_slots)
{
    struct kevy_sqe *sqe;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int value = 1;

    file_table(1);
    file_put(0, fd);
    sqe = request(1);
    kevy_prep_setsockopt(sqe, 0, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, 0);
    ck_assert_int_eq(option(fd, IPPROTO_TCP, TCP_NODELAY), 1);
    kevy_prep_getsockopt(request(1), fd, SOL_SOCKET, SO_TYPE, &value, sizeof value);
    expect(1, sizeof value);
    ck_assert_int_eq(value, SOCK_STREAM);
    kevy_prep_getsockopt(request(1), fd, IPPROTO_TCP, TCP_NODELAY, &value, sizeof value);
    expect(1, -EOPNOTSUPP);
}
END_TEST

START_TEST(tx_timestamp_reports_when_a_packet_left)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE32};
    const int stamps = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                       SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
    struct kevy_ring wide = {0};
    int receiver = bound_socket(SOCK_DGRAM);
    int sender = connection_to(receiver, SOCK_DGRAM);

    ck_assert_int_eq(setsockopt(sender, SOL_SOCKET, SO_TIMESTAMPING, &stamps, sizeof stamps), 0);
    ring_open(&wide, 4, &options);
    sent(sender, "a");
    sent(sender, "b");
    kevy_prep_tx_timestamp(kevy_ring_sqe(&wide, 1), sender);
    for (int key = 0; key < 2; key++) {
        const struct kevy_cqe32 *stamp;
        ck_assert_int_ge(kevy_ring_submit_and_wait(&wide, 1), 0);
        stamp = (const struct kevy_cqe32 *)kevy_ring_next(&wide);
        ck_assert_ptr_nonnull(stamp);
        ck_assert_int_eq(stamp->cqe.res, key);
        ck_assert_uint_ne(stamp->cqe.flags & KEVY_CQE_F_MORE, 0);
        ck_assert_uint_eq(stamp->cqe.flags & KEVY_CQE_F_TSTAMP_HW, 0);
        ck_assert_uint_eq(stamp->cqe.flags >> KEVY_TIMESTAMP_TYPE_SHIFT, SCM_TSTAMP_SND);
        ck_assert_uint_gt(stamp->big_cqe[0], 0);
        ck_assert_uint_lt(stamp->big_cqe[1], 1000000000);
        kevy_ring_release(&wide);
    }
    kevy_ring_deinit(&wide);
    kevy_prep_tx_timestamp(request(1), sender);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(names_are_newer_than_6_18)
{
    struct sockaddr_in address;
    uint32_t length = sizeof address;
    int32_t result = running_kernel() >= 619 ? 0 : -EOPNOTSUPP;
    int ends[2];

    tcp_pair(ends);
    kevy_prep_getsockname(request(1), ends[0], (struct sockaddr *)&address, &length);
    expect(1, result);
    if (result == 0)
        ck_assert_uint_eq(address.sin_port, name_of(ends[0]).sin_port);
    kevy_prep_getpeername(request(1), ends[0], (struct sockaddr *)&address, &length);
    expect(1, result);
    if (result == 0)
        ck_assert_uint_eq(address.sin_port, name_of(ends[1]).sin_port);
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test opens[] = {
        {socket_opens_a_descriptor, 519},
        {socket_direct_opens_into_a_slot, 608},
        {socket_direct_alloc_fills_the_table, 608},
        {bind_and_listen_make_a_listener, 611},
    };
    const struct ops_test accepts[] = {
        {accept_takes_a_connection_and_its_address, 505},
        {accept_direct_takes_it_into_a_slot, 608},
        {accept_direct_alloc_chooses_the_slot, 608},
        {accept_multishot_takes_one_after_the_other, 519},
        {footgun_37_accept_multishot_direct_drops_what_finds_no_slot, 608},
        {accept_modes_are_added, 610},
    };
    const struct ops_test ends[] = {
        {connect_reaches_a_listener, 505},  {connect_is_refused_where_nobody_listens, 505},
        {shutdown_ends_one_direction, 511}, {close_closes_a_descriptor, 506},
        {close_direct_empties_a_slot, 519},
    };
    const struct ops_test commands[] = {
        {socket_inq_and_outq_count_bytes, 605},
        {setsockopt_and_getsockopt_work_on_slots, 607},
        {tx_timestamp_reports_when_a_packet_left, 617},
        {names_are_newer_than_6_18, 605},
    };
    Suite *suite = suite_create("ring_ops_net");

    suite_add_tcase(suite, ops_case("open", opens, COUNT(opens)));
    suite_add_tcase(suite, ops_case("accept", accepts, COUNT(accepts)));
    suite_add_tcase(suite, ops_case("end", ends, COUNT(ends)));
    suite_add_tcase(suite, ops_case("command", commands, COUNT(commands)));
    return suite;
}
