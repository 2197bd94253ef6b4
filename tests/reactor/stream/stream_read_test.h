/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef STREAM_READ_TEST_H
#define STREAM_READ_TEST_H

/* What the tests of reading have in common: probes, and peers that flood them with a pattern. */

#include "reactor_test.h"

enum {
    FLOOD = 3000000,
};

static struct probe probe;
static uint8_t source[FLOOD];

/* Sends as much of the pattern as the socket takes. */
static inline void peer_flood(int peer, uint64_t *sent, uint64_t total)
{
    while (*sent < total) {
        ssize_t count = send(peer, source + *sent, total - *sent, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (count < 0)
            return;
        *sent += (uint64_t)count;
    }
}

static inline void source_fill(void)
{
    pattern_fill(source, sizeof source, 1, 0);
}

static inline void probe_expects_pattern(struct probe *reader)
{
    reader->check_bytes = true;
    reader->seed = 1;
}

static inline void probe_abort(struct probe *aborted)
{
    QUIETLY(kevy_stream_abort(&aborted->stream));
    probe_finish(aborted);
}

#endif
