/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef FUZZ_H
#define FUZZ_H

/*
 * What the targets have in common. A target is one function that looks at one input and aborts when
 * something is not as it must be; the sanitizers see the rest. It runs in two programs: that of
 * libFuzzer, which makes up inputs without end (run.sh), and that of replay.c, which goes through
 * those of corpus/ with any compiler, as one of the tests.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The name is libFuzzer's. Returns 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unlike assert() it cannot be compiled out. */
#define MUST(condition)                                                             \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* What is left of an input that decides things as it is used up. */
struct choices {
    const uint8_t *at;
    const uint8_t *end;
};

/* The next byte, 0 at the end. */
static inline uint8_t choice(struct choices *choices)
{
    return choices->at < choices->end ? *choices->at++ : 0;
}

/* `length` bytes in memory of just that size, so that the sanitizers see a read beyond it. Freed by
 * the caller. */
static inline uint8_t *exact_copy(const void *bytes, size_t length)
{
    uint8_t *copy = malloc(length != 0 ? length : 1);

    MUST(copy != NULL);
    if (length != 0)
        memcpy(copy, bytes, length);
    return copy;
}

/* The same as a string. */
static inline char *exact_string(const void *bytes, size_t length)
{
    char *copy = malloc(length + 1);

    MUST(copy != NULL);
    if (length != 0)
        memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

/*
 * Where to cut an input into pieces: the first byte of every input seeds this, so that inputs which
 * differ in it alone are the same bytes cut otherwise.
 */
struct cuts {
    uint32_t seed;
    uint32_t most; /* bytes of a piece */
};

static inline struct cuts cuts_of(uint8_t byte)
{
    return (struct cuts){.seed = byte * 2654435761U, .most = 1U << byte % 12};
}

/* The length of the next piece of `left` bytes. */
static inline size_t cut(struct cuts *cuts, size_t left)
{
    size_t length;

    cuts->seed = cuts->seed * 1664525 + 1013904223;
    length = 1 + (cuts->seed >> 8) % cuts->most;
    return length < left ? length : left;
}

#endif
