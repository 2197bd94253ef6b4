/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_LOOKUPS_H
#define SIM_LOOKUPS_H

/*
 * Look-ups of a server under test, and the names of its world.
 *
 * Model. Each look-up has a name of its own, whose answer takes its time. Some have a time limit,
 * some are given up, and some are of numbers.
 *
 * Invariants. A look-up is told once: with what its name has, when its limit has passed and not
 * before, or because it was given up. Numbers are answered in the next turn, and nobody is asked
 * for them. So many threads ask for names at once as the resolver has, besides those whose answer
 * nobody waits for any more; and so many do while others wait, as long as there are spare ones.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

void lookups_start(struct kevy_reactor *reactor, const struct kevy_reactor_options *options);

/* Something happens from outside of callbacks. */
void lookups_turned(void);

/* No more come. */
void lookups_quiet(void);

/* True when all have been told. */
bool lookups_over(void);

/* The reactor gives them up from here on. */
void lookups_abandon(void);

/* The reactor is gone: closes the resolver. */
void lookups_gone(void);

#endif
