/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What is all zero is valid and idle, and nothing else may be started: an object that is at work,
 * memory that was never zeroed, and a callback that is missing are each an assertion.
 */

#include "reactor_test.h"

#include <fcntl.h>
#include <signal.h>

/* An object of each kind, zeroed. */
static struct kevy_stream stream;
static struct kevy_listener listener;
static struct kevy_datagram datagram;
static struct kevy_file file;
static struct kevy_file_operation operation;
static struct kevy_child child;
static struct kevy_signal watch;
static struct kevy_timer timer;
static struct kevy_completion completion;
static struct kevy_completion_timeout limit;
static struct kevy_connector connector;
static struct kevy_resolver resolver;
static struct kevy_lookup lookup;
static struct kevy_work work;
static struct kevy_workers *workers;

static void stream_closed(struct kevy_stream *ended, int reason)
{
    (void)ended;
    (void)reason;
}

static struct kevy_stream *accept_nobody(struct kevy_listener *from)
{
    (void)from;
    return NULL;
}

static void operation_done(struct kevy_file_operation *ended, int result)
{
    (void)ended;
    (void)result;
}

static void child_done(struct kevy_child *ended, int result)
{
    (void)ended;
    (void)result;
}

static void signal_fired(struct kevy_signal *fired)
{
    (void)fired;
}

static void timer_fired(struct kevy_timer *fired)
{
    (void)fired;
}

static void completion_done(struct kevy_completion *ended, int result, uint32_t flags)
{
    (void)ended;
    (void)result;
    (void)flags;
}

static void connector_done(struct kevy_connector *ended, int result)
{
    (void)ended;
    (void)result;
}

static void lookup_done(struct kevy_lookup *ended, int result)
{
    (void)ended;
    (void)result;
}

static int work_run(struct kevy_work *begun)
{
    (void)begun;
    return 0;
}

static void work_done(struct kevy_work *ended, int result)
{
    (void)ended;
    (void)result;
}

static const struct kevy_stream_events events = {.close = stream_closed};

/* One way to start each; each does so a first time without complaint. */

static void stream_init(void)
{
    (void)kevy_stream_init(&stream, &events);
}

static void stream_adopt(void)
{
    int fd, peer;

    tcp_pair(&fd, &peer);
    ck_assert_int_eq(kevy_stream_adopt(&stream, reactor, fd), 0);
}

static void stream_connect(void)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    (void)kevy_stream_connect(&stream, reactor, (const struct sockaddr *)&to, sizeof to,
                              KEVY_FOREVER);
}

static void stream_start_twice(void)
{
    stream_init();
    stream_adopt();
    stream_adopt();
}

static void stream_connect_twice(void)
{
    stream_init();
    stream_connect();
    stream_connect();
}

static void stream_init_in_use(void)
{
    stream_init();
    stream_adopt();
    stream_init();
}

static void listener_open(void)
{
    (void)kevy_listener_open(
        &listener, reactor,
        &(struct kevy_listener_options){.address = "127.0.0.1", .accept = accept_nobody});
}

static void listener_open_twice(void)
{
    listener_open();
    listener_open();
}

static void datagram_open(void)
{
    (void)kevy_datagram_open(&datagram, reactor,
                             &(struct kevy_datagram_options){.address = "127.0.0.1"});
}

static void datagram_open_twice(void)
{
    datagram_open();
    datagram_open();
}

static void file_open(void)
{
    (void)kevy_file_open(&file, reactor,
                         &(struct kevy_file_options){.path = "/dev/zero", .flags = O_RDONLY});
}

static void file_open_twice(void)
{
    file_open();
    file_open();
}

static void operation_twice(void)
{
    static char bytes[8];
    int fds[2];

    operation.done = operation_done;
    ck_assert_int_eq(pipe(fds), 0);
    ck_assert_int_eq(kevy_file_adopt(&file, reactor, fds[0], &(struct kevy_file_options){0}), 0);
    for (unsigned round = 0; round < 2; round++)
        (void)kevy_file_read(&file, &operation, bytes, sizeof bytes, KEVY_FILE_POSITION);
}

static void child_watch(void)
{
    (void)kevy_child_watch(&child, reactor, getppid(), child_done);
}

static void child_watch_twice(void)
{
    child_watch();
    child_watch();
}

static void signal_watch(void)
{
    (void)kevy_signal_watch(&watch, reactor, SIGUSR1, signal_fired);
}

static void signal_watch_twice(void)
{
    signal_watch();
    signal_watch();
}

static void timer_start(void)
{
    kevy_timer_start(&timer, reactor, 1, timer_fired);
}

static void completion_init(void)
{
    kevy_completion_init(&completion, reactor, completion_done);
}

