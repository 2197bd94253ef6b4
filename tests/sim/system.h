/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_SYSTEM_H
#define SIM_SYSTEM_H

#include <kevy/system.h>

/* The plain system calls of the simulated world. */
extern const struct kevy_system sim_system;

#endif
