/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/task.h - work handed to a reactor, from any thread.
 *
 * Model. Posted tasks go through a lock-free list with many producers and one consumer. The loop is
 * woken by one system call, and only when it sleeps: a burst of posts costs one wake.
 *
 * Order. Each task is run exactly once, from step 5 of a turn: first those deferred, then those
 * posted, in the order of posting as far as one thread posts them. A turn runs 4096 at most. What a
 * task posts or defers runs in the next turn, what other callbacks do in this one.
 *
 * Ownership. The struct is PINNED until its callback is called, or forgotten by
 * kevy_reactor_destroy(). Until then it must not be posted or deferred again.
 *
 * Callbacks. `run` may free its task, or post it again.
 *
 * Threads: any for kevy_reactor_post(), the reactor's for kevy_reactor_defer() and `run`. What the
 * poster wrote before is visible in `run`.
 *
 * Kernel: nothing of its own.
 */
#ifndef KEVY_TASK_H
#define KEVY_TASK_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_task;

typedef void (*kevy_task_run)(struct kevy_task *task, struct kevy_reactor *reactor);

struct kevy_task {
    kevy_task_run run;      /* set by the user */
    struct kevy_task *next; /* private */
};

/*
 * Hands `task` to the reactor, which must not be destroyed meanwhile. From any thread, the
 * reactor's own included; not from a signal handler. Never fails, never blocks.
 */
KEVY_API void kevy_reactor_post(struct kevy_reactor *reactor, struct kevy_task *task);

/* As kevy_reactor_post() from the reactor's own thread, without an atomic operation. */
KEVY_API void kevy_reactor_defer(struct kevy_reactor *reactor, struct kevy_task *task);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TASK_H */
