/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The two queues: reserving, publishing and reaping, on the running kernel. */

#include "ring_test.h"

#include <stdlib.h>

/* Footgun 15: no slot is an answer like any other. */
START_TEST(a_full_queue_answers_null_and_recovers)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, NULL);
    for (uint64_t i = 0; i < 8; i++) {
        ck_assert_uint_eq(kevy_ring_space(&ring), 8 - i);
        ck_assert_ptr_nonnull(kevy_ring_sqe(&ring, i));
    }
    ck_assert_ptr_null(kevy_ring_sqe(&ring, 8));
    ck_assert_ptr_null(kevy_ring_sqe(&ring, 8));
    ck_assert_int_eq(kevy_ring_submit(&ring), 8);
    ck_assert_uint_eq(kevy_ring_space(&ring), 8);
    nop_queue(&ring, 8, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    for (uint64_t i = 0; i <= 8; i++)
        cqe_expect(&ring, i, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

/* Footgun 13: user_data that is not set must not be an earlier request's, nor anything else. */
START_TEST(a_slot_left_alone_is_a_nop_with_its_own_user_data)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < 4; i++) {
            struct kevy_sqe *sqe = kevy_ring_sqe(&ring, lap * 4 + i);
            struct kevy_sqe nop;

            memset(&nop, 0, sizeof nop);
            nop.user_data = lap * 4 + i;
            ck_assert_mem_eq(sqe, &nop, sizeof nop);
        }
        for (uint64_t i = 0; i < 4; i++)
            cqe_expect(&ring, lap * 4 + i, 0);
        /* Dirt of all kinds that the next lap must not see. */
        memset(ring.sqes, 0xff, ring.sqe_size);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(cursors_wrap_round_the_queues)
{
    struct kevy_ring ring = {0};
    uint64_t next = 0, seen = 0;

    ring_open(&ring, 4, NULL);
    /* Batches of 3 on 4 slots and 8 results start at every position there is. */
    for (int lap = 0; lap < 1000; lap++) {
        for (int i = 0; i < 3; i++)
            nop_queue(&ring, next++, 0);
        ck_assert_int_eq(kevy_ring_submit(&ring), 3);
        for (int i = 0; i < 3; i++)
            ck_assert_uint_eq(cqe_take(&ring).user_data, seen++);
    }
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(submit_counts_what_was_taken)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, NULL);
    ck_assert_int_eq(kevy_ring_submit(&ring), 0);
    for (uint64_t i = 0; i < 3; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    ck_assert_int_eq(kevy_ring_submit(&ring), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 3);
    ck_assert_int_eq(kevy_ring_submit_and_wait(&ring, 3), 0);
    ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(released_slots_alone_are_the_kernels)
{
    struct kevy_ring ring = {0};
    const struct kevy_cqe *first, *second;

    ring_open(&ring, 2, NULL);
    nop_queue(&ring, 11, 0);
    nop_queue(&ring, 22, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 2);
    first = kevy_ring_next(&ring);
    second = kevy_ring_next(&ring);
    ck_assert_ptr_null(kevy_ring_next(&ring));
    ck_assert_uint_eq(*ring.cq_head, 0);
    ck_assert_uint_eq(first->user_data, 11);
    ck_assert_uint_eq(second->user_data, 22);
    kevy_ring_release(&ring);
    ck_assert_uint_eq(*ring.cq_head, 2);
    kevy_ring_deinit(&ring);
}
END_TEST

/* H9 of the Rust crate: leaving a reap loop early must not bring the same CQEs again. */
START_TEST(h9_a_cqe_is_handed_out_once_released_or_not)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    for (uint64_t i = 0; i < 3; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    ck_assert_uint_eq(kevy_ring_next(&ring)->user_data, 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 2);
    ck_assert_uint_eq(kevy_ring_next(&ring)->user_data, 1); /* as after a lost release */
    kevy_ring_release(&ring);
    ck_assert_uint_eq(kevy_ring_next(&ring)->user_data, 2);
    ck_assert_ptr_null(kevy_ring_next(&ring));
    kevy_ring_deinit(&ring);
}
END_TEST

/* Takes what is there by spans of at most `limit`; returns how many there were. */
static uint32_t spans_take(struct kevy_ring *ring, uint64_t first, uint32_t limit)
{
    uint32_t count, total = 0;

    for (;;) {
        const struct kevy_cqe *span = kevy_ring_peek_span(ring, limit, &count);

        ck_assert_uint_le(count, limit);
        if (count == 0)
            break;
        for (uint32_t i = 0; i < count; i++)
            ck_assert_uint_eq(span[i].user_data, first + total + i);
        kevy_ring_advance(ring, count);
        total += count;
    }
    kevy_ring_release(ring);
    return total;
}

/* In a queue of 8 and one of 16 entries, so that every length comes to lie across either end. */
START_TEST(spans_and_single_calls_mix_and_wrap)
{
    struct kevy_ring ring = {0};
    uint64_t next = 0, seen = 0;

    ring_open(&ring, 8, NULL);
    for (uint32_t lap = 0; lap < 500; lap++) {
        uint32_t count = 1 + lap % 8, singles = lap % 3;

        for (uint32_t i = 0; i < count; i++)
            nop_queue(&ring, next++, 0);
        if (count == 8)
            ck_assert_ptr_null(kevy_ring_sqe(&ring, 0));
        ck_assert_int_eq(kevy_ring_submit(&ring), (int)count);
        for (; singles > 0 && seen < next; singles--)
            ck_assert_uint_eq(cqe_take(&ring).user_data, seen++);
        if (lap % 5 == 0)
            for (const struct kevy_cqe *cqe; (cqe = kevy_ring_next(&ring)) != NULL;)
                ck_assert_uint_eq(cqe->user_data, seen++);
        seen += spans_take(&ring, seen, 1 + lap % 4);
        ck_assert_uint_eq(seen, next);
        ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
        ck_assert_uint_eq(*ring.cq_head, *ring.cq_tail);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

struct reap_log {
    struct kevy_ring *ring;
    uint64_t sum;
    uint32_t count;
    uint32_t follow_up; /* requests still to be made from within the reaping */
};

static void reap_note(const struct kevy_cqe *cqe, void *context)
{
    struct reap_log *log = context;

    log->sum += cqe->user_data;
    log->count++;
    if (log->follow_up != 0) {
        log->follow_up--;
        nop_queue(log->ring, 1000, 0);
        ck_assert_int_eq(kevy_ring_submit_and_wait(log->ring, 1), 1);
    }
    /* The copy outlives the slot, which the submission above may have given back. */
    ck_assert(cqe->user_data <= 2 || cqe->user_data == 1000);
}

START_TEST(for_each_hands_out_everything_and_lets_reap_submit)
{
    struct kevy_ring ring = {0};
    struct reap_log log = {.ring = &ring, .follow_up = 5};

    ring_open(&ring, 4, NULL);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, reap_note, &log), 0);
    for (uint64_t i = 0; i < 3; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, reap_note, &log), 8);
    ck_assert_uint_eq(log.count, 8);
    ck_assert_uint_eq(log.sum, 0 + 1 + 2 + 5 * 1000);
    ck_assert_uint_eq(*ring.cq_head, *ring.cq_tail);
    kevy_ring_deinit(&ring);
}
END_TEST

struct overwriting {
    struct kevy_ring *ring;
    uint64_t next;
};

/* Gives the slot of the completion back, for one of another result. */
static void reap_overwrite(const struct kevy_cqe *cqe, void *context)
{
    struct overwriting *overwriting = context;

    ck_assert_uint_eq(cqe->user_data, overwriting->next);
    if (cqe->user_data < 4) {
        nop_queue(overwriting->ring, overwriting->next + 4, 0);
        ck_assert_int_eq(kevy_ring_submit(overwriting->ring), 1);
        ck_assert_uint_eq(overwriting->ring->cqes[cqe->user_data].user_data, cqe->user_data + 4);
    }
    ck_assert_uint_eq(cqe->user_data, overwriting->next++);
}

START_TEST(a_completion_that_is_reaped_is_not_overwritten_by_an_enter)
{
    struct kevy_ring_options options = {.plain = true, .cq_entries = 4};
    struct kevy_ring ring = {0};
    struct overwriting overwriting = {.ring = &ring};

    ring_open(&ring, 4, &options);
    for (uint64_t i = 0; i < 4; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 4);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, reap_overwrite, &overwriting), 8);
    kevy_ring_deinit(&ring);
}
END_TEST

