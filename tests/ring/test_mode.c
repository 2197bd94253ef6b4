/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Set-up modes on the running kernel: what they change, and that requests still work. */

#include "mode_test.h"

#include <fcntl.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <pthread.h>
#include <signal.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND_NS 1000000U

static void flags_run(uint32_t flags)
{
    struct kevy_ring_options options = {.required_flags = flags};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_uint_eq(ring.setup_flags & flags, flags);
    nops_run(&ring, 50);
    kevy_ring_deinit(&ring);
}

static const uint32_t simple_modes[] = {
    0,
    KEVY_SETUP_CLAMP,
    KEVY_SETUP_COOP_TASKRUN,
    KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_TASKRUN_FLAG,
    KEVY_SETUP_SINGLE_ISSUER,
    DEFER,
    DEFER | KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_TASKRUN_FLAG,
    KEVY_SETUP_SQE128,
    KEVY_SETUP_CQE32,
    KEVY_SETUP_SQE128 | KEVY_SETUP_CQE32 | DEFER,
    KEVY_SETUP_CQE_MIXED,
};

START_TEST(a_simple_mode_works)
{
    if (setup_grants(simple_modes[_i]))
        flags_run(simple_modes[_i]);
}
END_TEST

static const uint32_t refused_modes[] = {
    KEVY_SETUP_DEFER_TASKRUN,                     /* without SINGLE_ISSUER */
    DEFER | KEVY_SETUP_SQPOLL,                    /* who would run the task work? */
    KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_SQPOLL,  /* likewise */
    KEVY_SETUP_TASKRUN_FLAG,                      /* without COOP or DEFER */
    KEVY_SETUP_SQ_AFF,                            /* without SQPOLL */
    KEVY_SETUP_CQE_MIXED | KEVY_SETUP_CQE32,      /* one or the other */
    KEVY_SETUP_HYBRID_IOPOLL,                     /* without IOPOLL */
    KEVY_SETUP_NO_MMAP,                           /* without memory */
    KEVY_SETUP_REGISTERED_FD_ONLY,                /* without NO_MMAP */
    KEVY_SETUP_SQ_REWIND | KEVY_SETUP_NO_SQARRAY, /* by us */
};

START_TEST(a_mode_that_makes_no_sense_is_refused)
{
    struct kevy_ring_options options = {.required_flags = refused_modes[_i]};
    struct kevy_ring ring = {0};

    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -EINVAL);
    kevy_ring_deinit(&ring);
}
END_TEST

/* Under SQPOLL nothing tells when the thread has taken an SQE but its cursor. */
static void sqpoll_settle(struct kevy_ring *ring)
{
    while (kevy_ring_space(ring) != ring->sq_entries)
        ck_assert_int_ge(kevy_ring_submit(ring), 0);
}

START_TEST(sqpoll_takes_what_is_published_asleep_or_not)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL,
                                        .sq_thread_idle_ms = 1};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    nops_run(&ring, 200);
    for (int i = 0; i < 3; i++) {
        /* The thread goes to sleep after its idle time and says so. */
        while ((__atomic_load_n(ring.sq_flags, __ATOMIC_ACQUIRE) & KEVY_SQ_NEED_WAKEUP) == 0)
            sched_yield();
        nop_queue(&ring, 7, 0);
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
        sqpoll_settle(&ring);
        cqe_expect(&ring, 7, 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(sqpoll_wakes_for_a_wait_too)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL | KEVY_SETUP_SQ_AFF,
                                        .sq_thread_idle_ms = 1};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = UINT64_C(60) * 1000 * MILLISECOND_NS};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    for (int i = 0; i < 20; i++) {
        while ((__atomic_load_n(ring.sq_flags, __ATOMIC_ACQUIRE) & KEVY_SQ_NEED_WAKEUP) == 0)
            sched_yield();
        nop_queue(&ring, 7, 0);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        cqe_expect(&ring, 7, 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_full_queue_under_sqpoll_empties_by_itself)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL};
    struct kevy_ring ring = {0};
    uint64_t queued = 0, reaped = 0;

    ring_open(&ring, 4, &options);
    while (reaped < 500) {
        while (queued < 500 && kevy_ring_sqe(&ring, queued) != NULL)
            queued++;
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
        while (kevy_ring_ready(&ring) != 0)
            ck_assert_uint_eq(cqe_take(&ring).user_data, reaped++);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* IOPOLL takes reads and writes of devices that can be polled; here is none, and NOPs it refuses.
 */
START_TEST(iopoll_answers_what_it_cannot_poll)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_IOPOLL};
    struct kevy_ring ring = {0};
    char byte;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct kevy_cqe cqe;

    ring_open(&ring, 4, &options);
    kevy_prep_read(kevy_ring_sqe(&ring, 1), fd, &byte, 1, 0);
    cqe = cqe_wait(&ring);
    ck_assert_int_eq(cqe.res, -EOPNOTSUPP);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

static void *thread_use(void *argument)
{
    struct kevy_ring *ring = argument;

    ck_assert_int_eq(kevy_ring_fd_register(ring), 0);
    nops_run(ring, 10);
    kevy_ring_fd_unregister(ring);
    return NULL;
}

