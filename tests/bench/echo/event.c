/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * event PORT: an echo on libevent, with bufferevents: what came in is moved to what goes out,
 * without a copy. Reading waits while more than 256 KiB are to be sent.
 */
#include "listener.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>

#define READ_MAX   65536U /* as much as the others; its own default is 4 KiB */
#define OUTPUT_MAX 262144U

static void echo(struct bufferevent *client, void *context)
{
    struct evbuffer *output = bufferevent_get_output(client);

    (void)context;
    evbuffer_add_buffer(output, bufferevent_get_input(client));
    if (evbuffer_get_length(output) > OUTPUT_MAX)
        bufferevent_disable(client, EV_READ);
}

static void sent(struct bufferevent *client, void *context)
{
    (void)context;
    if (!(bufferevent_get_enabled(client) & EV_READ))
        bufferevent_enable(client, EV_READ);
}

static void end(struct bufferevent *client, short events, void *context)
{
    (void)events;
    (void)context;
    bufferevent_free(client);
}

static void incoming(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
                     int length, void *context)
{
    struct bufferevent *client =
        bufferevent_socket_new(evconnlistener_get_base(listener), fd, BEV_OPT_CLOSE_ON_FREE);

    (void)address;
    (void)length;
    (void)context;
    if (client == NULL)
        return;
    socket_nodelay(fd);
    bufferevent_set_max_single_read(client, READ_MAX);
    bufferevent_setcb(client, echo, sent, end, NULL);
    bufferevent_enable(client, EV_READ | EV_WRITE);
}

int main(int argc, char **argv)
{
    struct event_base *base = event_base_new();

    evconnlistener_new(base, incoming, NULL, LEV_OPT_CLOSE_ON_FREE, 0, listener_open(argc, argv));
    event_base_dispatch(base);
    return 0;
}
