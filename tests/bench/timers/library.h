/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What main.c measures, written once for each library.
 *
 * Model. A timer sits in a connection of 256 bytes; connections are visited in random order. 1000
 * visits make a millisecond. Deadlines are 60 s after the last activity, so that in a steady state
 * some are found to have moved on (ours) and none is ever reached; explicit timers are set 10 to
 * 70 s ahead. The loops are in each library's file, so that nothing but its own calls is in them.
 */
#ifndef BENCH_TIMERS_LIBRARY_H
#define BENCH_TIMERS_LIBRARY_H

#include <stdint.h>

#define IDLE_MS          60000U
#define VISITS_PER_MS    1000U
#define CONNECTION_BYTES 256

struct visit {
    uint32_t connection;
    uint32_t delay_ms; /* for an explicit timer */
};

/* Whether `count` connections get an idle deadline each, or an explicit timer each. */
enum library_kind {
    LIBRARY_DEADLINES,
    LIBRARY_TIMERS,
};

/* Calls `body` from where a server's callbacks run. */
void library_run(void (*body)(void));

/* Arms them all; the first visits[0] to visits[count - 1] give the delays. */
void library_prepare(enum library_kind kind, uint32_t count, const struct visit *visits);

/* A millisecond later. */
void library_tick(void);

/* Bytes came: the idle deadlines of VISITS_PER_MS connections start anew. */
void library_activity(const struct visit *visits);

/* The idle deadlines of VISITS_PER_MS connections are set anew by a call. */
void library_deadline(const struct visit *visits);

/* The timers of VISITS_PER_MS connections are stopped, and started with another delay. */
void library_restart(const struct visit *visits);

#endif
