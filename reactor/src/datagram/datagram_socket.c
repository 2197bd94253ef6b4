/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Datagram sockets: from options to a bound descriptor, and membership of multicast groups.
 *
 * Model. Plain system calls, because they are set-up, never the hot path. A socket with a local end
 * has that end's family; one with a peer alone has the peer's, and is bound by the kernel.
 */
#include "datagram/datagram_internal.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "core/descriptor.h"
#include "socket/socket.h"

static int options_set(struct kevy_reactor *reactor, int fd, const void *argument,
                       const struct socket_address *local)
{
    const struct kevy_datagram_options *options = argument;
    int error = 0;

    (void)local;
    if (options->reuse_address)
        error = socket_option_set(reactor, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && options->reuse_port)
        error = socket_option_set(reactor, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    return error;
}

/* Without a local end of its own: the peer's family, and every address of it for a port alone. */
static void local_for_peer(struct socket_address *local, sa_family_t family, uint16_t port)
{
    memset(local, 0, sizeof *local);
    local->any.sa_family = family;
    if (port == 0 || !socket_is_internet(family))
        return;
    local->length = family == AF_INET ? sizeof local->v4 : sizeof local->v6;
    local->v4.sin_port = htons(port); /* in the same place of both */
}

static int socket_open(struct kevy_reactor *reactor, const struct kevy_datagram_options *options)
{
    const struct socket_name name = {.address = options->address,
                                     .port = options->port,
                                     .socket_address = options->socket_address,
                                     .socket_address_length = options->socket_address_length};
    struct socket_address local;

    if (options->peer == NULL || options->address != NULL || options->socket_address != NULL)
        return socket_bound(reactor, SOCK_DGRAM, &name, options_set, options);
    local_for_peer(&local, options->peer->sa_family, options->port);
    return socket_bound_at(reactor, SOCK_DGRAM, &local, options_set, options);
}

/* What a socket of ours and one of the user's get alike. */
static int socket_ready(struct kevy_reactor *reactor, int fd,
                        const struct kevy_datagram_options *options)
{
    int error = 0;

    if (options->peer != NULL)
        error = SYSTEM(reactor, connect, fd, options->peer, options->peer_length);
    if (error == 0 && options->gro)
        error = socket_option_set(reactor, fd, IPPROTO_UDP, UDP_GRO, 1);
    return error;
}

int datagram_socket(struct kevy_reactor *reactor, const struct kevy_datagram_options *options)
{
    int fd = socket_open(reactor, options);
    int error;

    if (fd < 0)
        return fd;
    error = socket_ready(reactor, fd, options);
    if (error == 0)
        return fd;
    descriptor_close_now(reactor, fd);
    return error;
}

int datagram_socket_check(struct kevy_reactor *reactor, int fd,
                          const struct kevy_datagram_options *options)
{
    int error = socket_type_check(reactor, fd, SOCK_DGRAM);

    if (error < 0)
        return error;
    if (options->address != NULL || options->port != 0 || options->socket_address != NULL ||
        options->reuse_port || options->reuse_address)
        return -EINVAL;
    return socket_ready(reactor, fd, options);
}

static int membership(const struct kevy_datagram *datagram, const char *group,
                      unsigned interface_index, int option)
{
    const struct socket_name name = {.address = group};
    struct group_req request = {.gr_interface = interface_index};
    struct socket_address address;
    int level;

    if (datagram->object.state != DATAGRAM_OPEN)
        return -EBADF;
    if (group == NULL || socket_address_find(&address, datagram->object.reactor->system, &name) < 0)
        return -EINVAL;
    level = address.any.sa_family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6;
    memcpy(&request.gr_group, &address.storage, address.length);
    return SYSTEM(datagram->object.reactor, setsockopt, datagram->fd, level, option, &request,
                  sizeof request);
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
