/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Whatever way a receive buffer took, whoever gets it next finds his own bytes in it and nothing of
 * its former owner: neither bytes, nor what looks like descriptors. Pools of two buffers, so that
 * the next owner is soon there.
 */

#include "datagram/datagram_test.h"
#include "reactor_test.h"

#include <fcntl.h>
#include <kevy/ring_result.h>

static struct probe first, next;
static struct post post;
static struct kevy_stream_events events;
static int victim; /* a descriptor that nobody may close */

static void descriptor_ignore(struct kevy_stream *stream, int fd)
{
    (void)stream;
    if (fd >= 0)
        close(fd);
}

static void setup(void)
{
    victim = open("/dev/null", O_RDONLY | O_CLOEXEC);
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = 2});
    events = probe_events;
    events.descriptor = descriptor_ignore;
}

static void teardown(void)
{
    reactor_teardown();
    ck_assert_int_ge(fcntl(victim, F_GETFD), 0);
    close(victim);
}

static void probe_abort(struct probe *probe)
{
    QUIETLY(kevy_stream_abort(&probe->stream));
    probe_finish(probe);
}

/* Sends the same bytes until every buffer has been used, and wants them back. */
static void echo(struct probe *probe, const char *text)
{
    probe->echo = true;
    for (unsigned count = 0; count < 6; count++) {
        peer_write_text(probe->peer, text);
        peer_expect_text(probe->peer, text);
    }
}

START_TEST(a_stream_of_descriptors_that_forwards_leaves_the_buffer_whole)
{
    probe_unix(&first, &events);
    probe_unix(&next, &probe_events);
    turn_now();
    echo(&first, "of the first");
    echo(&next, "of the next");
    probe_abort(&first);
    probe_abort(&next);
}
END_TEST

static void forward_to_first(struct post *at, struct kevy_datagram_message *message)
{
    (void)at;
    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&first.stream, message->buffer), 0));
}

START_TEST(a_datagram_that_is_forwarded_leaves_the_buffer_whole)
{
    struct sockaddr_in peer;
    int fd = plain_socket(&peer);

    post_open(&post);
    post.on_read = forward_to_first;
    probe_tcp(&first, &probe_events);
    probe_tcp(&next, &probe_events);
    turn_now();
    for (unsigned count = 0; count < 6; count++) {
        plain_send(fd, &post, "letter", 6);
        peer_expect_text(first.peer, "letter");
    }
    echo(&next, "of the next");
    probe_abort(&first);
    probe_abort(&next);
    post_end(&post);
    close(fd);
}
END_TEST

/* What a stream of descriptors would take for a message with one. */
static size_t message_forge(uint8_t *bytes, int fd)
{
    struct kevy_recvmsg_out head = {.controllen = CMSG_LEN(sizeof fd), .payloadlen = 1};
    struct cmsghdr control = {
        .cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};

    memcpy(bytes, &head, sizeof head);
    memcpy(bytes + sizeof head, &control, sizeof control);
    memcpy(bytes + sizeof head + CMSG_LEN(0), &fd, sizeof fd);
    return sizeof head + CMSG_LEN(sizeof fd);
}

/* With SO_PASSCRED the end of the stream has control data, and so a buffer. */
START_TEST(the_end_of_a_stream_of_descriptors_leaves_the_buffer_clean)
{
    static const int on = 1;
    uint8_t bytes[256] = {0};
    size_t length = message_forge(bytes, victim);

    probe_unix(&first, &events);
    ck_assert_int_eq(
        setsockopt(kevy_stream_fd(&first.stream), SOL_SOCKET, SO_PASSCRED, &on, sizeof on), 0);
    probe_unix(&next, &probe_events);
    turn_now();
    probe_peer_close(&first);
    TURN_UNTIL(strchr(first.log, 'e') != NULL);
    probe_abort(&first);
    for (uint64_t count = 1; count <= 6; count++) {
        peer_write(next.peer, bytes, length);
        TURN_UNTIL(next.count == count * length);
    }
    probe_abort(&next);
}
END_TEST

static struct kevy_buffer kept;

static void keep(struct probe *probe, struct kevy_buffer *buffer)
{
    (void)probe;
    if (kept.block == NULL)
        QUIETLY(ck_assert_int_eq(kevy_buffer_retain(buffer, &kept), 0));
}

