/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SYSTEM_H
#define KEVY_SIM_SRC_SYSTEM_H

#include "names.h"

#include <kevy/system.h>

/* The plain system calls of the simulated world. */
extern const struct kevy_system sim_system;

#endif
