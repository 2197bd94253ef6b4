/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KERNEL_CHOICE_H
#define KERNEL_CHOICE_H

/*
 * Which kernel a test program runs on: io_uring, or the one that $KEVY_TEST_KERNEL names ("soft").
 *
 * Programs are linked with -Wl,--wrap=kevy_ring_init. Every ring that does not ask for a kernel by
 * name comes up on the chosen one: those of the tests, those of reactors, those that a probe makes.
 * The libraries read no environment; only this file does.
 */

#include <kevy/ring.h>
#include <stdbool.h>

/* The chosen kernel: NULL for io_uring, as in struct kevy_ring. */
const struct kevy_ring_kernel *kernel_chosen(void);

/* True on the soft kernel. */
bool kernel_is_soft(void);

#endif
