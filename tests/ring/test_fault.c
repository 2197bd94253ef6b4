/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* ring/ over a kernel that fails: at every call in turn, or for want of anything. */

#include "fault_test.h"

#include <fcntl.h>
#include <kevy/buffer_ring.h>
#include <kevy/ring_explain.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_register.h>
#include <kevy/ring_zcrx.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

/* Runs `attempt` with the first failable call failing, then the second, until none is left. */
static uint32_t every_call_fails(int (*attempt)(void), int error)
{
    uint32_t nth = 0, survived = 0;
    int result;

    do {
        fault_nth(++nth, error);
        result = attempt();
        ck_assert_msg(result == 0 || result == error, "call %u: %d", nth, result);
        survived += result == 0;
        leak_check();
    } while (fault_happened());
    ck_assert_int_eq(result, 0);
    ck_assert_uint_gt(nth, 1);
    return survived;
}

static int ring_attempt(void)
{
    struct kevy_ring ring = {0};
    int error = ring_make(&ring, 4, NULL);

    if (error == 0) {
        nop_queue(&ring, 1, 0);
        if (fault_happened())
            cqe_expect(&ring, 1, 0);
    }
    kevy_ring_deinit(&ring);
    return error;
}

START_TEST(init_fails_cleanly_at_every_call)
{
    /* The registration and (from 5.18 on) its end are wishes; with the last run that makes three.
     */
    ck_assert_uint_ge(every_call_fails(ring_attempt, -ENOMEM), 2);
}
END_TEST

static int old_ring_attempt(void)
{
    struct fault_kernel kernel = {0, ~KEVY_FEAT_SINGLE_MMAP, UINT32_MAX};

    fault_kernel_set(&kernel);
    return ring_attempt();
}

START_TEST(init_with_two_ring_mappings_fails_cleanly_at_every_call)
{
    every_call_fails(old_ring_attempt, -ENOMEM);
    ck_assert_uint_gt(fault_count(FAULT_MAP), 0);
}
END_TEST

static int registered_wait_attempt(void)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1000};
    struct kevy_ring ring = {0};
    int error = ring_make(&ring, 4, &options);

    if (error == 0 && fault_happened())
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    kevy_ring_deinit(&ring);
    return error;
}

/* Without its region a ring waits as ever; only enabling it again must not fail. */
START_TEST(init_with_a_wait_region_fails_cleanly_at_every_call)
{
    ck_assert_uint_ge(every_call_fails(registered_wait_attempt, -ENOMEM), 4);
}
END_TEST

#define DEFER (KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN)

START_TEST(a_failed_resize_leaves_the_ring_as_it_was_or_dead_but_safe)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    fault_next(FAULT_REGISTER, -ENOMEM, 1);
    ck_assert_int_eq(kevy_ring_resize(&ring, 16, 0, 0, NULL, 0), -ENOMEM);
    fault_next(FAULT_REGISTER, -EFAULT, 1);
    ck_assert_int_eq(kevy_ring_workers_limit(&ring, NULL, NULL), -EFAULT);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    for (uint32_t nth = 1; nth <= 2; nth++) {
        struct kevy_ring other = {0};

        ring_open(&other, 4, &options);
        nop_queue(&other, 1, 0);
        fault_reset();
        fault_nth(nth + 1, -ENOMEM); /* after register: map, map */
        ck_assert_int_eq(kevy_ring_resize(&other, 16, 0, 0, NULL, 0), -ENOTRECOVERABLE);
        (void)kevy_ring_submit(&other);
        ck_assert_uint_eq(kevy_ring_ready(&other), 0);
        kevy_ring_deinit(&other);
    }
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(a_resize_gives_the_old_queues_back)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring = {0};
    int mappings;

    ring_open(&ring, 4, &options);
    mappings = fault_mappings();
    ck_assert_int_eq(kevy_ring_resize(&ring, 16, 0, 0, NULL, 0), 0);
    ck_assert_int_eq(fault_mappings(), mappings);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

static int resize(struct kevy_ring *ring)
{
    return kevy_ring_resize(ring, 16, 0, 0, NULL, 0);
}

static int fd_register(struct kevy_ring *ring)
{
    fault_reset();
    kevy_ring_fd_unregister(ring);
    fault_next(FAULT_REGISTER, -EBUSY, 1);
    return kevy_ring_fd_register(ring);
}

static int cancel_at_once(struct kevy_ring *ring)
{
    return kevy_ring_cancel_sync(ring, &(struct kevy_ring_cancel){.user_data = 1});
}

static int message(struct kevy_ring *ring)
{
    return kevy_ring_message(ring, 1, 0, 0);
}

static int zcrx_open(struct kevy_ring *ring)
{
    struct kevy_zcrx_options options = {.entries = 64};
    struct kevy_zcrx zcrx = {0};

    return kevy_zcrx_init(&zcrx, ring, &options);
}

static int zcrx_share(struct kevy_ring *ring)
{
    struct kevy_zcrx zcrx = {0};

    return kevy_zcrx_import(&zcrx, ring, 0, NULL);
}

