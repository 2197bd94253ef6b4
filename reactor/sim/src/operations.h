/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_OPERATIONS_H
#define KEVY_SIM_SRC_OPERATIONS_H

/*
 * What each opcode does: a table of small functions. What is not in it, or is newer than the kernel
 * that is simulated, is answered with -EINVAL, and the probe says so.
 */

#include "names.h"

#include "request.h"

/* True when this kernel has the opcode. */
bool operation_known(uint8_t opcode);
const char *operation_name(uint8_t opcode);

/* Completions that a multishot may have in one go before others have their turn. */
#define OPERATION_ROUNDS 32

/* Reads what the request names: its arguments. 0 or the errno that answers it. */
int operation_prepare(struct request *request);

/* Takes hold of its file. 0 or -EBADF. */
int operation_begin(struct request *request);

/* Keeps the one run of bytes that the request names, unless it selects from a group. Returns 0. */
int operation_prepare_bytes(struct request *request);

/* Goes on with a transfer that is to be whole: `result` is what has come of a further part. Returns
 * the result, REQUEST_WAITS or REQUEST_AGAIN. */
int operation_whole(struct request *request, int result);

/* 0, or -EINVAL for flags that contradict each other. */
int operation_cancel_check(const struct kevy_sqe *sqe);

/* Returns the result, REQUEST_WAITS or REQUEST_AGAIN. */
int operation_try(struct request *request);

/* Posts one of several. False when the queue is full: this completion is then the last one. */
bool operation_post_more(struct request *request, int result, uint32_t flags);

bool operation_may_be_late(const struct request *request);
bool operation_interruptible(const struct request *request);

/* A thread of the kernel may have to do it. */
bool operation_needs_worker(const struct request *request);

/* One does it in any case, and may sleep: a cancel interrupts it. */
bool operation_on_thread(const struct request *request);

bool operation_polls_first(const struct request *request);

#endif
