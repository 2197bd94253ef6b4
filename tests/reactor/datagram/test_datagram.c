/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Datagram sockets: what comes in comes whole, in order, and through a pool that is too small. */

#include "datagram_test.h"

static struct post post, other;

#define GRO_BUFFER_SIZE 66048

START_TEST(a_datagram_comes_whole_with_the_address_of_its_sender)
{
    struct sockaddr_in peer;
    char answer[16];
    int fd = plain_socket(&peer);

    post_open(&post);
    post.echo = true;
    plain_send(fd, &post, "hello", 5);
    ck_assert_uint_eq(post.reads, 0);
    ck_assert_int_eq(plain_receive(fd, answer, sizeof answer), 5);
    ck_assert_mem_eq(answer, "hello", 5);
    ck_assert_str_eq(post.text, "hello");
    ck_assert_uint_eq(post.whole_length, 5);
    ck_assert_uint_eq(post.segment_size, 0);
    ck_assert_uint_eq(post.peer_length, sizeof peer);
    ck_assert_mem_eq(&post.peer, &peer, sizeof peer);
    ck_assert_uint_eq(stats_of(&post).received, 1);
    ck_assert_uint_eq(stats_of(&post).sent, 1);
    ck_assert_ptr_eq(kevy_datagram_reactor(&post.datagram), reactor);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(an_empty_datagram_is_one_and_more_follow)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    for (unsigned count = 1; count <= 5; count++) {
        plain_send(fd, &post, "", 0);
        plain_send(fd, &post, "x", 1);
        TURN_UNTIL(post.reads == 2 * count);
        ck_assert_uint_eq(post.length, 1);
    }
    ck_assert_int_eq(send_to(&post, NULL, 0, &peer), 0);
    ck_assert_int_eq(plain_receive(fd, post.text, sizeof post.text), 0);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(one_request_reads_every_datagram_in_the_order_of_arrival)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);
    uint64_t submissions;

    post_open(&post);
    post.check_order = true;
    turns(3);
    submissions = stats_now().submissions;
    for (unsigned number = 0; number < 1000; number += 100) {
        plain_send_numbers(fd, &post, number, 100);
        TURN_UNTIL(post.reads == number + 100);
    }
    ck_assert_uint_eq(stats_now().submissions, submissions);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(footgun_2_a_multishot_ended_by_an_overflow_goes_on_and_its_last_datagram_counts)
{
    struct sockaddr_in peer;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 2, .cq_entries = 2});
    fd = plain_socket(&peer);
    post_open(&post);
    post.check_order = true;
    for (unsigned number = 0; number < 1000; number += 100) {
        plain_send_numbers(fd, &post, number, 100);
        TURN_UNTIL(post.reads == number + 100);
    }
    ck_assert_uint_gt(stats_now().overflows, 0);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(what_does_not_fit_into_a_buffer_is_cut_off_and_reported)
{
    static char data[9000];
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    memset(data, 'x', sizeof data);
    plain_send(fd, &post, data, sizeof data);
    TURN_UNTIL(post.reads == 1);
    ck_assert_uint_eq(post.whole_length, sizeof data);
    ck_assert_uint_eq(post.length, 4096 - 48);
    plain_send(fd, &post, "next", 4);
    TURN_UNTIL(post.reads == 2);
    ck_assert_str_eq(post.text, "next");
    ck_assert_uint_eq(stats_of(&post).truncated, 1);
    post_end(&post);
    close(fd);
}
END_TEST

static struct probe sink;

static void forward_to_sink(struct post *at, struct kevy_datagram_message *message)
{
    (void)at;
    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&sink.stream, message->buffer), 0));
}

START_TEST(a_payload_is_forwarded_to_a_stream_and_its_buffer_comes_back)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    post.on_read = forward_to_sink;
    probe_tcp(&sink, &probe_events);
    turn_now();
    for (unsigned count = 0; count < support_rounds(3000); count++) {
        plain_send(fd, &post, "letter", 6);
        peer_expect_text(sink.peer, "letter");
    }
    QUIETLY(kevy_stream_abort(&sink.stream));
    probe_finish(&sink);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(a_retained_payload_outlives_the_callback_and_the_socket)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    post.keep = 3;
    plain_send_numbers(fd, &post, 100, 3);
    TURN_UNTIL(post.reads == 3);
    post_end(&post);
    for (unsigned index = 0; index < 3; index++) {
        ck_assert_uint_eq(post.kept[index].length, 3);
        ck_assert_uint_eq(post.kept[index].data[2], '0' + index);
        kevy_buffer_release(&post.kept[index]);
    }
    close(fd);
}
END_TEST

