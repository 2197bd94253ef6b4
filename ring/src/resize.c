/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Other sizes for the queues of a living ring.
 *
 * Model. The kernel makes new queues and copies what lies between the cursors; we map them beside
 * the old ones, which go last. Between the two there is no way back: from the register call on the
 * kernel uses the new queues.
 */
#include <kevy/ring_mode.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring_register.h>
#include <string.h>

#include "big.h"
#include "memory.h"

int kevy_ring_resize(struct kevy_ring *ring, uint32_t entries, uint32_t cq_entries, uint32_t flags,
                     void *memory, size_t memory_size)
{
    struct kevy_ring old = *ring;
    struct kevy_params params;
    int error;

    if ((flags & ~KEVY_SETUP_CLAMP) != 0)
        return -EINVAL;
    memset(&params, 0, sizeof params);
    params.sq_entries = entries;
    params.cq_entries = cq_entries;
    if (ring->memory_lent) {
        params.flags = ring->setup_flags | flags;
        error = kevy_x_memory_lend(&params, memory, memory_size);
        if (error < 0)
            return error;
    }
    params.flags = flags | (cq_entries != 0 ? KEVY_SETUP_CQSIZE : 0);
    /* The kernel copies what lies between the published cursors. */
    (void)kevy_ring_publish(ring);
    kevy_ring_release(ring);
    if (ring->modes & KEVY_X_MODE_CQE_MIXED)
        kevy_x_mixed_publish(ring);
    error = kevy_ring_register(ring, KEVY_REGISTER_RESIZE_RINGS, &params, 1);
    if (error < 0)
        return error;
    params.features = ring->features;
    ring->ring_memory = ring->cq_memory = NULL;
    ring->ring_size = ring->cq_size = ring->sqe_size = 0;
    ring->sqes = NULL;
    if (kevy_x_memory_map(ring, &params) < 0) {
        /* The kernel has let go of the old queues; they stay mapped, so that nothing crashes. */
        kevy_x_memory_unmap(ring);
        *ring = old;
        return -ENOTRECOVERABLE;
    }
    kevy_x_memory_unmap(&old);
    /* The kernel keeps the numbers of what is queued and ready, so ours still hold. */
    assert(kevy_ring_space(ring) <= ring->sq_entries);
    assert(kevy_ring_ready(ring) <= ring->cq_entries);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
