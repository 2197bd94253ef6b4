/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_REPORT_H
#define EXAMPLES_REPORT_H

/* The errors of the examples: one sentence on stderr, and the exit status that goes with it. */

#include <kevy/ring_explain.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The exit status for a library's result: 0, or 1 after a sentence about the error. */
static inline int kevy_report(const char *program, int error)
{
    char text[512];

    if (error >= 0)
        return 0;
    kevy_ring_explain(error, text, sizeof text);
    fprintf(stderr, "%s: %s\n", program, text);
    return 1;
}

#endif
