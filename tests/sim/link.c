/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "link.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "world.h"

enum { DESCRIPTORS_MAX = 1024 };

unsigned quiet_calls;
static struct link *first;
static uint32_t open_count;
static bool all_limited;
static bool memory_limited;

struct link *link_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct link, stream);
}

static struct link *called(struct kevy_stream *stream, const char *callback)
{
    EXPECT(quiet_calls == 0, "%s came inside a call", callback);
    return link_of(stream);
}

/* True while the stream takes bytes: its peer still accepts them. */
static bool is_writable(struct link *link)
{
    int error;

    QUIETLY(error = kevy_stream_send(&link->stream, "", 0));
    return error != -EPIPE;
}

/* Where both marks are the same it comes at this one, and from the flush. */
static void drain_check(struct link *link)
{
    const struct kevy_stream *stream = &link->stream;

    if (link->owes_drain && stream->low_watermark < stream->high_watermark &&
        kevy_stream_queued(stream) <= stream->low_watermark)
        EXPECT(!is_writable(link), "the queue is down to its low mark, and drain has not come");
}

void link_queued(struct link *link, uint64_t length, uint64_t before)
{
    EXPECT(before < link->stream.high_watermark || link->accepted < link->reserved,
           "bytes are taken with %" PRIu64 " in the queue, at the high mark", before);
    link_forwarded(link, length);
}

void link_forwarded(struct link *link, uint64_t length)
{
    link->accepted += length;
    link->owes_drain |= kevy_stream_queued(&link->stream) >= link->stream.high_watermark;
}

void link_share(struct link *link, const struct link *of)
{
    link->shares = true;
    if (of->story != NULL)
        link->story = story_hold(of->story);
}

void link_forget(struct link *link)
{
    if (link->story != NULL)
        story_drop(link->story);
    if (link->next != NULL)
        link->next->previous = link->previous;
    if (link->previous != NULL)
        link->previous->next = link->next;
    else
        first = link->next;
    memset(link, 0xDB, sizeof *link);
    free(link);
    open_count--;
}

static void opened(struct kevy_stream *stream)
{
    struct link *link = called(stream, "open");

    EXPECT(!link->opened, "open came twice");
    link->opened = true;
    if (!link->shares && link->story == NULL) {
        link->story = story_of(kevy_stream_fd(stream));
        if (link->story != NULL)
            (void)story_hold(link->story);
    }
    if (link->manner->open != NULL)
        link->manner->open(link);
}

static void received(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct link *link = called(stream, "read");

    EXPECT(link->opened && !link->ended, "read out of its order");
    EXPECT(buffer->length > 0, "read without a byte");
    drain_check(link);
    if (link->story != NULL)
        pattern_check(buffer->data, buffer->length, link->story->seed, link->received, "server");
    link->received += buffer->length;
    link->manner->read(link, buffer);
}

static void ended(struct kevy_stream *stream)
{
    struct link *link = called(stream, "end");

    EXPECT(link->opened && !link->ended, "end out of its order");
    link->ended = true;
    if (link->story != NULL)
        story_ends(link->story);
    if (link->story != NULL && !link->story->broken)
        EXPECT(link->received == link->story->sent,
               "the end came after %" PRIu64 " of %" PRIu64 " bytes", link->received,
               link->story->sent);
    if (link->manner->end != NULL)
        link->manner->end(link);
    else
        QUIETLY(kevy_stream_close(stream));
    link->limited = true; /* the queue has to move while a stream closes */
}

static void drained(struct kevy_stream *stream)
{
    struct link *link = called(stream, "drain");

    EXPECT(link->opened, "drain before open");
    link->owes_drain = false;
    if (link->manner->drain != NULL)
        link->manner->drain(link);
}

static void timed_out(struct kevy_stream *stream, enum kevy_deadline deadline)
{
    struct link *link = called(stream, "timeout");

    EXPECT(link->manner->timeout != NULL, "a deadline that nobody has set passes");
    link->manner->timeout(link, deadline);
}

