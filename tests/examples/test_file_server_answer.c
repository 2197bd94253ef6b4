/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The parts of file_server that need no server: requests, ranges and dates, and the open by name.
 */

#include "answer.h"
#include "beneath.h"
#include "request.h"
#include "scratch.h"
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char text[8192];

static int reads(struct request *request, const char *head)
{
    strcpy(text, head);
    return request_read(request, text, strlen(head));
}

#define HEAD(line) line "\r\nHost: a\r\n\r\n"

static const struct {
    const char *head;
    int status;
    const char *path;
} requests[] = {
    {HEAD("GET /a HTTP/1.1"), 0, "a"},
    {HEAD("HEAD /a/b.c HTTP/1.1"), 0, "a/b.c"},
    {HEAD("GET / HTTP/1.1"), 0, "index.html"},
    {HEAD("GET /a/ HTTP/1.1"), 0, "a/index.html"},
    {HEAD("GET /a?b=c/d?e HTTP/1.1"), 0, "a"},
    {HEAD("GET /?b HTTP/1.1"), 0, "index.html"},
    {HEAD("GET /a%20b%2Ec%C3%a9 HTTP/1.1"), 0, "a b.c\xc3\xa9"},
    {HEAD("GET /%25%3f HTTP/1.1"), 0, "%?"},
    {HEAD("GET /%2e%2e/x HTTP/1.1"), 0, "../x"},
    {HEAD("GET /%252e HTTP/1.1"), 0, "%2e"},
    {HEAD("GET http://a.b:80/c?d HTTP/1.1"), 0, "c"},
    {"GET /a HTTP/1.0\r\n\r\n", 0, "a"},
    {"GET /a HTTP/1.9\r\nhost:\t a \r\nX:\r\n\r\n", 0, "a"},
    {HEAD("GET /%00 HTTP/1.1"), 400, NULL},
    {HEAD("GET /%0 HTTP/1.1"), 400, NULL},
    {HEAD("GET /% HTTP/1.1"), 400, NULL},
    {HEAD("GET /%zz HTTP/1.1"), 400, NULL},
    {HEAD("GET /a%2fb HTTP/1.1"), 404, NULL},
    {HEAD("GET /a#b HTTP/1.1"), 400, NULL},
    {HEAD("GET /a b HTTP/1.1"), 400, NULL},
    {HEAD("GET  /a HTTP/1.1"), 400, NULL},
    {HEAD("GET a HTTP/1.1"), 400, NULL},
    {HEAD("GET http:///a HTTP/1.1"), 400, NULL},
    {HEAD("GET http://a HTTP/1.1"), 400, NULL},
    {HEAD("GET * HTTP/1.1"), 400, NULL},
    {HEAD("GET /a"), 400, NULL},
    {HEAD("GET"), 400, NULL},
    {HEAD(""), 400, NULL},
    {HEAD("GET /a HTTP/1.12"), 400, NULL},
    {HEAD("GET /a HTTP/x.1"), 400, NULL},
    {HEAD("GET /a http/1.1"), 400, NULL},
    {HEAD("GET /a HTTP/2.0"), 505, NULL},
    {HEAD("GETS /a HTTP/1.1"), 405, NULL},
    {HEAD("get /a HTTP/1.1"), 405, NULL},
    {HEAD("POST /a HTTP/1.1"), 405, NULL},
    {HEAD("G(T /a HTTP/1.1"), 400, NULL},
    {"GET /a HTTP/1.1\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\nHost: a\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost: a\r\n b\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost : a\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost: a\x01\r\n\r\n", 400, NULL},
    {"GET /a HTTP/1.1\r\nHost: a\r\nRange: x\r\nRange: x\r\n\r\n", 400, NULL},
};

START_TEST(requests_are_read)
{
    struct request request;

    ck_assert_int_eq(reads(&request, requests[_i].head), requests[_i].status);
    if (!requests[_i].status)
        ck_assert_str_eq(request.path, requests[_i].path);
}
END_TEST

START_TEST(fields_are_found)
{
    struct request request;

    ck_assert_int_eq(reads(&request, "GET /a HTTP/1.1\r\nHost: a\r\nrange:bytes=0-\r\n"
                                     "IF-RANGE: x\t \r\nIf-Modified-Since:  y\r\n\r\n"),
                     0);
    ck_assert_str_eq(request.range, "bytes=0-");
    ck_assert_str_eq(request.if_range, "x");
    ck_assert_str_eq(request.if_modified_since, "y");
    ck_assert(!request.head_only);
}
END_TEST

