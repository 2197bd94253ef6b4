/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The register call, on a ring and on none: the way into the kernel beside the queues. */
#include <kevy/ring_register.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <kevy/ring.h>

#include "kernel.h"
#include "register.h"

int kevy_ring_register(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                       uint32_t count)
{
    if (ring == NULL)
        return io_uring_register(-1, opcode, argument, count);
    assert(ring->sq_entries != 0 && "an idle ring has no descriptor");
    /* A ring set up with REGISTERED_FD_ONLY has an index and no descriptor. */
    if (ring->fd < 0)
        return kernel_register(ring, ring->enter_fd, opcode | KEVY_REGISTER_USE_REGISTERED_RING,
                               argument, count);
    return kernel_register(ring, ring->fd, opcode, argument, count);
}

int kevy_x_register_blind(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                          uint32_t count)
{
    if (ring == NULL)
        return io_uring_register(-1, opcode, argument, count);
    return kernel_register(ring, -1, opcode, argument, count);
}

#endif /* KEVY_RING_SUPPORTED */
