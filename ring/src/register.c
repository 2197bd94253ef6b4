/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The way into io_uring_register that all of ring/ shares. */
#include <kevy/ring_register.h>

#if KEVY_RING_SUPPORTED

#include <kevy/ring.h>

#include "syscall.h"

int kevy_ring_register(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                       uint32_t count)
{
    if (ring == NULL)
        return kevy_syscall_register(-1, opcode, argument, count);
    /* A ring set up with REGISTERED_FD_ONLY has an index and no descriptor. */
    if (ring->fd < 0)
        return kevy_syscall_register(ring->enter_fd, opcode | KEVY_REGISTER_USE_REGISTERED_RING,
                                     argument, count);
    return kevy_syscall_register(ring->fd, opcode, argument, count);
}

#endif /* KEVY_RING_SUPPORTED */
