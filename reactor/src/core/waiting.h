/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Lists of those who wait for something.
 *
 * Model. A waiter is in one list at most, and `link` says whether: it is what points at the waiter,
 * so that leaving costs the same anywhere in the list. A queue keeps its end as well, and serves
 * whoever came first.
 *
 * Invariants. `link` is NULL exactly when the waiter is in no list. `*link` is the waiter. The end
 * of a queue is the `next` of its last waiter, or its own `first`.
 */
#ifndef KEVY_REACTOR_WAITING_H
#define KEVY_REACTOR_WAITING_H

#include <kevy/reactor.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A queue of waiters. */
struct waiters {
    struct kevy_x_waiter *first;
    struct kevy_x_waiter **end; /* what points at the next to come */
    uint32_t count;
};

static inline bool waiting(const struct kevy_x_waiter *waiter)
{
    assert(waiter->link == NULL || *waiter->link == waiter);
    return waiter->link != NULL;
}

/* Puts a waiter where `link` points. */
static inline void waiter_link(struct kevy_x_waiter *waiter, struct kevy_x_waiter **link)
{
    assert(!waiting(waiter));
    waiter->link = link;
    waiter->next = *link;
    if (waiter->next != NULL)
        waiter->next->link = &waiter->next;
    *link = waiter;
}

static inline void waiter_unlink(struct kevy_x_waiter *waiter)
{
    assert(waiting(waiter));
    *waiter->link = waiter->next;
    if (waiter->next != NULL)
        waiter->next->link = waiter->link;
    waiter->next = NULL;
    waiter->link = NULL;
}

static inline void waiters_init(struct waiters *queue)
{
    queue->first = NULL;
    queue->end = &queue->first;
    queue->count = 0;
}

/* Behind all who wait already. */
static inline void waiters_append(struct waiters *queue, struct kevy_x_waiter *waiter)
{
    assert(*queue->end == NULL);
    waiter_link(waiter, queue->end);
    queue->end = &waiter->next;
    queue->count++;
}

/* Before all who wait already. */
static inline void waiters_prepend(struct waiters *queue, struct kevy_x_waiter *waiter)
{
    waiter_link(waiter, &queue->first);
    if (queue->end == &queue->first)
        queue->end = &waiter->next;
    queue->count++;
}

static inline void waiters_remove(struct waiters *queue, struct kevy_x_waiter *waiter)
{
    assert(queue->count > 0);
    if (queue->end == &waiter->next)
        queue->end = waiter->link;
    waiter_unlink(waiter);
    queue->count--;
    assert((queue->count == 0) == (queue->first == NULL));
}

#endif /* KEVY_REACTOR_WAITING_H */
