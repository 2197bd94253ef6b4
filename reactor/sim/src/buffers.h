/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_BUFFERS_H
#define KEVY_SIM_SRC_BUFFERS_H

/*
 * The provided-buffer ring, as the kernel sees it.
 *
 * Model. The kernel takes buffers in the order in which they were published. One that has just been
 * published is overwritten: whoever still reads from it reads rubbish.
 *
 * Invariants. A buffer is published only while it is out; it lies within the group's memory and has
 * the size it had from the first.
 */

#include "names.h"

#include <kevy/ring_abi.h>
#include <stdbool.h>
#include <stdint.h>

void buffers_reset(void);
int buffers_register(const struct kevy_buf_reg *registration);
int buffers_unregister(uint16_t group);
int buffers_status(struct kevy_buf_status *status);

/* Buffer number `index` of those that come next, which it stays until it is taken; false when there
 * are not so many. */
bool buffers_peek(uint16_t group, uint32_t index, void **data, uint32_t *size);

/* Takes the next `count`. Returns the id of the first. */
uint16_t buffers_take(uint32_t count);

#endif
