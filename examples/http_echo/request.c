/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One function for each phase of a message, and what llhttp calls back.
 *
 * llhttp is started for each message that has a body, and never gets a byte that is not part of it.
 * So it needs no pausing, and its own idea of keep-alive decides nothing. Guard and llhttp have to
 * agree on where a head ends and a body begins. A request for which they do not agree is refused,
 * because such requests are used for smuggling.
 */
#include "request.h"

#include <string.h>

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
    return llhttp_execute(request->parser, text.at, text.length) == HPE_OK;
}

static int head_end(llhttp_t *parser)
{
    struct request *request = parser->data;

    request->head_parsed = true;
    return 0;
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

/* Hands llhttp what frames the message, and returns true where it makes the same of it as the guard
 * did. */
static bool parse_head(struct request *request)
{
    static const char coding[] = "HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    static const char field[] = "HTTP/1.1\r\nContent-Length: ";
    char length[sizeof field + sizeof "18446744073709551615\r\n\r\n"];
    char *end = length + sizeof length;
    char *at = text_put_before(end, "\r\n\r\n", 4);

    llhttp_init(request->parser, HTTP_REQUEST, &callbacks);
    request->parser->data = request;
    if (!parse(request, (struct text){request->head->text, request->guard.target_end + 1}))
        return false;
    if (request->chunked)
        return parse(request, (struct text){coding, sizeof coding - 1}) && request->head_parsed;
    at = text_put_number_before(at, request->length, 10);
    at = text_put_before(at, field, sizeof field - 1);
    return parse(request, (struct text){at, (size_t)(end - at)}) && request->head_parsed &&
           !request->message_parsed && request->parser->content_length == request->length;
}

/* The whole head is there. */
static enum request_step end_head(struct request *request)
{
    struct head *head = request->head;
    enum refusal refusal = head_judge(head);

    if (!refusal && head->body_length > request->limits->body_bytes)
        refusal = REFUSAL_BODY_SIZE;
    if (refusal)
        return refuse(request, refusal);
    request->chunked = head->chunked;
    request->length = request->left = head->body_length;
    if (!request->chunked && !request->length)
        request->parser = NULL;
    else if (!parse_head(request))
        return refuse(request, REFUSAL_PARSER);
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
    struct guard *guard = &request->guard;
    struct head *head = request->head;
    enum refusal refusal = REFUSAL_NONE;

    do {
        struct text passed = take_guarded(request, input, &guard_limits);

        memcpy(head->text + head->length, passed.at, passed.length);
        head->length += (uint32_t)passed.length;
        if (guard->stop == GUARD_FIELD)
            head_note_field(head, guard);
        else if (guard->stop == GUARD_REQUEST_LINE)
            refusal = head_read_line(head, guard);
        else
            break;
    } while (!refusal);
    if (refusal || guard->stop == GUARD_REFUSED)
        return refuse(request, refusal ? refusal : guard->refusal);
    return guard->stop == GUARD_END ? end_head(request) : REQUEST_MORE;
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

/* The chunk line is over. llhttp gets its size alone: 8.1 refuses legal extensions. */
static enum request_step end_chunk_line(struct request *request)
{
    uint64_t size = request->guard.size;
    char line[18];
    char *end = line + sizeof line;
    char *at = text_put_number_before(text_put_before(end, "\r\n", 2), size, 16);

    if (size > request->limits->body_bytes - request->chunked_bytes)
        return refuse(request, REFUSAL_BODY_SIZE);
    request->chunk_parsed = false;
    if (!parse(request, (struct text){at, (size_t)(end - at)}) || !request->chunk_parsed ||
        request->chunk_bytes != size)
        return refuse(request, REFUSAL_PARSER);
    if (!size) {
        request->phase = PHASE_TRAILERS;
        guard_start(&request->guard, GUARD_TRAILERS);
        return REQUEST_AGAIN;
    }
    request->chunked_bytes += size;
    request->left = size + 2;
    request->phase = PHASE_CHUNK_DATA;
    return REQUEST_CHUNK;
}

static enum request_step phase_chunk_line(struct request *request, struct request_input *input)
{
    const struct guard_limits limits = {request->limits->chunk_line_bytes, 0, 0, REFUSAL_CHUNK};

    take_guarded(request, input, &limits);
    if (request->guard.stop == GUARD_REFUSED)
        return refuse(request, request->guard.refusal);
    return request->guard.stop == GUARD_END ? end_chunk_line(request) : REQUEST_MORE;
}

/* The CR LF behind the data of a chunk. */
static enum request_step end_chunk(struct request *request, struct request_input *input)
{
    static const char line_end[] = "\r\n";
    struct text part = take(input, request->left);

    if (memcmp(part.at, &line_end[2 - request->left], part.length) != 0)
        return refuse(request, REFUSAL_CHUNK);
    if (!parse(request, part))
        return refuse(request, REFUSAL_PARSER);
    request->left -= part.length;
    return REQUEST_AGAIN;
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
    if (request->left <= 2)
        return end_chunk(request, input);
    struct text part = take(input, request->left - 2);
    request->body.length = 0;
    if (!parse(request, part) || request->body.length != part.length)
        return refuse(request, REFUSAL_PARSER);
    request->left -= part.length;
    return REQUEST_BODY;
}

/* Trailers are looked at and thrown away: llhttp sees none. */
static enum request_step phase_trailers(struct request *request, struct request_input *input)
{
    const struct request_limits *limits = request->limits;
    const struct guard_limits guard_limits = {limits->trailer_bytes, 0, limits->head_fields,
                                              REFUSAL_HEAD_SIZE};
    struct guard *guard = &request->guard;

    do {
        take_guarded(request, input, &guard_limits);
        if (guard->stop == GUARD_FIELD && guard->field <= FIELD_CONTENT_LENGTH)
            return refuse(request, REFUSAL_TRAILER);
    } while (guard->stop == GUARD_FIELD);
    if (guard->stop == GUARD_REFUSED)
        return refuse(request, guard->refusal);
    if (guard->stop == GUARD_MORE)
        return REQUEST_MORE;
    if (!parse(request, (struct text){"\r\n", 2}) || !request->message_parsed)
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

void request_begin(struct request *request, struct head *head, llhttp_t *parser)
{
    memset(request, 0, offsetof(struct request, limits));
    request->head = head;
    request->parser = parser;
    request->phase = PHASE_HEAD;
    head_start(head);
    guard_start(&request->guard, GUARD_HEAD);
}

void request_release(struct request *request)
{
    request->head = NULL;
}

llhttp_t *request_release_parser(struct request *request)
{
    llhttp_t *parser = request->parser;

    request->parser = NULL;
    return parser;
}

enum request_step request_next(struct request *request, struct request_input *input)
{
    enum request_step step;

    do
        step = phases[request->phase](request, input);
    while (step == REQUEST_AGAIN);
    return step;
}

uint64_t request_chunk_left(const struct request *request)
{
    return request->left - 2;
}

/* Until a chunk has all its data, two bytes of `left` are for the end of its line. */
uint64_t request_body_received(const struct request *request)
{
    if (!request->chunked)
        return request->length - request->left;
    return request->chunked_bytes - (request->left > 2 ? request->left - 2 : 0);
}

bool request_in_head(const struct request *request)
{
    return request->phase == PHASE_HEAD;
}

bool request_in_message(const struct request *request)
{
    return request->phase >= PHASE_HEAD && request->phase <= PHASE_COMPLETE;
}
