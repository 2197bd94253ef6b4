/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One function for each phase of a message, and what llhttp calls back.
 *
 * llhttp is started anew for each message and never sees a byte beyond the section that the guard
 * let pass. So it needs no pausing, and its own idea of keep-alive decides nothing (before 9.4.2 it
 * misses a `close` followed by a TAB). Guard and parser have to agree on where a head ends and a
 * body begins: where they do not the request is refused, since that is what smuggling is made of.
 */
#include "request.h"

#include <string.h>

/* 15 hexadecimal digits: a size that can be added to without a thought of overflow. */
#define CHUNK_DIGITS_MAX 15

static enum request_step refuse(struct request *request, unsigned refusal)
{
    request->refusal = (uint8_t)refusal;
    request->phase = PHASE_REFUSED;
    return REQUEST_REFUSED;
}

/* Takes what is at hand of `wanted` bytes. */
static struct text take(struct request_input *input, uint64_t wanted)
{
    size_t there = (size_t)(input->end - input->at);
    struct text taken = {(const char *)input->at, wanted < there ? (size_t)wanted : there};

    input->at += taken.length;
    return taken;
}

static struct text take_guarded(struct request *request, struct request_input *input,
                                const struct guard_limits *limits)
{
    return take(input,
                guard_pass(&request->guard, limits, input->at, (size_t)(input->end - input->at)));
}

static bool parse(struct request *request, struct text text)
{
    return llhttp_execute(&request->parser, text.at, text.length) == HPE_OK;
}

/* Spans of one token follow each other in memory: a head is parsed in one piece. */
static void extend(struct text *text, const char *at, size_t length)
{
    if (!text->length)
        text->at = at;
    text->length += length;
}

static void word_add(struct request *request, struct text text)
{
    for (size_t i = 0; i < text.length && request->word_length <= REQUEST_WORD_BYTES; i++) {
        if (request->word_length < REQUEST_WORD_BYTES)
            request->word[request->word_length] = text.at[i];
        request->word_length++;
    }
}

static int field_name(llhttp_t *parser, const char *at, size_t length)
{
    struct request *request = parser->data;

    if (request->phase == PHASE_TRAILERS)
        word_add(request, (struct text){at, length});
    else
        extend(&request->name, at, length);
    return 0;
}

static int field_value(llhttp_t *parser, const char *at, size_t length)
{
    struct request *request = parser->data;

    if (request->phase != PHASE_TRAILERS)
        extend(&request->value, at, length);
    return 0;
}

static int trailer_end(struct request *request)
{
    struct text name = {request->word, request->word_length};
    bool forbidden = name.length <= REQUEST_WORD_BYTES && head_forbids_trailer(name);

    request->word_length = 0;
    if (forbidden)
        request->refusal = REFUSAL_TRAILER;
    return forbidden ? -1 : 0;
}

static int field_end(llhttp_t *parser)
{
    struct request *request = parser->data;

    if (request->phase == PHASE_TRAILERS)
        return trailer_end(request);
    head_note_field(request->head, request->name, request->value);
    request->name = (struct text){NULL, 0};
    request->value = (struct text){NULL, 0};
    return 0;
}

static int head_end(llhttp_t *parser)
{
    struct request *request = parser->data;

    request->head_parsed = true;
    request->chunked = (parser->flags & F_CHUNKED) != 0;
    request->length = request->chunked ? 0 : parser->content_length;
    request->refusal = (uint8_t)head_judge(request->head);
    /* An upgrade that we do not make must not end the parsing. */
    parser->upgrade = 0;
    return request->refusal ? -1 : 0;
}

static int body_part(llhttp_t *parser, const char *at, size_t length)
{
    struct request *request = parser->data;

    request->body = (struct text){at, length};
    return 0;
}

static int chunk_head(llhttp_t *parser)
{
    struct request *request = parser->data;

    request->chunk_parsed = true;
    request->chunk_bytes = parser->content_length;
    return 0;
}

static int message_end(llhttp_t *parser)
{
    struct request *request = parser->data;

    request->message_parsed = true;
    return 0;
}

