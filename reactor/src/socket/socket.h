/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Sockets: from names to descriptors, by plain system calls. Set-up, never the hot path.
 *
 * Model. An address is resolved to a sockaddr first: numeric IPv4 or IPv6, "every address" (an IPv6
 * socket that takes IPv4 as well, or IPv4 alone on hosts without IPv6), or the caller's own. The
 * caller's options are set before the socket is bound.
 *
 *     address.c          text to addresses and back
 *     address_explain.c  what an address was refused for, as a sentence
 *     socket.c           sockets
 */
#ifndef KEVY_REACTOR_SOCKET_H
#define KEVY_REACTOR_SOCKET_H

#include "core/names.h"

#include "core/reactor.h"

#include <netinet/in.h>
#include <stdbool.h>

/* Where to listen or to bind, as options name it: one of the two addresses, or none. */
struct socket_name {
    const char *address; /* numeric */
    uint16_t port;
    const struct sockaddr *socket_address;
    socklen_t socket_address_length;
};

/* The same as the kernel wants it. */
struct socket_address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_storage storage;
    };
    socklen_t length; /* 0: the kernel picks one */
    bool dual;        /* IPv6 that takes IPv4 too */
};

/* Sets the caller's options of a new socket that will be bound to *local. Returns 0 or a negative
 * errno. */
typedef int (*socket_prepare)(struct kevy_reactor *reactor, int fd, const void *options,
                              const struct socket_address *local);

/*
 * Returns 0; -EINVAL for a length that cannot be, or two names at once; -EADDRNOTAVAIL for an
 * address that is not numeric; or what address_numeric() says of its zone.
 */
int socket_address_find(struct socket_address *address, const struct kevy_system *system,
                        const struct socket_name *name);

/*
 * The address of a host that is a number: 0; -EINVAL where it is none, or has a zone that it cannot
 * have; -ENODEV for a zone that does not exist; or what socket(2) fails with.
 */
int address_numeric(struct socket_address *address, const struct kevy_system *system,
                    const char *host, uint16_t port);

/* Every address of a family, and this host's own. */
void address_any(struct socket_address *address, sa_family_t family, uint16_t port);
void address_loopback(struct socket_address *address, sa_family_t family, uint16_t port);

/* Digits, and nothing else. Returns 0, -EINVAL, or -ERANGE above 65,535. */
int address_port_parse(const char *text, uint16_t *port);

/* A bound, non-blocking, close-on-exec socket, OWNED by the caller, or a negative errno. `type` is
 * SOCK_STREAM or SOCK_DGRAM. */
int socket_bound(struct kevy_reactor *reactor, int type, const struct socket_name *name,
                 socket_prepare prepare, const void *options);

/* The same for an address that has been found. */
int socket_bound_at(struct kevy_reactor *reactor, int type, const struct socket_address *local,
                    socket_prepare prepare, const void *options);

/* A socket to connect a stream with, OWNED by the caller, or a negative errno. */
int socket_connecting(struct kevy_reactor *reactor, sa_family_t family);

/* setsockopt(2) of an int. Returns 0 or a negative errno. */
int socket_option_set(struct kevy_reactor *reactor, int fd, int level, int name, int value);

/* getsockopt(2) of an int at SOL_SOCKET, which is 0 or more, or a negative errno. */
int socket_option(struct kevy_reactor *reactor, int fd, int name);

/* How a connect ended that went on by itself, after `polled`, the result of a poll for that. */
int socket_connected(struct kevy_reactor *reactor, int fd, int polled);

/* 0 for a socket of that type, -EPROTOTYPE for another, or -EBADF or -ENOTSOCK. */
int socket_type_check(struct kevy_reactor *reactor, int fd, int type);

/* AF_INET and its like, AF_UNSPEC for what is not a socket. */
int socket_family(struct kevy_reactor *reactor, int fd);

static inline bool socket_is_internet(int family)
{
    return family == AF_INET || family == AF_INET6;
}

/* The local port in host byte order, 0 where there is none. */
uint16_t socket_port(struct kevy_reactor *reactor, int fd);

#endif /* KEVY_REACTOR_SOCKET_H */
