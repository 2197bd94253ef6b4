/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A pool of threads: one queue, one lock, results posted back.
 *
 * Model. Jobs wait in a list; a worker takes the oldest, runs it without the lock, and posts it to
 * the reactor that it came from. The pool counts the jobs that have not been delivered and lives as
 * long as there is one, whatever becomes of its threads.
 *
 * Invariants. A job's state changes under the lock alone. The post happens under it as well, and a
 * delivery takes it before anything else: so the worker has left kevy_reactor_post() by the time
 * the loop sees the job, and a reactor that has delivered all its jobs may be destroyed. There are
 * `replaced` threads more than were asked for: one for each abandoned job, `spares` at most.
 */
#include "threads/workers.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "core/reactor.h"
#include "threads/threads_internal.h"

#define THREADS_DEFAULT 4U
#define QUEUE_DEFAULT   1024U

enum job_state {
    JOB_STATE_IDLE,
    JOB_STATE_QUEUED,
    JOB_STATE_RUNNING,
    JOB_STATE_ABANDONED, /* running, for nobody */
    JOB_STATE_DELIVERING,
};

struct worker {
    struct kevy_workers *workers;
    pthread_t thread;
    bool started;
    bool leaving; /* it does nothing more but return */
};

struct kevy_workers {
    const struct kevy_system *system;
    pthread_mutex_t lock;
    pthread_cond_t filled; /* a job more in the queue, or ending */
    struct kevy_x_job *first;
    struct kevy_x_job *last;
    uint32_t queued;
    uint32_t queue_limit;
    uint32_t out;       /* jobs submitted and not yet delivered, taken back or dropped */
    bool ending;        /* no job will come any more */
    bool ended;         /* the threads are gone: the last job frees the pool */
    uint32_t abandoned; /* jobs that run for nobody */
    uint32_t spares;    /* threads that may be more for them */
    uint32_t replaced;  /* threads that are */
    uint32_t capacity;
    struct worker threads[];
};

/* The oldest job, or NULL when there will be none. With the lock held. */
static struct kevy_x_job *job_take(struct kevy_workers *workers)
{
    struct kevy_x_job *job;

    while (workers->first == NULL && !workers->ending)
        THREADS(workers, wait, &workers->filled, &workers->lock);
    job = workers->first;
    if (job == NULL)
        return NULL;
    assert(job->state == JOB_STATE_QUEUED && workers->queued > 0);
    workers->first = job->next;
    workers->queued--;
    assert((workers->first == NULL) == (workers->queued == 0));
    job->state = JOB_STATE_RUNNING;
    return job;
}

static void job_remove(struct kevy_workers *workers, struct kevy_x_job *job)
{
    struct kevy_x_job *before = NULL;

    for (struct kevy_x_job *other = workers->first; other != job; other = other->next) {
        assert(other != NULL);
        before = other;
    }
    if (before != NULL)
        before->next = job->next;
    else
        workers->first = job->next;
    if (workers->last == job)
        workers->last = before;
    workers->queued--;
}

/* Sends the job home. With the lock held: see the invariants. */
static void job_post(struct kevy_x_job *job, int result)
{
    assert(job->state == JOB_STATE_QUEUED || job->state == JOB_STATE_RUNNING);
    job->result = result;
    job->state = JOB_STATE_DELIVERING;
    kevy_reactor_post(job->reactor, &job->delivery);
}

