/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Why a socket could not be opened at an address, as a sentence.
 *
 * Model. The address is looked at again: what is no address is the cause, whatever the error. The
 * rest goes by the errno, and what has nothing to do with addresses is left to
 * kevy_ring_explain().
 */
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

#include <kevy/address.h>
#include <kevy/ring_explain.h>

#include <errno.h>
#include <stdio.h>

#define PRIVILEGED_PORTS \
    1024U /* ip(7): those below, where the system's administrator says no else */

struct place {
    const char *address; /* NULL: every address */
    unsigned port;
    const struct socket_address *found;
};

static const char *name_of(const struct place *place)
{
    return place->address != NULL ? place->address : "every address";
}

/* Returns the length of the sentence, or -1 where the text is an address. */
static int text_explain(const char *address, int found, char *text, size_t size)
{
    if (found == -EINVAL)
        return snprintf(
            text, size,
            "'%s' is not a numeric address, for example 127.0.0.1, ::1 or fe80::1%%eth0 "
            "(names are not looked up here)",
            address);
    if (found == -ENODEV)
        return snprintf(text, size, "there is no interface of the name in '%s'", address);
    return -1;
}

static bool lacks_zone(const struct place *place)
{
    return place->found->any.sa_family == AF_INET6 && place->found->v6.sin6_scope_id == 0 &&
           (IN6_IS_ADDR_LINKLOCAL(&place->found->v6.sin6_addr) ||
            IN6_IS_ADDR_MC_LINKLOCAL(&place->found->v6.sin6_addr));
}

static int error_explain(int error, const struct place *place, char *text, size_t size)
{
    const char *name = name_of(place);

    if (error == -EADDRINUSE)
        return snprintf(text, size, "port %u of %s is in use: choose another port", place->port,
                        name);
    if (error == -EADDRNOTAVAIL)
        return snprintf(text, size, "%s is not an address of this machine", name);
    if (error == -EACCES && place->port != 0 && place->port < PRIVILEGED_PORTS)
        return snprintf(text, size,
                        "port %u needs privileges: choose a port from 1024 on, or give the program "
                        "CAP_NET_BIND_SERVICE",
                        place->port);
    if (error == -EAFNOSUPPORT)
        return snprintf(text, size, "this machine does not know the kind of address that %s is",
                        name);
    if ((error == -EINVAL || error == -ENODEV) && lacks_zone(place))
        return snprintf(text, size, "'%s' needs its interface behind it, for example %s%%eth0",
                        name, name);
    if (error == -EINVAL)
        return snprintf(text, size, "an option of the socket at %s port %u is out of range", name,
                        place->port);
    return kevy_ring_explain(error, text, size);
}

int kevy_address_explain(int error, const char *address, uint16_t port, char *text, size_t size)
{
    struct socket_address found;
    struct place place = {.address = address, .port = port, .found = &found};
    int length = -1;

    address_any(&found, AF_INET, port);
    if (address != NULL)
        length = text_explain(address, address_numeric(&found, kevy_system_host(), address, port),
                              text, size);
    return length >= 0 ? length : error_explain(error, &place, text, size);
}

#endif /* KEVY_RING_SUPPORTED */
