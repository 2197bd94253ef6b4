/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Descriptors along a Unix stream: with their bytes, in order, and closed wherever they are not
 * wanted. The fixture counts this process's descriptors, so a leak fails every test. */

#include "reactor_test.h"

#include <fcntl.h>
#include <sys/resource.h>

enum {
    MANY = 40, /* more than a buffer has room for */
};

static struct probe probe;
static int got[MANY];
static unsigned got_count, lost_count;
static void (*then)(int fd);

static void probe_descriptor(struct kevy_stream *stream, int fd)
{
    struct probe *of = probe_of(stream);

    ck_assert_uint_eq(quiet_depth, 0);
    ck_assert(!of->closed);
    *of->log_end++ = fd >= 0 ? 'D' : 'L';
    if (fd < 0) {
        ck_assert_int_eq(fd, -EMSGSIZE);
        lost_count++;
        return;
    }
    ck_assert_uint_lt(got_count, MANY);
    got[got_count++] = fd;
    if (then != NULL)
        then(fd);
}

static struct kevy_stream_events events;

static void setup(void)
{
    reactor_setup();
    events = probe_events;
    events.descriptor = probe_descriptor;
}

static void got_close(void)
{
    while (got_count > 0)
        close(got[--got_count]);
}

static void open_unix(void)
{
    probe_unix(&probe, &events);
    turn_now();
    probe.log_end = probe.log;
}

static void finish(void)
{
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
    got_close();
}

/* The reading end of a pipe that holds one byte, by which it is known again. */
static int marked(char mark)
{
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    ck_assert_int_eq(write(ends[1], &mark, 1), 1);
    close(ends[1]);
    return ends[0];
}

static void mark_check(int fd, char mark)
{
    char found = 0;

    ck_assert_int_eq(read(fd, &found, 1), 1);
    ck_assert_int_eq(found, mark);
}

/* Sends `text` with `count` descriptors, which stay open here. */
static void peer_send(const char *text, const int *fds, size_t count)
{
    static union {
        char bytes[CMSG_SPACE(MANY * sizeof(int))];
        struct cmsghdr aligned;
    } room;
    struct iovec part = {.iov_base = (void *)(uintptr_t)text, .iov_len = strlen(text)};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &room,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);

    memset(&room, 0, sizeof room);
    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(control), fds, count * sizeof(int));
    ck_assert_int_eq(sendmsg(probe.peer, &message, MSG_NOSIGNAL), (ssize_t)part.iov_len);
}

static void peer_send_marked(const char *text, char mark)
{
    int fd = marked(mark);

    peer_send(text, &fd, 1);
    close(fd);
}

/* Reads what there is, and returns the descriptor that came with it, or -1. */
static int peer_receive(char *text, size_t size, int *length)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr aligned;
    } room;
    struct iovec part = {.iov_base = text, .iov_len = size};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};
    const struct cmsghdr *control;
    int fd = -1;

    *length = (int)recvmsg(probe.peer, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    control = *length > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    if (control != NULL)
        memcpy(&fd, CMSG_DATA(control), sizeof fd);
    return fd;
}

static int peer_receive_some(char *text, size_t size, int *length)
{
    int fd = -1;

    TURN_UNTIL((fd = peer_receive(text, size, length)) >= 0 || *length >= 0);
    return fd;
}

START_TEST(a_descriptor_comes_right_before_its_bytes)
{
    open_unix();
    peer_send_marked("hello", 'a');
    TURN_UNTIL(probe.count == 5);
    ck_assert_str_eq(probe.log, "Dr");
    ck_assert_int_eq(fcntl(got[0], F_GETFD), FD_CLOEXEC);
    mark_check(got[0], 'a');
    finish();
}
END_TEST

START_TEST(descriptors_keep_their_order_among_bytes)
{
    open_unix();
    for (char mark = 'a'; mark < 'k'; mark++) {
        peer_write_text(probe.peer, "plain");
        peer_send_marked("x", mark);
    }
    TURN_UNTIL(probe.count == 60);
    ck_assert_uint_eq(got_count, 10);
    for (unsigned index = 0; index < 10; index++)
        mark_check(got[index], (char)('a' + (int)index));
    finish();
}
END_TEST

START_TEST(sixteen_at_once_are_received)
{
    int fds[16];

    open_unix();
    for (int index = 0; index < 16; index++)
        fds[index] = marked((char)('A' + index));
    peer_send("m", fds, 16);
    TURN_UNTIL(probe.count == 1);
    ck_assert_uint_eq(got_count, 16);
    ck_assert_uint_eq(lost_count, 0);
    for (int index = 0; index < 16; index++) {
        mark_check(got[index], (char)('A' + index));
        close(fds[index]);
    }
    finish();
}
END_TEST

