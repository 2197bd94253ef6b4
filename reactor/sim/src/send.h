/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SEND_H
#define KEVY_SIM_SRC_SEND_H

/*
 * KEVY_OP_SEND and _SENDMSG, those without a copy, and the writes.
 *
 * Model. A send gives its file what that has room for; with MSG_WAITALL it waits with the rest.
 *
 * Invariants. No byte is sent twice, and none behind an error.
 */

#include "names.h"

#include "request.h"

int prepare_send(struct request *request);
int prepare_send_zero_copy(struct request *request);
int prepare_send_message(struct request *request);
int prepare_send_message_zero_copy(struct request *request);
int run_send(struct request *request);
int run_send_zero_copy(struct request *request);

/* Any file, from parts of memory. */
int run_write(struct request *request);

#endif
