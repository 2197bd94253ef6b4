/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The receive pool: lending, copying under pressure, starvation.
 *
 * Model. One provided-buffer ring a reactor, one block a buffer. A block's references are the read
 * callback that runs, the user's kept buffers and the entries of queues; with the last one the
 * buffer is staged for the kernel, and the loop publishes what was staged once a turn.
 *
 * Invariants. At most half of the pool is kept beyond a read callback: beyond that, keeping copies.
 * So a stream that hoards takes half of the pool at worst, and the other half goes on serving.
 * Starved streams are armed again oldest first, a few at a time, and with
 * POLL_FIRST: arming against an empty pool fails at once otherwise, also when nothing has come
 * (liburing issue 1275).
 */
#include "datagram_internal.h"
#include "stream_internal.h"

#if KEVY_RING_SUPPORTED

/* Starved streams read on when this part of the pool is back. */
#define FEED_DIVISOR 8U
/* Buffers that a multishot fills in one go: 32 retries and the first (measured on 6.18). */
#define RUN_BUFFERS 33U

int pool_open(struct kevy_reactor *reactor, uint32_t count, uint32_t size)
{
    struct kevy_buffer_ring_options options = {
        .entries = count, .buffer_size = size, .group = POOL_GROUP};
    int error = kevy_buffer_ring_init(&reactor->pool, &reactor->ring, &options);

    if (error < 0)
        return error;
    reactor->pool_blocks =
        memory_table(reactor->memory.allocator, count * sizeof *reactor->pool_blocks);
    if (reactor->pool_blocks == NULL) {
        kevy_buffer_ring_deinit(&reactor->pool);
        return -ENOMEM;
    }
    for (uint32_t id = 0; id < count; id++) {
        struct kevy_block *block = &reactor->pool_blocks[id];

        block->data = reactor->pool.buffers + (size_t)id * size;
        block->refs = 1;
        block->own.data = block->data;
        block->id = (uint16_t)id;
        block->own.block = block;
        block->own.reactor = reactor;
    }
    reactor->starved_end = &reactor->starved_first;
    reactor->pool_half = count / 2;
    reactor->pool_published = reactor->pool.tail;
    return 0;
}

void pool_close(struct kevy_reactor *reactor)
{
    size_t size = reactor->pool.entries * sizeof *reactor->pool_blocks;

    kevy_buffer_ring_deinit(&reactor->pool);
    memory_table_free(reactor->memory.allocator, reactor->pool_blocks, size);
}

struct kevy_block *block_copy(struct kevy_reactor *reactor, const void *data, uint32_t length)
{
    struct kevy_block *block = block_take(&reactor->memory);

    if (block == NULL)
        return NULL;
    assert(length <= block->capacity);
    memcpy(block->data, data, length);
    block->used = length;
    return block;
}

/* Waits for buffers, behind all who wait already. */
void pool_starve(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;

    assert((stream->object.flags & (STREAM_STARVED | STREAM_HELD)) == 0);
    stream->object.flags |= STREAM_STARVED;
    stream->wait_next = NULL;
    stream->wait_link = reactor->starved_end;
    *reactor->starved_end = stream;
    reactor->starved_end = &stream->wait_next;
    reactor->starved_count++;
    reactor->stats.starvations++;
    PROBE(starved, stream->fd);
}

void pool_forget(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;

    if ((stream->object.flags & STREAM_STARVED) == 0)
        return;
    stream->object.flags &= ~STREAM_STARVED;
    reactor->starved_count--;
    *stream->wait_link = stream->wait_next;
    if (stream->wait_next != NULL)
        stream->wait_next->wait_link = stream->wait_link;
    else
        reactor->starved_end = stream->wait_link;
}

/* The same for datagram sockets, of which there are few: a list with one end. */
void pool_starve_datagram(struct kevy_datagram *datagram)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_datagram **link = &reactor->starved_datagrams;

    assert((datagram->object.flags & DATAGRAM_STARVED) == 0);
    while (*link != NULL)
        link = &(*link)->starved_next;
    *link = datagram;
    datagram->starved_next = NULL;
    datagram->object.flags |= DATAGRAM_STARVED;
    reactor->starved_count++;
    reactor->stats.starvations++;
}

void pool_forget_datagram(struct kevy_datagram *datagram)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_datagram **link = &reactor->starved_datagrams;

    if ((datagram->object.flags & DATAGRAM_STARVED) == 0)
        return;
    while (*link != datagram)
        link = &(*link)->starved_next;
    *link = datagram->starved_next;
    datagram->object.flags &= ~DATAGRAM_STARVED;
    reactor->starved_count--;
}

static uint32_t pool_available(const struct kevy_reactor *reactor)
{
    return reactor->pool.entries - reactor->pool.lent_count;
}

/* True when somebody is starved and enough of the pool is back for them. */
bool pool_can_feed(const struct kevy_reactor *reactor)
{
    uint32_t available = pool_available(reactor);

    return reactor->starved_count != 0 && available != 0 &&
           available >= reactor->pool.entries / FEED_DIVISOR;
}

/* Arms up to `count` of them here, in their order: the pending list would turn it round. */
static uint32_t streams_feed(struct kevy_reactor *reactor, uint32_t count)
{
    for (; count > 0 && reactor->starved_first != NULL; count--) {
        struct kevy_stream *stream = reactor->starved_first;

        pool_forget(stream);
        stream->object.flags |= STREAM_POLL_FIRST;
        stream_recv_adjust(stream);
    }
    return count;
}

static uint32_t datagrams_feed(struct kevy_reactor *reactor, uint32_t count)
{
    for (; count > 0 && reactor->starved_datagrams != NULL; count--) {
        struct kevy_datagram *datagram = reactor->starved_datagrams;

        pool_forget_datagram(datagram);
        datagram->object.flags |= DATAGRAM_POLL_FIRST;
        object_pend(&datagram->object);
    }
    return count;
}

/*
 * A multishot takes a run of buffers before the next request has its turn, so no more are armed at
 * once than there are runs: of several the first would take all there is every time, and the others
 * nothing. For the time when that is one, streams and datagram sockets take turns at being first.
 */
void pool_feed(struct kevy_reactor *reactor)
{
    uint32_t fed = pool_available(reactor) / RUN_BUFFERS + 1;

    if (!pool_can_feed(reactor))
        return;
    reactor->datagrams_first = !reactor->datagrams_first;
    if (reactor->datagrams_first)
        fed = datagrams_feed(reactor, fed);
    fed = streams_feed(reactor, fed);
    (void)datagrams_feed(reactor, fed);
}

int kevy_buffer_retain(struct kevy_buffer *buffer, struct kevy_buffer *kept)
{
    struct kevy_reactor *reactor = buffer->reactor;
    struct kevy_block *block = buffer->block;

    assert(block != NULL && buffer->use != BUFFER_QUEUED);
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
    assert(kept->block != NULL);
    thread_check(kept->reactor);
    kept->block->refs++;
    *shared = *kept;
}

void kevy_buffer_release(struct kevy_buffer *kept)
{
    if (kept->block == NULL)
        return;
    thread_check(kept->reactor);
    block_release(kept->reactor, kept->block);
    memset(kept, 0, sizeof *kept);
}

#endif /* KEVY_RING_SUPPORTED */