START_TEST(what_is_too_many_is_closed_and_told)
{
    int fds[MANY];

    open_unix();
    for (unsigned index = 0; index < MANY; index++)
        fds[index] = marked('m');
    peer_send("m", fds, MANY);
    TURN_UNTIL(probe.count == 1);
    ck_assert_uint_eq(got_count, 16);
    ck_assert_uint_eq(lost_count, 1);
    for (unsigned index = 0; index < MANY; index++)
        close(fds[index]);
    finish();
}
END_TEST

START_TEST(a_full_descriptor_table_is_told)
{
    struct rlimit limit, none;

    open_unix();
    peer_send_marked("m", 'm');
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    TURN_UNTIL(probe.count == 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    ck_assert_uint_eq(got_count, 0);
    ck_assert_uint_eq(lost_count, 1);
    ck_assert_str_eq(probe.log, "Lr");
    finish();
}
END_TEST

START_TEST(without_the_callback_they_are_closed)
{
    probe_unix(&probe, &probe_events);
    turn_now();
    peer_send_marked("hello", 'a');
    TURN_UNTIL(probe.count == 5);
    finish();
}
END_TEST

START_TEST(the_end_of_the_stream_is_told)
{
    open_unix();
    peer_send_marked("hello", 'a');
    probe_peer_close(&probe);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "Dre");
    finish();
}
END_TEST

START_TEST(a_pause_holds_descriptors_back_with_their_bytes)
{
    open_unix();
    QUIETLY(kevy_stream_pause(&probe.stream));
    peer_send_marked("one", 'a');
    peer_send_marked("two", 'b');
    turns(20);
    ck_assert_uint_eq(got_count, 0);
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 6);
    ck_assert_str_eq(probe.log, "DrDr");
    mark_check(got[0], 'a');
    mark_check(got[1], 'b');
    finish();
}
END_TEST

/* What is held back keeps half of the pool at most, with descriptors or without. */
START_TEST(a_paused_flood_of_descriptors_leaves_buffers_for_the_others)
{
    static const uint8_t data[1000];
    static struct probe other;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 8, .buffer_size = 256});
    open_unix();
    probe_tcp(&other, &probe_events);
    turn_now();
    QUIETLY(kevy_stream_pause(&probe.stream));
    for (char mark = 'a'; mark <= 'z'; mark++)
        peer_send_marked((char[]){mark, 0}, mark);
    turns(20);
    ck_assert_uint_le(stats_now().buffers_lent, 4);
    for (unsigned round = 1; round <= 20; round++) {
        peer_write(other.peer, data, sizeof data);
        TURN_UNTIL(other.count == round * sizeof data);
    }
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 26);
    for (unsigned index = 0; index < 26; index++)
        mark_check(got[index], (char)('a' + (int)index));
    QUIETLY(kevy_stream_abort(&other.stream));
    probe_finish(&other);
    finish();
}
END_TEST

START_TEST(a_descriptor_that_finds_no_memory_is_closed_with_its_stream)
{
    reactor_setup_with(
        &(struct kevy_reactor_options){.buffer_count = 2, .buffer_size = 256, .memory_limit = 1});
    open_unix();
    QUIETLY(kevy_stream_pause(&probe.stream));
    for (unsigned index = 0; index < 5; index++)
        peer_send_marked("held back", 'x');
    probe_finish(&probe);
    ck_assert_int_eq(probe.reason, -ENOBUFS);
    ck_assert_uint_eq(got_count, 0);
}
END_TEST

static void then_pause(int fd)
{
    (void)fd;
    QUIETLY(kevy_stream_pause(&probe.stream));
}

START_TEST(a_pause_from_the_callback_holds_its_bytes_back)
{
    then = then_pause;
    open_unix();
    peer_send_marked("one", 'a');
    TURN_UNTIL(got_count == 1);
    turns(20);
    ck_assert_uint_eq(probe.count, 0);
    QUIETLY(kevy_stream_resume(&probe.stream));
    TURN_UNTIL(probe.count == 3);
    finish();
}
END_TEST

static void then_abort(int fd)
{
    (void)fd;
    QUIETLY(kevy_stream_abort(&probe.stream));
}