/* Errors that a test cannot bring about with the kernel itself, or not everywhere. */
static const struct {
    int (*call)(struct kevy_ring *ring);
    int error;
} passed_on[] = {
    {resize, -EEXIST},    {fd_register, -EBUSY}, {cancel_at_once, -EALREADY}, {message, -EOVERFLOW},
    {zcrx_open, -ENODEV}, {zcrx_open, -EBUSY},   {zcrx_open, -EOPNOTSUPP},    {zcrx_share, -EBADF},
    {zcrx_share, -EPERM}, {zcrx_share, -ENOMEM},
};

START_TEST(an_error_of_a_register_call_is_returned_and_changes_nothing)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &(struct kevy_ring_options){.required_flags = DEFER});
    fault_next(FAULT_REGISTER, passed_on[_i].error, 2);
    ck_assert_int_eq(passed_on[_i].call(&ring), passed_on[_i].error);
    fault_reset();
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(a_zero_copy_queue_without_memory_is_refused)
{
    struct kevy_zcrx_options options = {.entries = 64};
    struct rlimit before, none;
    struct kevy_zcrx zcrx = {0};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(getrlimit(RLIMIT_AS, &before), 0);
    none = before;
    none.rlim_cur = 0;
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
    ck_assert_int_eq(kevy_zcrx_init(&zcrx, &ring, &options), -ENOMEM);
    ck_assert_int_eq(setrlimit(RLIMIT_AS, &before), 0);
    ck_assert_int_lt(kevy_zcrx_init(&zcrx, &ring, &options), 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

static int buffers_attempt_with(uint32_t flags)
{
    struct kevy_buffer_ring_options options = {.entries = 4, .buffer_size = 16, .flags = flags};
    struct kevy_buffer_ring buffers = {0};
    struct kevy_ring ring = {0};
    int error = ring_make(&ring, 4, NULL);

    memset(&buffers, 0, sizeof buffers);
    if (error == 0)
        error = kevy_buffer_ring_init(&buffers, &ring, &options);
    kevy_buffer_ring_deinit(&buffers);
    kevy_ring_deinit(&ring);
    return error;
}

static int buffers_attempt(void)
{
    return buffers_attempt_with(0);
}

static int mapped_buffers_attempt(void)
{
    return buffers_attempt_with(KEVY_BUFFER_RING_KERNEL_MAPPED);
}

START_TEST(buffer_rings_fail_cleanly_at_every_call)
{
    every_call_fails(buffers_attempt, -ENOMEM);
}
END_TEST

START_TEST(kernel_mapped_buffer_rings_fail_cleanly_at_every_call)
{
    every_call_fails(mapped_buffers_attempt, -ENOMEM);
}
END_TEST

static int probe_attempt(void)
{
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};
    int error = ring_make(&ring, 4, NULL);

    memset(&probe, 0xa5, sizeof probe);
    if (error == 0)
        error = kevy_ring_probe(&ring, &probe);
    if (error < 0)
        ck_assert_uint_eq(probe.opcode_count, 0xa5a5a5a5);
    kevy_ring_deinit(&ring);
    return error;
}

START_TEST(the_probe_fails_cleanly_at_every_call)
{
    every_call_fails(probe_attempt, -ENOMEM);
}
END_TEST

START_TEST(descriptor_zero_is_closed_too)
{
    struct kevy_ring ring = {0};

    ck_assert_int_eq(close(0), 0);
    fault_next(FAULT_MAP, -ENOMEM, 1);
    ck_assert_int_eq(ring_make(&ring, 4, NULL), -ENOMEM);
    ck_assert_int_eq(fcntl(0, F_GETFD), -1);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(ring.fd, 0);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    ck_assert_int_eq(fcntl(0, F_GETFD), -1);
}
END_TEST

START_TEST(setup_errors_come_through_and_can_be_explained)
{
    static const int errors[] = {-EPERM, -ENOSYS, -ENOMEM, -EMFILE, -ENFILE, -EINVAL};

    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        struct kevy_ring ring = {0};
        char text[600];

        fault_reset();
        fault_next(FAULT_SETUP, errors[i], 100);
        ck_assert_int_eq(ring_make(&ring, 4, NULL), errors[i]);
        kevy_ring_deinit(&ring);
        ck_assert_int_gt(kevy_ring_explain(errors[i], text, sizeof text), 20);
    }
    leak_check();
}
END_TEST

