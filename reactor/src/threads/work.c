/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Work: a job that is an object of the reactor.
 *
 * Model. The object is live from submit to `done`: that keeps the loop running, shows the work to
 * kevy_reactor_for_each_object(), and makes kevy_reactor_destroy() wait for it. The job does the
 * rest.
 *
 * Invariants. Work is out exactly while its object is live. A reactor that finishes lets it come to
 * its end; aborting takes back what no worker has begun.
 */
#include "threads/threads_internal.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>

#include "core/object.h"
#include "threads/workers.h"

enum work_state {
    WORK_IDLE = OBJECT_IDLE,
    WORK_OUT,
};

static struct kevy_work *work_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_work, object);
}

static int work_run(struct kevy_x_job *job)
{
    struct kevy_work *work = KEVY_CONTAINER_OF(job, struct kevy_work, job);

    return work->run(work);
}

static void work_deliver(struct kevy_x_job *job)
{
    struct kevy_work *work = KEVY_CONTAINER_OF(job, struct kevy_work, job);

    assert(work->object.state == WORK_OUT);
    object_end(&work->object);
    work->done(work, job->result);
}

static const struct kevy_x_job_events work_events = {.run = work_run, .deliver = work_deliver};

int kevy_work_submit(struct kevy_work *work, struct kevy_workers *workers,
                     struct kevy_reactor *reactor)
{
    int error;

    assert(work->run != NULL && work->done != NULL && "work needs a run and a done callback");
    assert(object_idle(&work->object) && "the work is out, or its memory was not zeroed");
    error = job_submit(&work->job, &work_events, workers, reactor);
    if (error < 0)
        return error;
    /* A worker may have run it by now: it touches the job alone, and its post waits for the loop.
     */
    object_start(&work->object, reactor, KIND_WORK, WORK_OUT, 0);
    return 0;
}

int kevy_work_cancel(struct kevy_work *work)
{
    if (work->object.state == WORK_IDLE)
        return -ENOENT;
    thread_check(work->object.reactor);
    return job_cancel(&work->job);
}

static void work_abort(struct kevy_x_object *object)
{
    (void)job_cancel(&work_of(object)->job);
}

/* Nothing to do: not even where the reactor finishes, which waits for work. */
static void work_flush(struct kevy_x_object *object)
{
    (void)object;
}

const struct object_kind_operations work_kind = {
    .name = "work",
    .flush = work_flush,
    .abort = work_abort,
    .next = {[WORK_IDLE] = STATE(WORK_OUT), [WORK_OUT] = STATE(WORK_IDLE)},
};

#endif /* KEVY_RING_SUPPORTED */
