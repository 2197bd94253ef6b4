/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/task.h - work handed to a reactor, from any thread.
 *
 * Model. Posted tasks go through a lock-free list with many producers and one consumer. Each is run
 * exactly once, in the order of posting as far as one thread posts them. The loop is woken by one
 * system call, and only when it sleeps: a burst of posts costs one wake.
 *
 * Ownership. The struct is PINNED from post to the moment its callback is called; it may be posted
 * again, or freed, from there on.
 */
#ifndef KEVY_TASK_H
#define KEVY_TASK_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_task;

/* Comes from the loop of the reactor that the task was posted to. */
typedef void (*kevy_task_run)(struct kevy_task *task, struct kevy_reactor *reactor);

struct kevy_task {
    kevy_task_run run;      /* set by the user */
    struct kevy_task *next; /* private */
};

/*
 * Hands `task` to the reactor, which must not be destroyed meanwhile. From any thread, the
 * reactor's own included; not from a signal handler. Never fails, never blocks. A task is posted
 * once at a time.
 */
KEVY_API void kevy_reactor_post(struct kevy_reactor *reactor, struct kevy_task *task);

/* As kevy_reactor_post() from the reactor's own thread, without an atomic operation: runs next
 * turn, or behind the older ones where there are more than the 4096 that a turn runs. */
KEVY_API void kevy_reactor_defer(struct kevy_reactor *reactor, struct kevy_task *task);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TASK_H */
