/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ranges of files that go down a stream.
 *
 * Model. A range is an entry of the write queue that brings forth bytes once it is the first. There
 * are two ways. What is in the page cache goes from there to the socket, by sendfile(2) in the
 * flush: nothing is in user memory, nothing in flight, and when the socket is full, it is polled.
 * Everything else is copied: the file is read into blocks, which become ordinary entries in front
 * of the range, and when they are gone it is the first again. Either way it is one piece at a time,
 * so a peer that does not read holds back the file, and others have their turn.
 *
 * A range sends one piece from the page cache in a turn. The first ranges of a turn send long ones:
 * a file of a mebibyte that the socket takes leaves in one call and is done with, however many wait
 * for theirs. In short pieces all of them would go on side by side, four calls for each piece.
 *
 *     first, nothing buffered --sendfile(2)--> sent; or the socket is full --poll--> first again
 *                             --read--> entries in front --the queue's own sends--> first again
 *
 * A peer that has sent its end ends each poll at once, because the kernel tells POLLRDHUP whether
 * it was asked for or not. If such a socket is full, the next piece is copied: its send waits.
 *
 * A short range that is in the page cache is read at once, when it is queued: so it leaves together
 * with what is queued before it.
 *
 * Copied is what is not in the page cache, from the first such piece on, so that the loop waits for
 * a disk only where a page leaves the cache within SEEN_NS. Copied is also what sendfile(2)
 * refuses: some files, blocking sockets (it would
 * sleep for as long as the peer likes), what is no socket. Not taken: splice, which needs a pipe,
 * that is two descriptors, and always goes to a worker thread, 302 us for a mebibyte where
 * sendfile(2) takes 125 (6.18).
 *
 * Invariants. While STREAM_SENDING is set and the first entry is a range, the one request in flight
 * is the range's. What a range has read stands right before it. The request carries the
 * stream's address as a send does, and is cancelled by that: its file is not always the socket. The
 * range's own entry has no bytes.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>

#define CHUNK     65536U   /* copied at a time */
#define PIECE     262144U  /* sent from the page cache in a turn, at least */
#define LONG      1048576U /* ... and by those that come first in it, as long as all of them */
#define LONG_SUM  2097152U /* ... have sent less than this */
#define SHORT     16384U   /* read when it is queued */
#define PARTS_MAX 16U

/* A page is in the cache for at least so long after it was seen there, unless memory runs out. */
#define SEEN_NS KEVY_MILLISECONDS(100)

/* What the request in flight does. */
enum range_step { STEP_READ, STEP_POLL };

static struct kevy_file_range *range_of(struct kevy_buffer *entry)
{
    assert(entry->use == BUFFER_RANGE);
    return KEVY_CONTAINER_OF(entry, struct kevy_file_range, entry);
}

/* The range that the queue begins with. */
static struct kevy_file_range *range_first(const struct kevy_stream *stream)
{
    assert(stream->queue_last != NULL);
    return range_of(stream->queue_last->next);
}

/* The slot of a request, or NULL as submission_sqe(). */
static struct kevy_sqe *request(struct kevy_stream *stream, struct kevy_file_range *range,
                                enum range_step step)
{
    struct kevy_sqe *sqe = submission_sqe(stream->object.reactor, stream, OPERATION_SEND);

    if (sqe == NULL)
        return NULL;
    assert(!stream_has(stream, STREAM_SENDING));
    range->step = step;
    stream->object.flags |= STREAM_SENDING;
    object_request_begun(&stream->object);
    return sqe;
}

static void blocks_free(struct kevy_reactor *reactor, struct kevy_buffer *first)
{
    while (first != NULL) {
        struct kevy_buffer *next = first->next;

        block_release(reactor, first->block);
        buffer_give(&reactor->memory, first);
        first = next;
    }
}

static struct kevy_buffer *block_make(struct kevy_reactor *reactor, uint32_t length)
{
    struct kevy_x_block *block = block_take(&reactor->memory);
    struct kevy_buffer *buffer = NULL;

    if (block != NULL)
        buffer = buffer_make(&reactor->memory, block, block->data, length);
    if (buffer == NULL && block != NULL)
        block_release(reactor, block);
    return buffer;
}

/* Room for `length` bytes, or for less where memory is short; NULL when there is none at all. */
static struct kevy_buffer *blocks_make(struct kevy_reactor *reactor, uint32_t length)
{
    struct kevy_buffer *first = NULL;
    struct kevy_buffer **link = &first;

    for (uint32_t count = 0; count < PARTS_MAX && length > 0; count++) {
        uint32_t room = (uint32_t)reactor->memory.block_size;
        uint32_t part = length < room ? length : room;

        *link = block_make(reactor, part);
        if (*link == NULL)
            break;
        link = &(*link)->next;
        length -= part;
    }
    return first;
}

static uint32_t vectors_fill(struct iovec *vectors, const struct kevy_buffer *block)
{
    uint32_t count = 0;

    for (; block != NULL; block = block->next)
        vectors[count++] = (struct iovec){.iov_base = block->block->data, .iov_len = block->length};
    return count;
}