START_TEST(without_a_read_callback_datagrams_are_dropped_and_counted)
{
    struct kevy_datagram_options options = local_options();
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    options.read = NULL;
    post_open_with(&post, &options);
    plain_send_numbers(fd, &post, 0, 10);
    TURN_UNTIL(stats_of(&post).dropped == 10);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(pausing_loses_and_reorders_nothing)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);
    unsigned sent = 0;

    post_open(&post);
    post.check_order = true;
    turn_now();
    for (unsigned round = 0; round < 20; round++) {
        plain_send_numbers(fd, &post, sent, 10);
        sent += 10;
        QUIETLY(kevy_datagram_pause(&post.datagram));
        turns(1 + round % 4);
        ck_assert_uint_eq(post.reads, sent - 10);
        plain_send_numbers(fd, &post, sent, 10);
        sent += 10;
        turns(round % 3);
        QUIETLY(kevy_datagram_resume(&post.datagram));
        QUIETLY(kevy_datagram_resume(&post.datagram));
        TURN_UNTIL(post.reads == sent);
    }
    ck_assert_uint_eq(stats_of(&post).dropped, 0);
    post_end(&post);
    close(fd);
}
END_TEST

static void pause_once(struct post *at, struct kevy_datagram_message *message)
{
    (void)message;
    if (at->reads == 1)
        QUIETLY(kevy_datagram_pause(&at->datagram));
}

START_TEST(pausing_in_a_callback_holds_the_rest_back_at_once)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    post.check_order = true;
    post.on_read = pause_once;
    turn_now();
    plain_send_numbers(fd, &post, 0, 20);
    turns(10);
    ck_assert_uint_eq(post.reads, 1);
    QUIETLY(kevy_datagram_resume(&post.datagram));
    TURN_UNTIL(post.reads == 20);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(a_paused_socket_gives_back_what_it_holds_when_closed)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    turn_now();
    plain_send_numbers(fd, &post, 0, 20);
    QUIETLY(kevy_datagram_pause(&post.datagram));
    turns(3);
    ck_assert_uint_gt(stats_now().buffers_lent, 0);
    post_end(&post);
    ck_assert_uint_eq(post.reads, 0);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    close(fd);
}
END_TEST

START_TEST(what_a_pause_holds_back_is_copied_when_the_pool_runs_low)
{
    struct sockaddr_in peer;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 4});
    fd = plain_socket(&peer);
    post_open(&post);
    post.check_order = true;
    turn_now();
    plain_send_numbers(fd, &post, 0, 4);
    QUIETLY(kevy_datagram_pause(&post.datagram));
    turns(5);
    ck_assert_uint_gt(stats_now().copies, 0);
    ck_assert_uint_le(stats_now().buffers_lent, 2);
    QUIETLY(kevy_datagram_resume(&post.datagram));
    TURN_UNTIL(post.reads == 4);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(a_starved_socket_reads_on_when_buffers_are_back)
{
    struct sockaddr_in peer;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 2});
    fd = plain_socket(&peer);
    post_open(&post);
    post.check_order = true;
    post.keep = 2;
    plain_send_numbers(fd, &post, 0, 200);
    TURN_UNTIL(post.reads == 200);
    ck_assert_uint_gt(stats_now().starvations, 0);
    kevy_buffer_release(&post.kept[0]);
    kevy_buffer_release(&post.kept[1]);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(one_buffer_serves_sockets_and_streams_alike)
{
    static struct post posts[8];
    static struct probe probes[8];
    struct sockaddr_in peer;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 1});
    fd = plain_socket(&peer);
    for (unsigned index = 0; index < 8; index++) {
        post_open(&posts[index]);
        posts[index].check_order = true;
        probe_tcp(&probes[index], &probe_events);
    }
    for (unsigned round = 0; round < 20; round++)
        for (unsigned index = 0; index < 8; index++) {
            plain_send_numbers(fd, &posts[index], round, 1);
            peer_write_text(probes[index].peer, "x");
        }
    for (unsigned index = 0; index < 8; index++) {
        TURN_UNTIL(posts[index].reads == 20);
        TURN_UNTIL(probes[index].count == 20);
    }
    ck_assert_uint_gt(stats_now().starvations, 0);
    for (unsigned index = 0; index < 8; index++) {
        QUIETLY(kevy_stream_abort(&probes[index].stream));
        probe_finish(&probes[index]);
        post_end(&posts[index]);
    }
    close(fd);
}
END_TEST

