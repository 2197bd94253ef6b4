/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* kevy/address.h - one socket address of a list: kevy_lookup finds them, kevy_connector tries them.
 */
#ifndef KEVY_ADDRESS_H
#define KEVY_ADDRESS_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <sys/socket.h>

KEVY_BEGIN_DECLS

/* `address` is of whoever made the list, and lives as long as that one says. */
struct kevy_address {
    const struct sockaddr *address;
    socklen_t length; /* bytes */
};

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_ADDRESS_H */
