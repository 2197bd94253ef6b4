/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * log_line.h - one request in the Common Log Format, as one line.
 *
 *     127.0.0.1 - - [06/Nov/1994:08:49:37 +0000] "GET /a HTTP/1.1" 200 35
 *
 * Model. The line is written in two parts, because the answer to an echo is under way for long:
 * the first part ends with the status, the second is the number of bytes. The request line comes
 * from the client. Control characters, quotes, backslashes and bytes outside of ASCII are written
 * as \xHH, so that a client can neither begin a line nor end a field.
 */
#ifndef HTTP_ECHO_LOG_LINE_H
#define HTTP_ECHO_LOG_LINE_H

#include "text.h"

#include <stdint.h>
#include <time.h>

/* "06/Nov/1994:08:49:37 +0000" */
#define LOG_DATE_BYTES 26

/* A longer request line is cut, with "..." behind it. */
#define LOG_REQUEST_MAX 1024

/* The most that log_line_begin() and log_line_end() write. */
#define LOG_BEGIN_MAX (128 + 4 * LOG_REQUEST_MAX)
#define LOG_END_MAX   24

/* Writes LOG_DATE_BYTES, not terminated. */
void log_line_date(char *to, time_t when);

/*
 * Writes up to the status and the blank behind it. `peer` is the client's address, NULL for an
 * unknown one; `request` is the request line, of which there may be only a part, or none. Returns
 * the number of bytes.
 */
size_t log_line_begin(char *to, const char *peer, const char *date, struct text request,
                      unsigned status);

/* Writes the number of bytes of the body, and the end of the line. */
size_t log_line_end(char *to, uint64_t bytes);

#endif
