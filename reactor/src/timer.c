/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Timers, and the step of the turn in which they and the streams' deadlines come due.
 *
 * Model. Two wheels, so that an entry's kind is known by where it hangs: one of timers, one of
 * deadlines. What is due is taken out one by one, and its callback called; a bounded number a turn,
 * the rest next turn.
 */
#include "internal.h"

#if KEVY_RING_SUPPORTED

#define DUE_PER_TURN 4096U

/* Between turns the turn's clock is as old as the last turn. */
static uint64_t clock_now(struct kevy_reactor *reactor)
{
    if (!reactor->running)
        reactor_clock(reactor);
    return reactor->now_ns;
}

static void timer_file(struct kevy_timer *timer, uint64_t deadline_ns)
{
    timer->node.deadline_ns = deadline_ns;
    wheel_file(&timer->reactor->timers, &timer->node);
    timer->reactor->timers_armed++;
}

static uint64_t add_saturated(uint64_t a_ns, uint64_t b_ns)
{
    return b_ns > UINT64_MAX - a_ns ? UINT64_MAX : a_ns + b_ns;
}

void kevy_timer_start(struct kevy_timer *timer, struct kevy_reactor *reactor, uint64_t delay_ns,
                      kevy_timer_fire fire)
{
    kevy_timer_stop(timer);
    timer->reactor = reactor;
    timer->fire = fire;
    timer->period_ns = 0;
    timer_file(timer, add_saturated(clock_now(reactor), delay_ns));
}

void kevy_timer_start_periodic(struct kevy_timer *timer, struct kevy_reactor *reactor,
                               uint64_t period_ns, kevy_timer_fire fire)
{
    assert(period_ns > 0);
    kevy_timer_start(timer, reactor, period_ns, fire);
    timer->period_ns = period_ns;
}

void kevy_timer_stop(struct kevy_timer *timer)
{
    if (!kevy_timer_armed(timer))
        return;
    wheel_unfile(&timer->node);
    timer->reactor->timers_armed--;
}

/* The first multiple of the period, counted from the start, that is still to come. */
static void period_advance(struct kevy_timer *timer, uint64_t now_ns)
{
    uint64_t late_ns = now_ns - timer->node.deadline_ns;
    uint64_t missed = late_ns / timer->period_ns;

    timer_file(timer, add_saturated(timer->node.deadline_ns, (missed + 1) * timer->period_ns));
}

static void timer_due(struct kevy_reactor *reactor, struct kevy_timer *timer)
{
    assert(timer->node.deadline_ns <= reactor->now_ns);
    reactor->timers_armed--;
    reactor->stats.timers_fired++;
    /* Filed before the callback, which may stop it, start it anew or free it. */
    if (timer->period_ns != 0)
        period_advance(timer, reactor->now_ns);
    timer->fire(timer);
}

void timers_run(struct kevy_reactor *reactor)
{
    struct kevy_wheel_node *node;

    if (unlikely(wheel_advance(&reactor->timers, reactor->now_ns)))
        for (unsigned count = 0;
             count < DUE_PER_TURN && (node = wheel_due(&reactor->timers)) != NULL; count++)
            timer_due(reactor, KEVY_CONTAINER_OF(node, struct kevy_timer, node));
    if (unlikely(wheel_advance(&reactor->deadlines, reactor->now_ns)))
        for (unsigned count = 0;
             count < DUE_PER_TURN && (node = wheel_due(&reactor->deadlines)) != NULL; count++)
            stream_deadline_due(KEVY_CONTAINER_OF(node, struct kevy_stream, deadline));
}

#endif /* KEVY_RING_SUPPORTED */
