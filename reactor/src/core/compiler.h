/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Hints for the compiler: which way is the usual one. */
#ifndef KEVY_REACTOR_COMPILER_H
#define KEVY_REACTOR_COMPILER_H

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Kept out of its caller, so that the caller's usual way saves no registers for it. */
#define rare __attribute__((noinline))

#endif /* KEVY_REACTOR_COMPILER_H */
