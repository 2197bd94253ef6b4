/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * io_uring_register: a table of small functions, each with the release that brought it. What is
 * not in the table, or newer than the kernel that is simulated, is answered with -EINVAL.
 */
#include <errno.h>
#include <string.h>

#include "buffers.h"
#include "file.h"
#include "kernel.h"
#include "operations.h"
#include "registration.h"
#include "world.h"

static int enable(void *argument, uint32_t count)
{
    (void)argument;
    (void)count;
    return kernel_enable() ? 0 : -EBADFD;
}

static int accepted(void *argument, uint32_t count)
{
    (void)argument;
    (void)count;
    return 0;
}

static int ring_fd_add(void *argument, uint32_t count)
{
    struct kevy_rsrc_update *update = argument;

    EXPECT(count == 1 && update->offset == UINT32_MAX, "an index of the caller's choice");
    EXPECT(!kernel_registered_set(true), "the ring is registered twice");
    update->offset = KERNEL_REGISTERED_FD;
    return 1;
}

static int ring_fd_remove(void *argument, uint32_t count)
{
    const struct kevy_rsrc_update *update = argument;

    EXPECT(count == 1 && update->offset == KERNEL_REGISTERED_FD, "unregisters index %u",
           update->offset);
    EXPECT(kernel_registered_set(false), "unregisters a ring that is not registered");
    return 1;
}

static int group_add(void *argument, uint32_t count)
{
    (void)count;
    return buffers_register(argument);
}

static int group_remove(void *argument, uint32_t count)
{
    const struct kevy_buf_reg *registration = argument;

    (void)count;
    EXPECT(requests_count() == 0, "the pool goes with %u requests in flight", requests_count());
    return buffers_unregister(registration->bgid);
}

static int group_status(void *argument, uint32_t count)
{
    (void)count;
    return buffers_status(argument);
}

static int region_add(void *argument, uint32_t count)
{
    const struct kevy_mem_region_reg *registration = argument;
    const struct kevy_region_desc *region = (const void *)(uintptr_t)registration->region_uptr;

    EXPECT(count == 1 && registration->flags == KEVY_MEM_REGION_REG_WAIT_ARG &&
               region->flags == KEVY_MEM_REGION_TYPE_USER,
           "a region with flags %x", region->flags);
    kernel_region_set((void *)(uintptr_t)region->user_addr);
    return 0;
}

static int probe(void *argument, uint32_t count)
{
    struct kevy_probe *answer = argument;

    for (uint32_t op = 0; op < count && op < KEVY_OP_LAST; op++) {
        answer->ops[op].op = (uint8_t)op;
        if (!operation_known((uint8_t)op))
            continue;
        answer->ops[op].flags = KEVY_OP_SUPPORTED;
        answer->last_op = (uint8_t)op;
        answer->ops_len = (uint8_t)(op + 1);
    }
    return 0;
}

static const struct {
    uint32_t minor;
    int (*run)(void *argument, uint32_t count);
} table[KEVY_REGISTER_LAST] = {
    [KEVY_REGISTER_PROBE] = {1, probe},
    [KEVY_REGISTER_RESTRICTIONS] = {1, accepted},
    [KEVY_REGISTER_ENABLE_RINGS] = {1, enable},
    [KEVY_REGISTER_RING_FDS] = {1, ring_fd_add},
    [KEVY_UNREGISTER_RING_FDS] = {1, ring_fd_remove},
    [KEVY_REGISTER_PBUF_RING] = {1, group_add},
    [KEVY_UNREGISTER_PBUF_RING] = {1, group_remove},
    [KEVY_REGISTER_PBUF_STATUS] = {8, group_status},
    [KEVY_REGISTER_MEM_REGION] = {13, region_add},
};

int registration_run(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    (void)state;
    if (fd >= 0)
        (void)file_at(fd, "register");
    if (opcode >= KEVY_REGISTER_LAST || table[opcode].run == NULL ||
        table[opcode].minor > kernel_minor())
        return -EINVAL;
    return table[opcode].run(argument, count);
}