START_TEST(an_abort_from_the_callback_closes_the_rest)
{
    int fds[3];

    then = then_abort;
    open_unix();
    for (unsigned index = 0; index < 3; index++)
        fds[index] = marked('x');
    peer_send("m", fds, 3);
    for (unsigned index = 0; index < 3; index++)
        close(fds[index]);
    TURN_UNTIL(probe.closed);
    ck_assert_uint_eq(got_count, 1);
    ck_assert_uint_eq(probe.count, 0);
    finish();
}
END_TEST

START_TEST(what_an_abort_drops_is_closed)
{
    open_unix();
    QUIETLY(kevy_stream_pause(&probe.stream));
    for (unsigned index = 0; index < 5; index++)
        peer_send_marked("held back", 'x');
    turns(20);
    finish();
    ck_assert_uint_eq(got_count, 0);
}
END_TEST

START_TEST(what_comes_while_closing_is_closed)
{
    open_unix();
    QUIETLY(kevy_stream_close(&probe.stream));
    turns(3);
    peer_send_marked("late", 'x');
    probe_finish(&probe);
    ck_assert_uint_eq(got_count, 0);
}
END_TEST

START_TEST(received_bytes_can_be_forwarded)
{
    char text[32] = "";
    int length = 0;

    open_unix();
    probe.echo = true;
    peer_send_marked("there and back", 'x');
    ck_assert_int_eq(peer_receive_some(text, sizeof text, &length), -1);
    ck_assert_str_eq(text, "there and back");
    finish();
}
END_TEST

START_TEST(a_sent_descriptor_arrives_with_its_bytes_and_is_closed_here)
{
    char text[32] = "";
    int length = 0, fd = marked('s'), before = support_fd_count(), received;

    open_unix();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, fd, "hello", 5), 0));
    received = peer_receive_some(text, sizeof text, &length);
    ck_assert_str_eq(text, "hello");
    mark_check(received, 's');
    close(received);
    ck_assert_int_eq(support_fd_count(), before + 2 - 1); /* the pair, less the one sent */
    finish();
}
END_TEST

START_TEST(sent_descriptors_keep_their_order_among_bytes)
{
    char all[512] = "";
    size_t have = 0;
    unsigned fds = 0;

    open_unix();
    for (int index = 0; index < 10; index++) {
        int fd = marked((char)('a' + index));

        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "plain", 5), 0));
        QUIETLY(ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, fd, "with", 4), 0));
        QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, "more", 4), 0));
    }
    while (have < 130) {
        int length = 0, fd = peer_receive_some(all + have, 3, &length);

        if (fd >= 0) {
            /* With the first of its bytes: "plain" and "more" and "with" before are read. */
            ck_assert_uint_le(have, fds * 13U + 5);
            ck_assert_uint_gt(have + (size_t)length, fds * 13U + 5);
            mark_check(fd, (char)('a' + (int)fds++));
            close(fd);
        }
        have += (size_t)length;
    }
    ck_assert_uint_eq(fds, 10);
    for (unsigned index = 0; index < 10; index++)
        ck_assert_mem_eq(all + index * (size_t)13, "plainwithmore", 13);
    finish();
}
END_TEST

START_TEST(a_descriptor_waits_for_a_peer_that_reads)
{
    static uint8_t filler[200000];
    static char text[65536];
    int length = 0, received = -1;
    uint64_t total = 0;

    probe_small(&probe, &events);
    kevy_stream_set_watermarks(&probe.stream, 1 << 20, 1 << 21);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&probe.stream, filler, sizeof filler), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, marked('w'), "end", 3), 0));
    turns(20);
    while (received < 0) {
        received = peer_receive_some(text, sizeof text, &length);
        total += (uint64_t)length;
    }
    ck_assert_uint_gt(total, sizeof filler);
    mark_check(received, 'w');
    close(received);
    finish();
}
END_TEST

START_TEST(a_dropped_descriptor_is_closed)
{
    open_unix();
    for (unsigned index = 0; index < 3; index++)
        QUIETLY(ck_assert_int_eq(
            kevy_stream_send_descriptor(&probe.stream, marked('d'), "bytes", 5), 0));
    finish();
}
END_TEST

