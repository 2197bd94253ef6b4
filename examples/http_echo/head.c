/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Tables of methods and fields, and one small function for each field. Blanks around a value are
 * spaces and TABs by the grammar. Behind the two that frame the message only spaces are accepted:
 * the versions of llhttp differ over a TAB there, and no two of them may see different messages.
 */
#include "head.h"

#include <string.h>
#include <strings.h>

/* Case matters in methods and versions, and nowhere else. */
static bool same(struct text a, const char *b)
{
    return a.length == strlen(b) && strncasecmp(a.at, b, a.length) == 0;
}

static bool begins(struct text text, const char *with)
{
    size_t length = strlen(with);

    return text.length >= length && strncasecmp(text.at, with, length) == 0;
}

static bool exactly(struct text a, const char *b)
{
    return a.length == strlen(b) && memcmp(a.at, b, a.length) == 0;
}

static struct text skip(struct text text, size_t count)
{
    return (struct text){text.at + count, text.length - count};
}

static struct text trim(struct text text, const char *blanks)
{
    while (text.length && strchr(blanks, text.at[0]))
        text = skip(text, 1);
    while (text.length && strchr(blanks, text.at[text.length - 1]))
        text.length--;
    return text;
}

/* Not isdigit() and its like: those ask the locale. */
static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
    return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool is_letter(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* A port: nothing, or 1 to 65535 without a sign. */
static bool is_port(struct text text)
{
    unsigned port = 0;

    for (size_t i = 0; i < text.length; i++) {
        if (!is_digit(text.at[i]) || i >= 5)
            return false;
        port = 10 * port + (unsigned)(text.at[i] - '0');
    }
    return port <= 65535;
}

/* The length of the [v6 address] that *text begins with, 0 for none. */
static size_t bracketed(struct text text)
{
    for (size_t i = 1; i < text.length; i++) {
        if (text.at[i] == ']')
            return i > 2 ? i + 1 : 0;
        if (!is_hex(text.at[i]) && text.at[i] != ':' && text.at[i] != '.')
            return 0;
    }
    return 0;
}

/* The length of the name or v4 address that *text begins with. A comma, though RFC 3986 would have
 * it in a name, is left out: it is what two Host fields joined into one look like. */
static size_t named(struct text text)
{
    size_t i = 0;

    for (; i < text.length && text.at[i] != ':'; i++) {
        char c = text.at[i];

        if (c == '%' &&
            (i + 2 >= text.length || !is_hex(text.at[i + 1]) || !is_hex(text.at[i + 2])))
            return 0;
        if (!is_letter(c) && !is_digit(c) && !strchr("-._~%!$&'()*+;=", c))
            return 0;
    }
    return i;
}

static bool is_authority(struct text text)
{
    size_t host = text.length && text.at[0] == '[' ? bracketed(text) : named(text);

    if (!host)
        return false;
    return host == text.length || (text.at[host] == ':' && is_port(skip(text, host + 1)));
}

/* A target as a whole URI is for proxies, but every server has to accept it. */
static bool is_uri(struct text target)
{
    size_t scheme = begins(target, "http://") ? 7 : begins(target, "https://") ? 8 : 0;
    size_t end = scheme;

    if (!scheme)
        return false;
    while (end < target.length && target.at[end] != '/' && target.at[end] != '?')
        end++;
    return is_authority((struct text){target.at + scheme, end - scheme});
}

static const char *const methods[METHOD_COUNT] = {
    [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
    [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
    [METHOD_OPTIONS] = "OPTIONS",
};

/* Known to the registry of methods, and nothing that an echo could do. */
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
        if (exactly(method, methods[i])) {
            head->method = (uint8_t)i;
            return REFUSAL_NONE;
        }
    }
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (exactly(method, unsupported[i]))
            return REFUSAL_METHOD;
    return REFUSAL_METHOD_UNKNOWN;
}

/* `line` begins with the version; what follows the line does not matter. */
static enum refusal read_version(struct head *head, struct text line)
{
    const char *version = line.at;

    if (line.length < sizeof "HTTP/1.1\r" - 1 || memcmp(version, "HTTP/", 5) != 0 ||
        !is_digit(version[5]) || version[6] != '.' || !is_digit(version[7]) || version[8] != '\r')
        return REFUSAL_REQUEST_LINE;
    if (version[5] != '1' || version[7] > '1')
        return REFUSAL_VERSION;
    head->http_1_0 = version[7] == '0';
    return REFUSAL_NONE;
}

static enum refusal read_target(const struct head *head, struct text target)
{
    bool valid = target.at[0] == '/' || is_uri(target) ||
                 (head->method == METHOD_OPTIONS && same(target, "*"));

    return valid ? REFUSAL_NONE : REFUSAL_TARGET;
}

enum refusal head_read_line(struct head *head, const struct guard *guard)
{
    struct text line = {head->text, head->length};
    enum refusal refusal = read_version(head, skip(line, guard->word_end + 1));

    if (!refusal)
        refusal = read_method(head, (struct text){line.at, guard->word_at - 1});
    if (!refusal)
        refusal = read_target(
            head, (struct text){line.at + guard->word_at, guard->word_end - guard->word_at});
    return refusal;
}

static enum refusal note_host(struct head *head, struct text value)
{
    (void)head;
    return is_authority(trim(value, " \t")) ? REFUSAL_NONE : REFUSAL_HOST;
}

static enum refusal note_coding(struct head *head, struct text value)
{
    struct text coding = trim(value, " ");

    (void)head;
    if (same(coding, "chunked"))
        return REFUSAL_NONE;
    /* Chunked, but not as the last or only word: where such a body ends nobody can tell. */
    if (!coding.length || begins(coding, "chunked") || memchr(coding.at, '\t', coding.length))
        return REFUSAL_CODING;
    return REFUSAL_CODING_UNKNOWN;
}

/* A leading zero is legal, and read as octal by some; nobody sends one. The size is llhttp's. */
static enum refusal note_length(struct head *head, struct text value)
{
    struct text digits = trim(value, " ");

    (void)head;
    for (size_t i = 0; i < digits.length; i++)
        if (!is_digit(digits.at[i]))
            return REFUSAL_LENGTH;
    if (!digits.length || (digits.length > 1 && digits.at[0] == '0'))
        return REFUSAL_LENGTH;
    return REFUSAL_NONE;
}

/* HTTP/1.0 knows no interim answers: there the expectation is to be ignored. */
static enum refusal note_expectation(struct head *head, struct text value)
{
    if (!same(trim(value, " \t"), "100-continue"))
        return REFUSAL_EXPECTATION;
    head->asks_continue = !head->http_1_0;
    return REFUSAL_NONE;
}

static enum refusal note_type(struct head *head, struct text value)
{
    head->type = trim(value, " \t");
    return REFUSAL_NONE;
}

/* A list, and several fields make one list. Options that mean nothing here are ignored. */
static enum refusal note_connection(struct head *head, struct text value)
{
    while (value.length) {
        const char *comma = memchr(value.at, ',', value.length);
        size_t length = comma ? (size_t)(comma - value.at) : value.length;
        struct text option = trim((struct text){value.at, length}, " \t");

        head->asks_close |= same(option, "close");
        head->asks_keep_alive |= same(option, "keep-alive");
        value = skip(value, comma ? length + 1 : length);
    }
    return REFUSAL_NONE;
}

static const struct {
    const char *name;
    enum refusal (*note)(struct head *head, struct text value);
    uint8_t repeated; /* enum refusal, for a field that may stand once */
} fields[FIELD_COUNT] = {
    [FIELD_HOST] = {"Host", note_host, REFUSAL_HOST},
    [FIELD_TRANSFER_ENCODING] = {"Transfer-Encoding", note_coding, REFUSAL_CODING},
    [FIELD_CONTENT_LENGTH] = {"Content-Length", note_length, REFUSAL_LENGTH},
    [FIELD_EXPECT] = {"Expect", note_expectation, REFUSAL_NONE},
    [FIELD_CONTENT_TYPE] = {"Content-Type", note_type, REFUSAL_REPEATED},
    [FIELD_CONNECTION] = {"Connection", note_connection, REFUSAL_NONE},
};

static unsigned field_of(struct text name)
{
    unsigned i = 0;

    while (i < FIELD_COUNT && !same(name, fields[i].name))
        i++;
    return i;
}

void head_start(struct head *head)
{
    *head = (struct head){.text = head->text};
}

void head_note_field(struct head *head, struct text name, struct text value)
{
    unsigned i = field_of(name);

    if (i == FIELD_COUNT)
        return;
    enum refusal fault = fields[i].note(head, value);
    if (head->counts[i] && fields[i].repeated)
        fault = (enum refusal)fields[i].repeated;
    if (fault)
        head->faults[i] = (uint8_t)fault;
    if (head->counts[i] < UINT8_MAX)
        head->counts[i]++;
}

enum refusal head_judge(const struct head *head)
{
    if (!head->counts[FIELD_HOST] && !head->http_1_0)
        return REFUSAL_HOST;
    if (head->counts[FIELD_TRANSFER_ENCODING] &&
        (head->counts[FIELD_CONTENT_LENGTH] || head->http_1_0))
        return REFUSAL_CODING;
    for (unsigned i = 0; i < FIELD_COUNT; i++)
        if (head->faults[i])
            return (enum refusal)head->faults[i];
    return REFUSAL_NONE;
}

bool head_keeps_alive(const struct head *head)
{
    return !head->asks_close && (!head->http_1_0 || head->asks_keep_alive);
}

bool head_forbids_trailer(struct text name)
{
    return field_of(name) <= FIELD_CONTENT_LENGTH;
}
