/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Streams that give their descriptor back, and those that connect with one that they are given. */

#include "reactor_test.h"

#include <sys/mman.h>

#include <netinet/tcp.h>

struct giver {
    struct probe probe;
    unsigned detaches;
    int fd;
};

static struct giver giver;

static void giver_detach(struct kevy_stream *stream, int fd)
{
    struct probe *probe = probe_of(stream);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe->closed);
    ck_assert_int_eq(kevy_stream_fd(stream), -1);
    ck_assert_int_eq(kevy_stream_send(stream, "x", 1), -EPIPE);
    QUIETLY(kevy_stream_close(stream));
    QUIETLY(kevy_stream_abort(stream));
    KEVY_CONTAINER_OF(probe, struct giver, probe)->detaches++;
    KEVY_CONTAINER_OF(probe, struct giver, probe)->fd = fd;
}

/* The events of a probe, and one more. */
static struct kevy_stream_events giver_events;

static void setup(void)
{
    reactor_setup();
    memset(&giver, 0, sizeof giver);
    giver.fd = -1;
    giver_events = probe_events;
    giver_events.detach = giver_detach;
}

static void teardown(void)
{
    if (giver.fd >= 0)
        close(giver.fd);
    reactor_teardown();
}

static void detach(void)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_detach(&giver.probe.stream), 0));
}

/* The stream is gone, and its descriptor is one of an open connection. */
static void given(void)
{
    TURN_UNTIL(giver.probe.closed);
    ck_assert_uint_eq(giver.detaches, 1);
    ck_assert_int_eq(giver.probe.reason, 0);
    peer_write_text(giver.probe.peer, "later");
    ck_assert_int_eq(recv(giver.fd, (char[8]){0}, 8, 0), 5);
    ck_assert_int_eq(send(giver.fd, "answer", 6, MSG_NOSIGNAL), 6);
    ck_assert_int_eq(recv(giver.probe.peer, (char[8]){0}, 8, 0), 6);
    ck_assert_uint_eq(stats_now().objects, 0);
    probe_finish(&giver.probe);
}

START_TEST(a_stream_gives_its_descriptor_back_and_the_connection_lives_on)
{
    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    detach();
    detach();
    ck_assert_int_eq(kevy_stream_send(&giver.probe.stream, "x", 1), -EPIPE);
    given();
    ck_assert_str_eq(giver.probe.log, "oc");
}
END_TEST

START_TEST(what_was_queued_is_sent_before)
{
    static uint8_t data[300000], got[300000];
    size_t count = 0;

    probe_small(&giver.probe, &giver_events);
    pattern_fill(data, sizeof data, 7, 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&giver.probe.stream, data, sizeof data), 0));
    detach();
    turns(5);
    ck_assert_uint_eq(giver.detaches, 0);
    while (count < sizeof data) {
        int part = peer_read(giver.probe.peer, got + count, sizeof got - count);

        ck_assert(part > 0 || part == -EAGAIN);
        count += part > 0 ? (size_t)part : 0;
        turn_now();
    }
    pattern_check(got, sizeof got, 7, 0);
    given();
}
END_TEST

/* Bytes of a paused stream that have left the socket are told: nothing is lost on the way. */
START_TEST(what_was_received_is_told_before_also_of_a_paused_stream)
{
    char rest[16] = {0};

    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&giver.probe.stream));
    peer_write_text(giver.probe.peer, "before");
    turns(3);
    ck_assert_uint_eq(giver.probe.count, 0);
    detach();
    QUIETLY(kevy_stream_pause(&giver.probe.stream));
    QUIETLY(kevy_stream_hold(&giver.probe.stream, &giver.probe.stream));
    TURN_UNTIL(giver.probe.closed);
    recv(giver.fd, rest, sizeof rest, MSG_DONTWAIT);
    ck_assert_uint_eq(giver.probe.count + strlen(rest), 6);
    given();
}
END_TEST

static void range_detaches(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                           uint64_t sent)
{
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(sent, range->length);
    ck_assert_int_eq(kevy_stream_detach(stream), 0);
}

/* A file is sent at the end of a turn, behind the look at what was received. */
START_TEST(what_was_received_is_told_before_a_detach_from_a_later_callback)
{
    static uint8_t data[100000], got[sizeof data];
    struct kevy_file_range range = {.length = sizeof data, .done = range_detaches};
    size_t count = 0;

    range.fd = memfd_create("data", MFD_CLOEXEC);
    pattern_fill(data, sizeof data, 7, 0);
    ck_assert_int_eq(write(range.fd, data, sizeof data), (int)sizeof data);
    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&giver.probe.stream));
    peer_write_text(giver.probe.peer, "before");
    turns(5);
    ck_assert_uint_eq(giver.probe.count, 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send_file(&giver.probe.stream, &range), 0));
    while (count < sizeof data) {
        int part = peer_read(giver.probe.peer, got + count, sizeof got - count);

        ck_assert(part > 0 || part == -EAGAIN);
        count += part > 0 ? (size_t)part : 0;
        turn_now();
    }
    pattern_check(got, sizeof got, 7, 0);
    TURN_UNTIL(giver.probe.closed);
    ck_assert_uint_eq(giver.probe.count, 6);
    given();
    close(range.fd);
}
END_TEST

