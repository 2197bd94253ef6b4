/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Worlds with faults, each on the simulated kernel and on the soft one, and what the application
 * saw: trace.h says how.
 *
 *     traces FROM COUNT         compares so many seeds, and prints the events on each kernel
 *     traces --trace SEED       says what happens in one
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "trace.h"

/* Of all seeds, for each kernel. */
struct events {
    uint64_t total;
    uint64_t least;
};

static bool number_read(const char *text, uint64_t *number)
{
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 10);
    return end != text && *end == '\0' && errno == 0;
}

static void events_add(struct events *events, uint64_t count)
{
    events->total += count;
    if (events->least == 0 || count < events->least)
        events->least = count;
}

static bool compare(struct trace *traces, uint64_t seed, struct events *events, bool traced)
{
    char text[512];

    for (int soft = 0; soft < 2; soft++) {
        trace_plan_make(&traces[soft], seed);
        if (trace_play(&traces[soft], soft, traced) != 0)
            return false;
        events_add(&events[soft], traces[soft].events);
    }
    if (trace_equivalent(&traces[0], &traces[1], text, sizeof text))
        return true;
    (void)printf("traces: seed %" PRIu64 " differs: %s\n", seed, text);
    return false;
}

int main(int argc, char **argv)
{
    struct trace *traces =
        mmap(NULL, 2 * sizeof *traces, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct events events[2] = {{0, 0}, {0, 0}};
    uint64_t from, count = 1, failed = 0;
    bool traced = argc == 3 && strcmp(argv[1], "--trace") == 0;

    if (traces == MAP_FAILED)
        return EXIT_FAILURE;
    if (argc != 3 || !number_read(argv[traced ? 2 : 1], &from) ||
        (!traced && !number_read(argv[2], &count))) {
        (void)fprintf(stderr, "usage: %s FROM COUNT | --trace SEED\n", argv[0]);
        return EXIT_FAILURE;
    }
    for (uint64_t at = 0; at < count; at++)
        failed += !compare(traces, from + at, events, traced);
    (void)printf("simulated: %" PRIu64 " events, at least %" PRIu64 " a seed\n", events[0].total,
                 events[0].least);
    (void)printf("soft:      %" PRIu64 " events, at least %" PRIu64 " a seed\n", events[1].total,
                 events[1].least);
    (void)printf("RESULT traces: %" PRIu64 " passed, %" PRIu64 " failed, 0 skipped\n",
                 count - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
