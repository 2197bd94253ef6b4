/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Assertions that are too expensive for a product.
 *
 * Model. assert() is for what costs nothing that a measurement shows, and stays in a release.
 * debug_assert() is for the rest: what the hot path would pay for, and walks through whole lists.
 * The Meson option `debug_checks` compiles them in, which tests/run.sh does.
 */
#ifndef KEVY_REACTOR_CHECK_H
#define KEVY_REACTOR_CHECK_H

#include <assert.h>

#if defined(KEVY_X_DEBUG_CHECKS) && !defined(NDEBUG)
#define DEBUG_CHECKS            1
#define debug_assert(condition) assert(condition)
#else
#define DEBUG_CHECKS            0
#define debug_assert(condition) ((void)sizeof(!!(condition)))
#endif

/* For what assertions alone look at: with NDEBUG nobody does. */
#define assert_only __attribute__((unused))

#endif /* KEVY_REACTOR_CHECK_H */
