/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* epoll PORT: takes what comes, and only counts it; one recv of 64 KiB for each event. */
#include "listener.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS_MAX 1024

static char received[65536];
static uint64_t total;

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (fd >= 0)
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static void take(int fd)
{
    ssize_t count = recv(fd, received, sizeof received, 0);

    if (count > 0)
        total += (size_t)count;
    else if (count == 0 || errno != EAGAIN)
        close(fd);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    int listener = listener_open(argc, argv);
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    watch(epoll, listener);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.fd == listener)
                watch(epoll, listener_accept(listener));
            else
                take(events[i].data.fd);
        }
    }
}
