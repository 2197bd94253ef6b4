/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What a reactor can be asked for at creation, keep-alive references, and embedding. */

#include "reactor_test.h"

#include <kevy/ring_register.h>

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>

#include "core/reactor.h"

static void echo_once(void)
{
    struct probe probe;

    probe_tcp(&probe, &probe_events);
    probe.echo = true;
    peer_write_text(probe.peer, "hello");
    peer_expect_text(probe.peer, "hello");
    kevy_stream_close(&probe.stream);
    probe_finish(&probe);
}

static int last_result;

static void keep_result(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)completion;
    (void)flags;
    last_result = result;
}

static int open_by_ring(void)
{
    struct kevy_completion completion = {0};

    kevy_completion_init(&completion, reactor, keep_result);
    kevy_prep_openat(kevy_completion_sqe(&completion), AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0);
    TURN_UNTIL(!kevy_completion_active(&completion));
    return last_result;
}

START_TEST(a_restricted_reactor_serves_and_opens_no_files)
{
    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    echo_once();
    ck_assert_int_eq(open_by_ring(), -EACCES);
}
END_TEST

START_TEST(a_restricted_reactor_does_what_it_was_told_it_may)
{
    static const uint8_t operations[] = {KEVY_OP_OPENAT};
    int fd;

    reactor_setup_with(&(struct kevy_reactor_options){
        .restricted = true, .operations = operations, .operation_count = 1});
    fd = open_by_ring();
    ck_assert_int_ge(fd, 0);
    close(fd);
    echo_once();
}
END_TEST

START_TEST(a_restricted_reactor_registers_nothing_more)
{
    int fds[1] = {-1};

    reactor_setup_with(&(struct kevy_reactor_options){.restricted = true});
    ck_assert_int_eq(kevy_ring_register(&reactor->ring, KEVY_REGISTER_FILES, fds, 1), -EACCES);
    reactor_setup_with(NULL);
    ck_assert_int_eq(kevy_ring_register(&reactor->ring, KEVY_REGISTER_FILES, fds, 1), 0);
    ck_assert_int_eq(kevy_ring_register(&reactor->ring, KEVY_UNREGISTER_FILES, NULL, 0), 0);
}
END_TEST

START_TEST(too_many_operations_are_refused)
{
    struct kevy_reactor *other = NULL;
    static const uint8_t operations[65];

    ck_assert_int_eq(
        kevy_reactor_create(&other, &(struct kevy_reactor_options){.restricted = true,
                                                                   .operations = operations,
                                                                   .operation_count = 65}),
        -EINVAL);
    ck_assert_ptr_null(other);
}
END_TEST

START_TEST(a_reference_keeps_the_loop_and_an_unref_lets_an_object_not_keep_it)
{
    struct probe probe;

    kevy_reactor_ref(reactor);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
    kevy_reactor_unref(reactor);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
    probe_tcp(&probe, &probe_events);
    kevy_reactor_unref(reactor);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert(!probe.closed);
    kevy_reactor_ref(reactor);
    kevy_stream_close(&probe.stream);
    probe_finish(&probe);
}
END_TEST

/* The foreign loop's side of a round; true when the descriptor became readable. */
static bool foreign_poll(int limit_ms)
{
    struct pollfd polled = {.fd = kevy_reactor_fd(reactor), .events = POLLIN};

    ck_assert_int_ge(polled.fd, 0);
    return poll(&polled, 1, limit_ms) == 1;
}

static uint64_t settle(void)
{
    uint64_t timeout_ns;

    do
        ck_assert_int_ge(kevy_reactor_run_once(reactor, 0), 0);
    while ((timeout_ns = kevy_reactor_next_timeout(reactor)) == 0);
    return timeout_ns;
}

START_TEST(footgun_28_what_arrives_makes_the_descriptor_readable)
{
    struct probe probe;

    ck_assert_int_ge(kevy_reactor_fd(reactor), 0);
    probe_tcp(&probe, &probe_events);
    ck_assert_uint_eq(settle(), KEVY_FOREVER);
    ck_assert(!foreign_poll(0));
    peer_write_text(probe.peer, "x");
    ck_assert(foreign_poll(10000));
    settle();
    ck_assert_uint_eq(probe.count, 1);
    kevy_stream_close(&probe.stream);
    probe_finish(&probe);
}
END_TEST

