/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_ALLOCATOR_H
#define SIM_ALLOCATOR_H

/* The memory of the reactor: counted, poisoned, and at times refused. */

#include <kevy/reactor.h>

extern const struct kevy_allocator sim_allocator;

/* Pieces handed out and not given back. */
uint32_t allocations_left(void);

#endif
