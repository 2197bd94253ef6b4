/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_ALLOCATOR_H
#define KEVY_SIM_SRC_ALLOCATOR_H

/* The memory of the reactor: counted, poisoned, and at times refused. */

#include "names.h"

#include <kevy/reactor.h>

extern const struct kevy_allocator sim_allocator;

/* Pieces handed out and not given back. */
uint32_t allocations_left(void);

#endif