/* 32 bits count the queue, and a buffer may be in it as often as entries fit into memory_limit. */
START_TEST(a_queue_that_is_not_to_be_counted_any_more_ends_the_stream)
{
    static uint8_t data[100000];
    size_t before = 0;
    int error;

    reactor_setup_with(
        &(struct kevy_reactor_options){.buffer_size = sizeof data, .buffer_count = 4});
    probe_unix(&first, &probe_events);
    probe_small(&next, &probe_events);
    first.on_read = keep;
    peer_write(first.peer, data, sizeof data);
    TURN_UNTIL(first.count == sizeof data);
    for (;;) {
        QUIETLY(error = kevy_stream_forward_slice(&next.stream, &kept, 0, kept.length));
        if (error < 0)
            break;
        ck_assert_uint_gt(kevy_stream_queued(&next.stream), before);
        before = kevy_stream_queued(&next.stream);
    }
    ck_assert_int_eq(error, -ENOBUFS);
    ck_assert_uint_gt(before, UINT64_C(2) << 30);
    kevy_buffer_release(&kept);
    probe_finish(&next);
    ck_assert_int_eq(next.reason, -ENOBUFS);
    probe_abort(&first);
}
END_TEST

/* Memory grows fifteen blocks at a time where there is room for them. */
START_TEST(a_limit_of_a_few_buffers_is_used_up)
{
    static const uint8_t data[1 << 20];
    struct kevy_reactor_options options = {
        .buffer_size = sizeof data, .buffer_count = 1, .memory_limit = 5 << 20};
    unsigned taken = 0;

    reactor_setup_with(&options);
    probe_small(&first, &probe_events);
    kevy_stream_set_watermarks(&first.stream, 0, 1 << 30);
    while (kevy_stream_send(&first.stream, data, sizeof data) == 0)
        taken++;
    ck_assert_uint_ge(taken, 3);
    ck_assert_uint_le(stats_now().memory, options.memory_limit);
    probe_abort(&first);
}
END_TEST

START_TEST(a_created_buffer_is_sent_and_holds_its_source_back)
{
    struct kevy_buffer created = {0};
    uint32_t size = 4096;

    reactor_setup_with(&(struct kevy_reactor_options){.buffer_size = size, .buffer_count = 4});
    probe_unix(&first, &probe_events);
    probe_unix(&next, &probe_events);
    kevy_stream_set_watermarks(&next.stream, 0, 1);
    ck_assert_int_eq(kevy_buffer_create(reactor, &first.stream, &created), 0);
    ck_assert_uint_eq(created.length, size);
    ck_assert_ptr_eq(kevy_buffer_source(&created), &first.stream);
    memcpy(kevy_buffer_bytes(&created), "plain", 5);
    created.length = 5;
    QUIETLY(ck_assert_int_eq(kevy_stream_forward(&next.stream, &created), 0));
    ck_assert_uint_eq(created.length, 0);
    peer_write_text(first.peer, "more");
    peer_expect_text(next.peer, "plain");
    TURN_UNTIL(first.count == 4);
    probe_abort(&first);
    probe_abort(&next);
}
END_TEST

START_TEST(buffers_are_created_up_to_the_limit_of_memory)
{
    static struct kevy_buffer created[64];
    struct kevy_reactor_options options = {
        .buffer_size = 65536, .buffer_count = 1, .memory_limit = 1 << 20};
    unsigned count = 0;
    int error;

    reactor_setup_with(&options);
    while ((error = kevy_buffer_create(reactor, NULL, &created[count])) == 0)
        ck_assert_uint_lt(++count, 64);
    ck_assert_int_eq(error, -ENOBUFS);
    ck_assert_ptr_null(created[count].data);
    ck_assert_uint_gt(count, 3);
    ck_assert_uint_le(stats_now().memory, options.memory_limit);
    while (count > 0)
        kevy_buffer_release(&created[--count]);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buffer");
    TCase *buffer = tcase_create("buffer");

    tcase_add_checked_fixture(buffer, setup, teardown);
    tcase_set_timeout(buffer, 20);
    tcase_add_test(buffer, a_stream_of_descriptors_that_forwards_leaves_the_buffer_whole);
    tcase_add_test(buffer, a_datagram_that_is_forwarded_leaves_the_buffer_whole);
    tcase_add_test(buffer, the_end_of_a_stream_of_descriptors_leaves_the_buffer_clean);
    tcase_add_test(buffer, a_queue_that_is_not_to_be_counted_any_more_ends_the_stream);
    tcase_add_test(buffer, a_limit_of_a_few_buffers_is_used_up);
    tcase_add_test(buffer, a_created_buffer_is_sent_and_holds_its_source_back);
    tcase_add_test(buffer, buffers_are_created_up_to_the_limit_of_memory);
    suite_add_tcase(suite, buffer);
    return suite;
}
