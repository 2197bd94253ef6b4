/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/group.h - one reactor a core.
 *
 * Model. N threads, each with a reactor of its own that shares nothing with the others; `setup`
 * opens on each what it serves, typically a listener with `reuse_port`, so that the kernel spreads
 * the connections. All signals are blocked in the threads: the thread that starts the group keeps
 * them.
 *
 * Ownership. The group is OWNED by the caller until kevy_group_join().
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
    const struct kevy_reactor_options *reactor; /* BORROWED, or NULL */
    void *context;                              /* handed to the two callbacks */
    /* Called on each thread before its loop runs. A negative errno ends the start. Required. */
    int (*setup)(struct kevy_reactor *reactor, uint32_t index, void *context);
    /* Called on each thread after its loop ended, before its reactor is destroyed. */
    void (*teardown)(struct kevy_reactor *reactor, uint32_t index, void *context);
};

/*
 * Starts the threads and waits until each has been set up. Returns 0 and stores the group in
 * *group, or the first error of creating a thread, a reactor or of `setup`; then everything started
 * has been undone.
 */
KEVY_API int kevy_group_start(struct kevy_group **group, const struct kevy_group_options *options);

/* Drains every reactor, as kevy_reactor_drain(). From any thread; idempotent. */
KEVY_API void kevy_group_drain(struct kevy_group *group, uint64_t timeout_ns);

/*
 * Waits until every loop has ended, destroys the reactors and the group. Returns how many objects
 * had to be aborted in all, or the first negative errno of a loop. NULL is accepted and returns 0.
 */
KEVY_API int kevy_group_join(struct kevy_group *group);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_GROUP_H */
