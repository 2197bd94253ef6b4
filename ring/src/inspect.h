/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Requests that are looked at before the kernel does; the model is in inspect.c. */
#ifndef KEVY_RING_SRC_INSPECT_H
#define KEVY_RING_SRC_INSPECT_H

#include <kevy/ring.h>

#include "tools.h"

#if TOOLS_TOLD

/* Asserts that the requests between the kernel's head and our tail name memory that is there. */
void kevy_x_inspect_requests(const struct kevy_ring *ring);

/* An enter has returned: what the threads of messages to this ring did before is seen. */
void kevy_x_inspect_messages(const struct kevy_ring *ring);

#else

static inline void kevy_x_inspect_requests(const struct kevy_ring *ring)
{
    (void)ring;
}

static inline void kevy_x_inspect_messages(const struct kevy_ring *ring)
{
    (void)ring;
}

#endif
#endif
