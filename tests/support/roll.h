/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef ROLL_H
#define ROLL_H

#include <stdint.h>

/* Numbers that look random and are the same in every run. */
static inline uint32_t roll(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

#endif
