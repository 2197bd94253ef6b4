/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * One client's connection.
 *
 * Model. A connection speaks a dialogue: requests of one length, answers of another. It is two
 * offsets, of the bytes sent and of those received; requests are allowed one by one or without
 * end, and the connection sends what is allowed as far as the socket takes it. All bytes are
 * checked by their offset: in an echo the pattern goes on from message to message, an answer of
 * another kind begins with it again. Nothing blocks.
 *
 *     sent <= allowed * request_length
 *     answered = received / answer_length <= allowed
 */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONNECTION_UNLIMITED (UINT64_MAX >> 32)
#define CONNECTION_PIECE_MAX 262144U /* bytes of one send and of one recv at most */

enum dialogue_kind {
    DIALOGUE_ECHO,    /* the request is the answer */
    DIALOGUE_SEND,    /* requests without an answer */
    DIALOGUE_RECEIVE, /* a byte is answered with `answer_length` bytes */
    DIALOGUE_HTTP,    /* a text is answered with a head and a body, always of the same length */
};

struct dialogue {
    enum dialogue_kind kind;
    uint16_t port;
    bool closing; /* the server closes behind each answer */
    size_t request_length;
    size_t answer_length;
    size_t send_piece;    /* bytes of one send at most */
    size_t receive_piece; /* ... and of one recv */
    int receive_buffer;   /* SO_RCVBUF; 0: the kernel's own */
    const uint8_t *bytes; /* what requests consist of */
    size_t period;        /* after which `bytes` repeat */
};

/*
 * Sets what is sent: the pattern, or for DIALOGUE_HTTP a text, whose length is the request's, and
 * the answer's is learned from a first one. All else is the caller's. Returns 0 or a negative
 * errno.
 */
int dialogue_prepare(struct dialogue *dialogue, const char *text);

struct connection {
    const struct dialogue *dialogue;
    int fd;
    uint32_t index;
    uint64_t allowed;   /* requests that may have been sent */
    uint64_t sent;      /* bytes */
    uint64_t received;  /* bytes */
    uint64_t answered;  /* requests; where there are no answers: requests sent */
    uint64_t base;      /* `answered` when the phase began */
    uint64_t *begun_ns; /* when each request in flight was allowed: a ring */
    bool writing;       /* watched for room in the socket's buffer */
};

/* Connects. Returns 0 or a negative errno. */
int connection_open(struct connection *connection, const struct dialogue *dialogue, uint32_t index);

/* Sends one piece at most of what is allowed. Returns how many requests without an answer are
 * complete with it, or a negative errno. */
int connection_send(struct connection *connection);

/* Whether something that is allowed is still to be sent. */
static inline bool connection_has_more(const struct connection *connection)
{
    return connection->sent < connection->allowed * connection->dialogue->request_length;
}

/*
 * Receives one piece at most. Returns how many answers are complete with it; or a negative errno:
 * -EBADMSG for a wrong byte, -ECONNRESET for an end that no answer announced. An end that one did
 * announce is -EPIPE, once.
 */
int connection_receive(struct connection *connection);

/* Whether all that was sent has left the kernel. */
bool connection_is_acknowledged(const struct connection *connection);

#endif
