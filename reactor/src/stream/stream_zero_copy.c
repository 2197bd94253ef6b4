/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sends that the kernel makes from the user's memory.
 *
 * Model. A write with KEVY_SEND_ZERO_COPY has a send of its own, so that the copies of other
 * writes are not pinned with it; the queue keeps its order with what is before and behind. Such a
 * send is answered twice: first with the bytes taken, whereupon the queue goes on, and later with a
 * notice that the kernel has let go of the memory, which TCP does when the peer has acknowledged
 * it. A send that fails has a notice as well. The requests are the write's, not the stream's,
 * because notices of several writes come in any order.
 *
 * Invariants. stream->notices is the sum of the notices of its writes; the last callback waits for
 * it to be 0. The descriptor is closed before, for the notices of a stream that was reset come from
 * that. `released` of a write follows its `done` and its last notice, whichever is later.
 *
 * Zero-copy is given up, for the rest of the stream's life, where the kernel cannot do it
 * (-EOPNOTSUPP: Unix; -EINVAL: a kernel before 6.2; -ENOMEM, -ENOBUFS: too little locked memory)
 * and where it did copy. Each of these costs more than copying at once.
 */
#include "stream/stream_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

_Static_assert(_Alignof(struct kevy_send) > OPERATION_MASK, "a write owns its requests");

/* The entries of the write that the queue begins with. */
static uint32_t write_entries(const struct kevy_stream *stream, uint64_t *length)
{
    const struct kevy_buffer *entry = queue_first(stream);
    uint32_t count = 1;

    assert(entry->use == BUFFER_ZERO_COPY);
    *length = entry->length;
    while (entry->write == NULL) {
        entry = entry->next;
        *length += entry->length;
        count++;
    }
    return count;
}

/* True when the next send is to be a zero-copy one: enough is left of the write for that. */
bool stream_zero_copy_next(const struct kevy_stream *stream)
{
    uint64_t length;

    if (!zero_copy_begins(stream, queue_first(stream)) || stream->notices == UINT16_MAX)
        return false;
    (void)write_entries(stream, &length);
    return length >= stream->object.reactor->options.zero_copy_minimum;
}

/* The write that the queue begins with. */
struct kevy_send *stream_zero_copy_write(const struct kevy_stream *stream)
{
    const struct kevy_buffer *entry = queue_first(stream);

    while (entry->write == NULL)
        entry = entry->next;
    return entry->write;
}

/* Writes the send of the first write. False when there is no slot for it: the flush tries again. */
bool stream_zero_copy_send(struct kevy_stream *stream)
{
    struct kevy_reactor *reactor = stream->object.reactor;
    const struct kevy_buffer *first = queue_first(stream);
    struct msghdr *message = NULL;
    struct kevy_sqe *sqe;
    uint64_t length;
    uint32_t count = write_entries(stream, &length);

    if (count > 1 && (message = stream_message(stream, count)) == NULL)
        return false;
    sqe = submission_sqe(reactor, stream_zero_copy_write(stream), OPERATION_ZERO_COPY);
    if (sqe == NULL)
        return false;
    if (message != NULL)
        kevy_prep_sendmsg_zc(sqe, stream->fd, message, 0);
    else
        kevy_prep_send_zc(sqe, stream->fd, first->data, first->length, 0);
    assert(!stream_has(stream, STREAM_SENDING) && stream->notices < UINT16_MAX);
    sqe->ioprio |= KEVY_SEND_ZC_REPORT_USAGE;
    stream->object.flags |= STREAM_SENDING;
    stream->notes |= NOTE_ZERO_COPYING;
    object_request_begun(&stream->object);
    reactor->stats.zero_copy_sends++;
    return true;
}

static void zero_copy_end(struct kevy_stream *stream)
{
    if (stream_noted(stream, NOTE_COPIES))
        return;
    stream->notes |= NOTE_COPIES;
    stream->object.reactor->stats.zero_copy_fallbacks++;
}

static void write_release(struct kevy_send *write, struct kevy_stream *stream)
{
    pinned_check(write);
    write->released(write, stream);
}

void stream_write_finished(struct kevy_send *write)
{
    assert((write->finished & WRITE_FINISHED) == 0);
    write->finished |= WRITE_FINISHED;
    if (write->notices == 0)
        write_release(write, write->stream);
}

/* The kernel has let go of the memory of one send. */
void stream_zero_copy_notice(struct kevy_stream *stream, struct kevy_send *write, uint32_t usage)
{
    assert(write->notices > 0 && stream->notices > 0);
    if (usage & KEVY_NOTIF_USAGE_ZC_COPIED)
        zero_copy_end(stream);
    write->notices--;
    stream->notices--;
    if (write->notices == 0 && (write->finished & WRITE_FINISHED) != 0)
        write_release(write, stream);
    if (stream->object.state == STREAM_LINGERING)
        stream_deadlines_lingering(stream); /* the peer makes progress */
    if (stream->object.state == STREAM_LINGERING || stream->object.state == STREAM_CLOSED ||
        stream_has(stream, STREAM_DETACHING))
        object_pend(&stream->object);
}

static bool refused(int result)
{
    return result == -EOPNOTSUPP || result == -EINVAL || result == -ENOMEM || result == -ENOBUFS;
}

/* Books the first answer of a send. Returns what an ordinary send would have answered. */
int stream_zero_copy_result(struct kevy_stream *stream, struct kevy_send *write, int result,
                            uint32_t flags)
{
    assert(stream_noted(stream, NOTE_ZERO_COPYING));
    stream->notes &= ~NOTE_ZERO_COPYING;
    if (flags & KEVY_CQE_F_MORE) {
        write->notices++;
        stream->notices++;
    }
    if (!refused(result))
        return result;
    zero_copy_end(stream);
    return -EAGAIN; /* the same bytes go by an ordinary send */
}

#endif /* KEVY_RING_SUPPORTED */
