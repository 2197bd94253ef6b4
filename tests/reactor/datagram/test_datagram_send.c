/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Datagram sockets: what goes out goes whole and in order, and a queue that is full says so. */

#include "datagram_test.h"

static struct post post, other;

START_TEST(what_a_turn_sends_leaves_in_one_enter_and_in_order)
{
    struct sockaddr_in peer;
    char text[16];
    uint64_t enters;
    int fd = plain_socket(&peer);

    post_open(&post);
    turns(3);
    enters = stats_now().enters;
    for (unsigned number = 0; number < 64; number++)
        ck_assert_int_eq(
            send_to(&post, text, (size_t)snprintf(text, sizeof text, "%u", number), &peer), 0);
    ck_assert_uint_eq(stats_now().enters, enters);
    turn();
    ck_assert_uint_eq(stats_now().enters, enters + 1);
    for (unsigned number = 0; number < 64; number++) {
        ssize_t length = recv(fd, text, sizeof text - 1, 0);

        ck_assert_int_gt(length, 0);
        text[length] = 0;
        ck_assert_uint_eq((unsigned)atoi(text), number);
    }
    ck_assert_uint_eq(kevy_datagram_queued(&post.datagram), 0);
    ck_assert_uint_eq(stats_of(&post).sent, 64);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(a_tiny_submission_queue_loses_and_reorders_nothing)
{
    struct sockaddr_in peer;
    char text[16];
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 2, .cq_entries = 4});
    fd = plain_socket(&peer);
    post_open(&post);
    for (unsigned number = 0; number < 150; number++)
        ck_assert_int_eq(
            send_to(&post, text, (size_t)snprintf(text, sizeof text, "%u", number), &peer), 0);
    for (unsigned number = 0; number < 150; number++) {
        text[plain_receive(fd, text, sizeof text - 1)] = 0;
        ck_assert_uint_eq((unsigned)atoi(text), number);
    }
    post_end(&post);
    close(fd);
}
END_TEST

static const size_t lengths[] = {1, 3700, 3840, 3990, 4095, 4096, 4097, 8192, 20000, 65507};

START_TEST(a_datagram_of_any_length_leaves_whole)
{
    static uint8_t data[65507], got[65508];
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    for (unsigned seed = 0; seed < 3; seed++) {
        pattern_fill(data, lengths[_i], seed, 0);
        ck_assert_int_eq(send_to(&post, data, lengths[_i], &peer), 0);
        memset(data, 0, lengths[_i]); /* it was copied */
    }
    for (unsigned seed = 0; seed < 3; seed++) {
        ck_assert_int_eq(plain_receive(fd, got, sizeof got), (ssize_t)lengths[_i]);
        pattern_check(got, lengths[_i], seed, 0);
    }
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(small_receive_buffers_limit_the_length_of_a_send)
{
    static uint8_t data[65507], got[65508];
    struct sockaddr_in peer;
    size_t length = 65507;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_size = 512, .buffer_count = 64});
    fd = plain_socket(&peer);
    post_open(&post);
    pattern_fill(data, sizeof data, 1, 0);
    ck_assert_int_eq(send_to(&post, data, length, &peer), -EMSGSIZE);
    while (send_to(&post, data, length, &peer) == -EMSGSIZE)
        length -= 100;
    ck_assert_uint_gt(length, 9000);
    ck_assert_int_eq(plain_receive(fd, got, sizeof got), (ssize_t)length);
    pattern_check(got, length, 1, 0);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(sends_that_cannot_be_are_refused_at_once)
{
    static uint8_t data[65536];
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    ck_assert_int_eq(send_to(&post, "x", 1, NULL), -EDESTADDRREQ);
    ck_assert_int_eq(send_to(&post, data, sizeof data, &peer), -EMSGSIZE);
    ck_assert_int_eq(kevy_datagram_send(&post.datagram, "x", 1, (struct sockaddr *)&peer,
                                        sizeof(struct sockaddr_storage) + 1),
                     -EINVAL);
    ck_assert_int_eq(kevy_datagram_send_packet(
                         &post.datagram, &(struct kevy_datagram_packet){.control_length = 257}),
                     -EINVAL);
    ck_assert_int_eq(
        kevy_datagram_send_packet(&post.datagram,
                                  &(struct kevy_datagram_packet){.data = data,
                                                                 .length = 64 * 100 + 1,
                                                                 .peer = (struct sockaddr *)&peer,
                                                                 .peer_length = sizeof peer,
                                                                 .segment_size = 100}),
        -EINVAL);
    QUIETLY(kevy_datagram_close(&post.datagram));
    ck_assert_int_eq(send_to(&post, "x", 1, &peer), -EPIPE);
    post_end(&post);
    close(fd);
}
END_TEST

