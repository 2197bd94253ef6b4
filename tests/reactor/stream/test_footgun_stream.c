/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What users of io_uring have hurt themselves with, by the numbers of the project's list, and what
 * the reactor does about it; here those that concern streams. Those that need no look at requests
 * and completions carry their number where they are tested.
 */

#include "footgun_test.h"
#include "stream/stream_internal.h"

#include <fcntl.h>
#include <sys/socket.h>

enum {
    MEGABYTE = 1 << 20,
};

static struct probe probe, other;
static uint8_t big[MEGABYTE];

static void setup(void)
{
    traffic_open((struct kevy_reactor_options){0});
}

/* A send that the peer keeps waiting: it does not read. */
static void send_stuck(struct probe *sender)
{
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&sender->stream, big, sizeof big), 0));
    turns(5);
    ck_assert_uint_gt(kevy_stream_queued(&sender->stream), 0);
}

/* 10: close(2) ends nothing that is in flight, so all of it has to end before. */
START_TEST(footgun_10_a_descriptor_is_closed_when_nothing_is_in_flight_on_it)
{
    unsigned closing;

    probe_small(&probe, &probe_events);
    turn_now();
    send_stuck(&probe);
    ck_assert_uint_eq(stats_now().operations, 2); /* its recv and its send */
    if (_i != 0)
        QUIETLY(kevy_stream_close(&probe.stream));
    turns(5);
    ck_assert(!probe.closed);
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    closing = seen_find(0, OPERATION_CLOSE, &probe.stream);
    ck_assert_uint_eq(seen_ends(OPERATION_CLOSE, &probe.stream), 1);
    ck_assert_uint_eq(seen_find(closing, OPERATION_RECV, &probe.stream), traffic.seen_count);
    ck_assert_uint_eq(seen_find(closing, OPERATION_SEND, &probe.stream), traffic.seen_count);
    ck_assert_uint_eq(seen_ends(OPERATION_RECV, &probe.stream), 1);
    ck_assert_uint_ge(seen_ends(OPERATION_SEND, &probe.stream), 1);
}
END_TEST

static int spare_fd, number;

/* In the last callback the number is free: the next stream takes it at once. */
static void number_takes_other(struct probe *closed, int reason)
{
    (void)closed;
    (void)reason;
    ck_assert_int_eq(fcntl(spare_fd, F_DUPFD_CLOEXEC, number), number);
    close(spare_fd);
    ck_assert_int_eq(kevy_stream_adopt(&other.stream, reactor, number), 0);
}

/* 10: what is left in flight on a number would meet the connection that gets it next. */
START_TEST(footgun_10_a_number_used_again_hears_nothing_of_its_predecessor)
{
    for (unsigned round = 0; round < support_rounds(200); round++) {
        probe_tcp(&probe, &probe_events);
        probe_init(&other, &probe_events);
        tcp_pair(&spare_fd, &other.peer);
        number = kevy_stream_fd(&probe.stream);
        probe.on_close = number_takes_other;
        turns(round % 4);
        peer_write_text(probe.peer, "for the first");
        turns(round / 4 % 3);
        QUIETLY(kevy_stream_abort(&probe.stream));
        peer_write_text(other.peer, "second");
        probe_finish(&probe);
        TURN_UNTIL(other.count == 6);
        ck_assert_int_eq(kevy_stream_fd(&other.stream), number);
        ck_assert_str_eq(other.log, "or");
        probe_abort(&other);
        ck_assert_uint_eq(other.count, 6);
    }
}
END_TEST

/* 11: the cancel comes first: the recv ends by it, and so does the stream, once. */
START_TEST(footgun_11_a_stream_whose_recv_is_cancelled_ends_once)
{
    probe_tcp(&probe, &probe_events);
    turns(3);
    ck_assert_uint_eq(stats_now().operations, 1);
    probe_abort(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_uint_eq(seen_ends(OPERATION_RECV, &probe.stream), 1);
    ck_assert_int_eq(traffic.seen[seen_find(0, OPERATION_RECV, &probe.stream)].result, -ECANCELED);
    turns(5);
}
END_TEST

/* 11: the completion comes first: the cancel finds nothing, and the stream ends once. */
START_TEST(footgun_11_a_stream_whose_send_outran_the_cancel_ends_once)
{
    probe_tcp(&probe, &probe_events);
    turns(3);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "gone", 4), 0));
    QUIETLY(kevy_stream_abort(&probe.stream)); /* one enter takes the send and its cancel */
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_int_eq(probe.reason, -ECANCELED);
    ck_assert_uint_eq(seen_ends(OPERATION_SEND, &probe.stream), 1);
    ck_assert_int_eq(traffic.seen[seen_find(0, OPERATION_SEND, &probe.stream)].result, 4);
    turns(5);
}
END_TEST

