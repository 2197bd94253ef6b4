/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "allocator.h"

#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "world.h"

static uint32_t left;

static void *allocate(void *context, size_t size)
{
    void *memory;

    (void)context;
    if (chance(KEVY_SIM_ALLOCATION))
        return NULL;
    memory = malloc(size);
    if (memory != NULL)
        memset(memory, 0xDB, size);
    left++;
    return memory;
}

static void release(void *context, void *memory, size_t size)
{
    (void)context;
    EXPECT(memory != NULL && left > 0, "memory is given back twice");
    memset(memory, 0xDB, size);
    free(memory);
    left--;
}

const struct kevy_allocator sim_allocator = {.allocate = allocate, .release = release};

uint32_t allocations_left(void)
{
    return left;
}
