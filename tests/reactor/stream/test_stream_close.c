/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* How a stream ends, seen from the other end: FIN, RST, and every byte before them. */

#include "reactor_test.h"

#include <netinet/tcp.h>
#include <poll.h>

#include "core/reactor.h"

static struct probe probe;
static uint8_t big[1 << 20];

static void peer_reset(struct probe *reset)
{
    struct linger linger = {.l_onoff = 1, .l_linger = 0};

    ck_assert_int_eq(setsockopt(reset->peer, SOL_SOCKET, SO_LINGER, &linger, sizeof linger), 0);
    probe_peer_close(reset);
}

/* Reads in small pieces with turns between, until the end; checks every byte. */
static uint64_t peer_read_slowly(int peer, uint64_t seed, int *end)
{
    uint8_t data[5000];
    uint64_t have = 0;

    for (unsigned count = 0;; count++) {
        int result = peer_read(peer, data, sizeof data);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result == 0 || (result < 0 && result != -EAGAIN)) {
            *end = result;
            return have;
        }
        if (result > 0) {
            pattern_check(data, (size_t)result, seed, have);
            have += (uint64_t)result;
        }
        turn_now();
    }
}

START_TEST(graceful_close_delivers_every_byte_to_a_slow_reader)
{
    uint64_t have;
    int end;

    probe_tcp(&probe, &probe_events);
    turn_now();
    pattern_fill(big, sizeof big, 9, 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    QUIETLY(kevy_stream_close(&probe.stream));
    have = peer_read_slowly(probe.peer, 9, &end);
    ck_assert_int_eq(end, 0);
    ck_assert_uint_eq(have, sizeof big);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(footgun_10_close_with_an_armed_recv_sends_fin_at_once)
{
    char byte;

    if (_i == 0)
        probe_tcp(&probe, &probe_events);
    else
        probe_unix(&probe, &probe_events);
    turns(3);
    ck_assert_uint_eq(stats_now().operations, 1); /* the recv */
    ck_assert_int_eq(peer_read(probe.peer, &byte, 1), -EAGAIN);
    QUIETLY(kevy_stream_close(&probe.stream));
    turn_now();
    ck_assert_int_eq(peer_read(probe.peer, &byte, 1), 0); /* and the peer has sent nothing */
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

/* Closing a socket with unread bytes would reset the connection and take our last bytes along. */
START_TEST(a_peer_that_still_sends_gets_the_whole_answer_and_no_reset)
{
    static uint8_t noise[300000];
    uint64_t have;
    int end;

    probe_tcp(&probe, &probe_events);
    pattern_fill(big, 400000, 4, 0);
    turn_now();
    (void)send(probe.peer, noise, sizeof noise, MSG_NOSIGNAL);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 400000), 0));
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(5);
    (void)send(probe.peer, noise, sizeof noise, MSG_NOSIGNAL);
    have = peer_read_slowly(probe.peer, 4, &end);
    ck_assert_int_eq(end, 0);
    ck_assert_uint_eq(have, 400000);
    (void)send(probe.peer, noise, 1000, MSG_NOSIGNAL);
    turns(3);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(close_does_not_call_back_before_the_peer_has_ended)
{
    char byte;

    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(20);
    ck_assert(!probe.closed);
    ck_assert_int_eq(peer_read(probe.peer, &byte, 1), 0);
    probe_peer_close(&probe);
    probe_finish(&probe);
}
END_TEST

/* The one test that takes a second: nothing else shows that lingering has an end. */
START_TEST(lingering_is_bounded_when_the_peer_never_ends)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_close(&probe.stream));
    while (!probe.closed)
        (void)turn();
    ck_assert_int_eq(probe.reason, 0);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(abort_while_lingering_ends_at_once)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(5);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECANCELED);
}
END_TEST

/* To find the requests of a descriptor the kernel looks at all that wait, of every stream. */
START_TEST(an_abort_cancels_by_the_names_of_its_requests)
{
    static const uint8_t big[1 << 20];
    const struct kevy_ring *ring = &reactor->ring;
    unsigned cancels = 0;

    probe_small(&probe, &probe_events);
    turns(3);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0);
    turns(3);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    for (uint32_t slot = 0; slot < ring->sq_entries; slot++) {
        cancels += ring->sqes[slot].opcode == KEVY_OP_ASYNC_CANCEL;
        if (ring->sqes[slot].opcode == KEVY_OP_ASYNC_CANCEL)
            ck_assert_uint_eq(ring->sqes[slot].cancel_flags, 0);
    }
    ck_assert_uint_eq(cancels, 2);
}
END_TEST