/* The bytes of the next piece, at most `most`. */
static uint32_t piece_next(const struct kevy_file_range *range, uint32_t most)
{
    uint64_t left = range->length - range->moved;

    assert(range->moved < range->length);
    return left < most ? (uint32_t)left : most;
}

/* The next piece into blocks. */
static bool read_start(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_sqe *sqe = NULL;
    struct iovec *vectors;
    uint32_t count;

    if (range->blocks == NULL)
        range->blocks = blocks_make(reactor, piece_next(range, CHUNK));
    if (range->blocks == NULL) {
        stream_range_end(stream, -ENOBUFS);
        return false;
    }
    vectors = submission_arena(reactor, PARTS_MAX * sizeof *vectors);
    if (vectors != NULL)
        sqe = request(stream, range, STEP_READ);
    if (sqe == NULL)
        return false;
    count = vectors_fill(vectors, range->blocks);
    kevy_prep_readv(sqe, range->fd, vectors, count, range->offset + range->moved, 0);
    return true;
}

/*
 * Takes the blocks with the `length` bytes that were read, and cuts them to these. Returns the
 * first; *last, the last, has nothing behind it.
 */
static struct kevy_buffer *blocks_take(struct kevy_stream *stream, struct kevy_file_range *range,
                                       uint32_t length, struct kevy_buffer **last)
{
    struct kevy_buffer *first = range->blocks;
    struct kevy_buffer *block = first;

    assert(first != NULL && length > 0);
    range->blocks = NULL;
    range->moved += length;
    while (length > block->length) {
        length -= block->length;
        block = block->next;
    }
    block->length = length;
    blocks_free(stream->object.reactor, block->next);
    block->next = NULL;
    *last = block;
    return first;
}

/* What was read goes in front of the range. */
static void read_done(struct kevy_stream *stream, struct kevy_file_range *range, int result)
{
    struct kevy_buffer *first, *last;

    if (result == -EINTR)
        return;
    if (result <= 0) {
        stream_range_end(stream, worker_result(result, stream->object.reactor->cancelled));
        return;
    }
    assert((uint32_t)result <= CHUNK);
    first = blocks_take(stream, range, (uint32_t)result, &last);
    stream->accepted += (uint32_t)result;
    stream->queued += (uint32_t)result;
    stream_mark_check(stream);
    last->next = &range->entry;
    stream->queue_last->next = first;
}

static bool poll_start(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_sqe *sqe = request(stream, range, STEP_POLL);

    if (sqe != NULL)
        kevy_prep_poll(sqe, stream->fd, POLLOUT);
    return sqe != NULL;
}

/* An error of the socket shows in the next attempt. The kernel ends any poll of a socket whose peer
 * has sent its end, room or not. */
static void poll_done(struct kevy_stream *stream, struct kevy_file_range *range, int result)
{
    (void)stream;
    range->full = false;
    range->by_send = result > 0 && (result & POLLRDHUP) != 0;
}

/* Blocks that were made for a read have the size of another piece now. */
static void piece_sent(struct kevy_stream *stream, struct kevy_file_range *range, uint32_t length)
{
    blocks_free(stream->object.reactor, range->blocks);
    range->blocks = NULL;
    range->moved += length;
    stream->accepted += length;
    stream_limits_sent(stream);
    stream_send_expected(stream);
    stream->object.reactor->told_in_flush = true; /* somebody may wait for just these bytes */
}

/* Whether the next `length` bytes are in the page cache. The kernel counts the pages one by one: it
 * is asked once for a piece that leaves in parts, which is 7 % of a file of a mebibyte (6.18). */
static bool cached(struct kevy_reactor *reactor, struct kevy_file_range *range, uint32_t length)
{
    uint64_t end = range->moved + length;

    if (end <= range->seen && reactor->now_ns - range->seen_ns < SEEN_NS)
        return true;
    if (SYSTEM(reactor, file_cached, range->fd, range->offset + range->moved, length) <= 0)
        return false;
    range->seen = end;
    range->seen_ns = reactor->now_ns;
    return true;
}

/* The next piece that is in the page cache as a whole, 0 for none. */
static uint32_t piece_cached(struct kevy_reactor *reactor, struct kevy_file_range *range)
{
    uint32_t most = reactor->long_sum < LONG_SUM ? LONG : PIECE;

    for (;; most = PIECE) {
        uint32_t length = piece_next(range, most);

        if (cached(reactor, range, length))
            return length;
        if (length <= PIECE)
            return 0;
    }
}

/* False when the range has sent its piece of this turn. */
static bool piece_due(struct kevy_reactor *reactor, struct kevy_file_range *range)
{
    uint32_t turn = (uint32_t)reactor->stats.turns;

    if (reactor->long_turn != turn) {
        reactor->long_turn = turn;
        reactor->long_sum = 0;
    }
    return range->turn != turn;
}

/*
 * Sends the next piece from the page cache; false when it has to go another way. Errors are left to
 * that, which shows whose they are: the file's or the socket's. A socket that takes less is full.
 */
