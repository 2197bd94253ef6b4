/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagram sockets: from options to a bound descriptor, and membership of multicast groups.
 *
 * Model. Plain system calls, because they are set-up, never the hot path. A socket with a local end
 * has that end's family; one with a peer alone has the peer's, and is bound by the kernel.
 */
#include "datagram_internal.h"

#if KEVY_RING_SUPPORTED

#include <netinet/in.h>
#include <netinet/udp.h>
#include <unistd.h>

#include "socket/socket.h"

static bool is_internet(int family)
{
    return family == AF_INET || family == AF_INET6;
}

/* Checks that `fd` is a datagram socket: 0, or -EINVAL, or -ENOTSOCK and the like. */
static int adopted_check(int fd)
{
    int type = 0;
    socklen_t length = sizeof type;

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
        return -errno;
    return type == SOCK_DGRAM ? 0 : -EINVAL;
}

static int options_set(int fd, const struct kevy_datagram_options *options,
                       const struct socket_address *local)
{
    int error = 0;

    if (options->reuse_address)
        error = socket_option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && options->reuse_port)
        error = socket_option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0 && local->any.sa_family == AF_INET6)
        error = socket_option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !local->dual);
    return error;
}

static int bind_at(const struct kevy_datagram_options *options, const struct socket_address *local)
{
    int fd = socket(local->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error;

    if (fd < 0)
        return -errno;
    error = options_set(fd, options, local);
    if (error == 0 && local->length != 0 && bind(fd, &local->any, local->length) < 0)
        error = -errno;
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

/* Without a local end of its own: the peer's family, and every address of it for a port alone. */
static void local_for_peer(struct socket_address *local, sa_family_t family, uint16_t port)
{
    memset(local, 0, sizeof *local);
    local->any.sa_family = family;
    if (port == 0 || !is_internet(family))
        return;
    local->length = family == AF_INET ? sizeof local->v4 : sizeof local->v6;
    local->v4.sin_port = htons(port); /* in the same place of both */
}

static int socket_open(const struct kevy_datagram_options *options)
{
    struct socket_address local;
    int result;

    if (options->peer != NULL && options->address == NULL && options->socket_address == NULL) {
        local_for_peer(&local, options->peer->sa_family, options->port);
        return bind_at(options, &local);
    }
    result = socket_address_find(&local, options->address, options->port, options->socket_address,
                                 options->socket_address_length);
    if (result < 0)
        return result;
    result = bind_at(options, &local);
    /* A host without IPv6 has "every address" in IPv4 alone. */
    if (local.dual && (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)) {
        socket_address_any_v4(&local, options->port);
        result = bind_at(options, &local);
    }
    return result;
}

int datagram_socket(const struct kevy_datagram_options *options)
{
    int fd = options->fd > 0 ? options->fd : socket_open(options);
    int error = 0;

    if (fd < 0)
        return fd;
    if (options->fd > 0)
        error = adopted_check(fd);
    if (error == 0 && options->peer != NULL && connect(fd, options->peer, options->peer_length) < 0)
        error = -errno;
    if (error == 0 && options->gro)
        error = socket_option_set(fd, IPPROTO_UDP, UDP_GRO, 1);
    if (error == 0)
        return fd;
    if (options->fd <= 0)
        close(fd);
    return error;
}

static int membership(const struct kevy_datagram *datagram, const char *group,
                      unsigned interface_index, int option)
{
    struct group_req request = {.gr_interface = interface_index};
    struct socket_address address;
    int level;

    if (group == NULL || socket_address_find(&address, group, 0, NULL, 0) < 0)
        return -EINVAL;
    level = address.any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    memcpy(&request.gr_group, &address.storage, address.length);
    return setsockopt(datagram->fd, level, option, &request, sizeof request) < 0 ? -errno : 0;
}

int kevy_datagram_join(struct kevy_datagram *datagram, const char *group, unsigned interface_index)
{
    return membership(datagram, group, interface_index, MCAST_JOIN_GROUP);
}

int kevy_datagram_leave(struct kevy_datagram *datagram, const char *group, unsigned interface_index)
{
    return membership(datagram, group, interface_index, MCAST_LEAVE_GROUP);
}

#endif /* KEVY_RING_SUPPORTED */
