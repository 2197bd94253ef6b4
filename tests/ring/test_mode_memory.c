/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Where the queues lie: in memory of the caller, under an index, or elsewhere after a resize. */

#include "mode_test.h"

#include <kevy/ring_mode.h>
#include <stdlib.h>
#include <sys/mman.h>

static void *memory_make(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    return memory;
}

START_TEST(the_queues_can_lie_in_the_callers_memory)
{
    struct kevy_ring_options options = {.cq_entries = 1024};
    struct kevy_ring ring = {0};
    size_t size = kevy_ring_memory_size(300, &options);
    uint8_t *memory = memory_make(size);

    ck_assert_uint_gt(size, 512 * 64 + 1024 * 16);
    options.memory = memory;
    options.memory_size = size;
    ring_open(&ring, 300, &options);
    ck_assert_uint_ne(ring.setup_flags & KEVY_SETUP_NO_MMAP, 0);
    ck_assert((uint8_t *)ring.sqes >= memory);
    ck_assert((uint8_t *)(ring.sqes + ring.sq_entries) <= memory + size);
    ck_assert((const uint8_t *)(ring.cqes + ring.cq_entries) <= (uint8_t *)ring.sqes);
    nops_run(&ring, 1500);
    kevy_ring_deinit(&ring);
    ck_assert_int_eq(msync(memory, size, MS_ASYNC), 0); /* still the caller's */
    for (size_t i = 0; i < size; i++)
        ck_assert_uint_eq(memory[i], 0);
    ck_assert_int_eq(munmap(memory, size), 0);
}
END_TEST

/* The kernel tears rings down behind our back and writes into their memory meanwhile. */
START_TEST(lent_memory_can_be_used_again_at_once)
{
    struct kevy_ring_options options = {0};
    size_t size = kevy_ring_memory_size(8, NULL);
    struct kevy_ring ring = {0};

    options.memory = memory_make(size);
    options.memory_size = size;
    for (int i = 0; i < 200; i++) {
        memset(options.memory, 0xff, size); /* whatever was there before does not matter */
        ring_open(&ring, 8, &options);
        nops_run(&ring, 1 + (uint64_t)i % 20);
        kevy_ring_deinit(&ring);
    }
    munmap(options.memory, size);
}
END_TEST

static const uint32_t big_flags[] = {KEVY_SETUP_SQE128, KEVY_SETUP_CQE32,
                                     KEVY_SETUP_SQE128 | KEVY_SETUP_CQE32};

START_TEST(lent_memory_has_room_for_big_requests_and_completions)
{
    struct kevy_ring_options options = {.required_flags = big_flags[_i]};
    size_t size = kevy_ring_memory_size(256, &options);
    struct kevy_ring ring = {0};
    uint8_t *memory = memory_make(size);

    options.memory = memory;
    options.memory_size = size;
    ring_open(&ring, 256, &options);
    ck_assert((const uint8_t *)ring.cqes + ((size_t)ring.cq_entries << ring.cqe_shift) <=
              (uint8_t *)ring.sqes);
    ck_assert((uint8_t *)ring.sqes + ((size_t)ring.sq_entries << ring.sqe_shift) <= memory + size);
    nops_run(&ring, 1500);
    kevy_ring_deinit(&ring);
    ck_assert_int_eq(munmap(memory, size), 0);
}
END_TEST

START_TEST(lent_memory_that_does_not_do_is_refused)
{
    struct kevy_ring_options options = {.cq_entries = 0};
    size_t size = kevy_ring_memory_size(8, NULL);
    uint8_t *memory = memory_make(2 * size);
    struct kevy_ring ring = {0};

    options.memory = memory;
    options.memory_size = size - 1;
    ck_assert_int_eq(kevy_ring_init(&ring, 8, &options), -EINVAL);
    options.memory = memory + 64; /* not on a page */
    options.memory_size = size;
    ck_assert_int_lt(kevy_ring_init(&ring, 8, &options), 0);
    options.memory = memory;
    ck_assert_int_eq(kevy_ring_init(&ring, 0, &options), -EINVAL);
    munmap(memory, 2 * size);
}
END_TEST

