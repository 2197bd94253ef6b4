/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_RING_SRC_ZEROED_H
#define KEVY_RING_SRC_ZEROED_H

#include <stdbool.h>
#include <stddef.h>

/* The one rule for memory: an object that is all zero is idle, and nothing else may be started. */
static inline bool memory_zeroed(const void *memory, size_t size)
{
    const unsigned char *bytes = memory;

    for (size_t i = 0; i < size; i++)
        if (bytes[i] != 0)
            return false;
    return true;
}

#endif
