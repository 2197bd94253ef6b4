/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The life of a stream: the order of its callbacks, and closing it from everywhere. */

#include "reactor_test.h"

#include <fcntl.h>

static struct probe probe, other;
static unsigned writes_done;

static void count_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    (void)write;
    (void)stream;
    (void)result;
    ck_assert_uint_eq(quiet_depth, 0);
    writes_done++;
}

START_TEST(callbacks_come_in_the_order_open_reads_end_close)
{
    probe_tcp(&probe, &probe_events);
    peer_write_text(probe.peer, "hello");
    TURN_UNTIL(probe.count == 5);
    peer_write_text(probe.peer, " again");
    ck_assert_int_eq(shutdown(probe.peer, SHUT_WR), 0);
    TURN_UNTIL(probe.log_end[-1] == 'e');
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "orec");
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

/* QUIETLY() fails on a callback within; each call here has one to bring about. */
START_TEST(no_callback_comes_inside_a_call)
{
    static uint8_t big[1 << 20];
    struct iovec part = {.iov_base = big, .iov_len = sizeof big};
    struct kevy_send write = {.parts = &part, .count = 1, .done = count_done};

    probe_tcp(&probe, &probe_events);
    ck_assert_str_eq(probe.log, "");
    turn_now();
    ck_assert_str_eq(probe.log, "o");
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_write_text(probe.peer, "held back");
    turns(5);
    QUIETLY(kevy_stream_resume(&probe.stream));
    QUIETLY(kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_TOTAL, 1));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, big, 1), -EAGAIN));
    QUIETLY(kevy_reactor_finish(reactor, 0));
    QUIETLY(kevy_stream_abort(&probe.stream));
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_str_eq(probe.log, "o");
    ck_assert_uint_eq(writes_done, 0);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
    ck_assert_uint_eq(writes_done, 1);
}
END_TEST

START_TEST(data_that_was_there_before_adoption_is_read)
{
    int fd, peer;

    probe_init(&probe, &probe_events);
    tcp_pair(&fd, &peer);
    peer_write_text(peer, "early");
    close(peer);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0);
    TURN_UNTIL(probe.log_end != probe.log && probe.log_end[-1] == 'e');
    ck_assert_uint_eq(probe.count, 5);
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "orec");
}
END_TEST

START_TEST(a_blocking_socket_can_be_adopted)
{
    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(fcntl(kevy_stream_fd(&probe.stream), F_SETFL, 0), 0);
    probe.echo = true;
    peer_write_text(probe.peer, "ping");
    peer_expect_text(probe.peer, "ping");
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

START_TEST(what_is_no_descriptor_cannot_be_adopted)
{
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, -1), -EBADF);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, 1 << 20), -EBADF);
}
END_TEST

START_TEST(a_socket_of_datagrams_or_packets_cannot_be_adopted)
{
    static const int types[] = {SOCK_DGRAM, SOCK_SEQPACKET};
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, types[_i] | SOCK_CLOEXEC, 0, pair), 0);
    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, pair[0]), -EPROTOTYPE);
    ck_assert_uint_eq(stats_now().objects, 0);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(what_is_not_connected_ends_with_its_errno)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    probe_init(&probe, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&probe.stream, reactor, fd), 0));
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ENOTCONN);
}
END_TEST

START_TEST(without_an_end_callback_the_stream_closes_after_flushing)
{
    uint64_t count;

    probe_tcp(&probe, &probe_events_close_only);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "last words", 10), 0));
    ck_assert_int_eq(shutdown(probe.peer, SHUT_WR), 0);
    ck_assert_int_eq(peer_drain(probe.peer, &count), 0);
    ck_assert_uint_eq(count, 10);
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, 0);
}
END_TEST

