/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Forwarding: from one stream to others without a copy, and who is held back by whom meanwhile. */

#include "stream_read_test.h"

#include <sys/ioctl.h>

static struct probe other, third;

/* Less than half a pool, beyond which is copied: older kernels fill buffers without end. */
#define UNDER_WAY 1000000U

START_TEST(an_echo_is_the_bytes_themselves_without_a_copy)
{
    uint8_t piece[30000];
    uint64_t sent = 0, have = 0;

    source_fill();
    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    for (unsigned count = 0; have < FLOOD; count++) {
        uint64_t total = have + UNDER_WAY < FLOOD ? have + UNDER_WAY : FLOOD;
        int result;

        ck_assert_uint_lt(count, TURNS_MAX);
        peer_flood(probe.peer, &sent, total);
        turn_now();
        result = peer_read(probe.peer, piece, sizeof piece);
        if (result > 0)
            pattern_check(piece, (size_t)result, 1, have);
        have += result > 0 ? (unsigned)result : 0;
    }
    ck_assert_uint_eq(stats_now().copies, 0);
    probe_abort(&probe);
}
END_TEST

/* The reader of the echo does not read: the queue may pass the mark by what was on its way. */
START_TEST(forward_holds_the_source_back_above_the_high_mark_and_resumes_it)
{
    uint8_t piece[30000];
    uint64_t sent = 0, have = 0, last = 1;

    source_fill();
    probe_small(&probe, &probe_events);
    probe.echo = true;
    while (sent != last) {
        last = sent;
        peer_flood(probe.peer, &sent, FLOOD);
        turns(30);
    }
    ck_assert_uint_lt(probe.count, FLOOD);
    ck_assert_uint_le(kevy_stream_queued(&probe.stream), 65536 + 4096);
    for (unsigned count = 0; have < FLOOD; count++) {
        int result = peer_read(probe.peer, piece, sizeof piece);

        ck_assert_uint_lt(count, TURNS_MAX);
        if (result > 0)
            pattern_check(piece, (size_t)result, 1, have);
        have += result > 0 ? (unsigned)result : 0;
        peer_flood(probe.peer, &sent, FLOOD);
        turn_now();
    }
    probe_abort(&probe);
}
END_TEST

static void forward_to_other(struct probe *from, struct kevy_buffer *buffer)
{
    struct probe *to = from->context;

    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&to->stream, buffer), 0));
}

static void shutdown_other(struct probe *from)
{
    struct probe *to = from->context;

    kevy_stream_shutdown(&to->stream);
}

START_TEST(a_proxy_pair_passes_everything_with_backpressure_and_half_close)
{
    uint8_t piece[20000];
    uint64_t sent = 0, have = 0;
    int result = -EAGAIN;

    source_fill();
    probe_tcp(&probe, &probe_events);
    probe_small(&other, &probe_events);
    probe.context = &other;
    probe.on_read = forward_to_other;
    probe.on_end = shutdown_other;
    for (unsigned count = 0; result != 0; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        peer_flood(probe.peer, &sent, FLOOD);
        if (sent == FLOOD)
            shutdown(probe.peer, SHUT_WR);
        turn_now();
        ck_assert_uint_le(kevy_stream_queued(&other.stream), 65536 + 4096);
        if (count % 3 != 0)
            continue;
        result = peer_read(other.peer, piece, sizeof piece);
        ck_assert(result >= 0 || result == -EAGAIN);
        if (result > 0)
            pattern_check(piece, (size_t)result, 1, have);
        have += result > 0 ? (unsigned)result : 0;
    }
    ck_assert_uint_eq(have, FLOOD);
    probe_abort(&probe);
    probe_abort(&other);
}
END_TEST

START_TEST(the_end_of_a_target_frees_the_source_that_it_held_back)
{
    uint64_t sent = 0;

    probe_tcp(&probe, &probe_events);
    probe_small(&other, &probe_events);
    probe.context = &other;
    probe.on_read = forward_to_other;
    for (unsigned round = 0; round < 200; round++) {
        peer_flood(probe.peer, &sent, FLOOD);
        turn_now();
    }
    ck_assert_uint_lt(probe.count, sent);
    probe.on_read = NULL;
    probe_abort(&other);
    TURN_UNTIL(probe.count == sent);
    probe_abort(&probe);
}
END_TEST

