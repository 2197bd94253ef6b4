/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the clients say.
 *
 * Each POST carries the number of its request in its body, so that an answer that was meant for
 * another client or an earlier request is told from the right one.
 */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_post(uint64_t number)
{
    return number % 2 != 0;
}

static size_t http_request(const void *context, uint64_t number, uint8_t *text)
{
    (void)context;
    if (is_post(number))
        return (size_t)snprintf((char *)text, CLIENT_ROOM,
                                "POST /echo HTTP/1.1\r\nHost: localhost\r\n"
                                "Content-Length: 16\r\n\r\n%016" PRIx64,
                                number);
    return (size_t)snprintf((char *)text, CLIENT_ROOM, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
}

static ptrdiff_t http_answer(const void *context, uint64_t number, const uint8_t *text,
                             size_t length)
{
    static const char ok[] = "HTTP/1.1 200 ";
    static const char end[] = "\r\n\r\n";
    static const char name[] = "\r\nContent-Length: ";
    const uint8_t *body = memmem(text, length, end, strlen(end));
    const uint8_t *field;
    char expected[17];
    size_t head, size;

    (void)context;
    if (body == NULL)
        return 0;
    head = (size_t)(body - text) + strlen(end);
    field = memmem(text, head, name, strlen(name));
    if (memcmp(text, ok, strlen(ok)) != 0 || field == NULL)
        return -1;
    size = strtoul((const char *)field + strlen(name), NULL, 10);
    if (length < head + size)
        return 0;
    snprintf(expected, sizeof expected, "%016" PRIx64, number);
    if (is_post(number) && (size != 16 || memcmp(text + head, expected, 16) != 0))
        return -1;
    return (ptrdiff_t)(head + size);
}

const struct client_protocol protocol_http = {.request = http_request, .answer = http_answer};
