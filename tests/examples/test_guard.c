/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Where the guard of http_echo stops, to the byte. What it refuses is tested through
 * test_request.c. */

#include "guard.h"
#include "support.h"

#include <string.h>

static const struct guard_limits roomy = {1000, 100, 10, REFUSAL_HEAD_SIZE};

static size_t pass(struct guard *guard, const struct guard_limits *limits, const char *text)
{
    return guard_pass(guard, limits, (const uint8_t *)text, strlen(text));
}

static const struct {
    enum guard_section section;
    const char *text;
    size_t passed;
    enum refusal refusal; /* NONE: ended, or needs more when all has passed */
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
    {GUARD_CHUNK_LINE, "1f \r\n", 2, REFUSAL_CHUNK},
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
    ck_assert(guard_ended(&guard) == !cases[_i].refusal);
}
END_TEST

START_TEST(target_is_marked)
{
    struct guard guard;

    guard_start(&guard, GUARD_HEAD);
    pass(&guard, &roomy, "OPTIONS /ab");
    pass(&guard, &roomy, "c HTTP/1.1\r\n");
    ck_assert_uint_eq(guard.word_at, 8);
    ck_assert_uint_eq(guard.word_end, 12);
    ck_assert(!guard_ended(&guard));
}
END_TEST

START_TEST(digits_are_counted)
{
    struct guard guard;

    guard_start(&guard, GUARD_CHUNK_LINE);
    pass(&guard, &roomy, "1");
    ck_assert_uint_eq(guard_digits(&guard), 1);
    pass(&guard, &roomy, "ab");
    ck_assert_uint_eq(guard_digits(&guard), 3);
    pass(&guard, &roomy, ";abc");
    ck_assert_uint_eq(guard_digits(&guard), 3);
    pass(&guard, &roomy, "=d\r\n");
    ck_assert_uint_eq(guard_digits(&guard), 3);
    ck_assert(guard_ended(&guard));
}
END_TEST

/* The last byte that fits passes, the next does not. */
START_TEST(limits_stop_at_the_byte)
{
    const struct guard_limits tight = {21, 3, 1, REFUSAL_HEAD_SIZE};
    struct guard guard;

    guard_start(&guard, GUARD_HEAD);
    ck_assert_uint_eq(pass(&guard, &tight, "GET /ab HTTP/1.1\r\n\r\n"), 20);
    ck_assert(guard_ended(&guard));
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
    tcase_add_test(tcase, target_is_marked);
    tcase_add_test(tcase, digits_are_counted);
    tcase_add_test(tcase, limits_stop_at_the_byte);
    suite_add_tcase(suite, tcase);
    return suite;
}
