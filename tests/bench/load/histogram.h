/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A histogram of times.
 *
 * Model. Each power of two is divided into 64 buckets of the same width: a quantile is the upper
 * end of its bucket, less than 1.6 % above the true value. Adding is one increment.
 */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS  64U
#define HISTOGRAM_POWERS 36U /* up to 2^41 ns, half an hour */

struct histogram {
    uint64_t count;
    uint64_t greatest_ns;
    uint64_t buckets[HISTOGRAM_POWERS][HISTOGRAM_PARTS];
};

void histogram_add(struct histogram *histogram, uint64_t ns);

/* The time that `part` (0 to 1) of all times do not exceed; 0 when there are none. */
uint64_t histogram_quantile(const struct histogram *histogram, double part);

#endif
