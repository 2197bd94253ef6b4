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

/* For splices. Both ends are of one pipe. */
bool pipe_is_of(const struct file *reads, const struct file *writes);

/* Bytes behind the first `skip`, which stay there; as a read. */
int pipe_peek(struct file *reads, void *data, uint32_t skip, uint32_t length);

/* -EAGAIN without any room, -EPIPE without a reader, or 0. */
int pipe_shortage(const struct file *writes);

/* Writes as much as there is room for. */
int pipe_fill(struct file *writes, const void *data, uint32_t length);

#endif
