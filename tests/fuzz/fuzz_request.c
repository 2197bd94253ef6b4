/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The requests of http_echo: guard, head, llhttp and what joins them. The steps that come are the
 * same however the bytes are cut, in an order that request.h allows; what is handed out lies within
 * what was handed in and adds up to what was announced; a refusal has a status and is final. llhttp
 * refuses nothing that the guard has let pass, and a plain second reader finds the same in the
 * first head.
 */
#include "../examples/reference_head.h"
#include "fuzz.h"
#include "request.h"
#include "response.h"

/* Low, so that an input can reach them. */
static const struct request_limits limits = {
    .body_bytes = 4096,
    .head_bytes = 512,
    .head_fields = 8,
    .target_bytes = 64,
    .chunk_line_bytes = 32,
    .trailer_bytes = 64,
};

#define STEPS_MAX 65536

/* One input's steps, as bytes: those that say more than their name follow it. */
struct run {
    struct request request;
    llhttp_t parser;
    struct head head;
    char *text; /* of just the size that the limits promise */
    enum request_step last;
    uint64_t left; /* of the body or chunk that was announced */
    uint64_t body; /* handed out for this message */
    bool in_body;  /* the last noted were bytes of a body */
    char steps[STEPS_MAX];
    size_t length;
};

static void note(struct run *run, const void *bytes, size_t length)
{
    MUST(length <= STEPS_MAX - run->length);
    if (length != 0)
        memcpy(run->steps + run->length, bytes, length);
    run->length += length;
}

static void note_number(struct run *run, uint64_t number)
{
    note(run, &number, sizeof number);
}

static void step_begin(struct run *run)
{
    MUST(run->last == REQUEST_MORE || run->last == REQUEST_COMPLETE);
    run->head.text = run->text;
    run->body = 0;
    request_begin(&run->request, &run->head, &run->parser);
    MUST(request_in_head(&run->request) && request_in_message(&run->request));
}

static bool within(struct text part, const char *text, size_t length)
{
    return part.length == 0 || (part.at >= text && part.at + part.length <= text + length);
}

static void step_head(struct run *run)
{
    const struct head *head = run->request.head;

    MUST(run->last == REQUEST_BEGIN);
    MUST(!request_in_head(&run->request));
    MUST(head->length <= limits.head_bytes && head->method < METHOD_COUNT);
    MUST(memcmp(head->text + head->length - 4, "\r\n\r\n", 4) == 0);
    MUST(within(head->type, head->text, head->length));
    MUST(!run->request.chunked || run->request.length == 0);
    MUST(run->request.length <= limits.body_bytes);
    note(run, head->text, head->length);
    note_number(run, run->request.length);
    note_number(run, (uint64_t)head->method << 8 | (uint64_t)run->request.chunked << 2 |
                         (uint64_t)head_keeps_alive(head) << 1 | head->asks_continue);
    note(run, head->type.at, head->type.length);
    run->left = run->request.length;
    request_release(&run->request);
}

static void step_chunk(struct run *run)
{
    MUST(run->request.chunked && run->left == 0 && run->request.chunk_bytes != 0);
    run->left = run->request.chunk_bytes;
    note_number(run, run->left);
}

static void step_body(struct run *run)
{
    struct text part = run->request.body;

    MUST(part.length != 0 && part.length <= run->left);
    run->left -= part.length;
    run->body += part.length;
    MUST(run->body <= limits.body_bytes);
    note(run, part.at, part.length);
}

static void step_chunk_end(struct run *run)
{
    MUST(run->request.chunked && run->left == 0);
}

static void step_complete(struct run *run)
{
    MUST(run->left == 0);
    MUST(run->request.chunked || run->body == run->request.length);
}

static void step_refused(struct run *run)
{
    unsigned status = response_refusal_status((enum refusal)run->request.refusal);

    MUST(run->request.refusal > REFUSAL_NONE && run->request.refusal < REFUSAL_COUNT);
    MUST(run->request.refusal != REFUSAL_PARSER);
    MUST(status >= 400 && status <= 505);
    MUST(!request_in_message(&run->request));
    note_number(run, run->request.refusal);
}

