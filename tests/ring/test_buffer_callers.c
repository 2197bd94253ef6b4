/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Buffer rings over the caller's memory: any size, any place, any id. */

#include "buffer_ring_test.h"

#include <kevy/ring_result.h>

static char mine[8][SIZE]; /* buffers of the caller's */

static void callers_open(uint32_t entries, uint32_t flags)
{
    struct kevy_buffer_ring_options options = {
        .entries = entries, .group = GROUP, .flags = KEVY_BUFFER_RING_CALLERS | flags};

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), 0);
    ck_assert_uint_eq(pool.lent_count, entries);
}

static void callers_expect(uint16_t id, const void *memory, const char *text)
{
    struct kevy_cqe cqe = cqe_wait(&ring);

    ck_assert_int_eq(cqe.res, (int)strlen(text));
    ck_assert_uint_eq(kevy_buffer_id(cqe.flags), id);
    ck_assert_ptr_eq(kevy_buffer_ring_take_added(&pool, id), memory);
    ck_assert_mem_eq(memory, text, strlen(text));
}

START_TEST(buffers_of_the_callers_have_any_size_place_and_id)
{
    callers_open(4, 0);
    kevy_buffer_ring_add(&pool, 60000, mine[5], 3);
    kevy_buffer_ring_add(&pool, 2, mine[1], SIZE);
    kevy_buffer_ring_publish(&pool);
    ck_assert_uint_eq(pool.lent_count, 2);
    text_send("hello");
    recv_arm(0);
    callers_expect(60000, mine[5], "hel");
    callers_expect(2, mine[1], "lo");
    ck_assert_uint_eq(pool.lent_count, 4);
    text_send("again");
    ck_assert_int_eq(cqe_wait(&ring).res, -ENOBUFS);
    for (uint16_t round = 0; round < 40; round++) { /* the same id, elsewhere */
        kevy_buffer_ring_add(&pool, 9, mine[round % 8], SIZE);
        kevy_buffer_ring_publish(&pool);
        kevy_prep_recv_select(kevy_ring_sqe(&ring, 1), sockets[1], GROUP, 0, 0);
        callers_expect(9, mine[round % 8], "again");
        text_send("again");
    }
}
END_TEST

START_TEST(callers_buffers_and_the_rings_own_are_not_mixed)
{
    struct kevy_buffer_ring_options options = {
        .entries = 4, .buffer_size = SIZE, .group = GROUP, .flags = KEVY_BUFFER_RING_CALLERS};

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), -EINVAL);
    options.buffer_size = 0;
    options.flags = 0;
    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), -EINVAL);
}
END_TEST

START_TEST(a_callers_buffer_can_be_used_up_in_pieces)
{
    struct kevy_cqe cqe;

    callers_open(2, KEVY_BUFFER_RING_INCREMENTAL);
    kevy_buffer_ring_add(&pool, 40000, mine[0], 8);
    kevy_buffer_ring_publish(&pool);
    recv_arm(0);
    text_send("abc");
    cqe = cqe_wait(&ring);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUF_MORE, 0);
    ck_assert_ptr_eq(kevy_buffer_ring_take_piece(&pool, cqe.flags, 3), mine[0]);
    text_send("defgh");
    cqe = cqe_wait(&ring);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_BUF_MORE, 0);
    ck_assert_ptr_eq(kevy_buffer_ring_take_piece(&pool, cqe.flags, 5), mine[0] + 3);
    ck_assert_mem_eq(mine[0], "abcdefgh", 8);
    ck_assert_uint_eq(pool.lent_count, 2);
    kevy_buffer_ring_add(&pool, 40000, mine[1], 8);
}
END_TEST

START_TEST(buffers_that_the_kernel_can_pick_are_counted)
{
    callers_open(4, 0);
    ck_assert_int_eq(kevy_buffer_ring_available(&pool), 0);
    for (uint16_t id = 0; id < 4; id++)
        kevy_buffer_ring_add(&pool, id, mine[id], SIZE);
    ck_assert_int_eq(kevy_buffer_ring_available(&pool), 0);
    kevy_buffer_ring_publish(&pool);
    ck_assert_int_eq(kevy_buffer_ring_available(&pool), 4);
    recv_arm(0);
    text_send("hello");
    callers_expect(0, mine[0], "hello");
    ck_assert_int_eq(kevy_buffer_ring_available(&pool), 3);
}
END_TEST

START_TEST(adding_what_the_kernel_has_is_caught)
{
    callers_open(4, 0);
    kevy_buffer_ring_add(&pool, 1, mine[0], SIZE);
    kevy_buffer_ring_add(&pool, 1, mine[1], SIZE);
}
END_TEST

START_TEST(adding_more_than_the_ring_holds_is_caught)
{
    callers_open(2, 0);
    for (uint16_t id = 0; id < 3; id++)
        kevy_buffer_ring_add(&pool, id, mine[id], SIZE);
}
END_TEST

START_TEST(taking_what_was_never_added_is_caught)
{
    callers_open(2, 0);
    (void)kevy_buffer_ring_take_added(&pool, 0);
}
END_TEST

START_TEST(giving_what_was_added_is_caught)
{
    callers_open(2, 0);
    kevy_buffer_ring_add(&pool, 1, mine[0], SIZE);
    (void)kevy_buffer_ring_take_added(&pool, 1);
    kevy_buffer_ring_give(&pool, 1);
}
END_TEST

START_TEST(a_bundle_of_callers_buffers_is_the_callers_to_walk)
{
    callers_open(2, 0);
    (void)kevy_bundle_begin(&pool, KEVY_CQE_F_BUFFER, 20);
}
END_TEST

START_TEST(the_id_of_a_cqe_that_names_no_buffer_is_caught)
{
    (void)kevy_buffer_id(KEVY_CQE_F_MORE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("buffer_callers");
    TCase *hands = case_add(suite, "hands"), *abuse = case_add(suite, "abuse");

    if (!pool_granted(KEVY_BUFFER_RING_CALLERS, 0)) {
        support_skip("test_ring_buffer_callers", "Linux 6.0");
        return suite;
    }
    tcase_add_test(hands, buffers_of_the_callers_have_any_size_place_and_id);
    tcase_add_test(hands, callers_buffers_and_the_rings_own_are_not_mixed);
    if (pool_granted(KEVY_BUFFER_RING_CALLERS | KEVY_BUFFER_RING_INCREMENTAL, 0))
        tcase_add_test(hands, a_callers_buffer_can_be_used_up_in_pieces);
    else
        support_skip("a_callers_buffer_can_be_used_up_in_pieces", "Linux 6.12");
    if (pool_tried(KEVY_BUFFER_RING_CALLERS, 0, true))
        tcase_add_test(hands, buffers_that_the_kernel_can_pick_are_counted);
    else
        support_skip("buffers_that_the_kernel_can_pick_are_counted", "Linux 6.8");
    support_add_abort(abuse, adding_what_the_kernel_has_is_caught, 0, 1);
    support_add_abort(abuse, adding_more_than_the_ring_holds_is_caught, 0, 1);
    support_add_abort(abuse, taking_what_was_never_added_is_caught, 0, 1);
    support_add_abort(abuse, giving_what_was_added_is_caught, 0, 1);
    support_add_abort(abuse, a_bundle_of_callers_buffers_is_the_callers_to_walk, 0, 1);
    support_add_abort(abuse, the_id_of_a_cqe_that_names_no_buffer_is_caught, 0, 1);
    return suite;
}
