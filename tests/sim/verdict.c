/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "verdict.h"

#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"

static struct {
    uint64_t seed;
    uint64_t steps;
    unsigned passed;
    bool running;
} verdict;

bool verdict_tracing;

/* Of the sanitizers' run time, where there is one: their reports end the process silently. */
void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void seed_print(void)
{
    if (!verdict.running)
        return;
    verdict.running = false;
    printf("FAIL seed %" PRIu64 " at event %" PRIu64 ", %" PRIu64 " ns: replay with sim %" PRIu64
           " %" PRIu64 "\n",
           verdict.seed, clock_events(), clock_now(), verdict.seed, verdict.steps);
    printf("RESULT sim: %u passed, 1 failed, 0 skipped\n", verdict.passed);
    (void)fflush(stdout);
}

/* The library's own assertion. Printing from a handler is safe here: nothing else was printing. */
static void aborted(int number)
{
    seed_print();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

void verdict_begin(uint64_t seed, uint64_t steps)
{
    verdict.seed = seed;
    verdict.steps = steps;
    verdict.running = true;
    (void)signal(SIGABRT, aborted);
    if (__sanitizer_set_death_callback != NULL)
        __sanitizer_set_death_callback(seed_print);
    else
        (void)signal(SIGSEGV, aborted);
}

void verdict_passed(void)
{
    verdict.running = false;
    verdict.passed++;
}

void verdict_fail(const char *file, int line, const char *format, ...)
{
    va_list arguments;

    (void)fflush(stdout);
    printf("%s:%d: ", file, line);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
    seed_print();
    _exit(EXIT_FAILURE);
}

int verdict_end(void)
{
    printf("RESULT sim: %u passed, 0 failed, 0 skipped\n", verdict.passed);
    return verdict.passed != 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

void verdict_trace_set(bool wanted)
{
    verdict_tracing = wanted;
}

void verdict_trace(const char *format, ...)
{
    va_list arguments;

    printf("%12" PRIu64 " ", clock_now());
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    printf("\n");
}