/* One of several floods must not take every buffer that comes back. */
START_TEST(floods_of_datagrams_that_starve_each_other_all_make_progress)
{
    enum {
        FLOODS = 3,
        BURST = 100,
    };
    static struct post posts[FLOODS];
    struct sockaddr_in peer;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 1U << _i});
    fd = plain_socket(&peer);
    for (unsigned index = 0; index < FLOODS; index++)
        post_open(&posts[index]);
    for (unsigned round = 0; round < support_rounds(10); round++) {
        unsigned before[FLOODS];

        for (unsigned index = 0; index < FLOODS; index++)
            before[index] = posts[index].reads;
        for (unsigned count = 0; count < 20; count++) {
            for (unsigned index = 0; index < FLOODS; index++)
                plain_send_numbers(fd, &posts[index], 0, BURST);
            turn_now();
        }
        for (unsigned index = 0; index < FLOODS; index++)
            ck_assert_msg(posts[index].reads > before[index], "socket %u starves", index);
    }
    for (unsigned index = 0; index < FLOODS; index++)
        post_end(&posts[index]);
    close(fd);
}
END_TEST

static void keep_by_force(struct post *at, struct kevy_datagram_message *message)
{
    (void)message;
    QUIETLY(kevy_datagram_pause(&at->datagram));
}

START_TEST(a_starved_socket_can_be_closed)
{
    struct sockaddr_in peer;
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 1});
    fd = plain_socket(&peer);
    post_open(&post);
    post_open(&other);
    post.on_read = keep_by_force;
    plain_send_numbers(fd, &post, 0, 3);
    plain_send_numbers(fd, &other, 0, 3);
    while (stats_now().starvations == 0)
        turn();
    QUIETLY(kevy_datagram_close(&other.datagram));
    post_end(&other);
    post_end(&post);
    close(fd);
}
END_TEST

START_TEST(merged_datagrams_come_with_their_segment_size)
{
    static uint8_t data[60000];
    struct kevy_datagram_options options = local_options();

    reactor_setup_with(
        &(struct kevy_reactor_options){.buffer_size = GRO_BUFFER_SIZE, .buffer_count = 16});
    options.gro = true;
    post_open(&other);
    post_open_with(&post, &options);
    QUIETLY(ck_assert_int_eq(
        kevy_datagram_send_packet(&other.datagram,
                                  &(struct kevy_datagram_packet){.data = data,
                                                                 .length = sizeof data,
                                                                 .peer = (void *)&post.address,
                                                                 .peer_length = sizeof post.address,
                                                                 .segment_size = 1000}),
        0));
    TURN_UNTIL(post.reads == 1);
    ck_assert_uint_eq(post.length, sizeof data);
    ck_assert_uint_eq(post.segment_size, 1000);
    ck_assert_int_eq(send_to(&other, "one", 3, &post.address), 0);
    TURN_UNTIL(post.reads == 2);
    ck_assert_uint_eq(post.segment_size, 0);
    post_end(&post);
    post_end(&other);
}
END_TEST

START_TEST(control_data_without_room_is_reported)
{
    static const int on = 1;

    post_open(&post);
    post_open(&other);
    ck_assert_int_eq(
        setsockopt(kevy_datagram_fd(&post.datagram), IPPROTO_IP, IP_PKTINFO, &on, sizeof on), 0);
    ck_assert_int_eq(send_to(&other, "x", 1, &post.address), 0);
    TURN_UNTIL(post.reads == 1);
    ck_assert(post.control_truncated);
    ck_assert_str_eq(post.text, "x");
    post_end(&post);
    post_end(&other);
}
END_TEST