static const llhttp_settings_t callbacks = {
    .on_header_field = field_name,
    .on_header_value = field_value,
    .on_header_value_complete = field_end,
    .on_headers_complete = head_end,
    .on_body = body_part,
    .on_chunk_header = chunk_head,
    .on_message_complete = message_end,
};

/* One empty line before a request is overlooked, as RFC 9112 asks: an old client's extra CR LF. */
static enum request_step phase_start(struct request *request, struct request_input *input)
{
    if (input->at == input->end)
        return REQUEST_MORE;
    if (*input->at != '\r' || request->blank_skipped)
        return REQUEST_BEGIN;
    input->at++;
    request->phase = PHASE_BLANK;
    return REQUEST_AGAIN;
}

static enum request_step phase_blank(struct request *request, struct request_input *input)
{
    if (input->at == input->end)
        return REQUEST_MORE;
    if (*input->at++ != '\n')
        return refuse(request, REFUSAL_LINE_ENDING);
    request->blank_skipped = true;
    request->phase = PHASE_START;
    return REQUEST_AGAIN;
}

/* The whole head is there. */
static enum request_step parse_head(struct request *request)
{
    struct head *head = request->head;
    enum refusal refusal = head_read_line(head, &request->guard);

    if (refusal)
        return refuse(request, refusal);
    llhttp_init(&request->parser, HTTP_REQUEST, &callbacks);
    request->parser.data = request;
    if (!parse(request, (struct text){head->text, head->length}) || !request->head_parsed ||
        request->message_parsed == (request->chunked || request->length))
        return refuse(request, request->refusal ? request->refusal : REFUSAL_PARSER);
    if (request->length > request->limits->body_bytes)
        return refuse(request, REFUSAL_BODY_SIZE);
    request->left = request->length;
    request->phase = request->chunked ? PHASE_CHUNK_LINE
                     : request->left  ? PHASE_BODY
                                      : PHASE_COMPLETE;
    if (request->chunked)
        guard_start(&request->guard, GUARD_CHUNK_LINE);
    return REQUEST_HEAD;
}

static enum request_step phase_head(struct request *request, struct request_input *input)
{
    const struct request_limits *limits = request->limits;
    const struct guard_limits guard_limits = {limits->head_bytes, limits->target_bytes,
                                              limits->head_fields, REFUSAL_HEAD_SIZE};
    struct head *head = request->head;
    struct text passed = take_guarded(request, input, &guard_limits);

    memcpy(head->text + head->length, passed.at, passed.length);
    head->length += (uint32_t)passed.length;
    if (request->guard.refusal)
        return refuse(request, request->guard.refusal);
    return guard_ended(&request->guard) ? parse_head(request) : REQUEST_MORE;
}

static enum request_step phase_body(struct request *request, struct request_input *input)
{
    if (input->at == input->end)
        return REQUEST_MORE;
    struct text part = take(input, request->left);
    if (!parse(request, part))
        return refuse(request, REFUSAL_PARSER);
    request->left -= part.length;
    if (request->message_parsed != !request->left)
        return refuse(request, REFUSAL_PARSER);
    if (!request->left)
        request->phase = PHASE_COMPLETE;
    return REQUEST_BODY;
}

/* The chunk line is over: its digits are the word. */
static enum request_step parse_chunk_line(struct request *request)
{
    uint64_t room = request->limits->body_bytes - request->chunked_bytes;

    word_add(request, (struct text){"\r\n", 2});
    request->chunk_parsed = false;
    if (!parse(request, (struct text){request->word, request->word_length}) ||
        !request->chunk_parsed)
        return refuse(request, REFUSAL_CHUNK);
    request->word_length = 0;
    if (request->chunk_bytes > room)
        return refuse(request, REFUSAL_BODY_SIZE);
    if (!request->chunk_bytes) {
        request->phase = PHASE_TRAILERS;
        guard_start(&request->guard, GUARD_TRAILERS);
        return REQUEST_AGAIN;
    }
    request->chunked_bytes += request->chunk_bytes;
    request->left = request->chunk_bytes + 2;
    request->phase = PHASE_CHUNK_DATA;
    return REQUEST_CHUNK;
}

