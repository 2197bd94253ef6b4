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
 * `cq_entries` 0 is twice `entries`. `flags` is 0, or KEVY_SETUP_CLAMP to have sizes that are too
 * large cut to what the kernel allows. A ring in the caller's memory moves to `memory`, laid out as
 * for kevy_ring_init(), and the old memory is free afterwards; for others `memory` is NULL. No SQE
 * or CQE that was handed out may be held.
 *
 * Returns 0, -EINVAL (a size, an older kernel, not a DEFER_TASKRUN ring), -EOVERFLOW (what is
 * queued does not fit the new sizes), -EEXIST (the CQ has overflowed: reap, flush, call again),
 * -ENOMEM, and the ring goes on as it was; or -ENOTRECOVERABLE, when the kernel has made the new
 * queues and they cannot be mapped: then kevy_ring_deinit() is all that is left to do.
 */
KEVY_API int kevy_ring_resize(struct kevy_ring *ring, uint32_t entries, uint32_t cq_entries,
                              uint32_t flags, void *memory, size_t memory_size);

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
 * Closes the ring's descriptor and keeps the registered index (6.3), so that the ring is no longer
 * among the descriptors of the process. Returns 0, -EINVAL (the descriptor is not registered with
 * the calling thread), -EOPNOTSUPP (an older kernel). Afterwards the ring cannot move to another
 * thread, and no kernel-mapped buffer ring can be added.
 */
KEVY_API int kevy_ring_fd_close(struct kevy_ring *ring);

/*
 * What another process needs, beside the ring's descriptor, to adopt the ring: its flags and sizes,
 * and where in its memory the cursors lie.
 */
KEVY_API void kevy_ring_params(const struct kevy_ring *ring, struct kevy_params *params);

/*
 * Makes *ring a view of a ring that somebody else has set up, for example in another process that
 * has passed on its descriptor (SCM_RIGHTS) and kevy_ring_params(). `fd` is OWNED on success. Both
 * sides must agree on who submits and who reaps at any time. Not for rings with
 * KEVY_SETUP_SINGLE_ISSUER, and not for rings in a caller's memory (KEVY_SETUP_NO_MMAP): -EINVAL.
 * Returns 0, or what mmap(2) fails with.
 */
KEVY_API int kevy_ring_adopt(struct kevy_ring *ring, int fd, const struct kevy_params *params);

/*
 * As kevy_ring_wait(), with arguments that stand in element `index` of options.wait_memory. They
 * are the caller's to write: `flags` KEVY_REG_WAIT_TS with `ts`, min_wait_usec, a signal mask. The
 * kernel's own rules hold for them: min_wait_usec needs a `ts` beyond it. Returns what the kernel
 * returns: the number of SQEs submitted, or -ETIME, -EINTR, -EFAULT (no such element).
 */
KEVY_API int kevy_ring_wait_registered(struct kevy_ring *ring, uint32_t minimum, uint32_t index);

/*
 * Under SQPOLL: waits until the kernel's thread has taken SQEs from a full SQ (5.10). Returns the
 * number of slots that can be reserved, or -errno; at once if there are some.
 */
KEVY_API int kevy_ring_wait_space(struct kevy_ring *ring);

/*
 * Whether the time spent in waits counts as waiting for I/O (6.15). By default it does not, so that
 * an idle server does not look busy in top(1). Returns 0, or -EOPNOTSUPP where the kernel cannot.
 */
KEVY_API int kevy_ring_iowait(struct kevy_ring *ring, bool counted);

/* SQEs that the kernel has dropped because of an invalid index. With this library: 0. */
static inline uint32_t kevy_ring_dropped(const struct kevy_ring *ring)
{
    return __atomic_load_n(ring->sq_dropped, __ATOMIC_RELAXED);
}

/* Completions that were lost in a full CQ: of kernels without KEVY_FEAT_NODROP (5.5), or for want
 * of memory. Those that overflow into the kernel's list are not counted. */
static inline uint32_t kevy_ring_lost(const struct kevy_ring *ring)
{
    return __atomic_load_n(ring->cq_overflow, __ATOMIC_RELAXED);
}

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
