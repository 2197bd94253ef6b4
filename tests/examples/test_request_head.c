/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * How http_echo reads the head of a request: the same head is read a second time by
 * reference_head.h, and a third time by llhttp.
 */

#include "http_decisions.h"
#include "reference_head.h"
#include "request.h"
#include "response.h"
#include "roll.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Reads one head, and remembers where that ended. */
struct reading {
    enum refusal refusal;
    bool complete;
    struct head head;
    char text[16384];
};

static void read_head(struct reading *reading, const char *bytes, size_t length,
                      const struct request_limits *limits)
{
    struct request_input input = {(const uint8_t *)bytes, (const uint8_t *)bytes + length};
    struct request request;
    llhttp_t parser;

    request_init(&request, limits);
    ck_assert_int_eq(request_next(&request, &input), REQUEST_BEGIN);
    reading->head.text = reading->text;
    request_begin(&request, &reading->head, &parser);
    reading->complete = request_next(&request, &input) == REQUEST_HEAD;
    reading->refusal = (enum refusal)request.refusal;
}

static void check_reference(const char *bytes, size_t length, const struct request_limits *limits)
{
    static struct reading ours;
    struct reference reference = reference_read(bytes, length, limits);

    read_head(&ours, bytes, length, limits);
    ck_assert_msg(ours.refusal == reference.refusal && ours.complete == reference.complete,
                  "%u and %d, but %u and %d by the reference: \"%.*s\"", ours.refusal,
                  ours.complete, reference.refusal, reference.complete, (int)length, bytes);
    if (!ours.complete)
        return;
    ck_assert_uint_eq(ours.head.length, reference.at);
    ck_assert_uint_eq(ours.head.body_length, reference.body_length);
    ck_assert_int_eq(ours.head.chunked, reference.chunked);
    ck_assert_int_eq(ours.head.asks_close, reference.close);
    ck_assert_int_eq(ours.head.asks_keep_alive, reference.keep_alive);
    ck_assert_int_eq(ours.head.asks_continue, reference.waits);
    ck_assert_int_eq(ours.head.http_1_0, reference.minor == 0);
    ck_assert(memcmp(bytes, reference.method, strlen(reference.method)) == 0);
}

/* Where llhttp, given the head as it was sent, accepts it, both have to see the same message. */
static void check_llhttp(const char *bytes, size_t length)
{
    static const struct request_limits limits = REQUEST_LIMITS;
    static const llhttp_settings_t no_callbacks;
    static struct reading ours;
    llhttp_t parser;

    read_head(&ours, bytes, length, &limits);
    if (!ours.complete)
        return;
    llhttp_init(&parser, HTTP_REQUEST, &no_callbacks);
    if (llhttp_execute(&parser, bytes, ours.head.length) != HPE_OK)
        return;
    bool has_body = ours.head.chunked || ours.head.body_length;
    ck_assert_msg(has_body == (llhttp_message_needs_eof(&parser) || parser.content_length ||
                               parser.flags & F_CHUNKED),
                  "\"%.*s\"", (int)length, bytes);
    if (!has_body)
        return;
    ck_assert_msg(ours.head.chunked == ((parser.flags & F_CHUNKED) != 0), "\"%.*s\"", (int)length,
                  bytes);
    if (!ours.head.chunked)
        ck_assert_uint_eq(ours.head.body_length, parser.content_length);
}

/* Heads of every kind, to be changed a little. */
static const char *const heads[] = {
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "GET http://[::ffff:1.2.3.4]:80/a?b=%20 HTTP/1.0\r\nConnection: keep-alive, x\r\n\r\n",
    "POST /abc HTTP/1.1\r\nHost: [1:2::3:4]:80\r\nContent-Length: 123\r\nExpect: "
    "100-continue\r\n\r\n",
    "PUT / HTTP/1.1\r\nTransfer-Encoding:\tchunked , \r\nHost: a.b%2dc:8080\r\n"
    "Content-Type: text/html;charset=utf-8\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nA: 1\r\nB:2\r\nHost:  example.com \r\nConnection: close\r\n\r\n",
    "GET /articles/2024?page=2 HTTP/1.1\r\nHost: www.example.com\r\nUser-Agent: Mozilla/5.0 (X11; "
    "Linux x86_64) Gecko/20100101 Firefox/115.0\r\nAccept: text/html,application/xhtml+xml;"
    "q=0.9,*/*;q=0.8\r\nAccept-Language: en-GB,en;q=0.5\r\nCookie: a=b; c=\"d\"\r\nDNT: 1\r\n"
    "Connection: keep-alive\r\nUpgrade-Insecure-Requests: 1\r\n\r\n",
};

/* A head with a few bytes changed, doubled or left out. Returns its length. */
static size_t mutate(char *to, uint32_t seed)
{
    static const char spice[] = "\r\n\t \0:;,=#*/%.[]x019afHTP\x7f\x80\"\\";
    const char *head = heads[seed % (sizeof heads / sizeof *heads)];
    size_t length = strlen(head);
    uint32_t dice = seed;

    memcpy(to, head, length);
    for (uint32_t changes = roll(&dice) % 4; changes; changes--) {
        size_t at = roll(&dice) % length;
        uint32_t way = roll(&dice) % 8;

        if (way == 0 && length > 1) {
            memmove(to + at, to + at + 1, --length - at);
        } else if (way == 1) {
            memmove(to + at + 1, to + at, length++ - at);
        } else {
            to[at] = spice[roll(&dice) % (sizeof spice - 1)];
        }
    }
    return length;
}

/* With limits that the heads meet now and then, and with those of a server. */
START_TEST(heads_are_read_as_the_reference_reads_them)
{
    static const struct request_limits usual = REQUEST_LIMITS;
    const struct request_limits tight = {
        .body_bytes = 100, .head_bytes = 150, .head_fields = 3, .target_bytes = 20};
    char bytes[1024];

    for (uint32_t seed = 0; seed < support_rounds(300000); seed++) {
        size_t length = mutate(bytes, seed);

        if (bytes[0] == '\r')
            continue; /* an empty line before the head */
        check_reference(bytes, length, seed % 3 ? &usual : &tight);
    }
    for (int i = 0; i < DECISIONS; i++)
        if (decisions[i].bytes[0] != '\r')
            check_reference(decisions[i].bytes, decisions[i].length, &usual);
}
END_TEST

START_TEST(heads_that_llhttp_accepts_are_the_same_message_to_it)
{
    char bytes[1024];

    for (uint32_t seed = 0; seed < support_rounds(300000); seed++) {
        size_t length = mutate(bytes, seed);

        if (bytes[0] != '\r')
            check_llhttp(bytes, length);
    }
    for (int i = 0; i < DECISIONS; i++)
        if (decisions[i].bytes[0] != '\r')
            check_llhttp(decisions[i].bytes, decisions[i].length);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("request_head");
    TCase *heads_changed = tcase_create("changed heads");

    tcase_add_test(heads_changed, heads_are_read_as_the_reference_reads_them);
    tcase_add_test(heads_changed, heads_that_llhttp_accepts_are_the_same_message_to_it);
    tcase_set_timeout(heads_changed, 60);
    suite_add_tcase(suite, heads_changed);
    return suite;
}
