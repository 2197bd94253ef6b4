/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * timers OPERATION TIMERS OPERATIONS: prints the nanoseconds of one operation, with so many timers
 * armed. The operations are those of library.h: activity, deadline, restart.
 */
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VISITS (1U << 20) /* in a table, so that choosing at random costs next to nothing */

static struct visit visits[VISITS + VISITS_PER_MS];
static void (*operation)(const struct visit *visits);
static enum library_kind kind;
static uint32_t timers;
static uint32_t milliseconds;

static uint32_t random_below(uint32_t limit)
{
    static uint64_t state = 88172645463325252U;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * limit >> 32);
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void measure(void)
{
    uint64_t begin_ns;

    library_prepare(kind, timers, visits);
    begin_ns = now_ns();
    for (uint32_t i = 0; i < milliseconds; i++) {
        library_tick();
        operation(&visits[(uint64_t)i * VISITS_PER_MS % VISITS]);
    }
    printf("%.2f\n", (double)(now_ns() - begin_ns) / milliseconds / VISITS_PER_MS);
}

int main(int argc, char **argv)
{
    const char *name = argc == 4 ? argv[1] : "";

    kind = LIBRARY_DEADLINES;
    if (strcmp(name, "activity") == 0) {
        operation = library_activity;
    } else if (strcmp(name, "deadline") == 0) {
        operation = library_deadline;
    } else if (strcmp(name, "restart") == 0) {
        operation = library_restart;
        kind = LIBRARY_TIMERS;
    } else {
        fputs("usage: timers activity|deadline|restart TIMERS OPERATIONS\n", stderr);
        return 2;
    }
    timers = (uint32_t)strtoul(argv[2], NULL, 10);
    milliseconds = (uint32_t)strtoul(argv[3], NULL, 10) / VISITS_PER_MS;
    if (timers == 0 || timers > VISITS || milliseconds == 0)
        return 2;
    for (uint32_t i = 0; i < VISITS + VISITS_PER_MS; i++)
        visits[i] = (struct visit){.connection = random_below(timers),
                                   .delay_ms = 10000 + random_below(60000)};
    library_run(measure);
    return 0;
}
