/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Many clients of one server in one thread: each sends a request, waits for the whole answer,
 * checks it and sends the next.
 *
 * Model. Sockets in one epoll set, read only when it reports them. A protocol says what a request
 * looks like and where an answer ends; the clients know nothing else about it. In step, all clients
 * send before the first one reads: the same batch for the server each time.
 */
#ifndef SUPPORT_CLIENT_H
#define SUPPORT_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENT_ROOM 8192U /* bytes of the longest request and of the longest answer */

struct client_protocol {
    /* Writes request `number` to `text`, CLIENT_ROOM bytes, and returns its length. */
    size_t (*request)(const void *context, uint64_t number, uint8_t *text);
    /* The length of the answer that `text` starts with; 0: not all here yet; negative: wrong. */
    ptrdiff_t (*answer)(const void *context, uint64_t number, const uint8_t *text, size_t length);
};

extern const struct client_protocol protocol_http; /* context: none; GET and small POST in turn */

struct client {
    int fd;
    uint32_t left; /* requests still to be sent in this run */
    uint64_t number;
    size_t received;
    uint8_t *text;
};

struct clients {
    const struct client_protocol *protocol;
    const void *context;
    struct client *all;
    uint32_t count;
    bool in_step;
    int epoll;
    uint8_t *memory;
};

/* Connects `count` clients to 127.0.0.1:`port`. Returns 0 or a negative errno. */
int clients_open(struct clients *clients, uint16_t port, uint32_t count,
                 const struct client_protocol *protocol, const void *context);

/*
 * Lets every client make `requests` requests. Returns 0, or a negative errno: -EBADMSG for a wrong
 * answer, -ECONNRESET for a connection that ended, -ETIMEDOUT when nothing comes any more.
 */
int clients_run(struct clients *clients, uint32_t requests);

/* One request of client `index` alone. Returns as clients_run(). */
int clients_run_one(struct clients *clients, uint32_t index);

void clients_close(struct clients *clients);

#endif