static void task_mark(struct kevy_task *task, struct kevy_reactor *where)
{
    (void)where;
    task->run = NULL;
}

static void *post_from_thread(void *task)
{
    kevy_reactor_post(reactor, task);
    return NULL;
}

START_TEST(a_post_from_another_thread_wakes_the_foreign_loop)
{
    struct kevy_task task = {.run = task_mark};
    pthread_t thread;

    ck_assert_int_ge(kevy_reactor_fd(reactor), 0);
    ck_assert_uint_eq(settle(), KEVY_FOREVER);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_from_thread, &task), 0);
    ck_assert(foreign_poll(10000));
    pthread_join(thread, NULL);
    for (int round = 0; round < 10 && task.run != NULL; round++)
        settle();
    ck_assert(task.run == NULL);
}
END_TEST

/* The kernel may end any multishot, the poll of the wake among them. */
START_TEST(a_post_wakes_the_foreign_loop_though_the_poll_for_it_has_ended)
{
    struct kevy_task task = {.run = task_mark};
    pthread_t thread;

    ck_assert_int_ge(kevy_reactor_fd(reactor), 0);
    turn_now();
    ck_assert_int_eq(kevy_completion_cancel(&reactor->wake.completion), 0);
    ck_assert_uint_eq(settle(), KEVY_FOREVER);
    ck_assert(kevy_completion_active(&reactor->wake.completion));
    ck_assert_int_eq(pthread_create(&thread, NULL, post_from_thread, &task), 0);
    ck_assert(foreign_poll(10000));
    pthread_join(thread, NULL);
    for (int round = 0; round < 10 && task.run != NULL; round++)
        settle();
    ck_assert(task.run == NULL);
}
END_TEST

static void timer_mark(struct kevy_timer *timer)
{
    timer->fire = NULL;
}

START_TEST(the_next_timeout_is_that_of_the_first_timer)
{
    struct kevy_timer timer = {0};
    uint64_t timeout_ns;

    kevy_timer_start(&timer, reactor, KEVY_SECONDS(100), timer_mark);
    timeout_ns = settle();
    ck_assert_uint_le(timeout_ns, KEVY_SECONDS(100) + KEVY_MILLISECONDS(2));
    ck_assert_uint_gt(timeout_ns, 0);
    kevy_timer_stop(&timer);
}
END_TEST

START_TEST(asking_for_the_next_timeout_enters_only_with_something_to_submit)
{
    struct kevy_reactor_stats before;
    struct probe probe;

    settle();
    before = stats_now();
    (void)kevy_reactor_next_timeout(reactor);
    ck_assert_uint_eq(stats_now().enters, before.enters);
    probe_tcp(&probe, &probe_events);
    turns(3);
    ck_assert_int_eq(kevy_stream_send(&probe.stream, "x", 1), 0);
    before = stats_now();
    (void)kevy_reactor_next_timeout(reactor);
    ck_assert_uint_eq(stats_now().enters, before.enters + 1);
    ck_assert_uint_eq(stats_now().submissions, before.submissions + 1);
    kevy_stream_abort(&probe.stream);
    probe_finish(&probe);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("options");
    TCase *options = tcase_create("options");
    TCase *embedding = tcase_create("embedding");

    tcase_add_checked_fixture(options, reactor_setup, reactor_teardown);
    tcase_add_checked_fixture(embedding, reactor_setup, reactor_teardown);
    tcase_add_test(options, a_restricted_reactor_serves_and_opens_no_files);
    tcase_add_test(options, a_restricted_reactor_does_what_it_was_told_it_may);
    tcase_add_test(options, a_restricted_reactor_registers_nothing_more);
    tcase_add_test(options, too_many_operations_are_refused);
    tcase_add_test(options, a_reference_keeps_the_loop_and_an_unref_lets_an_object_not_keep_it);
    tcase_add_test(embedding, footgun_28_what_arrives_makes_the_descriptor_readable);
    tcase_add_test(embedding, a_post_from_another_thread_wakes_the_foreign_loop);
    tcase_add_test(embedding, a_post_wakes_the_foreign_loop_though_the_poll_for_it_has_ended);
    tcase_add_test(embedding, the_next_timeout_is_that_of_the_first_timer);
    tcase_add_test(embedding, asking_for_the_next_timeout_enters_only_with_something_to_submit);
    suite_add_tcase(suite, options);
    suite_add_tcase(suite, embedding);
    return suite;
}
