/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/address.h - socket addresses: as text, and in lists.
 *
 * Text
 *
 *     These functions read and write addresses in the following forms:
 *
 *     127.0.0.1:80           IPv4
 *     [::1]:80               IPv6
 *     [fe80::1%2]:80         IPv6 with its zone: the number or the name of an interface
 *     /run/server.sock       a Unix socket with a path, which contains a slash
 *     @server                a Unix socket with an abstract name
 *     unnamed                a Unix socket without a name; it is written, never read
 *
 *     A byte of a Unix name that is a control character or a backslash is written as \xNN, and so
 *     is an '@' at the beginning of a path.
 *
 * Threads
 *
 *     Any.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: read an address, and write it in its usual form
 *
 *     #include <kevy/address.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         struct sockaddr_storage address;
 *         char text[KEVY_ADDRESS_TEXT_SIZE];
 *         socklen_t length;
 *         int error = kevy_address_parse(&address, &length, "[0:0:0:0:0:0:0:1]:80", 0);
 *
 *         if (error < 0)
 *             return 1;
 *         kevy_address_format((struct sockaddr *)&address, length, text, sizeof text);
 *         printf("%s\n", text);
 *         return 0;
 *     }
 */
#ifndef KEVY_ADDRESS_H
#define KEVY_ADDRESS_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

KEVY_BEGIN_DECLS

/* An address of a list: kevy_lookup makes such lists, and kevy_connector tries them. `address`
 * belongs to the owner of the list, and is valid as long as the list is. */
struct kevy_address {
    const struct sockaddr *address;
    socklen_t length; /* bytes */
};

/* Enough bytes for the text of any address, with its terminating zero. */
#define KEVY_ADDRESS_TEXT_SIZE 448

/*
 * Reads an address: `text` has one of the forms above. An internet address may also stand without
 * brackets and without a port, for example "::1"; then `port` is its port. Names are not looked up:
 * <kevy/resolver.h> does that. On success the address is in *address, and *length is its size in
 * bytes. Returns 0 or
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
 * text is always terminated, and cut if it is too long. KEVY_ADDRESS_TEXT_SIZE is always enough.
 * Returns the length of the whole text, like snprintf(3), or
 *
 *     -EINVAL        the length is not one that an address of its family can have
 *     -EAFNOSUPPORT  the family is not IPv4, IPv6 or Unix
 */
KEVY_API int kevy_address_format(const struct sockaddr *address, socklen_t length, char *text,
                                 size_t size);

/*
 * Writes a sentence for a human into `text`, which has room for `size` bytes. It explains an
 * `error` of kevy_listener_open() or kevy_datagram_open(), which were called with this `address`
 * (may be NULL) and `port`. An error that has nothing to do with the address is explained like in
 * kevy_ring_explain(). Returns the length of the whole sentence, like snprintf(3).
 */
KEVY_API int kevy_address_explain(int error, const char *address, uint16_t port, char *text,
                                  size_t size);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_ADDRESS_H */
