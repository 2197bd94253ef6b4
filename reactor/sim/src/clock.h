/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_CLOCK_H
#define KEVY_SIM_SRC_CLOCK_H

/*
 * The virtual clock, and what is to happen in the world.
 *
 * Model. Time stands still while the program computes. It moves when something takes time
 * (clock_pass()), or when the loop sleeps and the next event is due. Events of the same instant
 * come in the order in which they were started. An event lies in the struct that it is about.
 */

#include "names.h"

#include <kevy/sim_world.h>

#define CLOCK_NEVER UINT64_MAX

void clock_reset(uint64_t now_ns);
uint64_t clock_now(void);

/* Time goes by, and what is due in it happens. */
void clock_pass(uint64_t ns);

/* Runs the next event if it is due at `limit_ns` or before, and moves the clock to it. Else moves
 * the clock to the limit, unless that is CLOCK_NEVER, and returns false. */
bool clock_next(uint64_t limit_ns);

void event_start(struct kevy_sim_event *event, uint64_t delay_ns,
                 void (*run)(struct kevy_sim_event *event));
void event_stop(struct kevy_sim_event *event);
bool event_started(const struct kevy_sim_event *event);

/* Events run since the reset. */
uint64_t clock_events(void);

#endif
