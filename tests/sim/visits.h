/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_VISITS_H
#define SIM_VISITS_H

/*
 * What has happened to the objects of the library in all worlds together: completions, by the state
 * of the object that they came to.
 *
 * Model. A completion is of a request, and its result is of a class, for example "cancelled". A
 * table says which classes may come in which state of which kind of object, and another one which
 * of them cannot come on the soft kernel, and why; the library's own trace
 * reports each completion before it is handled, so the product counts nothing. The counts lie in
 * memory that is shared with the children.
 *
 * Invariants. What the table does not allow fails the world.
 */

#include <kevy/kevy.h>

/* Before the first world. */
void visits_open(void);

/* The worlds run on that kernel. */
void visits_kernel(const struct kevy_ring_kernel *kernel);

/* For kevy_reactor_options.trace. */
void visits_trace(struct kevy_reactor *reactor, const struct kevy_trace *trace, void *context);

/* Prints how many of the pairs were visited, those that were not, if they are few, and why others
 * cannot be. */
void visits_print(void);

#endif
