/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Submitting, and reaping by batch. Waiting is in wait.c, and what both share in enter.h. */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <string.h>

#include "enter.h"

#define CQE32_SHIFT 5

/* Submits, and asks for completions where `events` or the state of the queues say so. */
static int submit(struct kevy_ring *ring, uint32_t minimum, bool events)
{
    uint32_t queued = tail_publish(ring), flags = 0;

    if (kevy_ring_wants_enter(ring) || (ring->setup_flags & KEVY_SETUP_IOPOLL) != 0)
        events = true;
    if ((ring->setup_flags & KEVY_SETUP_SQPOLL) != 0) {
        if (queued != 0 && sqpoll_sleeps(ring))
            flags = KEVY_ENTER_SQ_WAKEUP;
        if (flags == 0 && !events)
            return (int)queued;
    }
    if (events)
        return enter_for_events(ring, queued, minimum, flags, NULL, 0);
    if (queued == 0)
        return 0;
    return enter_for_submission(ring, queued, flags);
}

int kevy_ring_submit(struct kevy_ring *ring)
{
    return submit(ring, 0, false);
}

int kevy_ring_submit_and_wait(struct kevy_ring *ring, uint32_t minimum)
{
    return submit(ring, minimum, true);
}

int kevy_ring_flush(struct kevy_ring *ring)
{
    int result = enter_for_events(ring, 0, 0, 0, NULL, 0);

    return result < 0 ? result : 0;
}

void kevy_x_ring_phantom_note(struct kevy_ring *ring)
{
    uint32_t head = *ring->cq_head, tail = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE);

    if (tail - head <= ring->cq_entries)
        return;
    ring->phantom = head + ring->cq_entries;
    ring->has_phantom = true;
}

static uint32_t batch_reap(struct kevy_ring *ring, kevy_ring_reap reap, void *context)
{
    const struct kevy_cqe *cqe;
    uint32_t count = 0;

    while ((cqe = kevy_ring_next(ring)) != NULL) {
        /* Copied: `reap` may enter, which publishes the head and lets the slot be overwritten. */
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
