/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SUPPORT_H
#define SUPPORT_H

/*
 * What every test program shares. A program is one Suite: it defines test_suite(), the main() in
 * main.c runs it under libcheck and ends with a line that tests/run.sh adds up:
 *
 *     RESULT test_ring_abi: 12 passed, 0 failed, 1 skipped
 *
 * The exit status is 0, 1 when a test failed, or 77 (Meson's "skipped") when all were skipped.
 */

#include <check.h>
#include <stdbool.h>

/* Defined by the test program; named so because libcheck has a suite_create(name) of its own. */
Suite *test_suite(void);

/*
 * Reports a test that this machine cannot run. Called in test_suite() in place of adding the
 * test: a skip seen only inside a running test would be a pass to libcheck.
 */
void support_skip(const char *test, const char *why);

/* How often support_skip() was called. */
int support_skipped(void);

/* True where this build has assertions: NDEBUG is not set. */
bool support_asserts(void);

/*
 * Adds a test that provokes an assertion, for each number from `from` to `to` - 1. A build without
 * assertions skips it.
 */
void support_add_abort(TCase *tcase, const TTest *test, int from, int to);

/*
 * False in a build with a sanitizer, which keeps a shadow of all memory, keeps what was freed, and
 * pads the rest: how much a program uses says nothing.
 */
bool support_sizes_tell(void);

/* Adds a test about how much memory a program uses, where that tells something. */
void support_add_sized(TCase *tcase, const TTest *test);

/* The descriptors this process has open, so that a teardown can show that none was left behind. */
int support_fd_count(void);

/*
 * How many rounds a test makes that makes `rounds` on a usual machine: a tenth of them and one more
 * where $KEVY_TEST_SLOW is set, as it is in an emulator. For rounds that are all alike.
 */
unsigned support_rounds(unsigned rounds);

/* Tests that provoke an abort() must not fill the disk with core files. */
void support_core_limit_zero(void);

#endif
