/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_PIPE_H
#define KEVY_SIM_SRC_PIPE_H

/*
 * Pipes.
 *
 * Model. A pipe has two ends, each of which can only do its own. Bytes wait in it, as many as it
 * has room for. An end that is closed is the end of what is read, or fails what is written.
 */

#include "names.h"

#include "file.h"

/* As much as a pipe of Linux has. */
#define PIPE_ROOM 65536U

/* The two ends, with one reference each: for reading, and for writing. */
void pipe_make(struct file *ends[2], uint32_t room);

#endif
