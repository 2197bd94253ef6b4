/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The CQ of rings whose CQEs are not 16 bytes each: twice that (KEVY_SETUP_CQE32), or one or two
 * slots (KEVY_SETUP_CQE_MIXED).
 *
 * Model. Such a ring has no span: cqe_next, cqe_end and cqes_end are NULL, so that kevy_ring_next()
 * comes here.
 *
 * The CQ head of a mixed ring is published here and in enters, after a look at the phantom (below).
 * So that the inline kevy_ring_release() need not know, the ring's cq_head points to a word of its
 * own; what is stored there is published with the next call.
 *
 * Invariants. With has_phantom the phantom's position is not yet passed. The head that is published
 * never lies behind the one published before.
 */
#include "big.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>

/*
 * Linux 6.18 miscounts when a big CQE no longer fits in front of the queue's end and
 * the queue is then full. It puts a small one in the filler's slot and counts both, so that the
 * tail comes to lie a whole lap and one before the head, and the first CQE seems to be there twice.
 * Notes that position before the head moves, when it can still be told.
 */
static void phantom_note(struct kevy_ring *ring)
{
    uint32_t head = *ring->mixed_cq_head;
    uint32_t tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);

    if (tail - head <= ring->cq_entries)
        return;
    ring->phantom = head + ring->cq_entries;
    ring->has_phantom = ring->phantom - ring->cqe_head <= ring->cq_entries; /* not passed */
}

void kevy_x_mixed_publish(struct kevy_ring *ring)
{
    phantom_note(ring);
    assert(!ring->has_phantom || ring->phantom - ring->cqe_head <= ring->cq_entries);
    assert((int32_t)(ring->mixed_released - *ring->mixed_cq_head) >= 0);
    __atomic_store_n(ring->mixed_cq_head, ring->mixed_released, __ATOMIC_RELEASE);
}

static const struct kevy_cqe *next_mixed(struct kevy_ring *ring)
{
    kevy_x_mixed_publish(ring);
    while (kevy_ring_ready(ring) != 0) {
        const struct kevy_cqe *cqe = &ring->cqes[ring->cqe_head & ring->cq_mask];
        uint32_t position = ring->cqe_head++;

        if (ring->has_phantom && position == ring->phantom) {
            ring->has_phantom = false;
            continue;
        }
        /* On other rings these bits must not be looked at: they may come from a MSG_RING peer. */
        if (cqe->flags & KEVY_CQE_F_SKIP)
            continue;
        if (cqe->flags & KEVY_CQE_F_32)
            ring->cqe_head++;
        return cqe;
    }
    return NULL;
}

const struct kevy_cqe *kevy_x_ring_next_big(struct kevy_ring *ring)
{
    if (ring->modes & KEVY_X_MODE_CQE_MIXED)
        return next_mixed(ring);
    return &ring->cqes[2U * (ring->cqe_head++ & ring->cq_mask)];
}

#endif /* KEVY_RING_SUPPORTED */
