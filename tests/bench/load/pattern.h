/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The bytes that go to a server and come back, so that each one can be checked by its position.
 *
 * Model. The byte at offset N is pattern[N % PATTERN_PERIOD]. The period is no power of two, and no
 * multiple of a message's size, so that a byte that is lost, doubled or out of order shows.
 */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stddef.h>
#include <stdint.h>

#define PATTERN_PERIOD 4093U

/* Fills memory as if its first byte had offset 0. */
static inline void pattern_fill(uint8_t *memory, size_t length)
{
    for (size_t i = 0; i < length; i++)
        memory[i] = (uint8_t)((i % PATTERN_PERIOD) * 31 >> 3);
}

#endif
