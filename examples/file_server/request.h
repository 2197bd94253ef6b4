/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * request.h - what a client asks for.
 *
 * Model. The text of a whole head is taken apart where it is: names and values are cut out of it
 * with zeros, and the path is decoded in place. Every line ends with CR LF and has no control
 * character; a path that is accepted has no zero byte and no escaped '/'. Whether it stays below
 * the folder is decided when it is opened, in beneath.h: by then nothing is left to decode.
 */
#ifndef FILE_SERVER_REQUEST_H
#define FILE_SERVER_REQUEST_H

#include <stdbool.h>
#include <stddef.h>

struct request {
    bool head_only;   /* HEAD */
    const char *path; /* relative to the folder, decoded, without the query */
    /* The values of these fields, or NULL. */
    const char *range;
    const char *if_range;
    const char *if_modified_since;
};

/*
 * Reads the head of `length` bytes at `text`, its empty line included, with room for one byte more.
 * Fills *request with pointers into it and returns 0, or returns the status of a refusal: 400, 404,
 * 405 or 505.
 */
int request_read(struct request *request, char *text, size_t length);

#endif
