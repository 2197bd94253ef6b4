/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * turns.h - how long the turns of a loop take, measured by the hooks around its wait.
 *
 * Model. A peak since the start would hide all that comes after the first long turn. So there is
 * a second one: of the second that runs, and of the one before it.
 */
#ifndef HTTP_ECHO_TURNS_H
#define HTTP_ECHO_TURNS_H

#include <kevy/reactor.h>

#include <stdint.h>
#include <time.h>

struct turns {
    uint64_t began_ns; /* 0: no wait has ended yet */
    uint64_t longest_ns;
    uint64_t second;    /* which one runs */
    uint64_t recent_ns; /* the longest turn in it */
    uint64_t before_ns; /* and in the one before */
};

static inline uint64_t turns_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return KEVY_SECONDS(now.tv_sec) + (uint64_t)now.tv_nsec;
}

/* Makes the second of `now_ns` the one that runs. */
static inline void turns_advance(struct turns *turns, uint64_t now_ns)
{
    uint64_t second = now_ns / KEVY_SECONDS(1);

    if (second == turns->second)
        return;
    turns->before_ns = second == turns->second + 1 ? turns->recent_ns : 0;
    turns->recent_ns = 0;
    turns->second = second;
}

/* A wait has ended. */
static inline void turns_begin(struct turns *turns)
{
    turns->began_ns = turns_clock();
}

/* The next wait begins. */
static inline void turns_end(struct turns *turns)
{
    uint64_t now_ns = turns_clock(), length_ns = now_ns - turns->began_ns;

    if (!turns->began_ns)
        return;
    turns_advance(turns, now_ns);
    if (turns->recent_ns < length_ns)
        turns->recent_ns = length_ns;
    if (turns->longest_ns < length_ns)
        turns->longest_ns = length_ns;
}

static inline uint64_t turns_recent(struct turns *turns)
{
    turns_advance(turns, turns_clock());
    return turns->recent_ns > turns->before_ns ? turns->recent_ns : turns->before_ns;
}

#endif
