/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* handover: an echo server that is replaced while it serves, and no client is refused. The next
 * process asks at CONTROL, a Unix socket, for the listening socket, serves on it, and says so. */
#include "serve.h"
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

static struct serving serving;
static int failed;
static struct kevy_listener control;
static struct kevy_stream predecessor;
static struct sockaddr_un path = {.sun_family = AF_UNIX};

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(stream);
}

/* In place of a close: what a client still sends gets its answer, until the time limit. */
static const struct kevy_stream_events client_events = {
    .read = client_read, .finish = serve_on, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct kevy_stream *client = calloc(1, sizeof *client);
    (void)listener;
    return client ? kevy_stream_init(client, &client_events) : NULL;
}

/* The old process: the successor gets a copy of the socket, and answers when it serves. */
static void successor_open(struct kevy_stream *stream)
{
    if (kevy_stream_send_descriptor(stream, dup(kevy_listener_fd(&serving.listener)), "x", 1) < 0)
        kevy_stream_abort(stream);
}

static void successor_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    (void)buffer;
    kevy_stream_close(stream);
    kevy_reactor_finish(serving.reactor, KEVY_SECONDS(30));
}

static struct kevy_stream *successor_accept(struct kevy_listener *listener)
{
    static const struct kevy_stream_events events = {
        .open = successor_open, .read = successor_read, .close = client_close};
    struct kevy_stream *successor = calloc(1, sizeof *successor);
    (void)listener;
    return successor ? kevy_stream_init(successor, &events) : NULL;
}

/* Both: the socket is ours, and whoever comes next asks us for it. */
static int serve_from_here(void)
{
    struct kevy_listener_options options = {.socket_address = (struct sockaddr *)&path,
                                            .socket_address_length = sizeof path,
                                            .accept = successor_accept};
    say_serving("handover", kevy_listener_port(&serving.listener), serving.reactor);
    unlink(path.sun_path);
    return kevy_listener_open(&control, serving.reactor, &options);
}

/* The new process. */
static void predecessor_descriptor(struct kevy_stream *stream, int fd)
{
    struct kevy_listener_options options = {.accept = client_accept};
    int error = fd < 0 ? fd : kevy_listener_adopt(&serving.listener, serving.reactor, fd, &options);
    if (!error)
        error = serve_from_here();
    if (!error)
        error = kevy_stream_send(stream, "x", 1);
    if (error)
        kevy_report("handover", error);
}

/* Nobody is there to hand anything over: this is the first one. */
static void predecessor_close(struct kevy_stream *stream, int reason)
{
    (void)stream;
    if (kevy_listener_fd(&serving.listener) >= 0 || kevy_reactor_finishing(serving.reactor))
        return;
    reason = kevy_listener_open(&serving.listener, serving.reactor, &serving.options);
    if (!reason)
        reason = serve_from_here();
    failed = report_start("handover", serving.options.address, serving.options.port, reason);
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"handover", USAGE_WHERE " CONTROL",
                                       "Sends back what it receives, until the next one that is "
                                       "started with the same\nCONTROL, a path, replaces it.\n"};
    static const struct kevy_stream_events events = {
        .descriptor = predecessor_descriptor, .read = client_read, .close = predecessor_close};
    struct where where;
    int error, status = usage_check(&usage, argc, argv, &where);
    if (status >= 0)
        return status;
    snprintf(path.sun_path, sizeof path.sun_path, "%s", argv[2]);
    serving.options = (struct kevy_listener_options){
        .address = where.address, .port = where.port, .accept = client_accept};
    error = serve_create(&serving, &where);
    if (!error)
        error = serve_until_signal(&serving);
    if (!error)
        error = kevy_stream_connect(kevy_stream_init(&predecessor, &events), serving.reactor,
                                    (struct sockaddr *)&path, sizeof path, KEVY_SECONDS(5));
    if (!error)
        error = kevy_reactor_run(serving.reactor);
    return kevy_report("handover", error) | (kevy_reactor_destroy(serving.reactor) != 0) | failed;
}
