/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listening sockets.
 *
 * Model. An address is resolved to a sockaddr first: numeric IPv4 or IPv6, "every address" (an IPv6
 * socket that takes IPv4 as well, or IPv4 alone on hosts without IPv6), or the caller's own.
 * Options are set before listen, so that accepted sockets inherit them from the first on.
 */
#include "socket.h"

#if KEVY_RING_SUPPORTED

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#define BACKLOG_DEFAULT 4096

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

int socket_address_find(struct socket_address *address, const char *text, uint16_t port,
                        const struct sockaddr *given, socklen_t given_length)
{
    struct in_addr v4;
    struct in6_addr v6;

    memset(address, 0, sizeof *address);
    if (given != NULL) {
        if (given_length > sizeof address->storage)
            return -EINVAL;
        memcpy(&address->storage, given, given_length);
        address->length = given_length;
    } else if (text == NULL) {
        address_v6(address, in6addr_any, port);
        address->dual = true;
    } else if (inet_pton(AF_INET, text, &v4) == 1) {
        address_v4(address, v4, port);
    } else if (inet_pton(AF_INET6, text, &v6) == 1) {
        address_v6(address, v6, port);
    } else {
        return -EINVAL;
    }
    return 0;
}

void socket_address_any_v4(struct socket_address *address, uint16_t port)
{
    const struct in_addr any = {.s_addr = htonl(INADDR_ANY)};

    memset(address, 0, sizeof *address);
    address_v4(address, any, port);
}

int socket_option_set(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof value) < 0 ? -errno : 0;
}

/* The options of TCP that accepted sockets inherit; 0 is "as the system has it". */
static int tcp_options_set(int fd, const struct kevy_listener_options *options)
{
    uint32_t probe_s = options->tcp_keepidle_s / 3;
    const struct {
        int level, name;
        uint32_t value;
    } wanted[] = {
        {IPPROTO_TCP, TCP_NODELAY, !options->nagle},
        {SOL_SOCKET, SO_KEEPALIVE, options->tcp_keepidle_s != 0},
        {IPPROTO_TCP, TCP_KEEPIDLE, options->tcp_keepidle_s},
        {IPPROTO_TCP, TCP_KEEPINTVL, options->tcp_keepidle_s != 0 && probe_s == 0 ? 1 : probe_s},
        {IPPROTO_TCP, TCP_KEEPCNT, options->tcp_keepidle_s != 0 ? 3 : 0},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, options->tcp_user_timeout_ms},
        {IPPROTO_TCP, TCP_NOTSENT_LOWAT, options->tcp_notsent_lowat},
        {IPPROTO_TCP, TCP_DEFER_ACCEPT, options->tcp_defer_accept_s},
        {IPPROTO_TCP, TCP_FASTOPEN, options->tcp_fastopen},
    };
    int error = 0;

    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0] && error == 0; i++)
        if (wanted[i].value != 0)
            error = socket_option_set(fd, wanted[i].level, wanted[i].name, (int)wanted[i].value);
    return error;
}

static int options_set(int fd, const struct kevy_listener_options *options,
                       const struct socket_address *address)
{
    bool internet = address->any.sa_family == AF_INET || address->any.sa_family == AF_INET6;
    int error = 0;

    if (!internet)
        return 0;
    error = socket_option_set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && options->reuse_port)
        error = socket_option_set(fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0 && address->any.sa_family == AF_INET6)
        error = socket_option_set(fd, IPPROTO_IPV6, IPV6_V6ONLY, !address->dual);
    if (error == 0)
        error = tcp_options_set(fd, options);
    return error;
}

static int listen_at(const struct kevy_listener_options *options,
                     const struct socket_address *address)
{
    int type = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK;
    int backlog = options->backlog > 0 ? options->backlog : BACKLOG_DEFAULT;
    int fd = socket(address->any.sa_family, type, 0);
    int error;

    if (fd < 0)
        return -errno;
    error = options_set(fd, options, address);
    if (error == 0 && bind(fd, &address->any, address->length) < 0)
        error = -errno;
    if (error == 0 && listen(fd, backlog) < 0)
        error = -errno;
    if (error == 0)
        return fd;
    close(fd);
    return error;
}

int socket_listen(const struct kevy_listener_options *options)
{
    struct socket_address address;
    int result = socket_address_find(&address, options->address, options->port,
                                     options->socket_address, options->socket_address_length);

    if (result < 0)
        return result;
    result = listen_at(options, &address);
    /* A host without IPv6 has "every address" in IPv4 alone. */
    if (address.dual && (result == -EAFNOSUPPORT || result == -EADDRNOTAVAIL)) {
        socket_address_any_v4(&address, options->port);
        result = listen_at(options, &address);
    }
    return result;
}

int socket_connecting(sa_family_t family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    /* A turn sends at once what it has: waiting for more would only add latency. */
    if (family == AF_INET || family == AF_INET6)
        (void)socket_option_set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    return fd;
}

int socket_adopt(int fd)
{
    int listening = 0;
    socklen_t length = sizeof listening;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0)
        return -errno;
    return listening ? fd : -EINVAL;
}

int socket_family(int fd)
{
    int family = AF_UNSPEC;
    socklen_t length = sizeof family;

    (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &length);
    return family;
}

uint16_t socket_port(int fd)
{
    struct socket_address address;

    memset(&address, 0, sizeof address);
    address.length = sizeof address.storage;
    if (getsockname(fd, &address.any, &address.length) < 0)
        return 0;
    if (address.any.sa_family == AF_INET)
        return ntohs(address.v4.sin_port);
    if (address.any.sa_family == AF_INET6)
        return ntohs(address.v6.sin6_port);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
