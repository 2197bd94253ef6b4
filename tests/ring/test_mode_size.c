/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Modes with bigger entries: CQEs of 32 bytes, SQEs of 128, and both sizes in one ring. */

#include "mode_test.h"

#include <kevy/ring_mode.h>
#include <kevy/ring_prep.h>

/* A CQE of 32 bytes, by a NOP that carries two words (6.18). */
static void big_nop_queue(struct kevy_ring *ring, uint64_t user_data)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(ring, user_data);

    ck_assert_ptr_nonnull(sqe);
    sqe->nop_flags = KEVY_NOP_CQE32;
    sqe->off = user_data * 10;
    sqe->addr = user_data * 100;
}

static void big_expect(const struct kevy_cqe *cqe, uint64_t user_data)
{
    struct kevy_cqe32 big;

    ck_assert_uint_eq(cqe->user_data, user_data);
    ck_assert_int_eq(cqe->res, 0);
    memcpy(&big, cqe, sizeof big);
    ck_assert_uint_eq(big.big_cqe[0], user_data * 10);
    ck_assert_uint_eq(big.big_cqe[1], user_data * 100);
}

START_TEST(big_cqes_carry_two_more_words)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE32};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    for (uint64_t i = 1; i < 50; i++) {
        big_nop_queue(&ring, i);
        ck_assert_int_eq(kevy_ring_submit(&ring), 1);
        big_expect(kevy_ring_next(&ring), i);
        kevy_ring_release(&ring);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* Three slots for every two: so each place in the ring has its turn, the last one included. */
static bool is_big(uint64_t number)
{
    return number % 2 == 1;
}

static uint64_t mixed_queue(struct kevy_ring *ring, uint64_t next, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, next++) {
        if (is_big(next))
            big_nop_queue(ring, next);
        else
            nop_queue(ring, next, 0);
    }
    ck_assert_int_eq(kevy_ring_submit(ring), (int)count);
    return next;
}

static void mixed_expect(const struct kevy_cqe *cqe, uint64_t number)
{
    ck_assert_ptr_nonnull(cqe);
    ck_assert_uint_eq((cqe->flags & KEVY_CQE_F_32) != 0, is_big(number));
    if (is_big(number))
        big_expect(cqe, number);
    else
        ck_assert_uint_eq(cqe->user_data, number);
}

/* Liburing hands out the fillers at the end of a mixed ring, and counts them. */
START_TEST(mixed_cqes_come_in_their_sizes_and_fillers_do_not)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE_MIXED, .cq_entries = 8};
    struct kevy_ring ring = {0};
    uint64_t next = 0, seen = 0;

    ring_open(&ring, 4, &options);
    for (int lap = 0; lap < 200; lap++) {
        next = mixed_queue(&ring, next, 4);
        while (seen < next) {
            mixed_expect(kevy_ring_next(&ring), seen++);
            kevy_ring_release(&ring);
        }
        ck_assert_ptr_null(kevy_ring_next(&ring));
        kevy_ring_release(&ring);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(mixed_cqes_can_be_released_many_at_once)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE_MIXED, .cq_entries = 8};
    struct kevy_ring ring = {0};
    uint64_t next = 0, seen = 0;

    ring_open(&ring, 4, &options);
    for (int lap = 0; lap < 200; lap++) {
        const struct kevy_cqe *cqe;

        next = mixed_queue(&ring, next, 3);
        while ((cqe = kevy_ring_next(&ring)) != NULL)
            mixed_expect(cqe, seen++);
        kevy_ring_release(&ring);
        ck_assert_uint_eq(seen, next);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

struct mixed_log {
    uint64_t count;
    uint8_t seen[80];
};

static void mixed_note(const struct kevy_cqe *cqe, void *context)
{
    struct mixed_log *log = context;

    ck_assert_uint_lt(cqe->user_data, sizeof log->seen);
    ck_assert_msg(log->seen[cqe->user_data] == 0, "%d came twice", (int)cqe->user_data);
    log->seen[cqe->user_data] = 1;
    log->count++;
    mixed_expect(cqe, cqe->user_data);
}

static void mixed_pour(struct kevy_ring *mixed)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE_MIXED, .cq_entries = 8};
    uint64_t next = 0;

    ring_open(mixed, 4, &options);
    while (next < 80)
        next = mixed_queue(mixed, next, 4);
    ck_assert(kevy_ring_overflowed(mixed));
}

