/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* epoll PORT: sends datagrams back, 64 of them with one recvmmsg and one sendmmsg. */
#include "listener.h"

#include <sys/epoll.h>

#define BATCH 64U
#define ROOM  2048U

static char room[BATCH][ROOM];
static struct sockaddr_in addresses[BATCH];
static struct iovec parts[BATCH];
static struct mmsghdr messages[BATCH];

static void messages_prepare(void)
{
    for (unsigned i = 0; i < BATCH; i++) {
        parts[i] = (struct iovec){.iov_base = room[i], .iov_len = ROOM};
        messages[i].msg_hdr = (struct msghdr){.msg_name = &addresses[i],
                                              .msg_namelen = sizeof addresses[i],
                                              .msg_iov = &parts[i],
                                              .msg_iovlen = 1};
    }
}

static void echo(int fd)
{
    int count = recvmmsg(fd, messages, BATCH, 0, NULL);

    for (int i = 0; i < count; i++)
        parts[i].iov_len = messages[i].msg_len;
    if (count > 0)
        sendmmsg(fd, messages, (unsigned)count, 0);
    for (int i = 0; i < count; i++)
        parts[i].iov_len = ROOM;
}

int main(int argc, char **argv)
{
    int fd = socket_bound(SOCK_DGRAM, argc, argv);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};

    messages_prepare();
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    while (epoll_wait(epoll, &event, 1, -1) >= 0)
        echo(fd);
    return 1;
}
