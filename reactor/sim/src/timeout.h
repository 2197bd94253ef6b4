/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_TIMEOUT_H
#define KEVY_SIM_SRC_TIMEOUT_H

/*
 * KEVY_OP_TIMEOUT, _TIMEOUT_REMOVE and _LINK_TIMEOUT.
 *
 * Model. A time-out waits for the clock, may count completions as well, and may repeat. A limit
 * (KEVY_OP_LINK_TIMEOUT) stands in a chain behind the request that it limits, waits for the clock
 * while that is in flight, and cancels it then.
 *
 * Invariants. The time is read when the request is submitted. There is one clock, whose instants
 * all of CLOCK_MONOTONIC, _BOOTTIME and _REALTIME tell.
 */

#include "names.h"

#include "request.h"

int prepare_timeout(struct request *request);
int run_timeout(struct request *request);
int prepare_timeout_remove(struct request *request);
int run_timeout_remove(struct request *request);
int prepare_limit(struct request *request);
int run_limit(struct request *request);

/* The request begins: the limit behind it, if there is one, begins to count. */
void limit_arm(struct request *request);
void limit_disarm(struct request *limit);

/* Ends the time-outs whose count of completions has been reached. */
void timeouts_reached(struct ring *ring);

#endif
