/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a run amounts to.
 *
 * Model. Three moments: before the first connection, when the clock starts, and when it stops with
 * all connections still open. Between the last two, everything that was asked is answered: the
 * server's time is that of whole messages.
 */
#ifndef BENCH_TALLY_H
#define BENCH_TALLY_H

#include "histogram.h"
#include "processes.h"

struct tally {
    const struct processes *servers;
    uint32_t connections;
    struct usage alone; /* without a connection */
    struct usage begin;
    struct usage end;
    uint64_t begin_ns;
    uint64_t end_ns;
    uint64_t messages;
    uint64_t bytes;
    struct histogram latency;
};

/* Before the first of `connections`. */
void tally_open(struct tally *tally, const struct processes *servers, uint32_t connections);

/* Starts the clock; what was counted before is forgotten. */
void tally_begin(struct tally *tally);

/* It stopped at `end_ns`. */
void tally_end(struct tally *tally, uint64_t end_ns);

/* One line of name=value pairs. */
void tally_print(const struct tally *tally);

#endif
