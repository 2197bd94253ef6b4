/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Datagram sockets: how they open, what they survive, and how they end. */

#include "datagram_test.h"

static struct post post, other;

static struct kevy_datagram_options connected_options(const struct sockaddr_in *peer)
{
    struct kevy_datagram_options options = local_options();

    options.address = NULL;
    options.peer = (const struct sockaddr *)peer;
    options.peer_length = sizeof *peer;
    return options;
}

START_TEST(a_connected_socket_needs_no_address_and_hears_its_peer_alone)
{
    struct sockaddr_in peer, stranger;
    int fd = plain_socket(&peer), stranger_fd = plain_socket(&stranger);
    struct kevy_datagram_options options = connected_options(&peer);

    post_open_with(&post, &options);
    ck_assert_uint_eq(post.address.sin_family, AF_INET);
    ck_assert_int_eq(send_to(&post, "ping", 4, NULL), 0);
    ck_assert_int_eq(plain_receive(fd, post.text, sizeof post.text), 4);
    (void)sendto(stranger_fd, "no", 2, 0, (struct sockaddr *)&post.address, sizeof post.address);
    plain_send(fd, &post, "pong", 4);
    TURN_UNTIL(post.reads == 1);
    ck_assert_str_eq(post.text, "pong");
    turns(3);
    ck_assert_uint_eq(post.reads, 1);
    post_end(&post);
    close(fd);
    close(stranger_fd);
}
END_TEST

START_TEST(a_connected_socket_may_choose_its_port)
{
    struct sockaddr_in peer, own;
    int fd = plain_socket(&peer), own_fd = plain_socket(&own);
    struct kevy_datagram_options options = connected_options(&peer);

    close(own_fd);
    options.port = ntohs(own.sin_port);
    post_open_with(&post, &options);
    ck_assert_uint_eq(kevy_datagram_port(&post.datagram), ntohs(own.sin_port));
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(a_refused_peer_is_told_every_time_and_never_closes_the_socket)
{
    struct sockaddr_in peer;
    struct kevy_datagram_options options;
    int fd = plain_socket(&peer);

    close(fd); /* nobody listens there now */
    options = connected_options(&peer);
    post_open_with(&post, &options);
    for (unsigned count = 1; count <= 20; count++) {
        ck_assert_int_eq(send_to(&post, "x", 1, NULL), 0);
        TURN_UNTIL(post.errors == count);
        ck_assert_int_eq(post.error, -ECONNREFUSED);
    }
    ck_assert_uint_eq(stats_of(&post).errors, 20);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&peer, sizeof peer), 0);
    ck_assert_int_eq(send_to(&post, "there", 5, NULL), 0);
    ck_assert_int_eq(plain_receive(fd, post.text, sizeof post.text), 5);
    plain_send(fd, &post, "yes", 3);
    TURN_UNTIL(post.reads == 1);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(every_address_is_served_in_both_families)
{
    struct kevy_datagram_options options = local_options();
    struct sockaddr_in peer;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    char answer[8];
    int fd = plain_socket(&peer);
    int fd_six = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    options.address = NULL;
    post_open_with(&post, &options);
    post.echo = true;
    post.address.sin_family = AF_INET;
    post.address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    plain_send(fd, &post, "four", 4);
    ck_assert_int_eq(plain_receive(fd, answer, sizeof answer), 4);
    six.sin6_port = htons(kevy_datagram_port(&post.datagram));
    if (fd_six >= 0 && sendto(fd_six, "six", 3, 0, (struct sockaddr *)&six, sizeof six) == 3)
        ck_assert_int_eq(plain_receive(fd_six, answer, sizeof answer), 3);
    post_end(&post);
    close(fd);
    if (fd_six >= 0)
        close(fd_six);
}
END_TEST

START_TEST(a_restricted_reactor_sends_receives_and_waits_for_room)
{
    char text[16];
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    post_open(&post);
    post_open(&other);
    post.echo = true;
    ck_assert_int_eq(send_to(&other, "echo", 4, &post.address), 0);
    TURN_UNTIL(other.reads == 1);
    post_end(&post);
    fd = unix_receiver(&post);
    for (unsigned count = 0; count < 100; count++)
        ck_assert_int_eq(send_to(&post, "x", 1, NULL), 0);
    for (unsigned count = 0; count < 100; count++)
        ck_assert_int_eq(plain_receive(fd, text, sizeof text), 1);
    ck_assert_uint_eq(post.errors, 0);
    post_end(&post);
    post_end(&other);
    close(fd);
}
END_TEST

