/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_RING_SRC_RING_H
#define KEVY_RING_SRC_RING_H

#include <kevy/ring.h>

/* Takes down what set-up answered: `result` is the ring's descriptor, or its index. */
void kevy_x_ring_note(struct kevy_ring *ring, const struct kevy_params *params, int result);

#endif
