/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Listeners on a socket that listens already. */

#include "listener_test.h"

#include <netinet/tcp.h>
#include <sys/un.h>

START_TEST(an_adopted_listening_socket_serves)
{
    struct sockaddr_in address;

    adopt(plain_listen(&address));
    ck_assert_uint_eq(kevy_listener_port(&listener), ntohs(address.sin_port));
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    end_all(1, 1);
    listener_end();
}
END_TEST

/* As systemd passes it. At the end its queue is looked at once more. */
START_TEST(an_adopted_socket_that_blocks_does_not_block_the_end)
{
    struct sockaddr_in address;
    int fd = plain_listen(&address);

    ck_assert_int_eq(fcntl(fd, F_SETFL, 0), 0);
    adopt(fd);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    QUIETLY(kevy_listener_finish(&listener));
    TURN_UNTIL(listener_closes == 1);
    end_all(1, 1);
}
END_TEST

START_TEST(descriptor_0_can_be_listened_on)
{
    struct sockaddr_in address;
    int before = dup(STDIN_FILENO), fd = plain_listen(&address);

    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    adopt(STDIN_FILENO);
    ck_assert_uint_eq(kevy_listener_port(&listener), ntohs(address.sin_port));
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    end_all(1, 1);
    listener_end();
    ck_assert_int_eq(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}
END_TEST

START_TEST(a_negative_descriptor_is_refused_and_opens_nothing)
{
    struct kevy_listener_options options = {.accept = accept_probe};
    int descriptors = support_fd_count();

    ck_assert_int_eq(kevy_listener_adopt(&listener, reactor, -1, &options), -EBADF);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

START_TEST(a_socket_that_listens_already_is_not_told_where)
{
    static const struct sockaddr_un name = {.sun_family = AF_UNIX};
    static const struct kevy_listener_options wrong[] = {
        {.accept = accept_probe, .address = "127.0.0.1"},
        {.accept = accept_probe, .port = 80},
        {.accept = accept_probe, .socket_address = (const struct sockaddr *)&name},
        {.accept = accept_probe, .backlog = 5},
        {.accept = accept_probe, .reuse_port = true},
    };
    struct sockaddr_in address;
    int fd = plain_listen(&address);

    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
        ck_assert_int_eq(kevy_listener_adopt(&listener, reactor, fd, &wrong[index]), -EINVAL);
    ck_assert_uint_eq(stats_now().objects, 0);
    close(fd);
}
END_TEST

START_TEST(a_listening_socket_of_packets_is_refused)
{
    struct kevy_listener_options options = {.accept = accept_probe};
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name.sun_family), 0);
    ck_assert_int_eq(listen(fd, 5), 0);
    ck_assert_int_eq(kevy_listener_adopt(&listener, reactor, fd, &options), -EPROTOTYPE);
    close(fd);
}
END_TEST

START_TEST(an_adopted_descriptor_that_does_not_listen_is_refused)
{
    struct kevy_listener_options options = options_here();
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    options.address = NULL;
    ck_assert_int_eq(kevy_listener_adopt(&listener, reactor, fd, &options), -EINVAL);
    close(fd);
}
END_TEST

static unsigned served[2];

static struct kevy_stream *accept_counted(struct kevy_listener *from)
{
    served[kevy_listener_reactor(from) != reactor]++;
    return NULL;
}

/* Clients one after the other, for two reactors that accept from one socket. */
static void two_serve(void)
{
    struct kevy_listener_options options = {.accept = accept_counted, .shared = true};
    struct kevy_listener listeners[2] = {0};
    struct kevy_reactor *second;
    struct sockaddr_in address;
    int fd = plain_listen(&address);

    ck_assert_int_eq(kevy_reactor_create(&second, NULL), 0);
    ck_assert_int_eq(kevy_listener_adopt(&listeners[0], reactor, fd, &options), 0);
    ck_assert_int_eq(kevy_listener_adopt(&listeners[1], second, dup(fd), &options), 0);
    for (unsigned count = 0; count < 200; count++) {
        int client;

        turn_now();
        ck_assert_int_ge(kevy_reactor_run_once(second, 0), 0);
        client = plain_connect(ntohs(address.sin_port));
        TURN_UNTIL((kevy_reactor_run_once(second, 0), served[0] + served[1] == count + 1));
        close(client);
    }
    kevy_listener_close(&listeners[0]);
    TURN_UNTIL(stats_now().objects == 0);
    ck_assert_uint_eq(kevy_reactor_destroy(second), 1);
}

START_TEST(reactors_that_share_a_socket_share_its_connections)
{
    two_serve();
    ck_assert_uint_ge(served[0], 50);
    ck_assert_uint_ge(served[1], 50);
}
END_TEST

static int option_of(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;

    ck_assert_int_eq(getsockopt(fd, level, name, &value, &length), 0);
    return value;
}

START_TEST(connections_of_an_adopted_socket_get_the_options)
{
    struct kevy_listener_options options = {
        .accept = accept_probe, .close = closed_note, .tcp_keepidle_s = 90};
    struct sockaddr_in address;
    int fd;

    ck_assert_int_eq(kevy_listener_adopt(&listener, reactor, plain_listen(&address), &options), 0);
    connect_clients(1);
    TURN_UNTIL(accepted == 1);
    fd = kevy_stream_fd(&probes[0].stream);
    ck_assert_int_ne(option_of(fd, IPPROTO_TCP, TCP_NODELAY), 0);
    ck_assert_int_eq(option_of(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
    ck_assert_int_eq(option_of(fd, IPPROTO_TCP, TCP_KEEPIDLE), 90);
    end_all(1, 1);
    listener_end();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("listener_adopt");
    TCase *adopted = tcase_create("adopted");

    tcase_add_checked_fixture(adopted, reactor_setup, reactor_teardown);
    tcase_set_timeout(adopted, 20);
    tcase_add_test(adopted, an_adopted_listening_socket_serves);
    tcase_add_test(adopted, an_adopted_socket_that_blocks_does_not_block_the_end);
    tcase_add_test(adopted, descriptor_0_can_be_listened_on);
    tcase_add_test(adopted, a_negative_descriptor_is_refused_and_opens_nothing);
    tcase_add_test(adopted, a_socket_that_listens_already_is_not_told_where);
    tcase_add_test(adopted, a_listening_socket_of_packets_is_refused);
    tcase_add_test(adopted, an_adopted_descriptor_that_does_not_listen_is_refused);
    tcase_add_test(adopted, reactors_that_share_a_socket_share_its_connections);
    tcase_add_test(adopted, connections_of_an_adopted_socket_get_the_options);
    suite_add_tcase(suite, adopted);
    return suite;
}
