/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Where the guard of http_echo stops, to the byte, whole and in pieces. What it refuses is tested
 * through test_request.c. */

#include "guard.h"
#include "support.h"

#include <string.h>

static const struct guard_limits roomy = {1000, 100, 10, REFUSAL_HEAD_SIZE};

/* Walks the text on to the end of its section, past the lines that the guard stops behind. */
static size_t pass_bytes(struct guard *guard, const struct guard_limits *limits, const char *text,
                         size_t length)
{
    size_t passed = 0;

    do
        passed += guard_pass(guard, limits, (const uint8_t *)text + passed, length - passed);
    while (guard->stop == GUARD_REQUEST_LINE || guard->stop == GUARD_FIELD);
    return passed;
}

static size_t pass(struct guard *guard, const struct guard_limits *limits, const char *text)
{
    return pass_bytes(guard, limits, text, strlen(text));
}

static const struct {
    enum guard_section section;
    const char *text;
    size_t passed;
    enum refusal refusal; /* NONE: ended */
} cases[] = {
    {GUARD_HEAD, "GET /a HTTP/1.1\r\nA: b\r\n\r\nrest", 25, REFUSAL_NONE},
    {GUARD_HEAD, "GET /a HTTP/1.1\r\n\r\nrest", 19, REFUSAL_NONE},
    {GUARD_HEAD, "GET /a HTTP/1.1\n", 15, REFUSAL_LINE_ENDING},
    {GUARD_HEAD, "GET /a HTTP/1.1\rA", 16, REFUSAL_LINE_ENDING},
    {GUARD_HEAD, "GET  /a", 4, REFUSAL_REQUEST_LINE},
    {GUARD_HEAD, "GET /a b c", 8, REFUSAL_REQUEST_LINE},
    {GUARD_HEAD, "G\1", 1, REFUSAL_REQUEST_LINE},
    {GUARD_HEAD, "GET /a HTTP/1.1\r\nA: b\r\n c", 23, REFUSAL_FOLD},
    {GUARD_HEAD, "GET /a HTTP/1.1\r\nA : b", 18, REFUSAL_FIELD_NAME},
    {GUARD_HEAD, "GET /a HTTP/1.1\r\nA: \1", 20, REFUSAL_FIELD_VALUE},
    {GUARD_CHUNK_LINE, "1f\r\nrest", 4, REFUSAL_NONE},
    {GUARD_CHUNK_LINE, "1f;a=\"\\\"\"\r\nrest", 11, REFUSAL_NONE},
    {GUARD_CHUNK_LINE, "1f \r\n", 3, REFUSAL_CHUNK},
    {GUARD_TRAILERS, "\r\nrest", 2, REFUSAL_NONE},
    {GUARD_TRAILERS, "A: b\r\n\r\nrest", 8, REFUSAL_NONE},
    {GUARD_TRAILERS, "A: b\n", 4, REFUSAL_LINE_ENDING},
};

START_TEST(sections_end_where_they_end)
{
    struct guard guard;

    guard_start(&guard, cases[_i].section);
    ck_assert_uint_eq(pass(&guard, &roomy, cases[_i].text), cases[_i].passed);
    ck_assert_uint_eq(guard.refusal, cases[_i].refusal);
    ck_assert_uint_eq(guard.stop, cases[_i].refusal ? GUARD_REFUSED : GUARD_END);
}
END_TEST

START_TEST(sections_end_where_they_end_byte_by_byte)
{
    struct guard guard;
    size_t passed = 0;

    guard_start(&guard, cases[_i].section);
    while (pass_bytes(&guard, &roomy, cases[_i].text + passed, 1) == 1) {
        passed++;
        if (guard.stop == GUARD_END)
            break;
    }
    ck_assert_uint_eq(passed, cases[_i].passed);
    ck_assert_uint_eq(guard.refusal, cases[_i].refusal);
    ck_assert_uint_eq(guard.stop, cases[_i].refusal ? GUARD_REFUSED : GUARD_END);
}
END_TEST

static const char head[] = "GET /abc HTTP/1.1\r\nX: y\r\ncontent-LENGTH:\t5 \r\nHost: a\r\n\r\n";

