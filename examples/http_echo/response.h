/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * response.h - the head of an answer, as bytes.
 *
 * Model. A struct response says what the answer is. response_write() spells it from its end to its
 * beginning, so that it stands right in front of the body and both are one piece of memory: status
 * line, Date, Content-Type, framing, Allow, Connection, empty line. Bodies are not seen here, apart
 * from the sentence that explains a refusal.
 */
#ifndef HTTP_ECHO_RESPONSE_H
#define HTTP_ECHO_RESPONSE_H

#include "head.h"
#include "refusal.h"
#include "text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

/* "Sun, 06 Nov 1994 08:49:37 GMT" */
#define RESPONSE_DATE_BYTES 29

/* A Content-Type longer than this is not repeated to the client. */
#define RESPONSE_TYPE_MAX 256

/* The longest address of a client that is told. */
#define RESPONSE_CLIENT_MAX 127

/* Room for every head and for every refusal. */
#define RESPONSE_BYTES_MAX 640

/* The size of a chunk, 16 hexadecimal digits, and its CR LF. */
#define RESPONSE_CHUNK_BYTES 18

enum response_framing {
    RESPONSE_EMPTY, /* neither length nor body: 1xx, 204 */
    RESPONSE_LENGTH,
    RESPONSE_CHUNKED,
};

enum response_connection {
    RESPONSE_STAYS, /* HTTP/1.1: need not be said */
    RESPONSE_KEEPS, /* said to HTTP/1.0 */
    RESPONSE_CLOSES,
};

struct response {
    unsigned status; /* one that response.c knows */
    enum response_framing framing;
    enum response_connection connection;
    uint64_t length;    /* with RESPONSE_LENGTH */
    const char *type;   /* the Content-Type: not terminated, NULL for none */
    size_t type_length; /* up to RESPONSE_TYPE_MAX */
    bool allow;         /* lists the methods */
    const char *client; /* its address, up to RESPONSE_CLIENT_MAX characters; NULL: not said */
};

/* The interim answer to Expect: 100-continue. */
extern const char response_continue[];

/* Writes the head, RESPONSE_BYTES_MAX at most, so that it ends before `end`; `date` has
 * RESPONSE_DATE_BYTES. Returns its first byte. */
char *response_write(char *end, const struct response *response, const char *date);

/*
 * Writes the whole answer to a refused request, with what `answer` allows of the sentence, into
 * RESPONSE_BYTES_MAX bytes at `to`; the connection closes after it. Returns where it is.
 */
struct text response_write_refusal(char *to, enum refusal refusal, enum head_answer answer,
                                   const char *date);

/* Writes the line before a chunk of `size` bytes, RESPONSE_CHUNK_BYTES at most, so that it ends
 * before `end`. Returns its first byte. */
char *response_write_chunk_line(char *end, uint64_t size);

/* Writes `when` as HTTP dates are: RESPONSE_DATE_BYTES, not terminated. */
void response_write_date(char *to, time_t when);

/* The status of a refusal. */
unsigned response_refusal_status(enum refusal refusal);

#endif
