/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The writing side of a stream: a queue, and one send in flight.
 *
 * Model. Writing appends entries to the queue. The first one becomes a SEND in the submission
 * queue; as long as the kernel has not seen that, which is until the turn ends, the flush turns it
 * into a longer SEND or into one SENDMSG of everything that has come together. The completion says
 * how many bytes the kernel took; they leave at the front of the queue, and the rest goes with the
 * next send.
 *
 * Invariants. At most one send is in flight: two on one socket interleave their bytes whenever the
 * socket fills (liburing issue 1001). The buffers of a send in flight stay in the queue, so their
 * bytes stay valid. `queued` is the sum of the buffers' lengths. Bytes may be appended to the last
 * block behind what is being sent. No MSG_WAITALL: a short send is progress that the write deadline
 * has to see.
 *
 * Message headers live in the reactor's arena until they have been submitted; the kernel copies
 * them then (KEVY_FEAT_SUBMIT_STABLE, 5.5).
 */
#include "stream_internal.h"

#if KEVY_RING_SUPPORTED

#define PARTS_MAX  64U
#define LENGTH_MAX (1U << 30) /* of one write, and of one send */

static bool writable(const struct kevy_stream *stream)
{
    return (stream->object.flags & STREAM_WRITE_MASK) == STREAM_WRITE_PLAIN;
}

/* `queue_last` of a queue with several entries; a single one is its own last, and nothing else is
 * kept. */
static struct kevy_buffer *queue_last_entry(const struct kevy_stream *stream)
{
    struct kevy_buffer *first = stream->queue_first;

    return first == NULL || first->next == NULL ? first : stream->queue_last;
}

/* True when the send can still be changed, because the kernel has not seen it. */
static bool send_changeable(const struct kevy_stream *stream)
{
    return kevy_ring_reserved(&stream->object.reactor->ring, stream->send_slot) != NULL;
}

/* Writes the send of one entry. False when there is no slot for it: the flush tries again. */
static inline bool send_single(struct kevy_reactor *reactor, struct kevy_stream *stream,
                               const struct kevy_buffer *entry)
{
    /* Read before the slot is reserved, so that the compiler sees nothing between clearing and
     * filling it. */
    const uint8_t *data = entry->data;
    uint32_t length = entry->length;
    uint32_t slot = reactor->ring.sqe_tail;
    int fd = stream->fd;
    struct kevy_sqe *sqe = kevy_ring_sqe(&reactor->ring, user_data_make(stream, OPERATION_SEND));

    if (unlikely(sqe == NULL))
        return false;
    /* No MSG_NOSIGNAL: the kernel adds it to every send of a ring, so none raises SIGPIPE. */
    kevy_prep_send(sqe, fd, data, length, 0);
    stream->send_slot = slot;
    stream->object.flags |= STREAM_SENDING;
    stream->object.in_flight++;
    return true;
}

/*
 * Appends entries. The first of an idle queue is written as a send at once; what follows in the
 * same turn makes the flush write that send anew, with all of them.
 */
static inline void queue_append(struct kevy_stream *stream, struct kevy_buffer *first,
                                struct kevy_buffer *last, uint32_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;

    stream->queued += length;
    stream->accepted += length;
    if (likely(stream->queue_first == NULL)) {
        stream->queue_first = first;
        stream->queue_last = last;
        stream_write_expected(stream);
        /* Still sending: in the `done` of a write that was the last one. Its completion sees to
         * this. */
        if (stream_has(stream, STREAM_SENDING))
            return;
        if (likely(first == last) && likely(first->use == BUFFER_QUEUED) &&
            likely(!stream_has(stream, STREAM_FILE)) && likely(send_single(reactor, stream, first)))
            return;
    } else {
        queue_last_entry(stream)->next = first;
        stream->queue_last = last;
        if (stream_has(stream, STREAM_SENDING) && !send_changeable(stream))
            return;
    }
    object_pend(&stream->object);
}

/* Above the high mark: nothing more for now, and `drain` is owed. */
static bool queue_full(struct kevy_stream *stream)
{
    if (likely(stream->queued < stream->mark_high))
        return false;
    stream->object.flags |= STREAM_TELL_DRAIN;
    return true;
}

/*
 * Appends to the block at the end of the queue, if nobody else refers to it and all bytes fit: a
 * chain cut in two could not be taken back when the second half finds no memory.
 */