START_TEST(the_end_of_a_source_that_is_held_back_leaves_the_target_whole)
{
    uint64_t sent = 0, count;

    probe_tcp(&probe, &probe_events);
    probe_small(&other, &probe_events);
    probe.context = &other;
    probe.on_read = forward_to_other;
    for (unsigned round = 0; round < 200; round++) {
        peer_flood(probe.peer, &sent, FLOOD);
        turn_now();
    }
    count = probe.count;
    probe_abort(&probe);
    QUIETLY(kevy_stream_close(&other.stream));
    ck_assert_int_eq(peer_drain(other.peer, &sent), 0);
    ck_assert_uint_eq(sent, count);
    probe_peer_close(&other);
    probe_finish(&other);
}
END_TEST

START_TEST(several_sources_are_held_back_and_freed_by_one_target)
{
    uint64_t sent[2] = {0, 0}, count = 0;
    uint8_t piece[30000];

    probe_tcp(&probe, &probe_events);
    probe_tcp(&other, &probe_events);
    probe_tcp(&third, &probe_events);
    probe.context = other.context = &third;
    probe.on_read = other.on_read = forward_to_other;
    for (unsigned round = 0; round < 300; round++) {
        peer_flood(probe.peer, &sent[0], 1000000);
        peer_flood(other.peer, &sent[1], 1000000);
        turn_now();
    }
    for (unsigned attempts = 0; count < 2000000; attempts++) {
        int result = peer_read(third.peer, piece, sizeof piece);

        ck_assert_uint_lt(attempts, TURNS_MAX);
        count += result > 0 ? (unsigned)result : 0;
        peer_flood(probe.peer, &sent[0], 1000000);
        peer_flood(other.peer, &sent[1], 1000000);
        turn_now();
    }
    probe_abort(&other);
    probe_abort(&third);
    probe_abort(&probe);
}
END_TEST

static void send_and_hold(struct probe *answering, struct kevy_buffer *buffer)
{
    (void)buffer;
    answering->tag++;
    while (kevy_stream_send(&answering->stream, source, 10000) == 0)
        ;
    kevy_stream_hold(&answering->stream, &answering->stream);
}

START_TEST(hold_keeps_a_client_that_does_not_read_from_being_read)
{
    uint64_t count;

    probe_tcp(&probe, &probe_events);
    probe.on_read = send_and_hold;
    turn_now();
    for (unsigned round = 0; round < 400; round++) {
        peer_write_text(probe.peer, "request");
        turns(2);
    }
    ck_assert_int_lt(probe.tag, 390);
    count = (uint64_t)probe.tag;
    turns(20);
    ck_assert_uint_eq((uint64_t)probe.tag, count);
    probe.on_read = NULL;
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), 0));
    ck_assert_int_eq(peer_drain(probe.peer, &count), 0);
    TURN_UNTIL(probe.count == 400 * 7);
    probe_abort(&probe);
}
END_TEST

START_TEST(hold_is_a_no_op_below_the_low_mark)
{
    probe_tcp(&probe, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_hold(&probe.stream, &probe.stream));
    peer_write_text(probe.peer, "read");
    TURN_UNTIL(probe.count == 4);
    probe_abort(&probe);
}
END_TEST

static void slices(struct probe *slicing, struct kevy_buffer *buffer)
{
    struct kevy_stream *stream = &slicing->stream;

    QUIETLY(ck_assert_int_eq(kevy_stream_forward_slice(stream, buffer, 4, 3), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_forward_slice(stream, buffer, 0, 4), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_forward_slice(stream, buffer, 7, 0), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(stream, "+", 1), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_forward_slice(stream, buffer, 3, 4), 0));
    ck_assert_mem_eq(buffer->data, "abcdefg", 7);
}

START_TEST(slices_of_a_buffer_may_be_queued_in_any_order)
{
    probe_tcp(&probe, &probe_events);
    probe.on_read = slices;
    peer_write_text(probe.peer, "abcdefg");
    peer_expect_text(probe.peer, "efgabcd+defg");
    turns(3);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    probe_abort(&probe);
}
END_TEST

