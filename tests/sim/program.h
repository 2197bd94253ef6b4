/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H

/*
 * Whole programs of examples/ in a simulated world, main() included. They are compiled as they are,
 * under another name for their main(), and linked so that the reactor that they create runs in the
 * world.
 */

#include <kevy/sim.h>

/* The main() of the example. */
int example_main(int argc, char **argv);

/*
 * Runs it with the arguments, a list that ends with NULL. Faults begin when it serves; SIGTERM
 * comes when the world is over. Checks that it ends well.
 */
void program_run(struct kevy_sim *sim, const char *const *arguments);

#endif
