/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* A request whose body comes back: it is made in pieces, and each byte of the answer is checked. */

#include "hostile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define READ_BYTES 16384

static char body_byte(uint32_t seed, size_t at)
{
    return (char)(seed + at * 31 + (at >> 8) * 7);
}

void exchange_init(struct exchange *exchange, size_t size, bool chunked, uint32_t seed)
{
    memset(exchange, 0, offsetof(struct exchange, out));
    exchange->seed = seed;
    exchange->size = size;
    exchange->chunked = chunked;
    exchange->phase = ANSWER_HEAD;
    exchange->head_length = exchange->left = exchange->given = 0;
}

static void put_head(struct exchange *exchange)
{
    char length[64] = "Transfer-Encoding: chunked";

    if (!exchange->chunked)
        snprintf(length, sizeof length, "Content-Length: %zu", exchange->size);
    exchange->out_end =
        (size_t)sprintf(exchange->out, "POST /hostile HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", length);
    exchange->begun = true;
    exchange->ended = !exchange->chunked && exchange->size == 0;
}

/* The next piece of the body, a chunk of it where there are chunks, and the end of them. */
static void put_piece(struct exchange *exchange)
{
    size_t left = exchange->size - exchange->taken;
    size_t length = left < EXCHANGE_PIECE ? left : EXCHANGE_PIECE;
    char *to = exchange->out;

    if (exchange->chunked && length)
        to += sprintf(to, "%zx\r\n", length);
    for (size_t i = 0; i < length; i++)
        *to++ = body_byte(exchange->seed, exchange->taken + i);
    exchange->taken += length;
    if (exchange->chunked && length)
        to += sprintf(to, "\r\n");
    exchange->ended = exchange->taken == exchange->size;
    if (exchange->chunked && exchange->ended)
        to += sprintf(to, "0\r\n\r\n");
    exchange->out_end = (size_t)(to - exchange->out);
}

static void fill(struct exchange *exchange)
{
    exchange->out_at = 0;
    if (!exchange->begun)
        put_head(exchange);
    else
        put_piece(exchange);
}

static enum answer_phase head_end(struct exchange *exchange)
{
    const char *length = strcasestr(exchange->head, "\r\nContent-Length: ");

    if (strncmp(exchange->head, "HTTP/1.1 200 ", 13) != 0)
        return ANSWER_WRONG;
    if (!length)
        return strcasestr(exchange->head, "\r\nTransfer-Encoding: chunked\r\n") ? ANSWER_CHUNK_SIZE
                                                                                : ANSWER_WRONG;
    exchange->left = strtoul(length + strlen("\r\nContent-Length: "), NULL, 10);
    if (exchange->left != exchange->size)
        return ANSWER_WRONG;
    return exchange->left ? ANSWER_BODY : ANSWER_COMPLETE;
}

/* A line of the head or of a chunk; complete with its last byte. */
static bool line_add(struct exchange *exchange, char byte, const char *end)
{
    size_t length = strlen(end);

    if (exchange->head_length == sizeof exchange->head - 1) {
        exchange->phase = ANSWER_WRONG;
        return false;
    }
    exchange->head[exchange->head_length++] = byte;
    exchange->head[exchange->head_length] = '\0';
    return exchange->head_length >= length &&
           memcmp(exchange->head + exchange->head_length - length, end, length) == 0;
}

static enum answer_phase body_add(struct exchange *exchange, char byte, enum answer_phase after)
{
    if (exchange->given == exchange->size || byte != body_byte(exchange->seed, exchange->given++))
        return ANSWER_WRONG;
    return --exchange->left ? exchange->phase : after;
}

static enum answer_phase chunk_begin(struct exchange *exchange)
{
    exchange->left = strtoul(exchange->head, NULL, 16);
    exchange->head_length = 0;
    return exchange->left ? ANSWER_CHUNK_DATA : ANSWER_CHUNK_END;
}

/* After the data of a chunk, and after the last chunk, which has none. */
static enum answer_phase chunk_end(struct exchange *exchange)
{
    exchange->head_length = 0;
    return exchange->given == exchange->size && !exchange->left ? ANSWER_COMPLETE : ANSWER_WRONG;
}

static void answer_add(struct exchange *exchange, char byte)
{
    switch (exchange->phase) {
    case ANSWER_HEAD:
        if (line_add(exchange, byte, "\r\n\r\n")) {
            exchange->phase = head_end(exchange);
            exchange->head_length = 0;
        }
        break;
    case ANSWER_BODY:
        exchange->phase = body_add(exchange, byte, ANSWER_COMPLETE);
        break;
    case ANSWER_CHUNK_SIZE:
        /* The end of a chunk's data is an empty line before the next size. */
        if (line_add(exchange, byte, "\r\n")) {
            if (exchange->head_length > 2)
                exchange->phase = chunk_begin(exchange);
            exchange->head_length = 0;
        }
        break;
    case ANSWER_CHUNK_DATA:
        exchange->phase = body_add(exchange, byte, ANSWER_CHUNK_SIZE);
        break;
    case ANSWER_CHUNK_END:
        if (line_add(exchange, byte, "\r\n"))
            exchange->phase = chunk_end(exchange);
        break;
    default:
        exchange->phase = ANSWER_WRONG;
    }
}

/* Returns as exchange_step(). */
static int read_answer(struct exchange *exchange, struct link *link)
{
    char bytes[READ_BYTES];
    ssize_t count = link_read_some(link, bytes, sizeof bytes);

    for (ssize_t i = 0; i < count; i++)
        answer_add(exchange, bytes[i]);
    return count < 0 || exchange->phase == ANSWER_WRONG ? -1 : count > 0;
}

bool exchange_complete(const struct exchange *exchange)
{
    return exchange->phase == ANSWER_COMPLETE && exchange->ended &&
           exchange->out_at == exchange->out_end;
}

int exchange_step(struct exchange *exchange, struct link *link, bool deaf)
{
    ssize_t count = 0;
    int came;

    if (exchange->out_at == exchange->out_end && !exchange->ended)
        fill(exchange);
    if (exchange->out_at < exchange->out_end)
        count = link_send_some(link, exchange->out + exchange->out_at,
                               exchange->out_end - exchange->out_at);
    if (count < 0)
        return -1;
    exchange->out_at += (size_t)count;
    if (deaf)
        return count > 0;
    came = read_answer(exchange, link);
    return came < 0 ? -1 : came > 0 || count > 0;
}

bool exchange_run(struct exchange *exchange, struct link *link)
{
    while (!exchange_complete(exchange)) {
        int moved = exchange_step(exchange, link, false);

        if (moved < 0 || (moved == 0 && !link_wait(link, exchange->out_at < exchange->out_end)))
            return false;
    }
    return true;
}
