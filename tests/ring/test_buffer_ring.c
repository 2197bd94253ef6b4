/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Buffers changing hands with the running kernel: every way in and out, and every abuse. */

#include "buffer_ring_test.h"

#include <sys/mman.h>
#include <sys/wait.h>

START_TEST(a_buffer_goes_round)
{
    uint16_t id;

    pool_open(4, 0);
    recv_arm(0);
    for (int round = 0; round < 20; round++) {
        text_send("hello");
        id = text_take("hello");
        ck_assert_uint_eq(pool.lent_count, 1);
        kevy_buffer_ring_give(&pool, id);
        kevy_buffer_ring_publish(&pool);
        ck_assert_uint_eq(pool.lent_count, 0);
    }
}
END_TEST

START_TEST(a_buffer_goes_back_by_the_address_it_was_taken_at)
{
    pool_open(4, 0);
    recv_arm(0);
    for (int round = 0; round < 20; round++) {
        uint16_t id;

        text_send("hello");
        id = text_take("hello");
        kevy_buffer_ring_give_at(&pool, id, pool.buffers + (size_t)id * pool.buffer_size);
        kevy_buffer_ring_publish(&pool);
        ck_assert_uint_eq(pool.lent_count, 0);
    }
}
END_TEST

/* Footgun 48: an end carries no buffer; a buffer is there only when F_BUFFER says so. */
START_TEST(the_end_of_a_stream_carries_no_buffer)
{
    struct kevy_cqe cqe;

    pool_open(4, 0);
    recv_arm(0);
    shutdown(sockets[0], SHUT_WR);
    cqe = cqe_wait(&ring);
    ck_assert_int_eq(cqe.res, 0);
    ck_assert_uint_eq(cqe.flags & (KEVY_CQE_F_MORE | KEVY_CQE_F_BUFFER), 0);
}
END_TEST

/* Footgun 3: an empty pool ends the request, and only a published buffer ends the hunger. */
START_TEST(an_empty_pool_starves_until_something_is_published)
{
    uint16_t first, second;
    struct kevy_cqe cqe;

    pool_open(2, 0);
    recv_arm(0);
    text_send("one");
    first = text_take("one");
    text_send("two");
    second = text_take("two");
    ck_assert_uint_ne(first, second);
    text_send("three");
    cqe = cqe_wait(&ring);
    ck_assert_int_eq(cqe.res, -ENOBUFS);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
    kevy_buffer_ring_give(&pool, second);
    recv_arm(0);
    ck_assert_int_eq(cqe_wait(&ring).res, -ENOBUFS); /* staged is not visible */
    kevy_buffer_ring_publish(&pool);
    recv_arm(0);
    ck_assert_uint_eq(text_take("three"), second);
}
END_TEST

/* Footgun 3 again: with POLL_FIRST a receive on an empty pool starves only when data comes. */
START_TEST(poll_first_waits_for_data_before_it_starves)
{
    uint16_t id;

    pool_open(1, 0);
    recv_arm(0);
    text_send("one");
    id = text_take("one");
    text_send("!");
    ck_assert_int_eq(cqe_wait(&ring).res, -ENOBUFS);
    ck_assert_int_eq(recv(sockets[1], &(char){0}, 1, 0), 1);
    recv_arm(KEVY_RECVSEND_POLL_FIRST);
    ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    kevy_buffer_ring_give(&pool, id);
    kevy_buffer_ring_publish(&pool);
    text_send("two");
    text_take("two");
}
END_TEST

/* Footguns 2 and 4: an overflowing CQ ends a multishot request whose last CQE still carries data.
 */
START_TEST(overflow_ends_a_multishot_that_still_has_data)
{
    struct kevy_ring_options options = {.cq_entries = 4};
    struct kevy_cqe cqe;
    uint32_t bytes = 0;

    kevy_ring_deinit(&ring);
    ring_open(&ring, 4, &options);
    pool_open(16, 0);
    recv_arm(0);
    for (int i = 0; i < 6; i++) {
        text_send("x");
        ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    }
    do {
        cqe = cqe_wait(&ring);
        ck_assert_int_ge(cqe.res, 1);
        bytes += (uint32_t)cqe.res;
    } while (cqe.flags & KEVY_CQE_F_MORE);
    recv_arm(0);
    while (bytes < 6)
        bytes += (uint32_t)cqe_wait(&ring).res;
    ck_assert_uint_eq(bytes, 6);
}
END_TEST

START_TEST(the_16_bit_tail_wraps)
{
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    pool_open(8, 0);
    for (uint32_t given = 8; given < 2 * 65536; given += 8) {
        zeros_read(8, fd);
        for (int i = 0; i < 8; i++) {
            struct kevy_cqe cqe = cqe_wait(&ring);

            ck_assert_int_eq(cqe.res, SIZE);
            kevy_buffer_ring_take(&pool, kevy_buffer_id(cqe.flags));
            kevy_buffer_ring_give(&pool, kevy_buffer_id(cqe.flags));
        }
        kevy_buffer_ring_publish(&pool);
    }
    close(fd);
}
END_TEST

