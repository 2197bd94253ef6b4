/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STAGE_FILES_H
#define STAGE_FILES_H

/*
 * Files for the scenes of a world: a pipe, and a regular file in memory. The programs that a world
 * is for have none of them, so that they belong to the stage.
 *
 * Model. A pipe has two ends, each of which can only do its own. Bytes wait in it. A regular file
 * has a position, and is always ready.
 */

#include "file.h"

/* The two ends, with one reference each: for reading, and for writing. */
void files_pipe_make(struct file *ends[2]);

struct file *files_regular_make(void);

/* Moves the position of a regular file. */
void files_seek(struct file *file, uint64_t position);

#endif
