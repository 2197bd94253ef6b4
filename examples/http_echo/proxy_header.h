/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * proxy_header.h - the address of a client, as a proxy tells it: the header of the PROXY protocol,
 * versions 1 and 2.
 *
 * Model. The header stands in front of all other bytes of a connection, once. It is read byte by
 * byte, so it may be cut anywhere; a table has a function for each of its parts. In version 1 it is
 * a line of text. In version 2 it is
 *
 *     12 bytes of signature; version and command; family and protocol; the length of the rest
 *     the addresses of the client and of the server
 *     (type, length, value)*
 *
 * Only the address of the client, and a checksum of the header if there is one, are of interest.
 * The other values are passed over. A proxy that speaks for itself, for example to see whether the
 * server is alive, and one that does not know the address name none: the address of the connection
 * counts.
 *
 * Rules. All that the specification forbids is refused, at the first byte that cannot be right.
 * IPv6 addresses may end as IPv4 ones do, because inet_ntop(3) writes some of them so.
 *
 * Invariants. A struct that is all zero waits for the first byte. After the header is complete or
 * refused no byte is taken. A checksum is correct, or there was none.
 */
#ifndef HTTP_ECHO_PROXY_HEADER_H
#define HTTP_ECHO_PROXY_HEADER_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The longest line of version 1, with its CR LF; also what a Unix address has in version 2. */
#define PROXY_HEADER_LINE_MAX 107
#define PROXY_HEADER_UNIX     108

enum proxy_header_phase {
    PROXY_HEADER_FIRST,
    PROXY_HEADER_LINE,    /* version 1 */
    PROXY_HEADER_FIXED,   /* version 2: the first 16 bytes */
    PROXY_HEADER_ADDRESS, /* both addresses */
    PROXY_HEADER_TYPE,    /* and length, of a value */
    PROXY_HEADER_VALUE,
    PROXY_HEADER_CHECKSUM, /* a value that matters */
    PROXY_HEADER_IGNORED,  /* the rest of the header */
    PROXY_HEADER_COMPLETE,
    PROXY_HEADER_REFUSED,
};

struct proxy_header {
    uint8_t phase; /* enum proxy_header_phase */
    uint8_t family;
    bool checked;            /* there was a checksum */
    uint8_t count;           /* bytes of this part, where they are kept */
    uint16_t left;           /* bytes of the header, behind the fixed ones */
    uint16_t value;          /* bytes of a value that are still to come */
    uint32_t checksum;       /* so far */
    uint32_t checksum_there; /* as the header has it */
    socklen_t length;        /* of the address; 0: none was named */
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
    } address;
    uint8_t bytes[PROXY_HEADER_UNIX];
};

/* Takes the bytes that belong to the header. Returns their number: fewer than `length` when it is
 * complete, or refused. */
size_t proxy_header_take(struct proxy_header *header, const uint8_t *bytes, size_t length);

#endif
