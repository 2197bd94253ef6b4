/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Ranges of files that go down a stream.
 *
 * Model. A range is an entry of the write queue that brings forth bytes once it is the first. There
 * are two ways. Splicing: file -> pipe -> socket, with nothing in user memory; the bytes in the
 * pipe are the length of the entry. Copying: the file is read into blocks, which become ordinary
 * entries in front of the range, and when they are gone it is the first again. Either way it is one
 * piece of CHUNK bytes at a time, so a peer that does not read holds back the file.
 *
 *     first, nothing buffered --fill--> bytes in the pipe --drain, or poll first--> sent
 *                             --read--> entries in front --the queue's own sends--> first again
 *
 * Short ranges are copied, because each splice is a trip to a worker thread, and so is what splice
 * refuses: a file system (-EINVAL), a socket, a process without a descriptor to spare for a pipe, a
 * kernel that can make no worker (-ECANCELED, see worker_result()).
 * Where the socket refuses, the bytes are in the pipe already and are read from there. A blocking
 * socket is never spliced to: the worker would sleep in it for as long as the peer likes. Nor are
 * pipes and terminals.
 *
 * Invariants. While STREAM_SENDING is set and the first entry is a range, the one request in flight
 * is the range's. What is in front of a range that has begun is its own. The request carries the
 * stream's address as a send does, and is cancelled by that: its file is not always the socket.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "core/descriptor.h"

#define CHUNK     65536U /* what a pipe holds */
#define PARTS_MAX 16U

/* What the request in flight does. */
enum range_step { STEP_READ, STEP_FILL, STEP_DRAIN, STEP_POLL };

