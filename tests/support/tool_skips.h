/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef TOOL_SKIPS_H
#define TOOL_SKIPS_H

#include <check.h>

/* What the test needs and a tool below the program does not have, in words; or NULL. *at is the
 * round of its loop that needs it, or negative: all of them do. */
const char *tool_lacks(const TTest *test, int *at);

#endif
