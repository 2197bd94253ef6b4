/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_WORLD_H
#define KEVY_SIM_SRC_WORLD_H

/*
 * The world as a whole: what it was made from, what has happened in it, and how it ends.
 *
 * Model. A process has one world; all parts of it are reset when it is made. Its report lies in
 * memory that is shared with the process that waits for it, and is kept up to date, so that a crash
 * leaves all that is known.
 *
 *     faults --events, or set quiet--> quiet --all scripts over, nobody holds--> over
 *
 * Invariants. A failure ends the process, or never returns. A world that is quiet comes to its end
 * within its time, and within a number of enters.
 */

#include "names.h"

#include <kevy/sim.h>

struct kevy_sim {
    const struct kevy_sim_options *options;
    struct kevy_sim_report *report;
    struct kevy_sim_invariant *invariants;
    struct kevy_sim_script *scripts; /* that connect */
    void (*when_over)(struct kevy_sim *sim);
    struct kevy_sim_event over;
    struct kevy_reactor *serving; /* by kevy_sim_serve() */
    struct kevy_task wake;        /* of that */
    uint64_t enters;
    uint64_t quiet_ns; /* since when */
    uint64_t quiet_enters;
    uint32_t holds;
    bool tolerates; /* see world_tolerate() */
    bool shortage;  /* memory or a descriptor was refused */
};

/* Makes the world of one seed. */
struct kevy_sim *world_make(const struct kevy_sim_options *options, uint64_t seed,
                            struct kevy_sim_report *report);

/* The test function has returned: nothing may be left. */
void world_end(struct kevy_sim *sim);

/* The world there is, asserted to be *sim. */
void world_check(const struct kevy_sim *sim);
struct kevy_sim *world_current(void);

/* The program enters the kernel. */
void world_entered(void);

/* A script or a hold is over. */
void world_over_look(struct kevy_sim *sim);

/* For a test of the kernel itself: what no program should do does not fail the world, but has its
 * errno. */
void world_tolerate(void);
bool world_tolerates(void);

/* For the digest of the run: a number that depends on nothing but the seed. */
void world_note(uint64_t value);
void world_fault(uint64_t number, const char *name);

/* The program is refused memory or a descriptor. */
void world_refuses(void);

_Noreturn void world_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
bool world_traced(void);
void world_trace(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define FAIL(...) world_fail(__VA_ARGS__)
#define EXPECT(condition, ...) \
    do {                       \
        if (!(condition))      \
            FAIL(__VA_ARGS__); \
    } while (0)
/* What no program should do: the world fails, or the function returns the errno. */
#define REQUIRE(condition, error, ...)              \
    do {                                            \
        if (!(condition)) {                         \
            EXPECT(world_tolerates(), __VA_ARGS__); \
            return error;                           \
        }                                           \
    } while (0)
#define TRACE(...)                    \
    do {                              \
        if (world_traced())           \
            world_trace(__VA_ARGS__); \
    } while (0)

#endif