static void completion_init_active(void)
{
    completion_init();
    ck_assert_ptr_nonnull(kevy_completion_sqe(&completion));
    completion_init();
}

static void completion_before_init(void)
{
    (void)kevy_completion_sqe(&completion);
}

static void limit_before_init(void)
{
    kevy_completion_timeout_start(&limit, &completion, 1);
}

static void connector_start(void)
{
    static const struct sockaddr_in to = {.sin_family = AF_INET};
    static const struct kevy_address address = {(const struct sockaddr *)&to, sizeof to};

    (void)kevy_connector_start(
        &connector, reactor,
        &(struct kevy_connector_options){
            .stream = &stream, .addresses = &address, .count = 1, .done = connector_done});
}

static void connector_start_twice(void)
{
    stream_init();
    connector_start();
    connector_start();
}

static void connector_with_a_stream_in_use(void)
{
    stream_init();
    stream_adopt();
    connector_start();
}

static void resolver_open(void)
{
    ck_assert_int_eq(kevy_resolver_open(&resolver, NULL), 0);
}

static void resolver_open_twice(void)
{
    resolver_open();
    resolver_open();
}

static void lookup_start(void)
{
    (void)kevy_lookup_start(&lookup, reactor,
                            &(struct kevy_lookup_options){
                                .resolver = &resolver, .host = "127.0.0.1", .done = lookup_done});
}

static void lookup_start_twice(void)
{
    resolver_open();
    lookup_start();
    lookup_start();
}

static void lookup_not_released(void)
{
    resolver_open();
    lookup_start();
    TURN_UNTIL(lookup.addresses != NULL);
    lookup_start();
}

static void work_submit(void)
{
    work.run = work_run;
    work.done = work_done;
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    (void)kevy_work_submit(&work, workers, reactor);
}

static void work_submit_twice(void)
{
    work_submit();
    work_submit();
}

static void (*const twice[])(void) = {
    stream_start_twice,     stream_connect_twice,  stream_init_in_use,
    listener_open_twice,    datagram_open_twice,   file_open_twice,
    operation_twice,        child_watch_twice,     signal_watch_twice,
    completion_init_active, connector_start_twice, connector_with_a_stream_in_use,
    resolver_open_twice,    lookup_start_twice,    lookup_not_released,
    work_submit_twice,
};

START_TEST(what_is_at_work_is_not_started_again)
{
    twice[_i]();
}
END_TEST

static const struct {
    void *object;
    size_t size;
    void (*start)(void);
} starts[] = {
    {&stream, sizeof stream, stream_init},       {&listener, sizeof listener, listener_open},
    {&datagram, sizeof datagram, datagram_open}, {&file, sizeof file, file_open},
    {&child, sizeof child, child_watch},         {&watch, sizeof watch, signal_watch},
    {&timer, sizeof timer, timer_start},         {&completion, sizeof completion, completion_init},
    {&resolver, sizeof resolver, resolver_open},
};

/* Memory as malloc(3) or the stack may have it. */
START_TEST(memory_that_was_not_zeroed_is_seen)
{
    memset(starts[_i].object, 0xA5, starts[_i].size);
    starts[_i].start();
}
END_TEST

static void stream_without_events(void)
{
    stream_adopt();
}

static void stream_without_close(void)
{
    static const struct kevy_stream_events nothing = {0};

    (void)kevy_stream_init(&stream, &nothing);
}

static void listener_without_accept(void)
{
    (void)kevy_listener_open(&listener, reactor, &(struct kevy_listener_options){0});
}

static void timer_without_fire(void)
{
    kevy_timer_start(&timer, reactor, 1, NULL);
}

static void completion_without_done(void)
{
    kevy_completion_init(&completion, reactor, NULL);
}

static void signal_without_fire(void)
{
    (void)kevy_signal_watch(&watch, reactor, SIGUSR1, NULL);
}

static void child_without_done(void)
{
    (void)kevy_child_watch(&child, reactor, getppid(), NULL);
}

static void operation_without_done(void)
{
    (void)kevy_file_fsync(&file, &operation, false);
}

static void range_without_done(void)
{
    struct kevy_file_range range = {0};

    stream_init();
    stream_adopt();
    ignore(kevy_stream_send_file(&stream, &range));
}

static void send_without_released(void)
{
    struct iovec part = {.iov_base = "x", .iov_len = 1};
    struct kevy_send send = {.parts = &part, .count = 1, .flags = KEVY_SEND_ZERO_COPY};

    stream_init();
    stream_adopt();
    ignore(kevy_stream_send_pinned(&stream, &send));
}

static void work_without_run(void)
{
    ck_assert_int_eq(kevy_workers_create(&workers, NULL), 0);
    (void)kevy_work_submit(&work, workers, reactor);
}

