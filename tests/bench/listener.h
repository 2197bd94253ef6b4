/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What the peers that use plain sockets have in common. */
#ifndef BENCH_LISTENER_H
#define BENCH_LISTENER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define LISTENER_BACKLOG 4096

/* A non-blocking socket on 127.0.0.1, its port the first argument; ends the program on failure. */
static inline int socket_bound(int type, int argc, char **argv)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int on = 1;
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (argc > 1)
        address.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0 ||
        (type == SOCK_STREAM && listen(fd, LISTENER_BACKLOG) < 0)) {
        perror(argv[0]);
        exit(1);
    }
    return fd;
}

static inline int listener_open(int argc, char **argv)
{
    return socket_bound(SOCK_STREAM, argc, argv);
}

/* Without Nagle's algorithm, as all servers here. */
static inline void socket_nodelay(int fd)
{
    const int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/* The next client, non-blocking, or a negative number. */
static inline int listener_accept(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        socket_nodelay(fd);
    return fd;
}

#endif
