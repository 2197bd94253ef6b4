/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_KERNEL_H
#define KEVY_SIM_SRC_KERNEL_H

/*
 * The simulated kernel: a table for the reactor's options.
 *
 * Model. One ring, SINGLE_ISSUER | DEFER_TASKRUN as the reactor asks for it, so that everything
 * happens inside enter: requests are taken and tried, ready ones tried again, and time passes until
 * there are as many completions as were asked for. Which kernel it is, from 6.1 to 6.18, is drawn
 * by the seed; what is newer is refused as that kernel does.
 *
 * Invariants. Completions beyond the CQ's size wait in a list, in order, with CQ_OVERFLOW set, and
 * nothing passes them. An enter that could never return fails the seed: that is a loop that sleeps
 * for ever.
 */

#include "names.h"

#include <kevy/ring_kernel.h>
#include <stdbool.h>
#include <stdint.h>

extern const struct kevy_ring_kernel sim_kernel;

/* A kernel with the features of one release; `minor` is that of 6.x. */
void kernel_reset(uint32_t minor);
uint32_t kernel_minor(void);

/* The last completion of a request, which always finds room somewhere. */
void kernel_post(uint64_t user_data, int result, uint32_t flags);

/* One of several; false when the queue is full, which ends the request. */
bool kernel_post_more(uint64_t user_data, int result, uint32_t flags);

/* Something can be done in the next enter. */
void kernel_work_came(void);

/* For registration.c: the region of waits, NULL for none, and whether the ring has its index. */
void kernel_region_set(void *region);
bool kernel_registered_set(bool registered);
bool kernel_enable(void);
#define KERNEL_REGISTERED_FD 7

/* Completions posted so far, and virtual time spent otherwise than asleep. */
uint64_t kernel_posted(void);
uint64_t kernel_busy_ns(void);

/* Takes time: what the program computes, naps. */
void kernel_work(uint64_t ns);

/* What an enter takes, and the callbacks before it. */
void kernel_take_time(void);

/* Mappings and rings left. */
uint32_t kernel_mappings(void);

#endif