/* What is left of the room holds the head of the segment size, and not the size. */
START_TEST(a_segment_size_that_was_cut_off_is_none)
{
    static const int on = 1;
    static uint8_t data[3000];
    struct kevy_datagram_options options = local_options();
    struct kevy_datagram_packet packet = {.data = data,
                                          .length = sizeof data,
                                          .peer = (void *)&post.address,
                                          .peer_length = sizeof post.address,
                                          .segment_size = 1000};

    reactor_setup_with(
        &(struct kevy_reactor_options){.buffer_size = GRO_BUFFER_SIZE + 64, .buffer_count = 16});
    memset(data, 'x', sizeof data);
    options.gro = true;
    options.control_size =
        CMSG_SPACE(sizeof(struct timespec)) - CMSG_SPACE(sizeof(int)) + sizeof(struct cmsghdr);
    post_open(&other);
    post_open_with(&post, &options);
    ck_assert_int_eq(
        setsockopt(kevy_datagram_fd(&post.datagram), SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on),
        0);
    QUIETLY(ck_assert_int_eq(kevy_datagram_send_packet(&other.datagram, &packet), 0));
    TURN_UNTIL(post.reads == 1);
    ck_assert_uint_eq(post.length, sizeof data);
    ck_assert(post.control_truncated);
    ck_assert_uint_eq(post.segment_size, 0);
    post_end(&post);
    post_end(&other);
}
END_TEST

/* What is sent merged arrives merged. The loopback of Linux 5.10 cuts it into its segments, also
 * for a socket that takes merged datagrams. Asked before there is a test that could fail. */
static bool loopback_merges(void)
{
    static const int on = 1, segment_size = 100;
    static char data[200];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int receiver = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int sender = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool merges =
        bind(receiver, (struct sockaddr *)&address, length) == 0 &&
        getsockname(receiver, (struct sockaddr *)&address, &length) == 0 &&
        setsockopt(receiver, IPPROTO_UDP, UDP_GRO, &on, sizeof on) == 0 &&
        setsockopt(sender, IPPROTO_UDP, UDP_SEGMENT, &segment_size, sizeof segment_size) == 0 &&
        sendto(sender, data, sizeof data, 0, (struct sockaddr *)&address, length) > 0 &&
        recv(receiver, data, sizeof data, MSG_DONTWAIT) == sizeof data;

    close(sender);
    close(receiver);
    return merges;
}

static void add_merged(TCase *tests, const TTest *test)
{
    if (loopback_merges())
        tcase_add_test(tests, test);
    else
        support_skip(test->name, "loopback cuts merged datagrams into their segments");
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("datagram");
    TCase *tests = tcase_create("sockets");

    tcase_add_checked_fixture(tests, reactor_setup, reactor_teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, a_datagram_comes_whole_with_the_address_of_its_sender);
    tcase_add_test(tests, an_empty_datagram_is_one_and_more_follow);
    tcase_add_test(tests, one_request_reads_every_datagram_in_the_order_of_arrival);
    tcase_add_test(tests,
                   footgun_2_a_multishot_ended_by_an_overflow_goes_on_and_its_last_datagram_counts);
    tcase_add_test(tests, what_does_not_fit_into_a_buffer_is_cut_off_and_reported);
    tcase_add_test(tests, a_payload_is_forwarded_to_a_stream_and_its_buffer_comes_back);
    tcase_add_test(tests, a_retained_payload_outlives_the_callback_and_the_socket);
    tcase_add_test(tests, without_a_read_callback_datagrams_are_dropped_and_counted);
    tcase_add_test(tests, pausing_loses_and_reorders_nothing);
    tcase_add_test(tests, pausing_in_a_callback_holds_the_rest_back_at_once);
    tcase_add_test(tests, a_paused_socket_gives_back_what_it_holds_when_closed);
    tcase_add_test(tests, what_a_pause_holds_back_is_copied_when_the_pool_runs_low);
    tcase_add_test(tests, a_starved_socket_reads_on_when_buffers_are_back);
    tcase_add_test(tests, one_buffer_serves_sockets_and_streams_alike);
    tcase_add_loop_test(tests, floods_of_datagrams_that_starve_each_other_all_make_progress, 0, 9);
    tcase_add_test(tests, a_starved_socket_can_be_closed);
    add_merged(tests, merged_datagrams_come_with_their_segment_size);
    tcase_add_test(tests, control_data_without_room_is_reported);
    add_merged(tests, a_segment_size_that_was_cut_off_is_none);
    suite_add_tcase(suite, tests);
    return suite;
}
