/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Completions: any request, one callback, and what cancelling makes of it. */

#include "reactor_test.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

struct request {
    struct kevy_completion completion;
    unsigned calls, finals;
    int result;
    uint32_t flags;
    void (*then)(struct request *request);
    void *context;
};

static void request_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct request *request = KEVY_CONTAINER_OF(completion, struct request, completion);

    ck_assert_uint_eq(quiet_depth, 0);
    request->calls++;
    request->finals += (flags & KEVY_CQE_F_MORE) == 0;
    request->result = result;
    request->flags = flags;
    if (request->then != NULL)
        request->then(request);
}

static void request_init(struct request *request)
{
    memset(request, 0, sizeof *request);
    kevy_completion_init(&request->completion, reactor, request_done);
}

static struct kevy_sqe *slot(struct request *request)
{
    struct kevy_sqe *sqe = NULL;

    QUIETLY(sqe = kevy_completion_sqe(&request->completion));
    ck_assert_ptr_nonnull(sqe);
    ck_assert(kevy_completion_active(&request->completion));
    return sqe;
}

START_TEST(one_request_has_one_callback)
{
    struct request request;

    request_init(&request);
    ck_assert(!kevy_completion_active(&request.completion));
    kevy_prep_nop(slot(&request));
    ck_assert_uint_eq(stats_now().operations, 1);
    TURN_UNTIL(request.calls);
    ck_assert_int_eq(request.result, 0);
    ck_assert(!kevy_completion_active(&request.completion));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(request.calls, 1);
}
END_TEST

START_TEST(a_refused_request_reports_its_errno)
{
    struct request request;
    char byte;

    request_init(&request);
    kevy_prep_read(slot(&request), -1, &byte, 1, 0);
    TURN_UNTIL(request.calls);
    ck_assert_int_eq(request.result, -EBADF);
}
END_TEST

START_TEST(a_slot_left_alone_is_a_nop)
{
    struct request request;

    request_init(&request);
    (void)slot(&request);
    TURN_UNTIL(request.calls);
    ck_assert_int_eq(request.result, 0);
}
END_TEST

START_TEST(requests_of_one_completion_share_its_callback)
{
    struct request request;

    request_init(&request);
    for (unsigned count = 0; count < 5; count++)
        kevy_prep_nop(slot(&request));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(request.calls, 5);
    ck_assert(!kevy_completion_active(&request.completion));
}
END_TEST

START_TEST(a_multishot_calls_back_until_one_lacks_f_more)
{
    struct request request;
    static const uint64_t one = 1;
    uint64_t value;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

    request_init(&request);
    kevy_prep_poll_multishot(slot(&request), fd, POLLIN);
    for (unsigned count = 1; count <= 3; count++) {
        ck_assert_int_eq(write(fd, &one, sizeof one), sizeof one);
        TURN_UNTIL(request.calls == count);
        ck_assert_int_eq(read(fd, &value, sizeof value), sizeof value);
    }
    ck_assert_uint_eq(request.finals, 0);
    ck_assert(kevy_completion_active(&request.completion));
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    TURN_UNTIL(request.finals);
    ck_assert_int_eq(request.result, -ECANCELED);
    ck_assert_uint_eq(request.calls, 4);
    close(fd);
}
END_TEST

START_TEST(cancelling_what_is_not_in_flight_says_so)
{
    struct request request;

    request_init(&request);
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), -ENOENT));
}
END_TEST

