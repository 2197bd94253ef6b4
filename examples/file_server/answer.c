/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "answer.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define DATE_FORMAT "%a, %d %b %Y %H:%M:%S GMT"
#define DATE_SIZE   30

static const struct {
    const char *extension;
    const char *type;
} types[] = {
    {"avif", "image/avif"},
    {"css", "text/css; charset=utf-8"},
    {"gif", "image/gif"},
    {"htm", "text/html; charset=utf-8"},
    {"html", "text/html; charset=utf-8"},
    {"ico", "image/x-icon"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript; charset=utf-8"},
    {"json", "application/json"},
    {"mjs", "text/javascript; charset=utf-8"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"txt", "text/plain; charset=utf-8"},
    {"wasm", "application/wasm"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
};

static const char *type_of(const char *path)
{
    const char *dot = strrchr(path, '.');

    for (size_t i = 0; dot && i < sizeof types / sizeof *types; i++)
        if (strcasecmp(dot + 1, types[i].extension) == 0)
            return types[i].type;
    return "application/octet-stream";
}

/* The program never sets a locale, so names of days and months are English. */
static void date_write(char to[DATE_SIZE], time_t when)
{
    struct tm tm;

    if (!gmtime_r(&when, &tm) || !strftime(to, DATE_SIZE, DATE_FORMAT, &tm))
        strcpy(to, "Thu, 01 Jan 1970 00:00:00 GMT"); /* a year that has no four digits */
}

/* True for a date of that format, which is the only one that is still sent. */
static bool date_read(const char *text, time_t *when)
{
    struct tm tm = {0};
    const char *end = strptime(text, DATE_FORMAT, &tm);

    *when = end && !*end ? timegm(&tm) : 0;
    return end && !*end;
}

static bool is_known(const struct request *request, time_t modified)
{
    time_t since;

    return request->if_modified_since && date_read(request->if_modified_since, &since) &&
           modified <= since;
}

static bool range_counts(const struct request *request, time_t modified, time_t now)
{
    char date[DATE_SIZE];

    if (request->head_only || !request->range)
        return false;
    date_write(date, modified);
    return !request->if_range || (strcmp(request->if_range, date) == 0 && now > modified + 1);
}

/* Reads digits. Returns what follows, or NULL for none; a number that is too large is the largest.
 */
static const char *number_read(const char *text, uint64_t *number)
{
    const char *at = text;

    for (*number = 0; *at >= '0' && *at <= '9'; at++)
        *number =
            *number > UINT64_MAX / 10 - 1 ? UINT64_MAX - 9 : 10 * *number + (unsigned)(*at - '0');
    return at > text ? at : NULL;
}

/* Reads bytes=FIRST-LAST, bytes=FIRST- or bytes=-COUNT. Returns false for any other text. */
static bool range_read(const char *text, uint64_t size, uint64_t *first, uint64_t *last)
{
    bool from_end;
    const char *at = text + 6;

    if (strncasecmp(text, "bytes=", 6) != 0)
        return false;
    from_end = *at == '-';
    if (from_end) {
        at = number_read(at + 1, last);
        if (!at || *at)
            return false;
        *first = *last > size ? 0 : size - *last;
        *last = *last ? size - 1 : 0;
        return true;
    }
    at = number_read(at, first);
    if (!at || *at++ != '-')
        return false;
    *last = UINT64_MAX;
    if (*at && (!(at = number_read(at, last)) || *at || *last < *first))
        return false;
    *last = *last < size ? *last : size - 1;
    return true;
}

struct answer answer_decide(const struct request *request, uint64_t size, time_t modified,
                            time_t now)
{
    struct answer answer = {.status = 200,
                            .size = size,
                            .length = size,
                            .modified = modified,
                            .type = type_of(request->path)};
    uint64_t first, last;

    if (is_known(request, modified)) {
        answer.status = 304;
    } else if (range_counts(request, modified, now) &&
               range_read(request->range, size, &first, &last)) {
        answer.status = first < size ? 206 : 416;
        answer.offset = first;
        answer.length = last - first + 1;
    }
    if (answer.status == 304 || answer.status == 416)
        answer.offset = answer.length = 0;
    return answer;
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "200 OK"},
        {206, "206 Partial Content"},
        {304, "304 Not Modified"},
        {400, "400 Bad Request"},
        {403, "403 Forbidden"},
        {404, "404 Not Found"},
        {405, "405 Method Not Allowed\r\nAllow: GET, HEAD"},
        {408, "408 Request Timeout"},
        {416, "416 Range Not Satisfiable"},
        {431, "431 Request Header Fields Too Large"},
        {500, "500 Internal Server Error"},
        {503, "503 Service Unavailable"},
        {505, "505 HTTP Version Not Supported"},
    };
    size_t i = 0;

    while (reasons[i].status != status) {
        i++;
        assert(i < sizeof reasons / sizeof *reasons);
    }
    return reasons[i].reason;
}

static size_t head_write(char *to, int status, time_t now, const char *fields)
{
    char date[DATE_SIZE];
    int length;

    date_write(date, now);
    length =
        snprintf(to, ANSWER_BYTES_MAX, "HTTP/1.1 %s\r\nDate: %s\r\n%sConnection: close\r\n\r\n",
                 reason_of(status), date, fields);
    assert(length > 0 && length < ANSWER_BYTES_MAX);
    return (size_t)length;
}

size_t answer_write(char *to, const struct answer *answer, time_t now)
{
    char fields[ANSWER_BYTES_MAX / 2], range[96] = "", date[DATE_SIZE];

    date_write(date, answer->modified);
    if (answer->status == 206)
        snprintf(range, sizeof range, "Content-Range: bytes %llu-%llu/%llu\r\n",
                 (unsigned long long)answer->offset,
                 (unsigned long long)(answer->offset + answer->length - 1),
                 (unsigned long long)answer->size);
    else if (answer->status == 416)
        snprintf(range, sizeof range, "Content-Range: bytes */%llu\r\n",
                 (unsigned long long)answer->size);
    if (answer->status == 304)
        snprintf(fields, sizeof fields, "Last-Modified: %s\r\n", date);
    else
        snprintf(fields, sizeof fields,
                 "Content-Type: %s\r\nContent-Length: %llu\r\nLast-Modified: %s\r\n"
                 "Accept-Ranges: bytes\r\n%s",
                 answer->type, (unsigned long long)answer->length, date, range);
    return head_write(to, answer->status, now, fields);
}

size_t answer_write_refusal(char *to, int status, time_t now)
{
    return head_write(to, status, now, "Content-Length: 0\r\n");
}
