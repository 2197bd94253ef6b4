/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "thread.h"

#include <assert.h>
#include <errno.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "world.h"

struct thread {
    struct thread *next; /* in the order of their starts */
    pthread_t id;
    void *(*main)(void *argument);
    void *argument;
    sem_t turn;                          /* posted when it gets it */
    bool (*awake)(const void *argument); /* NULL: it can go on */
    const void *awake_argument;
    uint64_t deadline_ns;
    const pthread_cond_t *waits_for; /* NULL: no condition */
    uint32_t number;
    bool ended;
};

static struct {
    struct thread first;
    struct thread *current;
    uint32_t started;
    uint32_t left;
} threads;

void threads_reset(void)
{
    memset(&threads, 0, sizeof threads);
    (void)sem_init(&threads.first.turn, 0, 0);
    threads.first.id = pthread_self();
    threads.current = &threads.first;
}

uint32_t threads_left(void)
{
    return threads.left;
}

static bool can_go(const struct thread *thread)
{
    return !thread->ended && (thread->awake == NULL || thread->awake(thread->awake_argument) ||
                              clock_now() >= thread->deadline_ns);
}

/* One of those that can go on, or NULL. */
static struct thread *choose(void)
{
    struct thread *thread = &threads.first;
    uint64_t count = 0, skip;

    for (struct thread *at = thread; at != NULL; at = at->next)
        count += can_go(at);
    if (count == 0)
        return NULL;
    skip = count > 1 ? chance_below(count) : 0;
    for (;; thread = thread->next)
        if (can_go(thread) && skip-- == 0)
            return thread;
}

static void turn_give(struct thread *next)
{
    TRACE("thread %u", next->number);
    world_note(next->number);
    threads.current = next;
    (void)sem_post(&next->turn);
}

static void turn_await(struct thread *self)
{
    while (sem_wait(&self->turn) < 0)
        assert(errno == EINTR);
    assert(threads.current == self);
}

/* Nobody can go on: the next event happens, or the first deadline comes. False when there is
 * neither. */
static bool world_goes_on(void)
{
    uint64_t limit_ns = CLOCK_NEVER;

    for (const struct thread *at = &threads.first; at != NULL; at = at->next)
        if (!at->ended && at->deadline_ns < limit_ns)
            limit_ns = at->deadline_ns;
    return clock_next(limit_ns) || limit_ns != CLOCK_NEVER;
}

bool thread_sleep(bool (*awake)(const void *argument), const void *argument, uint64_t deadline_ns)
{
    struct thread *self = threads.current, *next;

    if (threads.left == 0)
        return clock_next(deadline_ns);
    self->awake = awake;
    self->awake_argument = argument;
    self->deadline_ns = deadline_ns;
    next = choose();
    if (next == NULL) {
        if (!world_goes_on())
            return false;
    } else if (next != self) {
        turn_give(next);
        turn_await(self);
    }
    self->awake = NULL;
    return awake(argument) || clock_now() < deadline_ns;
}

static bool always(const void *argument)
{
    (void)argument;
    return true;
}

void thread_yield(void)
{
    if (threads.left != 0)
        (void)thread_sleep(always, NULL, CLOCK_NEVER);
}

static void *thread_main(void *argument)
{
    struct thread *self = argument, *next;

    turn_await(self);
    (void)self->main(self->argument);
    self->ended = true;
    while ((next = choose()) == NULL)
        EXPECT(world_goes_on(), "every thread waits for ever");
    turn_give(next);
    return NULL;
}

int sim_thread_start(void *context, pthread_t *thread, void *(*main)(void *argument),
                     void *argument)
{
    struct thread **link = &threads.first.next;
    struct thread *started;
    int error;

    (void)context;
    if (chance(KEVY_SIM_THREAD_FAILS))
        return -EAGAIN;
    started = calloc(1, sizeof *started);
    assert(started != NULL);
    started->main = main;
    started->argument = argument;
    started->deadline_ns = CLOCK_NEVER;
    started->number = ++threads.started;
    (void)sem_init(&started->turn, 0, 0);
    error = pthread_create(&started->id, NULL, thread_main, started);
    EXPECT(error == 0, "the host has no thread more: %s", strerror(error));
    while (*link != NULL)
        link = &(*link)->next;
    *link = started;
    threads.left++;
    *thread = started->id;
    return 0;
}

static bool has_ended(const void *argument)
{
    const struct thread *thread = argument;

    return thread->ended;
}

void sim_thread_join(void *context, pthread_t thread)
{
    struct thread **link = &threads.first.next;
    struct thread *joined;

    (void)context;
    while (*link != NULL && !pthread_equal((*link)->id, thread))
        link = &(*link)->next;
    EXPECT(*link != NULL, "a thread is joined that is none of the world's");
    joined = *link;
    while (!joined->ended)
        EXPECT(thread_sleep(has_ended, joined, CLOCK_NEVER), "a thread never ends");
    (void)pthread_join(thread, NULL);
    for (link = &threads.first.next; *link != joined;)
        link = &(*link)->next;
    *link = joined->next;
    threads.left--;
    (void)sem_destroy(&joined->turn);
    free(joined);
}

static bool is_woken(const void *argument)
{
    const struct thread *thread = argument;

    return thread->waits_for == NULL;
}

void sim_thread_wait(void *context, pthread_cond_t *changed, pthread_mutex_t *lock)
{
    struct thread *self = threads.current;

    (void)context;
    self->waits_for = changed;
    pthread_mutex_unlock(lock);
    while (!is_woken(self))
        EXPECT(thread_sleep(is_woken, self, CLOCK_NEVER), "nobody wakes a thread that waits");
    pthread_mutex_lock(lock);
}

void sim_thread_wake(void *context, pthread_cond_t *changed, bool all)
{
    (void)context;
    for (struct thread *at = &threads.first; at != NULL; at = at->next) {
        if (at->waits_for != changed)
            continue;
        at->waits_for = NULL;
        if (!all)
            break;
    }
}
