/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The one send of a stream, where it is written: in the call that queues the first bytes of a
 * turn, and in the flush. Part of stream_write.c, stream_forward.c and stream_send.c.
 */
#ifndef KEVY_REACTOR_STREAM_SEND_H
#define KEVY_REACTOR_STREAM_SEND_H

#include "core/names.h"

#include "stream/stream_internal.h"

#include <kevy/ring_prep.h>

#define PARTS_MAX  64U
#define LENGTH_MAX (1U << 30) /* of one write, and of one send */

/*
 * The slot of the send in flight while it can still be changed, because the kernel has not seen it;
 * else NULL. A send may wait for its peer through 2^32 requests of others: then its number is that
 * of another's slot, which only the owner tells.
 */
static inline struct kevy_sqe *send_reserved(const struct kevy_stream *stream)
{
    struct kevy_sqe *sqe = kevy_ring_sqe_at(&stream->object.reactor->ring, stream->send_slot);

    return sqe != NULL && sqe->user_data == user_data_make(stream, OPERATION_SEND) ? sqe : NULL;
}

static inline bool send_changeable(const struct kevy_stream *stream)
{
    return send_reserved(stream) != NULL;
}

/*
 * Writes the send of one entry. False when there is no slot for it: the flush tries again. Inlined
 * for good: the call that clang makes of it otherwise costs a message 14 instructions.
 */
static inline __attribute__((always_inline)) bool send_single(struct kevy_reactor *reactor,
                                                              struct kevy_stream *stream,
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
    object_request_begun(&stream->object);
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
    struct kevy_buffer *before = stream->queue_last;

    debug_assert(first->use >= BUFFER_QUEUED && first->use != BUFFER_KEPT);
    stream->queued += length;
    stream->accepted += length;
    stream_mark_check(stream);
    stream->queue_last = last;
    if (likely(before == NULL)) {
        last->next = first;
        stream_send_expected(stream);
        /* Still sending: in the `done` of a write that was the last one. Its completion sees to
         * this. */
        if (stream_has(stream, STREAM_SENDING))
            return;
        if (likely(first == last) && likely(first->use == BUFFER_QUEUED) &&
            likely(!stream_has(stream, STREAM_NOT_SOCKET)) &&
            likely(send_single(reactor, stream, first)))
            return;
        stream_moved(stream);
    } else {
        if (before->next == before)
            stream_moved(stream); /* what is in flight alone holds nothing up */
        last->next = before->next;
        before->next = first;
        if (stream_has(stream, STREAM_SENDING) && !send_changeable(stream))
            return;
    }
    object_pend(&stream->object);
}

#endif /* KEVY_REACTOR_STREAM_SEND_H */
