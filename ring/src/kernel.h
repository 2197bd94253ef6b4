/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The seam: every call that ring/ makes into the kernel for a ring goes through these functions.
 *
 * A ring whose `kernel` is NULL runs on io_uring, and its system calls are inlined here: the choice
 * costs an enter one branch, well predicted. Every other kernel is called by its table.
 */
#ifndef KEVY_RING_SRC_KERNEL_H
#define KEVY_RING_SRC_KERNEL_H

#include <kevy/ring.h>

#include "io_uring.h"

static inline bool kernel_is_table(const struct kevy_ring *ring)
{
    return __builtin_expect(ring->kernel != NULL, 0);
}

static inline int kernel_setup(struct kevy_ring *ring, uint32_t entries, struct kevy_params *params)
{
    if (kernel_is_table(ring))
        return ring->kernel->setup(ring->kernel->context, entries, params, &ring->kernel_state);
    return io_uring_setup(entries, params);
}

static inline int kernel_enter(const struct kevy_ring *ring, uint32_t to_submit, uint32_t minimum,
                               uint32_t flags, const void *argument, size_t argument_size)
{
    if (kernel_is_table(ring))
        return ring->kernel->enter(ring->kernel_state, ring->enter_fd, to_submit, minimum, flags,
                                   argument, argument_size);
    return io_uring_enter(ring->enter_fd, to_submit, minimum, flags, argument, argument_size);
}

/* `fd` is that of the ring, its index, or -1: a call that concerns no ring. */
static inline int kernel_register(const struct kevy_ring *ring, int fd, uint32_t opcode,
                                  void *argument, uint32_t count)
{
    if (kernel_is_table(ring))
        return ring->kernel->register_op(ring->kernel_state, fd, opcode, argument, count);
    return io_uring_register(fd, opcode, argument, count);
}

static inline int kernel_map(const struct kevy_ring *ring, uint64_t offset, size_t size,
                             void **memory)
{
    /* A child that inherited the queues by accident would move cursors under us. */
    uint32_t flags = ring->shared_on_fork ? 0 : KEVY_RING_MAP_DONTFORK;

    if (kernel_is_table(ring))
        return ring->kernel->map(ring->kernel_state, ring->fd, offset, size, flags, memory);
    return io_uring_map(ring->fd, offset, size, flags, memory);
}

static inline void kernel_unmap(const struct kevy_ring *ring, void *memory, size_t size)
{
    if (kernel_is_table(ring))
        ring->kernel->unmap(ring->kernel_state, memory, size);
    else
        io_uring_unmap(memory, size);
}

static inline void kernel_close(const struct kevy_ring *ring)
{
    if (kernel_is_table(ring))
        ring->kernel->close(ring->kernel_state, ring->fd);
    else
        io_uring_close(ring->fd);
}

static inline uint64_t kernel_now_ns(const struct kevy_ring *ring)
{
    if (kernel_is_table(ring))
        return ring->kernel->now_ns(ring->kernel_state, ring->clock);
    return io_uring_now_ns(ring->clock);
}

#endif