static bool block_append(struct kevy_stream *stream, const void *data, size_t length)
{
    struct kevy_buffer *last = queue_last_entry(stream);
    struct kevy_block *block = last != NULL ? last->block : NULL;

    if (block == NULL || block->refs != 1 || last->write != NULL)
        return false;
    if (length > block->capacity - block->used)
        return false; /* a buffer of the pool has no capacity */
    if (last->data + last->length != block->data + block->used)
        return false;
    memcpy(block->data + block->used, data, length);
    block->used += (uint32_t)length;
    last->length += (uint32_t)length;
    stream->queued += (uint32_t)length;
    stream->accepted += length;
    return true;
}

static void chain_free(struct kevy_reactor *reactor, struct kevy_buffer *buffer)
{
    while (buffer != NULL) {
        struct kevy_buffer *next = buffer->next;

        if (buffer->block != NULL)
            block_release(reactor, buffer->block);
        buffer_give(&reactor->memory, buffer);
        buffer = next;
    }
}

/* A chain of buffers with copies of all bytes; NULL when memory is short, and then nothing is
 * kept. */
static struct kevy_buffer *chain_copy(struct kevy_reactor *reactor, const uint8_t *data,
                                      size_t length, struct kevy_buffer **last)
{
    struct kevy_buffer *first = NULL;

    while (length > 0) {
        size_t room = reactor->memory.block_size;
        uint32_t part = (uint32_t)(length < room ? length : room);
        struct kevy_block *block = block_copy(reactor, data, part);
        struct kevy_buffer *buffer = NULL;

        if (block != NULL)
            buffer = buffer_make(&reactor->memory, block, block->data, part);
        if (buffer == NULL) {
            if (block != NULL)
                block_release(reactor, block);
            chain_free(reactor, first);
            return NULL;
        }
        if (first == NULL)
            first = buffer;
        else
            (*last)->next = buffer;
        *last = buffer;
        data += part;
        length -= part;
    }
    return first;
}

int kevy_stream_send(struct kevy_stream *stream, const void *data, size_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *first, *last = NULL;

    if (unlikely(!writable(stream)))
        return -EPIPE;
    if (length == 0)
        return 0;
    if (unlikely(length > LENGTH_MAX))
        return -ENOBUFS;
    if (unlikely(queue_full(stream)))
        return -EAGAIN;
    if (block_append(stream, data, length)) {
        if (!stream_has(stream, STREAM_SENDING) || send_changeable(stream))
            object_pend(&stream->object);
        return 0;
    }
    /* All or nothing: the copies are made before any of them is queued. */
    first = chain_copy(reactor, data, length, &last);
    if (first == NULL)
        return -ENOBUFS;
    queue_append(stream, first, last, (uint32_t)length);
    return 0;
}

/* 0 when bytes may be queued now, else what kevy_stream_send() returns. */
int stream_write_allowed(struct kevy_stream *stream)
{
    if (!writable(stream))
        return -EPIPE;
    return queue_full(stream) ? -EAGAIN : 0;
}

void stream_queue_append(struct kevy_stream *stream, struct kevy_buffer *entry)
{
    queue_append(stream, entry, entry, entry->length);
}

static void write_begin(struct kevy_stream *stream, struct kevy_write *write)
{
    write->stream = stream;
    write->notices = 0;
    write->finished = 0;
}

int kevy_stream_write(struct kevy_stream *stream, struct kevy_write *write)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_buffer *first = NULL, *last = NULL;
    size_t total = 0;

    if (!writable(stream))
        return -EPIPE;
    if (write->count == 0 || write->count > PARTS_MAX || (write->flags & ~KEVY_WRITE_ZERO_COPY) ||
        (write->flags != 0 && write->released == NULL))
        return -EINVAL;
    if (queue_full(stream))
        return -EAGAIN;
    for (uint32_t part = 0; part < write->count; part++) {
        size_t length = write->parts[part].iov_len;
        struct kevy_buffer *buffer;

        total += length;
        if (length > LENGTH_MAX || total > LENGTH_MAX) {
            chain_free(reactor, first);
            return -EINVAL;
        }
        buffer = buffer_make(&reactor->memory, NULL, write->parts[part].iov_base, (uint32_t)length);
        if (buffer == NULL) {
            chain_free(reactor, first);
            return -ENOBUFS;
        }
        if (first == NULL)
            first = buffer;
        else
            last->next = buffer;
        last = buffer;
    }
    if (total == 0) {
        chain_free(reactor, first);
        return -EINVAL;
    }
    last->write = write;
    if (write->released != NULL)
        write_begin(stream, write);
    if (write->flags != 0 && total >= reactor->options.zero_copy_minimum)
        first->use = BUFFER_ZERO_COPY;
    queue_append(stream, first, last, (uint32_t)total);
    return 0;
}