START_TEST(without_a_read_callback_bytes_are_discarded)
{
    static uint8_t data[200000];
    size_t sent = 0;

    probe_tcp(&probe, &probe_events_close_only);
    while (sent < sizeof data) {
        ssize_t count = send(probe.peer, data, sizeof data - sent, MSG_NOSIGNAL);

        if (count > 0)
            sent += (size_t)count;
        turn_now();
    }
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

/* What ends a stream, from each of its callbacks in turn. */
enum ending {
    CLOSE,
    ABORT,
    CLOSE_TWICE,
    CLOSE_THEN_ABORT,
    ABORT_THEN_CLOSE,
    ENDINGS,
};

static void end_stream(struct probe *ended)
{
    switch (ended->tag) {
    case CLOSE_TWICE:
        kevy_stream_close(&ended->stream);
        /* fall through */
    case CLOSE:
        kevy_stream_close(&ended->stream);
        break;
    case ABORT:
        kevy_stream_abort(&ended->stream);
        break;
    case CLOSE_THEN_ABORT:
        kevy_stream_close(&ended->stream);
        kevy_stream_abort(&ended->stream);
        break;
    default:
        kevy_stream_abort(&ended->stream);
        kevy_stream_close(&ended->stream);
        kevy_stream_abort(&ended->stream);
    }
}

static void end_on_read(struct probe *ended, struct kevy_buffer *buffer)
{
    (void)buffer;
    end_stream(ended);
}

static void end_on_timeout(struct probe *ended, enum kevy_deadline deadline)
{
    (void)deadline;
    end_stream(ended);
}

static void end_on_done(struct kevy_send *write, struct kevy_stream *stream, int result)
{
    (void)write;
    ck_assert_int_eq(result, 0);
    end_stream(probe_of(stream));
}

static void expect_ended(const char *log)
{
    bool aborted = probe.tag == ABORT || probe.tag >= CLOSE_THEN_ABORT;

    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, log);
    ck_assert_int_eq(probe.reason, aborted ? -ECANCELED : 0);
    turns(5);
}

START_TEST(closing_however_often_before_the_first_turn_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    QUIETLY(end_stream(&probe));
    expect_ended("c");
}
END_TEST

START_TEST(closing_however_often_from_open_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_open = end_stream;
    peer_write_text(probe.peer, "never read");
    turn_now();
    expect_ended("oc");
}
END_TEST

START_TEST(closing_however_often_from_read_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_read = end_on_read;
    peer_write_text(probe.peer, "x");
    TURN_UNTIL(probe.count);
    expect_ended("orc");
    ck_assert_uint_eq(probe.count, 1);
}
END_TEST

START_TEST(closing_however_often_from_read_while_more_is_there_calls_back_once)
{
    static char data[100000];

    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_read = end_on_read;
    peer_write(probe.peer, data, sizeof data);
    TURN_UNTIL(probe.count);
    ck_assert_uint_le(probe.count, 4096);
    expect_ended("orc");
    ck_assert_uint_le(probe.count, 4096);
}
END_TEST

START_TEST(closing_however_often_from_end_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_end = end_stream;
    ck_assert_int_eq(shutdown(probe.peer, SHUT_WR), 0);
    TURN_UNTIL(probe.log_end != probe.log && probe.log_end[-1] != 'o');
    expect_ended("oec");
}
END_TEST

START_TEST(closing_however_often_from_drain_calls_back_once)
{
    static uint8_t data[1 << 20];
    uint64_t count;

    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_drain = end_stream;
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, data, sizeof data), 0));
    (void)peer_drain(probe.peer, &count);
    expect_ended("odc");
}
END_TEST

START_TEST(closing_however_often_from_done_calls_back_once)
{
    struct iovec part = {.iov_base = "abc", .iov_len = 3};
    struct kevy_send write = {.parts = &part, .count = 1, .done = end_on_done};

    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "def", 3), 0));
    turns(3);
    expect_ended("oc");
}
END_TEST

START_TEST(closing_however_often_from_timeout_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_timeout = end_on_timeout;
    turn_now();
    QUIETLY(kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_TOTAL, KEVY_MILLISECONDS(1)));
    TURN_UNTIL(probe.timeouts);
    expect_ended("otc");
}
END_TEST

START_TEST(closing_however_often_from_finish_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe.tag = _i;
    probe.on_finish = end_stream;
    turn_now();
    QUIETLY(kevy_reactor_finish(reactor, KEVY_SECONDS(3600)));
    turn_now();
    expect_ended("ofc");
}
END_TEST

static void other_ends(struct probe *reader, struct kevy_buffer *buffer)
{
    (void)reader;
    (void)buffer;
    end_stream(&probe);
}