/* Cut once, anywhere, so that the line before, in or behind the cut is walked byte by byte. */
START_TEST(lines_that_matter_are_stopped_behind)
{
    static const struct {
        enum guard_stop stop;
        uint32_t bytes;
        enum field field;
        uint32_t value_at;
    } stops[] = {
        {GUARD_REQUEST_LINE, 19, FIELD_HOST, 0},
        {GUARD_FIELD, 45, FIELD_CONTENT_LENGTH, 40},
        {GUARD_FIELD, 54, FIELD_HOST, 50},
        {GUARD_END, 56, FIELD_HOST, 0},
    };
    const uint8_t *bytes = (const uint8_t *)head;
    struct guard guard;
    size_t cut = (size_t)_i, at = 0;

    guard_start(&guard, GUARD_HEAD);
    for (size_t i = 0; i < sizeof stops / sizeof *stops;) {
        at += guard_pass(&guard, &roomy, bytes + at, (at < cut ? cut : sizeof head - 1) - at);
        if (guard.stop == GUARD_MORE) {
            ck_assert_uint_eq(at, cut);
            continue;
        }
        ck_assert_uint_eq(guard.stop, stops[i].stop);
        ck_assert_uint_eq(guard.bytes, stops[i].bytes);
        ck_assert_uint_eq(guard.target_at, 4);
        ck_assert_uint_eq(guard.target_end, 8);
        if (stops[i].stop == GUARD_FIELD) {
            ck_assert_uint_eq(guard.field, stops[i].field);
            ck_assert_uint_eq(guard.value_at, stops[i].value_at);
        }
        i++;
    }
}
END_TEST

START_TEST(sizes_are_read)
{
    static const struct {
        const char *line;
        uint64_t size;
    } lines[] = {
        {"0\r\n", 0},
        {"00000000000000000001f\r\n", 31},
        {"aBc;x=1\r\n", 0xabc},
        {"ffffffffffffffff \t; a = \"b\" ;c\r\n", UINT64_MAX},
    };
    struct guard guard;

    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        guard_start(&guard, GUARD_CHUNK_LINE);
        ck_assert_uint_eq(pass(&guard, &roomy, lines[i].line), strlen(lines[i].line));
        ck_assert_uint_eq(guard.stop, GUARD_END);
        ck_assert_uint_eq(guard.size, lines[i].size);
    }
    guard_start(&guard, GUARD_CHUNK_LINE);
    ck_assert_uint_eq(pass(&guard, &roomy, "10000000000000000\r\n"), 16);
    ck_assert_uint_eq(guard.refusal, REFUSAL_CHUNK);
}
END_TEST

/* The last byte that fits passes, the next does not. */
START_TEST(limits_stop_at_the_byte)
{
    const struct guard_limits tight = {21, 3, 1, REFUSAL_HEAD_SIZE};
    struct guard guard;

    guard_start(&guard, GUARD_HEAD);
    ck_assert_uint_eq(pass(&guard, &tight, "GET /ab HTTP/1.1\r\n\r\n"), 20);
    ck_assert_uint_eq(guard.stop, GUARD_END);
    guard_start(&guard, GUARD_HEAD);
    ck_assert_uint_eq(pass(&guard, &tight, "GET /abc HTTP/1.1\r\n"), 7);
    ck_assert_uint_eq(guard.refusal, REFUSAL_TARGET_SIZE);
    guard_start(&guard, GUARD_HEAD);
    ck_assert_uint_eq(pass(&guard, &tight, "GET / HTTP/1.1\r\nA: bcdef\r\n"), 21);
    ck_assert_uint_eq(guard.refusal, REFUSAL_HEAD_SIZE);
    guard_start(&guard, GUARD_TRAILERS);
    ck_assert_uint_eq(pass(&guard, &tight, "A:\r\nB:\r\n"), 4);
    ck_assert_uint_eq(guard.refusal, REFUSAL_HEAD_SIZE);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("guard");
    TCase *tcase = tcase_create("guard");

    tcase_add_loop_test(tcase, sections_end_where_they_end, 0, (int)(sizeof cases / sizeof *cases));
    tcase_add_loop_test(tcase, sections_end_where_they_end_byte_by_byte, 0,
                        (int)(sizeof cases / sizeof *cases));
    tcase_add_loop_test(tcase, lines_that_matter_are_stopped_behind, 0, sizeof head - 1);
    tcase_add_test(tcase, sizes_are_read);
    tcase_add_test(tcase, limits_stop_at_the_byte);
    suite_add_tcase(suite, tcase);
    return suite;
}
