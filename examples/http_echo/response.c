/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes put one after the other; printf would take longer than the rest of an answer together.
 * Nothing here can fail: what is variable is bounded by the caller, as response.h says.
 */
#include "response.h"

#include <assert.h>
#include <string.h>

#define ALLOW "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"

const char response_continue[] = "HTTP/1.1 100 Continue\r\n\r\n";

static const struct {
    unsigned status;
    const char *line;
} statuses[] = {
    {200, "HTTP/1.1 200 OK\r\n"},
    {204, "HTTP/1.1 204 No Content\r\n"},
    {400, "HTTP/1.1 400 Bad Request\r\n"},
    {405, "HTTP/1.1 405 Method Not Allowed\r\n"},
    {408, "HTTP/1.1 408 Request Timeout\r\n"},
    {413, "HTTP/1.1 413 Content Too Large\r\n"},
    {414, "HTTP/1.1 414 URI Too Long\r\n"},
    {417, "HTTP/1.1 417 Expectation Failed\r\n"},
    {431, "HTTP/1.1 431 Request Header Fields Too Large\r\n"},
    {501, "HTTP/1.1 501 Not Implemented\r\n"},
    {503, "HTTP/1.1 503 Service Unavailable\r\n"},
    {505, "HTTP/1.1 505 HTTP Version Not Supported\r\n"},
};

#define REFUSAL_ENTRY(name, status, sentence) [REFUSAL_##name] = {status, sentence "\n"},

static const struct {
    unsigned status;
    const char *sentence;
} refusals[REFUSAL_COUNT] = {[REFUSAL_NONE] = {200, ""}, REFUSALS(REFUSAL_ENTRY)};

static char *put(char *to, const char *bytes, size_t length)
{
    memcpy(to, bytes, length);
    return to + length;
}

static char *put_text(char *to, const char *text)
{
    return put(to, text, strlen(text));
}

static char *put_number(char *to, uint64_t number, unsigned base)
{
    char digits[20];
    size_t first = sizeof digits;

    do
        digits[--first] = "0123456789abcdef"[number % base];
    while (number /= base);
    return put(to, digits + first, sizeof digits - first);
}

/* `number` below 100 as two digits. */
static char *put_two(char *to, int number)
{
    *to++ = (char)('0' + number / 10 % 10);
    *to++ = (char)('0' + number % 10);
    return to;
}

static const char *status_line(unsigned status)
{
    size_t i = 0;

    while (statuses[i].status != status) {
        i++;
        assert(i < sizeof statuses / sizeof *statuses);
    }
    return statuses[i].line;
}

static char *put_framing(char *to, const struct response *response)
{
    if (response->framing == RESPONSE_CHUNKED)
        return put_text(to, "Transfer-Encoding: chunked\r\n");
    if (response->framing == RESPONSE_EMPTY)
        return to;
    to = put_text(to, "Content-Length: ");
    return put_text(put_number(to, response->length, 10), "\r\n");
}

static char *put_connection(char *to, enum response_connection connection)
{
    static const char *const lines[] = {
        [RESPONSE_STAYS] = "",
        [RESPONSE_KEEPS] = "Connection: keep-alive\r\n",
        [RESPONSE_CLOSES] = "Connection: close\r\n",
    };

    return put_text(to, lines[connection]);
}

size_t response_write(char *to, const struct response *response, const char *date)
{
    char *at = put_text(to, status_line(response->status));

    at = put_text(at, "Date: ");
    at = put(at, date, RESPONSE_DATE_BYTES);
    at = put_text(at, "\r\n");
    if (response->type) {
        at = put_text(at, "Content-Type: ");
        at = put(at, response->type, response->type_length);
        at = put_text(at, "\r\n");
    }
    at = put_framing(at, response);
    if (response->allow)
        at = put_text(at, ALLOW);
    at = put_connection(at, response->connection);
    at = put_text(at, "\r\n");
    assert(at - to <= RESPONSE_BYTES_MAX);
    return (size_t)(at - to);
}

size_t response_write_refusal(char *to, enum refusal refusal, bool head_only, const char *date)
{
    static const char type[] = "text/plain";
    const char *sentence = refusals[refusal].sentence;
    struct response response = {
        .status = refusals[refusal].status,
        .framing = RESPONSE_LENGTH,
        .connection = RESPONSE_CLOSES,
        .length = strlen(sentence),
        .type = type,
        .type_length = sizeof type - 1,
        .allow = refusal == REFUSAL_METHOD,
    };
    size_t length = response_write(to, &response, date);

    return head_only ? length : (size_t)(put_text(to + length, sentence) - to);
}

size_t response_write_chunk_line(char *to, uint64_t size)
{
    return (size_t)(put_text(put_number(to, size, 16), "\r\n") - to);
}

void response_write_date(char *to, time_t when)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;

    gmtime_r(&when, &tm);
    to = put(to, days + 3 * tm.tm_wday, 3);
    to = put_two(put_text(to, ", "), tm.tm_mday);
    to = put(put_text(to, " "), months + 3 * tm.tm_mon, 3);
    to = put_two(put_text(to, " "), (tm.tm_year + 1900) / 100);
    to = put_two(to, tm.tm_year % 100);
    to = put_two(put_text(to, " "), tm.tm_hour);
    to = put_two(put_text(to, ":"), tm.tm_min);
    to = put_two(put_text(to, ":"), tm.tm_sec);
    put_text(to, " GMT");
}

unsigned response_refusal_status(enum refusal refusal)
{
    return refusals[refusal].status;
}