static void send_in_drain(struct post *at)
{
    ck_assert_uint_le(kevy_datagram_queued(&at->datagram), 1000);
    ck_assert_int_eq(send_to(at, "again", 5, &other.address), 0);
}

START_TEST(above_the_high_mark_a_send_is_refused_and_drain_follows_once)
{
    struct kevy_datagram_options options = local_options();
    unsigned sent = 0;

    options.low_watermark = 1000;
    options.high_watermark = 10000;
    post_open_with(&post, &options);
    post_open(&other);
    post.on_drain = send_in_drain;
    while (send_to(&post, "", 0, &other.address) == 0) /* empty ones need room as well */
        sent++;
    ck_assert_uint_gt(sent, 20);
    ck_assert_uint_lt(sent, 200);
    ck_assert_int_eq(send_to(&post, "x", 1, &other.address), -EAGAIN);
    ck_assert_uint_eq(post.drains, 0);
    TURN_UNTIL(other.reads == sent + 1);
    ck_assert_str_eq(other.text, "again");
    ck_assert_uint_eq(post.drains, 1);
    post_end(&post);
    post_end(&other);
}
END_TEST

START_TEST(drain_follows_a_stay_at_the_high_mark_without_a_refusal)
{
    static uint8_t data[600];
    struct kevy_datagram_options options = local_options();

    options.low_watermark = 1000;
    options.high_watermark = 10000;
    post_open_with(&post, &options);
    post_open(&other);
    ck_assert_int_eq(send_to(&post, data, sizeof data, &other.address), 0);
    TURN_UNTIL(other.reads == 1);
    ck_assert_uint_eq(post.drains, 0);
    while (kevy_datagram_queued(&post.datagram) < 10000)
        ck_assert_int_eq(send_to(&post, data, sizeof data, &other.address), 0);
    TURN_UNTIL(kevy_datagram_queued(&post.datagram) == 0);
    ck_assert_uint_eq(post.drains, 1);
    post_end(&post);
    post_end(&other);
}
END_TEST

START_TEST(the_memory_limit_refuses_a_send_and_leaks_nothing)
{
    static uint8_t data[60000];
    struct kevy_datagram_options options = local_options();
    unsigned refused = 0;

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 200000});
    options.high_watermark = 1U << 30;
    post_open_with(&post, &options);
    post_open(&other);
    for (unsigned round = 0; round < 50; round++) {
        int result;

        while ((result = send_to(&post, data, round % 2 ? 60000 : 3000, &other.address)) == 0)
            ;
        ck_assert_int_eq(result, -ENOBUFS);
        refused++;
        TURN_UNTIL(kevy_datagram_queued(&post.datagram) == 0);
    }
    ck_assert_uint_le(stats_now().memory, 200000);
    ck_assert_uint_eq(refused, 50);
    post_end(&post);
    post_end(&other);
}
END_TEST

START_TEST(an_error_of_a_send_is_told_with_its_peer_and_the_socket_goes_on)
{
    struct sockaddr_in peer, nobody;
    int fd = plain_socket(&peer);

    post_open(&post);
    nobody = peer;
    nobody.sin_port = 0;
    ck_assert_int_eq(send_to(&post, "lost", 4, &nobody), 0);
    ck_assert_int_eq(send_to(&post, "found", 5, &peer), 0);
    ck_assert_int_eq(plain_receive(fd, post.text, sizeof post.text), 5);
    TURN_UNTIL(post.errors == 1);
    ck_assert_int_eq(post.error, -EINVAL);
    ck_assert(post.error_has_peer);
    ck_assert_uint_eq(stats_of(&post).errors, 1);
    ck_assert_uint_eq(stats_of(&post).dropped, 1);
    post_end(&post);
    close(fd);
}
END_TEST