/* Linux 6.18 hands a small CQE out of turn then, and counts one that is not there. */
START_TEST(mixed_cqes_overflow_without_loss_or_repetition)
{
    struct mixed_log log = {0};
    struct kevy_ring ring = {0};

    mixed_pour(&ring);
    while (log.count < 80)
        ck_assert_uint_ne(kevy_ring_for_each(&ring, mixed_note, &log), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(mixed_cqes_overflow_likewise_when_released_one_by_one)
{
    struct mixed_log log = {0};
    struct kevy_ring ring = {0};

    mixed_pour(&ring);
    while (log.count < 80) {
        const struct kevy_cqe *cqe = kevy_ring_next(&ring);

        if (cqe != NULL)
            mixed_note(cqe, &log);
        kevy_ring_release(&ring);
        if (cqe == NULL)
            ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(mixed_cqes_overflow_likewise_when_released_many_at_once)
{
    struct mixed_log log = {0};
    struct kevy_ring ring = {0};

    mixed_pour(&ring);
    while (log.count < 80) {
        const struct kevy_cqe *cqe;

        while ((cqe = kevy_ring_next(&ring)) != NULL)
            mixed_note(cqe, &log);
        kevy_ring_release(&ring);
        if (kevy_ring_ready(&ring) == 0)
            ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

static void big_note(const struct kevy_cqe *cqe, void *context)
{
    uint64_t *seen = context;

    big_expect(cqe, (*seen)++);
}

START_TEST(for_each_copies_the_whole_of_a_big_cqe)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE32};
    struct kevy_ring ring = {0};
    uint64_t seen = 1;

    ring_open(&ring, 4, &options);
    for (uint64_t i = 1; i <= 4; i++)
        big_nop_queue(&ring, i);
    ck_assert_int_eq(kevy_ring_submit(&ring), 4);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, big_note, &seen), 4);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(big_sqes_have_128_bytes_of_their_own)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQE128};
    struct kevy_ring ring = {0};

    ring_open(&ring, 2, &options);
    for (uint64_t lap = 0; lap < 5; lap++) {
        struct kevy_sqe128 *first = kevy_ring_sqe128(&ring, 1);
        struct kevy_sqe128 *second = kevy_ring_sqe128(&ring, 2);
        uint8_t zeros[64] = {0};

        ck_assert_ptr_eq(second, first + 1);
        ck_assert_ptr_null(kevy_ring_sqe128(&ring, 3));
        ck_assert_mem_eq(first->cmd_rest, zeros, sizeof zeros);
        memset(first->cmd_rest, 0xff, sizeof first->cmd_rest);
        cqe_expect(&ring, 1, 0);
        cqe_expect(&ring, 2, 0);
    }
    kevy_ring_deinit(&ring);
    ring_open(&ring, 2, NULL);
    ck_assert_ptr_null(kevy_ring_sqe128(&ring, 1)); /* there is no such room on a plain ring */
    kevy_ring_deinit(&ring);
}
END_TEST

/* Few kernels have SQE_MIXED (6.19): this is the layout, on a ring that is never submitted. */
START_TEST(big_sqes_of_a_mixed_ring_never_lie_across_the_end)
{
    struct kevy_ring ring = {0};
    struct kevy_sqe128 *sqe;

    ring_open(&ring, 4, NULL);
    ring.setup_flags |= KEVY_SETUP_SQE_MIXED;
    sqe = kevy_ring_sqe128(&ring, 5);
    ck_assert_ptr_eq(sqe, ring.sqes);
    ck_assert_uint_eq(sqe->sqe.user_data, 5);
    ck_assert_ptr_nonnull(kevy_ring_sqe(&ring, 6));
    ck_assert_ptr_null(kevy_ring_sqe128(&ring, 7)); /* one slot, and that is the last */
    ring.setup_flags &= ~KEVY_SETUP_SQE_MIXED;
    kevy_ring_deinit(&ring);

    ring_open(&ring, 4, NULL);
    ring.setup_flags |= KEVY_SETUP_SQE_MIXED;
    for (int i = 0; i < 3; i++)
        nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    sqe = kevy_ring_sqe128(&ring, 8);
    ck_assert_ptr_eq(sqe, ring.sqes);
    ck_assert_uint_eq(ring.sqes[3].opcode, KEVY_OP_NOP);
    ck_assert_uint_eq(ring.sqes[3].flags, KEVY_SQE_CQE_SKIP_SUCCESS);
    ring.setup_flags &= ~KEVY_SETUP_SQE_MIXED;
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(big_and_small_sqes_share_a_mixed_ring)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQE_MIXED};
    struct kevy_ring ring = {0};
    uint64_t next = 0;

    ring_open(&ring, 8, &options);
    for (int lap = 0; lap < 100; lap++) {
        uint64_t first = next;
        struct kevy_sqe128 *big;

        nop_queue(&ring, next++, 0);
        while ((big = kevy_ring_sqe128(&ring, next)) != NULL) {
            kevy_prep_nop128(&big->sqe);
            next++;
        }
        ck_assert_uint_ge(next - first, 3);
        while (first < next)
            cqe_expect(&ring, first++, 0);
        ck_assert_uint_eq(kevy_ring_ready(&ring), 0); /* the fillers stay silent */
    }
    kevy_ring_deinit(&ring);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("mode_size");
    TCase *sizes = tcase_create("sizes");
    bool mixed = setup_grants(KEVY_SETUP_CQE_MIXED); /* 6.18, as NOPs with big CQEs are */

    ADD_IF(sizes, big_cqes_carry_two_more_words, mixed, "Linux 6.18");
    ADD_IF(sizes, for_each_copies_the_whole_of_a_big_cqe, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_come_in_their_sizes_and_fillers_do_not, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_can_be_released_many_at_once, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_overflow_without_loss_or_repetition, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_overflow_likewise_when_released_one_by_one, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_overflow_likewise_when_released_many_at_once, mixed, "Linux 6.18");
    ADD_IF(sizes, big_sqes_have_128_bytes_of_their_own, setup_grants(KEVY_SETUP_SQE128),
           "Linux 5.19");
    tcase_add_test(sizes, big_sqes_of_a_mixed_ring_never_lie_across_the_end);
    ADD_IF(sizes, big_and_small_sqes_share_a_mixed_ring, setup_grants(KEVY_SETUP_SQE_MIXED),
           "Linux 6.19");
    suite_add_tcase(suite, sizes);
    return suite;
}
