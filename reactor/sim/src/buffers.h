/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_BUFFERS_H
#define KEVY_SIM_SRC_BUFFERS_H

/*
 * The provided-buffer ring of a ring, as the kernel sees it.
 *
 * Model. The kernel takes buffers in the order in which they were published, and those of an
 * incremental group piece by piece. A buffer that has just been published to be received into is
 * overwritten: whoever still reads from it reads rubbish.
 *
 * Invariants. A buffer is published only while it is out; it lies within the group's memory and has
 * the size it had from the first.
 */

#include "names.h"

#include <kevy/ring_abi.h>
#include <stdbool.h>
#include <stdint.h>

struct place;

struct buffers {
    struct kevy_buf *slots; /* NULL: there is no group */
    struct place *places;   /* by id */
    uint32_t entries;
    uint16_t group;
    uint16_t head;
    uint16_t seen;    /* what was published before it has been looked at */
    bool incremental; /* buffers are taken piece by piece */
};

int buffers_register(struct buffers *buffers, const struct kevy_buf_reg *registration);
int buffers_unregister(struct buffers *buffers, uint16_t group);
int buffers_status(const struct buffers *buffers, struct kevy_buf_status *status);

/* Nothing of the group is needed any more. */
void buffers_end(struct buffers *buffers);

/* Buffer number `index` of those that come next, which it stays until it is taken; false when there
 * are not so many. */
bool buffers_peek(struct buffers *buffers, uint16_t group, uint32_t index, void **data,
                  uint32_t *size);

/* The same of a group that is sent from. */
bool buffers_peek_filled(struct buffers *buffers, uint16_t group, uint32_t index, void **data,
                         uint32_t *size);

/* Takes the next `count`, which hold so many bytes now. Returns the flags of the completion: the id
 * of the first buffer, and whether there is more of the last one. */
uint32_t buffers_take(struct buffers *buffers, uint32_t count, uint32_t bytes);

/* True when the group has been registered. */
bool buffers_known(const struct buffers *buffers, uint16_t group);

#endif
