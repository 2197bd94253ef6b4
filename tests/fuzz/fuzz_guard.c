/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * http_echo's guard. Its verdict on a section depends on the bytes and never on how they are cut,
 * every byte that it counts is one that it passed, and a section that has ended, or was refused,
 * stays so. The second byte of an input chooses the section and the limits.
 */
#include "fuzz.h"
#include "guard.h"

static const struct guard_limits wide = {16384, 8192, 100, REFUSAL_HEAD_SIZE};
static const struct guard_limits narrow = {64, 8, 2, REFUSAL_HEAD_SIZE};

struct verdict {
    struct guard guard;
    size_t passed;
};

static bool over(const struct guard *guard)
{
    return guard->refusal || guard_ended(guard);
}

static struct verdict walk(const uint8_t *data, size_t size, struct cuts cuts,
                           enum guard_section section, const struct guard_limits *limits)
{
    struct verdict verdict = {.passed = 0};

    guard_start(&verdict.guard, section);
    for (size_t at = 0; at < size && !over(&verdict.guard);) {
        size_t length = cut(&cuts, size - at);
        uint8_t *piece = exact_copy(data + at, length);
        size_t passed = guard_pass(&verdict.guard, limits, piece, length);

        MUST(passed <= length);
        MUST(passed == length || over(&verdict.guard));
        MUST(!verdict.guard.refusal || !guard_ended(&verdict.guard));
        verdict.passed += passed;
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
    MUST(guard->fields <= limits->fields + 1);
    MUST(guard->word_end <= guard->bytes);
    if (guard_ended(guard))
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
    MUST(whole.guard.state == pieces.guard.state);
    MUST(whole.guard.refusal == pieces.guard.refusal);
    MUST(whole.guard.fields == pieces.guard.fields);
    MUST(whole.guard.word_at == pieces.guard.word_at);
    MUST(whole.guard.word_end == pieces.guard.word_end);
    MUST(guard_digits(&whole.guard) == guard_digits(&pieces.guard));
    return 0;
}
