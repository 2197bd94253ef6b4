/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * head.h - what the head of a request says, and whether it may.
 *
 * Model. The text of the head has passed the guard, and llhttp splits it into fields. Each field
 * that means something here is noted, with its fault if it has one; the verdict is given once, when
 * all are known, so that it does not depend on their order: a coding beside a length is refused as
 * that, even if the coding alone would have been unknown too.
 */
#ifndef HTTP_ECHO_HEAD_H
#define HTTP_ECHO_HEAD_H

#include "guard.h"
#include "refusal.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_PATCH,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_COUNT,
};

/* Some characters of the head. */
struct text {
    const char *at;
    size_t length;
};

/* The fields that mean something here, in the order in which their faults count. */
enum field {
    FIELD_HOST,
    FIELD_TRANSFER_ENCODING,
    FIELD_CONTENT_LENGTH,
    FIELD_EXPECT,
    FIELD_CONTENT_TYPE,
    FIELD_CONNECTION,
    FIELD_COUNT,
};

struct head {
    char *text;           /* the caller's, with room for the largest head */
    uint32_t length;      /* from the request line to the empty line, both included */
    uint8_t method;       /* enum method */
    bool http_1_0;        /* else HTTP/1.1 */
    bool asks_close;      /* Connection: close */
    bool asks_keep_alive; /* Connection: keep-alive, which HTTP/1.0 has to say */
    bool asks_continue;   /* Expect: 100-continue */
    struct text type;     /* the Content-Type, empty without one */

    uint8_t counts[FIELD_COUNT]; /* how often the field was there, up to 255 */
    uint8_t faults[FIELD_COUNT]; /* enum refusal */
};

/* Starts *head; its `text` stays. */
void head_start(struct head *head);

/* Reads the request line, which the guard let pass. Returns REFUSAL_NONE or why not. */
enum refusal head_read_line(struct head *head, const struct guard *guard);

/* Notes a field. The characters are borrowed, and kept as long as the text. */
void head_note_field(struct head *head, struct text name, struct text value);

/* The verdict over all fields. */
enum refusal head_judge(const struct head *head);

/* True when the client is ready for another request after this one. */
bool head_keeps_alive(const struct head *head);

/* True for the names that say how a message is framed or routed: they are refused in trailers. */
bool head_forbids_trailer(struct text name);

#endif