/* The queue grew above its mark by what `source` received: that stream waits. */
static void source_hold(struct kevy_stream *stream, struct kevy_stream *source)
{
    if (source != NULL)
        kevy_stream_hold(source, stream);
}

/*
 * Queues bytes of a block with a new reference, or a copy of them when the pool is low. A byte that
 * finds no memory would be missing from the stream, so the stream ends.
 */
static int queue_bytes(struct kevy_stream *stream, const struct kevy_buffer *from,
                       const uint8_t *data, uint32_t length)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    struct kevy_block *block = from->block;
    struct kevy_buffer *entry = NULL;

    if (block->capacity == 0 && pool_low(reactor)) {
        block = block_copy(reactor, data, length);
        data = block != NULL ? block->data : NULL;
        reactor->stats.copies += block != NULL;
    } else {
        block->refs++;
    }
    if (block != NULL)
        entry = buffer_make(&reactor->memory, block, data, length);
    if (entry != NULL) {
        queue_append(stream, entry, entry, length);
        if (stream->queued > stream->mark_high)
            source_hold(stream, from->source);
        return 0;
    }
    if (block != NULL)
        block_release(reactor, block);
    stream_terminate(stream, -ENOBUFS);
    return -ENOBUFS;
}

/* Whatever is not simple: a kept buffer, a queue, a low pool, a stream that takes nothing. */
static rare int forward_rarely(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_stream *source = buffer->source;
    int error = 0;

    assert(buffer->use != BUFFER_QUEUED); /* once; parts of it, and kept ones, as often as liked */
    if (!writable(stream)) {
        error = -EPIPE;
    } else if (buffer->use == BUFFER_BORROWED && !pool_low(buffer->reactor)) {
        /* The block's own entry, and the reference of the read callback, move to the queue. */
        buffer->use = BUFFER_QUEUED;
        buffer->next = NULL;
        queue_append(stream, buffer, buffer, buffer->length);
        if (stream->queued > stream->mark_high)
            source_hold(stream, source);
        return 0;
    } else {
        error = queue_bytes(stream, buffer, buffer->data, buffer->length);
    }
    if (buffer->use == BUFFER_KEPT)
        kevy_buffer_release(buffer);
    return error;
}

/*
 * What most forwards are: a buffer fresh from the kernel, to a stream with an empty queue. Does all
 * that forward_rarely() would, or nothing.
 */
static inline bool forward_simply(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct kevy_reactor *reactor = buffer->reactor;

    if ((stream->object.flags & STREAM_FORWARD_MASK) != STREAM_FORWARD_PLAIN ||
        buffer->use != BUFFER_BORROWED || stream->queue_first != NULL)
        return false;
    if (buffer->length > stream->mark_high || pool_low(reactor))
        return false;
    if (!send_single(reactor, stream, buffer))
        return false;
    buffer->use = BUFFER_QUEUED;
    buffer->next = NULL;
    stream->queue_first = buffer; /* and thereby the last: see queue_last_entry() */
    stream->queued = buffer->length;
    stream->accepted += buffer->length;
    return true;
}

int kevy_stream_forward(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    if (likely(forward_simply(stream, buffer)))
        return 0;
    return forward_rarely(stream, buffer);
}

int kevy_stream_forward_slice(struct kevy_stream *stream, struct kevy_buffer *buffer,
                              uint32_t offset, uint32_t length)
{
    assert(buffer->block != NULL);
    assert(offset <= buffer->length && length <= buffer->length - offset);
    if (unlikely(!writable(stream)))
        return -EPIPE;
    if (length == 0)
        return 0;
    return queue_bytes(stream, buffer, buffer->data + offset, length);
}

