/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* How waits end: with completions, by time, by signals, on the running kernel. */

#include "ring_test.h"

#include <kevy/ring_prep.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND_NS 1000000U
#define HOUR_US        (3600U * 1000000U)

START_TEST(a_wait_without_an_end_reports_time_and_count)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.timeout_ns = MILLISECOND_NS, .minimum = 1};

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_eq(wait.submitted, 0);
    /* Footgun 17: something was submitted, and still the time-out is reported. */
    nop_queue(&ring, 1, 0);
    wait.minimum = 2;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(wait.submitted, 1);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

/* A request that never ends by itself: a read of a timer that is not armed. */
static int never_queue(struct kevy_ring *ring, uint64_t user_data, uint64_t *value)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct kevy_sqe *sqe = kevy_ring_sqe(ring, user_data);

    ck_assert_int_ge(fd, 0);
    ck_assert_ptr_nonnull(sqe);
    sqe->opcode = KEVY_OP_READ;
    sqe->fd = fd;
    sqe->addr = (uint64_t)(uintptr_t)value;
    sqe->len = sizeof *value;
    return fd;
}

START_TEST(a_submission_does_not_hide_the_time_out)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.timeout_ns = MILLISECOND_NS, .minimum = 1};
    uint64_t value;
    int fd;

    ring_open(&ring, 4, NULL);
    fd = never_queue(&ring, 1, &value);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_eq(wait.submitted, 1);
    wait.timeout_ns = 0;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_eq(wait.submitted, 0);
    wait.minimum = 0;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 0);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

/* Without the clock a wait that also submits does not tell how it ended, but never too early. */
START_TEST(a_wait_without_the_clock_tells_the_time_out_where_the_kernel_does)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {
        .timeout_ns = MILLISECOND_NS, .minimum = 1, .flags = KEVY_RING_WAIT_NO_CLOCK};
    uint64_t value;
    int fd;

    ring_open(&ring, 4, NULL);
    fd = never_queue(&ring, 1, &value);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINTR);
    ck_assert_uint_eq(wait.submitted, 1);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    nop_queue(&ring, 2, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000U * MILLISECOND_NS + (uint64_t)now.tv_nsec;
}

static uint32_t clock_reads;

static uint64_t clock_read(void *state, int32_t clock)
{
    clock_reads++;
    return kevy_ring_kernel_io_uring()->now_ns(state, clock);
}

START_TEST(a_wait_without_the_clock_reads_none)
{
    struct kevy_ring_kernel counting = *kevy_ring_kernel_io_uring();
    struct kevy_ring_options options = {.custom_kernel = &counting};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 60000U * UINT64_C(1000000)};
    struct kevy_ring ring = {0};

    counting.now_ns = clock_read;
    ring_open(&ring, 4, &options);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(clock_reads, 1);
    cqe_take(&ring);
    wait.flags = KEVY_RING_WAIT_NO_CLOCK;
    nop_queue(&ring, 2, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(clock_reads, 1);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(an_instant_can_be_waited_for)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 1, .flags = KEVY_RING_WAIT_ABSOLUTE};
    uint64_t value;
    int fd;

    ring_open(&ring, 4, NULL);
    wait.timeout_ns = now_ns() + MILLISECOND_NS;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_ge(now_ns(), wait.timeout_ns);
    fd = never_queue(&ring, 1, &value);
    wait.timeout_ns = now_ns() + MILLISECOND_NS;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_ge(now_ns(), wait.timeout_ns);
    ck_assert_uint_eq(wait.submitted, 1);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

/* The kernel would add 580 years to its clock and come out in the past. */
START_TEST(completions_that_are_there_outweigh_the_end_of_the_limit)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 2, .timeout_ns = MILLISECOND_NS};

    ring_open(&ring, 4, NULL);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    cqe_take(&ring);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    kevy_ring_deinit(&ring);
}
END_TEST

/* As a reactor asks before it judges what is late. */
START_TEST(a_wait_whose_limit_is_over_collects_all_that_is_there)
{
    enum { COUNT = 300 }; /* more than one look at epoll tells, on the soft kernel */
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = COUNT + 1, .timeout_ns = 0};
    int counters[COUNT];

    ring_open(&ring, 512, NULL);
    for (unsigned index = 0; index < COUNT; index++) {
        counters[index] = eventfd(0, EFD_CLOEXEC);
        ck_assert_int_ge(counters[index], 0);
        kevy_prep_poll(kevy_ring_sqe(&ring, index), counters[index], POLLIN);
    }
    ck_assert_int_eq(kevy_ring_submit(&ring), COUNT);
    for (unsigned index = 0; index < COUNT; index++)
        ck_assert_int_eq(eventfd_write(counters[index], 1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), COUNT);
    kevy_ring_deinit(&ring);
    for (unsigned index = 0; index < COUNT; index++)
        close(counters[index]);
}
END_TEST

