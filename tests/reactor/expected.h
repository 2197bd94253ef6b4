/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXPECTED_H
#define EXPECTED_H

/*
 * What the reader of a stream has to receive: pieces of patterns, in the order in which they were
 * accepted for it. A piece is a seed and a place in its pattern, so that bytes from anywhere - a
 * write, a file, another stream - are known by what they are without being kept. A piece has a
 * number, by which it is shortened when less of it was sent than was accepted.
 */

#include "reactor_test.h"

struct piece {
    uint64_t seed, position, length;
    bool alone; /* does not grow with what is accepted behind it */
};

struct expected {
    struct piece *pieces; /* from `first` on they have yet to come; what is left of the first */
    size_t first, count, capacity;
    uint64_t first_number; /* of pieces[first] */
    uint64_t came;         /* bytes of the first piece that came already */
};

/* What there is no room for moves to the front; then it doubles. */
static inline void expected_room(struct expected *expected)
{
    if (expected->first + expected->count < expected->capacity)
        return;
    if (expected->first > expected->capacity / 2) {
        memmove(expected->pieces, expected->pieces + expected->first,
                expected->count * sizeof *expected->pieces);
        expected->first = 0;
        return;
    }
    expected->capacity = expected->capacity == 0 ? 64 : 2 * expected->capacity;
    expected->pieces = realloc(expected->pieces, expected->capacity * sizeof *expected->pieces);
    ck_assert_ptr_nonnull(expected->pieces);
}

/* Accepted: `length` bytes of the pattern of `seed` from `position` on. Returns its number. */
static inline uint64_t expected_add(struct expected *expected, struct piece piece)
{
    struct piece *last = NULL;

    if (expected->count > 0)
        last = expected->pieces + expected->first + expected->count - 1;
    if (last != NULL && !last->alone && !piece.alone && last->seed == piece.seed &&
        last->position + last->length == piece.position) {
        last->length += piece.length;
    } else {
        expected_room(expected);
        expected->pieces[expected->first + expected->count++] = piece;
    }
    return expected->first_number + expected->count - 1;
}

/* Of the piece `number` only `length` bytes were sent. */
static inline void expected_shorten(struct expected *expected, uint64_t number, uint64_t length)
{
    struct piece *piece;

    ck_assert_msg(number >= expected->first_number, "all of it came, and more than was sent");
    ck_assert_uint_lt(number - expected->first_number, expected->count);
    piece = expected->pieces + expected->first + (number - expected->first_number);
    ck_assert_uint_le(length, piece->length);
    if (number == expected->first_number)
        ck_assert_uint_le(expected->came, length);
    piece->length = length;
}

/* Bytes came: compares what of them is of one piece, and returns that piece of them. */
static inline struct piece expected_take_some(struct expected *expected, const uint8_t *data,
                                              uint64_t length)
{
    struct piece *first = expected->pieces + expected->first;
    struct piece taken;

    while (expected->count > 0 && expected->came == first->length) {
        expected->first++;
        expected->first_number++;
        expected->count--;
        expected->came = 0;
        first++;
    }
    ck_assert_msg(expected->count > 0, "bytes came that nobody sent");
    taken = (struct piece){.seed = first->seed, .position = first->position + expected->came};
    taken.length = first->length - expected->came;
    if (taken.length > length)
        taken.length = length;
    pattern_check(data, taken.length, taken.seed, taken.position);
    expected->came += taken.length;
    return taken;
}

/* Bytes came: compares all of them, and returns the piece that they begin with. */
static inline struct piece expected_take(struct expected *expected, const uint8_t *data,
                                         uint64_t length)
{
    struct piece begin = expected_take_some(expected, data, length);

    for (uint64_t done = begin.length; done < length;)
        done += expected_take_some(expected, data + done, length - done).length;
    return begin;
}

static inline void expected_free(struct expected *expected)
{
    free(expected->pieces);
    memset(expected, 0, sizeof *expected);
}

#endif
