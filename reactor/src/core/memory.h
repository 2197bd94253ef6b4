/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The bytes and queue entries of a reactor.
 *
 * Model. A block is a run of bytes with a count of references: one buffer of the receive pool, or a
 * piece of heap memory of the same size that holds copies. A queue is a list of kevy_buffers, each
 * some bytes of a block or of a user's write. Every block of the pool has a kevy_buffer of its own,
 * which goes from the kernel to the read callback and on into a queue without anything being
 * allocated; further ones, and heap blocks, come from free lists that grow in slabs up to a limit
 * and never shrink, so that a server that has seen its peak allocates no more.
 *
 * Pressure. What is left decides how much one queue may hold: at less than half of the limit marks
 * shrink and every recv brings one buffer, and at less than a sixteenth, the reserve, bulk takes
 * nothing more, so that small answers find room. `pressed` has the next flush see to it, by
 * pressure.c.
 *
 * Invariants. A buffer of the pool in the kernel's hand has one reference, that of whoever gets it
 * next; its own kevy_buffer then names its first byte. A heap block that is free has none. A
 * kevy_buffer in a queue holds one reference to its block, or its write is PINNED. Bytes of a heap
 * block behind `used` belong to nobody, which is why a copy may be appended to a block whose
 * earlier bytes are being sent.
 */
#ifndef KEVY_REACTOR_MEMORY_H
#define KEVY_REACTOR_MEMORY_H

#include "core/names.h"

#include <kevy/recv_pool.h>

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* For kevy_buffer.use. */
enum buffer_use {
    BUFFER_BORROWED,  /* a block's own, on its way from the kernel through a read callback */
    BUFFER_PART,      /* the same, behind a header, so that another entry has to queue it */
    BUFFER_QUEUED,    /* an entry of a queue */
    BUFFER_KEPT,      /* the user's, by kevy_buffer_retain() or _share() */
    BUFFER_ZERO_COPY, /* an entry of a queue: what is left of a zero-copy write begins here */
    BUFFER_RIGHTS,    /* an entry of a queue whose block begins with a control message */
    BUFFER_RANGE,     /* an entry of a queue that is part of a file range, without bytes here */
    BUFFER_FREE,      /* nobody's: in the free list */
};

struct kevy_x_block {
    struct kevy_buffer own; /* the whole of what was received, of a buffer of the pool */
    uint8_t *data;
    uint32_t refs;
    uint32_t used;     /* bytes written so far, of a heap block */
    uint32_t capacity; /* of a heap block; 0 marks a buffer of the pool */
    uint16_t id;       /* of a buffer of the pool */
    bool hidden;       /* of a buffer of the pool: pool_hide() has filled it */
    bool rights;       /* descriptors were received with the bytes, are open, and nobody's yet */
    struct kevy_x_block *next_free;
};

struct slab {
    struct slab *next;
    void *memory; /* as it was allocated: the slab is aligned within */
    size_t size;
};

struct memory {
    const struct kevy_allocator *allocator;
    struct kevy_buffer *buffers_free;
    struct kevy_x_block *blocks_free;
    struct slab *slabs;
    size_t buffers_made; /* of the slabs, free or not */
    size_t blocks_made;
    size_t block_size; /* bytes that a heap block holds */
    size_t limit;
    size_t used;        /* bytes of all slabs */
    size_t blocks_idle; /* in the free list */
    bool pressed;       /* memory is tight, and the flush has to look */
    bool needed;        /* the reserve was touched by who holds little, or cannot do without */
    bool restrained;    /* since it is tight, no recv brings more than one buffer */
    size_t peak;
    uint64_t failures;
};

void memory_init(struct memory *memory, const struct kevy_allocator *allocator, size_t block_size,
                 size_t limit);

/* Plain memory for tables, zeroed, not counted against the limit; NULL when there is none. */
void *memory_table(const struct kevy_allocator *allocator, size_t size);
void memory_table_free(const struct kevy_allocator *allocator, void *table, size_t size);

/* The allocator to use where none was given. */
extern const struct kevy_allocator memory_malloc;

/* True when everything that was taken is back. Walks the free lists. */
bool memory_is_back(const struct memory *memory);

/* Frees every slab. Nothing taken from it may be in use. */
void memory_deinit(struct memory *memory);

/* Fill the free lists; false when the limit or the system refuses. */
bool memory_buffers_grow(struct memory *memory);
bool memory_blocks_grow(struct memory *memory);

/* A queue entry for `length` bytes at `data`; takes over the reference to `block`. NULL at the
 * limit. */
static inline struct kevy_buffer *buffer_make(struct memory *memory, struct kevy_x_block *block,
                                              const uint8_t *data, uint32_t length)
{
    struct kevy_buffer *buffer = memory->buffers_free;

    if (__builtin_expect(buffer == NULL, 0)) {
        if (!memory_buffers_grow(memory))
            return NULL;
        buffer = memory->buffers_free;
    }
    assert(buffer->use == BUFFER_FREE);
    memory->buffers_free = buffer->next;
    buffer->next = NULL;
    buffer->write = NULL;
    buffer->block = block;
    buffer->data = data;
    buffer->length = length;
    buffer->use = BUFFER_QUEUED;
    return buffer;
}

/* Gives a queue entry back, not the reference it holds. A block's own entry goes with the block. */
static inline void buffer_give(struct memory *memory, struct kevy_buffer *buffer)
{
    if (buffer->block != NULL && buffer == &buffer->block->own)
        return;
    assert(buffer->use != BUFFER_FREE); /* given back twice */
    buffer->use = BUFFER_FREE;
    buffer->next = memory->buffers_free;
    memory->buffers_free = buffer;
}

/* Bytes that copies may still take. */
static inline size_t memory_left(const struct memory *memory)
{
    return memory->limit - memory->used + memory->blocks_idle * memory->block_size;
}

/* One recv brings one buffer, and who is held back is asked for nothing more. */
static inline bool memory_tight(const struct memory *memory)
{
    return memory_left(memory) < memory->limit / 2;
}

/* The reserve: what small answers and heads find when all else is taken. */
static inline size_t memory_reserve(const struct memory *memory)
{
    return memory->limit / 16;
}

static inline bool memory_scarce(const struct memory *memory)
{
    return memory_left(memory) < memory_reserve(memory);
}

/* Bytes that must not be lost, or a small answer, have taken from the reserve, or found none. */
static inline void memory_need(struct memory *memory)
{
    if (!memory_scarce(memory))
        return;
    memory->needed = true;
    memory->pressed = true;
}

/* A heap block with one reference, or NULL. */
static inline struct kevy_x_block *block_take(struct memory *memory)
{
    struct kevy_x_block *block = memory->blocks_free;

    if (block == NULL) {
        if (!memory_blocks_grow(memory))
            return NULL;
        block = memory->blocks_free;
    }
    assert(block->refs == 0 && block->capacity == memory->block_size);
    assert(memory->blocks_idle > 0);
    memory->blocks_free = block->next_free;
    memory->blocks_idle--;
    memory->pressed |= memory_tight(memory);
    block->refs = 1;
    block->used = 0;
    return block;
}

static inline void block_give(struct memory *memory, struct kevy_x_block *block)
{
    assert(block->refs == 1 && block->capacity == memory->block_size && !block->rights);
    block->refs = 0;
    block->next_free = memory->blocks_free;
    memory->blocks_free = block;
    memory->blocks_idle++;
    if (__builtin_expect(memory->restrained, 0) && !memory_tight(memory))
        memory->restrained = false;
}

#endif /* KEVY_REACTOR_MEMORY_H */
