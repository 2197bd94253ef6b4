/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_SIGNALS_H
#define SIM_SIGNALS_H

/*
 * Signals that a server under test watches.
 *
 * Model. Each signal has two watches, which begin and end at any time. The world sends it now and
 * then, several times in a row perhaps.
 *
 * Invariants. A watch is told at least once after a signal was sent, soon, and not more often than
 * it was sent. A watch that has ended is told nothing.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

void signals_start(struct kevy_reactor *reactor);

/* Something happens from outside of callbacks. */
void signals_turned(void);

/* No more are sent. */
void signals_quiet(void);

/* True when all have been told; then the watches end. */
bool signals_over(void);

/* The reactor ends the watches from here on. */
void signals_abandon(void);

#endif
