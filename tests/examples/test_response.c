/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The answers of http_echo as bytes. */

#include "response.h"
#include "support.h"

#include <stdlib.h>
#include <string.h>

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"

static char bytes[RESPONSE_BYTES_MAX + 2];

/* Ends before a byte that is not touched. */
static void check_head(const struct response *response, const char *expected)
{
    char *end = bytes + RESPONSE_BYTES_MAX;

    *end = '~';
    const char *at = response_write(end, response, DATE);
    ck_assert_int_eq(*end, '~');
    *end = 0;
    ck_assert_str_eq(at, expected);
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
    ck_assert(response_write(bytes + RESPONSE_BYTES_MAX,
                             &(struct response){.status = 431,
                                                .framing = RESPONSE_LENGTH,
                                                .connection = RESPONSE_KEEPS,
                                                .length = UINT64_MAX,
                                                .type = type,
                                                .type_length = sizeof type,
                                                .allow = true},
                             DATE) >= bytes);
}
END_TEST

static size_t length_told(const char *answer)
{
    return (size_t)atoi(strstr(answer, "Content-Length: ") + strlen("Content-Length: "));
}

/* Each is complete by itself, says how long it is, and closes. */
START_TEST(refusals_are_whole_answers)
{
    enum refusal refusal = (enum refusal)_i;
    unsigned status = response_refusal_status(refusal);
    struct text answer = response_write_refusal(bytes, refusal, HEAD_ANSWER_FULL, DATE);

    bytes[RESPONSE_BYTES_MAX] = 0;
    ck_assert_uint_ge(status, 400);
    ck_assert_uint_eq((unsigned)atoi(answer.at + strlen("HTTP/1.1 ")), status);
    ck_assert_ptr_nonnull(strstr(answer.at, "\r\nConnection: close\r\n"));
    ck_assert_int_eq(strstr(answer.at, "\r\nAllow: GET") != NULL, status == 405);
    const char *body = strstr(answer.at, "\r\n\r\n") + 4;
    ck_assert_uint_gt(strlen(body), 0);
    ck_assert_uint_eq(length_told(answer.at), strlen(body));
    ck_assert_uint_eq(strlen(answer.at), answer.length);
}
END_TEST

/* To HEAD its head alone; and where it may be HEAD, one without a body in whatever way it is read.
 */
START_TEST(refusals_of_head_have_no_body)
{
    enum refusal refusal = (enum refusal)_i;
    static char full[sizeof bytes];
    struct text all = response_write_refusal(full, refusal, HEAD_ANSWER_FULL, DATE);
    struct text head = response_write_refusal(bytes, refusal, HEAD_ANSWER_EMPTY, DATE);

    bytes[RESPONSE_BYTES_MAX] = 0;
    ck_assert_str_eq(strstr(head.at, "\r\n\r\n"), "\r\n\r\n");
    ck_assert_mem_eq(head.at, all.at, head.length);
    ck_assert_uint_eq(length_told(head.at), all.length - head.length);
    head = response_write_refusal(bytes, refusal, HEAD_ANSWER_UNKNOWN, DATE);
    bytes[RESPONSE_BYTES_MAX] = 0;
    ck_assert_str_eq(strstr(head.at, "\r\n\r\n"), "\r\n\r\n");
    ck_assert_uint_eq(length_told(head.at), 0);
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
    char *end = bytes + RESPONSE_CHUNK_BYTES;
    const char *line = response_write_chunk_line(end, chunk_lines[_i].size);

    ck_assert(line >= bytes);
    *end = 0;
    ck_assert_str_eq(line, chunk_lines[_i].line);
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
    tcase_add_loop_test(tcase, refusals_of_head_have_no_body, REFUSAL_NONE + 1, REFUSAL_COUNT);
    tcase_add_loop_test(tcase, chunk_lines_are_hexadecimal, 0,
                        (int)(sizeof chunk_lines / sizeof *chunk_lines));
    tcase_add_loop_test(tcase, dates_are_of_fixed_length, 0, (int)(sizeof dates / sizeof *dates));
    suite_add_tcase(suite, tcase);
    return suite;
}