static void lookup_without_resolver(void)
{
    lookup_start();
}

static void task_without_run(void)
{
    struct kevy_task task = {0};

    kevy_reactor_post(reactor, &task);
}

static void group_without_setup(void)
{
    struct kevy_group *group;

    (void)kevy_group_start(&group, &(struct kevy_group_options){0});
}

static void (*const without[])(void) = {
    stream_without_events, stream_without_close,    listener_without_accept,
    timer_without_fire,    completion_without_done, signal_without_fire,
    child_without_done,    operation_without_done,  range_without_done,
    send_without_released, work_without_run,        lookup_without_resolver,
    task_without_run,      group_without_setup,     completion_before_init,
    limit_before_init,
};

START_TEST(what_is_missing_is_seen)
{
    without[_i]();
}
END_TEST

static const void *nowhere(void)
{
    return NULL;
}

START_TEST(all_zero_is_idle)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    struct kevy_credentials credentials;
    struct kevy_stream_stats stats;
    struct kevy_buffer buffer = {0};

    QUIETLY(kevy_stream_close(&stream));
    QUIETLY(kevy_stream_abort(&stream));
    QUIETLY(kevy_stream_resume(&stream));
    ck_assert_int_eq(kevy_stream_send(&stream, "x", 1), -EPIPE);
    ck_assert_int_eq(kevy_stream_shutdown(&stream), -EPIPE);
    ck_assert_int_eq(kevy_stream_fd(&stream), -1);
    ck_assert_uint_eq(kevy_stream_queued(&stream), 0);
    ck_assert_ptr_eq(kevy_stream_reactor(&stream), nowhere());
    ck_assert_int_eq(kevy_stream_peer_address(&stream, (struct sockaddr *)&address, &length),
                     -ENOTCONN);
    ck_assert_int_eq(kevy_stream_credentials(&stream, &credentials), -ENOTCONN);
    kevy_stream_stats(&stream, &stats);
    ck_assert_uint_eq(stats.received + stats.sent, 0);
    QUIETLY(kevy_listener_close(&listener));
    QUIETLY(kevy_listener_pause(&listener));
    QUIETLY(kevy_listener_resume(&listener));
    ck_assert_uint_eq(kevy_listener_port(&listener), 0);
    ck_assert_uint_eq(kevy_listener_connections(&listener), 0);
    QUIETLY(kevy_datagram_close(&datagram));
    QUIETLY(kevy_datagram_pause(&datagram));
    QUIETLY(kevy_datagram_resume(&datagram));
    ck_assert_int_eq(kevy_datagram_send(&datagram, "x", 1, NULL, 0), -EPIPE);
    ck_assert_int_eq(kevy_datagram_join(&datagram, "224.0.0.1", 0), -EBADF);
    ck_assert_uint_eq(kevy_datagram_port(&datagram), 0);
    ck_assert_int_eq(kevy_datagram_fd(&datagram), -1);
    QUIETLY(kevy_file_close(&file));
    ck_assert_int_eq(kevy_file_fd(&file), -1);
    ck_assert_int_eq(kevy_file_cancel(&operation), -ENOENT);
    QUIETLY(kevy_child_unwatch(&child));
    QUIETLY(kevy_signal_unwatch(&watch));
    QUIETLY(kevy_timer_stop(&timer));
    QUIETLY(kevy_completion_timeout_stop(&limit));
    ck_assert_int_eq(kevy_completion_cancel(&completion), -ENOENT);
    QUIETLY(kevy_connector_cancel(&connector));
    QUIETLY(kevy_resolver_close(&resolver));
    QUIETLY(kevy_lookup_cancel(&lookup));
    QUIETLY(kevy_lookup_release(&lookup));
    ck_assert_int_eq(kevy_work_cancel(&work), -ENOENT);
    QUIETLY(kevy_buffer_release(&buffer));
    ck_assert_uint_eq(stats_now().objects, 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("misuse");
    TCase *misuse = tcase_create("misuse");
    TCase *zero = tcase_create("zero");

    tcase_add_checked_fixture(misuse, reactor_setup, NULL);
    tcase_add_checked_fixture(zero, reactor_setup, reactor_teardown);
    support_add_abort(misuse, what_is_at_work_is_not_started_again, 0,
                      (int)(sizeof twice / sizeof *twice));
    support_add_abort(misuse, memory_that_was_not_zeroed_is_seen, 0,
                      (int)(sizeof starts / sizeof *starts));
    support_add_abort(misuse, what_is_missing_is_seen, 0, (int)(sizeof without / sizeof *without));
    suite_add_tcase(suite, misuse);
    tcase_add_test(zero, all_zero_is_idle);
    suite_add_tcase(suite, zero);
    return suite;
}
