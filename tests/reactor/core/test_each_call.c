/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Each call fails in turn. The scenario of everything_test.h runs once for each call that it makes
 * and each errno with which that call may fail: plain system calls, the calls of the ring, its
 * requests, allocations. Somebody is told of the error, or the library tries again. Nothing
 * crashes, hangs or leaks; what arrives is a beginning of what was sent; every last callback comes;
 * and where nobody was told of anything, everything has come to its good end.
 */

#include "everything_test.h"

#include "failing_heap.h"
#include "fault_kernel.h"
#include "fault_system.h"

#include "core/reactor.h"

#include <kevy/ring_prep.h>
#include <stdio.h>

enum { CALLS_MAX = 3000 };

/* What fails, for messages. */
static struct {
    const char *what;
    uint32_t nth;
    int error;
} failing;

/* The requests of a run, of which one is answered instead of done. */
static uint32_t requests_left;
static bool request_failed;

static void request_fail(struct kevy_sqe *sqe)
{
    if (sqe->opcode == KEVY_OP_NOP || sqe->opcode == KEVY_OP_ASYNC_CANCEL || requests_left == 0 ||
        --requests_left != 0)
        return;
    request_failed = true;
    if (sqe->opcode == KEVY_OP_CLOSE)
        (void)close(sqe->fd); /* which happens whatever close(2) says */
    kevy_prep_nop_result(sqe, failing.error);
}

static void world_check(int descriptors)
{
    char context[128];

    snprintf(context, sizeof context, "%s %u with %d; told %u times, first %d", failing.what,
             failing.nth, failing.error, world.reports, world.report);
    ck_assert_msg(!world.stuck, "stuck, parts 0x%x: %s", world.parts, context);
    ck_assert_msg(world.owed == 0, "%u last callbacks did not come: %s", world.owed, context);
    ck_assert_msg(world.reports != 0 || world.parts == PARTS_ALL, "parts 0x%x: %s", world.parts,
                  context);
    ck_assert_msg(heap.live == 0, "%u allocations: %s", heap.live, context);
    ck_assert_msg(fault_mappings() == 0, "%d mappings: %s", fault_mappings(), context);
    ck_assert_msg(support_fd_count() == descriptors, "%d descriptors, were %d: %s",
                  support_fd_count(), descriptors, context);
}

static struct kevy_reactor_options options = {
    .allocator = &heap_allocator,
    .sq_entries = 64,
    .buffer_count = 64,
};

static void everything(void)
{
    int descriptors = support_fd_count();

    memset(&world, 0, sizeof world);
    if (told(kevy_reactor_create(&world.reactor, &options)) == 0) {
        if (requests_left != 0)
            fault_rewrite_set(&world.reactor->ring, request_fail);
        everything_start();
        (void)told(kevy_reactor_run(world.reactor));
        everything_end();
        fault_rewrite_set(NULL, NULL);
    }
    world_check(descriptors);
}

START_TEST(without_a_fault_everything_comes_to_its_good_end)
{
    failing.what = "nothing";
    everything();
    ck_assert_uint_eq(world.reports, 0);
}
END_TEST

static void count_tell(const char *what, uint32_t calls, uint32_t failures)
{
    printf("%s: %u calls, %u failures\n", what, calls, failures);
    fflush(stdout);
    ck_assert_uint_lt(calls, CALLS_MAX);
}

START_TEST(each_plain_system_call_fails_in_turn)
{
    uint32_t nth = 1, failures = 0;

    failing.what = "system call";
    for (uint32_t choice = 0; nth < CALLS_MAX; choice++) {
        failing.nth = nth;
        fault_system_nth(nth, choice);
        everything();
        failing.error = fault_system_failed();
        failures += failing.error != 0;
        if (choice == 0 && fault_system_name() == NULL)
            break;
        if (failing.error == 0) {
            nth++;
            choice = UINT32_MAX;
        }
    }
    count_tell("plain system calls", nth - 1, failures);
}
END_TEST

static const int kernel_errors[] = {-ENOMEM, -EINTR, -EAGAIN, -EBUSY, -EPERM, -EINVAL};

