/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What users of io_uring have hurt themselves with, by the numbers of the project's list, and what
 * the reactor does about it; here what shows in the requests that it makes: a day's work of
 * sockets, pipes and timers passes by, and none of it may be of the harmful kind.
 */

#include "footgun_test.h"

#include "datagram/datagram_test.h"

#include <dirent.h>
#include <kevy/ring_files.h>
#include <stdio.h>

enum {
    PART = 100000,
};

static struct probe probes[4];
static uint8_t data[PART];
static struct kevy_listener listener;
static unsigned listener_closes, released;
static struct kevy_timer timer;

static void setup(void)
{
    traffic_open((struct kevy_reactor_options){0});
}

static void probe_close(struct probe *probe)
{
    QUIETLY(kevy_stream_close(&probe->stream));
}

static struct kevy_stream *accept_first(struct kevy_listener *from)
{
    (void)from;
    probe_init(&probes[0], &probe_events);
    probes[0].echo = true;
    probes[0].on_end = probe_close;
    return &probes[0].stream;
}

static void listener_closed(struct kevy_listener *from)
{
    (void)from;
    listener_closes++;
}

static void timer_fired(struct kevy_timer *fired)
{
    fired->fire = NULL;
}

static void write_released(struct kevy_send *write, struct kevy_stream *stream)
{
    (void)write;
    (void)stream;
    released++;
}

/* A server and its client, which sends copies, parts and a zero-copy write, and gets all back. */
static void connections_work(void)
{
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .accept = accept_first, .close = listener_closed};
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct iovec part = {data, PART};
    struct kevy_send write = {
        .parts = &part, .count = 1, .flags = KEVY_SEND_ZERO_COPY, .released = write_released};
    struct probe *client = &probes[1];

    QUIETLY(ck_assert_int_eq(kevy_listener_open(&listener, reactor, &options), 0));
    address.sin_port = htons(kevy_listener_port(&listener));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    probe_init(client, &probe_events);
    QUIETLY(
        ck_assert_int_eq(kevy_stream_connect(&client->stream, reactor, (struct sockaddr *)&address,
                                             sizeof address, KEVY_SECONDS(100)),
                         0));
    TURN_UNTIL(client->log[0] == 'o');
    kevy_stream_set_watermarks(&client->stream, 0, 4 * PART);
    for (enum kevy_deadline deadline = 0; deadline <= KEVY_DEADLINE_TOTAL; deadline++)
        kevy_stream_set_deadline(&client->stream, deadline, KEVY_SECONDS(100));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&client->stream, data, 2), 0));
    TURN_UNTIL(client->count == 2);
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&client->stream, data, PART), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send_pinned(&client->stream, &write), 0));
    TURN_UNTIL(client->count == 2 + 2 * PART && released == 1);
    QUIETLY(kevy_listener_pause(&listener));
    turns(3);
    QUIETLY(kevy_stream_close(&client->stream));
    probe_finish(client);
    probe_finish(&probes[0]);
    QUIETLY(kevy_listener_close(&listener));
    TURN_UNTIL(listener_closes == 1);
}

/* A Unix stream with a descriptor and a half-close. */
static void unix_work(void)
{
    struct probe *unix_end = &probes[2];

    probe_unix(unix_end, &probe_events);
    turn_now();
    QUIETLY(ck_assert_int_eq(
        kevy_stream_send_descriptor(&unix_end->stream, dup(unix_end->peer), "x", 1), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_shutdown(&unix_end->stream), 0));
    peer_write_text(unix_end->peer, "y");
    TURN_UNTIL(unix_end->count == 1);
    probe_abort(unix_end);
}

/* Both ends of a pipe. */
static void pipe_work(void)
{
    struct probe *reader = &probes[2], *writer = &probes[3];
    int ends[2];

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    probe_init(reader, &probe_events);
    probe_init(writer, &probe_events);
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&reader->stream, reactor, ends[0]), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_adopt(&writer->stream, reactor, ends[1]), 0));
    QUIETLY(ck_assert_int_eq(kevy_stream_send(&writer->stream, data, 1000), 0));
    TURN_UNTIL(reader->count == 1000);
    QUIETLY(kevy_stream_close(&writer->stream));
    probe_finish(writer);
    probe_abort(reader);
}

static void datagram_work(void)
{
    struct sockaddr_in address;
    struct post post;
    char text[8];
    int fd = plain_socket(&address);

    post_open(&post);
    post.echo = true;
    plain_send(fd, &post, "there", 5);
    ck_assert_int_eq(plain_receive(fd, text, sizeof text), 5);
    post_end(&post);
    close(fd);
}

/* All that a server does to sockets, and that a test of requests has to have seen. */
static void sockets_work(void)
{
    static const uint8_t done[] = {
        KEVY_OP_ACCEPT,  KEVY_OP_CONNECT, KEVY_OP_RECV,  KEVY_OP_SEND,         KEVY_OP_SENDMSG,
        KEVY_OP_SEND_ZC, KEVY_OP_RECVMSG, KEVY_OP_CLOSE, KEVY_OP_ASYNC_CANCEL, KEVY_OP_POLL_ADD};

    kevy_timer_start(&timer, reactor, KEVY_MILLISECONDS(1), timer_fired);
    connections_work();
    unix_work();
    datagram_work();
    TURN_UNTIL(timer.fire == NULL);
    for (unsigned index = 0; index < sizeof done; index++)
        ck_assert_msg(traffic.requests[done[index]] > 0, "never made: %u", done[index]);
}

