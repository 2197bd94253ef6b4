/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_RANGES_H
#define SIM_RANGES_H

/*
 * Ranges of files that a server under test sends down its streams.
 *
 * Model. Each range has a file of its own, whose bytes are those that the client is to have next.
 * Some files end before the range does.
 *
 * Invariants. A range reports once. Without an error all that the file has of it has been sent.
 * With one of the file the stream goes on; any other error comes with the end of the stream, or
 * when the peer takes nothing more. What has been sent is never less than what the client has. A
 * range sends from the page cache once in a turn, and asks a full socket seldom.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

/* What became of a range. */
struct range_told {
    uint64_t position; /* of its first byte, in all that the client is to have */
    uint64_t length;
    uint64_t sent;
    int result;
};

typedef void (*range_done)(struct kevy_stream *stream, const struct range_told *told);

/* The table that the reactor is to have in place of *system. */
const struct kevy_system *ranges_system(const struct kevy_system *system);

void ranges_start(struct kevy_reactor *reactor);

/* Queues one: its bytes are those of the pattern of `seed` from `position` on. Returns its length,
 * or a negative errno: that of kevy_stream_send_file(), -EMFILE, or -EBUSY where all files are in
 * use. */
int64_t ranges_send(struct kevy_stream *stream, uint64_t seed, uint64_t position, range_done done);

/* The reactor is gone. */
void ranges_gone(void);

#endif
