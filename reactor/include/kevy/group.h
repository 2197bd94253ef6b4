/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/group.h - one reactor a core.
 *
 * Model. N threads, each with a reactor of its own that shares nothing with the others; `setup`
 * opens on each what it serves, typically a listener with `reuse_port`, so that the kernel spreads
 * the connections. All signals are blocked in the threads: the thread that starts the group keeps
 * them.
 *
 * Order. For each thread: `setup`, the loop, `teardown`, then the last callbacks of what is still
 * alive, which is aborted. All of this runs on several threads at the same time, but for the loops,
 * which wait for the last `setup`. Where one fails no loop runs; `teardown` comes for the others.
 *
 * Ownership. The group is OWNED by the caller until kevy_group_join(). What `context` points at is
 * PINNED until then, and so is an allocator of the reactors', which all threads share.
 *
 * Callbacks. `setup` and `teardown` may call everything but kevy_reactor_destroy() and
 * kevy_group_join(); the rest of the callbacks are those of the reactors.
 *
 * Threads. Start and join belong to one thread; drain to any, as long as the group is there. To
 * end on a signal, the starting thread waits for it, with sigwait(3) or a reactor of its own, then
 * drains and joins; or a member drains the group from a callback.
 *
 * Kernel: Linux 6.1.
 */
#ifndef KEVY_GROUP_H
#define KEVY_GROUP_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_group;

struct kevy_group_options {
    uint32_t count; /* reactors [one for each CPU this thread may use] */
    bool pin;       /* pins thread i to the i-th of those CPUs, wrapping around */
    const struct kevy_reactor_options *reactor; /* for each of them; BORROWED, or NULL */
    void *context;                              /* handed to the two callbacks */
    /* Called on each thread before its loop runs; `index` counts them from 0. A negative errno ends
     * the start. Required. */
    int (*setup)(struct kevy_reactor *reactor, uint32_t index, void *context);
    /* Called on each thread after its loop ended, before its reactor is destroyed. May be NULL. */
    void (*teardown)(struct kevy_reactor *reactor, uint32_t index, void *context);
};

/*
 * Starts the threads and waits until each has been set up. `options` is BORROWED. Returns 0 with
 * the group in *group, which is there before the first loop runs; or the first of -ENOMEM, what
 * pthread_create(3) fails with (-EAGAIN), what kevy_reactor_create() fails with, and what `setup`
 * returned; then everything started has been undone.
 */
KEVY_API int kevy_group_start(struct kevy_group **group, const struct kevy_group_options *options);

/* Calls kevy_reactor_finish() for every reactor, and does not wait. A later call may bring the end
 * nearer, never move it off. From any thread, but not from a signal handler. */
KEVY_API void kevy_group_finish(struct kevy_group *group, uint64_t timeout_ns);

/*
 * Waits until every loop has ended, destroys the reactors and the group. Returns how many objects
 * had to be aborted in all, or the first negative errno of a loop, as kevy_reactor_run() has them.
 * NULL is accepted and returns 0.
 */
KEVY_API int kevy_group_join(struct kevy_group *group);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_GROUP_H */
