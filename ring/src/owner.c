/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Whose a ring is.
 *
 * Model. The descriptor of a ring is registered with one thread, and the index that it gets is
 * valid in that thread's table alone: to another thread it is invalid, or another ring. The memory
 * of a ring is one process's, unless a forked child was to share it.
 *
 * To ask who is calling costs a system call. So the usual path does not ask; it asks when the
 * kernel's answer is not the one expected, which is what the wrong table gives.
 */
#include "owner.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <stdbool.h>

int kevy_ring_owner_check(const struct kevy_ring *ring)
{
    if (ring->sq_entries == 0)
        return -EBADF;
    if (in_forked_child(ring) && !ring->shared_on_fork)
        return -ECHILD;
    if ((ring->enter_flags & KEVY_ENTER_REGISTERED_RING) != 0 && ring->registered_by != thread_id())
        return -EEXIST;
    return 0;
}

int kevy_x_owner_answer(const struct kevy_ring *ring, long result)
{
    bool left = ring->sqe_tail != __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
    int error = 0;

    if (result < 0 || left)
        error = kevy_ring_owner_check(ring);
    return error < 0 ? error : (int)result;
}

#endif /* KEVY_RING_SUPPORTED */
