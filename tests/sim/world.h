/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

/* The world that the scenarios live in, and what every part of them asks of it. */

#include <kevy/sim.h>

extern struct kevy_sim *world;

#define FAIL(...) kevy_sim_fail(world, __VA_ARGS__)
#define EXPECT(condition, ...) \
    do {                       \
        if (!(condition))      \
            FAIL(__VA_ARGS__); \
    } while (0)
#define TRACE(...) kevy_sim_trace(world, __VA_ARGS__)

#endif