START_TEST(footgun_11_a_cancel_that_wins_is_answered_once_with_ecanceled)
{
    struct request request;
    char byte;
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    request_init(&request);
    kevy_prep_read(slot(&request), pipes[0], &byte, 1, 0);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    TURN_UNTIL(request.calls);
    ck_assert_int_eq(request.result, -ECANCELED);
    turns(5);
    ck_assert_uint_eq(request.calls, 1);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

/* A worker thread of the kernel's waits for a byte in the first pipe; it is interrupted. */
static int pipes[2][2];

static void worker_start(struct request *request)
{
    ck_assert_int_eq(pipe2(pipes[0], O_CLOEXEC), 0);
    ck_assert_int_eq(pipe2(pipes[1], O_CLOEXEC), 0);
    request_init(request);
    kevy_prep_splice(slot(request), pipes[0][0], KEVY_OFFSET_CURRENT, pipes[1][1],
                     KEVY_OFFSET_CURRENT, 1, 0);
    turns(5);
}

static void worker_end(const struct request *request, int result)
{
    ck_assert_uint_eq(request->calls, 1);
    ck_assert_int_eq(request->result, result);
    for (int i = 0; i < 4; i++)
        close(pipes[i / 2][i % 2]);
}

START_TEST(a_cancel_that_interrupts_a_worker_is_answered_with_ecanceled)
{
    struct request request;

    worker_start(&request);
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    TURN_UNTIL(request.calls);
    worker_end(&request, -ECANCELED);
}
END_TEST

START_TEST(a_limit_that_interrupts_a_worker_reports_a_timeout)
{
    struct kevy_completion_timeout limit = {0};
    struct request request;

    memset(&limit, 0, sizeof limit);
    worker_start(&request);
    QUIETLY(kevy_completion_timeout_start(&limit, &request.completion, KEVY_MILLISECONDS(1)));
    TURN_UNTIL(request.calls);
    worker_end(&request, -ETIMEDOUT);
}
END_TEST

START_TEST(destroying_the_reactor_interrupts_a_worker_with_ecanceled)
{
    struct request request;

    worker_start(&request);
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    reactor = NULL;
    worker_end(&request, -ECANCELED);
    reactor_setup();
}
END_TEST

START_TEST(footgun_11_a_cancel_that_loses_leaves_the_plain_result)
{
    struct request request;

    request_init(&request);
    kevy_prep_nop(slot(&request));
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    TURN_UNTIL(request.calls);
    ck_assert_int_eq(request.result, 0);
    turns(5);
    ck_assert_uint_eq(request.calls, 1);
}
END_TEST

START_TEST(cancel_reaches_every_request_of_the_completion_and_no_other)
{
    struct request request, bystander;
    char bytes[4] = {0};
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    request_init(&request);
    request_init(&bystander);
    for (unsigned count = 0; count < 3; count++)
        kevy_prep_poll(slot(&request), pipes[0], POLLIN);
    kevy_prep_poll(slot(&bystander), pipes[0], POLLIN);
    turn_now();
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    TURN_UNTIL(request.calls == 3);
    ck_assert_uint_eq(bystander.calls, 0);
    ck_assert_int_eq(write(pipes[1], bytes, 1), 1);
    TURN_UNTIL(bystander.calls);
    ck_assert_int_eq(bystander.result, POLLIN);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

static int waiting_pipe[2];

static void wait_on_pipe(struct request *request)
{
    request->then = NULL;
    kevy_prep_poll(slot(request), waiting_pipe[0], POLLIN);
}

static void cancel_other(struct request *request)
{
    struct request *other = request->context;

    ck_assert_int_eq(kevy_completion_cancel(&other->completion), 0);
}

/* The first one's callback cancels the second, which has finished and starts anew in its own. */
START_TEST(a_cancel_that_comes_too_late_does_not_reach_the_next_request_of_the_completion)
{
    struct request first, second;
    static const char byte;

    ck_assert_int_eq(pipe2(waiting_pipe, O_CLOEXEC), 0);
    request_init(&first);
    request_init(&second);
    first.then = cancel_other;
    first.context = &second;
    second.then = wait_on_pipe;
    kevy_prep_nop(slot(&first));
    kevy_prep_nop(slot(&second));
    TURN_UNTIL(second.calls == 1);
    ck_assert_uint_eq(first.calls, 1);
    turns(10);
    ck_assert_uint_eq(second.calls, 1);
    ck_assert_int_eq(write(waiting_pipe[1], &byte, 1), 1);
    TURN_UNTIL(second.calls == 2);
    ck_assert_int_eq(second.result, POLLIN);
    close(waiting_pipe[0]);
    close(waiting_pipe[1]);
}
END_TEST

static void free_request(struct request *request)
{
    *(unsigned *)request->context += 1;
    free(request);
}

START_TEST(a_completion_may_be_freed_in_its_last_callback)
{
    unsigned freed = 0;

    for (unsigned count = 0; count < 100; count++) {
        struct request *request = malloc(sizeof *request);

        ck_assert_ptr_nonnull(request);
        request_init(request);
        request->then = free_request;
        request->context = &freed;
        kevy_prep_nop(slot(request));
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(freed, 100);
}
END_TEST

static void again(struct request *request)
{
    if (request->calls < 1000)
        kevy_prep_nop(slot(request));
}

START_TEST(a_completion_may_be_used_again_from_its_callback)
{
    struct request request;

    request_init(&request);
    request.then = again;
    kevy_prep_nop(slot(&request));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(request.calls, 1000);
}
END_TEST

START_TEST(run_goes_on_while_a_completion_is_in_flight)
{
    struct request request, writer;
    char byte = 1, got = 0;
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    request_init(&request);
    request_init(&writer);
    kevy_prep_read(slot(&request), pipes[0], &got, 1, 0);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 1);
    kevy_prep_write(slot(&writer), pipes[1], &byte, 1, 0);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_int_eq(request.result, 1);
    ck_assert_int_eq(got, 1);
    ck_assert_int_eq(kevy_reactor_run_once(reactor, 0), 0);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(destroy_cancels_completions_in_flight_and_calls_them_back)
{
    struct request request;
    static char byte;
    int pipes[2];

    ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
    request_init(&request);
    kevy_prep_read(slot(&request), pipes[0], &byte, 1, 0);
    turn_now();
    ck_assert_uint_eq(kevy_reactor_destroy(reactor), 0);
    reactor = NULL;
    ck_assert_uint_eq(request.calls, 1);
    ck_assert_int_eq(request.result, -ECANCELED);
    close(pipes[0]);
    close(pipes[1]);
    reactor_setup();
}
END_TEST

START_TEST(a_queue_of_one_slot_submits_and_loses_nothing)
{
    struct request request;

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 1, .cq_entries = 2});
    request_init(&request);
    for (unsigned count = 0; count < 200; count++)
        kevy_prep_nop(slot(&request));
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(request.calls, 200);
}
END_TEST

static unsigned order_next;

static void in_order(struct request *request)
{
    ck_assert_uint_eq((unsigned)(uintptr_t)request->context, order_next++);
}

START_TEST(footgun_1_an_overflowed_completion_queue_loses_and_reorders_nothing)
{
    static struct request requests[500];

    reactor_setup_with(&(struct kevy_reactor_options){.sq_entries = 4, .cq_entries = 4});
    for (unsigned index = 0; index < 500; index++) {
        request_init(&requests[index]);
        requests[index].then = in_order;
        requests[index].context = (void *)(uintptr_t)index;
        kevy_prep_nop(slot(&requests[index]));
    }
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
    ck_assert_uint_eq(order_next, 500);
    ck_assert_uint_gt(stats_now().overflows, 0);
    ck_assert_uint_eq(stats_now().operations, 0);
}
END_TEST

START_TEST(a_limit_that_passes_cancels_and_reports_a_timeout)
{
    struct kevy_completion_timeout limit = {0};
    struct request request;
    int ends[2];
    char byte;

    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    request_init(&request);
    kevy_prep_read(slot(&request), ends[0], &byte, 1, UINT64_MAX);
    QUIETLY(kevy_completion_timeout_start(&limit, &request.completion, KEVY_MILLISECONDS(1)));
    TURN_UNTIL(request.calls);
    ck_assert_int_eq(request.result, -ETIMEDOUT);
    ck_assert_uint_eq(request.finals, 1);
    /* The next request of the same completion starts anew. */
    kevy_prep_read(slot(&request), ends[0], &byte, 1, UINT64_MAX);
    QUIETLY(ck_assert_int_eq(kevy_completion_cancel(&request.completion), 0));
    TURN_UNTIL(request.calls == 2);
    ck_assert_int_eq(request.result, -ECANCELED);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

START_TEST(a_limit_that_is_stopped_does_not_pass)
{
    struct kevy_completion_timeout limit = {0};
    struct request request;

    request_init(&request);
    kevy_prep_nop(slot(&request));
    QUIETLY(kevy_completion_timeout_start(&limit, &request.completion, KEVY_MILLISECONDS(1)));
    TURN_UNTIL(request.calls);
    QUIETLY(kevy_completion_timeout_stop(&limit));
    QUIETLY(kevy_completion_timeout_stop(&limit));
    ck_assert_int_eq(request.result, 0);
    ck_assert_int_eq(kevy_reactor_run(reactor), 0);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("completion");
    TCase *requests = tcase_create("requests");

    tcase_add_checked_fixture(requests, reactor_setup, reactor_teardown);
    tcase_set_timeout(requests, 10);
    tcase_add_test(requests, one_request_has_one_callback);
    tcase_add_test(requests, a_limit_that_passes_cancels_and_reports_a_timeout);
    tcase_add_test(requests, a_limit_that_is_stopped_does_not_pass);
    tcase_add_test(requests, a_refused_request_reports_its_errno);
    tcase_add_test(requests, a_slot_left_alone_is_a_nop);
    tcase_add_test(requests, requests_of_one_completion_share_its_callback);
    tcase_add_test(requests, a_multishot_calls_back_until_one_lacks_f_more);
    tcase_add_test(requests, cancelling_what_is_not_in_flight_says_so);
    tcase_add_test(requests, footgun_11_a_cancel_that_wins_is_answered_once_with_ecanceled);
    tcase_add_test(requests, a_cancel_that_interrupts_a_worker_is_answered_with_ecanceled);
    tcase_add_test(requests, a_limit_that_interrupts_a_worker_reports_a_timeout);
    tcase_add_test(requests, destroying_the_reactor_interrupts_a_worker_with_ecanceled);
    tcase_add_test(requests, footgun_11_a_cancel_that_loses_leaves_the_plain_result);
    tcase_add_test(requests, cancel_reaches_every_request_of_the_completion_and_no_other);
    tcase_add_test(requests,
                   a_cancel_that_comes_too_late_does_not_reach_the_next_request_of_the_completion);
    tcase_add_test(requests, a_completion_may_be_freed_in_its_last_callback);
    tcase_add_test(requests, a_completion_may_be_used_again_from_its_callback);
    tcase_add_test(requests, run_goes_on_while_a_completion_is_in_flight);
    tcase_add_test(requests, destroy_cancels_completions_in_flight_and_calls_them_back);
    tcase_add_test(requests, a_queue_of_one_slot_submits_and_loses_nothing);
    tcase_add_test(requests, footgun_1_an_overflowed_completion_queue_loses_and_reorders_nothing);
    suite_add_tcase(suite, requests);
    return suite;
}
