/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A line of the access log, as log_line.h writes it. */

#include "log_line.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>

static char line[LOG_BEGIN_MAX + LOG_END_MAX];

/* The line of a request at a fixed time. */
static const char *line_of(const char *peer, const char *request, size_t length, unsigned status,
                           uint64_t bytes)
{
    char date[LOG_DATE_BYTES];
    size_t end;

    log_line_date(date, 784111777);
    end = log_line_begin(line, peer, date, (struct text){request, length}, status);
    ck_assert_uint_le(end, LOG_BEGIN_MAX);
    end += log_line_end(line + end, bytes);
    line[end] = '\0';
    return line;
}

START_TEST(a_line_is_in_the_common_log_format)
{
    ck_assert_str_eq(line_of("127.0.0.1", "GET /a HTTP/1.1", 15, 200, 35),
                     "127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] \"GET /a HTTP/1.1\" 200 35\n");
    ck_assert_str_eq(line_of("2001:db8::1", "HEAD / HTTP/1.1", 15, 200, 0),
                     "2001:db8::1 - - [06/Nov/1994:08:49:37 +0000] \"HEAD / HTTP/1.1\" 200 -\n");
    line_of("a", "b", 1, 200, UINT64_MAX);
    ck_assert_ptr_nonnull(strstr(line, " 200 18446744073709551615\n"));
}
END_TEST

START_TEST(what_is_not_known_is_a_dash)
{
    ck_assert_str_eq(line_of(NULL, "", 0, 408, 7),
                     "- - - [06/Nov/1994:08:49:37 +0000] \"-\" 408 7\n");
    line_of("", "", 0, 408, 7);
    ck_assert_ptr_nonnull(strstr(line, "- - - [06"));
}
END_TEST

/* One line, four quotes at most, and nothing that a terminal would obey. */
START_TEST(no_byte_of_a_client_forges_a_line)
{
    char request[1];

    request[0] = (char)_i;
    line_of("a", request, 1, 400, 1);
    if (_i >= ' ' && _i < 0x7f && _i != '"' && _i != '\\')
        ck_assert_int_eq(strstr(line, "] \"")[3], _i);
    else
        ck_assert_ptr_nonnull(strstr(line, "] \"\\x"));
    for (const char *at = line; *at; at++) {
        ck_assert((*at >= ' ' && *at < 0x7f) || (*at == '\n' && !at[1]));
        ck_assert(*at != '"' || at[-1] == ' ' || at[1] == ' ');
    }
}
END_TEST

START_TEST(escapes_are_hexadecimal)
{
    line_of("a", "\"\\\r\n\x1b\xff~", 7, 400, 1);
    ck_assert_ptr_nonnull(strstr(line, " \"\\x22\\x5C\\x0D\\x0A\\x1B\\xFF~\" 400 "));
}
END_TEST

START_TEST(a_long_request_is_cut)
{
    char *request = malloc(LOG_REQUEST_MAX + 1);

    memset(request, 1, LOG_REQUEST_MAX + 1);
    line_of("a", request, LOG_REQUEST_MAX, 414, 1);
    ck_assert_ptr_null(strstr(line, "..."));
    line_of("a", request, LOG_REQUEST_MAX + 1, 414, 1);
    ck_assert_ptr_nonnull(strstr(line, "\\x01...\" 414 1\n"));
    free(request);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("examples_log_line");
    TCase *tcase = tcase_create("line");

    tcase_add_test(tcase, a_line_is_in_the_common_log_format);
    tcase_add_test(tcase, what_is_not_known_is_a_dash);
    tcase_add_loop_test(tcase, no_byte_of_a_client_forges_a_line, 0, 256);
    tcase_add_test(tcase, escapes_are_hexadecimal);
    tcase_add_test(tcase, a_long_request_is_cut);
    suite_add_tcase(suite, tcase);
    return suite;
}
