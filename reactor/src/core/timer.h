/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The step of the turn in which timers and deadlines come due.
 *
 * Model. Two wheels, so that an entry's kind is known by where it hangs: one of timers, one of
 * deadlines. What is due is taken out one by one, and its callback called; a bounded number a turn,
 * the rest next turn.
 */
#ifndef KEVY_REACTOR_TIMER_H
#define KEVY_REACTOR_TIMER_H

#include "core/names.h"

#include "core/reactor.h"

void timers_run(struct kevy_reactor *reactor);

/*
 * Disarms every timer: their memory is the user's, who may touch it after the wheel is gone. The
 * deadlines too: nothing of them fires any more, and one that is past would keep the last turns, in
 * which the kernel is waited for, from sleeping.
 */
void timers_forget(struct kevy_reactor *reactor);

/* True when a wheel may have something due. */
static inline bool timers_waiting(const struct kevy_reactor *reactor)
{
    return reactor->now_ns >= reactor->timers.next_ns ||
           reactor->now_ns >= reactor->deadlines.next_ns;
}

#endif /* KEVY_REACTOR_TIMER_H */
