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

/* Unmaps the queues; those in the caller's memory are left to the caller. */
void kevy_x_memory_unmap(struct kevy_ring *ring);

/* Registers a page for the arguments of waits with a disabled ring (6.13). Best effort. */
void kevy_x_wait_region_open(struct kevy_ring *ring);
void kevy_x_wait_region_close(struct kevy_ring *ring);

#endif
