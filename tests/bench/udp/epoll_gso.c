/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* epoll_gso PORT: sends datagrams back that came merged (UDP_GRO), as one send (UDP_SEGMENT). */
#include "listener.h"

#include <netinet/udp.h>
#include <string.h>
#include <sys/epoll.h>

static char room[65536];

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static uint16_t segment_size(struct msghdr *message)
{
    for (struct cmsghdr *header = CMSG_FIRSTHDR(message); header != NULL;
         header = CMSG_NXTHDR(message, header)) {
        int size;

        if (header->cmsg_level != SOL_UDP || header->cmsg_type != UDP_GRO)
            continue;
        memcpy(&size, CMSG_DATA(header), sizeof size);
        return (uint16_t)size;
    }
    return 0;
}

static void segment_set(struct msghdr *message, union control *control, uint16_t size)
{
    control->header = (struct cmsghdr){
        .cmsg_level = SOL_UDP, .cmsg_type = UDP_SEGMENT, .cmsg_len = CMSG_LEN(sizeof size)};
    memcpy(CMSG_DATA(&control->header), &size, sizeof size);
    message->msg_control = control;
    message->msg_controllen = CMSG_SPACE(sizeof size);
}

static void echo(int fd)
{
    struct sockaddr_in address;
    struct iovec part = {.iov_base = room, .iov_len = sizeof room};
    union control control;
    struct msghdr message = {.msg_name = &address,
                             .msg_namelen = sizeof address,
                             .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t count = recvmsg(fd, &message, 0);
    uint16_t size;

    if (count < 0)
        return;
    size = segment_size(&message);
    part.iov_len = (size_t)count;
    message.msg_control = NULL;
    message.msg_controllen = 0;
    if (size > 0 && count > size)
        segment_set(&message, &control, size);
    sendmsg(fd, &message, 0);
}

int main(int argc, char **argv)
{
    const int on = 1;
    int fd = socket_bound(SOCK_DGRAM, argc, argv);
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN};

    if (setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) < 0)
        return 1;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    while (epoll_wait(epoll, &event, 1, -1) >= 0)
        echo(fd);
    return 1;
}
