/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_CLOCK_H
#define SIM_CLOCK_H

/*
 * The virtual clock, and what is to happen in the world.
 *
 * Model. Time stands still while the program computes. It moves when something takes time
 * (clock_pass()), or when the loop sleeps and the next event is due. Events of the same instant
 * come in the order in which they were started. An event lies in the struct that it is about.
 */

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX

struct event {
    void (*run)(struct event *event);
    uint64_t at_ns;
    uint64_t order;
    uint32_t place; /* in the heap, from 1; 0: not started */
};

void clock_reset(uint64_t now_ns);
uint64_t clock_now(void);

/* Time goes by, and what is due in it happens. */
void clock_pass(uint64_t ns);

/* Runs the next event if it is due at `limit_ns` or before, and moves the clock to it. Else moves
 * the clock to the limit, unless that is CLOCK_NEVER, and returns false. */
bool clock_next(uint64_t limit_ns);

void event_start(struct event *event, uint64_t delay_ns, void (*run)(struct event *event));
void event_stop(struct event *event);
bool event_started(const struct event *event);

/* Events run since the reset. */
uint64_t clock_events(void);

#endif
