/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guard.h - checks the raw bytes of a request, line by line.
 *
 * Model. A request has three kinds of sections that are made of lines: its head, the line before
 * each chunk, and its trailers. The guard passes over the bytes of such a section once. It
 *
 *     - finds the end of the section;
 *     - refuses what the grammar of RFC 9110 and RFC 9112 does not allow;
 *     - counts bytes and fields against the limits;
 *     - stops behind each line that means something to http_echo, and says where its parts are.
 *
 * The meaning of such a line is decided in head.c.
 *
 * Invariants.
 * - The verdict depends on the bytes, not on how they were cut. Of two faults the first is
 *   reported.
 * - Only the bytes of a line that is cut, wrong or has a TAB may be looked at twice.
 */
#ifndef HTTP_ECHO_GUARD_H
#define HTTP_ECHO_GUARD_H

#include "field.h"
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

/* Why guard_pass() returned. */
enum guard_stop {
    GUARD_MORE,         /* all bytes passed; the section goes on */
    GUARD_REQUEST_LINE, /* behind the request line */
    GUARD_FIELD,        /* behind a field that field.h knows */
    GUARD_END,          /* behind the last byte of the section */
    GUARD_REFUSED,      /* before a byte that is wrong or too many */
};

struct guard {
    uint8_t state;   /* private */
    uint8_t stop;    /* enum guard_stop */
    uint8_t refusal; /* enum refusal, when REFUSED */
    uint8_t field;   /* enum field of the line */
    uint16_t fields;
    uint32_t bytes;      /* passed */
    uint32_t target_at;  /* as offset from the start of the section, like the next two */
    uint32_t target_end; /* the space behind it */
    uint32_t value_at;   /* behind the colon of the field */
    uint64_t size;       /* of the chunk, once its line has passed */
    /* Private: a name that comes in pieces, as far as it may be one of field.h. */
    bool name_cut;
    uint8_t name_length;
    char name[FIELD_NAME_MAX];
};

void guard_start(struct guard *guard, enum guard_section section);

/*
 * Checks `length` bytes and returns how many of them have passed; guard->stop says why not more.
 * Not to be called again after GUARD_END or GUARD_REFUSED.
 */
size_t guard_pass(struct guard *guard, const struct guard_limits *limits, const uint8_t *bytes,
                  size_t length);

#endif
