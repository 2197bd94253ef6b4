/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What users of io_uring have hurt themselves with, by the numbers of the project's list, and what
 * the reactor does about it; here those that concern its queues, its pool and its wake.
 * test_footgun_stream.c has those of streams, test_footgun_end.c those of its beginning and end,
 * test_footgun_request.c those that show in requests; the others carry their number where they are
 * tested.
 */

#include "footgun_test.h"
#include "runs.h"
#include "system/system_internal.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>

enum {
    STREAMS = 200,
};

static struct probe probes[STREAMS];
static uint8_t data[200000];

static void setup(void)
{
    traffic_open((struct kevy_reactor_options){0});
}

static void abort_all(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        if (!probes[index].closed)
            QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < count; index++)
        probe_finish(&probes[index]);
}

static bool all_have(unsigned count, uint64_t bytes)
{
    for (unsigned index = 0; index < count; index++)
        if (probes[index].count < bytes)
            return false;
    return true;
}

/* 1: what overflows is slow, and ends multishots; the queue is sized so that it is the exception.
 */
START_TEST(footgun_1_the_default_queues_hold_what_all_streams_receive_at_once)
{
    ck_assert_uint_ge(reactor->ring.cq_entries, 8 * reactor->ring.sq_entries);
    for (unsigned index = 0; index < STREAMS; index++) {
        probe_tcp(&probes[index], &probe_events);
        probes[index].echo = true;
    }
    turns(20);
    for (unsigned index = 0; index < STREAMS; index++)
        peer_write(probes[index].peer, data, 20000);
    TURN_UNTIL(all_have(STREAMS, 20000));
    ck_assert_uint_eq(stats_now().overflows, 0);
    abort_all(STREAMS);
}
END_TEST

static unsigned ends_with_data, descriptors_sent, descriptors_got;

static void end_with_data_count(const struct seen *seen)
{
    ends_with_data += seen->operation == OPERATION_RECV && seen->result > 0 && seen_last(seen) &&
                      (seen->flags & KEVY_CQE_F_BUFFER) != 0;
}

static void descriptor_take(struct kevy_stream *stream, int fd)
{
    (void)stream;
    ck_assert_int_ge(fd, 0);
    close(fd);
    descriptors_got++;
}

/* The ways in which a stream may read: recv, recvmsg, read. */
enum reading {
    READING_TCP,
    READING_UNIX,
    READING_DESCRIPTORS,
    READING_PIPE,
    READING_COUNT,
};

static void open_reading(struct probe *opened, int how)
{
    static struct kevy_stream_events with_descriptors;
    int ends[2];

    with_descriptors = probe_events;
    with_descriptors.descriptor = descriptor_take;
    if (how == READING_TCP) {
        probe_tcp(opened, &probe_events);
    } else if (how == READING_UNIX || how == READING_DESCRIPTORS) {
        probe_unix(opened, how == READING_UNIX ? &probe_events : &with_descriptors);
    } else {
        probe_init(opened, &probe_events);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        opened->peer = ends[1];
        QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&opened->stream, reactor, ends[0]), 0));
    }
    opened->check_bytes = true;
    opened->seed = 1;
}

