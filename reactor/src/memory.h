/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The bytes and queue entries of a reactor.
 *
 * Model. A block is a run of bytes with a count of references: one buffer of the receive pool, or a
 * piece of heap memory of the same size that holds copies. A segment is an entry of a queue: some
 * bytes of a block, or of a user's write. Both come from free lists that grow in slabs up to a
 * limit and never shrink, so that a server that has seen its peak allocates no more.
 *
 * Invariants. A block is free exactly when `refs` is 0. The bytes of a segment stay valid as long
 * as it exists: it holds one reference, or its write is PINNED. Bytes of a block behind `used`
 * belong to nobody, which is why a copy may be appended to a block whose earlier bytes are being
 * sent.
 */
#ifndef KEVY_REACTOR_MEMORY_H
#define KEVY_REACTOR_MEMORY_H

#include <kevy/stream.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kevy_block {
    uint8_t *data;
    uint32_t refs;
    uint32_t used;     /* bytes written so far, of a heap block */
    uint32_t capacity; /* of a heap block; 0 marks a buffer of the pool */
    uint16_t id;       /* of a buffer of the pool */
    struct kevy_block *next_free;
};

struct kevy_segment {
    struct kevy_segment *next;
    const uint8_t *data;
    struct kevy_block
        *block; /* that `data` lies in, holding a reference; NULL for a user's write */
    struct kevy_write *write; /* to report when these bytes are gone, or NULL */
    uint32_t length;
};

struct slab {
    struct slab *next;
    size_t size;
};

struct memory {
    struct kevy_segment *segments_free;
    struct kevy_block *blocks_free;
    struct slab *slabs;
    size_t block_size; /* bytes that a heap block holds */
    size_t limit;
    size_t used; /* bytes of all slabs */
    size_t peak;
    uint64_t failures;
};

void memory_init(struct memory *memory, size_t block_size, size_t limit);

/* Frees every slab. Nothing taken from it may be in use. */
void memory_deinit(struct memory *memory);

/* Fill the free lists; false when the limit or the system refuses. */
bool memory_segments_grow(struct memory *memory);
bool memory_blocks_grow(struct memory *memory);

static inline struct kevy_segment *segment_take(struct memory *memory)
{
    struct kevy_segment *segment = memory->segments_free;

    if (__builtin_expect(segment == NULL, 0)) {
        if (!memory_segments_grow(memory))
            return NULL;
        segment = memory->segments_free;
    }
    memory->segments_free = segment->next;
    segment->next = NULL;
    return segment;
}

static inline void segment_give(struct memory *memory, struct kevy_segment *segment)
{
    segment->next = memory->segments_free;
    memory->segments_free = segment;
}

/* A heap block with one reference, or NULL. */
static inline struct kevy_block *block_take(struct memory *memory)
{
    struct kevy_block *block = memory->blocks_free;

    if (block == NULL) {
        if (!memory_blocks_grow(memory))
            return NULL;
        block = memory->blocks_free;
    }
    memory->blocks_free = block->next_free;
    block->refs = 1;
    block->used = 0;
    return block;
}

static inline void block_give(struct memory *memory, struct kevy_block *block)
{
    block->next_free = memory->blocks_free;
    memory->blocks_free = block;
}

#endif /* KEVY_REACTOR_MEMORY_H */
