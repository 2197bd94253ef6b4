/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What streams and datagram sockets have in common; the model is in reader.h. */
#include "core/reader.h"

#if KEVY_RING_SUPPORTED

/* Starved readers read on when this part of the pool is back. */
#define FEED_DIVISOR 8U
/* Two at a time, so that one goes on while the other's queue is sent. */
#define TURN_READERS 2U

static struct kevy_x_reader *reader_of(struct kevy_x_waiter *waiter)
{
    return KEVY_CONTAINER_OF(waiter, struct kevy_x_reader, wait);
}

void reader_starve(struct kevy_x_reader *reader)
{
    struct kevy_reactor *reactor = reader->object.reactor;

    assert((reader->object.flags & READER_STARVED) == 0 && !waiting(&reader->wait));
    reader->object.flags |= READER_STARVED;
    waiters_append(&reactor->starved, &reader->wait);
    reactor->stats.starvations++;
}

void reader_starve_end(struct kevy_x_reader *reader)
{
    if ((reader->object.flags & READER_STARVED) == 0)
        return;
    reader->object.flags &= ~READER_STARVED;
    waiters_remove(&reader->object.reactor->starved, &reader->wait);
}

void reader_turn_await(struct kevy_x_reader *reader, bool again)
{
    struct kevy_reactor *reactor = reader->object.reactor;

    assert((reader->object.flags & (READER_STARVED | READER_IN_TURN)) == 0);
    reader->object.flags |= READER_IN_TURN;
    if (again)
        waiters_prepend(&reactor->in_turn, &reader->wait);
    else
        waiters_append(&reactor->in_turn, &reader->wait);
}

void reader_turn_end(struct kevy_x_reader *reader)
{
    if ((reader->object.flags & READER_IN_TURN) == 0)
        return;
    reader->object.flags &= ~READER_IN_TURN;
    waiters_remove(&reader->object.reactor->in_turn, &reader->wait);
}

void readers_take_turns(struct kevy_reactor *reactor)
{
    uint32_t left = TURN_READERS;

    while (left > 0 && reactor->in_turn.first != NULL) {
        struct kevy_x_reader *reader = reader_of(reactor->in_turn.first);

        reader_turn_end(reader);
        if (object_operations(&reader->object)->feed(&reader->object) != 0)
            left--;
        assert(!waiting(&reader->wait)); /* or the same ones would have their turn for ever */
    }
}

/* Buffers in completions that wait to be handled: neither lent yet nor the kernel's any more. */
static uint32_t buffers_coming(const struct kevy_reactor *reactor)
{
    const struct kevy_ring *ring = &reactor->ring;
    uint32_t ready = kevy_ring_ready(ring);
    uint32_t size = reactor->pool.buffer_size;
    uint32_t count = 0;

    for (uint32_t index = 0; index < ready; index++) {
        const struct kevy_cqe *cqe = &ring->cqes[(ring->cqe_head + index) & ring->cq_mask];

        if (cqe->flags & KEVY_CQE_F_BUFFER)
            count += cqe->res > 0 ? ((uint32_t)cqe->res - 1) / size + 1 : 1;
    }
    return count;
}

/* What the kernel has to fill, looked at only when somebody is starved. Nothing, as far as anybody
 * can tell, while completions have overflowed into the kernel's list. */
static uint32_t pool_available(const struct kevy_reactor *reactor)
{
    uint32_t out = reactor->pool.lent_count + buffers_coming(reactor);

    if (kevy_ring_overflowed(&reactor->ring))
        return 0;
    return out < reactor->pool.entries ? reactor->pool.entries - out : 0;
}

static bool enough(const struct kevy_reactor *reactor, uint32_t available)
{
    return available != 0 && available >= reactor->pool.entries / FEED_DIVISOR;
}

bool readers_can_feed(const struct kevy_reactor *reactor)
{
    return reactor->starved.count != 0 && enough(reactor, pool_available(reactor));
}

/*
 * A multishot takes a run of buffers before the next request has its turn, so no more are armed at
 * once than there are runs: of several the first would take all there is every time, and the others
 * nothing. They are armed here, in their order: the pending list would turn it round.
 */
void readers_feed(struct kevy_reactor *reactor)
{
    uint32_t buffers = pool_available(reactor);

    if (!enough(reactor, buffers))
        return;
    while (buffers > 0 && reactor->starved.first != NULL) {
        struct kevy_x_reader *reader = reader_of(reactor->starved.first);
        uint32_t run;

        reader_starve_end(reader);
        reader->object.flags |= READER_POLL_FIRST;
        run = object_operations(&reader->object)->feed(&reader->object);
        assert(!waiting(&reader->wait)); /* or the same ones would be fed for ever */
        buffers = buffers > run ? buffers - run : 0;
    }
}

struct kevy_buffer *buffer_copy(struct kevy_reactor *reactor, struct kevy_buffer *buffer)
{
    struct kevy_x_block *from = buffer->block;
    const uint8_t *begin = from->rights ? from->data : buffer->data;
    uint32_t before = (uint32_t)(buffer->data - begin);
    struct kevy_x_block *block = block_copy(reactor, begin, before + buffer->length);

    assert(buffer->data >= from->data && buffer->block->capacity == 0);
    if (block == NULL)
        return NULL;
    reactor->stats.copies++;
    block->rights = from->rights;
    from->rights = false;
    block->own = (struct kevy_buffer){
        .data = block->data + before, .length = buffer->length, .block = block, .reactor = reactor};
    return &block->own;
}

void stash_append(struct kevy_x_reader *reader, struct kevy_buffer *buffer)
{
    assert(buffer == &buffer->block->own && buffer->use != BUFFER_QUEUED);
    assert(buffer->block->refs > 0);
    buffer->next = buffer;
    if (reader->stash_last != NULL) {
        buffer->next = reader->stash_last->next;
        reader->stash_last->next = buffer;
    }
    reader->stash_last = buffer;
    reader->object.flags |= READER_STASHES;
    object_pend(&reader->object);
}

struct kevy_buffer *stash_take(struct kevy_x_reader *reader)
{
    struct kevy_buffer *first = reader->stash_last->next;

    assert((reader->object.flags & READER_STASHES) != 0);
    assert(first == &first->block->own && first->block->refs > 0);
    reader->stash_last->next = first->next;
    if (first == reader->stash_last) {
        reader->stash_last = NULL;
        reader->object.flags &= ~READER_STASHES;
    }
    return first;
}

#endif /* KEVY_RING_SUPPORTED */
