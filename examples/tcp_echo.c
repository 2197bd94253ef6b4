/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* tcp_echo PORT: sends back what it receives, until SIGTERM. */
#include "report.h"

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
    struct client *client = malloc(sizeof *client);
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

static void stop(struct kevy_signal *watch)
{
    kevy_reactor_finish(watch->reactor, KEVY_SECONDS(5));
}

int main(int argc, char **argv)
{
    char *rest = "";
    unsigned long port = argc == 2 ? strtoul(argv[1], &rest, 10) : 65536;
    struct kevy_listener_options options = {.port = (uint16_t)port, .accept = client_accept};
    struct kevy_listener listener;
    struct kevy_signal term = {0};
    struct kevy_reactor *reactor = NULL;
    if (port > UINT16_MAX || *rest)
        return fputs("usage: tcp_echo PORT\n", stderr), 2;
    int error = kevy_reactor_create(&reactor, NULL);
    if (!error)
        error = kevy_signal_watch(&term, reactor, SIGTERM, stop);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        dprintf(1, "tcp_echo: serving port %u\n", kevy_listener_port(&listener));
        error = kevy_reactor_run(reactor);
    }
    return kevy_report("tcp_echo", error) | (kevy_reactor_destroy(reactor) != 0);
}
