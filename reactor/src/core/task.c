/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Tasks from any thread; the model is in task.h. */
#include "core/task.h"

#if KEVY_RING_SUPPORTED

#include "core/completion.h"
#include "core/descriptor.h"
#include "core/wake.h"

#define TASKS_PER_TURN 4096U

void kevy_reactor_post(struct kevy_reactor *reactor, struct kevy_task *task)
{
    struct kevy_task *newest = __atomic_load_n(&reactor->posted, __ATOMIC_RELAXED);

    assert(task->run != NULL && "a task needs a callback");
    /* Release: the task's content is written before the loop can see it. Partner: the take below.
     */
    do
        task->next = newest;
    while (!__atomic_compare_exchange_n(&reactor->posted, &newest, task, true, __ATOMIC_RELEASE,
                                        __ATOMIC_RELAXED));
    wake_loop(reactor);
}

void kevy_reactor_defer(struct kevy_reactor *reactor, struct kevy_task *task)
{
    thread_check(reactor);
    assert(task->run != NULL && "a task needs a callback");
    task->next = NULL;
    if (reactor->deferred_last != NULL)
        reactor->deferred_last->next = task;
    else
        reactor->deferred_first = task;
    reactor->deferred_last = task;
}

void kevy_reactor_stop(struct kevy_reactor *reactor)
{
    __atomic_store_n(&reactor->stopping, 1, __ATOMIC_RELEASE);
    wake_loop(reactor);
}

/* Everything posted so far, oldest first; *last is the newest. */
static struct kevy_task *posted_take(struct kevy_reactor *reactor, struct kevy_task **last)
{
    struct kevy_task *newest = NULL;
    struct kevy_task *oldest = NULL;

    if (likely(__atomic_load_n(&reactor->posted, __ATOMIC_RELAXED) == NULL))
        return NULL;
    newest = __atomic_exchange_n(&reactor->posted, NULL, __ATOMIC_ACQUIRE);
    *last = newest;
    while (newest != NULL) {
        struct kevy_task *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* Takes what there is to run, the deferred before the posted; *last is the last of it. */
static struct kevy_task *due_take(struct kevy_reactor *reactor, struct kevy_task **last)
{
    struct kevy_task *deferred = reactor->deferred_first, *deferred_last = reactor->deferred_last;
    struct kevy_task *posted = posted_take(reactor, last);

    reactor->deferred_first = NULL;
    reactor->deferred_last = NULL;
    assert((deferred == NULL) == (deferred_last == NULL));
    if (deferred == NULL)
        return posted;
    assert(deferred_last != NULL && deferred_last->next == NULL);
    deferred_last->next = posted;
    if (posted == NULL)
        *last = deferred_last;
    return deferred;
}

/* What the tasks of this turn post and defer belongs to the next: a task that posts itself starves
 * nobody. */
void tasks_run_due(struct kevy_reactor *reactor)
{
    struct kevy_task *last = NULL;
    struct kevy_task *task = due_take(reactor, &last);

    for (unsigned count = 0; count < TASKS_PER_TURN && task != NULL; count++) {
        struct kevy_task *next = task->next; /* the task may be gone when its callback returns */

        assert(task->run != NULL);
        reactor->stats.tasks_run++;
        task->run(task, reactor);
        task = next;
    }
    if (likely(task == NULL))
        return;
    assert(last->next == NULL);
    last->next = reactor->deferred_first;
    if (reactor->deferred_last == NULL)
        reactor->deferred_last = last;
    reactor->deferred_first = task;
}

struct task_list tasks_put_aside(struct kevy_reactor *reactor)
{
    struct task_list aside = {reactor->deferred_first, reactor->deferred_last};

    reactor->deferred_first = NULL;
    reactor->deferred_last = NULL;
    return aside;
}

void tasks_put_back(struct kevy_reactor *reactor, const struct task_list *aside)
{
    if (aside->first == NULL)
        return;
    assert(aside->last->next == NULL);
    aside->last->next = reactor->deferred_first;
    reactor->deferred_first = aside->first;
    if (reactor->deferred_last == NULL)
        reactor->deferred_last = aside->last;
}

/* The library's own tasks, oldest first; the others are forgotten. */
void tasks_run_own(struct kevy_reactor *reactor)
{
    struct kevy_task *last = NULL;
    struct kevy_task *task = due_take(reactor, &last);

    assert(reactor->destroying);
    while (task != NULL) {
        struct kevy_task *next = task->next;

        if (task->run == reactor->kinds->job_delivered)
            task->run(task, reactor);
        task = next;
    }
}

static void woken(struct kevy_reactor *reactor)
{
    uint64_t count;

    if (SYSTEM(reactor, read, reactor->wake.fd, &count, sizeof count) == (int64_t)sizeof count)
        reactor->stats.wakes++;
}

int tasks_open(struct kevy_reactor *reactor)
{
    int fd = SYSTEM(reactor, eventfd, 0);

    if (fd < 0)
        return fd;
    own_poll_start(&reactor->wake, reactor, fd, woken);
    return 0;
}

void tasks_close(struct kevy_reactor *reactor)
{
    if (reactor->wake.fd >= 0)
        descriptor_close_now(reactor, reactor->wake.fd);
    reactor->wake.fd = -1;
}

#endif /* KEVY_RING_SUPPORTED */
