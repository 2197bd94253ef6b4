/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_RING_SRC_REGISTER_H
#define KEVY_RING_SRC_REGISTER_H

#include <stdint.h>

struct kevy_ring;

/*
 * A register call that concerns no ring, made to the kernel that *ring runs on; to io_uring where
 * `ring` is NULL.
 */
int kevy_x_register_blind(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                          uint32_t count);

#endif
