/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* One rule for memory: what is all zero is valid and idle, and nothing else can be begun. */

#include "ring_test.h"

#include <kevy/buffer_ring.h>
#include <kevy/ring_files.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_register.h>
#include <kevy/ring_zcrx.h>

START_TEST(memory_that_is_not_zeroed_is_no_ring_to_begin_with)
{
    struct kevy_ring ring;

    memset(&ring, 0xa5, sizeof ring);
    (void)kevy_ring_init(&ring, 4, NULL);
}
END_TEST

START_TEST(a_ring_is_not_begun_twice)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    (void)kevy_ring_init(&ring, 4, NULL);
}
END_TEST

START_TEST(memory_that_was_never_a_ring_is_not_ended)
{
    struct kevy_ring ring = {.fd = 7};

    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(an_idle_ring_registers_nothing_with_descriptor_0)
{
    struct kevy_ring ring = {0};

    (void)kevy_ring_register(&ring, KEVY_REGISTER_ENABLE_RINGS, NULL, 0);
}
END_TEST

START_TEST(passing_more_completions_than_there_are_is_caught)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    kevy_ring_advance(&ring, 1);
    (void)kevy_ring_flush(&ring);
}
END_TEST

static const struct kevy_buffer_ring_options group = {.entries = 4, .buffer_size = 16, .group = 1};

START_TEST(a_buffer_ring_is_not_begun_twice)
{
    struct kevy_ring ring = {0};
    struct kevy_buffer_ring buffers = {0};

    ring_open(&ring, 4, NULL);
    (void)kevy_buffer_ring_init(&buffers, &ring, &group);
    buffers.group = 2; /* also where the kernel has no buffer rings */
    (void)kevy_buffer_ring_init(&buffers, &ring, &group);
}
END_TEST

START_TEST(a_buffer_ring_wants_a_ring_that_is_up)
{
    struct kevy_ring ring = {0};
    struct kevy_buffer_ring buffers = {0};

    (void)kevy_buffer_ring_init(&buffers, &ring, &group);
}
END_TEST

START_TEST(memory_that_was_never_a_buffer_ring_is_not_ended)
{
    struct kevy_buffer_ring buffers = {.entries = 4};

    kevy_buffer_ring_deinit(&buffers);
}
END_TEST

START_TEST(memory_that_is_not_zeroed_takes_no_queue_of_a_card)
{
    struct kevy_ring ring = {0};
    struct kevy_zcrx zcrx = {.id = 7};
    struct kevy_zcrx_options options = {.entries = 4};

    ring_open(&ring, 4, NULL);
    (void)kevy_zcrx_init(&zcrx, &ring, &options);
}
END_TEST

START_TEST(memory_that_is_not_zeroed_adopts_no_ring)
{
    struct kevy_ring ring = {0};
    struct kevy_params params;

    ring_open(&ring, 4, NULL);
    kevy_ring_params(&ring, &params);
    (void)kevy_ring_adopt(&ring, 3, &params);
}
END_TEST

START_TEST(a_table_without_members_is_caught)
{
    static const uint64_t tags[2];
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    (void)kevy_ring_files_register_tagged(&ring, NULL, tags, 2);
}
END_TEST

START_TEST(idle_objects_end_any_number_of_times)
{
    struct kevy_ring ring = {0};
    struct kevy_buffer_ring buffers = {0};
    struct kevy_zcrx zcrx = {0};

    for (int i = 0; i < 2; i++) {
        kevy_buffer_ring_deinit(&buffers);
        kevy_ring_deinit(&ring);
        kevy_zcrx_deinit(&zcrx);
    }
}
END_TEST

Suite *test_suite(void)
{
    const TTest *const caught[] = {
        memory_that_is_not_zeroed_is_no_ring_to_begin_with,
        a_ring_is_not_begun_twice,
        memory_that_was_never_a_ring_is_not_ended,
        an_idle_ring_registers_nothing_with_descriptor_0,
        passing_more_completions_than_there_are_is_caught,
        a_buffer_ring_is_not_begun_twice,
        a_buffer_ring_wants_a_ring_that_is_up,
        memory_that_was_never_a_buffer_ring_is_not_ended,
        memory_that_is_not_zeroed_takes_no_queue_of_a_card,
        memory_that_is_not_zeroed_adopts_no_ring,
        a_table_without_members_is_caught,
    };
    Suite *suite = suite_create("idle");
    TCase *tcase = tcase_create("idle");

    for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
        support_add_abort(tcase, caught[i], 0, 1);
    tcase_add_test(tcase, idle_objects_end_any_number_of_times);
    suite_add_tcase(suite, tcase);
    return suite;
}