static enum request_step phase_chunk_line(struct request *request, struct request_input *input)
{
    const struct guard_limits limits = {request->limits->chunk_line_bytes, 0, 0, REFUSAL_CHUNK};
    uint32_t digits = guard_digits(&request->guard);
    struct text passed = take_guarded(request, input, &limits);

    digits = guard_digits(&request->guard) - digits;
    if (request->word_length + digits > CHUNK_DIGITS_MAX)
        return refuse(request, REFUSAL_CHUNK);
    word_add(request, (struct text){passed.at, digits});
    if (request->guard.refusal)
        return refuse(request, request->guard.refusal);
    return guard_ended(&request->guard) ? parse_chunk_line(request) : REQUEST_MORE;
}

static enum request_step phase_chunk_data(struct request *request, struct request_input *input)
{
    if (!request->left) {
        request->phase = PHASE_CHUNK_LINE;
        guard_start(&request->guard, GUARD_CHUNK_LINE);
        return REQUEST_CHUNK_END;
    }
    if (input->at == input->end)
        return REQUEST_MORE;
    /* Data and CR LF apart: what came before a fault is handed on, wherever the bytes are cut. */
    struct text part = take(input, request->left > 2 ? request->left - 2 : request->left);
    request->body.length = 0;
    if (!parse(request, part))
        return refuse(request, REFUSAL_CHUNK);
    request->left -= part.length;
    return request->body.length ? REQUEST_BODY : REQUEST_AGAIN;
}

static enum request_step phase_trailers(struct request *request, struct request_input *input)
{
    const struct request_limits *limits = request->limits;
    const struct guard_limits guard_limits = {limits->trailer_bytes, 0, limits->head_fields,
                                              REFUSAL_HEAD_SIZE};
    struct text passed = take_guarded(request, input, &guard_limits);

    if (passed.length && !parse(request, passed))
        return refuse(request, request->refusal ? request->refusal : REFUSAL_TRAILER);
    if (request->guard.refusal)
        return refuse(request, request->guard.refusal);
    if (!guard_ended(&request->guard))
        return REQUEST_MORE;
    if (!request->message_parsed)
        return refuse(request, REFUSAL_PARSER);
    request->phase = PHASE_COMPLETE;
    return REQUEST_AGAIN;
}

static enum request_step phase_complete(struct request *request, struct request_input *input)
{
    (void)input;
    request->phase = PHASE_START;
    request->blank_skipped = false;
    return REQUEST_COMPLETE;
}

static enum request_step phase_refused(struct request *request, struct request_input *input)
{
    (void)request;
    input->at = input->end;
    return REQUEST_REFUSED;
}

static enum request_step (*const phases[PHASE_COUNT])(struct request *request,
                                                      struct request_input *input) = {
    [PHASE_START] = phase_start,
    [PHASE_BLANK] = phase_blank,
    [PHASE_HEAD] = phase_head,
    [PHASE_BODY] = phase_body,
    [PHASE_CHUNK_LINE] = phase_chunk_line,
    [PHASE_CHUNK_DATA] = phase_chunk_data,
    [PHASE_TRAILERS] = phase_trailers,
    [PHASE_COMPLETE] = phase_complete,
    [PHASE_REFUSED] = phase_refused,
};

void request_init(struct request *request, const struct request_limits *limits)
{
    *request = (struct request){.limits = limits};
}

void request_begin(struct request *request, struct head *head)
{
    *request = (struct request){.limits = request->limits, .head = head, .phase = PHASE_HEAD};
    head_start(head);
    guard_start(&request->guard, GUARD_HEAD);
}

void request_release(struct request *request)
{
    request->head = NULL;
}

enum request_step request_next(struct request *request, struct request_input *input)
{
    enum request_step step;

    do
        step = phases[request->phase](request, input);
    while (step == REQUEST_AGAIN);
    return step;
}

bool request_in_head(const struct request *request)
{
    return request->phase == PHASE_HEAD;
}

bool request_in_message(const struct request *request)
{
    return request->phase >= PHASE_HEAD && request->phase <= PHASE_COMPLETE;
}
