/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The memory of a ring: where the queues lie and what has to be unmapped again. Shared by set-up,
 * resize and tear-down.
 */
#ifndef KEVY_RING_SRC_MEMORY_H
#define KEVY_RING_SRC_MEMORY_H

#include <kevy/ring.h>

/* Tells the kernel, before set-up or resize, where in the caller's memory the queues go. */
int kevy_x_memory_lend(struct kevy_params *params, void *memory, size_t size);

/*
 * Maps the queues, unless they were lent, and finds the cursors in them. On failure what was mapped
 * is in *ring for kevy_x_memory_unmap().
 */
int kevy_x_memory_map(struct kevy_ring *ring, const struct kevy_params *params);

/* Makes the pointers of both sides follow from sqe_tail and cqe_head. */
void kevy_x_memory_cursors_place(struct kevy_ring *ring);

/* Unmaps the queues; those in the caller's memory are left to the caller. */
void kevy_x_memory_unmap(struct kevy_ring *ring);

/*
 * Registers memory for the arguments of waits with a disabled ring (6.13): the caller's, or a page
 * of the ring's own where `lent` is NULL. Best effort.
 */
void kevy_x_wait_region_open(struct kevy_ring *ring, struct kevy_reg_wait *lent, size_t size);
void kevy_x_wait_region_close(struct kevy_ring *ring);

#endif
