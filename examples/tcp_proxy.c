/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * tcp_proxy PORT HOST SERVICE: connects each client to the first address of HOST that answers, and
 * forwards both ways without a copy. An end is passed on and leaves the other direction open; a
 * side that does not read holds the other back. A pair that is silent for an hour is let go.
 */
#include "serve.h"

static struct kevy_resolver resolver;
static struct kevy_lookup found;
static struct kevy_listener *clients;

struct side {
    struct kevy_stream stream;
    struct side *other; /* NULL once it is gone */
    bool ended;
    struct kevy_connect connect; /* of the server's side */
};

static struct side *side_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct side, stream);
}

static void connected(struct kevy_connect *connect, int result)
{
    struct side *server = KEVY_CONTAINER_OF(connect, struct side, connect);
    if (result && server->other) {
        kevy_report("tcp_proxy", result);
        server->other->other = NULL;
        kevy_stream_abort(&server->other->stream);
    }
    if (result)
        free(server); /* else its `open` follows */
}

static void side_open(struct kevy_stream *stream)
{
    struct side *other = side_of(stream)->other;
    struct kevy_connect_options options = {.stream = &other->stream,
                                           .addresses = found.addresses,
                                           .count = found.count,
                                           .done = connected};
    kevy_stream_deadline(stream, KEVY_DEADLINE_IDLE, KEVY_SECONDS(3600));
    if (kevy_stream_fd(&other->stream) >= 0) {
        kevy_stream_resume(&other->stream); /* this is the server, the client waits */
    } else {
        kevy_stream_pause(stream);
        kevy_connect_start(&other->connect, kevy_stream_reactor(stream), &options);
    }
}

static void side_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(&side_of(stream)->other->stream, buffer);
}

static void side_end(struct kevy_stream *stream)
{
    struct side *side = side_of(stream);
    side->ended = true;
    kevy_stream_shutdown(&side->other->stream);
    if (side->other->ended)
        kevy_stream_close(stream);
}

static void side_close(struct kevy_stream *stream, int reason)
{
    struct side *side = side_of(stream), *other = side->other;
    if (other) {
        other->other = NULL;
        (reason ? kevy_stream_abort : kevy_stream_close)(&other->stream);
        kevy_connect_cancel(&other->connect); /* its `done` frees the side that has no stream yet */
    }
    free(side);
}

static const struct kevy_stream_events side_events = {
    .open = side_open, .read = side_read, .end = side_end, .finish = serve_on, .close = side_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct side *client = calloc(1, sizeof *client), *server = calloc(1, sizeof *server);
    (void)listener;
    if (!client || !server)
        return free(client), free(server), NULL;
    client->other = server;
    server->other = client;
    kevy_stream_init(&server->stream, &side_events);
    return kevy_stream_init(&client->stream, &side_events);
}

static void lookup_done(struct kevy_lookup *lookup, int result)
{
    (void)lookup;
    (kevy_report("tcp_proxy", result) ? kevy_listener_close : kevy_listener_resume)(clients);
}

static int begin(struct kevy_reactor *reactor, struct kevy_listener *listener, char **arguments)
{
    struct kevy_lookup_options options = {
        .resolver = &resolver, .host = arguments[0], .service = arguments[1], .done = lookup_done};
    int error = kevy_resolver_open(&resolver, NULL);
    clients = listener;
    kevy_listener_pause(listener); /* clients wait in the backlog until there is an address */
    return error ? error : kevy_lookup_start(&found, reactor, &options);
}

static void end(void)
{
    kevy_resolver_close(&resolver);
    kevy_lookup_release(&found);
}

int main(int argc, char **argv)
{
    static const struct service proxy = {"tcp_proxy", " HOST SERVICE", client_accept, begin, end};
    return serve(&proxy, argc, argv);
}
