/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SCRATCH_H
#define SCRATCH_H

/* A folder or a file of a test's own. Its path is stored in `path`; the test removes it. */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCRATCH_TEMPLATE P_tmpdir "/kevy-XXXXXX"

typedef char scratch_path[sizeof SCRATCH_TEMPLATE];

/* Makes an empty folder; false when there can be none. */
static inline bool scratch_folder(scratch_path path)
{
    return mkdtemp(strcpy(path, SCRATCH_TEMPLATE)) != NULL;
}

/* Opens an empty file for reading and writing. Returns its descriptor, or -1. */
static inline int scratch_file(scratch_path path)
{
    return mkstemp(strcpy(path, SCRATCH_TEMPLATE));
}

#endif
