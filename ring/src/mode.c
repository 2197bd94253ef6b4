/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What few programs ask of a ring: to be adopted, and to wait in other ways.
 *
 * Invariant. An adopted ring is built from the same params as the kernel's answer to set-up was, so
 * that the same code maps it.
 */
#include <kevy/ring_mode.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "descriptor.h"
#include "enter.h"
#include "memory.h"
#include "owner.h"
#include "ring.h"
#include "zeroed.h"

static uint32_t offset_of(const void *memory, const void *field)
{
    return (uint32_t)((const char *)field - (const char *)memory);
}

void kevy_ring_params(const struct kevy_ring *ring, struct kevy_params *params)
{
    const char *sq = ring->ring_memory;
    const char *cq = ring->cq_memory != NULL ? ring->cq_memory : ring->ring_memory;
    bool mixed = (ring->modes & KEVY_X_MODE_CQE_MIXED) != 0;

    assert(ring->sq_entries != 0);
    memset(params, 0, sizeof *params);
    params->sq_entries = ring->sq_entries;
    params->cq_entries = ring->cq_entries;
    params->flags = ring->setup_flags;
    params->features = ring->features;
    params->sq_off.head = offset_of(sq, ring->sq_head);
    params->sq_off.tail = offset_of(sq, ring->sq_tail);
    params->sq_off.flags = offset_of(sq, ring->sq_flags);
    params->sq_off.dropped = offset_of(sq, ring->sq_dropped);
    params->cq_off.head = offset_of(cq, mixed ? ring->mixed_cq_head : ring->cq_head);
    params->cq_off.tail = offset_of(cq, ring->cq_tail);
    params->cq_off.overflow = offset_of(cq, ring->cq_overflow);
    params->cq_off.cqes = offset_of(cq, ring->cqes);
    if (ring->cq_flags != NULL)
        params->cq_off.flags = offset_of(cq, ring->cq_flags);
    if ((ring->setup_flags & KEVY_SETUP_NO_SQARRAY) == 0)
        params->sq_off.array = ring->sq_array;
}

/* How far the other side has reaped. */
static uint32_t reaped_head(const struct kevy_ring *ring)
{
    bool mixed = (ring->modes & KEVY_X_MODE_CQE_MIXED) != 0;

    return __atomic_load_n(mixed ? ring->mixed_cq_head : ring->cq_head, __ATOMIC_ACQUIRE);
}

int kevy_ring_adopt(struct kevy_ring *ring, int fd, const struct kevy_params *params)
{
    uint32_t foreign = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_NO_MMAP;
    int result;

    assert(fd >= 0);
    assert(memory_zeroed(ring, sizeof *ring) &&
           "a ring must be zeroed or deinitialised before kevy_ring_adopt()");
    if ((params->flags & foreign) != 0 || params->sq_entries == 0 || params->cq_entries == 0)
        return -EINVAL;
    ring->any_thread = true;
    ring->owner_process = (int32_t)getpid();
    kevy_x_ring_note(ring, params, fd);
    result = kevy_x_memory_map(ring, params);
    if (result < 0) {
        kevy_x_memory_unmap(ring);
        memset(ring, 0, sizeof *ring);
        return result;
    }
    ring->sqe_tail = __atomic_load_n(ring->sq_tail, __ATOMIC_ACQUIRE);
    ring->cqe_head = reaped_head(ring);
    kevy_x_memory_cursors_place(ring);
    return 0;
}

int kevy_ring_wait_registered(struct kevy_ring *ring, uint32_t minimum, uint32_t index)
{
    uint32_t flags = KEVY_ENTER_GETEVENTS | KEVY_ENTER_EXT_ARG | KEVY_ENTER_EXT_ARG_REG;
    size_t offset = (size_t)index * sizeof *ring->wait_region;
    uint32_t queued;

    if (ring->wait_region == NULL)
        return -EOPNOTSUPP;
    if (index >= ring->wait_region_size / sizeof *ring->wait_region)
        return -EFAULT;
    queued = ring->modes & KEVY_X_MODE_SPLIT ? 0 : kevy_ring_publish(ring);
    return enter(ring, queued, minimum, flags, (const void *)(uintptr_t)offset,
                 sizeof *ring->wait_region);
}

int kevy_ring_wait_space(struct kevy_ring *ring)
{
    if ((ring->modes & KEVY_X_MODE_SQPOLL) == 0)
        return (int)kevy_ring_space(ring);
    while (kevy_ring_publish(ring) == ring->sq_entries) {
        uint32_t flags = KEVY_ENTER_SQ_WAIT;
        int result;

        if (sqpoll_sleeps(ring))
            flags |= KEVY_ENTER_SQ_WAKEUP;
        result = kernel_enter(ring, 0, 0, flags | ring->enter_flags, NULL, 0);
        if (result < 0)
            return result;
    }
    return (int)kevy_ring_space(ring);
}

int kevy_ring_iowait(struct kevy_ring *ring, bool counted)
{
    uint32_t flags = ring->enter_flags & ~KEVY_ENTER_NO_IOWAIT;

    if ((ring->features & KEVY_FEAT_NO_IOWAIT) == 0)
        return -EOPNOTSUPP;
    kevy_x_enter_flags_set(ring, counted ? flags : flags | KEVY_ENTER_NO_IOWAIT);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