static struct kevy_buffer kept;

static void keep_last(struct probe *from, struct kevy_buffer *buffer)
{
    (void)from;
    kevy_buffer_release(&kept);
    QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept), 0));
}

/* Of a pool of two every second buffer that is kept becomes a copy, in a block that others may be
 * appended to. */
START_TEST(bytes_sent_behind_a_slice_of_a_kept_copy_follow_the_slice)
{
    struct kevy_buffer first;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 2, .buffer_size = 64});
    probe_unix(&probe, &probe_events);
    probe_unix(&other, &probe_events);
    probe.on_read = keep_last;
    peer_write_text(probe.peer, "first");
    TURN_UNTIL(probe.count == 5);
    first = kept;
    memset(&kept, 0, sizeof kept);
    peer_write_text(probe.peer, "abcdefghij");
    TURN_UNTIL(probe.count == 15);
    ck_assert_uint_eq(stats_now().copies, 1);
    QUIETLY(ck_assert_int_eq(kevy_stream_forward_slice(&other.stream, &kept, 0, 4), 0));
    kevy_buffer_release(&kept);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&other.stream, "0123", 4), 0));
    peer_expect_text(other.peer, "abcd0123");
    kevy_buffer_release(&first);
    probe_abort(&probe);
    probe_abort(&other);
}
END_TEST

static void slice_all(struct probe *from, struct kevy_buffer *buffer)
{
    (void)from;
    QUIETLY(
        ck_assert_int_eq(kevy_stream_forward_slice(&other.stream, buffer, 0, buffer->length), 0));
}

START_TEST(slices_hold_their_source_back_above_the_high_mark)
{
    uint64_t sent = 0, last = 1;

    source_fill();
    probe_tcp(&probe, &probe_events);
    probe_small(&other, &probe_events);
    probe.on_read = slice_all;
    while (sent != last) {
        last = sent;
        peer_flood(probe.peer, &sent, FLOOD);
        turns(30);
    }
    ck_assert_uint_lt(probe.count, FLOOD);
    ck_assert_uint_le(kevy_stream_queued(&other.stream), 65536 + 4096);
    probe_abort(&probe);
    probe_abort(&other);
}
END_TEST

static void share_to_all(struct probe *from, struct kevy_buffer *buffer)
{
    struct probe *targets[] = {from, &other, &third};

    for (unsigned index = 0; index < 3; index++) {
        struct kevy_buffer mine;

        QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &mine), 0));
        QUIETLY(ck_assert_int_eq(kevy_stream_forward(&targets[index]->stream, &mine), 0));
    }
}

START_TEST(one_received_buffer_goes_to_many_streams)
{
    probe_tcp(&probe, &probe_events);
    probe_tcp(&other, &probe_events);
    probe_tcp(&third, &probe_events);
    probe.on_read = share_to_all;
    peer_write_text(probe.peer, "broadcast");
    peer_expect_text(probe.peer, "broadcast");
    peer_expect_text(other.peer, "broadcast");
    peer_expect_text(third.peer, "broadcast");
    probe_abort(&probe);
    probe_abort(&other);
    probe_abort(&third);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}
END_TEST

