/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef MODE_TEST_H
#define MODE_TEST_H

/* What the tests of set-up modes have in common: NOPs by the lap, and tests that need a mode. */

#include "ring_test.h"

#define DEFER (KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN)

/* Enough laps to see every slot several times. */
static inline void nops_run(struct kevy_ring *ring, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        nop_queue(ring, i, 0);
        cqe_expect(ring, i, 0);
    }
}

/* Adds a test where `flags` are granted, else says what it would need. */
static inline void test_add_if(TCase *tcase, const TTest *test, bool granted, const char *name,
                               const char *needs)
{
    if (granted)
        tcase_add_test(tcase, test);
    else
        support_skip(name, needs);
}

#define ADD_IF(tcase, test, granted, needs) test_add_if(tcase, test, granted, #test, needs)

#endif