/* The reasons that a stream may end with, and whether the world has one for it. */
static bool reason_known(const struct link *link, int reason)
{
    const struct story *story = link->story;
    bool told = story == NULL || story->broken || story->cut; /* by the network or either end */

    switch (reason) {
    case 0:
    case -ECANCELED: /* aborted, or the reactor is destroyed */
        return true;
    case -ECONNRESET:
    case -EPIPE:
        return told;
    case -ETIMEDOUT:
        return told || link->limited || all_limited;
    case -ENOMEM:
    case -ENOBUFS:
        return kevy_sim_refused(world) || memory_limited;
    default:
        return false;
    }
}

static void reason_check(const struct link *link, int reason)
{
    EXPECT(reason_known(link, reason), "a stream ends with %d for no reason", reason);
}

static void detached(struct kevy_stream *stream, int fd)
{
    struct link *link = called(stream, "detach");

    EXPECT(link->opened && link->fd < 0 && fd >= 0, "detach out of its order");
    link->fd = fd;
}

/* The program starts the stream again, with what it was given back. */
static void start_again(struct link *link)
{
    struct kevy_reactor *reactor = kevy_stream_reactor(&link->stream);
    int fd = link->fd, error;

    link->fd = -1;
    link->opened = false;
    link->ended = false;
    link->owes_drain = false;
    link->accepted = 0;
    link->reserved = 0;
    link->manner->detach(link);
    QUIETLY(error = kevy_stream_adopt(&link->stream, reactor, fd));
    EXPECT(error == 0, "a descriptor that was detached is adopted with %d", error);
}

static void closed(struct kevy_stream *stream, int reason)
{
    struct link *link = called(stream, "close");

    EXPECT(kevy_stream_fd(stream) == -1, "a stream that is closed names descriptor %d",
           kevy_stream_fd(stream));
    if (link->fd >= 0) {
        EXPECT(reason == 0, "a stream is closed with %d behind its detach", reason);
        start_again(link);
        return;
    }
    TRACE("link closes with %d after %" PRIu64 " bytes", reason, link->received);
    if (!link->shares)
        reason_check(link, reason);
    if (link->manner->close != NULL)
        link->manner->close(link, reason);
    if (link->story != NULL && !link->shares)
        story_close(link->story, reason);
    link_forget(link);
}

static const struct kevy_stream_events events = {.open = opened,
                                                 .read = received,
                                                 .end = ended,
                                                 .drain = drained,
                                                 .timeout = timed_out,
                                                 .detach = detached,
                                                 .close = closed};

struct kevy_stream *link_make(const struct link_manner *manner, size_t size)
{
    struct link *link = calloc(1, size);

    if (link == NULL)
        return NULL;
    link->manner = manner;
    link->fd = -1;
    link->next = first;
    if (first != NULL)
        first->previous = link;
    first = link;
    open_count++;
    return kevy_stream_init(&link->stream, &events);
}

uint32_t links_open(void)
{
    return open_count;
}

void links_limit(void)
{
    all_limited = true;
}

void links_check(void)
{
    static uint32_t seen[DESCRIPTORS_MAX]; /* in which check */
    static uint32_t check;

    check++;
    for (const struct link *link = first; link != NULL; link = link->next) {
        int fd = kevy_stream_fd(&link->stream);

        if (fd < 0 || fd >= DESCRIPTORS_MAX)
            continue;
        EXPECT(seen[fd] != check, "two streams name descriptor %d", fd);
        seen[fd] = check;
    }
}

struct link *links_first(void)
{
    return first;
}

struct link *links_any(void)
{
    struct link *link = first;

    if (link == NULL)
        return NULL;
    for (uint64_t skip = kevy_sim_below(world, open_count); skip > 0; skip--)
        link = link->next;
    return link;
}

void link_break(struct link *link)
{
    if (link->story != NULL)
        link->story->broken = true;
}

void links_reset(bool little_memory)
{
    memory_limited = little_memory;
    first = NULL;
    all_limited = false;
    open_count = 0;
    quiet_calls = 0;
}
