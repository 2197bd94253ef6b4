/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STAGE_H
#define STAGE_H

/*
 * The scenarios of tests/ring/ in a simulated world: the same tables, compiled once more, played on
 * the simulated kernel of rings, with the sockets and the clock of the world. The traces have to be
 * io_uring's.
 *
 * A world is calm: nothing fails by chance, nothing is late, and its connections are as quick as
 * loopback. A scenario that submits an opcode which the kernel's probe does not have is left out,
 * and named in the output as skipped. reasons.c is the table of all others that do not agree.
 */

#include "scenario.h"

/* Why scenarios do not agree. One whose world fails is left out, and named as skipped; a trace has
 * to be another than io_uring's. A reason that no longer holds is a failed test. */
struct stage_reason {
    const char *why;
    const char *const *names; /* of scenarios; ends with NULL */
};

extern const struct stage_reason stage_reasons[];
extern const unsigned stage_reason_count;

/* The calls of a scene, answered by the world there is. */
extern const struct scene_system stage_system;

#endif
