/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_REGISTRATION_H
#define KEVY_SIM_SRC_REGISTRATION_H

/* The register calls of the simulated kernel, as struct kevy_ring_kernel wants them. */

#include "names.h"

#include <stdint.h>

int registration_run(void *state, int fd, uint32_t opcode, void *argument, uint32_t count);

#endif
