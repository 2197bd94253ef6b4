/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Ends and resets that come together with the last bytes. Kernels since 6.8 may say nothing of them
 * to a multishot recv, so that the stream has to ask.
 */

#include "reactor_test.h"

#include <sys/un.h>

#include "stream/stream_internal.h"

static struct probe probe, first;

/* The soft kernel asks the socket itself. */
static bool kernel_forgets_ends(void)
{
    return strcmp(kevy_ring_kernel_name(&reactor->ring), "soft") != 0;
}

static void nothing(struct kevy_task *task, struct kevy_reactor *owner)
{
    (void)task;
    (void)owner;
}

/* A turn does not sleep after a flush that told something: the test is to see it. */
static void sleep_unless_told(struct kevy_reactor *owner, void *context)
{
    static struct kevy_task awake = {.run = nothing};
    static const char *seen;

    (void)context;
    if (probe.log_end != seen)
        kevy_reactor_defer(owner, &awake);
    seen = probe.log_end;
}

static void setup(void)
{
    reactor_setup_with(&(struct kevy_reactor_options){.before_wait = sleep_unless_told});
}

static void end_check(int reason, uint64_t count)
{
    TURN_UNTIL(probe.closed);
    ck_assert_int_eq(probe.reason, reason);
    ck_assert_uint_eq(probe.count, count);
}

START_TEST(the_end_is_told_when_it_comes_with_the_last_bytes)
{
    (_i == 0 ? probe_unix : probe_tcp)(&probe, &probe_events);
    turns(3);
    peer_write_text(probe.peer, "last");
    probe_peer_close(&probe);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    ck_assert_str_eq(probe.log, "ore");
    QUIETLY(kevy_stream_close(&probe.stream));
    end_check(0, 4);
}
END_TEST

static void last_words(void)
{
    turns(3);
    peer_write_text(probe.peer, "last");
    probe_peer_close(&probe);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    QUIETLY(kevy_stream_close(&probe.stream));
    end_check(0, 4);
}

START_TEST(the_end_is_told_on_a_connection_that_was_made)
{
    int listening = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un place;
    socklen_t length = unix_name(&place, "end");
    int error;

    ck_assert_int_eq(bind(listening, (const void *)&place, length), 0);
    ck_assert_int_eq(listen(listening, 1), 0);
    probe_init(&probe, &probe_events);
    QUIETLY(error = kevy_stream_connect(&probe.stream, reactor, (const void *)&place, length,
                                        KEVY_FOREVER));
    ck_assert_int_eq(error, 0);
    TURN_UNTIL(probe.log[0] == 'o');
    probe.peer = accept4(listening, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    close(listening);
    last_words();
}
END_TEST

static struct kevy_stream *accept_probe(struct kevy_listener *listener)
{
    kevy_listener_close(listener);
    return &probe.stream;
}

START_TEST(the_end_is_told_on_a_connection_that_was_accepted)
{
    struct sockaddr_un place;
    struct kevy_listener listener = {0};
    const struct kevy_listener_options options = {.socket_address = (const void *)&place,
                                                  .socket_address_length = unix_name(&place, "end"),
                                                  .accept = accept_probe};

    probe_init(&probe, &probe_events);
    ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), 0);
    probe.peer = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    ck_assert_int_eq(connect(probe.peer, (const void *)&place, options.socket_address_length), 0);
    TURN_UNTIL(probe.log[0] == 'o');
    last_words();
}
END_TEST

static void descriptor_close(struct kevy_stream *stream, int fd)
{
    (void)stream;
    ck_assert_int_eq(close(fd), 0);
}

/* One byte with one descriptor. */
static void descriptor_send(int peer)
{
    static const int fd = STDIN_FILENO;
    union {
        char bytes[CMSG_SPACE(sizeof fd)];
        struct cmsghdr aligned;
    } room = {.aligned = {.cmsg_len = CMSG_LEN(sizeof fd),
                          .cmsg_level = SOL_SOCKET,
                          .cmsg_type = SCM_RIGHTS}};
    struct iovec byte = {.iov_base = &(char){'x'}, .iov_len = 1};
    struct msghdr message = {
        .msg_iov = &byte, .msg_iovlen = 1, .msg_control = &room, .msg_controllen = sizeof room};

    memcpy(CMSG_DATA(&room.aligned), &fd, sizeof fd);
    ck_assert_int_eq(sendmsg(peer, &message, MSG_NOSIGNAL), 1);
}

/* A pool of one buffer: whoever comes second waits for it, with its bytes and its end. */
static void starve(bool local, bool reset)
{
    const struct linger at_once = {.l_onoff = reset};

    reactor_setup_with(&(struct kevy_reactor_options){
        .buffer_count = 1, .buffer_size = 64, .before_wait = sleep_unless_told});
    probe_tcp(&first, &probe_events);
    (local ? probe_unix : probe_tcp)(&probe, &probe_events);
    turns(4);
    peer_write_text(first.peer, "first");
    peer_write_text(probe.peer, "last");
    if (!local)
        ck_assert_int_eq(setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once),
                         0);
    probe_peer_close(&probe);
}