START_TEST(the_end_of_the_peer_is_read_by_the_next_owner)
{
    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    shutdown(giver.probe.peer, SHUT_WR);
    detach();
    TURN_UNTIL(giver.probe.closed);
    ck_assert_uint_eq(giver.detaches, 1);
    ck_assert_ptr_null(strchr(giver.probe.log, 'e'));
    ck_assert_int_eq(recv(giver.fd, (char[8]){0}, 8, 0), 0);
    probe_finish(&giver.probe);
}
END_TEST

START_TEST(a_fin_that_was_asked_for_is_sent_before)
{
    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&giver.probe.stream, "last", 4), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&giver.probe.stream), 0));
    detach();
    peer_expect_text(giver.probe.peer, "last");
    TURN_UNTIL(giver.probe.closed);
    ck_assert_uint_eq(giver.detaches, 1);
    ck_assert_int_eq(recv(giver.probe.peer, (char[8]){0}, 8, 0), 0);
    probe_finish(&giver.probe);
}
END_TEST

START_TEST(what_ends_before_it_is_detached_is_closed)
{
    static uint8_t data[300000];

    probe_small(&giver.probe, &giver_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&giver.probe.stream, data, sizeof data), 0));
    detach();
    turns(3);
    QUIETLY(kevy_stream_close(&giver.probe.stream)); /* is without effect */
    turns(3);
    ck_assert(!giver.probe.closed);
    if (_i == 0)
        QUIETLY(kevy_stream_abort(&giver.probe.stream));
    else if (_i == 1)
        QUIETLY(kevy_stream_set_deadline(&giver.probe.stream, KEVY_DEADLINE_TOTAL, 1));
    else
        probe_peer_close(&giver.probe);
    if (_i == 1)
        giver_events.timeout = NULL;
    TURN_UNTIL(giver.probe.closed);
    ck_assert_uint_eq(giver.detaches, 0);
    ck_assert_int_ne(giver.probe.reason, 0);
    probe_finish(&giver.probe);
}
END_TEST

START_TEST(a_drain_of_the_reactor_lets_it_be_detached)
{
    giver_events.finish = NULL;
    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    detach();
    QUIETLY(kevy_reactor_finish(reactor, KEVY_FOREVER));
    given();
}
END_TEST

START_TEST(a_stream_that_is_not_open_is_not_detached)
{
    probe_init(&giver.probe, &giver_events);
    ck_assert_int_eq(kevy_stream_detach(&giver.probe.stream), -EPIPE);
    probe_tcp(&giver.probe, &giver_events);
    turn_now();
    QUIETLY(kevy_stream_abort(&giver.probe.stream));
    ck_assert_int_eq(kevy_stream_detach(&giver.probe.stream), -EPIPE);
    probe_finish(&giver.probe);
}
END_TEST

/* Hand-over from one stream to the next, on the same descriptor, under traffic. */
START_TEST(a_connection_goes_from_stream_to_stream_and_loses_no_byte)
{
    uint64_t written = 0, read = 0;
    uint8_t data[1000];

    for (unsigned round = 0; round < 50; round++) {
        int peer = giver.probe.peer, fd = giver.fd;

        if (round == 0) {
            probe_tcp(&giver.probe, &giver_events);
        } else {
            memset(&giver, 0, sizeof giver);
            probe_init(&giver.probe, &giver_events);
            giver.probe.peer = peer;
            QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&giver.probe.stream, reactor, fd), 0));
        }
        giver.fd = -1;
        giver.probe.seed = 3;
        for (unsigned turn = 0; turn < round % 5; turn++) {
            pattern_fill(data, sizeof data, 3, written);
            peer_write(giver.probe.peer, data, sizeof data);
            written += sizeof data;
            turn_now();
        }
        detach();
        TURN_UNTIL(giver.probe.closed);
        read += giver.probe.count;
        if (giver.fd < 0)
            break;
    }
    while (read < written) {
        ssize_t count = recv(giver.fd, data, sizeof data, 0);

        ck_assert_int_gt(count, 0);
        pattern_check(data, (size_t)count, 3, read);
        read += (uint64_t)count;
    }
    given();
}
END_TEST

