/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Reaping by callback, what overflowed included.
 *
 * Invariant. A callback gets a copy: it may enter, which publishes the head and lets the kernel
 * overwrite the slot.
 */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <string.h>

#define CQE32_SHIFT 5

static uint32_t batch_reap(struct kevy_ring *ring, kevy_ring_reap reap, void *context)
{
    const struct kevy_cqe *cqe;
    uint32_t count = 0;

    while ((cqe = kevy_ring_next(ring)) != NULL) {
        struct kevy_cqe32 copy;
        bool big =
            ring->cqe_shift == CQE32_SHIFT ||
            ((ring->setup_flags & KEVY_SETUP_CQE_MIXED) != 0 && (cqe->flags & KEVY_CQE_F_32) != 0);

        memcpy(&copy, cqe, big ? sizeof copy : sizeof copy.cqe);
        reap(&copy.cqe, context);
        count++;
    }
    kevy_ring_release(ring);
    return count;
}

uint32_t kevy_ring_for_each(struct kevy_ring *ring, kevy_ring_reap reap, void *context)
{
    uint32_t total = batch_reap(ring, reap, context);

    /* Each round empties the CQ, so each flush moves at least one completion out of the list. */
    while (kevy_ring_overflowed(ring)) {
        uint32_t count;

        if (kevy_ring_flush(ring) < 0)
            break;
        count = batch_reap(ring, reap, context);
        if (count == 0)
            break;
        total += count;
    }
    return total;
}

#endif /* KEVY_RING_SUPPORTED */
