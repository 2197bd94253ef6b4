/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * epoll_echo PORT: the least that an echo costs with epoll and no library. It is the floor for user
 * instructions, not a server anyone should run: what the kernel does not take at once ends the
 * connection, and there is no time limit of any kind.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define EVENTS_MAX 1024

static char received[65536];

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void incoming(int epoll, int listener)
{
    int on = 1;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(epoll, fd);
}

static void echo(int fd)
{
    ssize_t count = recv(fd, received, sizeof received, 0);

    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0 || send(fd, received, (size_t)count, MSG_NOSIGNAL) != count)
        close(fd);
}

static int listen_on(uint16_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(*port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 4096) < 0)
        return -1;
    getsockname(fd, (struct sockaddr *)&address, &length);
    *port = ntohs(address.sin_port);
    return fd;
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    uint16_t port = argc > 1 ? (uint16_t)atoi(argv[1]) : 0;
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(&port);
    sigset_t term;
    int stop;

    if (epoll < 0 || listener < 0)
        return 1;
    sigemptyset(&term);
    sigaddset(&term, SIGTERM);
    sigprocmask(SIG_BLOCK, &term, NULL);
    stop = signalfd(-1, &term, SFD_CLOEXEC);
    watch(epoll, listener);
    watch(epoll, stop);
    printf("epoll_echo: serving port %u\n", port);
    fflush(stdout);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == stop)
                return 0;
            if (events[i].data.fd == listener)
                incoming(epoll, listener);
            else
                echo(events[i].data.fd);
        }
    }
}
