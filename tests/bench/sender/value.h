/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What all senders answer each byte with: a mebibyte of the user's memory, as a cache has it. */
#ifndef BENCH_VALUE_H
#define BENCH_VALUE_H

#include "pattern.h"

#define VALUE_SIZE 1048576U

static uint8_t value[VALUE_SIZE];

static inline void value_prepare(void)
{
    pattern_fill(value, sizeof value);
}

#endif
