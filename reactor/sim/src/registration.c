/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * io_uring_register: a table of small functions, each with the release that brought it. What is
 * not in the table, or newer than the kernel that is simulated, is answered with -EINVAL.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "kernel.h"
#include "operations.h"
#include "registration.h"
#include "ring.h"
#include "world.h"

static int enable(struct ring *ring, void *argument, uint32_t count)
{
    if (argument != NULL || count != 0)
        return -EINVAL;
    if ((ring->params.flags & KEVY_SETUP_R_DISABLED) == 0)
        return -EBADFD;
    ring->params.flags &= ~KEVY_SETUP_R_DISABLED;
    ring->restrictions.in_force = ring->restrictions.given;
    return 0;
}

static int restrict_to(struct ring *ring, void *argument, uint32_t count)
{
    if ((ring->params.flags & KEVY_SETUP_R_DISABLED) == 0)
        return -EBADFD;
    return restrictions_give(&ring->restrictions, argument, count);
}

static int cancel(struct ring *ring, void *argument, uint32_t count)
{
    const struct kevy_sync_cancel_reg *wanted = argument;
    struct kevy_sqe sqe = {.addr = wanted->addr, .fd = wanted->fd, .cancel_flags = wanted->flags};
    int error;

    sqe.len = wanted->opcode;
    error = count != 1 ? -EINVAL : operation_cancel_check(&sqe);
    return error < 0 ? error : requests_cancel(ring, &sqe);
}

/* All clocks tell the same time. */
static int clock_choose(struct ring *ring, void *argument, uint32_t count)
{
    const struct kevy_clock_register *wanted = argument;

    (void)ring;
    if (count != 0)
        return -EINVAL;
    return wanted->clockid == CLOCK_MONOTONIC || wanted->clockid == CLOCK_BOOTTIME ? 0 : -EINVAL;
}

/* The ring is the one that gets the message. */
static int message(struct ring *ring, void *argument, uint32_t count)
{
    const struct kevy_sqe *sqe = argument;

    if (count != 1 || sqe->opcode != KEVY_OP_MSG_RING || sqe->flags != 0)
        return -EINVAL;
    return ring_message(ring, sqe);
}

static int ring_fd_add(struct ring *ring, void *argument, uint32_t count)
{
    struct kevy_rsrc_update *update = argument;

    EXPECT(count == 1 && update->offset == UINT32_MAX, "an index of the caller's choice");
    EXPECT(ring_index_add(ring), "the ring is registered twice");
    update->offset = (uint32_t)ring->registered;
    return 1;
}

static int ring_fd_remove(struct ring *ring, void *argument, uint32_t count)
{
    const struct kevy_rsrc_update *update = argument;

    EXPECT(count == 1 && (int)update->offset == ring->registered, "unregisters index %u",
           update->offset);
    EXPECT(ring_index_remove(ring), "unregisters a ring that is not registered");
    return 1;
}

static int group_add(struct ring *ring, void *argument, uint32_t count)
{
    if (count != 1)
        return -EINVAL;
    return buffers_register(&ring->buffers, argument);
}

static int group_remove(struct ring *ring, void *argument, uint32_t count)
{
    const struct kevy_buf_reg *registration = argument;

    (void)count;
    EXPECT(ring->requests.count == 0, "the pool goes with %u requests in flight",
           ring->requests.count);
    return buffers_unregister(&ring->buffers, registration->bgid);
}

static int group_status(struct ring *ring, void *argument, uint32_t count)
{
    (void)count;
    return buffers_status(&ring->buffers, argument);
}

static int region_add(struct ring *ring, void *argument, uint32_t count)
{
    const struct kevy_mem_region_reg *registration = argument;
    const struct kevy_region_desc *region = (const void *)(uintptr_t)registration->region_uptr;

    EXPECT(count == 1 && registration->flags == KEVY_MEM_REGION_REG_WAIT_ARG &&
               region->flags == KEVY_MEM_REGION_TYPE_USER,
           "a region with flags %x", region->flags);
    ring->wait_region = (void *)(uintptr_t)region->user_addr;
    return 0;
}

static int probe(struct ring *ring, void *argument, uint32_t count)
{
    struct kevy_probe *answer = argument;

    (void)ring;
    if (count > UINT8_MAX + 1U)
        return -EINVAL;
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
    int (*run)(struct ring *ring, void *argument, uint32_t count);
} table[KEVY_REGISTER_LAST] = {
    [KEVY_REGISTER_PROBE] = {1, probe},
    [KEVY_REGISTER_RESTRICTIONS] = {1, restrict_to},
    [KEVY_REGISTER_ENABLE_RINGS] = {1, enable},
    [KEVY_REGISTER_RING_FDS] = {1, ring_fd_add},
    [KEVY_UNREGISTER_RING_FDS] = {1, ring_fd_remove},
    [KEVY_REGISTER_PBUF_RING] = {1, group_add},
    [KEVY_UNREGISTER_PBUF_RING] = {1, group_remove},
    [KEVY_REGISTER_SYNC_CANCEL] = {1, cancel},
    [KEVY_REGISTER_PBUF_STATUS] = {8, group_status},
    [KEVY_REGISTER_CLOCK] = {12, clock_choose},
    [KEVY_REGISTER_SEND_MSG_RING] = {13, message},
    [KEVY_REGISTER_MEM_REGION] = {13, region_add},
};

int registration_run(void *state, int fd, uint32_t opcode, void *argument, uint32_t count)
{
    struct ring *ring = state;
    int error;

    if (fd >= 0)
        EXPECT(file_at(fd, "register") == &ring->file, "register on descriptor %d", fd);
    if (opcode >= KEVY_REGISTER_LAST || table[opcode].run == NULL ||
        table[opcode].minor > kernel_minor())
        return -EINVAL;
    error = restrictions_check_register(&ring->restrictions, opcode);
    return error < 0 ? error : table[opcode].run(ring, argument, count);
}
