/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* epoll PORT: answers each byte with a mebibyte, sent from where it is as far as the socket takes
 * it, and the rest when there is room. */
#include "listener.h"
#include "value.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/epoll.h>

#define EVENTS_MAX 1024

struct client {
    int fd;
    size_t left; /* of the answer */
};

static void watch(int epoll, struct client *client, int operation, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = client};

    epoll_ctl(epoll, operation, client->fd, &event);
}

static void incoming(int epoll, int listener)
{
    struct client *client;
    int fd = listener_accept(listener);

    if (fd < 0)
        return;
    client = calloc(1, sizeof *client);
    if (client == NULL) {
        close(fd);
        return;
    }
    client->fd = fd;
    watch(epoll, client, EPOLL_CTL_ADD, EPOLLIN);
}

static void end(struct client *client)
{
    close(client->fd);
    free(client);
}

static bool answer(struct client *client)
{
    ssize_t count = send(client->fd, value + VALUE_SIZE - client->left, client->left, MSG_NOSIGNAL);

    if (count < 0)
        return errno == EAGAIN;
    client->left -= (size_t)count;
    return true;
}

static void asked(int epoll, struct client *client)
{
    char byte;
    ssize_t count = recv(client->fd, &byte, sizeof byte, 0);

    if (count < 0 && errno == EAGAIN)
        return;
    client->left = VALUE_SIZE;
    if (count <= 0 || !answer(client))
        end(client);
    else if (client->left > 0)
        watch(epoll, client, EPOLL_CTL_MOD, EPOLLOUT);
}

static void go_on(int epoll, struct client *client)
{
    if (!answer(client))
        end(client);
    else if (client->left == 0)
        watch(epoll, client, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    struct client listener = {.fd = listener_open(argc, argv)};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    value_prepare();
    watch(epoll, &listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;

            if (client == &listener)
                incoming(epoll, listener.fd);
            else if (client->left > 0)
                go_on(epoll, client);
            else
                asked(epoll, client);
        }
    }
}