/* Fills `message` with the first `count` entries of the queue, as far as a send may be long. */
static void message_fill(const struct kevy_stream *stream, struct msghdr *message, uint32_t count)
{
    struct iovec *parts = (struct iovec *)(void *)(message + 1);
    struct kevy_buffer *entry = stream->queue_first;
    uint32_t total = 0;
    uint32_t filled = 0;

    while (filled < count && entry->length <= LENGTH_MAX - total) {
        parts[filled].iov_base = (void *)(uintptr_t)entry->data;
        parts[filled].iov_len = entry->length;
        total += entry->length;
        filled++;
        entry = entry->next;
    }
    memset(message, 0, sizeof *message);
    message->msg_iov = parts;
    message->msg_iovlen = filled;
    if (stream->queue_first->use == BUFFER_DESCRIPTOR)
        stream_descriptor_attach(stream->queue_first, message);
}

/* The entries that the next send takes together. */
static uint32_t parts_count(const struct kevy_stream *stream)
{
    const struct kevy_buffer *entry = stream->queue_first;
    uint32_t count = 0;

    do {
        count++;
        entry = entry->next;
    } while (entry != NULL && count < PARTS_MAX && !send_begins(stream, entry));
    return count;
}

/* A message of the first `count` entries of the queue, in the arena; NULL when there is no room. */
struct msghdr *stream_message(const struct kevy_stream *stream, uint32_t count)
{
    struct msghdr *message =
        reactor_arena(stream->object.reactor, sizeof *message + count * sizeof(struct iovec));

    if (message != NULL)
        message_fill(stream, message, count);
    return message;
}

/* More than a plain send can do. */
static bool message_needed(const struct kevy_stream *stream)
{
    const struct kevy_buffer *first = stream->queue_first;

    return first->next != NULL || first->use == BUFFER_DESCRIPTOR ||
           stream_has(stream, STREAM_FILE);
}

static void message_prep(const struct kevy_stream *stream, struct kevy_sqe *sqe,
                         const struct msghdr *message)
{
    if (stream_has(stream, STREAM_FILE))
        kevy_prep_writev(sqe, stream->fd, message->msg_iov, (uint32_t)message->msg_iovlen,
                         KEVY_OFFSET_CURRENT, 0);
    else
        kevy_prep_sendmsg(sqe, stream->fd, message, 0);
}

/* Writes the send of several entries. */
static bool send_several(struct kevy_reactor *reactor, struct kevy_stream *stream)
{
    struct msghdr *message = stream_message(stream, parts_count(stream));
    struct kevy_sqe *sqe = NULL;

    if (message != NULL)
        sqe = reactor_sqe(reactor, stream, OPERATION_SEND);
    if (sqe == NULL)
        return false;
    message_prep(stream, sqe, message);
    stream->send_slot = reactor->ring.sqe_tail - 1;
    stream->object.flags |= STREAM_SENDING;
    stream->object.in_flight++;
    return true;
}

/* The queue grew behind a send that the kernel has not seen: the send grows with it. */
static void send_extend(struct kevy_stream *stream)
{
    const struct kevy_ring *ring = &stream->object.reactor->ring;
    const struct kevy_buffer *first = stream->queue_first;
    struct msghdr *message = NULL;
    struct kevy_sqe *sqe;

    if (stream_has(stream, STREAM_ZERO_COPYING) || first->use == BUFFER_FILE ||
        !send_changeable(stream))
        return;
    if (message_needed(stream) && (message = stream_message(stream, parts_count(stream))) == NULL)
        return;
    /* Making the message may have submitted what was there, to make room. */
    sqe = kevy_ring_reserved(ring, stream->send_slot);
    if (sqe == NULL)
        return;
    if (message != NULL)
        message_prep(stream, sqe, message);
    else
        kevy_prep_send(sqe, stream->fd, first->data, first->length, 0);
}

static void send_start(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    bool written;

    if (unlikely(stream->queue_first->use == BUFFER_ZERO_COPY) && stream_zero_copy_next(stream))
        written = stream_zero_copy_send(stream);
    else if (unlikely(stream->queue_first->use == BUFFER_FILE))
        written = stream_file_next(stream);
    else if (!message_needed(stream))
        written = send_single(reactor, stream, stream->queue_first);
    else
        written = send_several(reactor, stream);
    if (!written)
        object_pend(&stream->object);
}