static bool cached_send(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    uint32_t length;
    int64_t result;

    if (!piece_due(reactor, range))
        return true;
    length = piece_cached(reactor, range);
    if (length == 0)
        return false;
    result = SYSTEM(reactor, sendfile, stream->fd, range->fd, range->offset + range->moved, length);
    if (result <= 0 && result != -EAGAIN)
        return result == -EINTR;
    range->full = result < (int64_t)length;
    if (result > 0) {
        range->turn = reactor->long_turn;
        reactor->long_sum += (uint32_t)result;
        piece_sent(stream, range, (uint32_t)result);
    }
    return true;
}

/* Decides, when the first bytes are wanted, which way they go. */
static void range_begin(const struct kevy_stream *stream, struct kevy_file_range *range)
{
    int mode = SYSTEM(stream->object.reactor, fcntl, stream->fd, F_GETFL);

    assert(!range->begun);
    range->begun = true;
    range->copying = mode < 0 || (mode & O_NONBLOCK) == 0 || stream_has(stream, STREAM_NOT_SOCKET);
}

/* Sends, or writes the next request of, the range that the queue begins with, or ends it. False
 * when it is not done with, and has no request in flight: the flush comes again. */
bool stream_range_next(struct kevy_stream *stream)
{
    struct kevy_file_range *range = range_first(stream);

    if (range->moved == range->length) {
        stream_range_end(stream, 0);
        return false; /* what is behind it comes next */
    }
    if (!range->begun)
        range_begin(stream, range);
    if (range->full && !range->by_send)
        return poll_start(stream, range);
    if (range->full) {
        range->full = false;
        return read_start(stream, range);
    }
    if (!range->copying && cached_send(stream, range))
        return false;
    range->copying = true;
    return read_start(stream, range);
}

/* Books the request that was in flight. */
void stream_range_done(struct kevy_stream *stream, int result)
{
    static void (*const by_step[])(struct kevy_stream *, struct kevy_file_range *, int) = {
        [STEP_READ] = read_done,
        [STEP_POLL] = poll_done,
    };
    struct kevy_file_range *range = range_first(stream);

    /* Cancelled, as a rule: dropping the queue reports the range, with what ended the stream. */
    if (result < 0 && stream->object.state >= STREAM_TERMINATING)
        return;
    by_step[range->step](stream, range, result);
}

/* Takes the range that the queue begins with out of it, and reports it. */
void stream_range_end(struct kevy_stream *stream, int result)
{
    struct kevy_file_range *range = range_first(stream);

    assert(range->entry.length == 0);
    stream->queue_last->next = range->entry.next;
    if (stream->queue_last == &range->entry) {
        stream->queue_last = NULL;
        stream->send_at = 0;
    }
    blocks_free(stream->object.reactor, range->blocks);
    object_tells(&stream->object);
    range->done(range, stream, result, range->moved);
}

/* The queue is about to be dropped: what ranges have read, and nobody sent, does not count. The
 * bytes that a range has read stand right before it, behind others at most. */
void stream_range_dropped(struct kevy_stream *stream)
{
    struct kevy_buffer *entry = queue_first(stream);
    uint64_t unsent = 0;

    while (entry != NULL) {
        struct kevy_buffer *next = entry == stream->queue_last ? NULL : entry->next;

        unsent += entry->length;
        if (entry->use == BUFFER_RANGE) {
            struct kevy_file_range *range = range_of(entry);

            range->moved -= range->moved < unsent ? range->moved : unsent;
            unsent = 0;
        }
        entry = next;
    }
}

/* A short range that is in the page cache, as far as there is memory for it. */
static void read_at_once(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct iovec vectors[PARTS_MAX];
    struct kevy_buffer *first, *last;
    int64_t result;
    uint32_t count;

    range->blocks = blocks_make(reactor, (uint32_t)range->length);
    if (range->blocks == NULL)
        return;
    count = vectors_fill(vectors, range->blocks);
    result = SYSTEM(reactor, read_cached, range->fd, vectors, (int)count, range->offset);
    if (result <= 0)
        return; /* the blocks are there for the request */
    first = blocks_take(stream, range, (uint32_t)result, &last);
    while (first != NULL) {
        struct kevy_buffer *next = first->next;

        stream_queue_append(stream, first);
        first = next;
    }
}

int kevy_stream_send_file(struct kevy_stream *stream, struct kevy_file_range *range)
{
    int64_t position;
    int error;

    assert(range->done != NULL && "a range needs a done callback");
    if (range->offset > INT64_MAX || range->length > INT64_MAX - range->offset)
        return -EINVAL;
    error = stream_write_allowed(stream);
    if (error < 0)
        return error;
    position = SYSTEM(stream->object.reactor, lseek, range->fd, 0, SEEK_CUR);
    if (position < 0)
        return (int)position;
    memset(&range->entry, 0, sizeof range->entry);
    range->entry.use = BUFFER_RANGE;
    range->blocks = NULL;
    range->moved = range->seen = 0;
    range->turn = (uint32_t)stream->object.reactor->stats.turns - 1;
    range->begun = range->copying = range->full = range->by_send = false;
    if (range->length > 0 && range->length <= SHORT)
        read_at_once(stream, range);
    stream_queue_append(stream, &range->entry);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