START_TEST(a_descriptor_that_is_none_ends_the_stream)
{
    open_unix();
    QUIETLY(ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, 1000000, "x", 1), 0));
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, -EBADF);
    probe_peer_close(&probe);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused)
{
    static char big[5000];
    struct probe tcp;

    open_unix();
    ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, -1, "x", 1), -EBADF);
    ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, 0, "", 0), -EINVAL);
    ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, 0, big, sizeof big), -EINVAL);
    kevy_stream_set_watermarks(&probe.stream, 1, 1);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0);
    ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, 0, "x", 1), -EAGAIN);
    QUIETLY(kevy_stream_close(&probe.stream));
    ck_assert_int_eq(kevy_stream_send_descriptor(&probe.stream, 0, "x", 1), -EPIPE);
    finish();
    probe_tcp(&tcp, &probe_events);
    turn_now();
    ck_assert_int_eq(kevy_stream_send_descriptor(&tcp.stream, 0, "x", 1), -EOPNOTSUPP);
    QUIETLY(kevy_stream_abort(&tcp.stream));
    probe_finish(&tcp);
}
END_TEST

/* Without keys for TLS in the socket a record is its bytes. */
START_TEST(records_keep_their_order_among_bytes)
{
    static char big[5000];
    struct probe tcp;
    char got[8] = "";
    size_t length = 0;

    probe_tcp(&tcp, &probe_events);
    ck_assert_int_eq(kevy_stream_send_record(&tcp.stream, 21, "", 0), -EINVAL);
    ck_assert_int_eq(kevy_stream_send_record(&tcp.stream, 21, big, sizeof big), -EINVAL);
    ck_assert_int_eq(kevy_stream_send(&tcp.stream, "ab", 2), 0);
    ck_assert_int_eq(kevy_stream_send_record(&tcp.stream, 21, "cd", 2), 0);
    ck_assert_int_eq(kevy_stream_send(&tcp.stream, "ef", 2), 0);
    QUIETLY(kevy_stream_close(&tcp.stream));
    for (unsigned idle = 0; length < 6; idle++) {
        ssize_t part = recv(tcp.peer, got + length, 6 - length, MSG_DONTWAIT);

        length += part > 0 ? (size_t)part : 0;
        turn_waiting(idle);
    }
    ck_assert_str_eq(got, "abcdef");
    probe_peer_close(&tcp);
    TURN_UNTIL(tcp.closed);
}
END_TEST

START_TEST(tcp_streams_may_have_the_callback)
{
    probe_tcp(&probe, &events);
    probe.echo = true;
    turn_now();
    peer_write_text(probe.peer, "hello");
    peer_expect_text(probe.peer, "hello");
    finish();
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_rights");
    TCase *receiving = tcase_create("receiving");
    TCase *sending = tcase_create("sending");

    tcase_add_checked_fixture(receiving, setup, reactor_teardown);
    tcase_add_test(receiving, a_descriptor_comes_right_before_its_bytes);
    tcase_add_test(receiving, descriptors_keep_their_order_among_bytes);
    tcase_add_test(receiving, sixteen_at_once_are_received);
    tcase_add_test(receiving, what_is_too_many_is_closed_and_told);
    tcase_add_test(receiving, a_full_descriptor_table_is_told);
    tcase_add_test(receiving, without_the_callback_they_are_closed);
    tcase_add_test(receiving, the_end_of_the_stream_is_told);
    tcase_add_test(receiving, a_pause_holds_descriptors_back_with_their_bytes);
    tcase_add_test(receiving, a_paused_flood_of_descriptors_leaves_buffers_for_the_others);
    tcase_add_test(receiving, a_descriptor_that_finds_no_memory_is_closed_with_its_stream);
    tcase_add_test(receiving, a_pause_from_the_callback_holds_its_bytes_back);
    tcase_add_test(receiving, an_abort_from_the_callback_closes_the_rest);
    tcase_add_test(receiving, what_an_abort_drops_is_closed);
    tcase_add_test(receiving, what_comes_while_closing_is_closed);
    tcase_add_test(receiving, received_bytes_can_be_forwarded);
    tcase_add_test(receiving, tcp_streams_may_have_the_callback);
    tcase_add_test(receiving, records_keep_their_order_among_bytes);
    suite_add_tcase(suite, receiving);
    tcase_add_checked_fixture(sending, setup, reactor_teardown);
    tcase_add_test(sending, a_sent_descriptor_arrives_with_its_bytes_and_is_closed_here);
    tcase_add_test(sending, sent_descriptors_keep_their_order_among_bytes);
    tcase_add_test(sending, a_descriptor_waits_for_a_peer_that_reads);
    tcase_add_test(sending, a_dropped_descriptor_is_closed);
    tcase_add_test(sending, a_descriptor_that_is_none_ends_the_stream);
    tcase_add_test(sending, what_cannot_be_sent_is_refused);
    suite_add_tcase(suite, sending);
    return suite;
}
