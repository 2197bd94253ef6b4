/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Listening sockets: from options to a descriptor, by plain system calls. Set-up, never the hot
 * path. */
#ifndef KEVY_REACTOR_SOCKET_H
#define KEVY_REACTOR_SOCKET_H

#include <kevy/listener.h>

/* A bound, listening, non-blocking, close-on-exec socket, OWNED by the caller, or a negative errno.
 */
int socket_listen(const struct kevy_listener_options *options);

/* Checks that `fd` is a listening socket: returns it, or -EINVAL, or -ENOTSOCK and the like. */
int socket_adopt(int fd);

/* The local port in host byte order, 0 where there is none. */
uint16_t socket_port(int fd);

#endif /* KEVY_REACTOR_SOCKET_H */
