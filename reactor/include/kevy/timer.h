/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/timer.h - something to do at a later time.
 *
 * Model. Timers hang in a hierarchical wheel (Varghese and Lauck 1987, scheme 7) of 64 slots a
 * level and ticks of 2^20 ns, 1.05 ms, so that a slot is found by shifts alone. A deadline is
 * rounded up to the tick: a timer never fires early, and late by at most a tick plus the turn it
 * falls into. Starting and stopping cost the same at ten timers and at a million, and no system
 * call.
 *
 * Order. Timers fire in the order of their ticks; within one there is no order. More than 4096 that
 * are due at once are spread over turns. An armed timer keeps kevy_reactor_run() running, but not
 * once the reactor drains.
 *
 * Ownership. The struct is PINNED while the timer is armed. Stopping is synchronous: once
 * kevy_timer_stop() returns the timer does not fire, even if it was due in this very turn, and its
 * memory is free. kevy_reactor_destroy() disarms all.
 *
 * Callbacks. `fire` may start its timer again or stop it. It may free a one-shot, which is disarmed
 * by then, and a periodic one that it has stopped.
 *
 * Threads: the reactor's.
 *
 * Kernel: nothing of its own.
 */
#ifndef KEVY_TIMER_H
#define KEVY_TIMER_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_timer;

typedef void (*kevy_timer_fire)(struct kevy_timer *timer);

/* Private: an entry of a wheel. Zeroed is a valid entry that is in none. */
struct kevy_x_wheel_node {
    struct kevy_x_wheel_node *next;
    struct kevy_x_wheel_node *previous;
    uint64_t deadline_ns;
};

/* A timer. Its fields are private; all zero is valid and not armed. 48 bytes at most. */
struct kevy_timer {
    struct kevy_x_wheel_node node;
    uint64_t period_ns; /* 0 for a one-shot */
    struct kevy_reactor *reactor;
    kevy_timer_fire fire;
};

/*
 * Arms *timer to fire once, `delay_ns` after now (0: in this turn or the next; KEVY_FOREVER:
 * never). It may be armed already, on the same reactor (asserted). Now is the real clock for a
 * reactor that has been away, the turn's clock within callbacks.
 */
KEVY_API void kevy_timer_start(struct kevy_timer *timer, struct kevy_reactor *reactor,
                               uint64_t delay_ns, kevy_timer_fire fire);

/*
 * As kevy_timer_start() for a timer that may fire up to `slack_ns` later: the deadline is put off
 * to the next multiple of it on the clock, so that many such timers come due in the same turn and
 * wake the loop once.
 */
KEVY_API void kevy_timer_start_slack(struct kevy_timer *timer, struct kevy_reactor *reactor,
                                     uint64_t delay_ns, uint64_t slack_ns, kevy_timer_fire fire);

/*
 * Arms *timer to fire every `period_ns`, at least 1 (asserted), the first time after one period.
 * Periods are counted from the start, so that lateness never adds up; firings that a blocked loop
 * missed are left out.
 */
KEVY_API void kevy_timer_start_periodic(struct kevy_timer *timer, struct kevy_reactor *reactor,
                                        uint64_t period_ns, kevy_timer_fire fire);

/* Disarms *timer. Idempotent; a zeroed timer is accepted. */
KEVY_API void kevy_timer_stop(struct kevy_timer *timer);

/* True while the timer is armed. In its callback a one-shot is not any more. */
static inline bool kevy_timer_armed(const struct kevy_timer *timer)
{
    return timer->node.next != NULL;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TIMER_H */
