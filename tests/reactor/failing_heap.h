/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FAILING_HEAP_H
#define FAILING_HEAP_H

/* An allocator for reactors of which one allocation fails, and that knows what is left of it. */

#include <kevy/reactor.h>
#include <stdlib.h>

static struct heap {
    unsigned nth; /* counted down to the one that fails, 0 for none */
    unsigned live;
    bool failed;
} heap;

static void *heap_allocate(void *context, size_t size)
{
    struct heap *from = context;

    if (from->nth != 0 && --from->nth == 0) {
        from->failed = true;
        return NULL;
    }
    from->live++;
    return malloc(size);
}

static void heap_release(void *context, void *memory, size_t size)
{
    struct heap *to = context;

    (void)size;
    to->live--;
    free(memory);
}

static const struct kevy_allocator heap_allocator = {heap_allocate, heap_release, &heap};

/* The `nth` allocation from now fails, counted from 1; 0 for none. */
static inline void heap_fail(unsigned nth)
{
    heap.nth = nth;
    heap.failed = false;
}

#endif
