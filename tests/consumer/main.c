/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* echo [PORT]: prints its port, and sends all bytes back to their client, until SIGTERM. */
#include <kevy/kevy.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static struct kevy_reactor *reactor;

struct client {
    struct kevy_stream stream;
};

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(KEVY_CONTAINER_OF(stream, struct client, stream));
}

static const struct kevy_stream_events client_events = {
    .read = client_read,
    .close = client_close,
};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

static void term_fire(struct kevy_signal *watch)
{
    (void)watch;
    kevy_reactor_finish(reactor, KEVY_SECONDS(5));
}

int main(int argc, char **argv)
{
    struct kevy_listener_options options = {.address = "127.0.0.1", .accept = client_accept};
    struct kevy_listener listener = {0};
    struct kevy_signal term = {0};
    char text[512];
    int error = kevy_reactor_create(&reactor, NULL);

    options.port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7000);
    if (!error)
        error = kevy_signal_watch(&term, reactor, SIGTERM, term_fire);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        printf("%u\n", kevy_listener_port(&listener));
        fflush(stdout);
        error = kevy_reactor_run(reactor);
    }
    kevy_reactor_destroy(reactor);
    if (!error)
        return 0;
    kevy_ring_explain(error, text, sizeof text);
    fprintf(stderr, "echo: %s\n", text);
    return 1;
}