START_TEST(several_sockets_may_share_a_port)
{
    struct kevy_datagram_options options = local_options();
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    options.reuse_port = true;
    post_open_with(&post, &options);
    options.port = kevy_datagram_port(&post.datagram);
    post_open_with(&other, &options);
    options.reuse_port = false;
    static struct post third;
    QUIETLY(ck_assert_int_eq(kevy_datagram_open(&third.datagram, reactor, &options), -EADDRINUSE));
    plain_send(fd, &post, "x", 1);
    TURN_UNTIL(post.reads + other.reads == 1);
    post_end(&post);
    post_end(&other);
    close(fd);
}
END_TEST

START_TEST(a_member_of_a_multicast_group_receives_until_it_leaves)
{
    struct kevy_datagram_options options = local_options();
    unsigned loopback = if_nametoindex("lo");
    struct ip_mreqn interface = {.imr_ifindex = (int)loopback};
    struct sockaddr_in group = {.sin_family = AF_INET}, peer;
    int fd = plain_socket(&peer);

    options.address = NULL;
    options.reuse_address = true;
    post_open_with(&post, &options);
    ck_assert_int_eq(kevy_datagram_join(&post.datagram, "no group", loopback), -EINVAL);
    ck_assert_int_eq(kevy_datagram_leave(&post.datagram, "239.255.7.7", loopback), -EADDRNOTAVAIL);
    ck_assert_int_eq(kevy_datagram_join(&post.datagram, "239.255.7.7", loopback), 0);
    ck_assert_int_eq(kevy_datagram_join(&post.datagram, "239.255.7.7", loopback), -EADDRINUSE);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &interface, sizeof interface), 0);
    group.sin_port = htons(kevy_datagram_port(&post.datagram));
    ck_assert_int_eq(inet_pton(AF_INET, "239.255.7.7", &group.sin_addr), 1);
    ck_assert_int_eq(sendto(fd, "all", 3, 0, (struct sockaddr *)&group, sizeof group), 3);
    TURN_UNTIL(post.reads == 1);
    ck_assert_int_eq(kevy_datagram_leave(&post.datagram, "239.255.7.7", loopback), 0);
    ck_assert_int_eq(sendto(fd, "all", 3, 0, (struct sockaddr *)&group, sizeof group), 3);
    turns(5);
    ck_assert_uint_eq(post.reads, 1);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(groups_of_both_families_are_joined_and_left)
{
    struct kevy_datagram_options options = local_options();
    unsigned loopback = if_nametoindex("lo"), count;
    static const char *const groups[] = {"239.255.7.7", "ff01::707"};
    struct sockaddr_storage local;
    socklen_t length = sizeof local;

    options.address = NULL;
    post_open_with(&post, &options);
    ck_assert_int_eq(
        getsockname(kevy_datagram_fd(&post.datagram), (struct sockaddr *)&local, &length), 0);
    count = local.ss_family == AF_INET6 ? 2 : 1; /* a host without IPv6 has "every" in IPv4 alone */
    for (unsigned round = 0; round < 2; round++)
        for (unsigned index = 0; index < count; index++)
            ck_assert_int_eq(kevy_datagram_join(&post.datagram, groups[index], loopback),
                             round == 0 ? 0 : -EADDRINUSE);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned index = 0; index < count; index++)
            ck_assert_int_eq(kevy_datagram_leave(&post.datagram, groups[index], loopback),
                             round == 0 ? 0 : -EADDRNOTAVAIL);
    ck_assert_int_eq(kevy_datagram_join(&post.datagram, "127.0.0.1", loopback), -EINVAL);
    ck_assert_int_eq(kevy_datagram_join(&post.datagram, groups[0], 0x7FFFFFFF), -ENODEV);
    post_end(&post);
    post_open(&other);
    ck_assert_int_lt(kevy_datagram_join(&other.datagram, groups[1], loopback), 0);
    post_end(&other);
}
END_TEST

static int adopt(int fd, const struct kevy_datagram_options *options)
{
    return kevy_datagram_adopt(&post.datagram, reactor, fd, options);
}

/* What comes to an adopted socket is read, and its port is what it was bound to. */
static void adopted_reads(int fd)
{
    struct kevy_datagram_options options = local_options();
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    options.address = NULL;
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(adopt(fd, &options), 0);
    ck_assert_uint_eq(kevy_datagram_port(&post.datagram), ntohs(address.sin_port));
    ck_assert_int_eq(
        kevy_datagram_send(&post.datagram, "x", 1, (struct sockaddr *)&address, length), 0);
    TURN_UNTIL(post.reads == 1);
    post_end(&post);
}

START_TEST(descriptor_0_can_be_a_datagram_socket)
{
    struct sockaddr_in own;
    int before = dup(STDIN_FILENO), fd = plain_socket(&own);

    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
    adopted_reads(STDIN_FILENO);
    ck_assert_int_eq(dup2(before, STDIN_FILENO), STDIN_FILENO);
    close(before);
}
END_TEST

