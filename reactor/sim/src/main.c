/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The command line of a test program. */
#include "names.h"

#include <errno.h>
#include <inttypes.h>
#include <kevy/sim.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool number_read(const char *text, uint64_t *number)
{
    char *rest;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *number = strtoull(text, &rest, 10);
    return *rest == '\0' && errno == 0;
}

/* Reads the words that begin with "--". Returns how many words they are, or 0 for a mistake. */
static int switches_read(int argc, char **argv, struct kevy_sim_options *options)
{
    int at = 1;

    for (; at < argc && strncmp(argv[at], "--", 2) == 0 && strcmp(argv[at], "--seeds") != 0; at++) {
        if (strcmp(argv[at], "--trace") == 0) {
            options->traced = true;
        } else if (strcmp(argv[at], "--soft") == 0) {
            options->soft = true;
        } else if (strcmp(argv[at], "--in-process") == 0) {
            options->in_process = true;
        } else if (strcmp(argv[at], "--faults") == 0 && at + 1 < argc &&
                   number_read(argv[at + 1], &options->fault_limit)) {
            options->limited = true;
            at++;
        } else {
            return 0;
        }
    }
    return at;
}

static bool arguments_read(int argc, char **argv, struct kevy_sim_options *options)
{
    int at = switches_read(argc, argv, options);

    if (at == 0)
        return false;
    if (at < argc && strcmp(argv[at], "--seeds") == 0) {
        if (at + 2 >= argc || !number_read(argv[at + 1], &options->seed) ||
            !number_read(argv[at + 2], &options->seeds))
            return false;
        at += 3;
    } else if (at < argc) {
        if (!number_read(argv[at++], &options->seed))
            return false;
        options->seeds = 1;
    }
    if (at < argc && !number_read(argv[at++], &options->events))
        return false;
    return at == argc;
}

static void usage_print(FILE *to, const char *name)
{
    (void)fprintf(to,
                  "usage: %s [--soft] [--trace] [--in-process] [--faults N] "
                  "[SEED [EVENTS] | --seeds FROM COUNT [EVENTS]]\n",
                  name);
}

int kevy_sim_main(int argc, char **argv, const struct kevy_sim_options *options)
{
    struct kevy_sim_options complete = *options;
    struct kevy_sim_report report = {0};
    const char *name = options->name != NULL ? options->name : "sim";
    int result;

    if (argc == 2 && strcmp(argv[1], "--help") == 0)
        return usage_print(stdout, name), EXIT_SUCCESS;
    if (!arguments_read(argc, argv, &complete))
        return usage_print(stderr, name), EXIT_FAILURE;
    result = kevy_sim_run(&complete, &report);
    if (result < 0) {
        (void)fprintf(stderr, "%s: %s\n", name, strerror(-result));
        return EXIT_FAILURE;
    }
    (void)printf("%s: %" PRIu64 " events\n", name, report.events_total);
    (void)printf("RESULT %s: %" PRIu64 " passed, %d failed, 0 skipped\n", name, report.passed,
                 result);
    return result == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
