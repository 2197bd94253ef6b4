/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* io_uring as a table, for kernels that pass on to it; rings that run on it inline the calls. */
#include <kevy/ring_kernel.h>

#if KEVY_RING_SUPPORTED

#include "io_uring.h"

static int table_setup(void *context, uint32_t entries, struct kevy_params *params, void **state)
{
    (void)context;
    *state = NULL;
    return io_uring_setup(entries, params);
}

static int table_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
                       const void *argument, size_t argument_size)
{
    (void)state;
    return io_uring_enter(fd, to_submit, minimum, flags, argument, argument_size);
}

static int table_register_op(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    (void)state;
    return io_uring_register(fd, opcode, argument, count);
}

static int table_map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags,
                     void **memory)
{
    (void)state;
    return io_uring_map(fd, offset, size, flags, memory);
}

static void table_unmap(void *state, void *memory, size_t size)
{
    (void)state;
    io_uring_unmap(memory, size);
}

static void table_close(void *state, int fd)
{
    (void)state;
    io_uring_close(fd);
}

static uint64_t table_now_ns(void *state, int32_t clock)
{
    (void)state;
    return io_uring_now_ns(clock);
}

static const struct kevy_ring_kernel table = {
    .name = "io_uring",
    .setup = table_setup,
    .enter = table_enter,
    .register_op = table_register_op,
    .map = table_map,
    .unmap = table_unmap,
    .close = table_close,
    .now_ns = table_now_ns,
};

const struct kevy_ring_kernel *kevy_ring_kernel_io_uring(void)
{
    return &table;
}

#endif /* KEVY_RING_SUPPORTED */
