/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A send of several entries of the queue.
 *
 * Model. A message names the first entries of the queue, as many as may go together: one that has
 * to begin a send of its own, because of what goes along with it, ends the list. Messages lie in
 * the reactor's arena until they have been submitted; the kernel copies them then
 * (KEVY_FEAT_SUBMIT_STABLE, 5.5).
 */
#include "stream/stream_send.h"

#if KEVY_RING_SUPPORTED

#include <string.h>

/* True where a send has to begin. */
static bool send_begins(const struct kevy_stream *stream, const struct kevy_buffer *entry)
{
    return entry->use == BUFFER_RIGHTS || entry->use == BUFFER_RANGE ||
           zero_copy_begins(stream, entry);
}

/* The entries that the next send takes together. */
uint32_t stream_message_entries(const struct kevy_stream *stream)
{
    const struct kevy_buffer *first = queue_first(stream);
    const struct kevy_buffer *entry = first;
    uint32_t count = 0;

    assert(first != NULL && first->use != BUFFER_RANGE);
    if (unlikely(first->use == BUFFER_RIGHTS) && stream_sent_alone(first))
        return 1;
    do {
        count++;
        entry = entry->next;
    } while (entry != first && count < PARTS_MAX && !send_begins(stream, entry));
    return count;
}

/* Fills `message` with the first `count` entries of the queue, as far as a send may be long. */
static void message_fill(const struct kevy_stream *stream, struct msghdr *message, uint32_t count)
{
    struct iovec *parts = (struct iovec *)(void *)(message + 1);
    struct kevy_buffer *first = queue_first(stream);
    struct kevy_buffer *entry = first;
    uint32_t total = 0;
    uint32_t filled = 0;

    while (filled < count && entry->length <= LENGTH_MAX - total) {
        parts[filled].iov_base = (void *)(uintptr_t)entry->data;
        parts[filled].iov_len = entry->length;
        total += entry->length;
        filled++;
        entry = entry->next;
    }
    assert(filled > 0);
    memset(message, 0, sizeof *message);
    message->msg_iov = parts;
    message->msg_iovlen = filled;
    if (first->use == BUFFER_RIGHTS)
        stream_rights_attach(first, message);
}

/* A message of the first `count` entries of the queue, in the arena; NULL when there is no room. */
struct msghdr *stream_message(const struct kevy_stream *stream, uint32_t count)
{
    struct msghdr *message;

    assert(count > 0 && count <= PARTS_MAX);
    message =
        submission_arena(stream->object.reactor, sizeof *message + count * sizeof(struct iovec));

    if (message != NULL)
        message_fill(stream, message, count);
    return message;
}

#endif /* KEVY_RING_SUPPORTED */
