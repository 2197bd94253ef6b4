/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_POLL_REQUEST_H
#define KEVY_SIM_SRC_POLL_REQUEST_H

/*
 * KEVY_OP_POLL_ADD and KEVY_OP_POLL_REMOVE, which also changes a poll.
 *
 * Model. A poll asks its file, and waits for a change of it. News of bytes are what it was woken
 * with, even if another request has taken them since; after other news it asks again.
 */

#include "names.h"

#include "request.h"

int prepare_poll(struct request *request);
int run_poll(struct request *request);
int prepare_poll_remove(struct request *request);
int run_poll_remove(struct request *request);

#endif