START_TEST(a_very_long_time_is_not_over_at_once)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER - 1};
    struct itimerspec soon = {.it_value.tv_nsec = MILLISECOND_NS};
    uint64_t value;
    int fd;

    ring_open(&ring, 4, NULL);
    fd = never_queue(&ring, 1, &value);
    ck_assert_int_eq(timerfd_settime(fd, 0, &soon, NULL), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    cqe_expect(&ring, 1, sizeof value);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

START_TEST(min_wait_collects_and_then_settles_for_one)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 4, .min_wait_us = 1000, .timeout_ns = KEVY_FOREVER};

    ring_open(&ring, 4, NULL);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1); /* would wait for ever without it */
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(what_cannot_be_waited_for_is_refused)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 1, .flags = 1U << 31, .submitted = 99};

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINVAL);
    ck_assert_uint_eq(wait.submitted, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

static void signal_note(int number)
{
    (void)number;
}

/* Has SIGALRM delivered, with SA_RESTART, again and again: one may come before the wait begins. */
static timer_t alarm_start(void)
{
    struct sigaction action = {.sa_handler = signal_note, .sa_flags = SA_RESTART};
    struct itimerspec often = {.it_value.tv_nsec = MILLISECOND_NS,
                               .it_interval.tv_nsec = MILLISECOND_NS};
    timer_t timer;

    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    ck_assert_int_eq(timer_create(CLOCK_MONOTONIC, NULL, &timer), 0);
    ck_assert_int_eq(timer_settime(timer, 0, &often, NULL), 0);
    return timer;
}

/* H4 of the Rust crate and footgun 18: a signal ends a wait, SA_RESTART or not. */
START_TEST(h4_a_signal_is_told_apart_from_a_count)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    timer_t timer = alarm_start();
    uint64_t value;
    int fd;

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_submit_and_wait(&ring, 1), -EINTR);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINTR);
    ck_assert_uint_eq(wait.submitted, 0);
    fd = never_queue(&ring, 1, &value);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINTR);
    ck_assert_uint_eq(wait.submitted, 1); /* the kernel said "1" and kept the signal to itself */
    wait.timeout_ns = 3600U * UINT64_C(1000) * MILLISECOND_NS;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINTR);
    timer_delete(timer);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

START_TEST(a_signal_mask_is_in_force_while_waiting)
{
    struct kevy_ring ring = {0};
    sigset_t blocked, none;
    struct kevy_ring_wait wait = {
        .minimum = 1, .timeout_ns = KEVY_FOREVER, .signal_mask = &none, .signal_mask_size = 8};
    struct sigaction action = {.sa_handler = signal_note};

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(raise(SIGUSR1), 0); /* pending: only the wait's own mask lets it in */
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EINTR);
    kevy_ring_deinit(&ring);
}
END_TEST

static const bool registered[] = {false, true};

START_TEST(a_mask_of_one_wait_is_not_in_force_in_the_next)
{
    struct kevy_ring_options options = {.registered_wait = registered[_i]};
    struct kevy_ring ring = {0};
    sigset_t blocked, none;
    struct kevy_ring_wait masked = {
        .minimum = 1, .timeout_ns = KEVY_FOREVER, .signal_mask = &none, .signal_mask_size = 8};
    struct kevy_ring_wait limited = {.minimum = 1, .timeout_ns = 5 * MILLISECOND_NS};
    struct sigaction action = {.sa_handler = signal_note};

    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    ring_open(&ring, 4, &options);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &masked), -EINTR);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &limited), -ETIME);
    kevy_ring_deinit(&ring);
}
END_TEST

