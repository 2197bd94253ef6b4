/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Kinds of buffer rings and of their use: bundles, incremental buffers, slots of the kernel's. */

#include "buffer_ring_test.h"

/* Footgun 6: a bundle names its first buffer; the others follow in the order of giving. */
START_TEST(a_bundle_is_walked_in_ring_order)
{
    static const uint16_t order[] = {2, 0, 3, 1};
    char expected[4 * SIZE];
    struct kevy_cqe cqe;
    uint16_t id;
    int zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    pool_open(4, 0);
    zeros_read(4, zeros);
    for (int i = 0; i < 4; i++)
        kevy_buffer_ring_take(&pool, kevy_buffer_id(cqe_wait(&ring).flags));
    for (int i = 0; i < 4; i++)
        kevy_buffer_ring_give(&pool, order[i]);
    kevy_buffer_ring_publish(&pool);
    for (uint32_t i = 0; i < sizeof expected; i++)
        expected[i] = (char)i;
    ck_assert_int_eq(send(sockets[0], expected, sizeof expected, 0), sizeof expected);
    for (uint32_t i = 0; i < 4;) {
        kevy_prep_recv_bundle(kevy_ring_sqe(&ring, 2), sockets[1], GROUP, 0);
        cqe = cqe_wait(&ring);
        ck_assert_int_gt(cqe.res, 0);
        id = kevy_buffer_id(cqe.flags);
        /* 6.12 takes one buffer when it cannot tell how much there is. */
        for (int32_t left = cqe.res; left > 0; left -= (int32_t)SIZE, i++) {
            ck_assert_uint_eq(id, order[i]);
            ck_assert_mem_eq(kevy_buffer_ring_take(&pool, id), expected + i * SIZE, SIZE);
            id = kevy_buffer_ring_after(&pool, id);
        }
    }
    close(zeros);
}
END_TEST

/* Kernels from 6.10 on may write into a slot how much of its buffer a limited bundle has used. */
START_TEST(a_buffer_that_a_bundle_has_shortened_is_whole_again_when_given)
{
    struct kevy_sqe *sqe;
    struct kevy_cqe cqe;
    uint16_t id;

    pool_open(1, 0);
    text_send("0123456789abcdef");
    sqe = kevy_ring_sqe(&ring, 2);
    kevy_prep_recv_bundle(sqe, sockets[1], GROUP, 0);
    sqe->len = 10;
    cqe = cqe_wait(&ring);
    ck_assert_int_eq(cqe.res, 10);
    pool.slots[0].len = 10;
    id = kevy_buffer_id(cqe.flags);
    ck_assert_mem_eq(kevy_buffer_ring_take(&pool, id), "0123456789", 10);
    kevy_buffer_ring_give(&pool, id);
    kevy_buffer_ring_publish(&pool);
    text_send("0123456789");
    recv_arm(0);
    text_take("abcdef0123456789");
}
END_TEST

START_TEST(an_incremental_buffer_is_used_up_in_pieces)
{
    struct kevy_cqe cqe;
    uint8_t *first, *second;

    pool_open(2, KEVY_BUFFER_RING_INCREMENTAL);
    recv_arm(0);
    text_send("0123456789");
    cqe = cqe_wait(&ring);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUF_MORE, 0);
    first = kevy_buffer_ring_take_piece(&pool, cqe.flags, (uint32_t)cqe.res);
    ck_assert_uint_eq(pool.lent_count, 0);
    text_send("abcdef");
    cqe = cqe_wait(&ring);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_BUF_MORE, 0);
    second = kevy_buffer_ring_take_piece(&pool, cqe.flags, (uint32_t)cqe.res);
    ck_assert_ptr_eq(second, first + 10);
    ck_assert_mem_eq(first, "0123456789abcdef", 16);
    ck_assert_uint_eq(pool.lent_count, 1);
    kevy_buffer_ring_give(&pool, kevy_buffer_id(cqe.flags));
    kevy_buffer_ring_publish(&pool);
    text_send("again");
    cqe = cqe_wait(&ring);
    ck_assert_mem_eq(kevy_buffer_ring_take_piece(&pool, cqe.flags, (uint32_t)cqe.res), "again", 5);
}
END_TEST

START_TEST(min_left_retires_a_buffer_early)
{
    struct kevy_buffer_ring_options options = {.entries = 2,
                                               .buffer_size = SIZE,
                                               .group = GROUP,
                                               .flags = KEVY_BUFFER_RING_INCREMENTAL,
                                               .min_left = 8};
    struct kevy_cqe cqe;

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), 0);
    recv_arm(0);
    text_send("0123456789");
    cqe = cqe_wait(&ring);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_BUF_MORE, 0);
    kevy_buffer_ring_take_piece(&pool, cqe.flags, (uint32_t)cqe.res);
    ck_assert_uint_eq(pool.lent_count, 1);
}
END_TEST

START_TEST(min_left_needs_incremental)
{
    struct kevy_buffer_ring_options options = {
        .entries = 2, .buffer_size = SIZE, .group = GROUP, .min_left = 8};

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), -EINVAL);
}
END_TEST

START_TEST(the_kernel_can_own_the_slots)
{
    uint16_t id;

    pool_open(4, KEVY_BUFFER_RING_KERNEL_MAPPED);
    ck_assert_ptr_eq(pool.slots, pool.kernel_memory);
    recv_arm(0);
    for (int i = 0; i < 10; i++) {
        text_send("mapped");
        id = text_take("mapped");
        kevy_buffer_ring_give(&pool, id);
        kevy_buffer_ring_publish(&pool);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buffer_kind");
    TCase *kinds = case_add(suite, "kinds");

    if (pool_granted(KEVY_BUFFER_RING_KERNEL_MAPPED, 0))
        tcase_add_test(kinds, the_kernel_can_own_the_slots);
    else
        support_skip("the_kernel_can_own_the_slots", "needs Linux 6.4");
    if (kernel_probe().features & KEVY_FEAT_RECVSEND_BUNDLE) {
        tcase_add_test(kinds, a_bundle_is_walked_in_ring_order);
        tcase_add_test(kinds, a_buffer_that_a_bundle_has_shortened_is_whole_again_when_given);
    } else {
        support_skip("a_bundle_is_walked_in_ring_order", "needs Linux 6.10");
        support_skip("a_buffer_that_a_bundle_has_shortened_is_whole_again_when_given",
                     "needs Linux 6.10");
    }
    if (pool_granted(KEVY_BUFFER_RING_INCREMENTAL, 0))
        tcase_add_test(kinds, an_incremental_buffer_is_used_up_in_pieces);
    else
        support_skip("an_incremental_buffer_is_used_up_in_pieces", "needs Linux 6.12");
    if (pool_granted(KEVY_BUFFER_RING_INCREMENTAL, 1)) {
        tcase_add_test(kinds, min_left_retires_a_buffer_early);
        tcase_add_test(kinds, min_left_needs_incremental);
    } else {
        support_skip("min_left_retires_a_buffer_early", "needs a kernel of 2026");
        support_skip("min_left_needs_incremental", "needs a kernel of 2026");
    }
    return suite;
}
