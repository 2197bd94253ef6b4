/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tally.h"
#include "clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void tally_open(struct tally *tally, const struct processes *servers, uint32_t connections)
{
    memset(tally, 0, sizeof *tally);
    tally->servers = servers;
    tally->connections = connections;
    processes_usage(servers, &tally->alone);
}

void tally_begin(struct tally *tally)
{
    memset(&tally->latency, 0, sizeof tally->latency);
    tally->messages = 0;
    tally->bytes = 0;
    processes_usage(tally->servers, &tally->begin);
    tally->begin_ns = now_ns();
}

void tally_end(struct tally *tally, uint64_t end_ns)
{
    tally->end_ns = end_ns;
    processes_usage(tally->servers, &tally->end);
}

static int64_t growth(uint64_t before, uint64_t after)
{
    return (int64_t)(after - before);
}

void tally_print(const struct tally *tally)
{
    static const struct {
        const char *name;
        double part;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    const struct usage *alone = &tally->alone, *end = &tally->end;

    printf("connections=%" PRIu32 " messages=%" PRIu64 " bytes=%" PRIu64
           " seconds=%.6f server_ns=%" PRIu64,
           tally->connections, tally->messages, tally->bytes,
           (double)(tally->end_ns - tally->begin_ns) / SECOND_NS,
           end->cpu_ns - tally->begin.cpu_ns);
    printf(" resident=%" PRId64 " descriptors=%" PRId64 " slab=%" PRId64,
           growth(alone->resident, end->resident), growth(alone->descriptors, end->descriptors),
           growth(alone->slab, end->slab));
    for (unsigned i = 0; tally->latency.count > 0 && i < sizeof quantiles / sizeof *quantiles; i++)
        printf(" %s_ns=%" PRIu64, quantiles[i].name,
               histogram_quantile(&tally->latency, quantiles[i].part));
    printf("\n");
}
