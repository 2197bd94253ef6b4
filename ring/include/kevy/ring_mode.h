/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_mode.h - set-up modes and calls that few programs need.
 *
 *     memory      rings in the caller's memory; rings that change their size
 *     threads     rings that move to another thread, or lose their descriptor; rings of other
 *                 processes
 *     waits       arguments of one's own; room in a full SQ; accounting
 *     big SQEs    requests of 128 bytes
 *
 * A mode is chosen by the options of kevy_ring_init(). A ring without a mode pays nothing for it.
 *
 * KEVY_SETUP_SQ_REWIND (newer, 7.0) is not supported: required, it is refused with -EINVAL, and
 * preferred, it is dropped. With it the kernel has no SQ head, and only the SQ head tells how much
 * of a batch was submitted.
 *
 * Example: a ring that starts in one thread and goes on in another
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_mode.h>
 *
 *     static int first_thread(struct kevy_ring *ring)
 *     {
 *         int error = kevy_ring_init(ring, 64, NULL);
 *
 *         if (error == 0)
 *             kevy_ring_fd_unregister(ring);
 *         return error;
 *     }
 *
 *     static void second_thread(struct kevy_ring *ring)
 *     {
 *         (void)kevy_ring_fd_register(ring);
 *         (void)kevy_ring_submit(ring);
 *     }
 */
#ifndef KEVY_RING_MODE_H
#define KEVY_RING_MODE_H

#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

/*
 * Returns how many bytes of memory kevy_ring_init() needs for `entries` and `options` (BORROWED,
 * may be NULL). It is a multiple of the page size, and enough whichever flags the kernel grants.
 * Returns 0 for sizes that no kernel accepts.
 */
KEVY_API size_t kevy_ring_memory_size(uint32_t entries, const struct kevy_ring_options *options);

/*
 * Gives a ring with KEVY_SETUP_DEFER_TASKRUN other sizes (6.13). No request and no completion is
 * lost. But no SQE or CQE that was handed out may still be used.
 *
 *     entries, cq_entries  the new sizes; a `cq_entries` of 0 is twice `entries`
 *     flags                0, or KEVY_SETUP_CLAMP, which reduces sizes that are too large
 *     memory               for a ring in the caller's memory: memory for the new queues, as for
 *                          kevy_ring_init(). The old memory is free afterwards. Otherwise NULL
 *
 * Returns 0 or an error. The ring goes on as it was, except after -ENOTRECOVERABLE.
 *
 *     -EINVAL           a size, an older kernel, or a ring without KEVY_SETUP_DEFER_TASKRUN
 *     -EOVERFLOW        the queued entries do not fit into the new sizes
 *     -EEXIST           the CQ has overflowed: reap, flush, and call again
 *     -ENOMEM           no memory
 *     -ENOTRECOVERABLE  the kernel has made new queues, and they cannot be mapped. Only
 *                       kevy_ring_deinit() is possible
 */
KEVY_API int kevy_ring_resize(struct kevy_ring *ring, uint32_t entries, uint32_t cq_entries,
                              uint32_t flags, void *memory, size_t memory_size);

/*
 * Registers the descriptor of the ring with the calling thread (5.18), as kevy_ring_init() does.
 * Call it in the thread that gets the ring, after kevy_ring_fd_unregister() in the thread that had
 * it. Returns 0 or an error; the ring works nevertheless.
 *
 *     -EBUSY     the thread has 16 registered rings already
 *     -EINVAL    an older kernel
 *     -EALREADY  the descriptor is registered, with this thread or another
 */
KEVY_API int kevy_ring_fd_register(struct kevy_ring *ring);

/*
 * Undoes kevy_ring_fd_register(). It does nothing in a thread with which the descriptor is not
 * registered.
 */
KEVY_API void kevy_ring_fd_unregister(struct kevy_ring *ring);

/*
 * Closes the descriptor of the ring (6.3). The ring then has only its registered index, and is no
 * longer among the descriptors of the process. It cannot move to another thread, and a buffer ring
 * with KEVY_BUFFER_RING_KERNEL_MAPPED cannot be added. Returns 0, or
 *
 *     -EINVAL      the descriptor is not registered with the calling thread
 *     -EOPNOTSUPP  an older kernel
 */
KEVY_API int kevy_ring_fd_close(struct kevy_ring *ring);

/*
 * Stores what another process needs to adopt the ring, beside its descriptor: flags, sizes, and the
 * offsets of the cursors in its memory.
 */
KEVY_API void kevy_ring_params(const struct kevy_ring *ring, struct kevy_params *params);

/*
 * Makes *ring a second user of a ring that somebody else has set up, for example another process.
 * That process passes on the descriptor (SCM_RIGHTS) and the params of kevy_ring_params(). The two
 * must agree which of them submits and which reaps at each time. *ring must be zeroed or
 * deinitialised. `fd` is OWNED on success. It runs on io_uring.
 *
 * Returns 0, an error of mmap(2), or -EINVAL: rings with KEVY_SETUP_SINGLE_ISSUER, and rings in a
 * caller's memory (KEVY_SETUP_NO_MMAP), cannot be adopted.
 */
KEVY_API int kevy_ring_adopt(struct kevy_ring *ring, int fd, const struct kevy_params *params);

/*
 * As kevy_ring_submit_and_wait(), with the arguments in element `index` of options.wait_memory. The
 * caller writes them before: `flags` KEVY_REG_WAIT_TS with `ts`, `min_wait_usec`, a signal mask.
 * The rules of the kernel apply. For example, `min_wait_usec` needs a `ts` that is later. With
 * options.split_queues it submits nothing.
 *
 * Returns the number of SQEs that were submitted, or an error:
 *
 *     -ETIME       the time is over
 *     -EINTR       a signal came
 *     -EFAULT      there is no such element
 *     -EOPNOTSUPP  the ring has no such memory
 */
KEVY_API int kevy_ring_wait_registered(struct kevy_ring *ring, uint32_t minimum, uint32_t index);

/*
 * With KEVY_SETUP_SQPOLL: waits until the kernel's thread has taken SQEs from a full SQ (5.10).
 * Returns the number of slots that can be reserved, or -errno.
 */
KEVY_API int kevy_ring_wait_space(struct kevy_ring *ring);

/*
 * Chooses whether the time in waits counts as waiting for I/O (6.15). By default it does not, so
 * that top(1) does not show an idle server as busy. Returns 0, or -EOPNOTSUPP on an older kernel.
 */
KEVY_API int kevy_ring_iowait(struct kevy_ring *ring, bool counted);

/*
 * The number of SQEs that the kernel has dropped because of an invalid index. With this library it
 * is 0.
 */
static inline uint32_t kevy_ring_dropped(const struct kevy_ring *ring)
{
    return __atomic_load_n(ring->sq_dropped, __ATOMIC_RELAXED);
}

/*
 * The number of completions that were lost because the CQ was full: on kernels without
 * KEVY_FEAT_NODROP (5.5), or if the kernel had no memory for its list of overflowed completions.
 */
static inline uint32_t kevy_ring_lost(const struct kevy_ring *ring)
{
    return __atomic_load_n(ring->cq_overflow, __ATOMIC_RELAXED);
}

/*
 * Reserves an SQE of 128 bytes, as kevy_ring_sqe() reserves one of 64:
 *
 *     - on a ring with KEVY_SETUP_SQE128 (5.19), a slot;
 *     - on a ring with KEVY_SETUP_SQE_MIXED (newer, 6.19), two neighbouring slots. If they would
 *       lie across the end of the array, a NOP without a CQE fills the last slot.
 *
 * Returns NULL if there is no room, and on all other rings.
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
