/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_RECEIVE_H
#define KEVY_SIM_SRC_RECEIVE_H

/*
 * KEVY_OP_RECV and the reads: into the program's memory, or into buffers of a group.
 *
 * Model. A receive takes what there is. With MSG_WAITALL it waits for the rest, and with MSG_PEEK
 * it takes nothing; a multishot goes on until its file is empty, and then waits.
 *
 * Invariants. A buffer leaves its group with bytes in it. The end of a stream is an answer of its
 * own.
 */

#include "names.h"

#include "request.h"

int prepare_receive(struct request *request);
int run_receive(struct request *request);

/* Any file, into parts of memory or one buffer of a group; and again and again. */
int run_read(struct request *request);
int prepare_read_multishot(struct request *request);
int run_read_multishot(struct request *request);

#endif