/* Where the kernel tells its cursor (6.8). */
static void available_check(int count)
{
    if (kevy_buffer_ring_head(&pool) >= 0)
        ck_assert_int_eq(kevy_buffer_ring_available(&pool), count);
}

/*
 * 32,768 buffers are half of what a 16-bit tail can count: all of them in the kernel's hand, then
 * all in the caller's, and back, past the wrap.
 */
START_TEST(the_largest_ring_of_buffers_is_emptied_and_filled)
{
    const uint32_t entries = 32768;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    kevy_ring_deinit(&ring);
    ring_open(&ring, 1024, NULL);
    pool_open(entries, 0);
    for (int round = 0; round < 2; round++) {
        for (uint32_t next = 0; next < entries;) {
            zeros_read(1024, fd);
            for (int i = 0; i < 1024; i++, next++) {
                struct kevy_cqe cqe = cqe_wait(&ring);

                ck_assert_int_eq(cqe.res, SIZE);
                ck_assert_uint_eq(kevy_buffer_id(cqe.flags), next);
                ck_assert_uint_eq(kevy_buffer_ring_after(&pool, (uint16_t)next),
                                  (next + 1) % entries);
                ck_assert_ptr_eq(kevy_buffer_ring_take(&pool, (uint16_t)next),
                                 pool.buffers + (size_t)next * SIZE);
            }
        }
        ck_assert_uint_eq(pool.lent_count, entries);
        zeros_read(1, fd);
        ck_assert_int_eq(cqe_wait(&ring).res, -ENOBUFS);
        available_check(0);
        for (uint32_t id = 0; id < entries; id++)
            kevy_buffer_ring_give(&pool, (uint16_t)id);
        kevy_buffer_ring_publish(&pool);
        available_check((int)entries);
    }
    close(fd);
}
END_TEST

START_TEST(the_kernels_head_counts_what_it_took)
{
    pool_open(4, 0);
    ck_assert_int_eq(kevy_buffer_ring_head(&pool), 0);
    recv_arm(0);
    text_send("x");
    text_take("x");
    ck_assert_int_eq(kevy_buffer_ring_head(&pool), 1);
}
END_TEST

/* Footgun 43: what the kernel would refuse, or wrap. */
START_TEST(sizes_and_flags_out_of_range_are_refused)
{
    static const struct kevy_buffer_ring_options wrong[] = {
        {.entries = 0, .buffer_size = SIZE},
        {.entries = 3, .buffer_size = SIZE},
        {.entries = 65536, .buffer_size = SIZE},
        {.entries = 4, .buffer_size = 0},
        {.entries = 4, .buffer_size = SIZE, .flags = 1U << 31},
        {.entries = 4, .buffer_size = UINT32_MAX, .flags = 1U << 31},
    };

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &wrong[i]), -EINVAL);
        kevy_buffer_ring_deinit(&pool);
    }
}
END_TEST

START_TEST(a_group_is_unique_on_its_ring)
{
    struct kevy_buffer_ring_options options = {.entries = 4, .buffer_size = SIZE, .group = GROUP};
    struct kevy_buffer_ring twin = {0}, other = {0};

    pool_open(4, 0);
    ck_assert_int_eq(kevy_buffer_ring_init(&twin, &ring, &options), -EEXIST);
    kevy_buffer_ring_deinit(&twin);
    options.group = GROUP + 1;
    ck_assert_int_eq(kevy_buffer_ring_init(&twin, &ring, &options), 0);
    options.group = GROUP + 2;
    ck_assert_int_eq(kevy_buffer_ring_init(&other, &ring, &options), 0);
    kevy_buffer_ring_deinit(&twin); /* from the middle of the ring's list */
    ck_assert_ptr_eq(ring.buffer_rings, &other);
    ck_assert_ptr_eq(other.next, &pool);
    recv_arm(0);
    text_send("first");
    text_take("first");
    kevy_buffer_ring_deinit(&other);
    options.group = GROUP + 1;
    ck_assert_int_eq(kevy_buffer_ring_init(&twin, &ring, &options), 0);
    kevy_buffer_ring_deinit(&twin);
}
END_TEST

START_TEST(deinit_accepts_zeroed_and_done)
{
    memset(&pool, 0, sizeof pool);
    kevy_buffer_ring_deinit(&pool);
    pool_open(4, 0);
    kevy_buffer_ring_deinit(&pool);
    kevy_buffer_ring_deinit(&pool);
    ck_assert_ptr_null(ring.buffer_rings);
}
END_TEST

