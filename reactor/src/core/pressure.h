/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory that runs short: who is ended.
 *
 * Model. Marks that shrink hold everybody back long before memory_limit (stream_pressure.c), and
 * when it is tight no request brings more than one buffer. What comes all the same, because the
 * kernel had received it by then, goes into the reserve, and the next flush ends the object that
 * weighs most: its bytes times the seconds for which it has freed none. So a client that reads,
 * however slowly, goes on, and one that has not read for long, and for which much is kept, makes
 * room.
 *
 * Who holds much itself, and is refused more, is told so and ends nobody.
 *
 * Invariant. Nothing is ended while the reserve is whole, and in one flush no more than is missing
 * of it.
 */
#ifndef KEVY_REACTOR_PRESSURE_H
#define KEVY_REACTOR_PRESSURE_H

#include "core/names.h"

#include "core/reactor.h"

/* Ends as many as it takes to have the reserve back. */
void pressure_relieve(struct kevy_reactor *reactor);

#endif /* KEVY_REACTOR_PRESSURE_H */
