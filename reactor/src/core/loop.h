/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The loop: one turn. The model is in loop.c. */
#ifndef KEVY_REACTOR_LOOP_H
#define KEVY_REACTOR_LOOP_H

#include "core/names.h"

#include "core/reactor.h"

/* One turn that waits `limit_ns` at most. Returns 0 or a negative errno. */
int loop_turn(struct kevy_reactor *reactor, uint64_t limit_ns);

/* True while there is something to wait for. */
bool loop_alive(const struct kevy_reactor *reactor);

/* Requests that the kernel has not finished, of objects, completions and cancels. */
uint32_t loop_operations(const struct kevy_reactor *reactor);

#endif /* KEVY_REACTOR_LOOP_H */
