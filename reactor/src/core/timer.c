/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Timers, and the step of the turn in which they come due; the model is in timer.h. */
#include "core/timer.h"

#if KEVY_RING_SUPPORTED

#include "core/clock.h"

#define DUE_PER_TURN 4096U

static void timer_file(struct kevy_timer *timer, uint64_t deadline_ns)
{
    assert(!kevy_timer_armed(timer) && timer->fire != NULL);
    timer->node.deadline_ns = deadline_ns;
    wheel_file(&timer->reactor->timers, &timer->node);
    timer->reactor->timers_armed++;
}

/* Takes the timer from where it may be armed. */
static void timer_begin(struct kevy_timer *timer, struct kevy_reactor *reactor,
                        kevy_timer_fire fire)
{
    thread_check(reactor);
    assert(fire != NULL && "a timer needs a callback");
    assert((!kevy_timer_armed(timer) || timer->reactor == reactor) &&
           "the timer is armed on another reactor, or its memory was not zeroed");
    kevy_timer_stop(timer);
    timer->reactor = reactor;
    timer->fire = fire;
    timer->period_ns = 0;
}

void kevy_timer_start(struct kevy_timer *timer, struct kevy_reactor *reactor, uint64_t delay_ns,
                      kevy_timer_fire fire)
{
    timer_begin(timer, reactor, fire);
    /* No delay: the tick that has begun is due already, where the next one would be a millisecond
     * off. */
    if (delay_ns == 0)
        timer_file(timer, clock_now(reactor) >> WHEEL_TICK_SHIFT << WHEEL_TICK_SHIFT);
    else
        timer_file(timer, add_saturated(clock_now(reactor), delay_ns));
}

void kevy_timer_start_slack(struct kevy_timer *timer, struct kevy_reactor *reactor,
                            uint64_t delay_ns, uint64_t slack_ns, kevy_timer_fire fire)
{
    uint64_t deadline_ns = add_saturated(clock_now(reactor), delay_ns);
    uint64_t part_ns = slack_ns != 0 ? deadline_ns % slack_ns : 0;

    timer_begin(timer, reactor, fire);
    timer_file(timer, part_ns != 0 ? add_saturated(deadline_ns, slack_ns - part_ns) : deadline_ns);
}

void kevy_timer_start_periodic(struct kevy_timer *timer, struct kevy_reactor *reactor,
                               uint64_t period_ns, kevy_timer_fire fire)
{
    assert(period_ns > 0 && "a period is at least a nanosecond");
    kevy_timer_start(timer, reactor, period_ns, fire);
    timer->period_ns = period_ns;
}

void kevy_timer_stop(struct kevy_timer *timer)
{
    if (!kevy_timer_armed(timer))
        return;
    thread_check(timer->reactor);
    assert(timer->reactor->timers_armed > 0);
    wheel_unfile(&timer->node);
    timer->reactor->timers_armed--;
}

/* The first multiple of the period, counted from the start, that is still to come. */
static void period_advance(struct kevy_timer *timer, uint64_t now_ns)
{
    uint64_t late_ns = now_ns - timer->node.deadline_ns;
    uint64_t missed = late_ns / timer->period_ns;

    assert(now_ns >= timer->node.deadline_ns);
    timer_file(timer, add_saturated(timer->node.deadline_ns, (missed + 1) * timer->period_ns));
}

static void timer_due(struct kevy_reactor *reactor, struct kevy_timer *timer)
{
    assert(timer->node.deadline_ns <= reactor->seen_ns); /* never early */
    assert(timer->reactor == reactor && reactor->timers_armed > 0);
    reactor->timers_armed--;
    reactor->stats.timers_fired++;
    /* Filed before the callback, which may stop it, start it anew or free it. */
    if (timer->period_ns != 0)
        period_advance(timer, reactor->now_ns);
    timer->fire(timer);
}

static void timers_due(struct kevy_reactor *reactor)
{
    struct kevy_x_wheel_node *node;

    if (!wheel_advance(&reactor->timers, reactor->seen_ns))
        return;
    for (unsigned count = 0; count < DUE_PER_TURN; count++) {
        node = wheel_due(&reactor->timers);
        if (node == NULL)
            return;
        timer_due(reactor, KEVY_CONTAINER_OF(node, struct kevy_timer, node));
    }
}

static void deadlines_due(struct kevy_reactor *reactor)
{
    struct kevy_x_wheel_node *node;

    if (!wheel_advance(&reactor->deadlines, reactor->seen_ns))
        return;
    for (unsigned count = 0; count < DUE_PER_TURN; count++) {
        node = wheel_due(&reactor->deadlines);
        if (node == NULL)
            return;
        reactor->kinds->deadline_due(node);
    }
}

void timers_run(struct kevy_reactor *reactor)
{
    timers_due(reactor);
    deadlines_due(reactor);
}

void timers_forget(struct kevy_reactor *reactor)
{
    assert(reactor->destroying);
    wheel_empty(&reactor->timers);
    wheel_empty(&reactor->deadlines);
    reactor->timers_armed = 0;
}

#endif /* KEVY_RING_SUPPORTED */
