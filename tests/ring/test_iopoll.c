/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Rings that poll the device: the kernel gives up looking whenever it likes, and a wait does not.
 * Needs a file system that takes O_DIRECT, and a kernel that polls it.
 */

#include "ring_test.h"

#include "fault_kernel.h"

#include <fcntl.h>
#include <kevy/ring_prep.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND_NS 1000000U
#define BLOCK          4096U

static const struct kevy_ring_options polled = {.required_flags = KEVY_SETUP_IOPOLL};
static int file;
static uint64_t end;
static uint8_t *block;

/* A file that takes O_DIRECT in one of the places where a disk may be, or -1. */
static int file_open(void)
{
    static const char *const folders[] = {".", "/var/tmp", "/tmp"};

    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        int fd = open(folders[i], O_TMPFILE | O_RDWR | O_DIRECT | O_CLOEXEC, 0600);

        if (fd >= 0)
            return fd;
    }
    return -1;
}

static void setup(void)
{
    fault_reset();
    file = file_open();
    end = 0;
    block = aligned_alloc(BLOCK, BLOCK);
    memset(block, 0, BLOCK);
}

static void teardown(void)
{
    free(block);
    close(file);
}

/* Appends: a write into blocks that are there is refused by disks that have no queue to poll. */
static void write_queue(struct kevy_ring *ring, uint64_t user_data)
{
    kevy_prep_write(kevy_ring_sqe(ring, user_data), file, block, BLOCK, end);
    end += BLOCK;
}

START_TEST(a_polled_wait_ends_with_a_completion_and_by_no_signal_that_never_came)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &polled);
    for (uint64_t i = 0; i < 200; i++) {
        write_queue(&ring, i);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        ck_assert_uint_eq(wait.submitted, 1);
        cqe_expect(&ring, i, BLOCK);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* The kernel polls only while the CQ is empty: the first to complete ends the wait. */
START_TEST(a_polled_wait_for_many_ends_with_the_first_and_loses_none)
{
    struct kevy_ring_wait wait = {.minimum = 8, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &polled);
    for (int round = 0; round < 50; round++) {
        uint32_t seen = 0;

        for (uint64_t i = 0; i < 8; i++)
            write_queue(&ring, i);
        wait.timeout_ns = round % 2 == 0 ? KEVY_FOREVER : 60U * UINT64_C(1000) * MILLISECOND_NS;
        while (seen < 8) {
            int ready = kevy_ring_wait(&ring, &wait);

            ck_assert_int_ge(ready, 1);
            for (; ready > 0; ready--, seen++)
                ck_assert_int_eq(cqe_take(&ring).res, BLOCK);
        }
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(what_was_written_by_polling_is_in_the_file)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &polled);
    memset(block, 'x', BLOCK);
    write_queue(&ring, 3);
    cqe_expect(&ring, 3, BLOCK);
    memset(block, 0, BLOCK);
    ck_assert_int_eq(pread(file, block, BLOCK, 0), BLOCK);
    for (uint32_t i = 0; i < BLOCK; i++)
        ck_assert_uint_eq(block[i], 'x');
    kevy_ring_deinit(&ring);
}
END_TEST

/* What completes is found by whoever looks, and on such a ring an enter is the look. */
START_TEST(a_polled_request_completes_by_submit_alone)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &polled);
    write_queue(&ring, 1);
    while (kevy_ring_ready(&ring) == 0)
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
    cqe_expect(&ring, 1, BLOCK);
    kevy_ring_deinit(&ring);
}
END_TEST

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000U * MILLISECOND_NS + (uint64_t)now.tv_nsec;
}

START_TEST(a_polled_wait_keeps_its_time_limit)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 2 * MILLISECOND_NS};
    struct kevy_ring ring = {0};
    uint64_t begun_ns = now_ns();

    ring_open(&ring, 8, &polled);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_ge(now_ns(), begun_ns + wait.timeout_ns);
    wait.flags = KEVY_RING_WAIT_ABSOLUTE;
    wait.timeout_ns = now_ns() + MILLISECOND_NS;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_ge(now_ns(), wait.timeout_ns);
    wait.minimum = 0;
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

static uint32_t minimum_asked_for;

static int enter_noting(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                        const void *argument, size_t argument_size)
{
    minimum_asked_for = minimum;
    return kevy_ring_kernel_io_uring()->enter(state, fd, to_submit, minimum, flags, argument,
                                              argument_size);
}

