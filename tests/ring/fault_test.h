/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FAULT_TEST_H
#define FAULT_TEST_H

/* What the tests with faults have in common: after each of them nothing may be left. */

#include "ring_test.h"

#include "fault_kernel.h"

static int descriptors;

static inline void leak_check_start(void)
{
    fault_reset();
    descriptors = support_fd_count();
}

static inline void leak_check(void)
{
    ck_assert_int_eq(fault_mappings(), 0);
    ck_assert_int_eq(support_fd_count(), descriptors);
}

static inline TCase *case_add(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    ring_kernel = fault_kernel();
    tcase_add_checked_fixture(tcase, leak_check_start, NULL);
    suite_add_tcase(suite, tcase);
    return tcase;
}

#endif