/* One of the things that a peer may do while its stream is being aborted. */
static void peer_interferes(struct probe *with, unsigned how)
{
    if (how == 1)
        peer_write_text(with->peer, "late");
    else if (how == 2)
        ck_assert_int_eq(shutdown(with->peer, SHUT_WR), 0);
    else if (how == 3)
        probe_peer_close(with);
}

/* 11: in any order; the fixture sees to it that nothing comes after the last callback. */
START_TEST(footgun_11_aborts_that_race_with_the_peer_end_every_stream_once)
{
    unsigned rounds = support_rounds(2000), cancelled = 0, completed = 0;
    uint64_t seed = 11;

    for (unsigned round = 0; round < rounds; round++) {
        bool before = random_next(&seed) % 2 != 0;
        unsigned how = (unsigned)(random_next(&seed) % 4);
        unsigned last;

        traffic.seen_count = 0;
        probe_tcp(&probe, &probe_events);
        turns(2);
        if (before)
            peer_interferes(&probe, how);
        turns((unsigned)(random_next(&seed) % 2));
        QUIETLY(kevy_stream_abort(&probe.stream));
        turns((unsigned)(random_next(&seed) % 2));
        if (!before && !probe.closed)
            peer_interferes(&probe, how);
        probe_finish(&probe);
        ck_assert_int_eq(probe.reason, -ECANCELED);
        ck_assert_int_eq(probe.log_end[-1], 'c');
        ck_assert_uint_eq(seen_ends(OPERATION_RECV, &probe.stream), 1);
        for (last = seen_find(0, OPERATION_RECV, &probe.stream); !seen_last(&traffic.seen[last]);)
            last = seen_find(last + 1, OPERATION_RECV, &probe.stream);
        cancelled += traffic.seen[last].result == -ECANCELED;
        completed += traffic.seen[last].result != -ECANCELED;
    }
    ck_assert_uint_gt(cancelled, rounds / 20);
    ck_assert_uint_gt(completed, rounds / 20);
}
END_TEST

/* Takes what the peer can read, at most `size` bytes: the pattern's next ones. */
static void peer_read_pattern(struct probe *from, uint64_t *have, size_t size)
{
    static uint8_t piece[65536];
    int result = peer_read(from->peer, piece, size);

    ck_assert(result > 0 || result == -EAGAIN);
    if (result <= 0)
        return;
    pattern_check(piece, (size_t)result, 1, *have);
    *have += (uint64_t)result;
}

/*
 * 20: also a blocking socket sends short. MSG_WAITALL would hide from the write deadline that the
 * peer takes something, and promises nothing either.
 */
START_TEST(footgun_20_a_short_send_goes_on_where_it_stopped)
{
    uint64_t have = 0;
    int fd;

    probe_init(&probe, &probe_events);
    tcp_pair(&fd, &probe.peer);
    if (_i != 0)
        ck_assert_int_eq(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0));
    kevy_stream_set_watermarks(&probe.stream, 0, 64 * MEGABYTE);
    turn_now();
    pattern_fill(big, sizeof big, 1, 0);
    for (unsigned count = 0; count < 8; count++)
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, sizeof big), 0));
    for (unsigned count = 0; have < 8 * (uint64_t)MEGABYTE; count++) {
        uint64_t within = have % MEGABYTE;

        ck_assert_uint_lt(count, TURNS_MAX);
        peer_read_pattern(&probe, &within, 30000 < MEGABYTE - within ? 30000 : MEGABYTE - within);
        have += within - have % MEGABYTE;
        turn_now();
    }
    ck_assert_uint_gt(seen_ends(OPERATION_SEND, &probe.stream), 8);
    probe_abort(&probe);
}
END_TEST

static int sends_in_flight;

static void send_counted(const struct kevy_sqe *sqe)
{
    if (sqe->opcode == KEVY_OP_SEND || sqe->opcode == KEVY_OP_SENDMSG)
        ck_assert_int_eq(++sends_in_flight, 1);
}

