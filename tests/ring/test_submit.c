/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* What submitting does with refusals and overflow, on the running kernel. */

#include "kernel_choice.h"
#include "ring_test.h"

#include <errno.h>
#include <kevy/ring_prep.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static void plain_open(struct kevy_ring *ring, uint32_t entries, uint32_t cq_entries)
{
    struct kevy_ring_options options = {.plain = true, .cq_entries = cq_entries};

    ring_open(ring, entries, &options);
}

/* Footgun 19: with SUBMIT_ALL (5.18) a refused request is a CQE like any other. */
START_TEST(a_refused_request_leaves_nothing_behind)
{
    struct kevy_ring ring = {0};
    int32_t results[4] = {0};

    ring_open(&ring, 8, NULL);
    nop_queue(&ring, 1, 0);
    refused_queue(&ring, 2);
    nop_queue(&ring, 3, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    results_take(&ring, 3, results);
    ck_assert_int_eq(results[1], 0);
    ck_assert_int_eq(results[2], -EINVAL);
    ck_assert_int_eq(results[3], 0);
    ck_assert_uint_eq(kevy_ring_space(&ring), 8);
    kevy_ring_deinit(&ring);
}
END_TEST

/* H3 of the Rust crate: without SUBMIT_ALL the batch ends there, and the rest must still be seen.
 */
START_TEST(h3_a_batch_cut_short_is_carried_on)
{
    struct kevy_ring ring = {0};
    int32_t results[6] = {0};

    plain_open(&ring, 8, 0);
    nop_queue(&ring, 1, 0);
    refused_queue(&ring, 2);
    nop_queue(&ring, 3, 0);
    nop_queue(&ring, 4, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 2);
    ck_assert_uint_eq(kevy_ring_space(&ring), 6);
    nop_queue(&ring, 5, 0); /* behind those left over, not instead of them */
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    results_take(&ring, 5, results);
    for (uint64_t i = 1; i <= 5; i++)
        ck_assert_int_eq(results[i], i == 2 ? -EINVAL : 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_wait_goes_on_after_a_batch_cut_short)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_wait wait = {.timeout_ns = KEVY_FOREVER, .minimum = 1};

    plain_open(&ring, 8, 0);
    refused_queue(&ring, 1);
    nop_queue(&ring, 2, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(wait.submitted, 1);
    cqe_expect(&ring, 1, -EINVAL);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(wait.submitted, 1);
    cqe_expect(&ring, 2, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

struct order {
    uint64_t next;
};

static void reap_in_order(const struct kevy_cqe *cqe, void *context)
{
    struct order *order = context;

    ck_assert_uint_eq(cqe->user_data, order->next);
    order->next++;
}

/* Queues and submits `count` NOPs on a small SQ without reaping any. */
static void nops_pour(struct kevy_ring *ring, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        nop_queue(ring, i, 0);
        ck_assert_int_eq(kevy_ring_submit(ring), 1);
    }
}

/* H5 of the Rust crate and footgun 1: what did not fit waits in the kernel until it is asked for.
 */
START_TEST(h5_for_each_hands_out_what_overflowed)
{
    struct kevy_ring ring = {0};
    struct order order = {0};

    plain_open(&ring, 4, 4);
    nops_pour(&ring, 100);
    ck_assert(kevy_ring_overflowed(&ring));
    ck_assert(kevy_ring_wants_enter(&ring));
    ck_assert_uint_eq(kevy_ring_ready(&ring), 4);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, reap_in_order, &order), 100);
    ck_assert_uint_eq(order.next, 100);
    ck_assert(!kevy_ring_overflowed(&ring));
    ck_assert_uint_gt(ring.overflows, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

static int wait_for_one(struct kevy_ring *ring)
{
    struct kevy_ring_wait wait = {.timeout_ns = KEVY_FOREVER, .minimum = 1};

    return kevy_ring_wait(ring, &wait);
}

static int submit_and_wait_for_one(struct kevy_ring *ring)
{
    return kevy_ring_submit_and_wait(ring, 1);
}

static int (*const waits[])(struct kevy_ring *ring) = {wait_for_one, submit_and_wait_for_one};

START_TEST(h5_waits_hand_out_what_overflowed_and_count_it)
{
    struct kevy_ring ring = {0};
    uint64_t next = 0;
    uint32_t before;

    plain_open(&ring, 4, 4);
    nops_pour(&ring, 100);
    before = ring.overflows;
    while (next < 100) {
        ck_assert_int_ge(waits[_i](&ring), 0);
        ck_assert_uint_ne(kevy_ring_ready(&ring), 0);
        while (kevy_ring_ready(&ring) != 0)
            ck_assert_uint_eq(cqe_take(&ring).user_data, next++);
    }
    ck_assert_uint_ge(ring.overflows - before, (100 - 4) / 4);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(h5_submit_and_flush_move_what_overflowed)
{
    struct kevy_ring ring = {0};
    uint64_t next = 0;

    plain_open(&ring, 4, 4);
    nops_pour(&ring, 20);
    while (next < 4)
        ck_assert_uint_eq(cqe_take(&ring).user_data, next++);
    ck_assert_int_eq(kevy_ring_submit(&ring), 0); /* nothing to submit, and yet it enters */
    ck_assert_uint_eq(kevy_ring_ready(&ring), 4);
    while (next < 8)
        ck_assert_uint_eq(cqe_take(&ring).user_data, next++);
    while (next < 20) {
        ck_assert_int_eq(kevy_ring_flush(&ring), 0);
        while (kevy_ring_ready(&ring) != 0)
            ck_assert_uint_eq(cqe_take(&ring).user_data, next++);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* Queues NOPs that complete through task work (6.16), where the kernel's limit of 20 applies. */
static void task_work_queue(struct kevy_ring *ring, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(ring, i);

        ck_assert_ptr_nonnull(sqe);
        sqe->nop_flags = KEVY_NOP_TW;
    }
}

/* Footgun 28: a DEFER_TASKRUN ring hands back 20 a call unless more are asked for. */
START_TEST(a_deferring_ring_can_be_drained_beyond_twenty)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SINGLE_ISSUER |
                                                          KEVY_SETUP_DEFER_TASKRUN |
                                                          KEVY_SETUP_TASKRUN_FLAG};
    struct kevy_ring_wait one = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring_wait all = {.minimum = 256, .timeout_ns = 0};

    ring_open(&ring, 256, &options);
    task_work_queue(&ring, 150);
    ck_assert_int_eq(kevy_ring_submit(&ring), 150);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    ck_assert(kevy_ring_wants_enter(&ring));
    ck_assert_int_eq(kevy_ring_wait(&ring, &one), 20);
    ck_assert(kevy_ring_wants_enter(&ring));
    ck_assert_int_eq(kevy_ring_wait(&ring, &all), 150);
    ck_assert(!kevy_ring_wants_enter(&ring));
    for (uint64_t i = 0; i < 150; i++)
        cqe_expect(&ring, i, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_deferring_ring_submits_and_collects_by_submit_alone)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SINGLE_ISSUER |
                                                          KEVY_SETUP_DEFER_TASKRUN |
                                                          KEVY_SETUP_TASKRUN_FLAG};
    uint32_t seen = 0;

    ring_open(&ring, 64, &options);
    task_work_queue(&ring, 50);
    while (seen < 50) {
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
        for (; kevy_ring_ready(&ring) != 0; seen++)
            cqe_take(&ring);
    }
    ck_assert_int_eq(kevy_ring_submit(&ring), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

/*
 * A ring that nobody but the test drives: its counters start where a real one's come to after
 * thousands of millions of requests.
 */
static const uint32_t counter_starts[] = {
    0, 1000, INT32_MAX - 20U, INT32_MAX, INT32_MAX + 1U, UINT32_MAX - 20, UINT32_MAX};

/* Asks for numbers near and far: those from `head` to the tail are there, and no other. */
static void reserved_check(const struct kevy_ring *ring, uint32_t head)
{
    static const uint32_t far[] = {0, INT32_MAX - 50U, INT32_MAX, UINT32_MAX - 50};

    for (size_t part = 0; part < sizeof far / sizeof far[0]; part++)
        for (uint32_t step = 0; step < 100; step++) {
            uint32_t number = head + far[part] + step;
            bool waiting = far[part] + step < ring->sqe_tail - head;
            const struct kevy_sqe *sqe = kevy_ring_sqe_at(ring, number);

            /* libcheck writes to a pipe for each comparison. */
            if ((sqe != NULL) != waiting || (waiting && sqe->user_data != number))
                ck_abort_msg("%u with head %u", number, head);
        }
}

/* A queue that each submit fills again holds nothing back that has ended. */
START_TEST(a_cancelled_request_is_told_although_others_fill_the_queue)
{
    struct kevy_ring_options options = {.cq_entries = 1};
    struct kevy_ring ring = {0};
    int pipes[2];
    bool told = false;

    ck_assert_int_eq(pipe(pipes), 0);
    ring_open(&ring, 1, &options);
    kevy_prep_poll(kevy_ring_sqe(&ring, 7), pipes[0], POLLIN);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    kevy_prep_cancel(kevy_ring_sqe(&ring, 8), 7, 0);
    for (int round = 0; round < 10; round++) {
        const struct kevy_cqe *cqe;

        ck_assert_int_ge(kevy_ring_submit_and_wait(&ring, 1), 0);
        cqe = kevy_ring_next(&ring);
        ck_assert_ptr_nonnull(cqe);
        told |= cqe->user_data == 7 && cqe->res == -ECANCELED;
        if (kevy_ring_space(&ring) != 0)
            nop_queue(&ring, 9, 0);
    }
    /* Of io_uring Linux 5.10 lets others overtake it, and tells it when they are through. */
    if (!told && !kernel_is_soft()) {
        const struct kevy_cqe *cqe;

        ck_assert_int_ge(kevy_ring_submit_and_wait(&ring, 1), 0);
        while (!told && (cqe = kevy_ring_next(&ring)) != NULL) {
            told = cqe->user_data == 7 && cqe->res == -ECANCELED;
            ck_assert_int_ge(kevy_ring_submit_and_wait(&ring, told ? 0 : 1), 0);
        }
    }
    ck_assert(told);
    kevy_ring_deinit(&ring);
    close(pipes[0]);
    close(pipes[1]);
}
END_TEST

START_TEST(a_slot_is_reserved_from_its_request_to_the_kernel_wherever_the_counters_stand)
{
    struct kevy_sqe slots[8];
    uint32_t head = counter_starts[_i];
    struct kevy_ring ring = {.sqes = slots,
                             .sq_head = &head,
                             .sqe_tail = head,
                             .sqe_next = &slots[head & 7],
                             .sqe_end = &slots[head & 7],
                             .sqes_end = slots + 8,
                             .sqe_span = 8,
                             .sq_mask = 7,
                             .sq_entries = 8,
                             .sqe_shift = 6};

    for (uint32_t step = 0; step < 50; step++) {
        for (uint32_t count = step % 9; count > 0; count--)
            if (kevy_ring_sqe(&ring, ring.sqe_tail) == NULL)
                ck_assert_uint_eq(ring.sqe_tail - head, 8);
        reserved_check(&ring, head);
        head += (step % 4) * (ring.sqe_tail - head) / 3; /* the kernel takes some, or all */
        reserved_check(&ring, head);
    }
}
END_TEST

static void queues_add(Suite *suite)
{
    TCase *refusal = tcase_create("refusal");
    TCase *overflow = tcase_create("overflow");
    TCase *counters = tcase_create("counters");

    if (setup_grants(KEVY_SETUP_SUBMIT_ALL))
        tcase_add_test(refusal, a_refused_request_leaves_nothing_behind);
    else
        support_skip("a_refused_request_leaves_nothing_behind", "needs Linux 5.18");
    tcase_add_test(refusal, h3_a_batch_cut_short_is_carried_on);
    tcase_add_test(refusal, a_wait_goes_on_after_a_batch_cut_short);
    suite_add_tcase(suite, refusal);

    tcase_add_test(overflow, h5_for_each_hands_out_what_overflowed);
    tcase_add_loop_test(overflow, h5_waits_hand_out_what_overflowed_and_count_it, 0, 2);
    tcase_add_test(overflow, h5_submit_and_flush_move_what_overflowed);
    tcase_add_test(overflow, a_cancelled_request_is_told_although_others_fill_the_queue);
    suite_add_tcase(suite, overflow);

    tcase_add_loop_test(
        counters, a_slot_is_reserved_from_its_request_to_the_kernel_wherever_the_counters_stand, 0,
        sizeof counter_starts / sizeof counter_starts[0]);
    suite_add_tcase(suite, counters);
}

/* Outside a test libcheck's assertions are not to be had. */
static bool nop_defers(void)
{
    struct kevy_ring ring = {0};
    struct kevy_sqe *sqe;
    const struct kevy_cqe *cqe = NULL;
    bool defers;

    if (kevy_ring_init(&ring, 1, NULL) < 0)
        return false;
    sqe = kevy_ring_sqe(&ring, 0);
    sqe->nop_flags = KEVY_NOP_TW;
    if (kevy_ring_submit_and_wait(&ring, 1) == 1)
        cqe = kevy_ring_next(&ring);
    defers = cqe != NULL && cqe->res == 0;
    kevy_ring_deinit(&ring);
    return defers;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("submit");
    TCase *defer = tcase_create("defer");

    queues_add(suite);
    if (nop_defers()) {
        tcase_add_test(defer, a_deferring_ring_can_be_drained_beyond_twenty);
        tcase_add_test(defer, a_deferring_ring_submits_and_collects_by_submit_alone);
    } else {
        support_skip("a_deferring_ring_can_be_drained_beyond_twenty", "needs Linux 6.16");
        support_skip("a_deferring_ring_submits_and_collects_by_submit_alone", "needs Linux 6.16");
    }
    suite_add_tcase(suite, defer);
    return suite;
}
