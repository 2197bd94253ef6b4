/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Of <kevy/ring_prep_event.h>: time-outs, polls and cancels, run on this kernel. */

#include "ops.h"

#include <fcntl.h>
#include <poll.h>
#include <time.h>

static const struct kevy_timespec soon = {.tv_nsec = 1000};
static const struct kevy_timespec never = {.tv_sec = 1000};

static void pipe_open(int ends[2])
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
}

static void put(int fd)
{
    ck_assert_int_eq(write(fd, "x", 1), 1);
}

/* Time-outs */

START_TEST(timeout_fires)
{
    kevy_prep_timeout(request(1), &soon, 0, 0);
    expect(1, -ETIME);
}
END_TEST

START_TEST(timeout_is_satisfied_by_count)
{
    kevy_prep_timeout(request(1), &never, 2, 0);
    kevy_prep_nop(request(2));
    kevy_prep_nop(request(3));
    ck_assert_int_eq(collect(3).result[1], 0);
}
END_TEST

static void fires_at(clockid_t clock, uint32_t clock_flag)
{
    struct timespec now;
    struct kevy_timespec instant;

    clock_gettime(clock, &now);
    instant.tv_sec = now.tv_sec;
    instant.tv_nsec = now.tv_nsec;
    kevy_prep_timeout(request(1), &instant, 0, KEVY_TIMEOUT_ABS | clock_flag);
    expect(1, -ETIME);
    kevy_prep_timeout(request(1), &soon, 0, clock_flag);
    expect(1, -ETIME);
}

START_TEST(timeout_knows_three_clocks)
{
    fires_at(CLOCK_MONOTONIC, 0);
    fires_at(CLOCK_BOOTTIME, KEVY_TIMEOUT_BOOTTIME);
    fires_at(CLOCK_REALTIME, KEVY_TIMEOUT_REALTIME);
    kevy_prep_timeout(request(1), &soon, 0, KEVY_TIMEOUT_CLOCK_MASK);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(timeout_multishot_repeats)
{
    kevy_prep_timeout_multishot(request(1), &soon, 3, KEVY_TIMEOUT_BOOTTIME);
    for (int i = 1; i <= 3; i++) {
        struct kevy_cqe cqe = next_cqe();
        ck_assert_int_eq(cqe.res, -ETIME);
        ck_assert_uint_eq(cqe.flags, i < 3 ? KEVY_CQE_F_MORE : 0);
    }
    kevy_prep_timeout_multishot(request(1), &soon, 3, KEVY_TIMEOUT_ABS);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(timeout_that_succeeds_by_expiring_keeps_its_link)
{
    struct kevy_sqe *sqe = request(1);

    kevy_prep_timeout(sqe, &soon, 0, KEVY_TIMEOUT_ETIME_SUCCESS);
    kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
    kevy_prep_nop(request(2));
    expect(1, -ETIME);
    expect(2, 0);
}
END_TEST

START_TEST(immediate_times_are_newer_than_7_0)
{
    int32_t fired = running_kernel() >= 701 ? -ETIME : -EINVAL;
    int32_t updated = running_kernel() >= 701 ? 0 : -EINVAL;

    kevy_prep_timeout_ns(request(1), 1000, 0, 0);
    expect(1, fired);
    kevy_prep_timeout(request(1), &never, 0, 0);
    kevy_prep_timeout_update_ns(request(2), 1, 1000, 0);
    submit();
    ck_assert_int_eq(next_cqe().res, updated);
    if (updated == 0)
        expect(1, -ETIME);
}
END_TEST

START_TEST(timeout_remove_takes_it_back)
{
    kevy_prep_timeout(request(1), &never, 0, 0);
    kevy_prep_timeout_remove(request(2), 1);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    ck_assert_int_eq(outcome.result[2], 0);
    kevy_prep_timeout_remove(request(2), 1);
    expect(2, -ENOENT);
}
END_TEST

START_TEST(timeout_update_moves_it)
{
    const struct kevy_timespec past = {.tv_nsec = 1};

    kevy_prep_timeout(request(1), &never, 0, 0);
    kevy_prep_timeout_update(request(2), 1, &soon, 0);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ETIME);
    ck_assert_int_eq(outcome.result[2], 0);
    kevy_prep_timeout(request(1), &never, 0, 0);
    kevy_prep_timeout_update(request(2), 1, &past, KEVY_TIMEOUT_ABS);
    outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ETIME);
    ck_assert_int_eq(outcome.result[2], 0);
}
END_TEST

/* A poll that nothing satisfies, as the request before a linked time-out. */
static void poll_forever_linked(int fd)
{
    struct kevy_sqe *sqe = request(1);

    kevy_prep_poll(sqe, fd, POLLIN);
    kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
}