#define MODIFIED 784111777 /* Sun, 06 Nov 1994 08:49:37 GMT */
#define DATE     "Sun, 06 Nov 1994 08:49:37 GMT"

static const struct {
    const char *range;
    uint64_t size;
    int status;
    uint64_t offset;
    uint64_t length;
} ranges[] = {
    {"bytes=0-0", 100, 206, 0, 1},
    {"bytes=0-", 100, 206, 0, 100},
    {"bytes=10-19", 100, 206, 10, 10},
    {"Bytes=99-", 100, 206, 99, 1},
    {"bytes=50-1000", 100, 206, 50, 50},
    {"bytes=50-99999999999999999999999", 100, 206, 50, 50},
    {"bytes=-1", 100, 206, 99, 1},
    {"bytes=-100", 100, 206, 0, 100},
    {"bytes=-1000", 100, 206, 0, 100},
    {"bytes=4294967296-", UINT64_C(5) << 30, 206, UINT64_C(4) << 30, 1 << 30},
    {"bytes=100-", 100, 416, 0, 0},
    {"bytes=99999999999999999999999-", 100, 416, 0, 0},
    {"bytes=-0", 100, 416, 0, 0},
    {"bytes=0-", 0, 416, 0, 0},
    {"bytes=-5", 0, 416, 0, 0},
    /* What asks for no part, or for several, gets the whole. */
    {"bytes=5-4", 100, 200, 0, 100},
    {"bytes=0-1,3-4", 100, 200, 0, 100},
    {"bytes=", 100, 200, 0, 100},
    {"bytes=-", 100, 200, 0, 100},
    {"bytes=a-b", 100, 200, 0, 100},
    {"bytes=0-1x", 100, 200, 0, 100},
    {"bytes=--1", 100, 200, 0, 100},
    {"lines=0-1", 100, 200, 0, 100},
    {"", 100, 200, 0, 100},
};

START_TEST(ranges_are_followed)
{
    const struct request request = {.path = "a", .range = ranges[_i].range};
    struct answer answer = answer_decide(&request, ranges[_i].size, MODIFIED, MODIFIED + 10);

    ck_assert_int_eq(answer.status, ranges[_i].status);
    ck_assert_uint_eq(answer.offset, ranges[_i].offset);
    ck_assert_uint_eq(answer.length, ranges[_i].length);
}
END_TEST

START_TEST(conditions_are_kept)
{
    struct request request = {.path = "a", .range = "bytes=0-9", .if_range = DATE};

    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 2).status, 206);
    /* So young that it may change once more with the same date. */
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 1).status, 200);
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED + 1, MODIFIED + 9).status, 200);
    request.if_range = "\"etag\"";
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 9).status, 200);
    request.if_range = NULL;
    request.head_only = true;
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 9).status, 200);
    request.if_modified_since = DATE;
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 9).status, 304);
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED - 1, MODIFIED + 9).status, 304);
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED + 1, MODIFIED + 9).status, 200);
    request.if_modified_since = "yesterday";
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 9).status, 200);
    request.if_modified_since = DATE "x";
    ck_assert_int_eq(answer_decide(&request, 100, MODIFIED, MODIFIED + 9).status, 200);
}
END_TEST