/* It knows no limit there, and would look until something completes. */
START_TEST(the_kernel_is_not_asked_to_poll_past_a_limit)
{
    struct kevy_ring_kernel noting = *kevy_ring_kernel_io_uring();
    struct kevy_ring_options options = polled;
    struct kevy_ring_wait wait = {.minimum = 1,
                                  .timeout_ns = 60U * UINT64_C(1000) * MILLISECOND_NS};
    struct kevy_ring ring = {0};

    noting.enter = enter_noting;
    options.custom_kernel = &noting;
    ring_open(&ring, 8, &options);
    write_queue(&ring, 1);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(minimum_asked_for, 0);
    cqe_expect(&ring, 1, BLOCK);
    wait.timeout_ns = KEVY_FOREVER;
    write_queue(&ring, 2);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(minimum_asked_for, 1);
    cqe_expect(&ring, 2, BLOCK);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_polled_wait_that_cannot_sleep_refuses_what_needs_sleep)
{
    struct kevy_ring_wait batched = {.minimum = 1, .min_wait_us = 1};
    struct kevy_ring_wait masked = {.minimum = 1, .signal_mask = &batched, .signal_mask_size = 8};
    struct kevy_ring ring = {0};

    ring_open(&ring, 8, &polled);
    ck_assert_int_eq(kevy_ring_wait(&ring, &batched), -EOPNOTSUPP);
    ck_assert_int_eq(kevy_ring_wait(&ring, &masked), -EOPNOTSUPP);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(errors_end_a_polled_wait_and_what_is_there_outweighs_them)
{
    static const int errors[] = {-EINTR, -EAGAIN, -EBUSY};
    struct kevy_ring_options options = polled;
    struct kevy_ring_wait wait = {.minimum = 2, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring ring = {0};

    options.custom_kernel = fault_kernel();
    ring_open(&ring, 8, &options);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        write_queue(&ring, i);
        fault_next(FAULT_ENTER, errors[i], 1);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), errors[i]);
        ck_assert_uint_eq(wait.submitted, 0);
        wait.minimum = 1;
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        fault_next(FAULT_ENTER, errors[i], 1);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        cqe_expect(&ring, i, BLOCK);
    }
    write_queue(&ring, 7);
    write_queue(&ring, 8);
    fault_submit_short(0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -EAGAIN);
    ck_assert_uint_eq(wait.submitted, 0);
    ck_assert_int_eq(cqe_wait(&ring).res, BLOCK);
    ck_assert_int_eq(cqe_wait(&ring).res, BLOCK);
    kevy_ring_deinit(&ring);
}
END_TEST

/* Whether a write is polled here: -EOPNOTSUPP is the answer where the file system cannot. */
static bool polling_granted(void)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    const struct kevy_cqe *cqe = NULL;
    struct kevy_ring ring = {0};
    bool granted;

    setup();
    if (file < 0 || kevy_ring_init(&ring, 2, &polled) < 0) {
        teardown();
        return false;
    }
    write_queue(&ring, 0);
    for (int tries = 0; cqe == NULL && tries < 1000000; tries++) {
        (void)kevy_ring_wait(&ring, &wait);
        cqe = kevy_ring_next(&ring);
    }
    granted = cqe != NULL && cqe->res == (int)BLOCK;
    kevy_ring_deinit(&ring);
    teardown();
    return granted;
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("iopoll");
    TCase *tests = tcase_create("iopoll");

    suite_add_tcase(suite, tests);
    if (!polling_granted()) {
        support_skip("iopoll", "no file system here takes O_DIRECT and polling");
        return suite;
    }
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_polled_wait_ends_with_a_completion_and_by_no_signal_that_never_came);
    tcase_add_test(tests, a_polled_wait_for_many_ends_with_the_first_and_loses_none);
    tcase_add_test(tests, what_was_written_by_polling_is_in_the_file);
    tcase_add_test(tests, a_polled_request_completes_by_submit_alone);
    tcase_add_test(tests, the_kernel_is_not_asked_to_poll_past_a_limit);
    tcase_add_test(tests, a_polled_wait_keeps_its_time_limit);
    tcase_add_test(tests, a_polled_wait_that_cannot_sleep_refuses_what_needs_sleep);
    tcase_add_test(tests, errors_end_a_polled_wait_and_what_is_there_outweighs_them);
    return suite;
}
