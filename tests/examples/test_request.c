/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * How http_echo parses the bytes of a request. Each input is fed whole, byte by byte and cut at
 * random, and the steps that come have to be the same: they are written down as a transcript,
 * bodies joined.
 */

#include "http_decisions.h"
#include "request.h"
#include "request_vectors.h"
#include "response.h"
#include "roll.h"
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TRANSCRIPT_BYTES 65536

struct run {
    struct request request;
    llhttp_t parser;
    struct request_limits limits;
    struct head head;
    char text[16384];
    char out[TRANSCRIPT_BYTES];
    size_t length;
    unsigned completed;
    unsigned status; /* of the refusal, 0 for none */
};

static void note(struct run *run, const char *text, size_t length)
{
    ck_assert_uint_lt(run->length + length, sizeof run->out);
    memcpy(run->out + run->length, text, length);
    run->length += length;
}

static void note_number(struct run *run, const char *format, unsigned long number)
{
    char text[64];

    note(run, text, (size_t)snprintf(text, sizeof text, format, number));
}

static void note_head(struct run *run)
{
    const struct head *head = run->request.head;

    note_number(run, "<%lu", head->method);
    note_number(run, " length %lu", (unsigned long)run->request.length);
    note(run, run->request.chunked ? " chunked" : "", run->request.chunked ? 8 : 0);
    note(run, head_keeps_alive(head) ? " keep" : " close", head_keeps_alive(head) ? 5 : 6);
    note(run, head->asks_continue ? " continue" : "", head->asks_continue ? 9 : 0);
    note(run, ">", 1);
    request_release(&run->request);
}

static void take_step(struct run *run, enum request_step step)
{
    switch (step) {
    case REQUEST_BEGIN:
        run->head.text = run->text;
        request_begin(&run->request, &run->head, &run->parser);
        break;
    case REQUEST_HEAD:
        note_head(run);
        break;
    case REQUEST_CHUNK:
        note_number(run, "{%lu:", (unsigned long)run->request.chunk_bytes);
        break;
    case REQUEST_BODY:
        note(run, run->request.body.at, run->request.body.length);
        break;
    case REQUEST_CHUNK_END:
        note(run, "}", 1);
        break;
    case REQUEST_COMPLETE:
        run->completed++;
        note(run, ".", 1);
        break;
    case REQUEST_REFUSED:
        run->status = response_refusal_status((enum refusal)run->request.refusal);
        note_number(run, "!%lu", run->request.refusal);
        break;
    case REQUEST_AGAIN:
    case REQUEST_MORE:
        ck_abort_msg("not a step to take");
    }
}

/* Feeds one piece, from memory of just its size so that the sanitizers see a read beyond it. */
static void feed(struct run *run, const char *bytes, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);
    struct request_input input = {copy, copy + length};
    enum request_step step;

    memcpy(copy, bytes, length);
    while (!run->status && (step = request_next(&run->request, &input)) != REQUEST_MORE)
        take_step(run, step);
    free(copy);
}

static void start(struct run *run, const struct request_limits *limits)
{
    static const struct request_limits usual = REQUEST_LIMITS;

    run->limits = limits ? *limits : usual;
    run->length = 0;
    run->completed = 0;
    run->status = 0;
    request_init(&run->request, &run->limits);
}

/* Feeds in pieces of 1 to `most` bytes. */
static void feed_pieces(struct run *run, const char *bytes, size_t length, size_t most,
                        uint32_t seed)
{
    for (size_t at = 0; at < length && !run->status;) {
        size_t piece = 1 + roll(&seed) % most;

        piece = piece < length - at ? piece : length - at;
        feed(run, bytes + at, piece);
        at += piece;
    }
}

static struct run whole, cut;

static void same_transcript(const char *what)
{
    ck_assert_msg(whole.length == cut.length && memcmp(whole.out, cut.out, cut.length) == 0,
                  "%s: whole \"%.*s\", cut \"%.*s\"", what, (int)whole.length, whole.out,
                  (int)cut.length, cut.out);
}

/* Leaves the outcome in `whole`. */
static void check_every_way(const char *bytes, size_t length, const struct request_limits *limits)
{
    static const size_t pieces[] = {1, 2, 7, 40, 300};

    start(&whole, limits);
    feed(&whole, bytes, length);
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        start(&cut, limits);
        feed_pieces(&cut, bytes, length, pieces[i], (uint32_t)(length + i));
        same_transcript("in pieces");
    }
}

static void check_vectors(const struct vector *vectors, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct vector *vector = &vectors[i];

        check_every_way(vector->bytes, vector->length, NULL);
        unsigned status = whole.status ? whole.status : whole.completed ? 200 : 0;
        ck_assert_msg(status == vector->status, "%zu: \"%s\": %u instead of %u (%.*s)", i,
                      vector->bytes, status, vector->status, (int)whole.length, whole.out);
    }
}