START_TEST(memory_sizes_follow_the_modes)
{
    struct kevy_ring_options big = {.required_flags = KEVY_SETUP_SQE128 | KEVY_SETUP_CQE32};
    struct kevy_ring_options clamp = {.required_flags = KEVY_SETUP_CLAMP, .cq_entries = UINT32_MAX};
    struct kevy_ring_options wrong = {.cq_entries = KEVY_MAX_CQ_ENTRIES + 1};

    ck_assert_uint_gt(kevy_ring_memory_size(256, &big), kevy_ring_memory_size(256, NULL));
    ck_assert_uint_eq(kevy_ring_memory_size(129, NULL), kevy_ring_memory_size(256, NULL));
    ck_assert_uint_eq(kevy_ring_memory_size(0, NULL), 0);
    ck_assert_uint_eq(kevy_ring_memory_size(KEVY_MAX_ENTRIES + 1, NULL), 0);
    ck_assert_uint_eq(kevy_ring_memory_size(4, &wrong), 0);
    ck_assert_uint_gt(kevy_ring_memory_size(UINT32_MAX, &clamp), KEVY_MAX_ENTRIES * 64U);
}
END_TEST

START_TEST(a_ring_may_be_an_index_and_no_descriptor)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_REGISTERED_FD_ONLY};
    size_t size = kevy_ring_memory_size(8, &options);
    int descriptors = support_fd_count();
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};

    options.memory = memory_make(size);
    options.memory_size = size;
    for (int i = 0; i < 40; i++) {
        ring_open(&ring, 8, &options);
        ck_assert_int_eq(ring.fd, -1);
        ck_assert_int_eq(support_fd_count(), descriptors);
        ck_assert_int_eq(kevy_ring_probe(&ring, &probe), 0);
        nops_run(&ring, 20);
        kevy_ring_deinit(&ring);
    }
    munmap(options.memory, size);
}
END_TEST

START_TEST(huge_pages_hold_a_whole_ring)
{
    struct kevy_ring_options options = {0};
    size_t size = 2U << 20;
    struct kevy_ring ring = {0};
    int error;

    options.memory = aligned_alloc(size, size);
    ck_assert_ptr_nonnull(options.memory);
    (void)madvise(options.memory, size, MADV_HUGEPAGE);
    options.memory_size = size;
    error = kevy_ring_init(&ring, 4096, &options);
    ck_assert_msg(error == 0 || error == -EINVAL, "init: %d", error); /* before 6.10, unless huge */
    if (error == 0)
        nops_run(&ring, 100);
    kevy_ring_deinit(&ring);
    free(options.memory);
}
END_TEST

START_TEST(resize_keeps_what_is_queued_and_what_is_done)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    nops_run(&ring, 3); /* the cursors are not at 0 */
    for (uint64_t i = 0; i < 4; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 4);
    for (uint64_t i = 4; i < 7; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 64, 256, 0, NULL, 0), 0);
    ck_assert_uint_eq(ring.sq_entries, 64);
    ck_assert_uint_eq(ring.cq_entries, 256);
    ck_assert_uint_eq(kevy_ring_space(&ring), 61);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 4);
    for (uint64_t i = 7; i < 68; i++)
        nop_queue(&ring, i, 0);
    ck_assert_ptr_null(kevy_ring_sqe(&ring, 0));
    ck_assert_int_eq(kevy_ring_submit(&ring), 64);
    for (uint64_t i = 0; i < 68; i++)
        cqe_expect(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 2, 0, 0, NULL, 0), 0);
    ck_assert_uint_eq(ring.cq_entries, 4);
    nops_run(&ring, 50);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(resize_cuts_sizes_that_are_too_large_where_asked)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_int_eq(kevy_ring_resize(&ring, 100000, 0, 0, NULL, 0), -EINVAL);
    ck_assert_int_eq(kevy_ring_resize(&ring, 100000, 0, KEVY_SETUP_IOPOLL, NULL, 0), -EINVAL);
    ck_assert_int_eq(kevy_ring_resize(&ring, 100000, 0, KEVY_SETUP_CLAMP, NULL, 0), 0);
    ck_assert_uint_eq(ring.sq_entries, KEVY_MAX_ENTRIES);
    nops_run(&ring, 10);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(resize_needs_no_room_for_what_was_handed_out)
{
    struct kevy_ring_options options = {.required_flags = DEFER, .cq_entries = 16};
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &options);
    for (uint64_t i = 0; i < 8; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit_and_wait(&ring, 8), 8);
    for (uint64_t i = 0; i < 8; i++)
        ck_assert_uint_eq(kevy_ring_next(&ring)->user_data, i);
    ck_assert_int_eq(kevy_ring_resize(&ring, 4, 4, 0, NULL, 0), 0);
    ck_assert_ptr_null(kevy_ring_next(&ring));
    nops_run(&ring, 20);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(resize_refuses_what_would_lose_something)
{
    struct kevy_ring_options options = {.required_flags = DEFER, .cq_entries = 16};
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &options);
    for (uint64_t i = 0; i < 8; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 2, 0, 0, NULL, 0), -EOVERFLOW);
    ck_assert_int_eq(kevy_ring_resize(&ring, 0, 0, 0, NULL, 0), -EINVAL);
    ck_assert_uint_eq(ring.sq_entries, 8);
    for (uint64_t i = 0; i < 8; i++)
        cqe_expect(&ring, i, 0);
    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, NULL);
    ck_assert_int_eq(kevy_ring_resize(&ring, 16, 0, 0, NULL, 0), -EINVAL); /* not a DEFER ring */
    nops_run(&ring, 10);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(resize_moves_a_ring_in_lent_memory)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    size_t small = kevy_ring_memory_size(8, &options), large = kevy_ring_memory_size(512, &options);
    void *next = memory_make(large);
    struct kevy_ring ring = {0};

    options.memory = memory_make(small);
    options.memory_size = small;
    ring_open(&ring, 8, &options);
    nops_run(&ring, 5);
    nop_queue(&ring, 77, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 512, 0, 0, next, small), -EINVAL);
    ck_assert_int_eq(kevy_ring_resize(&ring, 512, 0, 0, next, large), 0);
    munmap(options.memory, small);
    ck_assert_uint_eq(ring.sq_entries, 512);
    cqe_expect(&ring, 77, 0);
    nops_run(&ring, 2000);
    kevy_ring_deinit(&ring);
    munmap(next, large);
}
END_TEST