START_TEST(abort_sends_rst)
{
    uint64_t count;

    probe_tcp(&probe, &probe_events);
    turns(3);
    QUIETLY(kevy_stream_abort(&probe.stream));
    ck_assert_int_eq(peer_drain(probe.peer, &count), -ECONNRESET);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECANCELED);
}
END_TEST

START_TEST(abort_with_a_full_queue_and_socket_ends_at_once)
{
    uint64_t count;

    probe_tcp(&probe, &probe_events);
    turn_now();
    for (unsigned round = 0; round < 10; round++) {
        ignore(kevy_stream_send(&probe.stream, big, sizeof big));
        turn_now();
    }
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe.peer = -1 - probe.peer; /* kept open */
    TURN_UNTIL(probe.closed);
    probe.peer = -1 - probe.peer;
    ck_assert_int_eq(peer_drain(probe.peer, &count), -ECONNRESET);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(our_half_close_leaves_the_reading_side_open)
{
    char data[8];

    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "bye", 3), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), 0));
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), -EPIPE);
    peer_expect_text(probe.peer, "bye");
    turns(3);
    ck_assert_int_eq(peer_read(probe.peer, data, sizeof data), 0);
    peer_write_text(probe.peer, "more");
    TURN_UNTIL(probe.count == 4);
    ck_assert_int_eq(shutdown(probe.peer, SHUT_WR), 0);
    TURN_UNTIL(probe.log_end[-1] == 'e');
    turns(5);
    ck_assert(!probe.closed);
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "orec");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(half_close_comes_after_the_whole_queue)
{
    uint64_t have;
    int end;

    probe_tcp(&probe, &probe_events);
    turn_now();
    pattern_fill(big, sizeof big, 5, 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), 0));
    have = peer_read_slowly(probe.peer, 5, &end);
    ck_assert_int_eq(end, 0);
    ck_assert_uint_eq(have, sizeof big);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(the_peers_half_close_leaves_the_writing_side_open)
{
    uint64_t have;
    int end;

    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(shutdown(probe.peer, SHUT_WR), 0);
    TURN_UNTIL(probe.log_end - probe.log == 2);
    ck_assert_str_eq(probe.log, "oe");
    pattern_fill(big, sizeof big, 6, 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    QUIETLY(kevy_stream_close(&probe.stream));
    have = peer_read_slowly(probe.peer, 6, &end);
    ck_assert_int_eq(end, 0);
    ck_assert_uint_eq(have, sizeof big);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oec");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(a_reset_by_the_peer_is_the_reason)
{
    probe_tcp(&probe, &probe_events);
    turns(3);
    peer_reset(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ECONNRESET);
    ck_assert_str_eq(probe.log, "oc");
}
END_TEST

static unsigned reported;
static int reported_result;

static void write_reports(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!probe_of(stream)->closed);
    (void)write;
    reported++;
    reported_result = result;
}

START_TEST(a_reset_in_the_middle_of_a_write_reports_the_write_then_closes)
{
    struct iovec part = {.iov_base = big, .iov_len = sizeof big};
    struct kevy_send writes[8] = {0};

    probe_tcp(&probe, &probe_events);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 64 << 20);
    turn_now();
    for (unsigned index = 0; index < 8; index++) {
        writes[index] = (struct kevy_send){.parts = &part, .count = 1, .done = write_reports};
        QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &writes[index]), 0));
    }
    turns(5);
    ck_assert_uint_lt(reported, 8);
    peer_reset(&probe);
    probe_finish(&probe);
    ck_assert_uint_eq(reported, 8);
    /* The receive is told of a reset, and the send after it of a broken pipe: the first counts. */
    ck_assert_int_eq(probe.reason, -ECONNRESET);
    ck_assert_int_eq(reported_result, probe.reason);
}
END_TEST