/* How many completions in a row are `first` and those after it. Without libcheck, which writes to a
 * pipe for each comparison. */
static uint32_t in_order(struct kevy_ring *ring, uint64_t first, uint32_t most)
{
    for (uint32_t count = 0; count < most; count++) {
        const struct kevy_cqe *cqe = kevy_ring_next(ring);

        if (cqe == NULL || cqe->user_data != first + count)
            return count;
    }
    return most;
}

/* Every slot of both queues, and past the end of both. */
START_TEST(the_largest_ring_takes_32768_requests_at_once)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, KEVY_MAX_ENTRIES, NULL);
    ck_assert_uint_eq(ring.sq_entries, 32768);
    ck_assert_uint_eq(ring.cq_entries, 65536);
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t i = 0; i < 32768; i++)
            nop_queue(&ring, lap << 32 | i, 0);
        ck_assert_ptr_null(kevy_ring_sqe(&ring, 0));
        ck_assert_int_eq(kevy_ring_submit(&ring), 32768);
        ck_assert_uint_eq(in_order(&ring, lap << 32, 32768), 32768);
        ck_assert_ptr_null(kevy_ring_next(&ring));
    }
    kevy_ring_deinit(&ring);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("queue");
    TCase *queues = tcase_create("queues");

    tcase_add_test(queues, a_full_queue_answers_null_and_recovers);
    tcase_add_test(queues, a_slot_left_alone_is_a_nop_with_its_own_user_data);
    tcase_add_test(queues, cursors_wrap_round_the_queues);
    tcase_add_test(queues, submit_counts_what_was_taken);
    tcase_add_test(queues, released_slots_alone_are_the_kernels);
    tcase_add_test(queues, h9_a_cqe_is_handed_out_once_released_or_not);
    tcase_add_test(queues, spans_and_single_calls_mix_and_wrap);
    tcase_add_test(queues, for_each_hands_out_everything_and_lets_reap_submit);
    tcase_add_test(queues, a_completion_that_is_reaped_is_not_overwritten_by_an_enter);
    tcase_add_test(queues, the_largest_ring_takes_32768_requests_at_once);
    suite_add_tcase(suite, queues);
    return suite;
}