START_TEST(closing_however_often_from_the_callback_of_another_stream_calls_back_once)
{
    probe_tcp(&probe, &probe_events);
    probe_tcp(&other, &probe_events);
    probe.tag = _i;
    other.on_read = other_ends;
    turn_now();
    peer_write_text(other.peer, "x");
    peer_write_text(probe.peer, "y");
    TURN_UNTIL(other.count);
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_int_eq(probe.log_end[-1], 'c');
    QUIETLY(kevy_stream_abort(&other.stream));
    probe_finish(&other);
}
END_TEST

static void reuse_on_close(struct probe *reused, int reason)
{
    (void)reason;
    if (reused->tag++ < 3) {
        int fd, peer;

        reused->closed = false;
        probe_stream_init(reused, &probe_events);
        tcp_pair(&fd, &peer);
        ck_assert_int_eq(kevy_stream_adopt(&reused->stream, reactor, fd), 0);
        close(peer);
        kevy_stream_close(&reused->stream);
    }
}

START_TEST(the_memory_may_be_used_again_in_the_last_callback)
{
    probe_tcp(&probe, &probe_events);
    probe.on_close = reuse_on_close;
    QUIETLY(kevy_stream_abort(&probe.stream));
    TURN_UNTIL(probe.tag == 4 && probe.closed);
    probe_peer_close(&probe);
    ck_assert_str_eq(probe.log, "cccc");
}
END_TEST

static unsigned freed;

static void free_on_close(struct probe *gone, int reason)
{
    (void)reason;
    freed++;
    close(gone->peer);
    free(gone);
}

START_TEST(the_memory_may_be_freed_in_the_last_callback_in_every_way_to_end)
{
    for (unsigned index = 0; index < 200; index++) {
        struct probe *mine = malloc(sizeof *mine);

        ck_assert_ptr_nonnull(mine);
        probe_tcp(mine, &probe_events);
        mine->tag = (int)(index % ENDINGS);
        mine->on_close = free_on_close;
        switch (index % 4) {
        case 0:
            mine->on_open = end_stream;
            break;
        case 1:
            mine->on_end = end_stream;
            shutdown(mine->peer, SHUT_WR);
            break;
        case 2:
            mine->on_read = end_on_read;
            peer_write_text(mine->peer, "x");
            shutdown(mine->peer, SHUT_WR);
            break;
        default:
            mine->on_end = end_stream;
            peer_write_text(mine->peer, "x");
            shutdown(mine->peer, SHUT_WR);
        }
    }
    TURN_UNTIL(freed == 200);
}
END_TEST

START_TEST(calls_after_close_are_refused_until_the_last_callback)
{
    struct iovec part = {.iov_base = "abc", .iov_len = 3};
    struct kevy_send write = {.parts = &part, .count = 1};
    struct sockaddr_storage address;
    socklen_t length = sizeof address;

    probe_tcp(&probe, &probe_events);
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length),
                     0);
    ck_assert_int_eq(address.ss_family, AF_INET);
    turn_now();
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), -EPIPE);
    ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), -EPIPE);
    kevy_stream_pause(&probe.stream);
    kevy_stream_resume(&probe.stream);
    kevy_stream_hold(&probe.stream, &probe.stream);
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_IDLE, KEVY_MILLISECONDS(1));
    probe_peer_close(&probe);
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "oc");
}
END_TEST

static void range_never(struct kevy_file_range *range, struct kevy_stream *stream, int result,
                        uint64_t sent)
{
    (void)range;
    (void)stream;
    (void)sent;
    ck_abort_msg("a range that was refused reports %d", result);
}