static int bound_socket(struct sockaddr_in *own)
{
    socklen_t length = sizeof *own;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *own = (struct sockaddr_in){.sin_family = AF_INET};
    own->sin_addr.s_addr = htonl(0x7F000007); /* 127.0.0.7 */
    ck_assert_int_eq(bind(fd, (struct sockaddr *)own, sizeof *own), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)own, &length), 0);
    return fd;
}

START_TEST(a_bound_socket_connects_from_its_address)
{
    struct sockaddr_in own, server, seen;
    socklen_t length = sizeof seen;
    int listening = plain_listen(&server), fd = bound_socket(&own);

    probe_init(&giver.probe, &giver_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_connect_fd(&giver.probe.stream, reactor, fd,
                                                    (struct sockaddr *)&server, sizeof server,
                                                    KEVY_SECONDS(5)),
                             0));
    TURN_UNTIL(strchr(giver.probe.log, 'o'));
    ck_assert_int_eq(kevy_stream_fd(&giver.probe.stream), fd);
    giver.probe.peer = accept(listening, (struct sockaddr *)&seen, &length);
    ck_assert_int_eq(memcmp(&seen.sin_addr, &own.sin_addr, sizeof own.sin_addr), 0);
    ck_assert_uint_eq(seen.sin_port, own.sin_port);
    length = sizeof seen;
    ck_assert_int_eq(
        kevy_stream_local_address(&giver.probe.stream, (struct sockaddr *)&seen, &length), 0);
    ck_assert_uint_eq(seen.sin_port, own.sin_port);
    QUIETLY(kevy_stream_abort(&giver.probe.stream));
    TURN_UNTIL(giver.probe.closed);
    probe_finish(&giver.probe);
    close(listening);
}
END_TEST

START_TEST(what_cannot_be_connected_with_is_refused_and_stays_the_users)
{
    struct sockaddr_in server = {.sin_family = AF_INET};
    struct sockaddr *to = (struct sockaddr *)&server;
    struct kevy_stream *stream = &giver.probe.stream;
    int datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), pipes[2];

    probe_init(&giver.probe, &giver_events);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(kevy_stream_connect_fd(stream, reactor, -1, to, sizeof server, 0), -EBADF);
    ck_assert_int_eq(kevy_stream_connect_fd(stream, reactor, pipes[0], to, sizeof server, 0),
                     -ENOTSOCK);
    ck_assert_int_eq(kevy_stream_connect_fd(stream, reactor, datagram, to, sizeof server, 0),
                     -EPROTOTYPE);
    ck_assert_int_eq(kevy_stream_connect_fd(stream, reactor, datagram, to, 1, 0), -EINVAL);
    ck_assert_uint_eq(stats_now().objects, 0);
    ck_assert_int_eq(close(datagram) | close(pipes[0]) | close(pipes[1]), 0);
}
END_TEST

START_TEST(the_watermarks_can_be_asked_for)
{
    probe_init(&giver.probe, &giver_events);
    ck_assert_uint_eq(kevy_stream_low_watermark(&giver.probe.stream), 16384);
    ck_assert_uint_eq(kevy_stream_high_watermark(&giver.probe.stream), 65536);
    kevy_stream_set_watermarks(&giver.probe.stream, 3, 4);
    ck_assert_uint_eq(kevy_stream_low_watermark(&giver.probe.stream), 3);
    ck_assert_uint_eq(kevy_stream_high_watermark(&giver.probe.stream), 4);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_detach");
    TCase *tests = tcase_create("detach");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 20);
    tcase_add_test(tests, a_stream_gives_its_descriptor_back_and_the_connection_lives_on);
    tcase_add_test(tests, what_was_queued_is_sent_before);
    tcase_add_test(tests, what_was_received_is_told_before_also_of_a_paused_stream);
    tcase_add_test(tests, what_was_received_is_told_before_a_detach_from_a_later_callback);
    tcase_add_test(tests, the_end_of_the_peer_is_read_by_the_next_owner);
    tcase_add_test(tests, a_fin_that_was_asked_for_is_sent_before);
    tcase_add_loop_test(tests, what_ends_before_it_is_detached_is_closed, 0, 3);
    tcase_add_test(tests, a_drain_of_the_reactor_lets_it_be_detached);
    tcase_add_test(tests, a_stream_that_is_not_open_is_not_detached);
    tcase_add_test(tests, a_connection_goes_from_stream_to_stream_and_loses_no_byte);
    tcase_add_test(tests, a_bound_socket_connects_from_its_address);
    tcase_add_test(tests, what_cannot_be_connected_with_is_refused_and_stays_the_users);
    tcase_add_test(tests, the_watermarks_can_be_asked_for);
    suite_add_tcase(suite, tests);
    return suite;
}
