/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/address.h - socket addresses: as text, and in lists.
 *
 * Text. An address and its text, as these functions read and write it:
 *
 *     127.0.0.1:80           IPv4
 *     [::1]:80               IPv6
 *     [fe80::1%2]:80         IPv6 with its zone: the number or the name of an interface
 *     /run/server.sock       a Unix socket with a path, which contains a slash
 *     @server                a Unix socket with an abstract name
 *     unnamed                a Unix socket without a name; it is written, never read
 *
 * A byte of a Unix name that is a control character or a backslash is written as \xNN.
 *
 * Example. The address of a connection, for a log:
 *
 *     char text[KEVY_ADDRESS_TEXT_SIZE];
 *     struct sockaddr_storage address;
 *     socklen_t length = sizeof address;
 *
 *     if (kevy_stream_peer_address(stream, (struct sockaddr *)&address, &length) == 0)
 *         kevy_address_format((struct sockaddr *)&address, length, text, sizeof text);
 *
 * Threads: any.
 */
#ifndef KEVY_ADDRESS_H
#define KEVY_ADDRESS_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

KEVY_BEGIN_DECLS

/* One of a list: kevy_lookup finds them, kevy_connector tries them. `address` belongs to the owner
 * of the list, and is valid as long as the list is. */
struct kevy_address {
    const struct sockaddr *address;
    socklen_t length; /* bytes */
};

/* Bytes that the text of any address fits into, with its end. */
#define KEVY_ADDRESS_TEXT_SIZE 448

/*
 * Reads an address: `text` has one of the forms above. An internet address may also stand without
 * brackets and without a port, for example "::1"; then `port` is its port. Names are not looked up:
 * <kevy/resolver.h> does that. On success the address is in *address, and *length is its size in
 * bytes. Returns 0, or
 *
 *     -EINVAL        the text has no such form
 *     -ERANGE        the port is above 65,535
 *     -ENODEV        there is no interface of that name
 *     -ENAMETOOLONG  the name of a Unix socket has more than 108 bytes
 *     -EMFILE, -ENFILE, -ENOMEM  no socket could be opened to ask for an interface
 */
KEVY_API int kevy_address_parse(struct sockaddr_storage *address, socklen_t *length,
                                const char *text, uint16_t port);

/*
 * Writes an address of `length` bytes as text into `text`, which has room for `size` bytes. The
 * text is always terminated, and cut where it does not fit: KEVY_ADDRESS_TEXT_SIZE is always
 * enough. Returns the length of the whole text, as snprintf(3); -EINVAL for a length that the
 * address cannot have; or -EAFNOSUPPORT for a family that is not IPv4, IPv6 or Unix.
 */
KEVY_API int kevy_address_format(const struct sockaddr *address, socklen_t length, char *text,
                                 size_t size);

/*
 * Writes a sentence for a person into `text`, of `size` bytes: the reason of an `error` of
 * kevy_listener_open() or kevy_datagram_open(), which were called with this address and port. The
 * address may be NULL. An error that has nothing to do with the address is explained as by
 * kevy_ring_explain(). Returns the length of the whole sentence, as snprintf(3).
 */
KEVY_API int kevy_address_explain(int error, const char *address, uint16_t port, char *text,
                                  size_t size);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_ADDRESS_H */
