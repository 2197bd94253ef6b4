/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_RING_SRC_BIG_H
#define KEVY_RING_SRC_BIG_H

#include <kevy/ring.h>

/* Publishes the CQ head of a ring with KEVY_SETUP_CQE_MIXED, as far as it was released. */
void kevy_x_mixed_publish(struct kevy_ring *ring);

#endif
