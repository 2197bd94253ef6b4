/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SOFT_SOCKETS_H
#define KEVY_SIM_SRC_SOFT_SOCKETS_H

/* The system calls of the soft kernel on sockets; soft_system.h has the rest. */

#include "names.h"

#include "soft/os.h"

#include "socket.h"

int soft_os_accept4(const struct soft_os *os, int fd, struct sockaddr *address, socklen_t *length,
                    int flags);
int soft_os_connect(const struct soft_os *os, int fd, const struct sockaddr *address,
                    socklen_t length);
long soft_os_recv(const struct soft_os *os, int fd, void *data, size_t length, int flags);
long soft_os_send(const struct soft_os *os, int fd, const void *data, size_t length, int flags);
long soft_os_recvmsg(const struct soft_os *os, int fd, struct msghdr *message, int flags);
long soft_os_sendmsg(const struct soft_os *os, int fd, const struct msghdr *message, int flags);
int soft_os_getsockopt(const struct soft_os *os, int fd, int level, int option, void *value,
                       socklen_t *length);

/* Reads and writes of a stream: as one call, so that an error it leaves is for the next. */
long soft_receive(struct kevy_x_socket *socket, const struct iovec *parts, size_t count);
long soft_transmit(struct kevy_x_socket *socket, const struct iovec *parts, size_t count);

/* For the digest and the trace; returns `result`. */
long soft_noted(const char *call, int fd, long result);

#endif