START_TEST(an_initialised_stream_accepts_every_call)
{
    struct iovec part = {.iov_base = (char[]){"x"}, .iov_len = 1};
    struct kevy_send write = {.parts = &part, .count = 1};
    struct kevy_file_range range = {.done = range_never};
    struct kevy_stream_stats traffic = {.received = 7};
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    struct kevy_credentials peer;

    probe_init(&probe, &probe_events);
    QUIETLY(kevy_stream_close(&probe.stream));
    QUIETLY(kevy_stream_abort(&probe.stream));
    kevy_stream_pause(&probe.stream);
    kevy_stream_resume(&probe.stream);
    kevy_stream_hold(&probe.stream, &probe.stream);
    kevy_stream_set_deadline(&probe.stream, KEVY_DEADLINE_IDLE, 1);
    kevy_stream_stats(&probe.stream, &traffic);
    ck_assert_uint_eq(traffic.received, 0);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_send_pinned(&probe.stream, &write), -EPIPE);
    ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, 0, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_send_file(&probe.stream, &range), -EPIPE);
    ck_assert_int_eq(kevy_stream_credentials(&probe.stream, &peer), -ENOTCONN);
    ck_assert_int_eq(kevy_stream_shutdown(&probe.stream), -EPIPE);
    ck_assert_int_eq(kevy_stream_peer_address(&probe.stream, (struct sockaddr *)&address, &length),
                     -ENOTCONN);
    ck_assert_int_eq(kevy_stream_fd(&probe.stream), -1);
    ck_assert_ptr_null(kevy_stream_reactor(&probe.stream));
    ck_assert_uint_eq(kevy_stream_queued(&probe.stream), 0);
    turns(3);
    ck_assert_str_eq(probe.log, "");
}
END_TEST

START_TEST(unix_streams_live_the_same_life)
{
    probe_unix(&probe, &probe_events);
    probe.echo = true;
    peer_write_text(probe.peer, "hello");
    peer_expect_text(probe.peer, "hello");
    probe_peer_close(&probe);
    TURN_UNTIL(probe.log_end[-1] == 'e');
    QUIETLY(kevy_stream_close(&probe.stream));
    probe_finish(&probe);
    ck_assert_str_eq(probe.log, "orec");
}
END_TEST

static void add(TCase *tcase, const TTest *test)
{
    tcase_add_loop_test(tcase, test, 0, ENDINGS);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream");
    TCase *life = tcase_create("life");
    TCase *closing = tcase_create("closing");

    tcase_add_checked_fixture(life, reactor_setup, reactor_teardown);
    tcase_add_checked_fixture(closing, reactor_setup, reactor_teardown);
    tcase_set_timeout(life, 10);
    tcase_set_timeout(closing, 10);
    tcase_add_test(life, callbacks_come_in_the_order_open_reads_end_close);
    tcase_add_test(life, no_callback_comes_inside_a_call);
    tcase_add_test(life, data_that_was_there_before_adoption_is_read);
    tcase_add_test(life, a_blocking_socket_can_be_adopted);
    tcase_add_test(life, what_is_no_descriptor_cannot_be_adopted);
    tcase_add_loop_test(life, a_socket_of_datagrams_or_packets_cannot_be_adopted, 0, 2);
    tcase_add_test(life, what_is_not_connected_ends_with_its_errno);
    tcase_add_test(life, without_an_end_callback_the_stream_closes_after_flushing);
    tcase_add_test(life, without_a_read_callback_bytes_are_discarded);
    tcase_add_test(life, the_memory_may_be_used_again_in_the_last_callback);
    tcase_add_test(life, the_memory_may_be_freed_in_the_last_callback_in_every_way_to_end);
    tcase_add_test(life, calls_after_close_are_refused_until_the_last_callback);
    tcase_add_test(life, an_initialised_stream_accepts_every_call);
    tcase_add_test(life, unix_streams_live_the_same_life);
    add(closing, closing_however_often_before_the_first_turn_calls_back_once);
    add(closing, closing_however_often_from_open_calls_back_once);
    add(closing, closing_however_often_from_read_calls_back_once);
    add(closing, closing_however_often_from_read_while_more_is_there_calls_back_once);
    add(closing, closing_however_often_from_end_calls_back_once);
    add(closing, closing_however_often_from_drain_calls_back_once);
    add(closing, closing_however_often_from_done_calls_back_once);
    add(closing, closing_however_often_from_timeout_calls_back_once);
    add(closing, closing_however_often_from_finish_calls_back_once);
    add(closing, closing_however_often_from_the_callback_of_another_stream_calls_back_once);
    suite_add_tcase(suite, life);
    suite_add_tcase(suite, closing);
    return suite;
}
