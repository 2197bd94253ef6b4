/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_PATTERN_H
#define SIM_PATTERN_H

/* Bytes that say where they belong: by stream and position. */

#include <stddef.h>
#include <stdint.h>

#include "world.h"

static inline uint8_t pattern_byte(uint64_t seed, uint64_t position)
{
    return (uint8_t)(((position + seed * 0x9E3779B97F4A7C15U) * 0xD1B54A32D192ED03U) >> 56);
}

static inline void pattern_fill(uint8_t *data, size_t length, uint64_t seed, uint64_t position)
{
    for (size_t i = 0; i < length; i++)
        data[i] = pattern_byte(seed, position + i);
}

static inline void pattern_check(const uint8_t *data, size_t length, uint64_t seed,
                                 uint64_t position, const char *who)
{
    for (size_t i = 0; i < length; i++)
        EXPECT(data[i] == pattern_byte(seed, position + i), "%s: byte %llu is wrong", who,
               (unsigned long long)(position + i));
}

#endif
