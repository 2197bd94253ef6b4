/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * sample.h - the counters of one thread at one moment.
 *
 * Model. One table has a row for each number that can be seen from outside: its name, what it
 * means, and from where it comes. A sample is one value for each row. All spellings of it go
 * through the same table (spelling.h), so that a number has one name everywhere.
 */
#ifndef HTTP_ECHO_SAMPLE_H
#define HTTP_ECHO_SAMPLE_H

#include <stddef.h>
#include <stdint.h>

struct server;

enum measure_kind {
    MEASURE_COUNTER, /* only grows; the threads are added */
    MEASURE_GAUGE,   /* as it is at this moment; the threads are added */
    MEASURE_TIME,    /* a gauge in nanoseconds; of the threads the largest one counts */
};

/* Rows with the same name stand together. They differ in `value`, the value of `label`. */
struct measure {
    const char *name; /* as Prometheus would have it, without the prefix */
    const char *help; /* one sentence */
    const char *label;
    const char *value; /* in capitals; it is spelled in small letters */
    enum measure_kind kind;
    uint32_t offset; /* private */
};

#define SAMPLE_VALUES_MAX 96

struct sample {
    uint64_t values[SAMPLE_VALUES_MAX]; /* by row of the table */
};

/* The table, and the number of its rows. */
extern const struct measure measures[];
extern const size_t measure_count;

/* Takes a sample of an open server, on its thread. */
void sample_take(struct sample *sample, struct server *server);

/* Adds `more` to *sum. */
void sample_add(struct sample *sum, const struct sample *more);

#endif