static void send_discounted(const struct seen *seen)
{
    sends_in_flight -= seen->operation == OPERATION_SEND;
}

static struct kevy_send writes[2];
static unsigned done[2];

static void write_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    (void)stream;
    ck_assert_int_eq(result, 0);
    ck_assert_uint_eq(done[0], done[1] + (write == &writes[1])); /* the first one before */
    done[write - writes]++;
}

/* Each byte of the first megabyte is an A, each of the second a B. */
static void two_megabytes_read(struct probe *from)
{
    static uint8_t piece[30000];
    uint32_t have = 0;

    for (unsigned count = 0; have < 2 * MEGABYTE; count++) {
        int result = peer_read(from->peer, piece, sizeof piece);

        ck_assert_uint_lt(count, TURNS_MAX);
        ck_assert(result > 0 || result == -EAGAIN);
        for (int index = 0; index < result; index++)
            if (piece[index] != (have + (unsigned)index < MEGABYTE ? 'A' : 'B'))
                ck_abort_msg("byte %u is %c", have + (unsigned)index, piece[index]);
        have += result > 0 ? (unsigned)result : 0;
        turn_now();
    }
}

/* 21: two sends in flight on one socket mix their bytes whenever it fills (liburing issue 1001). */
START_TEST(footgun_21_two_writes_never_interleave_a_megabyte_each_a_slow_reader_40_rounds)
{
    static const int size = 65536;
    static uint8_t data[2][MEGABYTE];
    struct iovec parts[2] = {{data[0], MEGABYTE}, {data[1], MEGABYTE}};

    memset(data[0], 'A', sizeof data[0]);
    memset(data[1], 'B', sizeof data[1]);
    if (_i == 0)
        probe_tcp(&probe, &probe_events);
    else
        probe_small(&probe, &probe_events);
    /* A size of its own keeps TCP from giving the socket as much as a round needs. */
    ck_assert_int_eq(
        setsockopt(kevy_stream_fd(&probe.stream), SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    kevy_stream_set_watermarks(&probe.stream, 0, 4 * MEGABYTE);
    turns(3);
    traffic.on_request = send_counted;
    traffic.on_completion = send_discounted;
    for (unsigned round = 0; round < support_rounds(40); round++) {
        traffic.seen_count = 0;
        for (unsigned index = 0; index < 2; index++) {
            writes[index] =
                (struct kevy_send){.parts = &parts[index], .count = 1, .done = write_done};
            QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &writes[index]), 0));
            turns(round % 5);
        }
        two_megabytes_read(&probe);
        TURN_UNTIL(done[0] == round + 1 && done[1] == round + 1);
        /* The reader was slow indeed: the socket filled, and sends were short. */
        ck_assert_uint_gt(seen_ends(OPERATION_SEND, &probe.stream), 10);
    }
    ck_assert_int_eq(sends_in_flight, 0);
    traffic.on_request = NULL;
    probe_abort(&probe);
}
END_TEST

static void open_kind(struct probe *opened, int kind)
{
    int ends[2];

    if (kind == 0) {
        probe_tcp(opened, &probe_events);
    } else if (kind == 1) {
        probe_unix(opened, &probe_events);
    } else {
        probe_init(opened, &probe_events);
        ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        opened->peer = ends[1];
        QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&opened->stream, reactor, ends[0]), 0));
    }
    turns(3);
}

/* 48: the last completion has no buffer to give back, and may say F_SOCK_NONEMPTY all the same. */
START_TEST(footgun_48_the_end_is_a_zero_without_more_and_gives_no_buffer_back)
{
    unsigned at;

    open_kind(&probe, _i);
    ck_assert_int_eq(write(probe.peer, "last", 4), 4);
    probe_peer_close(&probe);
    TURN_UNTIL(probe.log_end[-1] == 'e');
    turns(5);
    ck_assert_str_eq(probe.log, "ore");
    ck_assert_uint_eq(probe.count, 4);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
    ck_assert_uint_eq(stats_now().operations, 0); /* nothing is armed again behind the end */
    for (at = seen_find(0, OPERATION_RECV, &probe.stream); traffic.seen[at].result != 0;)
        at = seen_find(at + 1, OPERATION_RECV, &probe.stream);
    ck_assert(seen_last(&traffic.seen[at]));
    /* A pipe's end took a buffer along before 6.7, which is given back as its flag says. */
    ck_assert(_i == 2 || (traffic.seen[at].flags & KEVY_CQE_F_BUFFER) == 0);
    ck_assert_uint_eq(seen_find(at + 1, OPERATION_RECV, &probe.stream), traffic.seen_count);
    probe_abort(&probe);
}
END_TEST