static struct kevy_file_range *range_of(struct kevy_buffer *entry)
{
    assert(entry->use == BUFFER_RANGE);
    return KEVY_CONTAINER_OF(entry, struct kevy_file_range, entry);
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

/* The range's bytes in the pipe are `length` from now on. */
static void piped_set(struct kevy_stream *stream, struct kevy_file_range *range, uint32_t length)
{
    assert(stream->queued >= range->entry.length);
    stream->queued = stream->queued - range->entry.length + length;
    range->entry.length = length;
    stream_mark_check(stream);
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

static uint32_t chunk_next(const struct kevy_file_range *range)
{
    uint64_t left = range->length - range->moved;

    assert(range->moved < range->length);
    return left < CHUNK ? (uint32_t)left : CHUNK;
}

/* The next piece into blocks: out of the pipe, if there is something in it. */
static bool read_start(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    uint32_t piped = range->entry.length;
    struct kevy_sqe *sqe = NULL;
    struct iovec *vectors;
    uint32_t count;

    if (range->blocks == NULL)
        range->blocks = blocks_make(reactor, piped != 0 ? piped : chunk_next(range));
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
    if (piped != 0)
        kevy_prep_readv(sqe, range->pipe[0], vectors, count, KEVY_OFFSET_CURRENT, 0);
    else
        kevy_prep_readv(sqe, range->fd, vectors, count, range->offset + range->moved, 0);
    return true;
}

/* Cuts the blocks to the bytes that were read, and puts them before the range. */
static void blocks_queue(struct kevy_stream *stream, struct kevy_file_range *range, uint32_t length)
{
    struct kevy_buffer *first = range->blocks;
    struct kevy_buffer *last = first;

    range->blocks = NULL;
    stream->queued += length;
    stream_mark_check(stream);
    assert(first != NULL && length > 0);
    while (length > last->length) {
        length -= last->length;
        last = last->next;
    }
    last->length = length;
    blocks_free(stream->object.reactor, last->next);
    last->next = &range->entry;
    stream->queue_last->next = first;
}

static int read_done(struct kevy_stream *stream, struct kevy_file_range *range, int result)
{
    if (result == -EINTR)
        return 0;
    if (result <= 0) {
        stream_range_end(stream, worker_result(result, stream->object.reactor->cancelled));
        return 0;
    }
    assert((uint32_t)result <= CHUNK);
    if (range->entry.length != 0) {
        piped_set(stream, range, range->entry.length - (uint32_t)result);
    } else {
        range->moved += (uint32_t)result;
        stream->accepted += (uint32_t)result;
    }
    blocks_queue(stream, range, (uint32_t)result);
    return 0;
}

static bool fill_start(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_sqe *sqe = request(stream, range, STEP_FILL);

    if (sqe != NULL)
        kevy_prep_splice(sqe, range->fd, range->offset + range->moved, range->pipe[1],
                         KEVY_OFFSET_CURRENT, chunk_next(range), 0);
    return sqe != NULL;
}

static int fill_done(struct kevy_stream *stream, struct kevy_file_range *range, int result)
{
    assert(range->entry.length == 0); /* the pipe was empty */
    if (result > 0) {
        range->moved += (uint32_t)result;
        stream->accepted += (uint32_t)result;
        piped_set(stream, range, (uint32_t)result);
    } else if (result == -EINVAL || result == -ECANCELED) {
        range->copying = true;
    } else if (result != -EINTR) {
        stream_range_end(stream, result);
    }
    return 0;
}

static bool drain_start(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_sqe *sqe = request(stream, range, STEP_DRAIN);

    if (sqe != NULL)
        kevy_prep_splice(sqe, range->pipe[0], KEVY_OFFSET_CURRENT, stream->fd, KEVY_OFFSET_CURRENT,
                         range->entry.length, 0);
    return sqe != NULL;
}

static int drain_done(struct kevy_stream *stream, struct kevy_file_range *range, int result)
{
    if (result > 0)
        piped_set(stream, range, range->entry.length - (uint32_t)result);
    else if (result == -EAGAIN)
        range->full = true;
    else if (result == 0 || result == -EINVAL || result == -EOPNOTSUPP || result == -ECANCELED)
        range->copying = true;
    else if (result != -EINTR)
        return result;
    return 0;
}

static bool poll_start(struct kevy_stream *stream, struct kevy_file_range *range)
{
    struct kevy_sqe *sqe = request(stream, range, STEP_POLL);

    if (sqe != NULL)
        kevy_prep_poll(sqe, stream->fd, POLLOUT);
    return sqe != NULL;
}

/* An error of the socket shows in the next splice. */
static int poll_done(struct kevy_stream *stream, struct kevy_file_range *range, int result)
{
    (void)stream;
    (void)result;
    range->full = false;
    return 0;
}

/* Decides, when the first bytes are wanted, which way they go. */
static void range_begin(const struct kevy_stream *stream, struct kevy_file_range *range)
{
    assert(!range->begun && range->pipe[0] < 0 && range->moved == 0);
    range->begun = true;
    range->copying = range->length < CHUNK || stream_has(stream, STREAM_NOT_SOCKET) ||
                     !(SYSTEM(stream->object.reactor, fcntl, stream->fd, F_GETFL) & O_NONBLOCK) ||
                     SYSTEM(stream->object.reactor, pipe, range->pipe) < 0;
}

/* Writes the next request of the range that the queue begins with, or ends it. False when there is
 * no slot for it: the flush tries again. */
bool stream_range_next(struct kevy_stream *stream)
{
    struct kevy_file_range *range = range_of(queue_first(stream));

    if (range->entry.length == 0 && range->moved == range->length) {
        stream_range_end(stream, 0);
        return false; /* what is behind it comes next */
    }
    if (!range->begun)
        range_begin(stream, range);
    if (range->copying)
        return read_start(stream, range);
    if (range->entry.length == 0)
        return fill_start(stream, range);
    return range->full ? poll_start(stream, range) : drain_start(stream, range);
}

/* Books the request that was in flight. Returns 0, or the errno with which the socket refused. */
int stream_range_done(struct kevy_stream *stream, int result)
{
    static int (*const by_step[])(struct kevy_stream *, struct kevy_file_range *, int) = {
        [STEP_READ] = read_done,
        [STEP_FILL] = fill_done,
        [STEP_DRAIN] = drain_done,
        [STEP_POLL] = poll_done,
    };
    struct kevy_file_range *range = range_of(queue_first(stream));

    /* Cancelled, as a rule: dropping the queue reports the range, with what ended the stream. */
    if (result < 0 && stream->object.state >= STREAM_TERMINATING)
        return 0;
    return by_step[range->step](stream, range, result);
}

static void pipe_close(struct kevy_reactor *reactor, struct kevy_file_range *range)
{
    if (range->pipe[0] < 0)
        return;
    descriptor_close_now(reactor, range->pipe[0]);
    descriptor_close_now(reactor, range->pipe[1]);
}

/* Takes the range that the queue begins with out of it, and reports it. */
void stream_range_end(struct kevy_stream *stream, int result)
{
    struct kevy_file_range *range = range_of(queue_first(stream));
    uint64_t sent = range->moved - range->entry.length;

    assert(range->moved >= range->entry.length);
    stream->accepted -= range->entry.length;
    piped_set(stream, range, 0);
    stream->queue_last->next = range->entry.next;
    if (stream->queue_last == &range->entry) {
        stream->queue_last = NULL;
        stream->send_at = 0;
    }
    blocks_free(stream->object.reactor, range->blocks);
    pipe_close(stream->object.reactor, range);
    range->done(range, stream, result, sent);
}

/* The queue is about to be dropped: what the range in front has read, and nobody sent, does not
 * count. */
void stream_range_dropped(struct kevy_stream *stream)
{
    struct kevy_buffer *first = queue_first(stream);
    struct kevy_buffer *entry = first;
    uint32_t unsent = 0;

    if (first == NULL)
        return;
    while (entry->use != BUFFER_RANGE) {
        unsent += entry->length;
        entry = entry->next;
        if (entry == first)
            return; /* there is no range */
    }
    assert(!range_of(entry)->begun || range_of(entry)->moved >= unsent);
    if (range_of(entry)->begun)
        range_of(entry)->moved -= unsent;
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
    range->moved = 0;
    range->pipe[0] = range->pipe[1] = -1;
    range->begun = range->copying = range->full = false;
    stream_queue_append(stream, &range->entry);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
