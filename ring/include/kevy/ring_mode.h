/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_mode.h - what the less common set-up modes need beyond <kevy/ring.h>.
 *
 * Rings in the caller's memory, rings that change size, rings that move to another thread, and
 * requests of 128 bytes. A mode is chosen at init; a ring without it pays nothing for it.
 *
 * KEVY_SETUP_SQ_REWIND (newer, 7.0) is refused with -EINVAL, and dropped where merely preferred: it
 * takes away the kernel's SQ head, from which alone a short submit can be told.
 */
#ifndef KEVY_RING_MODE_H
#define KEVY_RING_MODE_H

#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

/*
 * Bytes of memory that kevy_ring_init() needs for `entries` and `options` (BORROWED, may be NULL),
 * a multiple of the page size: enough whatever flags the kernel then grants. 0 for sizes that no
 * kernel accepts.
 */
KEVY_API size_t kevy_ring_memory_size(uint32_t entries, const struct kevy_ring_options *options);

/*
 * Gives a DEFER_TASKRUN ring other queue sizes (6.13), without losing a request or a completion.
 * `cq_entries` 0 is twice `entries`. A ring in the caller's memory moves to `memory`, laid out as
 * for kevy_ring_init(), and the old memory is free afterwards; for others `memory` is NULL. No SQE
 * or CQE that was handed out may be held.
 *
 * Returns 0, -EINVAL (a size, an older kernel, not a DEFER_TASKRUN ring), -EOVERFLOW (what is
 * queued does not fit the new sizes), -EEXIST (the CQ has overflowed: reap, flush, call again),
 * -ENOMEM, and the ring goes on as it was; or -ENOTRECOVERABLE, when the kernel has made the new
 * queues and they cannot be mapped: then kevy_ring_deinit() is all that is left to do.
 */
KEVY_API int kevy_ring_resize(struct kevy_ring *ring, uint32_t entries, uint32_t cq_entries,
                              void *memory, size_t memory_size);

/*
 * Registers the ring's descriptor with the calling thread, as kevy_ring_init() does by default
 * (5.18): to be called where the ring comes to, after kevy_ring_fd_unregister() where it leaves.
 * Returns 0, -EBUSY (all 16 places of the thread are taken; the ring works all the same), -EINVAL
 * (an older kernel), -EALREADY (it is registered, here or elsewhere).
 */
KEVY_API int kevy_ring_fd_register(struct kevy_ring *ring);

/* Takes the ring's descriptor out of the calling thread's table; elsewhere it does nothing. */
KEVY_API void kevy_ring_fd_unregister(struct kevy_ring *ring);

/*
 * Reserves an SQE of 128 bytes, as kevy_ring_sqe() does one of 64: a slot of a KEVY_SETUP_SQE128
 * ring (5.19), or two neighbouring ones of a KEVY_SETUP_SQE_MIXED ring (newer, 6.19), where a NOP
 * without a CQE fills the last slot if the two would lie across the end. NULL when there is no
 * room, and on every other ring.
 */
static inline struct kevy_sqe128 *kevy_ring_sqe128(struct kevy_ring *ring, uint64_t user_data)
{
    struct kevy_sqe *sqe;

    if (ring->setup_flags & KEVY_SETUP_SQE_MIXED) {
        bool last = (ring->sqe_tail & ring->sq_mask) == ring->sq_mask;

        if (kevy_ring_space(ring) < 2U + last)
            return NULL;
        if (last) {
            sqe = kevy_ring_sqe(ring, 0);
            sqe->flags = KEVY_SQE_CQE_SKIP_SUCCESS;
        }
        sqe = kevy_ring_sqe(ring, user_data);
        kevy_x_sqe_clear(kevy_ring_sqe(ring, 0), 0);
    } else {
        sqe = (ring->setup_flags & KEVY_SETUP_SQE128) ? kevy_ring_sqe(ring, user_data) : NULL;
        if (sqe == NULL)
            return NULL;
        __builtin_memset(sqe + 1, 0, sizeof *sqe);
    }
    return (struct kevy_sqe128 *)(void *)sqe;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_MODE_H */
