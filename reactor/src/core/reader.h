/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What streams and datagram sockets have in common: they receive into the pool.
 *
 * Model. Two things may come between a received buffer and its read callback. The pool may be
 * empty: then the reader is starved, waits in a queue of the reactor, and is armed again, oldest
 * first, when an eighth of the pool is back. Or the callback may not be called at the moment, for
 * example because of a pause: then the buffer waits in the reader's stash, in order.
 *
 * Without a limit to a run (pool.h) there are none while somebody is starved: each recv fills one
 * buffer, or the first of several floods would take the whole pool every time, and the others
 * nothing.
 *
 * Turns. A reader whose recv ended at its limit has more in its socket. Served one after the other,
 * a run of each, such readers are slow all together: what each run finds has long left the cache,
 * the sockets stay full, and their windows closed (tests/bench/README.md). So TURN_READERS of them
 * are armed at a time, and one of them goes first again TURN_RUNS times, while its bytes are warm
 * and its window opens, before it goes behind the others. Readers whose recv is armed are served in
 * each turn of the loop meanwhile.
 *
 * Invariants. Nothing is delivered past a stash that is not empty. A reader is starved, or in the
 * queue for its turn, or in neither, and in one of them only while it has nothing armed. Starved
 * readers are armed again with POLL_FIRST: arming against an empty pool fails at once otherwise,
 * also when nothing has come (liburing issue 1275). Every buffer in a stash is its block's own.
 */
#ifndef KEVY_REACTOR_READER_H
#define KEVY_REACTOR_READER_H

#include "core/names.h"

#include "core/object.h"
#include "core/pool.h"

/* For kevy_x_object.flags of readers. */
#define READER_IN_TURN    (1U << 26) /* it waits for its turn */
#define READER_STASHES    (1U << 29) /* its stash is not empty */
#define READER_STARVED    (1U << 28) /* it waits for buffers */
#define READER_POLL_FIRST (1U << 27) /* the pool was empty: data is waited for before a buffer */

/* Waits for buffers, behind all who wait already. */
void reader_starve(struct kevy_x_reader *reader);

/* Waits no more; idempotent. */
void reader_starve_end(struct kevy_x_reader *reader);

/* Waits for its turn: before all others, or behind them. */
void reader_turn_await(struct kevy_x_reader *reader, bool again);

/* Waits for its turn no more; idempotent. */
void reader_turn_end(struct kevy_x_reader *reader);

/* Arms those whose turn it is; some are in the queue. */
void readers_take_turns(struct kevy_reactor *reactor);

/* Arms those who have waited longest, as far as there are buffers. */
void readers_feed(struct kevy_reactor *reactor);

/* True when somebody is starved and enough of the pool is back for them. */
bool readers_can_feed(const struct kevy_reactor *reactor);

/*
 * The same bytes in heap memory, or NULL at the limit; the buffer stays what it was. Descriptors
 * that came with the bytes belong to the copy, which then begins with the message that names them.
 */
struct kevy_buffer *buffer_copy(struct kevy_reactor *reactor, struct kevy_buffer *buffer);

/* Puts a buffer, its block's own, at the end of the stash, and makes the reader pending. */
void stash_append(struct kevy_x_reader *reader, struct kevy_buffer *buffer);

/* Takes the oldest buffer out; there is one. */
struct kevy_buffer *stash_take(struct kevy_x_reader *reader);

/* The oldest buffer, NULL for none. */
static inline struct kevy_buffer *stash_first(const struct kevy_x_reader *reader)
{
    return reader->stash_last != NULL ? reader->stash_last->next : NULL;
}

/* What a read callback is lent of a buffer of a stash: itself, or for a copy *kept, which is that.
 */
static inline struct kevy_buffer *buffer_lend(struct kevy_buffer *buffer, struct kevy_buffer *kept)
{
    assert(buffer == &buffer->block->own);
    if (buffer->block->capacity == 0)
        return buffer;
    *kept = *buffer;
    kept->use = BUFFER_KEPT;
    return kept;
}

/* The read callback has returned: gives the buffer back, unless it went into a queue, which leaves
 * a copy empty. */
static inline void buffer_lent_end(struct kevy_reactor *reactor, struct kevy_buffer *buffer)
{
    if (buffer->use != BUFFER_QUEUED && buffer->block != NULL)
        block_release(reactor, buffer->block);
}

#endif /* KEVY_REACTOR_READER_H */