START_TEST(link_timeout_cancels_what_it_follows)
{
    int ends[2];

    pipe_open(ends);
    poll_forever_linked(ends[0]);
    kevy_prep_link_timeout(request(2), &soon, 0);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    ck_assert_int_eq(outcome.result[2], -ETIME);
    put(ends[1]);
    poll_forever_linked(ends[0]);
    kevy_prep_link_timeout(request(2), &never, 0);
    outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], POLLIN);
    ck_assert_int_eq(outcome.result[2], -ECANCELED);
    kevy_prep_link_timeout(request(2), &never, 0);
    expect(2, -EINVAL);
}
END_TEST

START_TEST(link_timeout_update_moves_it)
{
    int ends[2];

    pipe_open(ends);
    poll_forever_linked(ends[0]);
    kevy_prep_link_timeout(request(2), &never, 0);
    submit();
    kevy_prep_link_timeout_update(request(3), 2, &soon, 0);
    struct outcome outcome = collect(3);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    ck_assert_int_eq(outcome.result[2], -ETIME);
    ck_assert_int_eq(outcome.result[3], 0);
}
END_TEST

START_TEST(immediate_link_times_are_newer_than_7_0)
{
    int ends[2];

    pipe_open(ends);
    poll_forever_linked(ends[0]);
    kevy_prep_link_timeout_ns(request(2), 1000, 0);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    ck_assert_int_eq(outcome.result[2], running_kernel() >= 701 ? -ETIME : -EINVAL);
}
END_TEST

/* Polls */

START_TEST(poll_reports_events_once)
{
    int ends[2];

    pipe_open(ends);
    kevy_prep_poll(request(1), ends[0], POLLIN);
    submit();
    put(ends[1]);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, POLLIN);
    ck_assert_uint_eq(cqe.flags, 0);
    put(ends[1]);
    expect_none();
    kevy_prep_poll(request(1), ends[1], POLLOUT);
    expect(1, POLLOUT);
}
END_TEST

START_TEST(poll_of_a_file_that_cannot_be_polled_is_ready)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    kevy_prep_poll(request(1), fd, POLLIN);
    expect(1, POLLIN);
}
END_TEST

START_TEST(poll_multishot_reports_each_event)
{
    int ends[2];

    pipe_open(ends);
    kevy_prep_poll_multishot(request(1), ends[0], POLLIN);
    submit();
    for (int i = 0; i < 3; i++) {
        put(ends[1]);
        struct kevy_cqe cqe = next_cqe();
        ck_assert_int_eq(cqe.res, POLLIN);
        ck_assert_uint_eq(cqe.flags, KEVY_CQE_F_MORE);
    }
    kevy_prep_poll_remove(request(2), 1);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    ck_assert_uint_eq(outcome.flags[1], 0);
    ck_assert_int_eq(outcome.result[2], 0);
    kevy_prep_poll_remove(request(2), 1);
    expect(2, -ENOENT);
}
END_TEST

START_TEST(poll_multishot_cannot_skip_its_cqes)
{
    struct kevy_sqe *sqe = request(1);

    kevy_prep_poll_multishot(sqe, STDIN_FILENO, POLLIN);
    kevy_sqe_set_flags(sqe, KEVY_SQE_CQE_SKIP_SUCCESS);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(poll_update_changes_events)
{
    int ends[2];

    pipe_open(ends);
    kevy_prep_poll(request(1), ends[1], POLLPRI);
    submit();
    kevy_prep_poll_update(request(2), 1, POLLOUT, 0);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[1], POLLOUT);
    ck_assert_int_eq(outcome.result[2], 0);
}
END_TEST

START_TEST(poll_update_changes_user_data)
{
    int ends[2];

    pipe_open(ends);
    kevy_prep_poll(request(1), ends[0], POLLIN);
    submit();
    kevy_prep_poll_update_user_data(request(2), 1, 9);
    expect(2, 0);
    put(ends[1]);
    expect(9, POLLIN);
}
END_TEST

START_TEST(poll_replace_changes_both)
{
    int ends[2];

    pipe_open(ends);
    kevy_prep_poll(request(1), ends[1], POLLPRI);
    submit();
    kevy_prep_poll_replace(request(2), 1, 9, POLLOUT, 0);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[9], POLLOUT);
    ck_assert_int_eq(outcome.result[2], 0);
}
END_TEST

/* Cancels: two polls, 1 on one pipe and 2 on another, that nothing satisfies. */

static int waiting_fd[2];

static void two_polls(void)
{
    for (int i = 0; i < 2; i++) {
        int ends[2];
        pipe_open(ends);
        waiting_fd[i] = ends[0];
        kevy_prep_poll(request((uint64_t)i + 1), ends[0], POLLIN);
    }
    submit();
}

static void expect_cancelled(int32_t result, unsigned count)
{
    struct outcome outcome = collect(count + 1);

    ck_assert_int_eq(outcome.result[3], result);
    for (unsigned i = 1; i <= count; i++)
        ck_assert_int_eq(outcome.result[i], -ECANCELED);
    expect_none();
}

