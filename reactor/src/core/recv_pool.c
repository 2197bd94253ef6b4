/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The receive pool: lending, copying under pressure, starvation.
 *
 * Model. One provided-buffer ring a reactor, one block a buffer. A block's references are the read
 * callback that runs, the user's kept buffers and the entries of queues; with the last one the
 * buffer is staged for the kernel, and the loop publishes what was staged once a turn.
 *
 * Runs. One recv fills buffers for as long as there is data: 33 of them before others have their
 * turn (measured on 6.18), all of the pool on 6.1. From 6.17 on a recv can be told to end after so
 * many bytes, and then it may also fill several buffers at once (a bundle): a run is RUN_BYTES in
 * few completions, and the recv is armed again behind those of others. Bundles without that limit,
 * 6.10 to 6.16, are not used: a run would be megabytes, and some of those kernels mix up the order
 * of the buffers (liburing issue 1409). Without a limit there are no runs while somebody is
 * starved: each recv fills one buffer, or the first of several floods would take the whole pool
 * every time, and the others nothing.
 *
 * Invariants. At most half of the pool is kept beyond a read callback: beyond that, keeping copies.
 * So a stream that hoards takes half of the pool at worst, and the other half goes on serving.
 * Starved streams are armed again oldest first, a few at a time, and with
 * POLL_FIRST: arming against an empty pool fails at once otherwise, also when nothing has come
 * (liburing issue 1275).
 */
#include "datagram/datagram_internal.h"
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <sys/socket.h>
#include <unistd.h>

/* Starved streams read on when this part of the pool is back. */
#define FEED_DIVISOR 8U
/* Buffers that a multishot without a limit fills in one go: 32 retries and the first (measured on
 * 6.18; on 6.1 there is no end to it). */
#define RUN_BUFFERS 33U
/* What a stream receives before others have their turn; the default high mark of a queue, too. */
#define RUN_BYTES 65536U
/* A run takes this part of the pool at most. */
#define RUN_DIVISOR 8U
#define ASK_ROUNDS  4U

/*
 * Asks for a bundle that ends after `limit` bytes, which cannot come to anything. Asked as a cancel
 * would be, because the answer to those is ignored, should it come late. Returns what the kernel
 * says, 0 for nothing: then it has not taken the request, which no longer names the descriptor.
 */
static int bundle_ask(struct kevy_reactor *reactor, int fd, uint32_t limit)
{
    struct kevy_sqe *sqe = reactor_cancel_sqe(reactor);
    uint32_t number = reactor->ring.sqe_tail - 1;
    const struct kevy_cqe *cqe;
    int result = -EINTR;

    kevy_prep_recv_multishot_limit(sqe, fd, POOL_GROUP, 0, limit, KEVY_RECVSEND_BUNDLE);
    for (unsigned round = 0; round < ASK_ROUNDS && result == -EINTR; round++)
        result = kevy_ring_submit_and_wait(&reactor->ring, 1);
    cqe = kevy_ring_next(&reactor->ring);
    if (cqe == NULL) {
        sqe = kevy_ring_sqe_at(&reactor->ring, number);
        if (sqe != NULL)
            kevy_prep_nop(sqe);
        return 0;
    }
    result = cqe->res;
    kevy_ring_release(&reactor->ring);
    reactor->cancels_active--;
    return result;
}

/*
 * Whether a recv can be told where to end (6.17). The request names no descriptor, so it fails
 * either way: with -EINVAL where its fields are refused, with -EBADF where they are not.
 */
static bool run_limit_known(struct kevy_reactor *reactor)
{
    return (reactor->ring.features & KEVY_FEAT_RECVSEND_BUNDLE) != 0 &&
           bundle_ask(reactor, -1, RUN_BYTES) == -EBADF;
}

/*
 * Whether a bundle with a limit leaves the buffers as they are. From 6.17 to early 6.18 and 6.19
 * the kernel shortens the buffer that the limit falls into, in the ring, for whoever gets it: seen
 * when a bundle of one byte is asked for, on a socket without a peer.
 */
static bool bundles_harmless(struct kevy_reactor *reactor)
{
    struct kevy_buf *first = &reactor->pool.slots[0];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool harmless;

    if (fd < 0)
        return false;
    harmless = bundle_ask(reactor, fd, 1) != 0 && first->len == reactor->pool.buffer_size;
    first->len = reactor->pool.buffer_size;
    close(fd);
    return harmless;
}

