/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_COMPLETION_H
#define KEVY_SIM_SRC_COMPLETION_H

/*
 * The completion queue of a ring.
 *
 * Invariants. Completions beyond the CQ's size wait in a list, in order, with CQ_OVERFLOW set, and
 * nothing passes them.
 */

#include "names.h"

#include <stdbool.h>
#include <stdint.h>

struct ring;

/* The last completion of a request, which always finds room somewhere. */
void completion_post(struct ring *ring, uint64_t user_data, int result, uint32_t flags);

/* One of several; false when the queue is full, which ends the request. */
bool completion_post_more(struct ring *ring, uint64_t user_data, int result, uint32_t flags);

/* Moves what waits beyond the queue into it, as far as there is room. */
void completions_flush(struct ring *ring);

/* Those that the program has not reaped. */
uint32_t completions_ready(const struct ring *ring);

#endif
