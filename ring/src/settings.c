/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The settings of a ring, and the requests that are made beside its queues.
 *
 * Invariant. Every argument starts as zeros: the kernel refuses what it finds in reserved fields.
 */
#include <kevy/ring_register.h>

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <kevy/ring.h>
#include <string.h>

#include "register.h"

#define NS_PER_SECOND 1000000000U

int kevy_ring_eventfd_register(struct kevy_ring *ring, int fd, bool async_only)
{
    uint32_t opcode = async_only ? KEVY_REGISTER_EVENTFD_ASYNC : KEVY_REGISTER_EVENTFD;

    return kevy_ring_register(ring, opcode, &fd, 1);
}

int kevy_ring_eventfd_unregister(struct kevy_ring *ring)
{
    return kevy_ring_register(ring, KEVY_UNREGISTER_EVENTFD, NULL, 0);
}

int kevy_ring_eventfd_enable(struct kevy_ring *ring, bool enabled)
{
    uint32_t flags;

    if (ring->cq_flags == NULL)
        return -EOPNOTSUPP;
    flags = __atomic_load_n(ring->cq_flags, __ATOMIC_RELAXED) & ~KEVY_CQ_EVENTFD_DISABLED;
    if (!enabled)
        flags |= KEVY_CQ_EVENTFD_DISABLED;
    __atomic_store_n(ring->cq_flags, flags, __ATOMIC_RELAXED);
    return 0;
}

int kevy_ring_personality_register(struct kevy_ring *ring)
{
    return kevy_ring_register(ring, KEVY_REGISTER_PERSONALITY, NULL, 0);
}

int kevy_ring_personality_unregister(struct kevy_ring *ring, uint16_t id)
{
    return kevy_ring_register(ring, KEVY_UNREGISTER_PERSONALITY, NULL, id);
}

int kevy_ring_workers_affinity(struct kevy_ring *ring, const void *mask, size_t size)
{
    /* Only read, though the call takes a pointer to what it may write. */
    return kevy_ring_register(ring, KEVY_REGISTER_IOWQ_AFF, (void *)(uintptr_t)mask,
                              (uint32_t)size);
}

int kevy_ring_workers_affinity_reset(struct kevy_ring *ring)
{
    return kevy_ring_register(ring, KEVY_UNREGISTER_IOWQ_AFF, NULL, 0);
}

int kevy_ring_workers_limit(struct kevy_ring *ring, uint32_t *bounded, uint32_t *unbounded)
{
    uint32_t limits[2] = {0, 0};
    int error;

    if (bounded != NULL)
        limits[KEVY_IO_WQ_BOUND] = *bounded;
    if (unbounded != NULL)
        limits[KEVY_IO_WQ_UNBOUND] = *unbounded;
    error = kevy_ring_register(ring, KEVY_REGISTER_IOWQ_MAX_WORKERS, limits, 2);
    if (error < 0)
        return error;
    if (bounded != NULL)
        *bounded = limits[KEVY_IO_WQ_BOUND];
    if (unbounded != NULL)
        *unbounded = limits[KEVY_IO_WQ_UNBOUND];
    return 0;
}

int kevy_ring_clock(struct kevy_ring *ring, int clock)
{
    struct kevy_clock_register setting;
    int error;

    memset(&setting, 0, sizeof setting);
    setting.clockid = (uint32_t)clock;
    error = kevy_ring_register(ring, KEVY_REGISTER_CLOCK, &setting, 0);
    if (error == 0)
        ring->clock = clock; /* kevy_ring_wait() has to read the same one */
    return error;
}

/* NAPI writes the settings so far into its argument. */
static int napi_call(struct kevy_ring *ring, uint32_t opcode, struct kevy_napi *setting,
                     struct kevy_napi *previous)
{
    int error = kevy_ring_register(ring, opcode, setting, 1);

    if (error == 0 && previous != NULL)
        *previous = *setting;
    return error;
}

int kevy_ring_napi_register(struct kevy_ring *ring, uint32_t timeout_us, bool prefer,
                            enum kevy_napi_tracking tracking, struct kevy_napi *previous)
{
    struct kevy_napi setting;

    memset(&setting, 0, sizeof setting);
    setting.busy_poll_to = timeout_us;
    setting.prefer_busy_poll = prefer;
    setting.opcode = KEVY_NAPI_REGISTER_OP;
    setting.op_param = tracking;
    return napi_call(ring, KEVY_REGISTER_NAPI, &setting, previous);
}

int kevy_ring_napi_unregister(struct kevy_ring *ring, struct kevy_napi *previous)
{
    struct kevy_napi setting;

    memset(&setting, 0, sizeof setting);
    return napi_call(ring, KEVY_UNREGISTER_NAPI, &setting, previous);
}

static int napi_queue(struct kevy_ring *ring, enum kevy_napi_op operation, uint32_t napi_id)
{
    struct kevy_napi setting;

    memset(&setting, 0, sizeof setting);
    setting.opcode = (uint8_t)operation;
    setting.op_param = napi_id;
    return napi_call(ring, KEVY_REGISTER_NAPI, &setting, NULL);
}

int kevy_ring_napi_add(struct kevy_ring *ring, uint32_t napi_id)
{
    return napi_queue(ring, KEVY_NAPI_STATIC_ADD_ID, napi_id);
}

int kevy_ring_napi_remove(struct kevy_ring *ring, uint32_t napi_id)
{
    return napi_queue(ring, KEVY_NAPI_STATIC_DEL_ID, napi_id);
}

int kevy_ring_cancel_sync(struct kevy_ring *ring, const struct kevy_ring_cancel *cancel)
{
    struct kevy_sync_cancel_reg reg;

    memset(&reg, 0, sizeof reg);
    reg.addr = cancel->user_data;
    reg.fd = cancel->fd;
    reg.flags = cancel->flags;
    reg.opcode = cancel->opcode;
    reg.timeout.tv_sec = (int64_t)(cancel->timeout_ns / NS_PER_SECOND);
    reg.timeout.tv_nsec = (int64_t)(cancel->timeout_ns % NS_PER_SECOND);
    if (cancel->timeout_ns == KEVY_FOREVER)
        reg.timeout.tv_sec = reg.timeout.tv_nsec = -1;
    return kevy_ring_register(ring, KEVY_REGISTER_SYNC_CANCEL, &reg, 1);
}

int kevy_ring_message(const struct kevy_ring *target, uint64_t user_data, int32_t result,
                      uint32_t flags)
{
    struct kevy_sqe sqe;

    memset(&sqe, 0, sizeof sqe);
    sqe.opcode = KEVY_OP_MSG_RING;
    sqe.fd = target->fd;
    sqe.addr = KEVY_MSG_DATA;
    sqe.len = (uint32_t)result;
    sqe.off = user_data;
    if (flags != 0) {
        sqe.msg_ring_flags = KEVY_MSG_RING_FLAGS_PASS;
        sqe.file_index = flags;
    }
    return kevy_x_register_blind(target, KEVY_REGISTER_SEND_MSG_RING, &sqe, 1);
}

#endif /* KEVY_RING_SUPPORTED */
