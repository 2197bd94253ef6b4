/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The guard of http_echo. Its verdict on a section depends on the bytes and not on how they are
 * cut; the lines that it stops behind are the same, too. Every byte that it counts is one that it
 * passed, and a section that has ended, or was refused, stays so. The second byte of an input
 * chooses the section and the limits.
 */
#include "fuzz.h"
#include "guard.h"

static const struct guard_limits wide = {16384, 8192, 100, REFUSAL_HEAD_SIZE};
static const struct guard_limits narrow = {64, 8, 2, REFUSAL_HEAD_SIZE};

struct verdict {
    struct guard guard;
    size_t passed;
    uint32_t lines; /* where it stopped, and behind which fields: a sum of both */
};

static bool over(const struct guard *guard)
{
    return guard->stop == GUARD_REFUSED || guard->stop == GUARD_END;
}

static bool behind_line(const struct guard *guard)
{
    return guard->stop == GUARD_REQUEST_LINE || guard->stop == GUARD_FIELD;
}

static void note_line(struct verdict *verdict)
{
    const struct guard *guard = &verdict->guard;
    uint32_t what = guard->stop;

    if (guard->stop == GUARD_FIELD) {
        MUST(guard->field < FIELD_COUNT);
        MUST(guard->value_at < guard->bytes);
        what = what * 31 + guard->field;
        what = what * 31 + guard->value_at;
    }
    verdict->lines = (verdict->lines * 31 + what) * 31 + guard->bytes;
}

static void walk_piece(struct verdict *verdict, const uint8_t *piece, size_t length,
                       const struct guard_limits *limits)
{
    size_t at = 0;

    do {
        size_t passed = guard_pass(&verdict->guard, limits, piece + at, length - at);

        at += passed;
        MUST(at <= length);
        MUST(at == length || over(&verdict->guard) || behind_line(&verdict->guard));
        if (behind_line(&verdict->guard))
            note_line(verdict);
    } while (behind_line(&verdict->guard));
    verdict->passed += at;
}

static struct verdict walk(const uint8_t *data, size_t size, struct cuts cuts,
                           enum guard_section section, const struct guard_limits *limits)
{
    struct verdict verdict = {.passed = 0};

    guard_start(&verdict.guard, section);
    for (size_t at = 0; at < size && !over(&verdict.guard);) {
        size_t length = cut(&cuts, size - at);
        uint8_t *piece = exact_copy(data + at, length);

        walk_piece(&verdict, piece, length, limits);
        at += length;
        free(piece);
    }
    return verdict;
}

static void check(const struct verdict *verdict, const struct guard_limits *limits,
                  const uint8_t *data)
{
    const struct guard *guard = &verdict->guard;

    MUST(guard->bytes == verdict->passed);
    MUST(guard->bytes <= limits->bytes);
    MUST(guard->refusal < REFUSAL_COUNT);
    MUST((guard->stop == GUARD_REFUSED) == (guard->refusal != REFUSAL_NONE));
    MUST(guard->fields <= limits->fields + 1);
    MUST(guard->target_end <= guard->bytes);
    if (guard->stop == GUARD_END)
        MUST(guard->bytes >= 2 && memcmp(data + guard->bytes - 2, "\r\n", 2) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cuts uncut = {.most = UINT32_MAX};

    if (size < 2)
        return 0;
    const struct guard_limits *limits = data[1] & 1 ? &narrow : &wide;
    enum guard_section section = (enum guard_section)(GUARD_HEAD + (data[1] >> 1) % 3);
    struct verdict whole = walk(data + 2, size - 2, uncut, section, limits);
    struct verdict pieces = walk(data + 2, size - 2, cuts_of(data[0]), section, limits);
    check(&whole, limits, data + 2);
    MUST(whole.passed == pieces.passed);
    MUST(whole.lines == pieces.lines);
    MUST(whole.guard.stop == pieces.guard.stop || size == 2);
    MUST(whole.guard.refusal == pieces.guard.refusal);
    MUST(whole.guard.fields == pieces.guard.fields);
    MUST(whole.guard.target_at == pieces.guard.target_at);
    MUST(whole.guard.target_end == pieces.guard.target_end);
    MUST(whole.guard.size == pieces.guard.size);
    return 0;
}
