/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef CHAOS_WIRE_H
#define CHAOS_WIRE_H

/*
 * One direction of a connection, as it should be: the bytes that the writing end was accepted for
 * and the reading end has not been told yet. Both ends hold it; with the second it is judged.
 */

#include "reactor_test.h"

struct wire {
    uint8_t *bytes;
    size_t begin, end, room;
    unsigned ends;
    bool cut;   /* the writing end did not come to a good end: bytes may be missing */
    bool ended; /* the reading end was told that there are no more */
};

static inline struct wire *wire_make(void)
{
    struct wire *wire = calloc(1, sizeof *wire);

    ck_assert_ptr_nonnull(wire);
    wire->ends = 2;
    return wire;
}

static inline size_t wire_pending(const struct wire *wire)
{
    return wire->end - wire->begin;
}

/* What was sent in good order and whose end was told is complete. */
static inline void wire_leave(struct wire *wire)
{
    if (--wire->ends > 0)
        return;
    if (wire->ended && !wire->cut)
        ck_assert_msg(wire_pending(wire) == 0, "the end came %zu bytes too early",
                      wire_pending(wire));
    free(wire->bytes);
    free(wire);
}

static inline void wire_add(struct wire *wire, const void *data, size_t length)
{
    if (length == 0)
        return;
    if (wire->end + length > wire->room && wire->room != 0) {
        memmove(wire->bytes, wire->bytes + wire->begin, wire_pending(wire));
        wire->end -= wire->begin;
        wire->begin = 0;
    }
    if (wire->end + length > wire->room) {
        wire->room = 2 * (wire->end + length);
        wire->bytes = realloc(wire->bytes, wire->room);
        ck_assert_ptr_nonnull(wire->bytes);
    }
    memcpy(wire->bytes + wire->end, data, length);
    wire->end += length;
}

static inline void wire_take(struct wire *wire, const void *data, size_t length)
{
    ck_assert_msg(!wire->ended, "bytes after the end");
    ck_assert_msg(length <= wire_pending(wire), "bytes that nobody sent");
    ck_assert_msg(memcmp(wire->bytes + wire->begin, data, length) == 0, "bytes of somebody else");
    wire->begin += length;
}

#endif
