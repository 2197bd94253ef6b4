/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_DOCUMENTS_H
#define SIM_DOCUMENTS_H

/*
 * Files that a server under test reads and writes.
 *
 * Model. Each file is opened, is read, written, synced and asked about at once, and is closed, any
 * number of times. Some operations are given up. What is written at an offset is the same always,
 * so operations may come in any order.
 *
 * Invariants. A file is told to be open or not, once, and closes on exec. An operation reports
 * once, before the file is told to be closed, with an error that the world has a reason for;
 * -ECANCELED only if it was given up. What is read is in the file, and what is reported as written
 * too.
 */

#include <kevy/kevy.h>
#include <kevy/system.h>
#include <stdbool.h>

void documents_start(struct kevy_reactor *reactor, const struct kevy_system *system);

/* Something happens from outside of callbacks. */
void documents_turned(void);

/* No more are opened, and all are closed. */
void documents_quiet(void);

/* True when all of them are. */
bool documents_over(void);

/* The reactor gives them up from here on. */
void documents_abandon(void);

/* The reactor is gone. */
void documents_gone(void);

#endif
