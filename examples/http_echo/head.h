/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * head.h - what the head of a request says, and whether it may.
 *
 * Model. The guard has found the lines and their parts. The request line is read as soon as it is
 * complete. Each field that means something is noted, with its fault if it has one; the verdict is
 * given once, when all are known, so that it does not depend on their order: a coding beside a
 * length is refused as that, even if the coding alone would have been unknown too.
 */
#ifndef HTTP_ECHO_HEAD_H
#define HTTP_ECHO_HEAD_H

#include "field.h"
#include "guard.h"
#include "refusal.h"
#include "text.h"

#include <stdbool.h>
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

/* Whether a refusal may have a body, which the answer to a HEAD never has. */
enum head_answer {
    HEAD_ANSWER_UNKNOWN, /* the method is not known yet, and may be HEAD */
    HEAD_ANSWER_EMPTY,   /* it is HEAD */
    HEAD_ANSWER_FULL,
};

struct head {
    char *text;           /* the caller's, with room for the largest head */
    uint32_t length;      /* from the request line to the empty line, both included */
    uint8_t method;       /* enum method */
    bool http_1_0;        /* else HTTP/1.1, or a later 1.x */
    bool chunked;         /* Transfer-Encoding: chunked */
    bool asks_close;      /* Connection: close */
    bool asks_keep_alive; /* Connection: keep-alive, which HTTP/1.0 has to say */
    bool asks_continue;   /* Expect: 100-continue */
    uint64_t body_length; /* Content-Length, 0 without one */
    struct text type;     /* the Content-Type, empty without one */

    uint8_t seen;   /* private: bits of enum field */
    uint8_t fault;  /* enum refusal of the field whose faults count most, */
    uint8_t faulty; /* ... which is this enum field */
};

/* Starts *head; its `text` stays. */
void head_start(struct head *head);

/* Reads the request line, all that there is so far. Returns REFUSAL_NONE or why not. */
enum refusal head_read_line(struct head *head, const struct guard *guard);

/* Notes the field that the text ends with. */
void head_note_field(struct head *head, const struct guard *guard);

/* The verdict over all fields. */
enum refusal head_judge(const struct head *head);

/* True when the client is ready for another request after this one. */
bool head_keeps_alive(const struct head *head);

/* Of the text so far, which may end anywhere. */
enum head_answer head_answer(const struct head *head);

#endif
