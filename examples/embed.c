/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * embed: an echo server inside another event loop. The loop sleeps in poll(2) on standard input and
 * on the descriptor of the reactor, for as long as the reactor allows. A line on standard input
 * prints how many connections were accepted; the end of standard input stops the server.
 */
#include "report_address.h"
#include "serving.h"
#include "usage.h"

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
    struct kevy_stream *client = calloc(1, sizeof *client);

    (void)listener;
    return client ? kevy_stream_init(client, &client_events) : NULL;
}

/* poll(2) takes milliseconds. Rounded up, because rounded down it would end before the timer. */
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

/* The other loop: one turn of the reactor, then sleep until there is something to do. */
static int serve(struct kevy_reactor *reactor)
{
    struct pollfd polled[] = {
        {.fd = 0, .events = POLLIN},
        {.fd = kevy_reactor_fd(reactor), .events = POLLIN},
    };
    int more;

    while ((more = kevy_reactor_run_once(reactor, 0)) > 0) {
        int timeout_ms = poll_timeout(kevy_reactor_next_timeout(reactor));

        if (poll(polled, 2, timeout_ms) > 0 && polled[0].revents != 0)
            input_ready(reactor, &polled[0]);
    }
    return more;
}

int main(int argc, char **argv)
{
    static const struct usage usage = {
        "embed", USAGE_WHERE,
        "Sends all bytes back to the client. A line on standard input "
        "prints the number of\nconnections so far; its end stops "
        "the server.\n"};
    struct kevy_listener listener = {0};
    struct kevy_reactor *reactor = NULL;
    struct where where;
    int error, status = usage_check(&usage, argc, argv, &where);

    if (status >= 0)
        return status;
    struct kevy_listener_options options = {
        .address = where.address, .port = where.port, .accept = client_accept};
    error = kevy_reactor_create(
        &reactor, &(struct kevy_reactor_options){.embedded = true, .kernel = where.kernel});
    if (error)
        return kevy_report("embed", error);
    error = kevy_listener_open(&listener, reactor, &options);
    if (!error) {
        say_serving("embed", kevy_listener_port(&listener), reactor);
        error = serve(reactor);
    }
    status = report_start("embed", where.address, where.port, error);
    return status | (kevy_reactor_destroy(reactor) != 0);
}
