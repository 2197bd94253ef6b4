/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * spelling.h - a tally as text: for Prometheus, as JSON, and for people.
 *
 * Model. Each function goes through the table of sample.h and writes to a stream of stdio, which
 * the caller makes of memory. A text has no limit of its own, so there is none to get wrong.
 */
#ifndef HTTP_ECHO_SPELLING_H
#define HTTP_ECHO_SPELLING_H

#include <stdint.h>
#include <stdio.h>

struct tally;

/* What is known beside the counters. */
struct facts {
    const char *kernel;   /* the name of the kernel */
    const char *why;      /* the sentence about it */
    uint64_t started_ns;  /* of CLOCK_MONOTONIC */
    uint64_t started_ms;  /* since 1970 */
    uint32_t buffers;     /* receive buffers of a thread */
    const char *what_for; /* the URL that is served */
};

/* The text format of Prometheus, version 0.0.4: each thread, without sums. */
void spell_metrics(FILE *to, const struct tally *tally, const struct facts *facts);

/* One object on one line, without a newline at its end: the total, and each thread. */
void spell_json(FILE *to, const struct tally *tally, const struct facts *facts);

/* A table: the total, and each of up to eight threads. Parts of a sum that are zero are left out.
 */
void spell_table(FILE *to, const struct tally *tally, const struct facts *facts);

#endif
