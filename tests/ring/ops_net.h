/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef OPS_NET_H
#define OPS_NET_H

/* Sockets for test_ops_*: a listener on a port that the kernel picks, and connections to it. */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "ops.h"

static inline struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address;

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

static inline struct sockaddr_in name_of(int fd)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    return address;
}

static inline int bound_socket(int type)
{
    struct sockaddr_in address = loopback(0);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static inline int listener_open(void)
{
    int fd = bound_socket(SOCK_STREAM);

    ck_assert_int_eq(listen(fd, 16), 0);
    return fd;
}

/* A socket of `type` connected to what `fd` is bound to. */
static inline int connection_to(int fd, int type)
{
    struct sockaddr_in address = name_of(fd);
    int client = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(client, 0);
    ck_assert_int_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    return client;
}

/* Two ends of a TCP connection. */
static inline void tcp_pair(int ends[2])
{
    int listener = listener_open();

    ends[0] = connection_to(listener, SOCK_STREAM);
    ends[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(ends[1], 0);
    close(listener);
}

/* Two Unix sockets. */
static inline void unix_pair(int type, int ends[2])
{
    ck_assert_int_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
}

static inline void sent(int fd, const char *text)
{
    ck_assert_int_eq(send(fd, text, strlen(text), MSG_NOSIGNAL), (int)strlen(text));
}

/* What comes on `fd` is exactly `text`: of a datagram, or in however many pieces. */
static inline void received(int fd, const char *text)
{
    size_t length = strlen(text), got = 0;
    char bytes[256];

    while (got < length) {
        ssize_t count = recv(fd, bytes + got, sizeof bytes - got, 0);
        ck_assert_int_gt(count, 0);
        got += (size_t)count;
    }
    ck_assert_uint_eq(got, length);
    ck_assert_mem_eq(bytes, text, length);
}

#endif
