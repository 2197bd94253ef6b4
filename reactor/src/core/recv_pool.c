/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The receive pool; the model and the invariants are in pool.h. */
#include "core/pool.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <string.h>

#include "tools.h"

#if DEBUG_CHECKS

/* What a hidden buffer is full of. */
#define HIDDEN 0xDBU

void pool_hide(const struct kevy_reactor *reactor, struct kevy_x_block *block)
{
    size_t size = reactor->pool.buffer_size;

    /* Behind what was received it is nobody's yet: pool_show(). */
    tools_written(block->data, size);
    memset(block->data, HIDDEN, size);
    block->hidden = true;
    tools_take_away(block->data, size);
}

static bool untouched(const uint8_t *data, size_t size)
{
    return size == 0 || (data[0] == HIDDEN && memcmp(data, data + 1, size - 1) == 0);
}

void pool_show(const struct kevy_reactor *reactor, struct kevy_x_block *block, uint32_t length)
{
    size_t size = reactor->pool.buffer_size;

    assert(length <= size);
    tools_written(block->data, size);
    assert((!block->hidden || untouched(block->data + length, size - length)) &&
           "a received buffer was written to after it had been given back");
    block->hidden = false;
    tools_take_away(block->data + length, size - length);
}

#endif

int pool_register(struct kevy_reactor *reactor, uint32_t count, uint32_t size)
{
    struct kevy_buffer_ring_options options = {
        .entries = count, .buffer_size = size, .group = POOL_GROUP};

    return kevy_buffer_ring_init(&reactor->pool, &reactor->ring, &options);
}

int pool_open(struct kevy_reactor *reactor)
{
    uint32_t count = reactor->pool.entries;
    uint32_t size = reactor->pool.buffer_size;

    reactor->pool_blocks =
        memory_table(reactor->memory.allocator, count * sizeof *reactor->pool_blocks);
    if (reactor->pool_blocks == NULL) {
        kevy_buffer_ring_deinit(&reactor->pool);
        return -ENOMEM;
    }
    for (uint32_t id = 0; id < count; id++) {
        struct kevy_x_block *block = &reactor->pool_blocks[id];

        block->data = reactor->pool.buffers + (size_t)id * size;
        block->refs = 1;
        block->own.data = block->data;
        block->id = (uint16_t)id;
        block->own.block = block;
        block->own.reactor = reactor;
    }
    tools_take_away(reactor->pool.buffers, (size_t)count * size);
    reactor->pool_half = count / 2;
    reactor->pool_published = reactor->pool.tail;
    run_choose(reactor);
    return 0;
}

void pool_close(struct kevy_reactor *reactor)
{
    size_t size = reactor->pool.entries * sizeof *reactor->pool_blocks;

    assert(reactor->starved.count == 0 || reactor->objects != NULL);
    tools_written(reactor->pool.buffers, (size_t)reactor->pool.entries * reactor->pool.buffer_size);
    kevy_buffer_ring_deinit(&reactor->pool);
    memory_table_free(reactor->memory.allocator, reactor->pool_blocks, size);
}

struct kevy_x_block *block_copy(struct kevy_reactor *reactor, const void *data, uint32_t length)
{
    struct kevy_x_block *block = block_take(&reactor->memory);

    if (block == NULL)
        return NULL;
    assert(length <= block->capacity);
    memcpy(block->data, data, length);
    block->used = length;
    return block;
}

int kevy_buffer_retain(struct kevy_buffer *buffer, struct kevy_buffer *kept)
{
    struct kevy_reactor *reactor = buffer->reactor;
    struct kevy_x_block *block = buffer->block;

    thread_check(reactor);
    assert(block != NULL && "an empty buffer cannot be kept");
    assert(buffer->use != BUFFER_QUEUED && "a buffer that was forwarded cannot be kept");
    assert(block->refs > 0);
    if (block->capacity != 0 || !pool_low(reactor)) {
        block->refs++;
        *kept = *buffer;
        kept->use = BUFFER_KEPT;
        kept->source = NULL;
        return 0;
    }
    block = block_copy(reactor, buffer->data, buffer->length);
    if (block == NULL)
        return -ENOBUFS;
    reactor->stats.copies++;
    *kept = (struct kevy_buffer){.data = block->data,
                                 .length = buffer->length,
                                 .use = BUFFER_KEPT,
                                 .block = block,
                                 .reactor = reactor};
    return 0;
}

void kevy_buffer_share(const struct kevy_buffer *kept, struct kevy_buffer *shared)
{
    assert(kept->block != NULL && kept->use == BUFFER_KEPT && "only a kept buffer can be shared");
    thread_check(kept->reactor);
    kept->block->refs++;
    *shared = *kept;
    shared->source = NULL;
}

int kevy_buffer_create(struct kevy_reactor *reactor, struct kevy_stream *source,
                       struct kevy_buffer *created)
{
    struct kevy_x_block *block;

    thread_check(reactor);
    block = block_take(&reactor->memory);
    memory_need(&reactor->memory); /* bytes of a peer's that are to be delivered */
    if (block == NULL)
        return -ENOBUFS;
    block->used = block->capacity; /* all of it is the caller's: nothing is appended behind */
    *created = (struct kevy_buffer){.data = block->data,
                                    .length = reactor->options.buffer_size,
                                    .use = BUFFER_KEPT,
                                    .block = block,
                                    .reactor = reactor,
                                    .source = source};
    return 0;
}

void kevy_buffer_release(struct kevy_buffer *kept)
{
    if (kept->block == NULL)
        return;
    thread_check(kept->reactor);
    assert(kept->use == BUFFER_KEPT && "only a kept buffer is released");
    block_release(kept->reactor, kept->block);
    memset(kept, 0, sizeof *kept);
}

#endif /* KEVY_RING_SUPPORTED */