START_TEST(an_adopted_socket_is_not_told_where)
{
    static const struct kevy_datagram_options wrong[] = {
        {.address = "127.0.0.1"},
        {.port = 9},
        {.reuse_port = true},
        {.reuse_address = true},
        {.socket_address = (const struct sockaddr *)""},
    };
    struct sockaddr_in own;
    int fd = plain_socket(&own);

    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++)
        ck_assert_int_eq(adopt(fd, &wrong[index]), -EINVAL);
    ck_assert_uint_eq(stats_now().objects, 0);
    close(fd);
}
END_TEST

START_TEST(what_cannot_be_opened_says_why_and_keeps_nothing)
{
    struct kevy_datagram_options options = local_options();
    int descriptors = support_fd_count();
    int pair[2], pipes[2];

    options.address = "localhost";
    ck_assert_int_eq(kevy_datagram_open(&post.datagram, reactor, &options), -EADDRNOTAVAIL);
    options.address = "192.0.2.1"; /* of nobody */
    ck_assert_int_eq(kevy_datagram_open(&post.datagram, reactor, &options), -EADDRNOTAVAIL);
    options.address = "127.0.0.1";
    options.control_size = 4000;
    ck_assert_int_eq(kevy_datagram_open(&post.datagram, reactor, &options), -EINVAL);
    options.control_size = 0;
    options.gro = true;
    ck_assert_int_eq(kevy_datagram_open(&post.datagram, reactor, &options), -EINVAL);
    options.gro = false;
    options.address = NULL;
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    ck_assert_int_eq(adopt(pair[0], &options), -EPROTOTYPE);
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    ck_assert_int_eq(adopt(pipes[0], &options), -ENOTSOCK);
    ck_assert_int_eq(adopt(-1, &options), -EBADF);
    close(pair[0]);
    close(pair[1]);
    close(pipes[0]);
    close(pipes[1]);
    ck_assert_int_eq(support_fd_count(), descriptors);
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

START_TEST(a_named_unix_socket_is_reached_and_named)
{
    struct sockaddr_un own, name;
    socklen_t own_length = unix_name(&own, "own"), name_length = unix_name(&name, "post");
    struct kevy_datagram_options options = local_options();
    char text[16];
    unsigned sent = 0;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    ck_assert_int_eq(bind(fd, (const struct sockaddr *)&own, own_length), 0);
    options.address = NULL;
    options.socket_address = (const struct sockaddr *)&name;
    options.socket_address_length = name_length;
    post_open_with(&post, &options);
    ck_assert_int_eq(sendto(fd, "hi", 2, 0, (const struct sockaddr *)&name, name_length), 2);
    TURN_UNTIL(post.reads == 1);
    ck_assert_uint_eq(post.peer_length, own_length);
    ck_assert_mem_eq(&post.peer, &own, own_length);
    /* Its receiver is full soon, and no poll tells when that ends: the socket is not connected. */
    for (; sent < 60; sent++)
        ck_assert_int_eq(kevy_datagram_send(&post.datagram, text,
                                            (size_t)snprintf(text, sizeof text, "%u", sent),
                                            (const struct sockaddr *)&own, own_length),
                         0);
    turns(20);
    for (unsigned number = 0; number < sent; number++) {
        text[plain_receive(fd, text, sizeof text - 1)] = 0;
        ck_assert_uint_eq((unsigned)atoi(text), number);
    }
    for (sent = 0; sent < 60; sent++)
        ck_assert_int_eq(
            kevy_datagram_send(&post.datagram, "x", 1, (const struct sockaddr *)&own, own_length),
            0);
    turns(20);
    post_end(&post); /* while one waits */
    close(fd);
}
END_TEST

START_TEST(an_error_that_stays_is_met_again_now_and_then_and_never_spun_on)
{
    struct sockaddr_in peer;
    uint64_t turns_before;
    int fd = plain_socket(&peer), own, kept, pipes[2];

    post_open(&post);
    turn_now();
    own = kevy_datagram_fd(&post.datagram);
    kept = fcntl(own, F_DUPFD_CLOEXEC, 0);
    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    /* An empty datagram ends the multishot; the next one finds a pipe where the socket was. */
    ck_assert_int_eq(dup3(pipes[0], own, O_CLOEXEC), own);
    plain_send(fd, &post, "", 0);
    turns_before = stats_now().turns;
    TURN_UNTIL(post.errors == 3);
    ck_assert_int_eq(post.error, -ENOTSOCK);
    ck_assert(!post.error_has_peer);
    ck_assert_uint_lt(stats_now().turns - turns_before, 20);
    ck_assert_int_eq(dup3(kept, own, O_CLOEXEC), own);
    plain_send(fd, &post, "back", 4);
    TURN_UNTIL(post.reads == 2);
    ck_assert_str_eq(post.text, "back");
    post_end(&post);
    close(kept);
    close(pipes[0]);
    close(pipes[1]);
    close(fd);
}
END_TEST

START_TEST(closing_before_the_first_turn_is_closing)
{
    post_open(&post);
    QUIETLY(kevy_datagram_close(&post.datagram));
    ck_assert_uint_eq(post.closes, 0);
    post_end(&post);
    turns(3);
}
END_TEST

START_TEST(closing_in_a_read_is_the_end_of_reading)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    post.close_on_event = true;
    plain_send_numbers(fd, &post, 0, 10);
    TURN_UNTIL(post.closes);
    ck_assert_uint_eq(post.reads, 1);
    turns(3);
    close(fd);
}
END_TEST