START_TEST(each_call_of_the_ring_fails_in_turn)
{
    uint32_t nth = 0;

    failing.what = "call of the ring";
    failing.error = kernel_errors[_i];
    do {
        failing.nth = ++nth;
        fault_reset();
        fault_nth(nth, failing.error);
        everything();
    } while (fault_happened() && nth < CALLS_MAX);
    count_tell(strerror(-failing.error), nth - 1, nth - 1);
}
END_TEST

/* In the midst of everything. */
START_TEST(a_destroy_in_which_one_call_fails_ends_everything_all_the_same)
{
    int descriptors = support_fd_count();
    uint32_t nth = 0;

    failing.what = "call of destroy";
    failing.error = kernel_errors[_i];
    do {
        failing.nth = ++nth;
        fault_reset();
        memset(&world, 0, sizeof world);
        ck_assert_int_eq(kevy_reactor_create(&world.reactor, &options), 0);
        everything_start();
        for (unsigned count = 0; count < 3; count++)
            ck_assert_int_ge(kevy_reactor_run_once(world.reactor, 0), 0);
        fault_nth(nth, failing.error);
        everything_end();
        (void)told(-ECANCELED);
        world_check(descriptors);
    } while (fault_happened() && nth < CALLS_MAX);
    count_tell("calls of destroy", nth - 1, nth - 1);
    ck_assert_uint_gt(nth, 2);
}
END_TEST

/* The kernel has taken the ring away. What was in flight is lost with it, and whoever waits for
 * that; the process is not. */
START_TEST(a_ring_that_is_lost_at_any_call_ends_the_run_alone)
{
    uint32_t nth = 0;

    do {
        fault_reset();
        fault_lose(++nth, -EPERM);
        memset(&world, 0, sizeof world);
        if (kevy_reactor_create(&world.reactor, &options) == 0) {
            everything_start();
            (void)told(kevy_reactor_run(world.reactor));
            everything_end();
        }
        ck_assert_msg(!world.stuck, "stuck at call %u", nth);
        ck_assert_uint_eq(heap.live, 0);
        ck_assert_int_eq(fault_mappings(), 0);
    } while (fault_happened() && nth < CALLS_MAX);
    count_tell("lost rings", nth - 1, nth - 1);
}
END_TEST

static const int request_errors[] = {-ENOMEM, -EINTR, -ENOBUFS, -ECANCELED};

START_TEST(each_request_fails_in_turn)
{
    uint32_t nth = 0;

    failing.what = "request";
    failing.error = request_errors[_i];
    do {
        failing.nth = requests_left = ++nth;
        request_failed = false;
        everything();
    } while (request_failed && nth < CALLS_MAX);
    count_tell(strerror(-failing.error), nth - 1, nth - 1);
}
END_TEST

START_TEST(each_allocation_fails_in_turn)
{
    uint32_t nth = 0;

    failing.what = "allocation";
    do {
        failing.nth = ++nth;
        heap_fail(nth);
        everything();
    } while (heap.failed && nth < CALLS_MAX);
    count_tell("allocations", nth - 1, nth - 1);
}
END_TEST

static void setup(void)
{
    fault_reset();
    fault_system_nth(0, 0);
    options.custom_kernel = fault_kernel();
    options.system = fault_system();
    stage_open();
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("each_call");
    TCase *tests = tcase_create("each_call");

    tcase_add_checked_fixture(tests, setup, stage_close);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, without_a_fault_everything_comes_to_its_good_end);
    tcase_add_test(tests, each_plain_system_call_fails_in_turn);
    tcase_add_loop_test(tests, each_call_of_the_ring_fails_in_turn, 0,
                        (int)(sizeof kernel_errors / sizeof *kernel_errors));
    tcase_add_loop_test(tests, a_destroy_in_which_one_call_fails_ends_everything_all_the_same, 0,
                        (int)(sizeof kernel_errors / sizeof *kernel_errors));
    tcase_add_test(tests, a_ring_that_is_lost_at_any_call_ends_the_run_alone);
    if (fault_results_offered())
        tcase_add_loop_test(tests, each_request_fails_in_turn, 0,
                            (int)(sizeof request_errors / sizeof *request_errors));
    else
        support_skip("each_request_fails_in_turn", "no NOP with a result of one's own: Linux 6.10");
    tcase_add_test(tests, each_allocation_fails_in_turn);
    suite_add_tcase(suite, tests);
    return suite;
}
