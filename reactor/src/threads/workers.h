/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Jobs: what kevy_work and kevy_lookup have run by a thread of a pool.
 *
 *     idle --submit--> queued --a worker is free--> running --> delivering --> idle
 *                        |  \--cancel-------------------------------^
 *                        |                             |
 *                        \--abandon--> idle            \--abandon--> abandoned --dropped--> idle
 *
 * An abandoned job keeps its thread until it returns, which may take long. A pool with spare
 * threads starts one in its place, and whoever has run an abandoned job ends.
 */
#ifndef KEVY_REACTOR_WORKERS_H
#define KEVY_REACTOR_WORKERS_H

#include "core/names.h"

#include <kevy/work.h>

#include <stdint.h>

struct kevy_x_job_events {
    int (*run)(struct kevy_x_job *job);      /* on a worker */
    void (*deliver)(struct kevy_x_job *job); /* from the loop; job->result is set */
    void (*drop)(struct kevy_x_job *job); /* on a worker, in place of `deliver`, once abandoned */
};

/* As kevy_workers_create(), with up to `spares` more threads in the place of those that run
 * abandoned jobs. */
int workers_create(struct kevy_workers **workers, const struct kevy_workers_options *options,
                   uint32_t spares);

/* The system calls of the pool that runs the job. */
const struct kevy_system *job_system(const struct kevy_x_job *job);

/* 0, or -EAGAIN when the queue is full. */
int job_submit(struct kevy_x_job *job, const struct kevy_x_job_events *events,
               struct kevy_workers *workers, struct kevy_reactor *reactor);

/* 0: taken out of the queue, and will be delivered with -ECANCELED. -EALREADY: it has begun. */
int job_cancel(struct kevy_x_job *job);

enum job_fate {
    JOB_TAKEN_BACK, /* out of the queue, the caller's again */
    JOB_ABANDONED,  /* the worker drops it when it has run; the reactor is no longer concerned */
    JOB_DELIVERING, /* too late: it is on its way */
};

/* Nobody waits for the job any more. */
enum job_fate job_abandon(struct kevy_x_job *job);

#endif /* KEVY_REACTOR_WORKERS_H */
