/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_PIPES_H
#define SIM_PIPES_H

/*
 * Pipes of a server under test: a stream writes to each, and another one reads from it.
 *
 * Model. Some have two parts, and a joint between them: joint.h. Either end may be closed or
 * aborted at any time, and the reader pauses. When both ends are closed, another pipe takes the
 * place.
 *
 * Invariants. What is read is what was written, in its order. The end comes once, not before the
 * writer is closed, and then all bytes are there unless the writer was cut short. A writer that
 * nobody reads from ends with -EPIPE. Any other error has a reason in the world.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

/* `little_memory`: the reactor has a limit that its streams may reach. */
void pipes_start(struct kevy_reactor *reactor, const struct kevy_system *system,
                 bool little_memory);

/* Something happens from outside of callbacks. */
void pipes_turned(void);

/* No more are opened, and all are closed. */
void pipes_quiet(void);

/* True when all of them are. */
bool pipes_over(void);

/* The reactor gives them up from here on. */
void pipes_abandon(void);

/* The reactor is gone. */
void pipes_gone(void);

#endif
