/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tasks from any thread.
 *
 * Model. Posted tasks are pushed on a list with compare-and-swap, newest first; the loop takes the
 * whole list at once and turns it round, so each poster's order is kept and no task can be lost or
 * doubled. Taking all at once also rules out the ABA problem: nothing is ever popped alone.
 *
 * A turn runs what was deferred, then what was posted, TASKS_PER_TURN of them at most. What is left
 * becomes the first of the deferred: older tasks of a poster always run before its newer ones.
 */
#ifndef KEVY_REACTOR_TASK_H
#define KEVY_REACTOR_TASK_H

#include "core/names.h"

#include "core/reactor.h"

int tasks_open(struct kevy_reactor *reactor);
void tasks_close(struct kevy_reactor *reactor);
void tasks_run_due(struct kevy_reactor *reactor);

/* Deferred tasks, oldest first. */
struct task_list {
    struct kevy_task *first;
    struct kevy_task *last;
};

/* Takes out what is deferred, so that it does not run, and puts it back before what is by then. */
struct task_list tasks_put_aside(struct kevy_reactor *reactor);
void tasks_put_back(struct kevy_reactor *reactor, const struct task_list *aside);

/* Runs what the library itself has posted, and forgets the rest: the reactor is being destroyed. */
void tasks_run_own(struct kevy_reactor *reactor);

/* True when tasks, or a wish to stop, wait for this turn. */
static inline bool tasks_waiting(const struct kevy_reactor *reactor)
{
    return reactor->deferred_first != NULL ||
           __atomic_load_n(&reactor->posted, __ATOMIC_RELAXED) != NULL ||
           __atomic_load_n(&reactor->stopping, __ATOMIC_RELAXED) != 0;
}

#endif /* KEVY_REACTOR_TASK_H */
