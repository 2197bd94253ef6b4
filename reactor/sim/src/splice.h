/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SPLICE_H
#define KEVY_SIM_SRC_SPLICE_H

/*
 * Bytes that go from one file to another within the kernel: splice(2) and tee(2).
 *
 * Model. One side is a pipe, the other one a pipe, a stream socket or a regular file; a tee has two
 * pipes. Bytes are looked at in the source, written to the target as far as it has room, and only
 * then taken. io_uring lets a thread do it, which sleeps where a side is not ready: the request
 * waits at that side, and a cancel interrupts the thread.
 *
 * Invariants. What was not written is still in the source. A request holds both of its files.
 */

#include "names.h"

#include "file.h"
#include "request.h"

/* splice(2): bytes, 0 at the end of the source, -EAGAIN where a side is not ready, or another
 * error. FILE_POSITION: no offset. */
int64_t splice_move(struct file *from, uint64_t from_at, struct file *to, uint64_t to_at,
                    uint32_t length);

/* tee(2). */
int64_t splice_tee(struct file *from, struct file *to, uint32_t length);

/* True where such a call does not wait. */
bool splice_is_prompt(const struct file *from, const struct file *to, uint32_t flags);

int prepare_splice(struct request *request);
int run_splice(struct request *request);

#endif