#define VECTORS_TEST(name)                               \
    START_TEST(name##_get_their_status)                  \
    {                                                    \
        check_vectors(name, sizeof name / sizeof *name); \
    }                                                    \
    END_TEST

VECTORS_TEST(request_lines)
VECTORS_TEST(fields)
VECTORS_TEST(hosts)
VECTORS_TEST(framings)
VECTORS_TEST(chunks)

START_TEST(decisions_are_kept_however_a_request_is_cut)
{
    const struct decision *decision = &decisions[_i];

    check_every_way(decision->bytes, decision->length, NULL);
    ck_assert_msg(whole.request.refusal == decision->refusal, "%s %u instead of %u (%.*s)",
                  decision->reason, whole.request.refusal, decision->refusal, (int)whole.length,
                  whole.out);
    ck_assert_uint_eq(whole.completed, !decision->refusal);
}
END_TEST

/* What one input becomes, word by word. */
static const struct {
    const char *bytes;
    const char *transcript;
} transcripts[] = {
    {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "<0 length 0 keep>."},
    {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\nHost: "
     "b\r\n\r\n",
     "<2 length 5 keep>hello.<0 length 0 keep>."},
    {"PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n"
     "5;x=1\r\nhello\r\n1\r\n!\r\n0\r\nX: y\r\n\r\nHEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
     "<3 length 0 chunked keep>{5:hello}{1:!}.<1 length 0 keep>."},
    {"PATCH / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
     "<4 length 1 keep continue>x."},
    /* HTTP/1.0 knows no interim answers. */
    {"PATCH / HTTP/1.0\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx",
     "<4 length 1 close>x."},
    {"DELETE / HTTP/1.0\r\n\r\n", "<5 length 0 close>."},
    {"DELETE / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "<5 length 0 keep>."},
    {"DELETE / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", "<5 length 0 close>."},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "<6 length 0 close>."},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: Close\t\r\n\r\n", "<6 length 0 close>."},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: x,\t,\tCLOSE ,\r\n\r\n", "<6 length 0 close>."},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: x\r\nConnection: close\r\n\r\n",
     "<6 length 0 close>."},
    {"OPTIONS * HTTP/1.1\r\nHost: a\r\nConnection: closed, xclose\r\n\r\n", "<6 length 0 keep>."},
    {"PUT / HTTP/1.1\r\nA-Name-That-Is-Longer-Than-All-Known: y\r\nContent-Length: 1\r\n"
     "Hosts-And-Others: b\r\nHost: a\r\nContent-Lengths: 2\r\n\r\nx",
     "<3 length 1 keep>x."},
    {"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
     "<0 length 0 keep>.<0 length 0 keep>."},
};

START_TEST(steps_are_the_same_however_the_bytes_are_cut)
{
    const char *expected = transcripts[_i].transcript;

    check_every_way(transcripts[_i].bytes, strlen(transcripts[_i].bytes), NULL);
    note(&whole, "", 1);
    ck_assert_str_eq(whole.out, expected);
}
END_TEST

/* At each place within eight bytes, and behind them. */
START_TEST(every_byte_is_judged_in_a_value)
{
    static const char before[] = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    char bytes[128];

    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t place = 0; place < 20; place++) {
            bool plain = (byte >= ' ' && byte != 0x7f) || byte == '\t';
            size_t length = (size_t)sprintf(bytes, "%s%.*s?%.*s\r\n\r\n", before, (int)place,
                                            "aaaaaaaaaaaaaaaaaaaaaa", (int)(20 - place),
                                            "bbbbbbbbbbbbbbbbbbbbbb");

            bytes[strlen(before) + place] = (char)byte;
            start(&whole, NULL);
            feed(&whole, bytes, length);
            ck_assert_uint_eq(whole.completed, plain);
            if (!plain && byte != '\r')
                ck_assert_uint_eq(whole.request.refusal,
                                  byte == '\n' ? REFUSAL_LINE_ENDING : REFUSAL_FIELD_VALUE);
        }
    }
}
END_TEST

