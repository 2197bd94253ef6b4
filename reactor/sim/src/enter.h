/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_ENTER_H
#define KEVY_SIM_SRC_ENTER_H

/*
 * io_uring_enter of the simulated kernel, as struct kevy_ring_kernel wants it.
 *
 * Model. An enter takes some time, fails at times before it has done anything, takes requests,
 * fewer than offered at times, and waits: ready requests try again, and the world goes on.
 *
 * Invariants. An enter that could never return fails the seed: that is a loop that sleeps for ever.
 * So do many enters in a row in which nothing happens.
 */

#include "names.h"

#include <stddef.h>
#include <stdint.h>

int enter_run(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
              const void *argument, size_t argument_size);

#endif
