/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SCRIPT_H
#define KEVY_SIM_SRC_SCRIPT_H

/*
 * Peers that follow a list of steps.
 *
 * Model. A table has a function for each kind of step; each does what it can and says whether the
 * step is done. `at` and `done` say how far the script is; a connection that ends begins the next.
 *
 * Invariants. What arrives is what the steps expect, in order. A connection that ends otherwise was
 * cut by the world, or the test has failed.
 */

#include "names.h"

#include <kevy/sim_peer.h>

/* Prints where each script is, for the report of a stall. */
void scripts_describe(const struct kevy_sim *sim);

#endif