/* The kernel tells the error of the first datagram to the call that sends the second. */
START_TEST(what_icmp_says_of_one_datagram_is_not_charged_to_the_next)
{
    static const int on = 1;
    struct sockaddr_in nobody = {.sin_family = AF_INET}, good = {.sin_family = AF_INET};
    int gone = plain_socket(&nobody), fd = plain_socket(&good);
    char text[8];

    close(gone);
    post_open(&post);
    ck_assert_int_eq(
        setsockopt(kevy_datagram_fd(&post.datagram), IPPROTO_IP, IP_RECVERR, &on, sizeof on), 0);
    turns(3);
    for (unsigned round = 0; round < 10; round++) {
        ck_assert_int_eq(send_to(&post, "lost", 4, &nobody), 0);
        ck_assert_int_eq(send_to(&post, "kept", 4, &good), 0);
        ck_assert_int_eq(plain_receive(fd, text, sizeof text), 4);
        ck_assert_mem_eq(text, "kept", 4);
    }
    TURN_UNTIL(post.errors > 0);
    ck_assert_int_eq(post.error, -ECONNREFUSED);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(a_long_packet_is_cut_into_segments_by_the_kernel)
{
    static uint8_t data[5000], got[2000];
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    pattern_fill(data, sizeof data, 1, 0);
    QUIETLY(ck_assert_int_eq(
        kevy_datagram_send_packet(&post.datagram,
                                  &(struct kevy_datagram_packet){.data = data,
                                                                 .length = sizeof data,
                                                                 .peer = (struct sockaddr *)&peer,
                                                                 .peer_length = sizeof peer,
                                                                 .segment_size = 1200}),
        0));
    for (unsigned index = 0; index < 5; index++) {
        ssize_t length = index < 4 ? 1200 : 200;

        ck_assert_int_eq(plain_receive(fd, got, sizeof got), length);
        pattern_check(got, (size_t)length, 1, index * 1200);
    }
    post_end(&post);
    close(fd);
}
END_TEST

static struct in_pktinfo pktinfo;
static int tos;

static void look_at_control(struct post *at, struct kevy_datagram_message *message)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(&message->control);

    (void)at;
    for (; header != NULL; header = CMSG_NXTHDR(&message->control, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO)
            memcpy(&pktinfo, CMSG_DATA(header), sizeof pktinfo);
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_TOS)
            tos = *CMSG_DATA(header);
    }
}

START_TEST(control_data_goes_both_ways)
{
    static const int on = 1;
    struct kevy_datagram_options options = local_options();
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = IPPROTO_IP,
                            .cmsg_type = IP_TOS}};
    static const int ecn = 1;

    options.control_size = CMSG_SPACE(sizeof pktinfo) + CMSG_SPACE(1);
    post_open_with(&post, &options);
    post_open(&other);
    post.on_read = look_at_control;
    ck_assert_int_eq(
        setsockopt(kevy_datagram_fd(&post.datagram), IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    ck_assert_int_eq(
        setsockopt(kevy_datagram_fd(&post.datagram), IPPROTO_IP, IP_RECVTOS, &on, sizeof on), 0);
    memcpy(CMSG_DATA(&control.header), &ecn, sizeof ecn);
    QUIETLY(ck_assert_int_eq(kevy_datagram_send_packet(&other.datagram,
                                                       &(struct kevy_datagram_packet){
                                                           .data = "x",
                                                           .length = 1,
                                                           .peer = (void *)&post.address,
                                                           .peer_length = sizeof post.address,
                                                           .control = &control,
                                                           .control_length = CMSG_LEN(sizeof(int)),
                                                       }),
                             0));
    TURN_UNTIL(post.reads == 1);
    ck_assert_uint_eq(pktinfo.ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
    ck_assert_int_eq(tos, 1);
    ck_assert(!post.control_truncated);
    post_end(&post);
    post_end(&other);
}
END_TEST

START_TEST(a_full_unix_receiver_delays_the_queue_and_keeps_its_order)
{
    char text[16];
    int fd = unix_receiver(&post);

    for (unsigned number = 0; number < 500; number++)
        ck_assert_int_eq(
            send_to(&post, text, (size_t)snprintf(text, sizeof text, "%u", number), NULL), 0);
    turns(50);
    ck_assert_uint_lt(stats_of(&post).sent, 500);
    for (unsigned number = 0; number < 500; number++) {
        text[plain_receive(fd, text, sizeof text - 1)] = 0;
        ck_assert_uint_eq((unsigned)atoi(text), number);
    }
    post_end(&post);
    close(fd);
}
END_TEST

/* A Unix socket that is not connected cannot be told when its receiver has room: it asks, less and
 * less often. */
START_TEST(a_receiver_that_is_stuck_costs_few_turns)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX}, own = {.sun_family = AF_UNIX};
    struct kevy_datagram_options options = local_options();
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = sizeof name;
    uint64_t before, end_ns;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&name, sizeof name.sun_family), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&name, &length), 0);
    options.address = NULL;
    options.socket_address = (struct sockaddr *)&own;
    options.socket_address_length = sizeof own.sun_family;
    post_open_with(&post, &options);
    for (unsigned number = 0; number < 500; number++)
        ck_assert_int_eq(
            kevy_datagram_send(&post.datagram, "x", 1, (struct sockaddr *)&name, length), 0);
    turns(50);
    before = stats_now().turns;
    end_ns = clock_ns() + KEVY_MILLISECONDS(300);
    for (uint64_t now_ns = clock_ns(); now_ns < end_ns; now_ns = clock_ns())
        ck_assert_int_eq(kevy_reactor_run_once(reactor, end_ns - now_ns), 1);
    ck_assert_uint_lt(stats_now().turns - before, 60);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(closing_sends_what_the_socket_takes_at_once_and_drops_the_rest)
{
    char text[16];
    unsigned received = 0;
    int fd = unix_receiver(&post);

    for (unsigned number = 0; number < 100; number++)
        ck_assert_int_eq(
            send_to(&post, text, (size_t)snprintf(text, sizeof text, "%u", number), NULL), 0);
    if (_i)
        turns(50); /* until a send waits in the kernel */
    post_end(&post);
    while (recv(fd, text, sizeof text, 0) > 0)
        received++;
    ck_assert_uint_gt(received, 1);
    ck_assert_uint_lt(received, 100);
    close(fd);
}
END_TEST

