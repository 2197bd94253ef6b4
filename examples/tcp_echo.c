/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* tcp_echo: sends back what it receives, until SIGTERM. */
#include "report_address.h"
#include "serving.h"
#include "usage.h"

#include <kevy/kevy.h>

#include <signal.h>
#include <stdlib.h>

struct client {
    struct kevy_stream stream;
};

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer); /* the received bytes become the answer: no copy */
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(KEVY_CONTAINER_OF(stream, struct client, stream));
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    (void)listener;
    struct client *client = calloc(1, sizeof *client);
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

struct server {
    struct kevy_reactor *reactor;
    struct kevy_listener listener;
    struct kevy_signal term;
};

static void stop(struct kevy_signal *watch)
{
    struct server *server = KEVY_CONTAINER_OF(watch, struct server, term);
    kevy_reactor_finish(server->reactor, KEVY_SECONDS(5));
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"tcp_echo", USAGE_WHERE,
                                       "Sends all bytes back to the client. SIGTERM ends it.\n"};
    struct server server = {0};
    struct where where;
    int error, status = usage_check(&usage, argc, argv, &where);
    if (status >= 0)
        return status;
    struct kevy_listener_options options = {
        .address = where.address, .port = where.port, .accept = client_accept};
    error = kevy_reactor_create(&server.reactor,
                                &(struct kevy_reactor_options){.kernel = where.kernel});
    if (error)
        return kevy_report("tcp_echo", error);
    error = kevy_signal_watch(&server.term, server.reactor, SIGTERM, stop);
    if (!error)
        error = kevy_listener_open(&server.listener, server.reactor, &options);
    if (!error) {
        say_serving("tcp_echo", kevy_listener_port(&server.listener), server.reactor);
        error = kevy_reactor_run(server.reactor);
    }
    status = report_start("tcp_echo", where.address, where.port, error);
    return status | (kevy_reactor_destroy(server.reactor) != 0);
}
