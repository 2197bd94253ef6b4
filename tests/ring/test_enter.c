/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What every enter does besides its own work: it gives the slots of all CQEs that were handed out
 * back to the kernel, so that the plainest loop needs no kevy_ring_release().
 */

#include "mode_test.h"

#include <kevy/ring_mode.h>

#define ENTRIES 8U
#define ROUNDS  1000U

/* Enters with what is queued, so that one NOP has completed after it. Returns < 0 on failure. */
typedef int (*enter_call)(struct kevy_ring *ring);

static int by_submit(struct kevy_ring *ring)
{
    return kevy_ring_submit(ring);
}

static int by_submit_and_wait(struct kevy_ring *ring)
{
    return kevy_ring_submit_and_wait(ring, 1);
}

static int by_wait(struct kevy_ring *ring)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};

    return kevy_ring_wait(ring, &wait);
}

static int by_wait_with_limit(struct kevy_ring *ring)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = UINT64_C(60000000000)};

    return kevy_ring_wait(ring, &wait);
}

static int by_wait_with_mask(struct kevy_ring *ring)
{
    uint64_t nothing = 0;
    struct kevy_ring_wait wait = {.minimum = 1,
                                  .timeout_ns = KEVY_FOREVER,
                                  .signal_mask = &nothing,
                                  .signal_mask_size = sizeof nothing};

    return kevy_ring_wait(ring, &wait);
}

static int by_registered_wait(struct kevy_ring *ring)
{
    return kevy_ring_wait_registered(ring, 1, 0);
}

static void loop_run(struct kevy_ring *ring, enter_call enter)
{
    for (uint64_t i = 0; i < ROUNDS; i++) {
        const struct kevy_cqe *cqe;

        nop_queue(ring, i, 0);
        ck_assert_int_ge(enter(ring), 0);
        ck_assert_msg(!kevy_ring_overflowed(ring), "overflow in round %u", (unsigned)i);
        cqe = kevy_ring_next(ring);
        ck_assert_ptr_nonnull(cqe);
        ck_assert_uint_eq(cqe->user_data, i);
    }
    ck_assert_uint_eq(ring->overflows, 0);
}

static const enter_call calls[] = {by_submit, by_submit_and_wait, by_wait, by_wait_with_limit,
                                   by_wait_with_mask};

START_TEST(a_loop_without_a_release_goes_on_whatever_enters)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, ENTRIES, NULL);
    loop_run(&ring, calls[_i]);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_loop_without_a_release_goes_on_where_waits_are_registered)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.registered_wait = true};

    ring_open(&ring, ENTRIES, &options);
    loop_run(&ring, by_registered_wait);
    loop_run(&ring, by_wait_with_limit);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_loop_without_a_release_goes_on_with_a_polling_thread)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL};

    ring_open(&ring, ENTRIES, &options);
    loop_run(&ring, by_submit_and_wait);
    kevy_ring_deinit(&ring);
}
END_TEST

/* The kernel sees the CQEs that were handed out as free in the enter, and not one call later. */
START_TEST(an_enter_gives_back_all_that_was_handed_out_before_it)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, ENTRIES, NULL);
    for (uint64_t i = 0; i < ENTRIES; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_ge(calls[_i](&ring), 0);
    for (uint64_t i = 0; i < ENTRIES - 2; i++)
        ck_assert_uint_eq(kevy_ring_next(&ring)->user_data, i);
    nop_queue(&ring, ENTRIES, 0);
    ck_assert_int_ge(calls[_i](&ring), 0);
    ck_assert_uint_eq(__atomic_load_n(ring.cq_head, __ATOMIC_RELAXED), ENTRIES - 2);
    kevy_ring_deinit(&ring);
}
END_TEST

static bool region_granted(void)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring = {0};
    bool granted = kevy_ring_init(&ring, ENTRIES, &options) == 0 && ring.wait_region != NULL;

    kevy_ring_deinit(&ring);
    return granted;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("enter");
    TCase *heads = tcase_create("heads");
    struct kevy_ring_probe probe = kernel_probe();
    int count = sizeof calls / sizeof calls[0];

    if (probe.features & KEVY_FEAT_EXT_ARG) {
        tcase_add_loop_test(heads, a_loop_without_a_release_goes_on_whatever_enters, 0, count);
        tcase_add_loop_test(heads, an_enter_gives_back_all_that_was_handed_out_before_it, 0, count);
    } else {
        support_skip("a_loop_without_a_release_goes_on_whatever_enters", "Linux 5.11");
        support_skip("an_enter_gives_back_all_that_was_handed_out_before_it", "Linux 5.11");
    }
    ADD_IF(heads, a_loop_without_a_release_goes_on_where_waits_are_registered, region_granted(),
           "Linux 6.13");
    ADD_IF(heads, a_loop_without_a_release_goes_on_with_a_polling_thread,
           setup_grants(KEVY_SETUP_SQPOLL), "SQPOLL");
    suite_add_tcase(suite, heads);
    return suite;
}
