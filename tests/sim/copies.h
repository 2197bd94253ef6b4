/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_COPIES_H
#define SIM_COPIES_H

/*
 * Long copies: sends of so many bytes that the library offers them to the socket before it copies
 * them.
 *
 * Model. The table of system calls of the reactor under test is one that listens in: it knows what
 * the sockets have answered to the library's own send(2).
 *
 * Invariants. Several sends of one callback ask the socket once, so a server that sends until it is
 * refused comes to an end: less than its high mark and two sends are taken. An error that the
 * socket tells is told to nobody else, and is the reason that the stream ends with, unless the
 * server or a shortage ends it before.
 */

#include <kevy/kevy.h>
#include <stdint.h>

/* Fewer bytes are copied without a question. */
#define COPY_LONG 65536U

/* The table that the reactor is to have in place of *system. */
const struct kevy_system *copies_system(const struct kevy_system *system);

/* A callback begins to send. */
void copies_begin(void);

/* It is over: what the socket told the stream, which has taken `bytes` at most `length` at a time.
 * Returns a negative errno that ends the connection, or 0. */
int copies_end(const struct kevy_stream *stream, uint64_t bytes, uint64_t length);

/* The stream ends with `reason`, and has been told `error` of such a send. */
void copies_reason_check(int error, int reason);

#endif