/* A registered limit stays where the kernel looks, and the next wait may have another one. */
START_TEST(each_wait_has_the_limit_it_was_given)
{
    static const uint64_t limits_ns[] = {MILLISECOND_NS, 20 * MILLISECOND_NS, MILLISECOND_NS,
                                         MILLISECOND_NS, 10 * MILLISECOND_NS};
    struct kevy_ring_options options = {.registered_wait = registered[_i]};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    for (size_t i = 0; i < sizeof limits_ns / sizeof limits_ns[0]; i++) {
        struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = limits_ns[i]};
        uint64_t begun_ns = now_ns();

        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
        ck_assert_uint_ge(now_ns(), begun_ns + limits_ns[i]);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* A read that completes after a while, when nothing else does. */
static int late_queue(struct kevy_ring *ring, uint64_t *value)
{
    struct itimerspec late = {.it_value.tv_nsec = 20 * MILLISECOND_NS};
    int fd = never_queue(ring, 1, value);

    ck_assert_int_eq(timerfd_settime(fd, 0, &late, NULL), 0);
    return fd;
}

START_TEST(min_wait_without_a_limit_ends_with_a_completion)
{
    struct kevy_ring_options options = {.registered_wait = registered[_i]};
    struct kevy_ring_wait wait = {.minimum = 1, .min_wait_us = 1000, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring ring = {0};
    uint64_t value;
    int fd;

    ring_open(&ring, 4, &options);
    for (int submitted = 0; submitted < 2; submitted++) {
        fd = late_queue(&ring, &value);
        if (submitted != 0)
            ck_assert_int_eq(kevy_ring_submit(&ring), 1);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        cqe_expect(&ring, 1, sizeof value);
        close(fd);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* It would take an hour if the kernel had its way. */
START_TEST(min_wait_above_the_limit_ends_with_the_limit)
{
    struct kevy_ring_options options = {.registered_wait = registered[_i]};
    struct kevy_ring_wait wait = {.minimum = 1, .min_wait_us = HOUR_US};
    struct kevy_ring ring = {0};
    uint64_t value, begun_ns;
    int fd;

    ring_open(&ring, 4, &options);
    fd = never_queue(&ring, 1, &value);
    for (int round = 0; round < 2; round++) { /* with a submission, and without one */
        begun_ns = now_ns();
        wait.flags = 0;
        wait.timeout_ns = 2 * MILLISECOND_NS + 500;
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
        ck_assert_uint_ge(now_ns(), begun_ns + wait.timeout_ns);
        wait.flags = KEVY_RING_WAIT_ABSOLUTE;
        wait.timeout_ns = now_ns() + 2 * MILLISECOND_NS;
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
        ck_assert_uint_ge(now_ns(), wait.timeout_ns);
    }
    wait.timeout_ns = 1; /* long past */
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    wait.flags = 0;
    wait.timeout_ns = 0;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

static void waits_add(Suite *suite, const struct kevy_ring_probe *probe)
{
    TCase *wait = tcase_create("wait");

    tcase_add_test(wait, h4_a_signal_is_told_apart_from_a_count);
    tcase_add_test(wait, what_cannot_be_waited_for_is_refused);
    if (probe->features & KEVY_FEAT_EXT_ARG) {
        tcase_add_test(wait, a_wait_without_an_end_reports_time_and_count);
        tcase_add_test(wait, a_submission_does_not_hide_the_time_out);
        tcase_add_test(wait, a_wait_without_the_clock_tells_the_time_out_where_the_kernel_does);
        tcase_add_test(wait, a_wait_without_the_clock_reads_none);
        tcase_add_test(wait, completions_that_are_there_outweigh_the_end_of_the_limit);
        tcase_add_test(wait, a_wait_whose_limit_is_over_collects_all_that_is_there);
        tcase_add_test(wait, a_very_long_time_is_not_over_at_once);
        tcase_add_test(wait, a_signal_mask_is_in_force_while_waiting);
        tcase_add_loop_test(wait, each_wait_has_the_limit_it_was_given, 0, 2);
        tcase_add_loop_test(wait, a_mask_of_one_wait_is_not_in_force_in_the_next, 0, 2);
    } else {
        support_skip("waits with a time limit", "needs Linux 5.11");
    }
    if (probe->features & KEVY_FEAT_MIN_TIMEOUT) {
        tcase_add_test(wait, an_instant_can_be_waited_for);
        tcase_add_test(wait, min_wait_collects_and_then_settles_for_one);
        tcase_add_loop_test(wait, min_wait_without_a_limit_ends_with_a_completion, 0, 2);
        tcase_add_loop_test(wait, min_wait_above_the_limit_ends_with_the_limit, 0, 2);
    } else {
        support_skip("an_instant_can_be_waited_for", "needs Linux 6.12");
        support_skip("min_wait_*", "needs Linux 6.12");
    }
    suite_add_tcase(suite, wait);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("wait");
    struct kevy_ring_probe probe = kernel_probe();

    waits_add(suite, &probe);
    return suite;
}