/* 48: no kernel known posts this one, and no flag of it may be taken for the end. */
START_TEST(footgun_48_a_zero_with_more_to_come_is_no_end)
{
    probe_tcp(&probe, &probe_events);
    turns(3);
    stream_recv_done(reactor, &probe.stream, 0, KEVY_CQE_F_MORE | KEVY_CQE_F_SOCK_NONEMPTY);
    turns(3);
    ck_assert_str_eq(probe.log, "o");
    peer_write_text(probe.peer, "x");
    TURN_UNTIL(probe.count == 1);
    ck_assert_uint_eq(stats_now().operations, 1);
    probe_abort(&probe);
}
END_TEST

/* How many requests after a stuck send something is queued behind it; there are 512 slots. */
static const uint64_t ages[] = {UINT64_C(1) << 32,         (UINT64_C(1) << 32) - 1,
                                (UINT64_C(1) << 32) + 1,   UINT64_C(1) << 31,
                                (UINT64_C(1) << 31) + 512, 512};

/*
 * Only a send that the kernel has not seen may be written anew, and a slow peer keeps one waiting
 * through any number of requests: what is queued behind it then must not land in another's slot.
 */
START_TEST(a_send_that_waits_through_two_to_the_32_requests_touches_nobodys_slot)
{
    uint64_t have = 0;

    pattern_fill(big, sizeof big, 1, 0);
    probe_small(&probe, &probe_events);
    probe_tcp(&other, &probe_events);
    kevy_stream_set_watermarks(&probe.stream, 0, 4 * MEGABYTE);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, MEGABYTE - 4), 0));
    turns(5);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&other.stream, "mine", 4), 0));
    probe.stream.send_slot = other.stream.send_slot - (uint32_t)ages[_i];
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big + MEGABYTE - 4, 4), 0));
    peer_expect_text(other.peer, "mine");
    for (unsigned count = 0; have < MEGABYTE; count++) {
        ck_assert_uint_lt(count, TURNS_MAX);
        peer_read_pattern(&probe, &have, 65536);
        turn_now();
    }
    probe_abort(&probe);
    probe_abort(&other);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("footgun_stream");
    TCase *ending = tcase_create("ending");
    TCase *sending = tcase_create("sending");

    tcase_add_checked_fixture(ending, setup, reactor_teardown);
    tcase_set_timeout(ending, 30);
    tcase_add_loop_test(ending, footgun_10_a_descriptor_is_closed_when_nothing_is_in_flight_on_it,
                        0, 2);
    tcase_add_test(ending, footgun_10_a_number_used_again_hears_nothing_of_its_predecessor);
    tcase_add_test(ending, footgun_11_a_stream_whose_recv_is_cancelled_ends_once);
    tcase_add_test(ending, footgun_11_a_stream_whose_send_outran_the_cancel_ends_once);
    tcase_add_test(ending, footgun_11_aborts_that_race_with_the_peer_end_every_stream_once);
    tcase_add_loop_test(ending, footgun_48_the_end_is_a_zero_without_more_and_gives_no_buffer_back,
                        0, 3);
    tcase_add_test(ending, footgun_48_a_zero_with_more_to_come_is_no_end);
    suite_add_tcase(suite, ending);

    tcase_add_checked_fixture(sending, setup, reactor_teardown);
    tcase_set_timeout(sending, 30);
    tcase_add_loop_test(sending, footgun_20_a_short_send_goes_on_where_it_stopped, 0, 2);
    tcase_add_loop_test(
        sending, footgun_21_two_writes_never_interleave_a_megabyte_each_a_slow_reader_40_rounds, 0,
        2);
    tcase_add_loop_test(sending,
                        a_send_that_waits_through_two_to_the_32_requests_touches_nobodys_slot, 0,
                        sizeof ages / sizeof ages[0]);
    suite_add_tcase(suite, sending);
    return suite;
}