static void (*const step_checks[])(struct run *run) = {
    [REQUEST_BEGIN] = step_begin,         [REQUEST_HEAD] = step_head,
    [REQUEST_CHUNK] = step_chunk,         [REQUEST_BODY] = step_body,
    [REQUEST_CHUNK_END] = step_chunk_end, [REQUEST_COMPLETE] = step_complete,
    [REQUEST_REFUSED] = step_refused,
};

/* Bodies are handed on as they arrive: parts of one are noted as if they were one. */
static void take(struct run *run, enum request_step step)
{
    char name = (char)step;

    MUST(step != REQUEST_AGAIN);
    if (step != REQUEST_BODY || !run->in_body)
        note(run, &name, 1);
    run->in_body = step == REQUEST_BODY;
    step_checks[step](run);
    run->last = step;
}

static void feed(struct run *run, const uint8_t *bytes, size_t length)
{
    struct request_input input = {bytes, bytes + length};
    enum request_step step;

    while (run->last != REQUEST_REFUSED &&
           (step = request_next(&run->request, &input)) != REQUEST_MORE) {
        MUST(input.at <= input.end);
        MUST(step != REQUEST_BODY || within(run->request.body, (const char *)bytes, length));
        take(run, step);
    }
    if (run->last == REQUEST_REFUSED)
        MUST(request_next(&run->request, &input) == REQUEST_REFUSED);
    else
        MUST(input.at == input.end);
}

static void run_pieces(struct run *run, const uint8_t *data, size_t size, struct cuts cuts)
{
    run->length = 0;
    run->in_body = false;
    run->last = REQUEST_MORE;
    run->left = 0;
    run->text = malloc(limits.head_bytes);
    MUST(run->text != NULL);
    request_init(&run->request, &limits);
    for (size_t at = 0, length; at < size && run->last != REQUEST_REFUSED; at += length) {
        uint8_t *piece;

        length = cut(&cuts, size - at);
        piece = exact_copy(data + at, length);
        feed(run, piece, length);
        free(piece);
    }
    free(run->text);
}

/* The first head alone, without an empty line before it. */
static void compare(const uint8_t *data, size_t size)
{
    struct request_input input = {data, data + size};
    struct request request;
    llhttp_t parser;
    struct head head = {.text = malloc(limits.head_bytes)};

    MUST(head.text != NULL);
    request_init(&request, &limits);
    if (request_next(&request, &input) == REQUEST_BEGIN && input.at == data) {
        struct reference reference = reference_read(data, size, &limits);

        request_begin(&request, &head, &parser);
        bool complete = request_next(&request, &input) == REQUEST_HEAD;
        MUST(complete == reference.complete);
        MUST(request.refusal == reference.refusal);
        if (complete) {
            MUST(head.length == reference.at);
            MUST(head.body_length == reference.body_length);
            MUST(head.chunked == reference.chunked);
            MUST(head.asks_close == reference.close);
            MUST(head.asks_keep_alive == reference.keep_alive);
            MUST(head.asks_continue == reference.waits);
            MUST(head.http_1_0 == (reference.minor == 0));
        }
    }
    free(head.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct cuts uncut = {.most = UINT32_MAX};
    static struct run whole, pieces;

    if (size < 1 || size > STEPS_MAX / 8)
        return 0;
    run_pieces(&whole, data + 1, size - 1, uncut);
    run_pieces(&pieces, data + 1, size - 1, cuts_of(data[0]));
    MUST(whole.length == pieces.length);
    MUST(memcmp(whole.steps, pieces.steps, whole.length) == 0);
    MUST(request_in_head(&whole.request) == request_in_head(&pieces.request));
    compare(data + 1, size - 1);
    return 0;
}