static void first_finish(void)
{
    TURN_UNTIL(first.count == 5);
    ck_assert_uint_ne(stats_now().starvations, 0);
    QUIETLY(kevy_stream_abort(&first.stream));
    probe_finish(&first);
}

START_TEST(the_end_is_told_to_a_stream_that_had_to_wait_for_buffers)
{
    starve(_i == 0, false);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    QUIETLY(kevy_stream_close(&probe.stream));
    end_check(0, 4);
    first_finish();
}
END_TEST

START_TEST(a_reset_is_told_to_a_stream_that_had_to_wait_for_buffers)
{
    starve(false, true);
    end_check(-ECONNRESET, 4);
    first_finish();
}
END_TEST

/* One message each, because descriptors are never merged. */
START_TEST(the_end_is_told_behind_many_descriptors)
{
    struct kevy_stream_events events = probe_events;
    uint64_t count = 0;

    events.descriptor = descriptor_close;
    probe_unix(&probe, &events);
    for (; count < 60; count++)
        descriptor_send(probe.peer);
    probe_peer_close(&probe);
    TURN_UNTIL(strchr(probe.log, 'e') != NULL);
    QUIETLY(kevy_stream_close(&probe.stream));
    end_check(0, count);
}
END_TEST

/* Or every message of a TCP stream that once starved would cost a system call. */
START_TEST(on_tcp_the_first_answer_settles_it)
{
    probe_tcp(&probe, &probe_events);
    turns(3);
    /* As when it is armed in times of need. */
    probe.stream.object.flags |= STREAM_ASKS_END | STREAM_ASKS_AT_ONCE;
    peer_write_text(probe.peer, "word");
    TURN_UNTIL(probe.count == 4);
    ck_assert(!stream_has(&probe.stream, STREAM_ASKS_END | STREAM_ASKS_AT_ONCE));
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

static void not_at_once(struct kevy_reactor *owner, void *context)
{
    probe.stream.object.flags &= ~STREAM_ASKS_AT_ONCE;
    sleep_unless_told(owner, context);
}

/* As if the time had passed. */
static void question_comes(void)
{
    ck_assert(stream_has(&probe.stream, STREAM_WILL_ASK));
    wheel_unfile(&probe.stream.deadline);
    probe.stream.deadline.deadline_ns = kevy_reactor_now(reactor);
    wheel_file(&reactor->deadlines, &probe.stream.deadline);
}

/* The recv is armed by POLL_FIRST when both are there, which loses the reset on each kernel. */
START_TEST(a_reset_that_was_not_told_is_asked_for_later)
{
    const struct linger at_once = {.l_onoff = 1};

    reactor_setup_with(&(struct kevy_reactor_options){.before_wait = not_at_once});
    probe_tcp(&probe, &probe_events);
    peer_write_text(probe.peer, "last");
    setsockopt(probe.peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    probe_peer_close(&probe);
    probe.stream.object.flags |= READER_POLL_FIRST;
    TURN_UNTIL(probe.count == 4);
    if (!probe.closed && kernel_forgets_ends())
        question_comes();
    end_check(-ECONNRESET, 4);
}
END_TEST

/* Or the loop would wake again and again for streams on which nothing happens. */
START_TEST(a_quiet_stream_is_asked_once)
{
    probe_tcp(&probe, &probe_events);
    turns(3);
    for (int word = 0; word < 3; word++) {
        ck_assert(stream_has(&probe.stream, STREAM_ASKS_END) == kernel_forgets_ends());
        peer_write_text(probe.peer, "word");
        TURN_UNTIL(probe.count == 4U * (unsigned)word + 4);
        if (!kernel_forgets_ends())
            continue;
        question_comes();
        TURN_UNTIL(stream_has(&probe.stream, STREAM_ASKS_END));
        ck_assert(!wheel_filed(&probe.stream.deadline));
    }
    QUIETLY(kevy_stream_abort(&probe.stream));
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("stream_silent_end");
    TCase *end = tcase_create("end");

    tcase_add_checked_fixture(end, setup, reactor_teardown);
    tcase_add_loop_test(end, the_end_is_told_when_it_comes_with_the_last_bytes, 0, 2);
    tcase_add_test(end, the_end_is_told_on_a_connection_that_was_made);
    tcase_add_test(end, the_end_is_told_on_a_connection_that_was_accepted);
    tcase_add_loop_test(end, the_end_is_told_to_a_stream_that_had_to_wait_for_buffers, 0, 2);
    tcase_add_test(end, a_reset_is_told_to_a_stream_that_had_to_wait_for_buffers);
    tcase_add_test(end, the_end_is_told_behind_many_descriptors);
    tcase_add_test(end, on_tcp_the_first_answer_settles_it);
    tcase_add_test(end, a_reset_that_was_not_told_is_asked_for_later);
    tcase_add_test(end, a_quiet_stream_is_asked_once);
    suite_add_tcase(suite, end);
    return suite;
}
