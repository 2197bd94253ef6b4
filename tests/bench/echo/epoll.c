/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * epoll PORT: an echo with epoll and no library. It is the floor for user instructions, not a
 * server anyone should run: there is no time limit of any kind.
 *
 * Level-triggered, one recv for each event into one buffer for all connections, sent back at once.
 */
#include "listener.h"
#include "rest.h"

#include <sys/epoll.h>

#define EVENTS_MAX 1024

struct client {
    int fd;
    struct rest rest;
};

static char received[65536];

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
    free(client->rest.bytes);
    free(client);
}

static void echo(int epoll, struct client *client)
{
    ssize_t count = recv(client->fd, received, sizeof received, 0);

    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0 || !rest_send_or_keep(&client->rest, client->fd, received, (size_t)count))
        end(client);
    else if (client->rest.bytes != NULL)
        watch(epoll, client, EPOLL_CTL_MOD, EPOLLOUT);
}

static void go_on(int epoll, struct client *client)
{
    if (!rest_send(&client->rest, client->fd))
        end(client);
    else if (client->rest.bytes == NULL)
        watch(epoll, client, EPOLL_CTL_MOD, EPOLLIN);
}

int main(int argc, char **argv)
{
    struct epoll_event events[EVENTS_MAX];
    struct client listener = {.fd = listener_open(argc, argv)};
    int epoll = epoll_create1(EPOLL_CLOEXEC);

    watch(epoll, &listener, EPOLL_CTL_ADD, EPOLLIN);
    for (;;) {
        int count = epoll_wait(epoll, events, EVENTS_MAX, -1);

        for (int i = 0; i < count; i++) {
            struct client *client = events[i].data.ptr;

            if (client == &listener)
                incoming(epoll, listener.fd);
            else if (client->rest.bytes != NULL)
                go_on(epoll, client);
            else
                echo(epoll, client);
        }
    }
}
