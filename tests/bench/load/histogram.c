/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "histogram.h"

/* Row 0 holds the times below 64 ns, one each; row N those from 2^(N+5) to 2^(N+6). */
void histogram_add(struct histogram *histogram, uint64_t ns)
{
    unsigned power = ns < HISTOGRAM_PARTS ? 0 : 63U - (unsigned)__builtin_clzll(ns) - 5U;
    unsigned shift = power > 0 ? power - 1 : 0;

    if (power >= HISTOGRAM_POWERS) {
        power = HISTOGRAM_POWERS - 1;
        shift = power - 1;
        ns = UINT64_MAX;
    }
    histogram->count++;
    histogram->buckets[power][(ns >> shift) % HISTOGRAM_PARTS]++;
    if (ns > histogram->greatest_ns)
        histogram->greatest_ns = ns;
}

static uint64_t upper_end_ns(unsigned power, unsigned part)
{
    if (power == 0)
        return part;
    return ((uint64_t)(HISTOGRAM_PARTS + part + 1) << (power - 1)) - 1;
}

uint64_t histogram_quantile(const struct histogram *histogram, double part)
{
    uint64_t wanted = (uint64_t)(part * (double)histogram->count);
    uint64_t seen = 0;

    for (unsigned power = 0; power < HISTOGRAM_POWERS; power++)
        for (unsigned i = 0; i < HISTOGRAM_PARTS; i++) {
            uint64_t end_ns = upper_end_ns(power, i);

            seen += histogram->buckets[power][i];
            if (seen > wanted || (seen > 0 && seen == histogram->count))
                return end_ns < histogram->greatest_ns ? end_ns : histogram->greatest_ns;
        }
    return histogram->greatest_ns;
}
