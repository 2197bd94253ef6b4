/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_REGULAR_FILE_H
#define KEVY_SIM_SRC_REGULAR_FILE_H

/*
 * Regular files, and what the kernel does with them.
 *
 * Model. <kevy/sim_file.h> has the contents, which several descriptors may share. Each descriptor
 * has a position. A file is always ready; where chance wants it, a disk takes its time, and what is
 * asked of it is not in the page cache. io_uring does not wait for a disk, the soft kernel does,
 * and the program with it.
 *
 * Invariants. Contents are never longer than their room. A descriptor can do what it was opened
 * for, and nothing else.
 */

#include "names.h"

#include <kevy/sim_file.h>

#include "file.h"
#include "request.h"

void regular_files_reset(void);

/* The contents of that path, or NULL. */
struct kevy_sim_file *regular_file_find(const char *path);

/* A file with one reference. */
struct file *regular_file_make(struct kevy_sim_file *contents, int flags);

/* openat(2): a descriptor, or a negative errno. Contents NULL: there are none. */
int regular_file_open(struct kevy_sim_file *contents, int flags);

/* lseek(2). */
int64_t regular_file_seek(struct file *file, int64_t offset, int whence);

/* Whether all of these bytes are in the page cache. */
bool regular_file_cached(struct file *file, uint64_t offset, uint64_t length);

/* fsync(2); statx(2) into a struct statx. */
int regular_file_sync(struct file *file);
int regular_file_status(struct file *file, void *status);

/* A call that waits for a disk, on the thread of the program. */
void regular_file_wait(const struct file *file);

/* True when a disk takes its time first: the request goes on by a timer. */
bool regular_file_is_late(struct request *request);

int prepare_open(struct request *request);
int run_open(struct request *request);
int prepare_sync(struct request *request);
int run_sync(struct request *request);
int prepare_status(struct request *request);
int run_status(struct request *request);

#endif
