/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Sockets; the model is in socket.h. */
#include "socket/socket.h"

#if KEVY_RING_SUPPORTED

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>

#include "core/descriptor.h"

static void address_v4(struct socket_address *address, struct in_addr host, uint16_t port)
{
    address->v4.sin_family = AF_INET;
    address->v4.sin_addr = host;
    address->v4.sin_port = htons(port);
    address->length = sizeof address->v4;
}

static void address_v6(struct socket_address *address, struct in6_addr host, uint16_t port)
{
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_addr = host;
    address->v6.sin6_port = htons(port);
    address->length = sizeof address->v6;
}

int socket_address_find(struct socket_address *address, const struct socket_name *name)
{
    struct in_addr v4;
    struct in6_addr v6;

    memset(address, 0, sizeof *address);
    if (name->socket_address != NULL) {
        if (name->socket_address_length > sizeof address->storage)
            return -EINVAL;
        memcpy(&address->storage, name->socket_address, name->socket_address_length);
        address->length = name->socket_address_length;
    } else if (name->address == NULL) {
        address_v6(address, in6addr_any, name->port);
        address->dual = true;
    } else if (inet_pton(AF_INET, name->address, &v4) == 1) {
        address_v4(address, v4, name->port);
    } else if (inet_pton(AF_INET6, name->address, &v6) == 1) {
        address_v6(address, v6, name->port);
    } else {
        return -EINVAL;
    }
    return 0;
}

/* "Every address" in IPv4 alone. */
static void address_any_v4(struct socket_address *address, uint16_t port)
{
    const struct in_addr any = {.s_addr = htonl(INADDR_ANY)};

    memset(address, 0, sizeof *address);
    address_v4(address, any, port);
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
    int result = socket_address_find(&local, name);

    if (result < 0)
        return result;
    result = socket_bound_at(reactor, type, &local, prepare, options);
    /* A host without IPv6 has "every address" in IPv4 alone. */
    if (local.dual && (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)) {
        address_any_v4(&local, name->port);
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
