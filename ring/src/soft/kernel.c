/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The table of the soft kernel. */
#include <kevy/ring_kernel.h>

#if KEVY_RING_SUPPORTED

const struct kevy_ring_kernel *kevy_ring_kernel_soft(void)
{
    return NULL; /* this build has none */
}

#endif /* KEVY_RING_SUPPORTED */
