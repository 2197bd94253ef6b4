/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/work.h - blocking work on other threads.
 *
 * Model
 *
 *     kevy_workers is a pool: a few threads and a bounded queue. Work that a loop submits runs on
 *     one of the threads, and the same loop reports it:
 *
 *         kevy_work_submit() --> queued --> `run` on a worker --> `done` from the loop
 *                                queued --> kevy_work_cancel() --> `done` from the loop
 *
 *     Queued work begins in the order in which it was submitted. The reactors of a group may share
 *     one pool. Look-ups of names have threads of their own (<kevy/resolver.h>), so slow work does
 *     not delay a connect.
 *
 *     Work keeps kevy_reactor_run() running until it is reported. Work that has begun cannot be
 *     interrupted: kevy_reactor_destroy() waits for it. kevy_reactor_finish() waits for all work,
 *     and at its time limit it cancels the work that has not begun.
 *
 * Order
 *
 *     Each submitted work is reported by `done`, once.
 *
 * Ownership
 *
 *     The struct is PINNED from kevy_work_submit() to `done`. Meanwhile the loop must leave alone
 *     the memory that `run` uses. `done` sees all that `run` wrote.
 *
 * Callbacks
 *
 *     In `done` the work may be freed or submitted again. `run` is not a callback of the loop: it
 *     runs on a worker and may block. It may call only kevy_reactor_post() and
 *     kevy_reactor_stop().
 *
 * Threads
 *
 *     `run` runs on a worker, with all signals blocked. One thread, any one, creates and destroys
 *     the pool. All other functions belong to the thread of their reactor.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: a slow calculation
 *
 *     #include <kevy/work.h>
 *     #include <stdio.h>
 *
 *     struct sum {
 *         struct kevy_work work;
 *         uint64_t last;
 *         uint64_t result;
 *     };
 *
 *     static int sum_run(struct kevy_work *work)
 *     {
 *         struct sum *sum = KEVY_CONTAINER_OF(work, struct sum, work);
 *
 *         for (uint64_t i = 1; i <= sum->last; i++)
 *             sum->result += i;
 *         return 0;
 *     }
 *
 *     static void sum_done(struct kevy_work *work, int result)
 *     {
 *         struct sum *sum = KEVY_CONTAINER_OF(work, struct sum, work);
 *
 *         if (result == 0)
 *             printf("%llu\n", (unsigned long long)sum->result);
 *     }
 *
 *     int main(void)
 *     {
 *         struct sum sum = {.work = {.run = sum_run, .done = sum_done}, .last = 1000000};
 *         struct kevy_workers *workers = NULL;
 *         struct kevy_reactor *reactor = NULL;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0)
 *             error = kevy_workers_create(&workers, NULL);
 *         if (error == 0)
 *             error = kevy_work_submit(&sum.work, workers, reactor);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_workers_destroy(workers);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_WORK_H
#define KEVY_WORK_H

#include <kevy/reactor.h>
#include <kevy/task.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_work;
struct kevy_workers;

/* Runs on a worker. Its return value becomes the result of `done`. */
typedef int (*kevy_work_run)(struct kevy_work *work);

/* `result` is the return value of `run`, or -ECANCELED if `run` was never called. */
typedef void (*kevy_work_done)(struct kevy_work *work, int result);

/* Private: a job of a worker; part of a work or of a look-up. */
struct kevy_x_job {
    struct kevy_task delivery;
    struct kevy_x_job *next; /* in the queue */
    const struct kevy_x_job_events *events;
    struct kevy_workers *workers;
    struct kevy_reactor *reactor;
    int result;
    uint32_t state; /* guarded by the lock of the workers */
};

/* Work. Set `run` and `done`, which are required, before you submit it. The other fields are
 * private. */
struct kevy_work {
    struct kevy_x_object object;
    kevy_work_run run;
    kevy_work_done done;
    struct kevy_x_job job;
};

/* Options of kevy_workers_create(). A member that is zero means the default, which stands in
 * brackets. */
struct kevy_workers_options {
    uint32_t threads; /* work that runs at the same time [4] */
    uint32_t queue;   /* work that may wait for a thread [1024] */
    /* Whose threads they are [the host's]. PINNED until the pool has ended and all of its work has
     * been reported. */
    const struct kevy_system *system;
};

/*
 * Starts the threads and stores the pool in *workers, OWNED by the caller until
 * kevy_workers_destroy(). `options` is BORROWED and may be NULL. Returns 0 or
 *
 *     -ENOMEM  no memory
 *     -EAGAIN  too many threads, or another error of pthread_create(3)
 */
KEVY_API int kevy_workers_create(struct kevy_workers **workers,
                                 const struct kevy_workers_options *options);

/*
 * Ends the pool: cancels the queued work, waits for the work that runs, and ends the threads. No
 * thread may use the pool any more. The reports still come later from the loops, which may live
 * longer than the pool. NULL is accepted.
 *
 * It blocks: do not call it from a loop that must go on. Never call it from `run`.
 */
KEVY_API void kevy_workers_destroy(struct kevy_workers *workers);

/*
 * Submits `work`, which is idle (asserted), to the pool. `done` comes from `reactor`, and the
 * caller is the thread of this reactor. Returns 0 or
 *
 *     -EAGAIN  the queue is full; neither `run` nor `done` comes
 */
KEVY_API int kevy_work_submit(struct kevy_work *work, struct kevy_workers *workers,
                              struct kevy_reactor *reactor);

/*
 * Cancels work that has not begun. Returns 0, and `done` comes with -ECANCELED; or
 *
 *     -EALREADY  it has begun or is finished; `done` comes with its result
 *     -ENOENT    it is not submitted
 */
KEVY_API int kevy_work_cancel(struct kevy_work *work);

/* The reactor it was last submitted on, or NULL if it was never submitted. */
static inline struct kevy_reactor *kevy_work_reactor(const struct kevy_work *work)
{
    return work->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_WORK_H */
