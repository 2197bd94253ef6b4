/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CAGE_H
#define CAGE_H

/* A process that may not use io_uring, as one in a container: for good, so in a test of its own. */

#include "cage_filter.h"
#include "support.h"

/* From here on io_uring_setup answers `error`, a positive errno. */
static inline void cage_forbid_setup(int error)
{
    ck_assert_int_eq(cage_forbid(KEVY_NR_SETUP, KEVY_NR_SETUP, error), 0);
}

#endif
