/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Many worlds, each in a child process, and the search after one that fails.
 *
 * Model. A world is a function of its seed and of the number of faults that it may have. One that
 * fails with N faults and passes with none has two neighbours, K - 1 which passes and K which
 * fails: they are found by halving. The faults of a run with fewer are the first ones of the run
 * with more, so the last of K is the one that made the difference.
 *
 * Invariants. The report of a child lies in shared memory, and is complete up to where it died.
 */
#include "names.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "world.h"

/* Runs the world in this process; does not return if it fails. */
static void world_run(const struct kevy_sim_options *options, uint64_t seed,
                      struct kevy_sim_report *report)
{
    struct kevy_sim *sim = world_make(options, seed, report);

    options->test(sim);
    world_end(sim);
}

static void silence(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (null < 0)
        return;
    (void)dup2(null, STDOUT_FILENO);
    (void)dup2(null, STDERR_FILENO);
    (void)close(null);
}

/* A child that did not say why it ended. */
static void status_explain(struct kevy_sim_report *report, int status)
{
    if (WIFSIGNALED(status))
        (void)snprintf(report->reason, sizeof report->reason, "killed by signal %d (%s)",
                       WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(report->reason, sizeof report->reason, "ended with status %d",
                       WEXITSTATUS(status));
}

/* Returns 0 with a report, or an error. */
static int child_run(const struct kevy_sim_options *options, uint64_t seed,
                     struct kevy_sim_report *report, bool silent)
{
    int status = 0;
    pid_t child, ended;

    memset(report, 0, sizeof *report);
    (void)fflush(NULL);
    child = fork();
    if (child < 0)
        return -errno;
    if (child == 0) {
        if (silent)
            silence();
        world_run(options, seed, report);
        exit(EXIT_SUCCESS);
    }
    do
        ended = waitpid(child, &status, 0);
    while (ended < 0 && errno == EINTR);
    if (ended < 0)
        return -errno;
    if (status != 0 && !report->failed) {
        report->failed = true;
        status_explain(report, status);
    }
    return 0;
}

/* Looks for the smallest number of faults with which the seed of *report still fails. */
static int search(const struct kevy_sim_options *options, struct kevy_sim_report *report)
{
    struct kevy_sim_options fewer = *options;
    struct kevy_sim_report found = *report;
    uint64_t passes = 0; /* one more than the most that is known to pass */

    fewer.limited = true;
    fewer.traced = false;
    while (passes < found.faults) {
        uint64_t most = found.faults;
        int error;

        fewer.fault_limit = passes + (most - passes) / 2;
        error = child_run(&fewer, found.seed, report, true);
        if (error < 0)
            return error;
        if (report->failed)
            found = *report;
        else
            passes = fewer.fault_limit + 1;
        assert(!report->failed || found.faults < most);
    }
    *report = found;
    return 0;
}

static void report_print(const struct kevy_sim_options *options,
                         const struct kevy_sim_report *report)
{
    const char *name = options->name != NULL ? options->name : "sim";

    (void)printf("%s: seed %" PRIu64 " fails: %s\n", name, report->seed, report->reason);
    (void)printf("  after %" PRIu64 " events, at %" PRIu64 " ns, with %" PRIu64 " faults\n",
                 report->events, report->time_ns, report->faults);
    if (report->faults != 0)
        (void)printf("  the last fault: %s\n", report->last_fault);
    (void)printf("  again: %s--trace --faults %" PRIu64 " %" PRIu64, options->soft ? "--soft " : "",
                 report->faults, report->seed);
    if (options->events != 0)
        (void)printf(" %" PRIu64, options->events);
    (void)printf("\n");
    (void)fflush(stdout);
}

/* Runs the worlds one after the other. `shared` is what the children write to; `sums` gets the
 * worlds that passed, and the events of all. */
static int worlds_run(const struct kevy_sim_options *options, struct kevy_sim_report *shared,
                      struct kevy_sim_report *sums)
{
    uint64_t count = options->seeds != 0 ? options->seeds : 1;
    int error = 0;

    for (; sums->passed < count; sums->passed++) {
        error = child_run(options, options->seed + sums->passed, shared, false);
        sums->events_total += shared->events;
        if (error < 0 || shared->failed)
            break;
    }
    if (error == 0 && shared->failed && !options->quick)
        error = search(options, shared);
    return error;
}

int kevy_sim_run(const struct kevy_sim_options *options, struct kevy_sim_report *report)
{
    struct kevy_sim_report *shared;
    struct kevy_sim_report copy, sums = {0};
    int error = 0;

    assert(options->test != NULL && "a world needs its test function");
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -errno;
    if (options->in_process) {
        world_run(options, options->seed, shared);
        sums.passed = 1;
        sums.events_total = shared->events;
    } else {
        error = worlds_run(options, shared, &sums);
    }
    copy = *shared;
    (void)munmap(shared, sizeof *shared);
    if (error < 0)
        return error;
    copy.passed = sums.passed;
    copy.events_total = sums.events_total;
    if (copy.failed)
        report_print(options, &copy);
    if (report != NULL)
        *report = copy;
    return copy.failed;
}