static void fin_send(struct kevy_stream *stream)
{
    /* The system call, because IORING_OP_SHUTDOWN always goes through a worker thread. */
    if (!stream_has(stream, STREAM_FILE))
        (void)shutdown(stream->fd, SHUT_WR);
    stream->object.flags |= STREAM_FIN_SENT;
}

void stream_write_continue(struct kevy_stream *stream)
{
    if (stream_has(stream, STREAM_SENDING)) {
        send_extend(stream);
        return;
    }
    if (stream->queue_first != NULL) {
        send_start(stream);
        return;
    }
    if (unlikely(stream_has(stream, STREAM_TELL_DRAIN))) {
        stream->object.flags &= ~STREAM_TELL_DRAIN;
        if (stream->events->drain != NULL && stream->object.state == STREAM_OPEN)
            stream->events->drain(stream);
    }
    if (stream->queue_first == NULL && stream_has(stream, STREAM_FIN_WANTED) &&
        !stream_has(stream, STREAM_FIN_SENT))
        fin_send(stream);
}

/* Lets go of a queue entry and of the bytes it names. */
static inline void entry_release(struct kevy_reactor *reactor, struct kevy_buffer *entry)
{
    struct kevy_block *block = entry->block;

    if (likely(block != NULL && entry == &block->own)) {
        block_release(reactor, block);
        return;
    }
    if (block != NULL)
        block_release(reactor, block);
    buffer_give(&reactor->memory, entry);
}

static rare void write_report(struct kevy_write *write, struct kevy_stream *stream, int result)
{
    bool two_stages = write->released != NULL; /* if not, `done` may free the write */

    if (write->done != NULL)
        write->done(write, stream, result);
    if (two_stages)
        stream_write_finished(write);
}

/* Takes the first entry out; a write that it completes is reported. */
static void entry_finish(struct kevy_stream *stream, int result)
{
    struct kevy_buffer *entry = stream->queue_first;
    struct kevy_write *write = entry->write;

    if (unlikely(entry->use == BUFFER_FILE)) {
        stream_file_end(stream, result);
        return;
    }
    stream->queue_first = entry->next;
    stream->queued -= entry->length;
    if (result < 0)
        stream->accepted -= entry->length;
    stream->object.flags &= ~STREAM_SENT_SHORT;
    if (unlikely(entry->use == BUFFER_ZERO_COPY) && write == NULL)
        entry->next->use = BUFFER_ZERO_COPY; /* what is left of the write begins there */
    if (unlikely(entry->use == BUFFER_DESCRIPTOR))
        stream_descriptor_sent(entry);
    entry_release(stream->object.reactor, entry);
    if (unlikely(write != NULL))
        write_report(write, stream, result);
}

/* The kernel took `count` bytes: they leave the queue, and so do empty parts behind them. */
static void queue_consume(struct kevy_stream *stream, uint32_t count)
{
    while (stream->queue_first != NULL) {
        struct kevy_buffer *first = stream->queue_first;

        if (unlikely(first->use == BUFFER_FILE))
            break; /* whose bytes do not go with a send */
        if (count < first->length) {
            if (unlikely(first->use == BUFFER_DESCRIPTOR) && count != 0)
                stream_descriptor_sent(first);
            first->data += count;
            first->length -= count;
            stream->queued -= count;
            stream->object.flags |= STREAM_SENT_SHORT;
            return;
        }
        if (count == 0 && first->length != 0)
            return;
        count -= first->length;
        entry_finish(stream, 0);
    }
    assert(count == 0);
}

void stream_queue_drop(struct kevy_stream *stream, int result)
{
    assert(!stream_has(stream, STREAM_SENDING));
    stream_file_dropped(stream);
    while (stream->queue_first != NULL)
        entry_finish(stream, result);
}

/* The queue went down: tell who waits for that. */
static void queue_lowered(struct kevy_stream *stream)
{
    if (likely(stream->queued > stream->mark_low))
        return;
    if (unlikely(stream_has(stream, STREAM_HOLDS_OTHERS)))
        stream_release_held(stream);
    if (unlikely(stream_has(stream, STREAM_TELL_DRAIN)) && stream->object.state == STREAM_OPEN) {
        stream->object.flags &= ~STREAM_TELL_DRAIN;
        if (stream->events->drain != NULL)
            stream->events->drain(stream);
    }
}

