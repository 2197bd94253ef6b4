/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * request.h - bytes in, requests out. The only part of http_echo that knows llhttp.
 *
 * Model. A struct request follows one connection through message after message. The caller asks for
 * the next step of some received bytes until they are used up. With Content-Length, or without a
 * body, the steps of a message are
 *
 *     BEGIN  HEAD  (BODY)*  COMPLETE
 *
 * and with chunks they are
 *
 *     BEGIN  HEAD  (CHUNK (BODY)* CHUNK_END)*  COMPLETE
 *
 * The bytes may be cut anywhere: the same steps come, apart from bodies, which are handed on as
 * they arrive.
 *
 * Three readers. guard.h checks the bytes of heads, chunk lines and trailers, in one pass; head.h
 * decides what their lines mean. A message without a body is complete then. For one with a body
 * llhttp does the framing: it gets the request line, the coding or the length, the sizes of the
 * chunks, and the body, in a spelling that all versions of llhttp read in the same way. So a client
 * cannot see which version it is. The tests give llhttp the heads as they were sent, and compare.
 *
 * Invariants.
 * - Nothing is allocated.
 * - The caller's memory for a head is used from BEGIN to HEAD, then only by the caller.
 * - The caller's memory for llhttp is used from BEGIN to COMPLETE, where there is a body: `parser`
 *   is not NULL for as long as it is needed. So a connection without a message has none.
 * - The guard and llhttp agree where a message ends; a request for which they do not is refused.
 * - After REFUSED nothing is parsed any more: every further step is REFUSED.
 */
#ifndef HTTP_ECHO_REQUEST_H
#define HTTP_ECHO_REQUEST_H

#include "guard.h"
#include "head.h"
#include "refusal.h"

#include <llhttp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct request_limits {
    uint64_t body_bytes;       /* 413 */
    uint32_t head_bytes;       /* request line and fields: 431 */
    uint32_t head_fields;      /* 431 */
    uint32_t target_bytes;     /* 414 */
    uint32_t chunk_line_bytes; /* a chunk's size and extensions: 400 */
    uint32_t trailer_bytes;    /* 431 */
};

/* What suits a public server: the initialiser of a struct request_limits. */
/* clang-format off */
#define REQUEST_LIMITS                                                         \
    {.body_bytes = UINT64_C(1) << 30, .head_bytes = 16384, .head_fields = 100, \
     .target_bytes = 8192, .chunk_line_bytes = 1024, .trailer_bytes = 4096}
/* clang-format on */

enum request_step {
    REQUEST_AGAIN,     /* private */
    REQUEST_MORE,      /* the input is used up */
    REQUEST_BEGIN,     /* a head begins: call request_begin() before the next step */
    REQUEST_HEAD,      /* request->head can be read, length and chunked are known */
    REQUEST_CHUNK,     /* a chunk of chunk_bytes begins */
    REQUEST_BODY,      /* `body` is the next part of the body or the chunk */
    REQUEST_CHUNK_END, /* the chunk is over */
    REQUEST_COMPLETE,  /* so is the message */
    REQUEST_REFUSED,   /* `refusal` says why */
};

enum request_phase {
    PHASE_START, /* between messages */
    PHASE_BLANK, /* after the CR of an empty line before a message */
    PHASE_HEAD,
    PHASE_BODY,
    PHASE_CHUNK_LINE,
    PHASE_CHUNK_DATA,
    PHASE_TRAILERS,
    PHASE_COMPLETE,
    PHASE_REFUSED,
    PHASE_COUNT,
};

struct request {
    struct head *head;    /* from request_begin() to COMPLETE or request_release() */
    struct text body;     /* within the input */
    uint64_t length;      /* of the body, 0 without one or when chunked */
    uint64_t chunk_bytes; /* of the chunk */
    bool chunked;
    uint8_t refusal; /* enum refusal */

    uint8_t phase;      /* private from here on: enum request_phase */
    bool blank_skipped; /* one empty line before the message */
    bool head_parsed;   /* llhttp said so, as with the next two */
    bool chunk_parsed;
    bool message_parsed;
    uint64_t chunked_bytes; /* of all chunks so far */
    uint64_t left;          /* of the body, or of the chunk with its CR LF */
    const struct request_limits *limits;
    struct guard guard;
    llhttp_t *parser; /* NULL before BEGIN, and without a body from HEAD on */
};

/* Received bytes that are not used up yet. */
struct request_input {
    const uint8_t *at;
    const uint8_t *end;
};

/* `limits` is borrowed for the life of *request. Nothing needs undoing. */
void request_init(struct request *request, const struct request_limits *limits);

/* Lends memory for the message that begins: a head with its `text` set to limits->head_bytes bytes,
 * and a parser, which needs no value. */
void request_begin(struct request *request, struct head *head, llhttp_t *parser);

/* The caller takes the memory of the head back: at HEAD or later, or to give up. */
void request_release(struct request *request);

/* The caller takes that of the parser back: at COMPLETE, or to give up. Returns NULL when the
 * message did not need it. */
llhttp_t *request_release_parser(struct request *request);

/* The next step. BODY, CHUNK_END and COMPLETE may still come when the input is used up. */
enum request_step request_next(struct request *request, struct request_input *input);

/* The bytes of the chunk that follow those of this BODY. */
uint64_t request_chunk_left(const struct request *request);

/* The bytes of the body that have come, of this message or of the one before. */
uint64_t request_body_received(const struct request *request);

/* True from the first byte of a head to its last. */
bool request_in_head(const struct request *request);

/* True from the first byte of a message to its last. */
bool request_in_message(const struct request *request);

#endif