START_TEST(head_text_is_what_was_received)
{
    static const char bytes[] = "GET /x HTTP/1.1\r\nHost: a\r\nX:  y \r\n\r\n";
    struct request_input input = {(const uint8_t *)bytes, (const uint8_t *)bytes + strlen(bytes)};

    start(&whole, NULL);
    whole.head.text = whole.text;
    ck_assert_int_eq(request_next(&whole.request, &input), REQUEST_BEGIN);
    ck_assert(!request_in_message(&whole.request));
    request_begin(&whole.request, &whole.head, &whole.parser);
    ck_assert(request_in_head(&whole.request));
    ck_assert_int_eq(request_next(&whole.request, &input), REQUEST_HEAD);
    ck_assert(!request_in_head(&whole.request) && request_in_message(&whole.request));
    ck_assert_uint_eq(whole.head.length, strlen(bytes));
    ck_assert_mem_eq(whole.head.text, bytes, strlen(bytes));
    ck_assert_int_eq(request_next(&whole.request, &input), REQUEST_COMPLETE);
    ck_assert(!request_in_message(&whole.request));
    ck_assert_int_eq(request_next(&whole.request, &input), REQUEST_MORE);
}
END_TEST

START_TEST(nothing_is_parsed_after_a_refusal)
{
    static const char bytes[] = "bad\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
    struct request_input input = {(const uint8_t *)bytes, (const uint8_t *)bytes + strlen(bytes)};

    start(&whole, NULL);
    whole.head.text = whole.text;
    ck_assert_int_eq(request_next(&whole.request, &input), REQUEST_BEGIN);
    request_begin(&whole.request, &whole.head, &whole.parser);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(request_next(&whole.request, &input), REQUEST_REFUSED);
        ck_assert_uint_eq(whole.request.refusal, REFUSAL_REQUEST_LINE);
    }
}
END_TEST

START_TEST(pipelines_of_1_to_64)
{
    static const char *const parts[] = {
        "GET /pipelined HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nde\r\n0\r\n\r\n",
    };
    static char bytes[64 * 128];
    size_t length = 0;

    for (unsigned i = 0; i < 64; i++) {
        length += (size_t)sprintf(bytes + length, "%s", parts[i % 3]);
        check_every_way(bytes, length, NULL);
        ck_assert_uint_eq(whole.completed, i + 1);
        ck_assert_uint_eq(whole.status, 0);
    }
}
END_TEST

/* Inputs that exist to be long: `before`, then `count` times `filler`, then `after`. */
static size_t build(char *to, const char *before, const char *filler, size_t count,
                    const char *after)
{
    char *at = to + sprintf(to, "%s", before);

    while (count--)
        at += sprintf(at, "%s", filler);
    return (size_t)(at + sprintf(at, "%s", after) - to);
}

#define A       "GET / HTTP/1.1\r\nHost: a\r\n"
#define P       "POST / HTTP/1.1\r\nHost: a\r\n"
#define C       P "Transfer-Encoding: chunked\r\n\r\n"
#define SIZE(a) (sizeof(a) - 1)

static const struct {
    const char *before;
    const char *filler;
    const char *after;
    size_t last;     /* count of the filler that is still accepted */
    unsigned status; /* with one more */
} sizes[] = {
    {"GET /", "x", " HTTP/1.1\r\nHost: a\r\n\r\n", 8191, 414},
    {A "X: ", "y", "\r\n\r\n", 16384 - SIZE(A "X: \r\n\r\n"), 431},
    {A, "n", ": v\r\n\r\n", 16384 - SIZE(A ": v\r\n\r\n"), 431},
    {A, "X: y\r\n", "\r\n", 99, 431},
    {C "1", ";ext=abcdefgh", "\r\nx\r\n0\r\n\r\n", (1024 - SIZE("1\r\n")) / SIZE(";ext=abcdefgh"),
     400},
    {C "0\r\nX: ", "y", "\r\n\r\n", 4096 - SIZE("X: \r\n\r\n"), 431},
    {C "0\r\n", "X: y\r\n", "\r\n", 100, 431},
    {C, "1\r\nx\r\n", "0\r\n\r\n", 1000, 413},
};

START_TEST(every_limit_is_met_exactly)
{
    static const struct request_limits limits = REQUEST_LIMITS;
    struct request_limits with_body = limits;
    static char bytes[32768];
    size_t last = sizes[_i].last;

    with_body.body_bytes = 1000;
    check_every_way(bytes, build(bytes, sizes[_i].before, sizes[_i].filler, last, sizes[_i].after),
                    &with_body);
    ck_assert_uint_eq(whole.status, 0);
    ck_assert_uint_eq(whole.completed, 1);
    check_every_way(bytes,
                    build(bytes, sizes[_i].before, sizes[_i].filler, last + 1, sizes[_i].after),
                    &with_body);
    ck_assert_uint_eq(whole.status, sizes[_i].status);
}
END_TEST

