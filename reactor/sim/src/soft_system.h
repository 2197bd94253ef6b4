/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SOFT_SYSTEM_H
#define KEVY_SIM_SRC_SOFT_SYSTEM_H

/*
 * The soft kernel in the world: its system calls, on the files of the world.
 *
 * Model. The kernel itself is the product's. Each of its enters takes some time; when it waits in
 * epoll, the world goes on.
 */

#include "names.h"

#include <kevy/ring_kernel.h>

const struct kevy_ring_kernel *soft_kernel(void);
void soft_system_reset(void);

/* Memory handed out and not given back, in pieces. */
uint32_t soft_system_mappings(void);

#endif