START_TEST(an_ordered_socket_sends_one_after_the_other)
{
    struct kevy_datagram_options options = local_options();

    options.ordered = true;
    post_open_with(&post, &options);
    post_open(&other);
    other.check_order = true;
    for (unsigned number = 0; number < 100; number++) {
        char text[16];

        ck_assert_int_eq(
            send_to(&post, text, (size_t)snprintf(text, sizeof text, "%u", number), &other.address),
            0);
    }
    TURN_UNTIL(other.reads == 100);
    post_end(&post);
    post_end(&other);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("datagram_send");
    TCase *tests = tcase_create("sockets");

    tcase_add_checked_fixture(tests, reactor_setup, reactor_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, what_a_turn_sends_leaves_in_one_enter_and_in_order);
    tcase_add_test(tests, a_tiny_submission_queue_loses_and_reorders_nothing);
    tcase_add_loop_test(tests, a_datagram_of_any_length_leaves_whole, 0,
                        (int)(sizeof lengths / sizeof *lengths));
    tcase_add_test(tests, small_receive_buffers_limit_the_length_of_a_send);
    tcase_add_test(tests, sends_that_cannot_be_are_refused_at_once);
    tcase_add_test(tests, above_the_high_mark_a_send_is_refused_and_drain_follows_once);
    tcase_add_test(tests, drain_follows_a_stay_at_the_high_mark_without_a_refusal);
    tcase_add_test(tests, the_memory_limit_refuses_a_send_and_leaks_nothing);
    tcase_add_test(tests, an_error_of_a_send_is_told_with_its_peer_and_the_socket_goes_on);
    tcase_add_test(tests, a_long_packet_is_cut_into_segments_by_the_kernel);
    tcase_add_test(tests, control_data_goes_both_ways);
    tcase_add_test(tests, what_icmp_says_of_one_datagram_is_not_charged_to_the_next);
    tcase_add_test(tests, a_receiver_that_is_stuck_costs_few_turns);
    tcase_add_test(tests, a_full_unix_receiver_delays_the_queue_and_keeps_its_order);
    tcase_add_loop_test(tests, closing_sends_what_the_socket_takes_at_once_and_drops_the_rest, 0,
                        2);
    tcase_add_test(tests, an_ordered_socket_sends_one_after_the_other);
    suite_add_tcase(suite, tests);
    return suite;
}
