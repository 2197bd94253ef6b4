/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reactor's time.
 *
 * Model. The clock is read once a turn, behind its wait, and what the kernel brings in that turn
 * happened at that time. What a user starts counts from the call, which may come from a callback
 * that has worked for long, or from between two turns: the clock is read again there.
 *
 * Invariant. The time never goes back: a timer that fired is never ahead of it.
 */
#ifndef KEVY_REACTOR_CLOCK_H
#define KEVY_REACTOR_CLOCK_H

#include "core/names.h"

#include "core/reactor.h"

/* Reads the clock. */
void clock_read(struct kevy_reactor *reactor);

/* The real time, for what counts from now. */
static inline uint64_t clock_now(struct kevy_reactor *reactor)
{
    clock_read(reactor);
    return reactor->now_ns;
}

#endif /* KEVY_REACTOR_CLOCK_H */
