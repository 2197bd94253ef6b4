/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tables of methods and fields, and one small function for each field. Where RFC 9110 and RFC 9112
 * leave a choice, tests/examples/http_decisions.h says what was chosen, and why.
 */
#include "head.h"

#include "authority.h"

static const char *const methods[METHOD_COUNT] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS",
};

/* Registered methods that an echo does not support. */
static const char *const unsupported[] = {
    "ACL",
    "BASELINE-CONTROL",
    "BIND",
    "CHECKIN",
    "CHECKOUT",
    "CONNECT",
    "COPY",
    "LABEL",
    "LINK",
    "LOCK",
    "MERGE",
    "MKACTIVITY",
    "MKCALENDAR",
    "MKCOL",
    "MKREDIRECTREF",
    "MKWORKSPACE",
    "MOVE",
    "ORDERPATCH",
    "PROPFIND",
    "PROPPATCH",
    "QUERY",
    "REBIND",
    "REPORT",
    "SEARCH",
    "TRACE",
    "UNBIND",
    "UNCHECKOUT",
    "UNLINK",
    "UNLOCK",
    "UPDATE",
    "UPDATEREDIRECTREF",
    "VERSION-CONTROL",
};

static enum refusal read_method(struct head *head, struct text method)
{
    for (unsigned i = 0; i < METHOD_COUNT; i++) {
        if (text_equals(method, methods[i])) {
            head->method = (uint8_t)i;
            return REFUSAL_NONE;
        }
    }
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (text_equals(method, unsupported[i]))
            return REFUSAL_METHOD;
    return REFUSAL_METHOD_UNKNOWN;
}

/* `version` is what follows the target, and the end of the line. A later HTTP/1.x is read as
 * HTTP/1.1, of which it is an extension: RFC 9110, 2.5. */
static enum refusal read_version(struct head *head, struct text version)
{
    const char *at = version.at;

    if (version.length != sizeof "HTTP/1.1\r\n" - 1 || memcmp(at, "HTTP/", 5) != 0 ||
        !is_digit(at[5]) || at[6] != '.' || !is_digit(at[7]))
        return REFUSAL_REQUEST_LINE;
    if (at[5] != '1')
        return REFUSAL_VERSION;
    head->http_1_0 = at[7] == '0';
    return REFUSAL_NONE;
}

/* A target as a whole URI is for proxies, but every server has to accept it. */
static enum refusal read_target(const struct head *head, struct text target)
{
    bool valid = target.at[0] == '/' || is_http_uri(target) ||
                 (head->method == METHOD_OPTIONS && text_equals(target, "*"));

    return valid ? REFUSAL_NONE : REFUSAL_TARGET;
}

enum refusal head_read_line(struct head *head, const struct guard *guard)
{
    struct text line = {head->text, head->length};
    enum refusal refusal = read_version(head, text_skip(line, guard->target_end + 1));

    if (!refusal)
        refusal = read_method(head, (struct text){line.at, guard->target_at - 1});
    if (!refusal)
        refusal = read_target(
            head, (struct text){line.at + guard->target_at, guard->target_end - guard->target_at});
    return refusal;
}

static enum refusal note_host(struct head *head, struct text value)
{
    (void)head;
    return is_authority(value) ? REFUSAL_NONE : REFUSAL_HOST;
}

/* One plain number. A leading zero is legal, and read as octal by some; nobody sends one. */
static enum refusal note_length(struct head *head, struct text value)
{
    uint64_t length = 0;

    if (!value.length || (value.length > 1 && value.at[0] == '0'))
        return REFUSAL_LENGTH;
    for (size_t i = 0; i < value.length; i++) {
        unsigned digit = (unsigned)(value.at[i] - '0');

        if (!is_digit(value.at[i]) || length > (UINT64_MAX - digit) / 10)
            return REFUSAL_LENGTH;
        length = 10 * length + digit;
    }
    head->body_length = length;
    return REFUSAL_NONE;
}

static bool is_token(struct text text)
{
    static const char others[] = "!#$%&'*+-.^_`|~";
    size_t i = 0;

    while (i < text.length && (is_digit(text.at[i]) || is_letter(text.at[i]) ||
                               memchr(others, text.at[i], sizeof others - 1)))
        i++;
    return i == text.length && i;
}

