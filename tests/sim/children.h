/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_CHILDREN_H
#define SIM_CHILDREN_H

/*
 * Children of a server under test.
 *
 * Model. Children come, exit by themselves or are killed, some are held by a tracer then, and some
 * are reaped elsewhere. A watch begins before or after the exit, may end before it, and begins
 * again, until the child has been told.
 *
 * Invariants. The exit of each child is told once, with its code and status, not before it can be
 * reaped, and soon after. Who is told -ECHILD has lost the child to somebody else. A watch that was
 * ended in time leaves the child as it is.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

void children_start(struct kevy_reactor *reactor);

/* Something happens from outside of callbacks. */
void children_turned(void);

/* No more come, and those that would live on are killed. */
void children_quiet(void);

/* True when the exit of each has been told. */
bool children_over(void);

/* The reactor ends the watches from here on. */
void children_abandon(void);

/* Whatever is left, of the world; the reactor is gone. */
void children_gone(void);

#endif