START_TEST(cancel_finds_its_target_by_user_data)
{
    two_polls();
    kevy_prep_cancel(request(3), 1, 0);
    expect_cancelled(0, 1);
    kevy_prep_cancel(request(3), 1, 0);
    expect(3, -ENOENT);
}
END_TEST

START_TEST(cancel_all_counts)
{
    two_polls();
    kevy_prep_poll(request(1), waiting_fd[0], POLLIN);
    submit();
    kevy_prep_cancel(request(3), 1, KEVY_ASYNC_CANCEL_ALL);
    struct outcome outcome = collect(3);
    ck_assert_int_eq(outcome.result[3], 2);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
    expect_none();
}
END_TEST

START_TEST(cancel_fd_finds_its_target_by_descriptor)
{
    two_polls();
    kevy_prep_cancel_fd(request(3), waiting_fd[0], 0);
    expect_cancelled(0, 1);
    kevy_prep_cancel_fd(request(3), waiting_fd[0], KEVY_ASYNC_CANCEL_ALL);
    expect(3, 0);
}
END_TEST

START_TEST(cancel_fixed_fd_finds_its_target_by_slot)
{
    struct kevy_sqe *sqe;

    two_polls();
    file_table(4);
    file_put(3, waiting_fd[0]);
    sqe = request(4);
    kevy_prep_poll(sqe, 3, POLLIN);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    submit();
    kevy_prep_cancel_fixed_fd(request(3), 3, KEVY_ASYNC_CANCEL_ALL);
    struct outcome outcome = collect(3);
    ck_assert_int_eq(outcome.result[3], 2); /* the slot and the descriptor are one file */
    ck_assert_int_eq(outcome.result[4], -ECANCELED);
    ck_assert_int_eq(outcome.result[1], -ECANCELED);
}
END_TEST

START_TEST(cancel_op_finds_its_target_by_opcode)
{
    two_polls();
    kevy_prep_timeout(request(5), &never, 0, 0);
    kevy_prep_cancel_op(request(3), KEVY_OP_POLL_ADD, KEVY_ASYNC_CANCEL_ALL);
    expect_cancelled(2, 2);
}
END_TEST

START_TEST(cancel_matching_wants_every_key)
{
    two_polls();
    kevy_prep_cancel_matching(request(3), 1, waiting_fd[1], 0,
                              KEVY_ASYNC_CANCEL_USERDATA | KEVY_ASYNC_CANCEL_FD);
    expect(3, -ENOENT);
    kevy_prep_cancel_matching(request(3), 1, waiting_fd[0], KEVY_OP_POLL_ADD,
                              KEVY_ASYNC_CANCEL_USERDATA | KEVY_ASYNC_CANCEL_FD |
                                  KEVY_ASYNC_CANCEL_OP);
    expect_cancelled(0, 1);
}
END_TEST

START_TEST(cancel_any_takes_everything)
{
    two_polls();
    kevy_prep_cancel_any(request(3));
    expect_cancelled(2, 2);
    kevy_prep_cancel_any(request(3));
    expect(3, 0);
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test timeouts[] = {
        {timeout_fires, 504},
        {timeout_is_satisfied_by_count, 504},
        {timeout_knows_three_clocks, 515},
        {timeout_multishot_repeats, 604},
        {timeout_that_succeeds_by_expiring_keeps_its_link, 516},
        {immediate_times_are_newer_than_7_0, 601},
        {timeout_remove_takes_it_back, 505},
        {timeout_update_moves_it, 511},
        {link_timeout_cancels_what_it_follows, 505},
        {link_timeout_update_moves_it, 515},
        {immediate_link_times_are_newer_than_7_0, 601},
    };
    const struct ops_test polls[] = {
        {poll_reports_events_once, 501},
        {poll_of_a_file_that_cannot_be_polled_is_ready, 501},
        {poll_multishot_reports_each_event, 513},
        {poll_multishot_cannot_skip_its_cqes, 517},
        {poll_update_changes_events, 513},
        {poll_update_changes_user_data, 513},
        {poll_replace_changes_both, 513},
    };
    const struct ops_test cancels[] = {
        {cancel_finds_its_target_by_user_data, 505},
        {cancel_all_counts, 519},
        {cancel_fd_finds_its_target_by_descriptor, 519},
        {cancel_fixed_fd_finds_its_target_by_slot, 600},
        {cancel_op_finds_its_target_by_opcode, 606},
        {cancel_matching_wants_every_key, 606},
        {cancel_any_takes_everything, 519},
    };
    Suite *suite = suite_create("ring_ops_time");

    suite_add_tcase(suite, ops_case("timeout", timeouts, COUNT(timeouts)));
    suite_add_tcase(suite, ops_case("poll", polls, COUNT(polls)));
    suite_add_tcase(suite, ops_case("cancel", cancels, COUNT(cancels)));
    return suite;
}