static bool lent_granted(uint32_t flags)
{
    struct kevy_ring_options options = {.required_flags = flags};
    struct kevy_ring ring = {0};
    int error;

    options.memory_size = kevy_ring_memory_size(300, &options);
    options.memory = aligned_alloc(65536, (options.memory_size + 65535) & ~(size_t)65535);
    error = kevy_ring_init(&ring, 300, &options);
    kevy_ring_deinit(&ring);
    free(options.memory);
    return error == 0;
}

static bool resize_granted(void)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring = {0};
    int error = kevy_ring_init(&ring, 4, &options);

    if (error == 0)
        error = kevy_ring_resize(&ring, 8, 0, 0, NULL, 0);
    kevy_ring_deinit(&ring);
    return error == 0;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("mode_memory");
    TCase *memory = tcase_create("memory");
    bool lent = lent_granted(0), resize = resize_granted();

    tcase_add_test(memory, memory_sizes_follow_the_modes);
    tcase_add_test(memory, lent_memory_that_does_not_do_is_refused);
    ADD_IF(memory, the_queues_can_lie_in_the_callers_memory, lent, "Linux 6.10");
    ADD_IF(memory, lent_memory_can_be_used_again_at_once, lent, "Linux 6.10");
    if (lent)
        tcase_add_loop_test(memory, lent_memory_has_room_for_big_requests_and_completions, 0,
                            sizeof big_flags / sizeof big_flags[0]);
    else
        support_skip("lent_memory_has_room_for_big_requests_and_completions", "Linux 6.10");
    ADD_IF(memory, huge_pages_hold_a_whole_ring, lent, "Linux 6.10");
    ADD_IF(memory, a_ring_may_be_an_index_and_no_descriptor,
           lent_granted(KEVY_SETUP_REGISTERED_FD_ONLY), "Linux 6.10");
    ADD_IF(memory, resize_keeps_what_is_queued_and_what_is_done, resize, "Linux 6.13");
    ADD_IF(memory, resize_cuts_sizes_that_are_too_large_where_asked, resize, "Linux 6.13");
    ADD_IF(memory, resize_needs_no_room_for_what_was_handed_out, resize, "Linux 6.13");
    ADD_IF(memory, resize_refuses_what_would_lose_something, resize, "Linux 6.13");
    ADD_IF(memory, resize_moves_a_ring_in_lent_memory, resize, "Linux 6.13");
    suite_add_tcase(suite, memory);
    return suite;
}
