/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_VERDICT_H
#define SIM_VERDICT_H

/*
 * What happens when an invariant is broken: the seed and the step are printed, and the program
 * ends. The same when the library asserts, crashes, or a sanitizer reports.
 */

#include <stdbool.h>
#include <stdint.h>

void verdict_begin(uint64_t seed, uint64_t steps);
void verdict_passed(void);

/* The seed has failed: says so, prints the RESULT line, ends the process. */
_Noreturn void verdict_fail(const char *file, int line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Prints the RESULT line of what passed. Returns the exit status. */
int verdict_end(void);

/* A line of what happens, printed when SIM's --trace was given. */
void verdict_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));
void verdict_trace_set(bool wanted);
extern bool verdict_tracing;

#define FAIL(...) verdict_fail(__FILE__, __LINE__, __VA_ARGS__)
#define EXPECT(condition, ...) \
    do {                       \
        if (!(condition))      \
            FAIL(__VA_ARGS__); \
    } while (0)
#define TRACE(...)                      \
    do {                                \
        if (verdict_tracing)            \
            verdict_trace(__VA_ARGS__); \
    } while (0)

#endif
