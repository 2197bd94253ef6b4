/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* ev PORT: an echo on libev, with one watcher for each connection, as its manual shows it. */
#include "listener.h"
#include "rest.h"

#include <ev.h>

struct client {
    struct ev_io watcher;
    struct rest rest;
};

static char received[65536];

static void end(struct ev_loop *loop, struct client *client)
{
    ev_io_stop(loop, &client->watcher);
    close(client->watcher.fd);
    free(client->rest.bytes);
    free(client);
}

static void wait_for(struct ev_loop *loop, struct client *client, int events)
{
    ev_io_stop(loop, &client->watcher);
    ev_io_set(&client->watcher, client->watcher.fd, events);
    ev_io_start(loop, &client->watcher);
}

static void echo(struct ev_loop *loop, struct client *client)
{
    int fd = client->watcher.fd;
    ssize_t count = recv(fd, received, sizeof received, 0);

    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0 || !rest_send_or_keep(&client->rest, fd, received, (size_t)count))
        end(loop, client);
    else if (client->rest.bytes != NULL)
        wait_for(loop, client, EV_WRITE);
}

static void ready(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    struct client *client = (struct client *)watcher;

    if (events & EV_READ) {
        echo(loop, client);
        return;
    }
    if (!rest_send(&client->rest, watcher->fd))
        end(loop, client);
    else if (client->rest.bytes == NULL)
        wait_for(loop, client, EV_READ);
}

static void incoming(struct ev_loop *loop, struct ev_io *watcher, int events)
{
    int fd = listener_accept(watcher->fd);
    struct client *client = fd < 0 ? NULL : calloc(1, sizeof *client);

    (void)events;
    if (client == NULL) {
        if (fd >= 0)
            close(fd);
        return;
    }
    ev_io_init(&client->watcher, ready, fd, EV_READ);
    ev_io_start(loop, &client->watcher);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct ev_io listener;

    ev_io_init(&listener, incoming, listener_open(argc, argv), EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
    return 0;
}
