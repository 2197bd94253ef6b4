/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The hardened ring: what it may still do once it is enabled. */
#ifndef KEVY_REACTOR_RESTRICTION_H
#define KEVY_REACTOR_RESTRICTION_H

#include "core/names.h"

#include <kevy/reactor.h>
#include <kevy/ring.h>

/*
 * Restricts *ring, which is disabled still, to what the reactor's objects use and to
 * options->operations. Returns 0 or a negative errno, -EINVAL for too many operations.
 */
int restriction_apply(struct kevy_ring *ring, const struct kevy_reactor_options *options);

#endif /* KEVY_REACTOR_RESTRICTION_H */