START_TEST(closing_in_an_error_or_a_drain_is_allowed)
{
    struct kevy_datagram_options options = local_options();
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    options.high_watermark = 1;
    post_open_with(&post, &options);
    post.close_on_event = true;
    ck_assert_int_eq(send_to(&post, "x", 1, &peer), 0);
    ck_assert_int_eq(send_to(&post, "x", 1, &peer), -EAGAIN);
    TURN_UNTIL(post.closes);
    ck_assert_uint_eq(post.drains, 1);
    post_open(&post);
    post.close_on_event = true;
    peer.sin_port = 0;
    for (unsigned count = 0; count < 10; count++)
        ck_assert_int_eq(send_to(&post, "x", 1, &peer), 0);
    TURN_UNTIL(post.closes);
    ck_assert_uint_eq(post.errors, 1);
    close(fd);
}
END_TEST

START_TEST(draining_closes_a_socket_or_asks_it_to_finish)
{
    struct kevy_datagram_options options = local_options();

    post_open(&post);
    options.finish = post_finish;
    post_open_with(&other, &options);
    kevy_reactor_finish(reactor, KEVY_FOREVER);
    TURN_UNTIL(post.closes);
    ck_assert_uint_eq(other.finishes, 1);
    ck_assert_uint_eq(other.closes, 0);
    post_end(&other);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
}
END_TEST

START_TEST(destroying_the_reactor_ends_sockets_in_every_state)
{
    static struct post posts[5];
    int fd, unused;

    for (unsigned index = 0; index < 5; index++)
        post_open(&posts[index]);
    fd = unix_receiver(&post);
    unused = unix_receiver(&other);
    for (unsigned count = 0; count < 100; count++)
        ck_assert_int_eq(send_to(&post, "x", 1, NULL), 0);
    turns(30);
    kevy_datagram_pause(&posts[1].datagram);
    kevy_datagram_close(&posts[2].datagram);
    ck_assert_int_eq(send_to(&posts[3], "x", 1, &posts[0].address), 0);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 7);
    reactor = NULL;
    for (unsigned index = 0; index < 5; index++)
        ck_assert_uint_eq(posts[index].closes, 1);
    ck_assert_uint_eq(post.closes, 1);
    ck_assert_uint_eq(other.closes, 1);
    close(fd);
    close(unused);
    reactor_setup();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("datagram_life");
    TCase *tests = tcase_create("sockets");

    tcase_add_checked_fixture(tests, reactor_setup, reactor_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, a_connected_socket_needs_no_address_and_hears_its_peer_alone);
    tcase_add_test(tests, a_connected_socket_may_choose_its_port);
    tcase_add_test(tests, a_refused_peer_is_told_every_time_and_never_closes_the_socket);
    tcase_add_test(tests, a_named_unix_socket_is_reached_and_named);
    tcase_add_test(tests, every_address_is_served_in_both_families);
    tcase_add_test(tests, a_restricted_reactor_sends_receives_and_waits_for_room);
    tcase_add_test(tests, several_sockets_may_share_a_port);
    tcase_add_test(tests, a_member_of_a_multicast_group_receives_until_it_leaves);
    tcase_add_test(tests, groups_of_both_families_are_joined_and_left);
    tcase_add_test(tests, what_cannot_be_opened_says_why_and_keeps_nothing);
    tcase_add_test(tests, descriptor_0_can_be_a_datagram_socket);
    tcase_add_test(tests, an_adopted_socket_is_not_told_where);
    tcase_add_test(tests, an_error_that_stays_is_met_again_now_and_then_and_never_spun_on);
    tcase_add_test(tests, closing_before_the_first_turn_is_closing);
    tcase_add_test(tests, closing_in_a_read_is_the_end_of_reading);
    tcase_add_test(tests, closing_in_an_error_or_a_drain_is_allowed);
    tcase_add_test(tests, draining_closes_a_socket_or_asks_it_to_finish);
    tcase_add_test(tests, destroying_the_reactor_ends_sockets_in_every_state);
    suite_add_tcase(suite, tests);
    return suite;
}
