/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_RING_SRC_DESCRIPTOR_H
#define KEVY_RING_SRC_DESCRIPTOR_H

#include <kevy/ring.h>

void kevy_x_descriptor_check(const struct kevy_ring *ring);

/* Both copies of the flags that go with every enter. */
void kevy_x_enter_flags_set(struct kevy_ring *ring, uint32_t flags);

#endif
