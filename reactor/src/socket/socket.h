/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sockets: from options to a descriptor, by plain system calls. Set-up, never the hot
 * path. */
#ifndef KEVY_REACTOR_SOCKET_H
#define KEVY_REACTOR_SOCKET_H

#include "core/names.h"

#include <kevy/listener.h>

#include <netinet/in.h>
#include <stdbool.h>

/* Where to listen or to bind. */
struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    };
    socklen_t length;
    bool dual; /* IPv6 that takes IPv4 too */
};

/* `given`, or the numeric `text` with `port`, or every address. Returns 0 or -EINVAL. */
int socket_address_find(struct socket_address *address, const char *text, uint16_t port,
                        const struct sockaddr *given, socklen_t given_length);

/* "Every address" in IPv4 alone, for a host without IPv6. */
void socket_address_any_v4(struct socket_address *address, uint16_t port);

/* setsockopt(2) of an int. Returns 0 or a negative errno. */
int socket_option_set(int fd, int level, int name, int value);

/* A bound, listening, non-blocking, close-on-exec socket, OWNED by the caller, or a negative errno.
 */
int socket_listen(const struct kevy_listener_options *options);

/* A socket to connect a stream with, OWNED by the caller, or a negative errno. */
int socket_connecting(sa_family_t family);

/* Checks that `fd` is a listening socket: returns it, or -EINVAL, or -ENOTSOCK and the like. */
int socket_adopt(int fd);

/* AF_INET and its like, AF_UNSPEC for what is not a socket. */
int socket_family(int fd);

/* The local port in host byte order, 0 where there is none. */
uint16_t socket_port(int fd);

#endif /* KEVY_REACTOR_SOCKET_H */
