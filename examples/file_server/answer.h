/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * answer.h - the answer to a request for a file: which part of it, and the head.
 *
 * Model. answer_decide() compares what the client has and wants with the file as it is. The result
 * is a status and the range of bytes to send:
 *
 *     200    the whole file
 *     206    one part of it
 *     304    nothing: the client has the file as it is
 *     416    nothing: the part begins behind the end
 *
 * A Range is followed for GET if it asks for one part; otherwise the whole file is sent, as RFC
 * 9110 allows. If-Range is followed if it is the exact date that the file would have, and the file
 * has not changed in the last two seconds: else two versions could have the same date.
 */
#ifndef FILE_SERVER_ANSWER_H
#define FILE_SERVER_ANSWER_H

#include "request.h"

#include <stdint.h>
#include <time.h>

/* Room for the longest head. */
#define ANSWER_BYTES_MAX 512

struct answer {
    int status;
    uint64_t size;   /* of the file */
    uint64_t offset; /* of the bytes to send */
    uint64_t length;
    time_t modified;
    const char *type;
};

/* The answer for a file of this size and age, called `request->path`, at the time `now`. */
struct answer answer_decide(const struct request *request, uint64_t size, time_t modified,
                            time_t now);

/* Writes the head into ANSWER_BYTES_MAX bytes at `to`. Returns its length. */
size_t answer_write(char *to, const struct answer *answer, time_t now);

/* The same for a refusal, which has no body. */
size_t answer_write_refusal(char *to, int status, time_t now);

#endif