START_TEST(a_ring_can_move_to_another_thread)
{
    struct kevy_ring ring = {0};
    pthread_t thread;

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_fd_register(&ring), -EALREADY);
    nops_run(&ring, 5);
    kevy_ring_fd_unregister(&ring);
    ck_assert_int_eq(ring.enter_fd, ring.fd);
    ck_assert_int_eq(pthread_create(&thread, NULL, thread_use, &ring), 0);
    pthread_join(thread, NULL);
    nops_run(&ring, 5);
    ck_assert_int_eq(kevy_ring_fd_register(&ring), 0);
    nops_run(&ring, 5);
    kevy_ring_deinit(&ring);
}
END_TEST

static void signal_note(int number)
{
    (void)number;
}

/* Arguments of a wait that was timed, masked or batched before must not linger in the region. */
START_TEST(a_registered_wait_takes_every_argument)
{
    struct kevy_ring_options options = {.required_flags = DEFER, .registered_wait = true};
    struct kevy_ring_wait timed = {.minimum = 1, .timeout_ns = MILLISECOND_NS};
    struct kevy_ring_wait batched = {.minimum = 4, .timeout_ns = KEVY_FOREVER, .min_wait_us = 1000};
    struct sigaction action = {.sa_handler = signal_note};
    sigset_t none, blocked;
    struct kevy_ring_wait masked = {
        .minimum = 1, .timeout_ns = KEVY_FOREVER, .signal_mask = &none, .signal_mask_size = 8};
    struct timespec now;
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_ptr_nonnull(ring.wait_region);
    ck_assert_uint_eq(ring.setup_flags & KEVY_SETUP_R_DISABLED, 0);
    ck_assert_uint_ne(ring.enter_flags & KEVY_ENTER_REGISTERED_RING, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &batched), 1);
    cqe_expect(&ring, 1, 0);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &masked), -EINTR);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME); /* the mask is gone */
    clock_gettime(CLOCK_MONOTONIC, &now);
    timed.flags = KEVY_RING_WAIT_ABSOLUTE;
    timed.timeout_ns = (uint64_t)now.tv_sec * 1000U * MILLISECOND_NS + (uint64_t)now.tv_nsec;
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_registered_wait_waits_for_enable_where_asked)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED,
                                        .registered_wait = true};
    struct kevy_ring_wait timed = {.minimum = 1, .timeout_ns = MILLISECOND_NS};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_ptr_nonnull(ring.wait_region);
    ck_assert_uint_ne(ring.setup_flags & KEVY_SETUP_R_DISABLED, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -EBADFD);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(waits_can_run_on_another_clock)
{
    struct kevy_ring_wait wait = {.minimum = 1, .flags = KEVY_RING_WAIT_ABSOLUTE};
    struct timespec now;
    struct kevy_ring ring = {0};
    uint64_t value;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_clock(&ring, CLOCK_BOOTTIME), 0);
    ck_assert_int_eq(ring.clock, CLOCK_BOOTTIME);
    clock_gettime(CLOCK_BOOTTIME, &now);
    wait.timeout_ns =
        (uint64_t)now.tv_sec * 1000U * MILLISECOND_NS + (uint64_t)now.tv_nsec + MILLISECOND_NS;
    kevy_prep_read(kevy_ring_sqe(&ring, 1), fd, &value, sizeof value, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_eq(wait.submitted, 1);
    ck_assert_int_eq(kevy_ring_clock(&ring, CLOCK_MONOTONIC), 0);
    ck_assert_int_eq(kevy_ring_clock(&ring, CLOCK_REALTIME), -EINVAL);
    ck_assert_int_eq(ring.clock, CLOCK_MONOTONIC);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

static bool region_granted(void)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring = {0};
    bool granted = kevy_ring_init(&ring, 4, &options) == 0 && ring.wait_region != NULL;

    kevy_ring_deinit(&ring);
    return granted;
}

static void polls_add(Suite *suite)
{
    TCase *polls = tcase_create("polls");
    bool sqpoll = setup_grants(KEVY_SETUP_SQPOLL), iopoll = setup_grants(KEVY_SETUP_IOPOLL);

    ADD_IF(polls, sqpoll_takes_what_is_published_asleep_or_not, sqpoll, "privileges before 5.11");
    ADD_IF(polls, sqpoll_wakes_for_a_wait_too, sqpoll, "privileges before 5.11");
    ADD_IF(polls, a_full_queue_under_sqpoll_empties_by_itself, sqpoll, "privileges before 5.11");
    ADD_IF(polls, iopoll_answers_what_it_cannot_poll, iopoll, "Linux 5.1");
    suite_add_tcase(suite, polls);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("mode");
    TCase *flags = tcase_create("flags");
    TCase *wait = tcase_create("wait");
    bool region = region_granted(), min_wait = kernel_probe().features & KEVY_FEAT_MIN_TIMEOUT;

    tcase_add_loop_test(flags, a_simple_mode_works, 0,
                        sizeof simple_modes / sizeof simple_modes[0]);
    tcase_add_loop_test(flags, a_mode_that_makes_no_sense_is_refused, 0,
                        sizeof refused_modes / sizeof refused_modes[0]);
    ADD_IF(flags, a_ring_can_move_to_another_thread, setup_grants(KEVY_SETUP_SUBMIT_ALL),
           "Linux 5.18");
    suite_add_tcase(suite, flags);
    polls_add(suite);
    ADD_IF(wait, a_registered_wait_takes_every_argument, region, "Linux 6.13");
    ADD_IF(wait, a_registered_wait_waits_for_enable_where_asked, region, "Linux 6.13");
    ADD_IF(wait, waits_can_run_on_another_clock, min_wait, "Linux 6.12");
    suite_add_tcase(suite, wait);
    return suite;
}
