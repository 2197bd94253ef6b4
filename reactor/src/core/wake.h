/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The wake of a loop that sleeps.
 *
 * Model. The loop sets `sleeping`, then looks at what was posted; a poster posts, then looks at
 * `sleeping`. Full fences between the two on both sides: at least one of them sees the other. The
 * first who sees it clears it and writes the eventfd: one system call a sleep.
 *
 * Embedding. Between kevy_reactor_next_timeout() and the next turn a foreign loop sleeps, and
 * counts on what it was told. `caller` is nobody then: the first call that may leave something to
 * do is noticed where every call checks its thread, at no cost for the others, and wakes the loop
 * as a post does.
 */
#ifndef KEVY_REACTOR_WAKE_H
#define KEVY_REACTOR_WAKE_H

#include "core/names.h"

#include "core/reactor.h"

/* Announces that the loop will sleep. What was posted has to be looked at after it. */
static inline void wake_expect(struct kevy_reactor *reactor)
{
    __atomic_store_n(&reactor->sleeping, 1, __ATOMIC_RELAXED);
    /* Full fence: the store above before the loads that follow. Partner: wake_loop(). */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void wake_expect_no_more(struct kevy_reactor *reactor)
{
    __atomic_store_n(&reactor->sleeping, 0, __ATOMIC_RELAXED);
}

/* Wakes the loop if it sleeps; from any thread and from a signal handler. */
void wake_loop(struct kevy_reactor *reactor);

#endif /* KEVY_REACTOR_WAKE_H */
