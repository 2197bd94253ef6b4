/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/timer.h - callbacks at a later time.
 *
 * Model
 *
 *     Timers are in a hierarchical wheel (Varghese and Lauck 1987, scheme 7) with 64 slots on each
 *     level. A tick is 2^20 ns (1.05 ms), so shifts alone find the slot. To start or stop a timer
 *     costs the same with ten timers and with a million, and makes no system call.
 *
 *     A deadline is rounded up to the next tick. A timer never fires early. It fires late by at
 *     most one tick and the rest of the turn in which it becomes due.
 *
 * Order
 *
 *     Timers fire in the order of their ticks. Within one tick there is no order. One turn fires
 *     4096 timers at most; the next turns fire the rest.
 *
 *     Events come before time limits: when a timer is found due, the completions of all that had
 *     happened until then are handled first. So if the process was stopped for some time, an event
 *     that came meanwhile still counts as in time.
 *
 *     An armed timer keeps kevy_reactor_run() running, until kevy_reactor_finish() is called.
 *
 * Ownership
 *
 *     The struct is PINNED while the timer is armed. When kevy_timer_stop() returns, the timer does
 *     not fire any more, even if it was due in this turn, and its memory is free.
 *     kevy_reactor_destroy() disarms all timers.
 *
 * Callbacks
 *
 *     `fire` may start its timer again or stop it. It may free a one-shot timer, which is disarmed
 *     at that point, or a periodic timer that it has stopped.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: stop after one second, with a sign of life every 100 ms
 *
 *     #include <kevy/timer.h>
 *     #include <stdio.h>
 *
 *     struct watch {
 *         struct kevy_timer alive;
 *         struct kevy_timer limit;
 *     };
 *
 *     static void alive_fire(struct kevy_timer *timer)
 *     {
 *         (void)timer;
 *         puts("alive");
 *     }
 *
 *     static void limit_fire(struct kevy_timer *timer)
 *     {
 *         struct watch *watch = KEVY_CONTAINER_OF(timer, struct watch, limit);
 *
 *         kevy_timer_stop(&watch->alive);
 *     }
 *
 *     int main(void)
 *     {
 *         struct watch watch = {0};
 *         struct kevy_reactor *reactor = NULL;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0) {
 *             kevy_timer_start_periodic(&watch.alive, reactor, KEVY_MILLISECONDS(100), alive_fire);
 *             kevy_timer_start(&watch.limit, reactor, KEVY_SECONDS(1), limit_fire);
 *             error = kevy_reactor_run(reactor);
 *         }
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_TIMER_H
#define KEVY_TIMER_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_timer;

typedef void (*kevy_timer_fire)(struct kevy_timer *timer);

/* Private: an entry of a wheel. All zero: it is in no wheel. */
struct kevy_x_wheel_node {
    struct kevy_x_wheel_node *next;
    struct kevy_x_wheel_node *previous;
    uint64_t deadline_ns;
};

/* A timer. Its fields are private; 48 bytes at most. All zero: it is not armed. */
struct kevy_timer {
    struct kevy_x_wheel_node node;
    uint64_t period_ns; /* 0 for a one-shot */
    struct kevy_reactor *reactor;
    kevy_timer_fire fire;
};

/*
 * Arms *timer to fire once, after `delay_ns`. 0 means in this turn or the next one, KEVY_FOREVER
 * means never. If the timer is armed already, it starts again; it must be on the same reactor
 * (asserted).
 *
 * The delay counts from the time of the call, which reads the clock. So a callback that has worked
 * for one second before does not make the timer early.
 */
KEVY_API void kevy_timer_start(struct kevy_timer *timer, struct kevy_reactor *reactor,
                               uint64_t delay_ns, kevy_timer_fire fire);

/*
 * Like kevy_timer_start(), but the timer may fire up to `slack_ns` later: the deadline is moved to
 * the next multiple of `slack_ns` on the clock. Many timers with the same slack are then due in the
 * same turn, and wake the loop once.
 */
KEVY_API void kevy_timer_start_slack(struct kevy_timer *timer, struct kevy_reactor *reactor,
                                     uint64_t delay_ns, uint64_t slack_ns, kevy_timer_fire fire);

/*
 * Arms *timer to fire every `period_ns`, which is at least 1 (asserted). It fires for the first
 * time after one period. All periods count from the start, so delays do not add up. If the loop was
 * blocked for several periods, the timer fires once for all of them.
 */
KEVY_API void kevy_timer_start_periodic(struct kevy_timer *timer, struct kevy_reactor *reactor,
                                        uint64_t period_ns, kevy_timer_fire fire);

/* Disarms *timer. Idempotent; a timer that was never started is accepted. */
KEVY_API void kevy_timer_stop(struct kevy_timer *timer);

/* Returns true while the timer is armed. In its own callback a one-shot is not armed. */
static inline bool kevy_timer_armed(const struct kevy_timer *timer)
{
    return timer->node.next != NULL;
}

/* The reactor it was last started on, or NULL if it was never started. */
static inline struct kevy_reactor *kevy_timer_reactor(const struct kevy_timer *timer)
{
    return timer->reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_TIMER_H */
