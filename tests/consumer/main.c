/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Prints its port, echoes to one client, and ends when that client has gone. */
#include <kevy/kevy.h>

#include <stdio.h>

static struct kevy_stream client;

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    fprintf(stderr, "client %s: %d\n", stream == &client ? "gone" : "unknown", reason);
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    kevy_listener_close(listener);
    return kevy_stream_init(&client, &client_events);
}

int main(void)
{
    struct kevy_reactor *reactor = NULL;
    struct kevy_listener listener = {0};
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = client_accept};
    int error = kevy_reactor_create(&reactor, NULL);

    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        printf("%u\n", kevy_listener_port(&listener));
        fflush(stdout);
        error = kevy_reactor_run(reactor);
    }
    return kevy_reactor_destroy(reactor) || error;
}
