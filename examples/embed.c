/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * embed PORT: an echo server inside a loop that is not ours. The loop sleeps in poll(2) on its
 * standard input and on the reactor's descriptor, for as long as the reactor allows; a line on
 * standard input tells how many connections were accepted, its end drains the server.
 */
#include "report.h"

#include <kevy/kevy.h>

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(stream);
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct kevy_stream *client = malloc(sizeof *client);

    (void)listener;
    return client ? kevy_stream_init(client, &client_events) : NULL;
}

/* poll(2) takes milliseconds: rounded up, or a timer would find the loop awake a little early. */
static int poll_timeout(uint64_t timeout_ns)
{
    if (timeout_ns == KEVY_FOREVER)
        return -1;
    return timeout_ns < KEVY_SECONDS(60) ? (int)((timeout_ns + 999999) / 1000000) : 60000;
}

static void input_ready(struct kevy_reactor *reactor, struct pollfd *input)
{
    struct kevy_reactor_stats stats;
    char line[256];

    if (read(input->fd, line, sizeof line) <= 0) {
        input->fd = -1;
        kevy_reactor_finish(reactor, KEVY_SECONDS(5));
        return;
    }
    kevy_reactor_stats(reactor, &stats);
    dprintf(1, "embed: %llu accepted\n", (unsigned long long)stats.accepts);
}

/* The foreign loop: a turn, then sleep until either side has something to do. */
static int serve(struct kevy_reactor *reactor)
{
    struct pollfd polled[] = {
        {.fd = 0, .events = POLLIN},
        {.fd = kevy_reactor_fd(reactor), .events = POLLIN},
    };
    int more = polled[1].fd;

    if (more < 0)
        return more;
    while ((more = kevy_reactor_run_once(reactor, 0)) > 0) {
        int timeout_ms = poll_timeout(kevy_reactor_next_timeout(reactor));

        if (poll(polled, 2, timeout_ms) > 0 && polled[0].revents != 0)
            input_ready(reactor, &polled[0]);
    }
    return more;
}

int main(int argc, char **argv)
{
    char *rest = "";
    unsigned long port = argc == 2 ? strtoul(argv[1], &rest, 10) : 65536;
    struct kevy_listener_options options = {.port = (uint16_t)port, .accept = client_accept};
    struct kevy_listener listener;
    struct kevy_reactor *reactor = NULL;
    int error;

    if (port > UINT16_MAX || *rest)
        return fputs("usage: embed PORT\n", stderr), 2;
    error = kevy_reactor_create(&reactor, NULL);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        dprintf(1, "embed: serving port %u\n", kevy_listener_port(&listener));
        error = serve(reactor);
    }
    return kevy_report("embed", error) | (kevy_reactor_destroy(reactor) != 0);
}
