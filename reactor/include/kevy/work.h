/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/work.h - blocking work, off the loop.
 *
 * Model. A few threads and a bounded queue. Work submitted by a loop is run by a worker, first come
 * first served, and reported by that loop:
 *
 *     submit -> queued -> `run` on a worker -> `done` from the loop
 *                  \___________cancel_____________/
 *
 * One pool may serve the reactors of a whole group. Name look-ups have workers of their own
 * (kevy_resolver), so that slow work of the user's never delays a connect. Work keeps
 * kevy_reactor_run() running until it is reported. What a worker has begun it ends: nothing
 * interrupts `run`, so kevy_reactor_destroy() too waits for it; a drain waits for all work, and at
 * its time limit cancels what has not begun.
 *
 * Order. Every work that was accepted is reported by one `done`.
 *
 * Ownership. The struct is PINNED from submit to `done`. `run` may touch what the loop leaves alone
 * meanwhile; what it wrote is visible in `done`.
 *
 * Callbacks. In `done` the work may be freed or submitted again. `run` is none: it comes on a
 * worker, may block, and of this library may call what any thread may.
 *
 * Threads. `run` on a worker, which has all signals blocked; everything else on each reactor's own,
 * but the pool, which any one thread creates and destroys.
 *
 * Kernel: nothing of its own.
 */
#ifndef KEVY_WORK_H
#define KEVY_WORK_H

#include <kevy/reactor.h>
#include <kevy/task.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_work;
struct kevy_workers;

/* Runs on a worker. What it returns becomes the result of `done`. */
typedef int (*kevy_work_run)(struct kevy_work *work);

/* `result` is what `run` returned, or -ECANCELED for work that never began. */
typedef void (*kevy_work_done)(struct kevy_work *work, int result);

/* Private: what a worker runs, whichever object it is a part of. */
struct kevy_x_job {
    struct kevy_task delivery;
    struct kevy_x_job *next; /* in the queue */
    const struct kevy_x_job_events *events;
    struct kevy_workers *workers;
    struct kevy_reactor *reactor;
    int result;
    uint32_t state; /* guarded by the lock of the workers */
};

/* Work. `run` and `done` are set by the user, both required; the rest is private, and zero at
 * first. */
struct kevy_work {
    struct kevy_x_object object;
    kevy_work_run run;
    kevy_work_done done;
    struct kevy_x_job job;
};

/* Zero is the good default for each; the value in force is in brackets. */
struct kevy_workers_options {
    uint32_t threads; /* pieces of work that run at once [4] */
    uint32_t queue;   /* pieces of work that may wait for a thread [1024] */
};

/*
 * Starts the threads and stores the pool in *workers, OWNED by the caller until
 * kevy_workers_destroy(). `options` is BORROWED and may be NULL. Returns 0; -ENOMEM; or what
 * pthread_create(3) fails with, as -EAGAIN where there are too many threads.
 */
KEVY_API int kevy_workers_create(struct kevy_workers **workers,
                                 const struct kevy_workers_options *options);

/*
 * Cancels what is queued, waits for what runs, ends the threads. The reports are not part of it:
 * they still come from the loops, which may outlive the pool. NULL is accepted. Nobody may use the
 * pool any more; never from `run`, and from a loop only where that may stand still.
 */
KEVY_API void kevy_workers_destroy(struct kevy_workers *workers);

/*
 * Hands `work`, which is not out already (asserted), to the workers; `done` will come from
 * `reactor`, whose thread this is. Returns 0, or -EAGAIN when the queue is full. Neither `run` nor
 * `done` comes then.
 */
KEVY_API int kevy_work_submit(struct kevy_work *work, struct kevy_workers *workers,
                              struct kevy_reactor *reactor);

/*
 * Takes work that no worker has begun out of the queue. Returns 0, and `done` will come with
 * -ECANCELED; -EALREADY when it is too late, and `done` will come all the same; -ENOENT when the
 * work is not out.
 */
KEVY_API int kevy_work_cancel(struct kevy_work *work);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_WORK_H */
