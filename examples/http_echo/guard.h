/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guard.h - what may stand where in the raw bytes of a request, checked before llhttp sees them.
 *
 * Model. A table of states over classes of bytes walks the three line-oriented sections of a
 * request: its head, the line before each chunk, its trailers. It finds where the section ends and
 * refuses what no version of llhttp refuses, or only some: bare CR and LF, control characters,
 * folded values, empty names, blanks before a colon or doubled in the request line, fragments,
 * blanks and empty extensions in chunk lines; and it counts, which llhttp never does. It gives no
 * byte a meaning: what the fields say is for llhttp, and for request.c, to tell.
 *
 * Invariant. The verdict depends on the bytes alone, never on how they were cut: of two faults the
 * one that stands first is reported.
 */
#ifndef HTTP_ECHO_GUARD_H
#define HTTP_ECHO_GUARD_H

#include "refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The sections, as the states that they begin in; the states in between are private. */
enum guard_section {
    GUARD_HEAD = 1,
    GUARD_CHUNK_LINE,
    GUARD_TRAILERS,
};

struct guard_limits {
    uint32_t bytes;   /* of the section */
    uint32_t target;  /* of the target, within a head */
    uint32_t fields;  /* lines with a name */
    uint8_t too_long; /* enum refusal for one byte or one field too many */
};

struct guard {
    uint8_t state;
    uint8_t refusal; /* enum refusal, once a byte was refused */
    uint16_t fields;
    uint32_t bytes;    /* passed */
    uint32_t word_at;  /* where a head's target begins; the digits of a chunk line begin at 0 */
    uint32_t word_end; /* where the target or the digits end; 0 until they do */
};

void guard_start(struct guard *guard, enum guard_section section);

/*
 * Walks `length` bytes and returns how many of them belong to the section and are fit for the
 * parser. Fewer than `length`: the section ended there (guard_ended()), or the next byte is refused
 * (guard->refusal).
 */
size_t guard_pass(struct guard *guard, const struct guard_limits *limits, const uint8_t *bytes,
                  size_t length);

/* How many bytes of a chunk line have passed that are digits of its size. */
uint32_t guard_digits(const struct guard *guard);

/* True once the last byte of the section has passed. */
bool guard_ended(const struct guard *guard);

#endif