/* Chunked has to come last, once, and without parameters: else nobody can tell where the body ends.
 * Other codings before it are only unknown. */
static enum refusal note_coding(struct head *head, struct text value)
{
    enum refusal refusal = REFUSAL_NONE;
    struct text coding;

    head->chunked = false;
    while (text_next_element(&value, &coding)) {
        const char *semicolon = memchr(coding.at, ';', coding.length);
        size_t length = semicolon ? (size_t)(semicolon - coding.at) : coding.length;
        struct text name = text_trim((struct text){coding.at, length});

        if (head->chunked || !is_token(name) || (semicolon && text_is(name, "chunked")))
            return REFUSAL_CODING;
        head->chunked = text_is(name, "chunked");
        if (!head->chunked)
            refusal = REFUSAL_CODING_UNKNOWN;
    }
    return head->chunked ? refusal : REFUSAL_CODING;
}

/* HTTP/1.0 knows no interim answers: there the expectation is to be ignored. */
static enum refusal note_expectation(struct head *head, struct text value)
{
    struct text expectation;

    while (text_next_element(&value, &expectation)) {
        if (!text_is(expectation, "100-continue"))
            return REFUSAL_EXPECTATION;
        head->asks_continue = !head->http_1_0;
    }
    return REFUSAL_NONE;
}

static enum refusal note_type(struct head *head, struct text value)
{
    head->type = value;
    return REFUSAL_NONE;
}

/* Several fields make one list. Options that mean nothing here are ignored. */
static enum refusal note_connection(struct head *head, struct text value)
{
    struct text option;

    while (text_next_element(&value, &option)) {
        head->asks_close |= text_is(option, "close");
        head->asks_keep_alive |= text_is(option, "keep-alive");
    }
    return REFUSAL_NONE;
}

static const struct {
    enum refusal (*note)(struct head *head, struct text value);
    uint8_t repeated; /* enum refusal, for a field that may stand once */
} fields[FIELD_COUNT] = {
    [FIELD_HOST] = {note_host, REFUSAL_HOST},
    [FIELD_TRANSFER_ENCODING] = {note_coding, REFUSAL_CODING},
    [FIELD_CONTENT_LENGTH] = {note_length, REFUSAL_LENGTH},
    [FIELD_EXPECT] = {note_expectation, REFUSAL_NONE},
    [FIELD_CONTENT_TYPE] = {note_type, REFUSAL_REPEATED},
    [FIELD_CONNECTION] = {note_connection, REFUSAL_NONE},
};

void head_start(struct head *head)
{
    *head = (struct head){.text = head->text};
}

void head_note_field(struct head *head, const struct guard *guard)
{
    unsigned i = guard->field;
    uint32_t end = head->length - 2; /* without CR LF */
    struct text value = {head->text + guard->value_at, end - guard->value_at};
    enum refusal fault = fields[i].note(head, text_trim(value));

    if (head->seen >> i & 1 && fields[i].repeated)
        fault = (enum refusal)fields[i].repeated;
    if (fault && (!head->fault || i <= head->faulty)) {
        head->fault = (uint8_t)fault;
        head->faulty = (uint8_t)i;
    }
    head->seen |= (uint8_t)(1U << i);
}

static bool has(const struct head *head, enum field field)
{
    return head->seen >> field & 1;
}

enum refusal head_judge(const struct head *head)
{
    if (!has(head, FIELD_HOST) && !head->http_1_0)
        return REFUSAL_HOST;
    if (has(head, FIELD_TRANSFER_ENCODING) && (has(head, FIELD_CONTENT_LENGTH) || head->http_1_0))
        return REFUSAL_CODING;
    return (enum refusal)head->fault;
}

bool head_keeps_alive(const struct head *head)
{
    return !head->asks_close && (!head->http_1_0 || head->asks_keep_alive);
}

/* A method ends with a space; until then "HEAD" may still become another word. */
enum head_answer head_answer(const struct head *head)
{
    static const char method[] = "HEAD ";
    uint32_t length = head->length < sizeof method - 1 ? head->length : sizeof method - 1;

    if (memcmp(head->text, method, length) != 0)
        return HEAD_ANSWER_FULL;
    return length == sizeof method - 1 ? HEAD_ANSWER_EMPTY : HEAD_ANSWER_UNKNOWN;
}