static void forward_to_closed(struct probe *from, struct kevy_buffer *buffer)
{
    struct kevy_buffer mine;

    ck_assert_int_eq(kevy_buffer_retain(buffer, &mine), 0);
    ck_assert_int_eq(kevy_stream_forward(&other.stream, &mine), -EPIPE);
    ck_assert_ptr_null(mine.data);
    ck_assert_int_eq(kevy_stream_forward_slice(&other.stream, buffer, 0, 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_forward(&other.stream, buffer), -EPIPE);
    (void)from;
}

START_TEST(forwarding_to_a_closed_stream_is_refused_and_leaks_nothing)
{
    probe_tcp(&probe, &probe_events);
    probe_init(&other, &probe_events);
    probe.on_read = forward_to_closed;
    peer_write_text(probe.peer, "x");
    TURN_UNTIL(probe.count);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    probe_abort(&probe);
}
END_TEST

START_TEST(an_abort_with_forwarded_buffers_queued_gives_them_back)
{
    uint64_t sent = 0;

    probe_small(&probe, &probe_events);
    probe.echo = true;
    for (unsigned round = 0; round < 100; round++) {
        peer_flood(probe.peer, &sent, FLOOD);
        turn_now();
    }
    ck_assert_uint_gt(stats_now().buffers_lent, 0);
    probe.echo = false;
    probe_abort(&probe);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}
END_TEST

/* Bytes that the kernel has yet to move: behind a window that was closed for long, a timer of its
 * own moves the next ones, seconds later. */
static bool on_their_way(void)
{
    int queued = 0, peers_queued = 0, arrived = 0, peers_arrived = 0;

    ck_assert_int_eq(ioctl(probe.stream.fd, TIOCOUTQ, &queued), 0);
    ck_assert_int_eq(ioctl(probe.stream.fd, FIONREAD, &arrived), 0);
    ck_assert_int_eq(ioctl(probe.peer, TIOCOUTQ, &peers_queued), 0);
    ck_assert_int_eq(ioctl(probe.peer, FIONREAD, &peers_arrived), 0);
    return queued > 0 || peers_arrived > 0 || (peers_queued > 0 && arrived == 0);
}

/* The high mark is far above the limit: the source is held back all the same, and nothing lost. */
START_TEST(memory_limit_reached_while_forwarding_holds_the_source_back)
{
    uint64_t sent = 0, count = 0, blocked = 0;
    static uint8_t part[65536];

    reactor_setup_with(&(struct kevy_reactor_options){
        .memory_limit = 70000, .buffer_count = 4, .buffer_size = 1024});
    probe_tcp(&probe, &probe_events);
    turn_now();
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 64 << 20);
    probe.echo = true;
    while (blocked < 1000) {
        ssize_t result = send(probe.peer, source, 10000, MSG_NOSIGNAL);

        sent += result > 0 ? (uint64_t)result : 0;
        blocked = result > 0 ? 0 : blocked + 1;
        turn_now();
    }
    ck_assert(!probe.closed);
    for (unsigned round = 0, idle = 0; count < sent; round++) {
        int result = peer_read(probe.peer, part, sizeof part);

        ck_assert_uint_lt(round, TURNS_MAX);
        count += result > 0 ? (uint64_t)result : 0;
        idle = result > 0 ? 0 : idle + 1;
        ck_assert(turn_waiting(idle) || on_their_way());
    }
    ck_assert_uint_eq(stats_now().evictions, 0);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_forward");
    TCase *forward = tcase_create("forward");

    tcase_add_checked_fixture(forward, reactor_setup, reactor_teardown);
    tcase_set_timeout(forward, 30);
    tcase_add_test(forward, an_echo_is_the_bytes_themselves_without_a_copy);
    tcase_add_test(forward, forward_holds_the_source_back_above_the_high_mark_and_resumes_it);
    tcase_add_test(forward, a_proxy_pair_passes_everything_with_backpressure_and_half_close);
    tcase_add_test(forward, the_end_of_a_target_frees_the_source_that_it_held_back);
    tcase_add_test(forward, the_end_of_a_source_that_is_held_back_leaves_the_target_whole);
    tcase_add_test(forward, several_sources_are_held_back_and_freed_by_one_target);
    tcase_add_test(forward, hold_keeps_a_client_that_does_not_read_from_being_read);
    tcase_add_test(forward, hold_is_a_no_op_below_the_low_mark);
    tcase_add_test(forward, slices_of_a_buffer_may_be_queued_in_any_order);
    tcase_add_test(forward, bytes_sent_behind_a_slice_of_a_kept_copy_follow_the_slice);
    tcase_add_test(forward, slices_hold_their_source_back_above_the_high_mark);
    tcase_add_test(forward, one_received_buffer_goes_to_many_streams);
    tcase_add_test(forward, forwarding_to_a_closed_stream_is_refused_and_leaks_nothing);
    tcase_add_test(forward, an_abort_with_forwarded_buffers_queued_gives_them_back);
    tcase_add_test(forward, memory_limit_reached_while_forwarding_holds_the_source_back);
    suite_add_tcase(suite, forward);
    return suite;
}