START_TEST(a_forked_child_does_not_inherit_the_buffers)
{
    pid_t child;
    int status;

    pool_open(4, 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(msync(pool.memory, pool.memory_size, MS_ASYNC) < 0 && errno == ENOMEM ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

/* H1 of the Rust crate: the kernel goes on writing into buffers whose ring was dropped first. */
START_TEST(h1_a_ring_torn_down_before_its_buffers_is_caught)
{
    pool_open(4, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

/* H6 of the Rust crate: one buffer given twice would be handed out twice. */
START_TEST(h6_giving_twice_is_caught)
{
    uint16_t id;

    pool_open(4, 0);
    recv_arm(0);
    text_send("x");
    id = text_take("x");
    kevy_buffer_ring_give(&pool, id);
    kevy_buffer_ring_give(&pool, id);
}
END_TEST

START_TEST(h6_giving_what_was_never_taken_is_caught)
{
    pool_open(4, 0);
    kevy_buffer_ring_give(&pool, 0);
}
END_TEST

/* H6 of the Rust crate: a foreign id would give the kernel an address outside the buffers. */
START_TEST(h6_giving_a_foreign_id_is_caught)
{
    pool_open(4, 0);
    kevy_buffer_ring_give(&pool, 4);
}
END_TEST

START_TEST(h6_taking_a_foreign_id_is_caught)
{
    pool_open(4, 0);
    kevy_buffer_ring_take(&pool, 4);
}
END_TEST

START_TEST(h6_taking_twice_is_caught)
{
    pool_open(4, 0);
    kevy_buffer_ring_take(&pool, 1);
    kevy_buffer_ring_take(&pool, 1);
}
END_TEST

START_TEST(a_piece_longer_than_its_buffer_is_caught)
{
    pool_open(2, KEVY_BUFFER_RING_INCREMENTAL);
    kevy_buffer_ring_take_piece(&pool, KEVY_CQE_F_BUFFER | KEVY_CQE_F_BUF_MORE, SIZE + 1);
}
END_TEST

START_TEST(pieces_are_for_incremental_rings_alone)
{
    pool_open(2, 0);
    kevy_buffer_ring_take_piece(&pool, KEVY_CQE_F_BUFFER, 1);
}
END_TEST

static void abuse_add(Suite *suite)
{
    TCase *abuse = case_add(suite, "abuse");

    support_add_abort(abuse, h1_a_ring_torn_down_before_its_buffers_is_caught, 0, 1);
    support_add_abort(abuse, h6_giving_twice_is_caught, 0, 1);
    support_add_abort(abuse, h6_giving_what_was_never_taken_is_caught, 0, 1);
    support_add_abort(abuse, h6_giving_a_foreign_id_is_caught, 0, 1);
    support_add_abort(abuse, h6_taking_a_foreign_id_is_caught, 0, 1);
    support_add_abort(abuse, h6_taking_twice_is_caught, 0, 1);
    support_add_abort(abuse, pieces_are_for_incremental_rings_alone, 0, 1);
    if (pool_granted(KEVY_BUFFER_RING_INCREMENTAL, 0))
        support_add_abort(abuse, a_piece_longer_than_its_buffer_is_caught, 0, 1);
    else
        support_skip("a_piece_longer_than_its_buffer_is_caught", "needs Linux 6.12");
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("buffer_ring");
    TCase *hands = case_add(suite, "hands");
    TCase *life = case_add(suite, "life");
    struct kevy_ring_probe probe = kernel_probe();

    /* 6.0 has multishot recv, with which most of these fetch their buffers, and SEND_ZC. */
    if (!kernel_has_release_of(&probe, KEVY_OP_SEND_ZC)) {
        support_skip("buffer_ring", "needs Linux 6.0");
        return suite;
    }
    tcase_add_test(hands, a_buffer_goes_round);
    tcase_add_test(hands, a_buffer_goes_back_by_the_address_it_was_taken_at);
    tcase_add_test(hands, the_end_of_a_stream_carries_no_buffer);
    tcase_add_test(hands, an_empty_pool_starves_until_something_is_published);
    tcase_add_test(hands, poll_first_waits_for_data_before_it_starves);
    tcase_add_test(hands, overflow_ends_a_multishot_that_still_has_data);
    tcase_add_test(hands, the_16_bit_tail_wraps);
    tcase_add_test(hands, the_largest_ring_of_buffers_is_emptied_and_filled);
    if (head_known())
        tcase_add_test(hands, the_kernels_head_counts_what_it_took);
    else
        support_skip("the_kernels_head_counts_what_it_took", "needs Linux 6.8");
    tcase_add_test(life, sizes_and_flags_out_of_range_are_refused);
    tcase_add_test(life, a_group_is_unique_on_its_ring);
    tcase_add_test(life, deinit_accepts_zeroed_and_done);
    tcase_add_test(life, a_forked_child_does_not_inherit_the_buffers);
    abuse_add(suite);
    return suite;
}
