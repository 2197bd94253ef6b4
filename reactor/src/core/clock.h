/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reactor's time.
 *
 * Model. The clock is read once a turn, behind its wait, and everything within the turn happens at
 * that time. Between turns that time is as old as the last turn, so the clock is read again.
 *
 * Invariant. The time never goes back: a timer that fired is never ahead of it.
 */
#ifndef KEVY_REACTOR_CLOCK_H
#define KEVY_REACTOR_CLOCK_H

#include "core/names.h"

#include "core/reactor.h"

/* Reads the clock. */
void clock_read(struct kevy_reactor *reactor);

/* The time of the turn within one; between turns the real time. */
static inline uint64_t clock_now(struct kevy_reactor *reactor)
{
    if (unlikely(!reactor->running))
        clock_read(reactor);
    return reactor->now_ns;
}

#endif /* KEVY_REACTOR_CLOCK_H */