/* H8 of the Rust crate: a refused enter loses nothing, and the next one carries on. */
START_TEST(h8_a_refused_enter_leaves_everything_queued)
{
    static const int errors[] = {-EAGAIN, -EBUSY, -EBADR, -EINTR, -ENOMEM};
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 0};

    ring_open(&ring, 4, NULL);
    for (uint64_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        fault_next(FAULT_ENTER, errors[i], 3);
        nop_queue(&ring, i, 0);
        ck_assert_int_eq(kevy_ring_submit(&ring), errors[i]);
        ck_assert_int_eq(kevy_ring_submit_and_wait(&ring, 1), errors[i]);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), errors[i]);
        ck_assert_uint_eq(wait.submitted, 0);
        ck_assert_uint_eq(kevy_ring_space(&ring), 3);
        ck_assert_int_eq(kevy_ring_submit(&ring), 1);
        cqe_expect(&ring, i, 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(completions_at_hand_outweigh_a_refused_wait)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 2, .timeout_ns = KEVY_FOREVER};

    ring_open(&ring, 4, NULL);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    fault_next(FAULT_ENTER, -EINTR, 1);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_signal_ends_a_registered_wait)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    fault_next(FAULT_ENTER, -EINTR, 1);
    ck_assert_int_eq(kevy_ring_wait_registered(&ring, 1, 0), -EINTR);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
    leak_check();
}
END_TEST

START_TEST(a_batch_cut_short_is_not_mistaken_for_a_signal)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    uint64_t values[3];

    ring_open(&ring, 4, NULL);
    for (int i = 0; i < 3; i++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

        sqe->opcode = KEVY_OP_READ;
        sqe->fd = fd;
        sqe->addr = (uint64_t)(uintptr_t)&values[i];
        sqe->len = sizeof values[i];
    }
    fault_submit_short(2);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EAGAIN);
    ck_assert_uint_eq(wait.submitted, 2);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

static void reap_count(const struct kevy_cqe *cqe, void *context)
{
    uint32_t *count = context;

    (void)cqe;
    ++*count;
}

START_TEST(a_refused_flush_ends_the_reaping_and_loses_nothing)
{
    struct kevy_ring_options options = {.cq_entries = 4};
    struct kevy_ring ring = {0};
    uint32_t count = 0;

    ring_open(&ring, 4, &options);
    for (uint64_t i = 0; i < 20; i++) {
        nop_queue(&ring, i, 0);
        ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    }
    fault_next(FAULT_ENTER, -EINTR, 1);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, reap_count, &count), 4);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, reap_count, &count), 16);
    ck_assert_uint_eq(count, 20);
    kevy_ring_deinit(&ring);
}
END_TEST

static bool registered_wait_granted(void)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring = {0};
    bool granted = ring_make(&ring, 4, &options) == 0 && ring.wait_region != NULL;

    kevy_ring_deinit(&ring);
    return granted;
}

static void buffers_add(TCase *tcase)
{
    int plain = buffers_attempt() == 0, mapped = mapped_buffers_attempt() == 0;

    if (plain)
        tcase_add_test(tcase, buffer_rings_fail_cleanly_at_every_call);
    else
        support_skip("buffer_rings_fail_cleanly_at_every_call", "needs Linux 5.19");
    if (mapped)
        tcase_add_test(tcase, kernel_mapped_buffer_rings_fail_cleanly_at_every_call);
    else
        support_skip("kernel_mapped_buffer_rings_fail_cleanly_at_every_call", "needs Linux 6.4");
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("fault");
    TCase *torture = case_add(suite, "torture");
    TCase *enter = case_add(suite, "enter");

    tcase_add_test(torture, init_fails_cleanly_at_every_call);
    tcase_add_test(torture, init_with_two_ring_mappings_fails_cleanly_at_every_call);
    tcase_add_test(torture, a_zero_copy_queue_without_memory_is_refused);
    if (registered_wait_granted()) {
        tcase_add_test(torture, init_with_a_wait_region_fails_cleanly_at_every_call);
        tcase_add_test(torture, a_failed_resize_leaves_the_ring_as_it_was_or_dead_but_safe);
        tcase_add_test(torture, a_resize_gives_the_old_queues_back);
        tcase_add_loop_test(torture, an_error_of_a_register_call_is_returned_and_changes_nothing, 0,
                            sizeof passed_on / sizeof *passed_on);
        tcase_add_test(enter, a_signal_ends_a_registered_wait);
    } else {
        support_skip("an_error_of_a_register_call_is_returned_and_changes_nothing",
                     "needs Linux 6.13");
        support_skip("a_signal_ends_a_registered_wait", "needs Linux 6.13");
        support_skip("init_with_a_wait_region_fails_cleanly_at_every_call", "needs Linux 6.13");
        support_skip("a_failed_resize_leaves_the_ring_as_it_was_or_dead_but_safe",
                     "needs Linux 6.13");
        support_skip("a_resize_gives_the_old_queues_back", "needs Linux 6.13");
    }
    tcase_add_test(torture, the_probe_fails_cleanly_at_every_call);
    tcase_add_test(torture, descriptor_zero_is_closed_too);
    tcase_add_test(torture, setup_errors_come_through_and_can_be_explained);

    buffers_add(torture);
    tcase_add_test(enter, h8_a_refused_enter_leaves_everything_queued);
    tcase_add_test(enter, completions_at_hand_outweigh_a_refused_wait);
    tcase_add_test(enter, a_batch_cut_short_is_not_mistaken_for_a_signal);
    tcase_add_test(enter, a_refused_flush_ends_the_reaping_and_loses_nothing);
    return suite;
}
