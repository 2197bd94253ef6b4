/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "log_line.h"

#include <assert.h>

static char *put(char *at, const char *bytes, size_t length)
{
    return (char *)memcpy(at, bytes, length) + length;
}

#define PUT(at, literal) put(at, literal, sizeof literal - 1)

static char *put_number(char *at, uint64_t number)
{
    char digits[20];
    char *end = digits + sizeof digits;
    char *first = text_put_number_before(end, number, 10);

    return put(at, first, (size_t)(end - first));
}

static char *put_two(char *at, int number)
{
    *at++ = (char)('0' + number / 10 % 10);
    *at++ = (char)('0' + number % 10);
    return at;
}

static bool is_plain(unsigned char c)
{
    return c >= ' ' && c < 0x7f && c != '"' && c != '\\';
}

static char *put_escaped(char *at, struct text text)
{
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < text.length; i++) {
        unsigned char c = (unsigned char)text.at[i];

        if (is_plain(c)) {
            *at++ = (char)c;
        } else {
            at = PUT(at, "\\x");
            *at++ = digits[c >> 4];
            *at++ = digits[c & 15];
        }
    }
    return at;
}

void log_line_date(char *to, time_t when)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct tm tm;
    char *at;

    gmtime_r(&when, &tm);
    at = PUT(put_two(to, tm.tm_mday), "/");
    at = PUT(put(at, months + 3 * tm.tm_mon, 3), "/");
    at = put_two(put_two(at, (tm.tm_year + 1900) / 100), tm.tm_year % 100);
    at = PUT(put_two(PUT(at, ":"), tm.tm_hour), ":");
    at = PUT(put_two(at, tm.tm_min), ":");
    at = PUT(put_two(at, tm.tm_sec), " +0000");
    assert(at - to == LOG_DATE_BYTES);
}

size_t log_line_begin(char *to, const char *peer, const char *date, struct text request,
                      unsigned status)
{
    bool cut = request.length > LOG_REQUEST_MAX;
    char *at;

    if (!peer || !*peer)
        peer = "-";
    if (cut)
        request.length = LOG_REQUEST_MAX;
    at = PUT(put(to, peer, strlen(peer)), " - - [");
    at = PUT(put(at, date, LOG_DATE_BYTES), "] \"");
    at = request.length ? put_escaped(at, request) : PUT(at, "-");
    at = cut ? PUT(at, "...") : at;
    at = PUT(put_number(PUT(at, "\" "), status), " ");
    assert(at - to <= LOG_BEGIN_MAX);
    return (size_t)(at - to);
}

size_t log_line_end(char *to, uint64_t bytes)
{
    char *at = bytes ? put_number(to, bytes) : PUT(to, "-");

    return (size_t)(PUT(at, "\n") - to);
}
