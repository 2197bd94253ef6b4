/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Bytes put one before the other; printf would take longer than the rest of an answer together.
 * Nothing here can fail: what is variable is bounded by the caller, as response.h says.
 */
#include "response.h"

#include <assert.h>
#include <string.h>

/* A literal in front of what is there. Its length is known here, so it is a few stores. */
#define PUT(end, literal) text_put_before(end, literal, sizeof literal - 1)

const char response_continue[] = "HTTP/1.1 100 Continue\r\n\r\n";

/* The line, and the name of the field that follows it. */
#define STATUS(status, reason)                               \
    status, sizeof("HTTP/1.1 ___ " reason "\r\nDate: ") - 1, \
        "HTTP/1.1 " #status " " reason "\r\nDate: "

static const struct {
    uint16_t status;
    uint16_t length;
    const char *line;
} statuses[] = {
    {STATUS(200, "OK")},
    {STATUS(204, "No Content")},
    {STATUS(400, "Bad Request")},
    {STATUS(405, "Method Not Allowed")},
    {STATUS(408, "Request Timeout")},
    {STATUS(413, "Content Too Large")},
    {STATUS(414, "URI Too Long")},
    {STATUS(417, "Expectation Failed")},
    {STATUS(431, "Request Header Fields Too Large")},
    {STATUS(501, "Not Implemented")},
    {STATUS(503, "Service Unavailable")},
    {STATUS(505, "HTTP Version Not Supported")},
};

#define REFUSAL_ENTRY(name, status, sentence) [REFUSAL_##name] = {status, sentence "\n"},

static const struct {
    unsigned status;
    const char *sentence;
} refusals[REFUSAL_COUNT] = {[REFUSAL_NONE] = {200, ""}, REFUSALS(REFUSAL_ENTRY)};

static char *put_status(char *end, unsigned status)
{
    size_t i = 0;

    while (statuses[i].status != status) {
        i++;
        assert(i < sizeof statuses / sizeof *statuses);
    }
    return text_put_before(end, statuses[i].line, statuses[i].length);
}

static char *put_framing(char *end, const struct response *response)
{
    if (response->framing == RESPONSE_CHUNKED)
        return PUT(end, "Transfer-Encoding: chunked\r\n");
    if (response->framing == RESPONSE_EMPTY)
        return end;
    end = text_put_number_before(PUT(end, "\r\n"), response->length, 10);
    return PUT(end, "Content-Length: ");
}

/* The end of the head, and what is said before it about the connection. */
static char *put_connection(char *end, enum response_connection connection)
{
    if (connection == RESPONSE_CLOSES)
        return PUT(end, "Connection: close\r\n\r\n");
    if (connection == RESPONSE_KEEPS)
        return PUT(end, "Connection: keep-alive\r\n\r\n");
    return PUT(end, "\r\n");
}

char *response_write(char *end, const struct response *response, const char *date)
{
    char *at = put_connection(end, response->connection);

    if (response->allow)
        at = PUT(at, "Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n");
    if (response->client) {
        at = PUT(at, "\r\n");
        at = text_put_before(at, response->client, strlen(response->client));
        at = PUT(at, "Client-Address: ");
    }
    at = put_framing(at, response);
    if (response->type) {
        at = PUT(at, "\r\n");
        at = text_put_before(at, response->type, response->type_length);
        at = PUT(at, "Content-Type: ");
    }
    at = PUT(at, "\r\n");
    at = text_put_before(at, date, RESPONSE_DATE_BYTES);
    at = put_status(at, response->status);
    assert(end - at <= RESPONSE_BYTES_MAX);
    return at;
}

/* Where the method may still be HEAD there is no body, and that is what the length says. */
struct text response_write_refusal(char *to, enum refusal refusal, enum head_answer answer,
                                   const char *date)
{
    static const char type[] = "text/plain";
    const char *sentence = answer == HEAD_ANSWER_UNKNOWN ? "" : refusals[refusal].sentence;
    const struct response response = {
        .status = refusals[refusal].status,
        .framing = RESPONSE_LENGTH,
        .connection = RESPONSE_CLOSES,
        .length = strlen(sentence),
        .type = type,
        .type_length = sizeof type - 1,
        .allow = refusal == REFUSAL_METHOD,
    };
    char *end = to + RESPONSE_BYTES_MAX;
    char *body = text_put_before(end, sentence, answer == HEAD_ANSWER_FULL ? response.length : 0);
    char *at = response_write(body, &response, date);

    assert(at >= to);
    return (struct text){at, (size_t)(end - at)};
}

char *response_write_chunk_line(char *end, uint64_t size)
{
    return text_put_number_before(PUT(end, "\r\n"), size, 16);
}

/* `number` below 100 as two digits. */
static char *put_two_before(char *end, int number)
{
    *--end = (char)('0' + number % 10);
    *--end = (char)('0' + number / 10 % 10);
    return end;
}

void response_write_date(char *to, time_t when)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    char *at = PUT(to + RESPONSE_DATE_BYTES, " GMT");
    struct tm tm;

    gmtime_r(&when, &tm);
    at = PUT(put_two_before(at, tm.tm_sec), ":");
    at = PUT(put_two_before(at, tm.tm_min), ":");
    at = PUT(put_two_before(at, tm.tm_hour), " ");
    at = put_two_before(at, tm.tm_year % 100);
    at = PUT(put_two_before(at, (tm.tm_year + 1900) / 100), " ");
    at = PUT(text_put_before(at, months + 3 * tm.tm_mon, 3), " ");
    at = PUT(put_two_before(at, tm.tm_mday), ", ");
    text_put_before(at, days + 3 * tm.tm_wday, 3);
}

unsigned response_refusal_status(enum refusal refusal)
{
    return refusals[refusal].status;
}