/* Sends a byte with a descriptor. Returns what sendmsg(2) does. */
static ssize_t peer_send_descriptor(int peer, const uint8_t *byte)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } room = {{0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)byte, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};

    room.aligned.cmsg_level = SOL_SOCKET;
    room.aligned.cmsg_type = SCM_RIGHTS;
    room.aligned.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&room.aligned), &peer, sizeof peer);
    return sendmsg(peer, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The peer sends on from *sent, what fits; of a stream with descriptors each time one as well. */
static void peer_send_on(struct probe *to, int how, uint64_t *sent, uint64_t total)
{
    ssize_t result;

    if (how == READING_DESCRIPTORS && *sent < total &&
        peer_send_descriptor(to->peer, data + *sent) == 1) {
        (*sent)++;
        descriptors_sent++;
    }
    result = write(to->peer, data + *sent, total - *sent);
    *sent += result > 0 ? (uint64_t)result : 0;
}

/*
 * 2: when the completion queue is full a multishot ends, although nothing is wrong, and its last
 * completion has data. A queue of four makes that the rule, with bundles of buffers and without.
 */
START_TEST(footgun_2_recv_ended_by_cq_overflow_with_data_in_the_last_cqe_loses_nothing)
{
    enum {
        READERS = 8,
        TOTAL = 200000,
    };
    uint64_t sent[READERS] = {0};
    int how = _i % READING_COUNT;

    traffic_open((struct kevy_reactor_options){
        .sq_entries = 4, .cq_entries = 4, .buffer_count = 64, .buffer_size = 256});
    if (_i >= READING_COUNT)
        runs_off(reactor); /* so that a recv that ends was ended by an overflow */
    traffic.on_completion = end_with_data_count;
    pattern_fill(data, TOTAL, 1, 0);
    for (unsigned index = 0; index < READERS; index++)
        open_reading(&probes[index], how);
    for (unsigned count = 0; !all_have(READERS, TOTAL); count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        for (unsigned index = 0; index < READERS; index++)
            peer_send_on(&probes[index], how, &sent[index], TOTAL);
        ck_assert(turn()); /* each stream is armed again: the loop never sleeps with data left */
    }
    ck_assert_uint_gt(stats_now().overflows, 0);
    ck_assert_uint_gt(ends_with_data, 0);
    ck_assert_uint_eq(descriptors_got, descriptors_sent);
    abort_all(READERS);
}
END_TEST

/* One message each, so that a single recv ends by it: it has to be armed again for the second. */
START_TEST(footgun_2_a_stream_that_an_overflow_ended_hears_what_comes_later)
{
    traffic_open((struct kevy_reactor_options){.sq_entries = 4, .cq_entries = 4});
    runs_off(reactor);
    traffic.on_completion = end_with_data_count;
    for (unsigned index = 0; index < 50; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(30);
    for (unsigned round = 1; round <= 20; round++) {
        unsigned ended = ends_with_data;

        for (unsigned index = 0; index < 50; index++)
            peer_write_text(probes[index].peer, "x");
        TURN_UNTIL(all_have(50, round));
        ck_assert_uint_gt(ends_with_data, ended);
    }
    ck_assert_uint_gt(stats_now().overflows, 0);
    abort_all(50);
}
END_TEST

static unsigned signals_heard, signal_polls_ended;

static void signal_heard(struct kevy_signal *watch)
{
    (void)watch;
    signals_heard++;
}

static void signal_poll_ended(const struct seen *seen)
{
    signal_polls_ended += seen->owner == &reactor->signals->poll.completion && seen_last(seen);
}

/* 2: the reactor's own polls are multishots too. */
START_TEST(footgun_2_signals_are_heard_though_an_overflow_ended_their_poll)
{
    struct kevy_signal watch = {0};
    unsigned queued = 0;

    traffic_open((struct kevy_reactor_options){.sq_entries = 2, .cq_entries = 2});
    traffic.on_completion = signal_poll_ended;
    ck_assert_int_eq(kevy_signal_watch(&watch, reactor, SIGRTMIN + 1, signal_heard), 0);
    for (unsigned index = 0; index < 8; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(10);
    for (unsigned round = 0; round < 200; round++) {
        for (unsigned index = 0; index < 8; index++)
            peer_write_text(probes[index].peer, "x");
        ck_assert_int_eq(sigqueue(getpid(), SIGRTMIN + 1, (union sigval){0}), 0);
        queued++;
        turns(round % 3);
    }
    TURN_UNTIL(signals_heard == queued);
    ck_assert_uint_gt(signal_polls_ended, 0);
    TURN_UNTIL(all_have(8, 200));
    abort_all(8);
    kevy_signal_unwatch(&watch);
}
END_TEST

/* 3: arming against an empty pool fails at once, whether anything came or not; nobody may try that
 * again and again. */
START_TEST(footgun_3_a_starved_stream_is_not_armed_over_and_over)
{
    enum {
        IDLE = 20,
        PIECES = 100,
    };
    struct kevy_reactor_stats before;
    unsigned armed;

    traffic_open((struct kevy_reactor_options){.buffer_count = 1, .buffer_size = 64});
    for (unsigned index = IDLE + 1; index-- > 0;)
        probe_tcp(&probes[index], &probe_events);
    /* The last to come is armed first, and takes the only buffer from under the others. */
    peer_write(probes[0].peer, data, 64 * PIECES);
    turn_now();
    ck_assert_uint_ge(stats_now().starvations, IDLE);
    TURN_UNTIL(probes[0].count == 64 * PIECES);
    turns(2 * IDLE);
    /* The reader needs one request for each buffer, an idle stream a second one. */
    armed = traffic.requests[KEVY_OP_RECV];
    ck_assert_uint_le(armed, PIECES + 2 + 2 * IDLE);
    before = stats_now();
    turns(200);
    ck_assert_uint_eq(stats_now().submissions, before.submissions);
    abort_all(1 + IDLE);
}
END_TEST

static unsigned singles, runs;

static void starving_recv_count(const struct kevy_sqe *sqe)
{
    if (sqe->opcode != KEVY_OP_RECV || !reactor->feeding)
        return;
    if (sqe->ioprio & KEVY_RECV_MULTISHOT)
        runs++;
    else
        singles++;
}

/*
 * 47: on 6.1 a multishot takes the whole pool, if its socket has as much. Of several that starve
 * together the first would do so each time, and the others get nothing.
 */
START_TEST(footgun_47_a_recv_without_a_limit_takes_one_buffer_while_others_starve)
{
    unsigned armed;

    traffic_open((struct kevy_reactor_options){.buffer_count = 4, .buffer_size = 64});
    runs_off(reactor);
    traffic.on_request = starving_recv_count;
    for (unsigned index = 0; index < 3; index++) {
        probe_tcp(&probes[index], &probe_events);
        peer_write(probes[index].peer, data, 64 * 100);
    }
    TURN_UNTIL(all_have(3, 64 * 100));
    ck_assert_uint_eq(runs, 0);
    ck_assert_uint_gt(singles, 100);
    turns(10);
    for (unsigned index = 0; index < 3; index++) { /* the last single one of each */
        peer_write_text(probes[index].peer, "x");
        TURN_UNTIL(probes[index].count == 64 * 100 + 1);
    }
    turns(3);
    armed = traffic.requests[KEVY_OP_RECV];
    for (unsigned round = 2; round <= 20; round++) {
        peer_write_text(probes[0].peer, "x");
        TURN_UNTIL(probes[0].count == 64 * 100 + round);
    }
    ck_assert_uint_eq(traffic.requests[KEVY_OP_RECV], armed); /* by multishots again */
    abort_all(3);
}
END_TEST

/* 28: an enter of a deferring ring hands back twenty completions, or a few more, and says 0 or 1.
 */
START_TEST(footgun_28_what_one_enter_does_not_hand_back_is_taken_before_the_loop_sleeps)
{
    uint64_t turns_before;

    for (unsigned index = 0; index < STREAMS; index++)
        probe_tcp(&probes[index], &probe_events);
    turns(40);
    for (unsigned index = 0; index < STREAMS; index++)
        peer_write_text(probes[index].peer, "x");
    turns_before = stats_now().turns;
    while (!all_have(STREAMS, 1))
        ck_assert(turn());
    ck_assert_uint_le(stats_now().turns - turns_before, STREAMS / 20 + 2);
    abort_all(STREAMS);
}
END_TEST

static unsigned tasks_ran;

static void task_count(struct kevy_task *task, struct kevy_reactor *where)
{
    (void)task;
    (void)where;
    tasks_ran++;
}

/* 29: what an eventfd counts is a hint: there may be nothing behind it. */
START_TEST(footgun_29_a_wake_without_a_reason_costs_a_turn_and_no_more)
{
    static const uint64_t many = 1000;
    struct kevy_reactor_stats before;

    turns(5);
    for (unsigned round = 0; round < 10; round++) {
        ck_assert_int_eq(write(reactor->wake.fd, &many, sizeof many), sizeof many);
        ck_assert(turn());
        before = stats_now();
        turns(50);
        ck_assert_uint_eq(stats_now().completions, before.completions);
    }
    ck_assert_uint_eq(stats_now().wakes, 10);
    ck_assert_uint_eq(stats_now().tasks_run, 0);
}
END_TEST

/* 29: or many things at once, all of which are done. */
START_TEST(footgun_29_one_wake_runs_all_that_was_posted)
{
    static struct kevy_task tasks[1000];

    turns(5);
    reactor->sleeping = 1; /* as in its wait */
    for (unsigned index = 0; index < 1000; index++) {
        tasks[index].run = task_count;
        kevy_reactor_post(reactor, &tasks[index]);
    }
    ck_assert_uint_eq(reactor->sleeping, 0);
    ck_assert(turn());
    ck_assert_uint_eq(tasks_ran, 1000);
    ck_assert_uint_eq(stats_now().wakes, 1);
}
END_TEST

/* 29: the descriptor of an embedded reactor is quiet after a round. */
START_TEST(footgun_29_a_round_leaves_the_descriptor_of_an_embedded_reactor_quiet)
{
    struct pollfd polled = {.events = POLLIN};

    traffic_open((struct kevy_reactor_options){.embedded = true});
    polled.fd = kevy_reactor_fd(reactor);
    for (unsigned index = 0; index < 100; index++)
        probe_tcp(&probes[index], &probe_events);
    for (unsigned round = 1; round <= 20; round++) {
        do
            turn_now();
        while (kevy_reactor_next_timeout(reactor) == 0);
        ck_assert(all_have(100, round - 1));
        ck_assert_int_eq(poll(&polled, 1, 0), 0);
        for (unsigned index = 0; index < 100; index++)
            peer_write_text(probes[index].peer, "x");
        ck_assert_int_eq(poll(&polled, 1, 10000), 1);
    }
    abort_all(100);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("footgun");
    TCase *queues = tcase_create("queues");
    TCase *wakes = tcase_create("wakes");

    tcase_add_checked_fixture(queues, setup, reactor_teardown);
    tcase_set_timeout(queues, 30);
    tcase_add_test(queues, footgun_1_the_default_queues_hold_what_all_streams_receive_at_once);
    tcase_add_loop_test(queues,
                        footgun_2_recv_ended_by_cq_overflow_with_data_in_the_last_cqe_loses_nothing,
                        0, 2 * READING_COUNT);
    tcase_add_test(queues, footgun_2_a_stream_that_an_overflow_ended_hears_what_comes_later);
    tcase_add_test(queues, footgun_2_signals_are_heard_though_an_overflow_ended_their_poll);
    tcase_add_test(queues, footgun_3_a_starved_stream_is_not_armed_over_and_over);
    tcase_add_test(queues, footgun_47_a_recv_without_a_limit_takes_one_buffer_while_others_starve);
    suite_add_tcase(suite, queues);

    tcase_add_checked_fixture(wakes, setup, reactor_teardown);
    tcase_add_test(wakes,
                   footgun_28_what_one_enter_does_not_hand_back_is_taken_before_the_loop_sleeps);
    tcase_add_test(wakes, footgun_29_a_wake_without_a_reason_costs_a_turn_and_no_more);
    tcase_add_test(wakes, footgun_29_one_wake_runs_all_that_was_posted);
    tcase_add_test(wakes, footgun_29_a_round_leaves_the_descriptor_of_an_embedded_reactor_quiet);
    suite_add_tcase(suite, wakes);
    return suite;
}