static void runs_choose(struct kevy_reactor *reactor, uint32_t count, uint32_t size)
{
    uint32_t buffers = RUN_BYTES / size;

    reactor->run_buffers = 1; /* of a starved stream, see recv_prepare() */
    if (!run_limit_known(reactor))
        return;
    if (buffers > count / RUN_DIVISOR)
        buffers = count / RUN_DIVISOR;
    if (buffers == 0)
        buffers = 1;
    reactor->run_buffers = buffers;
    reactor->run_bytes = buffers * size;
    if (bundles_harmless(reactor))
        reactor->run_flags = KEVY_RECVSEND_BUNDLE;
}

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
        struct kevy_x_block *block = &reactor->pool_blocks[id];

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
    runs_choose(reactor, count, size);
    return 0;
}

void pool_close(struct kevy_reactor *reactor)
{
    size_t size = reactor->pool.entries * sizeof *reactor->pool_blocks;

    kevy_buffer_ring_deinit(&reactor->pool);
    memory_table_free(reactor->memory.allocator, reactor->pool_blocks, size);
}

void pool_publish(struct kevy_reactor *reactor)
{
    if (reactor->pool_published == reactor->pool.tail)
        return;
    reactor->pool_published = reactor->pool.tail;
    kevy_buffer_ring_publish(&reactor->pool);
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

/* Buffers in completions that wait for their turn: neither lent yet nor the kernel's any more. */
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

/* True when somebody is starved and enough of the pool is back for them. */
bool pool_can_feed(const struct kevy_reactor *reactor)
{
    return reactor->starved_count != 0 && enough(reactor, pool_available(reactor));
}

/* What is left of `buffers` after a run of so many. */
static uint32_t less_run(uint32_t buffers, uint32_t run)
{
    return buffers > run ? buffers - run : 0;
}

/* Buffers that a request takes in one go if nothing tells it where to end. */
static uint32_t run_endless(const struct kevy_reactor *reactor)
{
    return reactor->run_bytes != 0 ? RUN_BUFFERS : reactor->pool.entries;
}

/* What a starved stream takes. */
static uint32_t run_of(const struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_DESCRIPTORS | STREAM_FILE))
        return run_endless(stream->object.reactor);
    return stream->object.reactor->run_buffers;
}

/* Arms as many of them as the buffers allow, here, in their order: the pending list would turn it
 * round. */
static uint32_t streams_feed(struct kevy_reactor *reactor, uint32_t buffers)
{
    while (buffers > 0 && reactor->starved_first != NULL) {
        struct kevy_stream *stream = reactor->starved_first;

        pool_forget(stream);
        stream->object.flags |= STREAM_POLL_FIRST;
        stream_recv_adjust(stream);
        buffers = less_run(buffers, run_of(stream));
    }
    return buffers;
}

static uint32_t datagrams_feed(struct kevy_reactor *reactor, uint32_t buffers)
{
    while (buffers > 0 && reactor->starved_datagrams != NULL) {
        struct kevy_datagram *datagram = reactor->starved_datagrams;

        pool_forget_datagram(datagram);
        datagram->object.flags |= DATAGRAM_POLL_FIRST;
        object_pend(&datagram->object);
        buffers = less_run(buffers, run_endless(reactor));
    }
    return buffers;
}

/*
 * A multishot takes a run of buffers before the next request has its turn, so no more are armed at
 * once than there are runs: of several the first would take all there is every time, and the others
 * nothing. For the time when that is one, streams and datagram sockets take turns at being first.
 */
void pool_feed(struct kevy_reactor *reactor)
{
    uint32_t buffers = pool_available(reactor);

    if (!enough(reactor, buffers))
        return;
    reactor->datagrams_first = !reactor->datagrams_first;
    if (reactor->datagrams_first)
        buffers = datagrams_feed(reactor, buffers);
    buffers = streams_feed(reactor, buffers);
    (void)datagrams_feed(reactor, buffers);
}

int kevy_buffer_retain(struct kevy_buffer *buffer, struct kevy_buffer *kept)
{
    struct kevy_reactor *reactor = buffer->reactor;
    struct kevy_x_block *block = buffer->block;

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