/*
 * The peer takes nothing more. What it sent before is still in the socket: reading goes on to its
 * end, which our shutdown bounds, and then the stream closes with the error. A paused stream has
 * nobody to wait for.
 */
static void send_failed(struct kevy_stream *stream, int error)
{
    stream->object.flags |= STREAM_WRITE_FAILED;
    if (stream->reason == 0)
        stream->reason = (int16_t)error;
    if (stream->object.state != STREAM_OPEN ||
        stream_has(stream, STREAM_PAUSED | STREAM_READ_ENDED | STREAM_FILE)) {
        stream_terminate(stream, error);
        return;
    }
    stream->write_at = 0;
    stream_queue_drop(stream, error);
    stream_release_held(stream);
    (void)shutdown(stream->fd, SHUT_RDWR);
}

/* The deadlines after a send: something moved, and the kernel owes nothing until the next one. */
static void limits_sent(struct kevy_stream *stream)
{
    stream->write_at = 0;
    if (stream_has(stream, STREAM_IDLE_LIMITED))
        stream_active(stream);
}

/*
 * What most sends are: a buffer of the pool, the only one of the queue, gone, and nobody waiting
 * for that. Does all that stream_sent() would, or nothing.
 */
static inline bool send_done_simply(struct kevy_reactor *reactor, struct kevy_stream *stream,
                                    int result)
{
    struct kevy_buffer *entry = stream->queue_first;
    struct kevy_block *block = KEVY_CONTAINER_OF(entry, struct kevy_block, own);
    uint32_t state = stream->object.flags & STREAM_SENT_MASK;

    if ((state & ~STREAM_LIMITED) != STREAM_SENT_PLAIN || entry->next != NULL ||
        (uint32_t)result != entry->length)
        return false;
    if (entry->block != block || block->refs != 1)
        return false;
    if (state & STREAM_LIMITED)
        limits_sent(stream);
    stream->object.flags &= ~STREAM_SENDING;
    stream->queue_first = NULL;
    stream->queued = 0;
    kevy_buffer_ring_give(&reactor->pool, block->id);
    return true;
}

/* A request of the file range that the queue begins with. */
static void file_moved(struct kevy_stream *stream, int result)
{
    stream->object.flags &= ~STREAM_SENDING;
    object_pend(&stream->object);
    result = stream_file_done(stream, result);
    if (result < 0) {
        send_failed(stream, result);
        return;
    }
    limits_sent(stream);
    if (stream->queue_first != NULL)
        stream_write_expected(stream);
    queue_lowered(stream);
}

/* Any completion of a send: short, failed, of several entries, or awaited by somebody. */
rare void stream_sent(struct kevy_stream *stream, int result)
{
    if (stream->queue_first->use == BUFFER_FILE) {
        file_moved(stream, result);
        return;
    }
    if (result < 0) {
        stream->object.flags &= ~STREAM_SENDING;
        object_pend(&stream->object);
        if (stream->object.state < STREAM_TERMINATING && result != -EAGAIN && result != -EINTR)
            send_failed(stream, result);
        return;
    }
    /* Still marked as sending: a `done` that ends the stream must not drop the queue under us. */
    queue_consume(stream, (uint32_t)result);
    stream->object.flags &= ~STREAM_SENDING;
    limits_sent(stream);
    if (stream->queue_first != NULL)
        stream_write_expected(stream);
    queue_lowered(stream);
    if (stream->queue_first != NULL || stream->object.state != STREAM_OPEN ||
        stream_has(stream, STREAM_FIN_WANTED))
        object_pend(&stream->object);
}

void stream_send_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_stream *stream = owner;

    (void)flags;
    stream->object.in_flight--;
    if (likely(send_done_simply(reactor, stream, result)))
        return;
    stream_sent(stream, result);
}

int kevy_stream_shutdown(struct kevy_stream *stream)
{
    if (stream->object.state != STREAM_OPEN)
        return -EPIPE;
    if (stream_has(stream, STREAM_FILE))
        return -EOPNOTSUPP;
    stream->object.flags |= STREAM_FIN_WANTED;
    object_pend(&stream->object);
    return 0;
}

void kevy_stream_marks(struct kevy_stream *stream, uint32_t low, uint32_t high)
{
    assert(low <= high && high > 0 && high <= LENGTH_MAX);
    stream->mark_low = low;
    stream->mark_high = high;
}

#endif /* KEVY_RING_SUPPORTED */