START_TEST(what_the_peer_sent_before_it_reset_our_writes_is_still_read)
{
    int end = 0;

    probe_tcp(&probe, &probe_events);
    turn_now();
    peer_write_text(probe.peer, "last words");
    probe_peer_close(&probe);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0));
    turn_now();
    QUIETLY(ignore(kevy_stream_send(&probe.stream, "y", 1)));
    for (unsigned count = 0; count < 10 && !probe.closed; count++) {
        turn_now();
        if (!probe.closed)
            QUIETLY(end = kevy_stream_send(&probe.stream, "z", 1));
    }
    ck_assert_uint_eq(probe.count, 10);
    (void)end;
    if (!probe.closed)
        QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(a_write_to_a_vanished_peer_raises_no_sigpipe)
{
    int result = 0;

    probe_tcp(&probe, &probe_events);
    probe.on_end = NULL;
    turn_now();
    probe_peer_close(&probe);
    for (unsigned count = 0; count < 50 && !probe.closed; count++) {
        QUIETLY(result = kevy_stream_send(&probe.stream, "x", 1));
        turn_now();
    }
    (void)result;
    ck_assert(probe.closed);
    ck_assert_msg(probe.reason == -EPIPE || probe.reason == -ECONNRESET, "%d", probe.reason);
}
END_TEST

static struct probe target;

static void slice_in_vain(struct probe *from, struct kevy_buffer *buffer)
{
    (void)from;
    QUIETLY(ck_assert_int_eq(kevy_stream_forward_slice(&target.stream, buffer, 0, 1), -ENOBUFS));
}

/* Nothing was queued, and yet something is missing: the peer must not take the rest for all. */
START_TEST(bytes_lost_for_want_of_memory_end_with_rst_not_fin)
{
    uint64_t count;

    reactor_setup_with(&(struct kevy_reactor_options){.memory_limit = 1});
    probe_tcp(&probe, &probe_events);
    probe_tcp(&target, &probe_events);
    probe.on_read = slice_in_vain;
    turn_now();
    peer_write_text(probe.peer, "lost");
    TURN_UNTIL(target.closed);
    ck_assert_int_eq(target.reason, -ENOBUFS);
    ck_assert_int_eq(peer_drain(target.peer, &count), -ECONNRESET);
    probe_finish(&target);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

/* A peer that sees a clean end takes what it has for the whole. */
START_TEST(a_stream_cut_short_by_a_deadline_ends_with_rst_not_fin)
{
    uint64_t count;

    probe_tcp(&probe, &probe_events_close_only);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    for (unsigned round = 0; round < 8; round++) {
        ignore(kevy_stream_send(&probe.stream, big, sizeof big));
        turn_now();
    }
    QUIETLY(kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_TOTAL, KEVY_MILLISECONDS(1)));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -ETIMEDOUT);
    ck_assert_int_eq(peer_drain(probe.peer, &count), -ECONNRESET);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(closing_waits_for_no_more_than_the_write_deadline)
{
    probe_tcp(&probe, &probe_events);
    kevy_stream_set_watermarks(&probe.stream, 1, 64 << 20);
    turn_now();
    for (unsigned round = 0; round < 8; round++)
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    QUIETLY(kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_SEND, KEVY_MILLISECONDS(2)));
    QUIETLY(kevy_stream_close(&probe.stream));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -ETIMEDOUT);
    ck_assert_str_eq(probe.log, "oc");
    probe_peer_close(&probe);
}
END_TEST

START_TEST(a_thousand_connections_end_without_a_trace)
{
    for (unsigned round = 0; round < 1000; round++) {
        probe_tcp(&probe, &probe_events);
        probe.echo = true;
        peer_write_text(probe.peer, "x");
        turns(round % 4);
        if (round % 3 == 0)
            QUIETLY(kevy_stream_abort(&probe.stream));
        else if (round % 3 == 1)
            QUIETLY(kevy_stream_close(&probe.stream));
        if (round % 2 == 0)
            peer_reset(&probe);
        probe_peer_close(&probe);
        if (round % 3 == 2) {
            turns(round % 5);
            if (!probe.closed)
                QUIETLY(kevy_stream_close(&probe.stream));
        }
        probe_finish(&probe);
    }
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

/* A descriptor that another process has, too: its close must not reset what it has sent. */
START_TEST(an_abort_resets_and_leaves_no_option_on_a_socket_that_is_shared)
{
    struct linger linger = {.l_onoff = 1};
    socklen_t size = sizeof linger;
    struct probe shared;
    uint64_t count;
    int fd;

    probe_tcp(&shared, &probe_events);
    fd = dup(kevy_stream_fd(&shared.stream));
    turns(3);
    QUIETLY(kevy_stream_abort(&shared.stream));
    TURN_UNTIL(shared.closed);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
    ck_assert_int_eq(linger.l_onoff, 0);
    ck_assert_int_eq(peer_drain(shared.peer, &count), -ECONNRESET);
    probe_peer_close(&shared);
    close(fd);
}
END_TEST

static void end_by_close(void)
{
    kevy_stream_close(&probe.stream);
}

static void end_by_half_close(void)
{
    ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), 0);
}

