/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Buffers changing hands with the running kernel: every way in and out, and every abuse. */

#include "ring_test.h"

#include <fcntl.h>
#include <kevy/buffer_ring.h>
#include <kevy/ring_prep_transfer.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP 7
#define SIZE  16U

static struct kevy_ring ring;
static struct kevy_buffer_ring pool;
static int sockets[2]; /* the test writes to 0, the ring receives from 1 */

static void pair_open(void)
{
    ring_open(&ring, 16, NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

static void pair_close(void)
{
    close(sockets[0]);
    close(sockets[1]);
    kevy_buffer_ring_deinit(&pool);
    kevy_ring_deinit(&ring);
}

static void pool_open(uint32_t entries, uint32_t flags)
{
    struct kevy_buffer_ring_options options = {
        .entries = entries, .buffer_size = SIZE, .group = GROUP, .flags = flags};

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), 0);
}

static void text_send(const char *text)
{
    ck_assert_int_eq(send(sockets[0], text, strlen(text), 0), (ssize_t)strlen(text));
}

static void recv_arm(uint16_t recvsend_flags)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

    kevy_prep_recv_multishot(sqe, sockets[1], GROUP, recvsend_flags);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
}

/* Takes the buffer of the next CQE, which must hold `text`, and returns its id. */
static uint16_t text_take(const char *text)
{
    struct kevy_cqe cqe = cqe_wait(&ring);
    uint16_t id;

    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    id = kevy_buffer_id(cqe.flags);
    ck_assert_int_eq(cqe.res, (int)strlen(text));
    ck_assert_mem_eq(kevy_buffer_ring_take(&pool, id), text, strlen(text));
    return id;
}

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

static void zeros_read(uint32_t count, int fd)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

        sqe->opcode = KEVY_OP_READ;
        sqe->flags = KEVY_SQE_BUFFER_SELECT;
        sqe->fd = fd;
        sqe->buf_group = GROUP;
        sqe->len = SIZE;
    }
    ck_assert_int_eq(kevy_ring_submit(&ring), (int)count);
}

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

/* What this kernel can do, found by trying; outside a test libcheck's assertions are not to be had.
 */
static bool pool_tried(uint32_t flags, uint32_t min_left, bool head)
{
    struct kevy_buffer_ring_options options = {
        .entries = 2, .buffer_size = SIZE, .flags = flags, .min_left = min_left};
    struct kevy_ring trial = {0};
    struct kevy_buffer_ring buffers = {0};
    bool granted;

    if (kevy_ring_init(&trial, 2, NULL) < 0)
        return false;
    granted = kevy_buffer_ring_init(&buffers, &trial, &options) == 0 &&
              (!head || kevy_buffer_ring_head(&buffers) >= 0);
    kevy_buffer_ring_deinit(&buffers);
    kevy_ring_deinit(&trial);
    return granted;
}

static bool pool_granted(uint32_t flags, uint32_t min_left)
{
    return pool_tried(flags, min_left, false);
}

static bool head_known(void)
{
    return pool_tried(0, 0, true);
}

static TCase *case_add(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, pair_open, pair_close);
    suite_add_tcase(suite, tcase);
    return tcase;
}

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

static void kinds_add(Suite *suite)
{
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
    kinds_add(suite);
    abuse_add(suite);
    return suite;
}
