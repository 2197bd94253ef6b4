/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Listening sockets: from options to a descriptor, by plain system calls.
 *
 * Model. Options are set before listen, so that accepted sockets inherit them from the first on. On
 * a socket of the user's own they are set for those that are accepted from then on.
 */
#include "stream/listener_internal.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>

#include "core/descriptor.h"
#include "socket/socket.h"

#define BACKLOG_DEFAULT 4096

/* The options of TCP that accepted sockets inherit; 0 is "as the system has it". */
static int tcp_options_set(struct kevy_reactor *reactor, int fd,
                           const struct kevy_listener_options *options)
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
            error = socket_option_set(reactor, fd, wanted[i].level, wanted[i].name,
                                      (int)wanted[i].value);
    return error;
}

static int options_set(struct kevy_reactor *reactor, int fd, const void *argument,
                       const struct socket_address *local)
{
    const struct kevy_listener_options *options = argument;
    int error;

    if (!socket_is_internet(local->any.sa_family))
        return 0;
    error = socket_option_set(reactor, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    if (error == 0 && options->reuse_port)
        error = socket_option_set(reactor, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    if (error == 0)
        error = tcp_options_set(reactor, fd, options);
    return error;
}

int listener_socket_check(struct kevy_reactor *reactor, int fd,
                          const struct kevy_listener_options *options)
{
    int error = socket_type_check(reactor, fd, SOCK_STREAM);
    int listening = error == 0 ? socket_option(reactor, fd, SO_ACCEPTCONN) : error;

    if (listening < 0)
        return listening;
    if (listening == 0 || options->address != NULL || options->port != 0 ||
        options->socket_address != NULL || options->backlog != 0 || options->reuse_port)
        return -EINVAL;
    /* Or the last look at its queue, at the end of the listener, would wait for a client. A socket
     * of systemd waits: NonBlocking= is off by default. */
    error = SYSTEM(reactor, ioctl, fd, FIONBIO, &(int){1});
    if (error < 0)
        return error;
    return socket_is_internet(socket_family(reactor, fd)) ? tcp_options_set(reactor, fd, options)
                                                          : 0;
}

int listener_socket(struct kevy_reactor *reactor, const struct kevy_listener_options *options)
{
    const struct socket_name name = {.address = options->address,
                                     .port = options->port,
                                     .socket_address = options->socket_address,
                                     .socket_address_length = options->socket_address_length};
    int backlog = options->backlog != 0 ? options->backlog : BACKLOG_DEFAULT;
    int fd, error;

    thread_check(reactor);
    if (backlog < 0)
        return -EINVAL;
    fd = socket_bound(reactor, SOCK_STREAM, &name, options_set, options);
    if (fd < 0)
        return fd;
    error = SYSTEM(reactor, listen, fd, backlog);
    if (error == 0)
        return fd;
    descriptor_close_now(reactor, fd);
    return error;
}

#endif /* KEVY_RING_SUPPORTED */
