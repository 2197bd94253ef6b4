/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef RECV_POOL_TEST_H
#define RECV_POOL_TEST_H

/*
 * Streams that share a small pool. The turns of these tests may sleep: a stream that is forgotten
 * in the queue of the starved shows as a loop that sleeps with work left.
 */

#include "reactor_test.h"

enum {
    BUSY = 100,
    PORTION = 5000,
};

static struct probe probes[BUSY];
static uint8_t data[1 << 20];

static inline void pool(uint32_t count, uint32_t size)
{
    reactor_setup_with(&(struct kevy_reactor_options){.buffer_count = count, .buffer_size = size});
}

static inline void abort_all(unsigned count)
{
    for (unsigned index = 0; index < count; index++)
        if (!probes[index].closed)
            QUIETLY(kevy_stream_abort(&probes[index].stream));
    for (unsigned index = 0; index < count; index++)
        probe_finish(&probes[index]);
    ck_assert_uint_eq(stats_now().buffers_lent, 0);
}

static inline bool all_have(unsigned count, uint64_t bytes)
{
    for (unsigned index = 0; index < count; index++)
        if (probes[index].count < bytes)
            return false;
    return true;
}

/* Sleeping turns only: a lost wake is not to be hidden by the next turn. */
#define SLEEP_UNTIL(condition)                                                        \
    do {                                                                              \
        for (unsigned slept = 0; !(condition); slept++) {                             \
            bool woken = turn();                                                      \
                                                                                      \
            ck_assert_msg((condition) || woken, "the loop sleeps, yet: " #condition); \
            ck_assert_msg(slept < TURNS_MAX, "never: " #condition);                   \
        }                                                                             \
    } while (0)

#endif