/* Half of the time after which the kernel sends such a segment alone (TCP_RTO_MIN). */
#define KEPT_NS KEVY_MILLISECONDS(100)

/* What poll(2) tells the peer first of an answer and its end. */
static short end_seen(void (*ending)(void), bool several)
{
    static struct kevy_send pinned;
    static struct iovec part = {.iov_base = "pinned", .iov_len = 6};
    struct pollfd peer = {.events = POLLIN | POLLRDHUP};

    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "copied", 6), 0));
    pinned = (struct kevy_send){.parts = &part, .count = 1};
    if (several)
        QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &pinned), 0));
    QUIETLY(ending());
    peer.fd = probe.peer;
    for (unsigned count = 0; poll(&peer, 1, 0) == 0; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        turn_now();
    }
    peer_expect_text(probe.peer, several ? "copiedpinned" : "copied");
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_peer_close(&probe);
    probe_finish(&probe);
    return peer.revents;
}

/* A second packet would wake the peer a second time. */
START_TEST(the_last_bytes_and_the_end_are_one_packet)
{
    static void (*const endings[])(void) = {end_by_close, end_by_half_close};
    uint64_t since_ns;
    short events;

    /* A program that stood still for that long says nothing. */
    do {
        since_ns = clock_ns();
        events = end_seen(endings[_i % 2], _i >= 2);
    } while (events != (POLLIN | POLLRDHUP) && clock_ns() - since_ns >= KEPT_NS);
    ck_assert_int_eq(events, POLLIN | POLLRDHUP);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_close");
    TCase *close = tcase_create("close");

    tcase_add_checked_fixture(close, reactor_setup, reactor_teardown);
    tcase_set_timeout(close, 20);
    tcase_add_test(close, graceful_close_delivers_every_byte_to_a_slow_reader);
    tcase_add_loop_test(close, footgun_10_close_with_an_armed_recv_sends_fin_at_once, 0, 2);
    tcase_add_test(close, a_peer_that_still_sends_gets_the_whole_answer_and_no_reset);
    tcase_add_loop_test(close, the_last_bytes_and_the_end_are_one_packet, 0, 4);
    tcase_add_test(close, close_does_not_call_back_before_the_peer_has_ended);
    tcase_add_test(close, lingering_is_bounded_when_the_peer_never_ends);
    tcase_add_test(close, abort_while_lingering_ends_at_once);
    tcase_add_test(close, an_abort_cancels_by_the_names_of_its_requests);
    tcase_add_test(close, abort_sends_rst);
    tcase_add_test(close, abort_with_a_full_queue_and_socket_ends_at_once);
    tcase_add_test(close, our_half_close_leaves_the_reading_side_open);
    tcase_add_test(close, half_close_comes_after_the_whole_queue);
    tcase_add_test(close, the_peers_half_close_leaves_the_writing_side_open);
    tcase_add_test(close, a_reset_by_the_peer_is_the_reason);
    tcase_add_test(close, a_reset_in_the_middle_of_a_write_reports_the_write_then_closes);
    tcase_add_test(close, what_the_peer_sent_before_it_reset_our_writes_is_still_read);
    tcase_add_test(close, a_write_to_a_vanished_peer_raises_no_sigpipe);
    tcase_add_test(close, a_stream_cut_short_by_a_deadline_ends_with_rst_not_fin);
    tcase_add_test(close, bytes_lost_for_want_of_memory_end_with_rst_not_fin);
    tcase_add_test(close, closing_waits_for_no_more_than_the_write_deadline);
    tcase_add_test(close, a_thousand_connections_end_without_a_trace);
    tcase_add_test(close, an_abort_resets_and_leaves_no_option_on_a_socket_that_is_shared);
    suite_add_tcase(suite, close);
    return suite;
}
