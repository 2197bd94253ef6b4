/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_RING_SRC_OWNER_H
#define KEVY_RING_SRC_OWNER_H

#include <kevy/ring.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The calling thread as the kernel names it: whose table of registered rings this is. */
static inline int32_t thread_id(void)
{
    return (int32_t)syscall(SYS_gettid);
}

/*
 * True in a forked child. What the ring and its parts have mapped is not there, unless
 * ring->shared_on_fork; and what they have registered is the parent's.
 */
static inline bool in_forked_child(const struct kevy_ring *ring)
{
    return ring->owner_process != (int32_t)getpid();
}

/*
 * What an enter answers that submitted nothing: `result`; but if it failed, or left queued what it
 * should have taken, and the ring is not the calling thread's, then that.
 */
int kevy_x_owner_answer(const struct kevy_ring *ring, long result);

#endif
