/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What a socket did not take at once, for the peers that send from a buffer which the next read
 * needs: a copy of it, to be sent when there is room. Nothing is read until it is gone.
 */
#ifndef BENCH_REST_H
#define BENCH_REST_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

struct rest {
    char *bytes; /* NULL: there is none */
    size_t length;
    size_t sent;
};

/* Sends what is left. Returns false when the connection is lost. */
static inline bool rest_send(struct rest *rest, int fd)
{
    ssize_t count = send(fd, rest->bytes + rest->sent, rest->length - rest->sent, MSG_NOSIGNAL);

    if (count < 0)
        return errno == EAGAIN;
    rest->sent += (size_t)count;
    if (rest->sent == rest->length) {
        free(rest->bytes);
        rest->bytes = NULL;
    }
    return true;
}

/* Sends `bytes`, and keeps a copy of what the socket does not take. Returns as rest_send(). */
static inline bool rest_send_or_keep(struct rest *rest, int fd, const char *bytes, size_t length)
{
    ssize_t count = send(fd, bytes, length, MSG_NOSIGNAL);

    if (count == (ssize_t)length)
        return true;
    if (count < 0 && errno != EAGAIN)
        return false;
    if (count < 0)
        count = 0;
    rest->length = length - (size_t)count;
    rest->sent = 0;
    rest->bytes = malloc(rest->length);
    if (rest->bytes == NULL)
        return false;
    memcpy(rest->bytes, bytes + count, rest->length);
    return true;
}

#endif