START_TEST(heads_are_written)
{
    struct request request = {.path = "a/b.HTML"};
    struct answer answer = answer_decide(&request, 100, MODIFIED, MODIFIED);
    char head[ANSWER_BYTES_MAX];

    ck_assert_uint_eq(answer_write(head, &answer, MODIFIED), strlen(head));
    ck_assert_str_eq(head, "HTTP/1.1 200 OK\r\nDate: " DATE "\r\n"
                           "Content-Type: text/html; charset=utf-8\r\nContent-Length: 100\r\n"
                           "Last-Modified: " DATE "\r\nAccept-Ranges: bytes\r\n"
                           "Connection: close\r\n\r\n");
    request.range = "bytes=10-";
    answer = answer_decide(&request, UINT64_MAX, (time_t)1 << 60, MODIFIED);
    answer_write(head, &answer, MODIFIED);
    ck_assert_ptr_nonnull(
        strstr(head, "\r\nContent-Range: bytes 10-18446744073709551614/18446744073709551615\r\n"));
    answer = answer_decide(&request, 5, MODIFIED, MODIFIED);
    answer_write(head, &answer, MODIFIED);
    ck_assert_ptr_nonnull(strstr(head, "\r\nContent-Range: bytes */5\r\n"));
    ck_assert_ptr_nonnull(strstr(head, "\r\nContent-Length: 0\r\n"));
    request = (struct request){.path = "a.tar", .if_modified_since = DATE};
    answer = answer_decide(&request, 5, MODIFIED, MODIFIED);
    answer_write(head, &answer, MODIFIED);
    ck_assert_str_eq(head, "HTTP/1.1 304 Not Modified\r\nDate: " DATE "\r\nLast-Modified: " DATE
                           "\r\nConnection: close\r\n\r\n");
    answer_write_refusal(head, 405, MODIFIED);
    ck_assert_str_eq(head, "HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nDate: " DATE
                           "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}
END_TEST

static scratch_path folder;
static int folder_fd;

static void folder_make(void)
{
    ck_assert(scratch_folder(folder));
    folder_fd = open(folder, O_PATH | O_DIRECTORY);
    ck_assert_int_ge(folder_fd, 0);
    ck_assert_int_eq(mkdirat(folder_fd, "a", 0755), 0);
    close(openat(folder_fd, "a/b", O_CREAT | O_WRONLY, 0644));
    ck_assert_int_eq(symlinkat("a/b", folder_fd, "inside"), 0);
    ck_assert_int_eq(symlinkat("a", folder_fd, "link"), 0);
    ck_assert_int_eq(symlinkat("/etc/passwd", folder_fd, "outside"), 0);
}

static void folder_remove(void)
{
    static const char *const files[] = {"a/b", "inside", "link", "outside"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlinkat(folder_fd, files[i], 0);
    unlinkat(folder_fd, "a", AT_REMOVEDIR);
    close(folder_fd);
    rmdir(folder);
}

/* As kernels without openat2() do it: no path leaves the folder, and no link is followed. */
START_TEST(paths_are_opened_name_by_name)
{
    static const char *const open_paths[] = {"a/b", "a//b", "./a/./b", "a"};
    static const struct {
        const char *path;
        int error;
    } refused[] = {
        {"", -ENOENT},           {"b", -ENOENT},     {"a/b/c", -ENOTDIR}, {"/a/b", -EXDEV},
        {"/etc/passwd", -EXDEV}, {"..", -EXDEV},     {"../x", -EXDEV},    {"a/../../x", -EXDEV},
        {"a/..", -EXDEV},        {"inside", -ELOOP}, {"outside", -ELOOP}, {"link/b", -ENOTDIR},
    };
    char name[400];
    int lowest = dup(folder_fd);

    close(lowest);
    for (size_t i = 0; i < sizeof open_paths / sizeof *open_paths; i++) {
        int fd = beneath_open_by_name(folder_fd, open_paths[i]);

        ck_assert_int_eq(fd < 0 ? fd : 0, 0);
        close(fd);
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
        ck_assert_int_eq(beneath_open_by_name(folder_fd, refused[i].path), refused[i].error);
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    ck_assert_int_eq(beneath_open_by_name(folder_fd, name), -ENAMETOOLONG);
    ck_assert_int_eq(dup(folder_fd), lowest); /* nothing was left open */
    close(lowest);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

Suite *test_suite(void)
{
    Suite *suite = suite_create("file_server_answer");
    TCase *parts = tcase_create("parts");
    TCase *beneath = tcase_create("beneath");

    tcase_add_loop_test(parts, requests_are_read, 0, COUNT(requests));
    tcase_add_test(parts, fields_are_found);
    tcase_add_loop_test(parts, ranges_are_followed, 0, COUNT(ranges));
    tcase_add_test(parts, conditions_are_kept);
    tcase_add_test(parts, heads_are_written);
    suite_add_tcase(suite, parts);
    tcase_add_checked_fixture(beneath, folder_make, folder_remove);
    tcase_add_test(beneath, paths_are_opened_name_by_name);
    suite_add_tcase(suite, beneath);
    return suite;
}
