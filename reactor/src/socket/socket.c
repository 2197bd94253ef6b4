/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sockets; the model is in socket.h. */
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "core/descriptor.h"

int socket_address_find(struct socket_address *address, const struct kevy_system *system,
                        const struct socket_name *name)
{
    socklen_t length = name->socket_address_length;
    int error = 0;

    memset(address, 0, sizeof *address);
    if (name->socket_address != NULL) {
        if (name->address != NULL || name->port != 0 || length < sizeof address->any.sa_family ||
            length > sizeof address->storage)
            return -EINVAL;
        memcpy(&address->storage, name->socket_address, length);
        address->length = length;
    } else if (name->address == NULL) {
        address_any(address, AF_INET6, name->port);
        address->dual = true;
    } else {
        error = address_numeric(address, system, name->address, name->port);
    }
    return error == -EINVAL ? -EADDRNOTAVAIL : error;
}

int socket_option_set(struct kevy_reactor *reactor, int fd, int level, int name, int value)
{
    return SYSTEM(reactor, setsockopt, fd, level, name, &value, sizeof value);
}

int socket_option(struct kevy_reactor *reactor, int fd, int name)
{
    int value = 0;
    socklen_t length = sizeof value;
    int error = SYSTEM(reactor, getsockopt, fd, SOL_SOCKET, name, &value, &length);

    return error < 0 ? error : value;
}

int socket_bound_at(struct kevy_reactor *reactor, int type, const struct socket_address *local,
                    socket_prepare prepare, const void *options)
{
    int family = local->any.sa_family;
    int fd = SYSTEM(reactor, socket, family, type | SOCK_CLOEXEC | SOCK_NONBLOCK);
    int error = 0;

    assert(local->length <= sizeof local->storage && (!local->dual || family == AF_INET6));
    if (fd < 0)
        return fd;
    if (family == AF_INET6)
        error = socket_option_set(reactor, fd, IPPROTO_IPV6, IPV6_V6ONLY, !local->dual);
    if (error == 0)
        error = prepare(reactor, fd, options, local);
    if (error == 0 && local->length != 0)
        error = SYSTEM(reactor, bind, fd, &local->any, local->length);
    if (error == 0)
        return fd;
    descriptor_close_now(reactor, fd);
    return error;
}

int socket_bound(struct kevy_reactor *reactor, int type, const struct socket_name *name,
                 socket_prepare prepare, const void *options)
{
    struct socket_address local;
    int result = socket_address_find(&local, reactor->system, name);

    if (result < 0)
        return result;
    result = socket_bound_at(reactor, type, &local, prepare, options);
    /* A host without IPv6 has "every address" in IPv4 alone. */
    if (local.dual && (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)) {
        address_any(&local, AF_INET, name->port);
        result = socket_bound_at(reactor, type, &local, prepare, options);
    }
    return result;
}

int socket_connecting(struct kevy_reactor *reactor, sa_family_t family)
{
    int fd = SYSTEM(reactor, socket, family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK);

    /* A turn sends at once what it has: waiting for more would only add latency. */
    if (fd >= 0 && socket_is_internet(family))
        (void)socket_option_set(reactor, fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

int socket_connected(struct kevy_reactor *reactor, int fd, int polled)
{
    int error = polled < 0 ? polled : socket_option(reactor, fd, SO_ERROR);

    return error > 0 ? -error : error;
}

int socket_type_check(struct kevy_reactor *reactor, int fd, int type)
{
    int found = socket_option(reactor, fd, SO_TYPE);

    if (found < 0)
        return found;
    return found == type ? 0 : -EPROTOTYPE;
}

int socket_family(struct kevy_reactor *reactor, int fd)
{
    int family = socket_option(reactor, fd, SO_DOMAIN);

    return family < 0 ? AF_UNSPEC : family;
}

uint16_t socket_port(struct kevy_reactor *reactor, int fd)
{
    struct socket_address address;

    memset(&address, 0, sizeof address);
    address.length = sizeof address.storage;
    if (SYSTEM(reactor, getsockname, fd, &address.any, &address.length) < 0)
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    if (address.any.sa_family == AF_INET6)
        return ntohs(address.v6.sin6_port);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