START_TEST(length_limit_is_met_exactly)
{
    struct request_limits limits = REQUEST_LIMITS;

    limits.body_bytes = 5;
    check_every_way(P "Content-Length: 5\r\n\r\nhello", SIZE(P "Content-Length: 5\r\n\r\nhello"),
                    &limits);
    ck_assert_uint_eq(whole.completed, 1);
    check_every_way(P "Content-Length: 6\r\n\r\n", SIZE(P "Content-Length: 6\r\n\r\n"), &limits);
    ck_assert_uint_eq(whole.status, 413);
}
END_TEST

/* What a scanner has to end early: none of these ever ends a line. */
static const struct {
    const char *before;
    char filler;
    unsigned status;
} floods[] = {
    {"", 'A', 400},         {"GET /", 'A', 414}, {A "X: ", 'B', 431},      {A, 'A', 431},
    {C "5;ext=", 'a', 400}, {C, '0', 400},       {C "0\r\nX: ", 'a', 431}, {C "0\r\n", 'a', 431},
};

START_TEST(floods_are_refused)
{
    static char bytes[100000];
    size_t length = strlen(floods[_i].before);

    memset(bytes, floods[_i].filler, sizeof bytes);
    memcpy(bytes, floods[_i].before, length);
    check_every_way(bytes, sizeof bytes, NULL);
    ck_assert_uint_eq(whole.status, floods[_i].status);
}
END_TEST

/* Valid requests with some bytes changed: whatever they become, they become it at every cut. */
START_TEST(mutations_do_not_depend_on_cuts)
{
    static const struct vector seeds[] = {
        CHUNKED(200, "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"),
        POST(
            200,
            "Content-Length: 5\r\nConnection: close\r\n\r\nhelloGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
        GET(200, "Host: [::1]:80\r\nExpect: 100-continue\r\nContent-Type: a/b\r\nX: y\r\n"),
    };
    static const char spice[] = "\r\n\t \0:;,=#*/x09\x7f\x80\"\\";
    char bytes[256];

    for (uint32_t seed = 0; seed < support_rounds(20000); seed++) {
        const struct vector *vector = &seeds[seed % 3];
        uint32_t dice = seed;

        memcpy(bytes, vector->bytes, vector->length);
        for (uint32_t changes = 1 + roll(&dice) % 3; changes; changes--)
            bytes[roll(&dice) % vector->length] = spice[roll(&dice) % sizeof spice];
        start(&whole, NULL);
        feed(&whole, bytes, vector->length);
        start(&cut, NULL);
        feed_pieces(&cut, bytes, vector->length, 1 + seed % 20, dice);
        same_transcript("mutated");
    }
}
END_TEST

START_TEST(noise_does_not_depend_on_cuts)
{
    char bytes[256];

    for (uint32_t seed = 0; seed < support_rounds(5000); seed++) {
        uint32_t dice = seed;

        for (size_t i = 0; i < sizeof bytes; i++)
            bytes[i] = (char)roll(&dice);
        check_every_way(bytes, sizeof bytes, NULL);
        ck_assert_uint_eq(whole.status, 400);
    }
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof *(array)))

Suite *test_suite(void)
{
    Suite *suite = suite_create("request");
    TCase *vectors = tcase_create("vectors");
    TCase *steps = tcase_create("steps");
    TCase *limits = tcase_create("limits");
    TCase *noise = tcase_create("noise");

    tcase_add_test(vectors, request_lines_get_their_status);
    tcase_add_test(vectors, fields_get_their_status);
    tcase_add_test(vectors, hosts_get_their_status);
    tcase_add_test(vectors, framings_get_their_status);
    tcase_add_test(vectors, chunks_get_their_status);
    tcase_add_loop_test(vectors, decisions_are_kept_however_a_request_is_cut, 0, DECISIONS);
    suite_add_tcase(suite, vectors);
    tcase_add_loop_test(steps, steps_are_the_same_however_the_bytes_are_cut, 0, COUNT(transcripts));
    tcase_add_test(steps, every_byte_is_judged_in_a_value);
    tcase_add_test(steps, head_text_is_what_was_received);
    tcase_add_test(steps, nothing_is_parsed_after_a_refusal);
    tcase_add_test(steps, pipelines_of_1_to_64);
    suite_add_tcase(suite, steps);
    tcase_add_loop_test(limits, every_limit_is_met_exactly, 0, COUNT(sizes));
    tcase_add_test(limits, length_limit_is_met_exactly);
    tcase_add_loop_test(limits, floods_are_refused, 0, COUNT(floods));
    suite_add_tcase(suite, limits);
    tcase_add_test(noise, mutations_do_not_depend_on_cuts);
    tcase_add_test(noise, noise_does_not_depend_on_cuts);
    tcase_set_timeout(noise, 60);
    suite_add_tcase(suite, noise);
    return suite;
}
