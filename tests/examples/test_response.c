/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The answers of http_echo as bytes. */

#include "response.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static char bytes[RESPONSE_BYTES_MAX + 1];

static void check_head(const struct response *response, const char *expected)
{
    memset(bytes, '~', sizeof bytes);
    size_t length = response_write(bytes, response, DATE);
    ck_assert_uint_lt(length, sizeof bytes);
    ck_assert_int_eq(bytes[length], '~');
    bytes[length] = 0;
    ck_assert_str_eq(bytes, expected);
}

START_TEST(heads_are_spelled)
{
    check_head(&(struct response){.status = 200,
                                  .framing = RESPONSE_LENGTH,
                                  .length = UINT64_MAX,
                                  .type = "text/plainX",
                                  .type_length = 10},
               "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nContent-Type: text/plain\r\n"
               "Content-Length: 18446744073709551615\r\n\r\n");
    check_head(&(struct response){.status = 200,
                                  .framing = RESPONSE_CHUNKED,
                                  .connection = RESPONSE_KEEPS},
               "HTTP/1.1 200 OK\r\nDate: " DATE "\r\nTransfer-Encoding: chunked\r\n"
               "Connection: keep-alive\r\n\r\n");
    check_head(&(struct response){.status = 204, .connection = RESPONSE_CLOSES, .allow = true},
               "HTTP/1.1 204 No Content\r\nDate: " DATE "\r\n"
               "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\nConnection: close\r\n\r\n");
}
END_TEST

START_TEST(largest_head_fits)
{
    char type[RESPONSE_TYPE_MAX];

    memset(type, 't', sizeof type);
    ck_assert_uint_le(response_write(bytes,
                                     &(struct response){.status = 431,
                                                        .framing = RESPONSE_LENGTH,
                                                        .connection = RESPONSE_KEEPS,
                                                        .length = UINT64_MAX,
                                                        .type = type,
                                                        .type_length = sizeof type,
                                                        .allow = true},
                                     DATE),
                      RESPONSE_BYTES_MAX);
}
END_TEST

/* Each is complete by itself, says how long it is, and closes; its head alone is what HEAD gets. */
START_TEST(refusals_are_whole_answers)
{
    enum refusal refusal = (enum refusal)_i;
    unsigned status = response_refusal_status(refusal);
    char head[RESPONSE_BYTES_MAX];
    size_t length = response_write_refusal(bytes, refusal, false, DATE);
    size_t head_length = response_write_refusal(head, refusal, true, DATE);

    bytes[length] = 0;
    ck_assert_uint_ge(status, 400);
    ck_assert_uint_eq((unsigned)atoi(bytes + strlen("HTTP/1.1 ")), status);
    ck_assert_ptr_nonnull(strstr(bytes, "\r\nConnection: close\r\n"));
    ck_assert_int_eq(strstr(bytes, "\r\nAllow: GET") != NULL, status == 405);
    ck_assert_mem_eq(bytes, head, head_length);
    ck_assert_str_eq(strstr(bytes, "\r\n\r\n") + 4, bytes + head_length);
    ck_assert_uint_eq((size_t)atoi(strstr(bytes, "Content-Length: ") + 16), length - head_length);
    ck_assert_uint_gt(length, head_length);
}
END_TEST

static const struct {
    uint64_t size;
    const char *line;
} chunk_lines[] = {
    {0, "0\r\n"},
    {10, "a\r\n"},
    {4096, "1000\r\n"},
    {UINT64_MAX, "ffffffffffffffff\r\n"},
};

START_TEST(chunk_lines_are_hexadecimal)
{
    size_t length = response_write_chunk_line(bytes, chunk_lines[_i].size);

    ck_assert_uint_le(length, RESPONSE_CHUNK_BYTES);
    bytes[length] = 0;
    ck_assert_str_eq(bytes, chunk_lines[_i].line);
}
END_TEST

static const struct {
    time_t when;
    const char *date;
} dates[] = {
    {0, "Thu, 01 Jan 1970 00:00:00 GMT"},         {784111777, DATE},
    {951782400, "Tue, 29 Feb 2000 00:00:00 GMT"}, {1767225599, "Wed, 31 Dec 2025 23:59:59 GMT"},
    {INT32_MAX, "Tue, 19 Jan 2038 03:14:07 GMT"},
};

START_TEST(dates_are_of_fixed_length)
{
    bytes[RESPONSE_DATE_BYTES] = '~';
    response_write_date(bytes, dates[_i].when);
    ck_assert_int_eq(bytes[RESPONSE_DATE_BYTES], '~');
    bytes[RESPONSE_DATE_BYTES] = 0;
    ck_assert_str_eq(bytes, dates[_i].date);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("response");
    TCase *tcase = tcase_create("response");

    tcase_add_test(tcase, heads_are_spelled);
    tcase_add_test(tcase, largest_head_fits);
    tcase_add_loop_test(tcase, refusals_are_whole_answers, REFUSAL_NONE + 1, REFUSAL_COUNT);
    tcase_add_loop_test(tcase, chunk_lines_are_hexadecimal, 0,
                        (int)(sizeof chunk_lines / sizeof *chunk_lines));
    tcase_add_loop_test(tcase, dates_are_of_fixed_length, 0, (int)(sizeof dates / sizeof *dates));
    suite_add_tcase(suite, tcase);
    return suite;
}
