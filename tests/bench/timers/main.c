/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * timers OPERATION TIMERS OPERATIONS: prints what so many operations take, with so many timers
 * armed, in one line of name=value pairs. They are those of library.h: activity, deadline, restart.
 */
#include "clock.h"
#include "library.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static void measure(void)
{
    uint64_t begin_ns, spent_ns;

    library_prepare(kind, timers, visits);
    begin_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    for (uint32_t i = 0; i < milliseconds; i++) {
        library_tick();
        operation(&visits[(uint64_t)i * VISITS_PER_MS % VISITS]);
    }
    spent_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begin_ns;
    printf("messages=%" PRIu64 " seconds=%.6f server_ns=%" PRIu64 "\n",
           (uint64_t)milliseconds * VISITS_PER_MS, (double)spent_ns / SECOND_NS, spent_ns);
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