/* One job less out there; frees the pool when nothing else is left of it. Gives the lock back. */
static void workers_release(struct kevy_workers *workers)
{
    bool last;

    assert(workers->out > 0 && workers->queued <= workers->out);
    workers->out--;
    last = workers->ended && workers->out == 0;
    pthread_mutex_unlock(&workers->lock);
    if (!last)
        return;
    pthread_cond_destroy(&workers->filled);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

void job_delivered(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct kevy_x_job *job = KEVY_CONTAINER_OF(task, struct kevy_x_job, delivery);

    (void)reactor;
    pthread_mutex_lock(&job->workers->lock);
    assert(job->reactor == reactor && job->state == JOB_STATE_DELIVERING);
    job->state = JOB_STATE_IDLE;
    workers_release(job->workers);
    job->events->deliver(job);
}

/* With the lock held, but not while the job runs. False when this thread has been replaced. */
static bool job_run(struct kevy_workers *workers, struct kevy_x_job *job)
{
    int result;

    pthread_mutex_unlock(&workers->lock);
    result = job->events->run(job);
    pthread_mutex_lock(&workers->lock);
    if (job->state != JOB_STATE_ABANDONED) {
        job_post(job, result);
        return true;
    }
    assert(workers->out > 0 && workers->abandoned > 0);
    workers->out--;
    workers->abandoned--;
    job->events->drop(job);
    if (workers->replaced <= workers->abandoned)
        return true;
    workers->replaced--;
    return false;
}

static void *worker_main(void *argument)
{
    struct worker *worker = argument;
    struct kevy_workers *workers = worker->workers;
    struct kevy_x_job *job;

    pthread_mutex_lock(&workers->lock);
    while ((job = job_take(workers)) != NULL && job_run(workers, job))
        ;
    worker->leaving = true;
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

/* Waits for a thread, but not for one that has never been. Returns its place. */
static struct worker *worker_join(struct worker *worker)
{
    if (worker->started)
        THREADS(worker->workers, join, worker->thread);
    worker->started = false;
    return worker;
}

/* A place without a thread. One that is leaving needs no lock any more, and is waited for. */
static struct worker *worker_place(struct kevy_workers *workers)
{
    for (uint32_t index = 0; index < workers->capacity; index++)
        if (!workers->threads[index].started || workers->threads[index].leaving)
            return worker_join(&workers->threads[index]);
    return NULL;
}

/* One thread more. With the lock held. */
static int worker_start(struct kevy_workers *workers)
{
    struct worker *worker = worker_place(workers);
    int error;

    assert(worker != NULL);
    worker->workers = workers;
    worker->leaving = false;
    error = THREADS(workers, start, &worker->thread, worker_main, worker);
    worker->started = error == 0;
    return error;
}

const struct kevy_system *job_system(const struct kevy_x_job *job)
{
    return job->workers->system;
}

int job_submit(struct kevy_x_job *job, const struct kevy_x_job_events *events,
               struct kevy_workers *workers, struct kevy_reactor *reactor)
{
    int result = -EAGAIN;

    pthread_mutex_lock(&workers->lock);
    assert(!workers->ending && "the workers are being destroyed");
    assert(events->run != NULL && events->deliver != NULL);
    if (workers->queued < workers->queue_limit) {
        *job = (struct kevy_x_job){.delivery = {.run = job_delivered},
                                   .events = events,
                                   .workers = workers,
                                   .reactor = reactor,
                                   .state = JOB_STATE_QUEUED};
        if (workers->first != NULL)
            workers->last->next = job;
        else
            workers->first = job;
        workers->last = job;
        workers->queued++;
        workers->out++;
        THREADS(workers, wake, &workers->filled, false);
        result = 0;
    }
    pthread_mutex_unlock(&workers->lock);
    return result;
}

int job_cancel(struct kevy_x_job *job)
{
    struct kevy_workers *workers = job->workers;
    int result = -EALREADY;

    pthread_mutex_lock(&workers->lock);
    if (job->state == JOB_STATE_QUEUED) {
        job_remove(workers, job);
        job_post(job, -ECANCELED);
        result = 0;
    }
    pthread_mutex_unlock(&workers->lock);
    return result;
}

enum job_fate job_abandon(struct kevy_x_job *job)
{
    struct kevy_workers *workers = job->workers;
    enum job_fate fate = JOB_DELIVERING;

    pthread_mutex_lock(&workers->lock);
    if (job->state == JOB_STATE_RUNNING) {
        job->state = JOB_STATE_ABANDONED;
        fate = JOB_ABANDONED;
        workers->abandoned++;
        /* Where no thread can be had, the others go on alone. */
        if (workers->replaced < workers->spares && !workers->ending && worker_start(workers) == 0)
            workers->replaced++;
    } else if (job->state == JOB_STATE_QUEUED) {
        job_remove(workers, job);
        job->state = JOB_STATE_IDLE;
        workers->out--;
        fate = JOB_TAKEN_BACK;
    }
    pthread_mutex_unlock(&workers->lock);
    return fate;
}

static int threads_start(struct kevy_workers *workers, uint32_t count)
{
    int error = 0;

    pthread_mutex_lock(&workers->lock);
    while (count-- > 0 && error == 0)
        error = worker_start(workers);
    pthread_mutex_unlock(&workers->lock);
    return error;
}

int workers_create(struct kevy_workers **workers_out, const struct kevy_workers_options *options,
                   uint32_t spares)
{
    static const struct kevy_workers_options none = {0};
    struct kevy_workers *workers;
    uint32_t count, capacity;
    size_t size;
    int error;

    if (options == NULL)
        options = &none;
    count = options->threads != 0 ? options->threads : THREADS_DEFAULT;
    if (__builtin_add_overflow(count, spares, &capacity) ||
        __builtin_mul_overflow(capacity, sizeof workers->threads[0], &size) ||
        __builtin_add_overflow(size, sizeof *workers, &size))
        return -ENOMEM;
    workers = calloc(1, size);
    if (workers == NULL)
        return -ENOMEM;
    workers->system = options->system != NULL ? options->system : kevy_system_host();
    workers->capacity = capacity;
    workers->spares = spares;
    workers->queue_limit = options->queue != 0 ? options->queue : QUEUE_DEFAULT;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->filled, NULL);
    error = threads_start(workers, count);
    if (error < 0) {
        kevy_workers_destroy(workers);
        return error;
    }
    *workers_out = workers;
    return 0;
}

int kevy_workers_create(struct kevy_workers **workers, const struct kevy_workers_options *options)
{
    return workers_create(workers, options, 0);
}

void kevy_workers_destroy(struct kevy_workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    assert(!workers->ending && "the workers are destroyed once");
    workers->ending = true;
    while (workers->first != NULL) {
        struct kevy_x_job *job = workers->first;

        workers->first = job->next;
        workers->queued--;
        job_post(job, -ECANCELED);
    }
    THREADS(workers, wake, &workers->filled, true);
    pthread_mutex_unlock(&workers->lock);
    for (uint32_t index = 0; index < workers->capacity; index++) {
        assert(!(workers->threads[index].started &&
                 pthread_equal(workers->threads[index].thread, pthread_self())) &&
               "a worker must not destroy its own pool");
        (void)worker_join(&workers->threads[index]);
    }
    pthread_mutex_lock(&workers->lock);
    assert(workers->first == NULL && workers->queued == 0);
    workers->ended = true;
    workers->out++; /* our own hold on the pool, which the release takes back */
    workers_release(workers);
}

#endif /* KEVY_RING_SUPPORTED */