static void days_work(void)
{
    sockets_work();
    pipe_work();
    ck_assert_uint_gt(traffic.requests[KEVY_OP_WRITEV], 0);
}

static bool sends_or_receives(const struct kevy_sqe *sqe)
{
    return sqe->opcode == KEVY_OP_RECV || sqe->opcode == KEVY_OP_SEND ||
           sqe->opcode == KEVY_OP_RECVMSG || sqe->opcode == KEVY_OP_SENDMSG;
}

static void bundle_limited(const struct kevy_sqe *sqe)
{
    if (!sends_or_receives(sqe) || (sqe->ioprio & KEVY_RECVSEND_BUNDLE) == 0)
        return;
    ck_assert_uint_eq(sqe->opcode, KEVY_OP_RECV);
    ck_assert_uint_ne(sqe->optlen, 0);
}

/* 9: bundles out of order on kernels from 6.13.11 on. Only those that can end a recv after so many
 * bytes (6.17) are asked for bundles, and these have them in order; nobody is asked for incremental
 * buffers. */
START_TEST(footgun_9_bundles_come_with_a_limit_and_incremental_buffers_never)
{
    traffic.on_request = bundle_limited;
    ck_assert_ptr_null(reactor->pool.offsets);
    days_work();
}
END_TEST

static void no_timeout(const struct kevy_sqe *sqe)
{
    ck_assert_uint_ne(sqe->opcode, KEVY_OP_TIMEOUT);
    ck_assert_uint_ne(sqe->opcode, KEVY_OP_TIMEOUT_REMOVE);
    ck_assert_uint_ne(sqe->opcode, KEVY_OP_LINK_TIMEOUT);
}

/* 16: a time that is a request has to live as long; here it is the argument of the one wait. */
START_TEST(footgun_16_timers_and_deadlines_are_no_requests)
{
    traffic.on_request = no_timeout;
    days_work();
}
END_TEST

/* Threads of io_uring in this process, which the kernel shows among our own. */
static unsigned ring_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    const struct dirent *entry;
    unsigned count = 0;

    ck_assert_ptr_nonnull(directory);
    while ((entry = readdir(directory)) != NULL) {
        char path[300], name[32] = "";
        FILE *file;

        snprintf(path, sizeof path, "/proc/self/task/%s/comm", entry->d_name);
        file = fopen(path, "re");
        if (file != NULL && fgets(name, sizeof name, file) != NULL)
            count += strncmp(name, "iou-", 4) == 0;
        if (file != NULL)
            fclose(file);
    }
    closedir(directory);
    return count;
}

/* 33: a kernel thread that polls burns a core while nothing happens. */
START_TEST(footgun_33_no_kernel_thread_polls_the_queue)
{
    ck_assert_uint_eq(reactor->ring.setup_flags & (KEVY_SETUP_SQPOLL | KEVY_SETUP_IOPOLL), 0);
    turns(3);
    ck_assert_uint_eq(ring_threads(), 0);
}
END_TEST

static void no_worker(const struct kevy_sqe *sqe)
{
    ck_assert_uint_eq(sqe->flags & KEVY_SQE_ASYNC, 0);
    ck_assert_uint_ne(sqe->opcode, KEVY_OP_SHUTDOWN); /* which always goes to one */
}

/* 34: requests that block go to worker threads, one each. Those of a pipe do, on old kernels. */
START_TEST(footgun_34_work_on_sockets_starts_no_worker_thread)
{
    traffic.on_request = no_worker;
    sockets_work();
    ck_assert_uint_eq(ring_threads(), 0);
}
END_TEST

static void plain_descriptor(const struct kevy_sqe *sqe)
{
    ck_assert_uint_eq(sqe->flags & KEVY_SQE_FIXED_FILE, 0);
    if (sqe->opcode == KEVY_OP_ACCEPT || sqe->opcode == KEVY_OP_CLOSE)
        ck_assert_uint_eq(sqe->file_index, 0);
    if (sqe->opcode == KEVY_OP_ACCEPT)
        ck_assert_uint_ne(sqe->accept_flags & SOCK_CLOEXEC, 0);
}

/* 37: an accept into a full table drops the connection; without a table there is no such accept. */
START_TEST(footgun_37_there_is_no_table_of_direct_descriptors)
{
    static const int none = -1;

    traffic.on_request = plain_descriptor;
    days_work();
    /* Where there was one already, it would be -EBUSY. */
    ck_assert_int_eq(kevy_ring_files_register(&reactor->ring, &none, 1), 0);
    ck_assert_int_eq(kevy_ring_files_unregister(&reactor->ring), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("footgun_request");
    TCase *requests = tcase_create("requests");

    tcase_add_checked_fixture(requests, setup, reactor_teardown);
    tcase_add_test(requests, footgun_9_bundles_come_with_a_limit_and_incremental_buffers_never);
    tcase_add_test(requests, footgun_16_timers_and_deadlines_are_no_requests);
    tcase_add_test(requests, footgun_33_no_kernel_thread_polls_the_queue);
    tcase_add_test(requests, footgun_34_work_on_sockets_starts_no_worker_thread);
    tcase_add_test(requests, footgun_37_there_is_no_table_of_direct_descriptors);
    suite_add_tcase(suite, requests);
    return suite;
}
