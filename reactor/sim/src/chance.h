/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_CHANCE_H
#define KEVY_SIM_SRC_CHANCE_H

/*
 * Decisions, all of them drawn from one seed.
 *
 * Model. Whatever may go one way or the other has a name, a fault. Each seed draws how likely each
 * of them is, and many are off altogether. A fault that happens is counted; with a limit the
 * further ones do not happen, and all else goes its way.
 *
 * Two sources. The sequence of the world answers in the order in which it is asked. A script is a
 * number, and what it says about its n-th decision is a function of the two: it does not matter who
 * asks, how often and when. So two kernels that ask in different orders have the same faults.
 */

#include "names.h"

#include <kevy/sim_world.h>

/* Begins the sequence of `seed`, and draws how likely everything is. */
void chance_seed(uint64_t seed);

/* At most so many faults. */
void chance_limit(uint64_t faults);

/* No faults from now on. Choices that are none go on. */
void chance_quiet(void);
bool chance_is_quiet(void);

/* True when `which` happens this time. */
bool chance(enum kevy_sim_fault which);

/* For a decision of a script: whether `which` may happen at all; and that it happens here, which is
 * counted as in chance(). */
bool chance_possible(enum kevy_sim_fault which);
bool chance_due(enum kevy_sim_fault which);

/* The `index`-th decision of `script` about `which`: from `low` to `high`, small ones more often
 * than large ones. */
uint64_t chance_scripted(uint64_t script, enum kevy_sim_fault which, uint32_t index, uint64_t low,
                         uint64_t high);

uint64_t chance_below(uint64_t limit);
uint64_t chance_between(uint64_t low, uint64_t high);
bool chance_one_in(uint64_t count);
uint64_t chance_magnitude(uint64_t low, uint64_t high);

#endif
