/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Slabs for blocks and queue entries; the model is in memory.h. */
#include "core/memory.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define SLAB_BUFFERS 255U
#define SLAB_BLOCKS  15U
/* Blocks begin on a cache line, so that the kernel's copies do. */
#define BLOCK_ALIGNMENT 64U
/* Header and alignment of a slab, at most. */
#define SLAB_OVERHEAD (3 * BLOCK_ALIGNMENT)

_Static_assert(sizeof(struct slab) <= BLOCK_ALIGNMENT, "the header of a slab is one line");

static void *malloc_allocate(void *context, size_t size)
{
    (void)context;
    return malloc(size);
}

static void malloc_release(void *context, void *memory, size_t size)
{
    (void)context;
    (void)size;
    free(memory);
}

const struct kevy_allocator memory_malloc = {.allocate = malloc_allocate,
                                             .release = malloc_release};

void *memory_table(const struct kevy_allocator *allocator, size_t size)
{
    void *table = allocator->allocate(allocator->context, size);

    return table != NULL ? memset(table, 0, size) : NULL;
}

void memory_table_free(const struct kevy_allocator *allocator, void *table, size_t size)
{
    if (table != NULL)
        allocator->release(allocator->context, table, size);
}

static size_t align_up(size_t size)
{
    return (size + BLOCK_ALIGNMENT - 1) & ~(size_t)(BLOCK_ALIGNMENT - 1);
}

void memory_init(struct memory *memory, const struct kevy_allocator *allocator, size_t block_size,
                 size_t limit)
{
    assert(allocator->allocate != NULL && allocator->release != NULL && block_size > 0);
    memset(memory, 0, sizeof *memory);
    memory->allocator = allocator;
    memory->block_size = align_up(block_size);
    memory->limit = limit;
}

bool memory_is_back(const struct memory *memory)
{
    size_t buffers = 0, blocks = 0;

    for (const struct kevy_buffer *buffer = memory->buffers_free; buffer != NULL;
         buffer = buffer->next)
        buffers += buffer->use == BUFFER_FREE;
    for (const struct kevy_x_block *block = memory->blocks_free; block != NULL;
         block = block->next_free)
        blocks += block->refs == 0;
    return buffers == memory->buffers_made && blocks == memory->blocks_made;
}

void memory_deinit(struct memory *memory)
{
    while (memory->slabs != NULL) {
        struct slab *slab = memory->slabs;

        memory->slabs = slab->next;
        memory_table_free(memory->allocator, slab->memory, slab->size);
    }
    memset(memory, 0, sizeof *memory);
}

/* The pieces of `size` bytes that the next slab has: `wanted`, or what the limit has room for. */
static unsigned slab_pieces(const struct memory *memory, size_t size, unsigned wanted)
{
    size_t room = memory->limit - memory->used;
    size_t pieces = room > SLAB_OVERHEAD ? (room - SLAB_OVERHEAD) / size : 0;

    return pieces < wanted ? (unsigned)pieces : wanted;
}

/* A slab with room for `size` bytes behind its aligned header; NULL for none, or when the system
 * refuses. */
static uint8_t *slab_add(struct memory *memory, size_t size)
{
    const struct kevy_allocator *allocator = memory->allocator;
    size_t total = 2 * BLOCK_ALIGNMENT + align_up(size);
    void *allocated = NULL;
    struct slab *slab;

    assert(memory->used <= memory->limit);
    if (size != 0)
        allocated = allocator->allocate(allocator->context, total);
    if (allocated == NULL) {
        memory->pressed = true;
        memory->failures++;
        return NULL;
    }
    slab = (void *)align_up((size_t)(uintptr_t)allocated);
    slab->memory = allocated;
    slab->next = memory->slabs;
    slab->size = total;
    memory->slabs = slab;
    memory->used += total;
    assert(memory->used <= memory->limit);
    if (memory->used > memory->peak)
        memory->peak = memory->used;
    return (uint8_t *)slab + BLOCK_ALIGNMENT;
}

bool memory_buffers_grow(struct memory *memory)
{
    unsigned count = slab_pieces(memory, sizeof(struct kevy_buffer), SLAB_BUFFERS);
    struct kevy_buffer *buffers = (void *)slab_add(memory, count * sizeof *buffers);

    if (buffers == NULL)
        return false;
    memory->buffers_made += count;
    while (count-- > 0) {
        buffers[count].block = NULL;
        buffers[count].use = BUFFER_QUEUED; /* as if it had been somebody's */
        buffer_give(memory, &buffers[count]);
    }
    return true;
}

bool memory_blocks_grow(struct memory *memory)
{
    size_t header = align_up(sizeof(struct kevy_x_block));
    size_t stride = header + memory->block_size;
    unsigned count = slab_pieces(memory, stride, SLAB_BLOCKS);
    uint8_t *place = slab_add(memory, count * stride);

    if (place == NULL)
        return false;
    memory->blocks_made += count;
    for (; count > 0; count--, place += stride) {
        struct kevy_x_block *block = (void *)place;

        memset(block, 0, sizeof *block);
        block->data = place + header;
        block->capacity = (uint32_t)memory->block_size;
        block->refs = 1; /* as if it had been somebody's */
        block_give(memory, block);
    }
    return true;
}

#endif /* KEVY_RING_SUPPORTED */
