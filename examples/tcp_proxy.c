/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * tcp_proxy: connects each client to the first address of HOST that answers, and forwards both ways
 * without a copy. HOST is looked up for each client, because its address may change. The end of one
 * direction leaves the other open; a side that does not read holds the other back.
 */
#include "serve.h"

struct side {
    struct kevy_stream stream;
    struct side *other; /* NULL once it is gone */
    bool ended;
    struct kevy_lookup lookup; /* of the server's side, like the next */
    struct kevy_connector connect;
};

static struct side *side_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct side, stream);
}

static struct kevy_resolver resolver;
static struct kevy_lookup_options where = {.resolver = &resolver};

static void connected(struct kevy_connector *connect, int result)
{
    struct side *server = KEVY_CONTAINER_OF(connect, struct side, connect);
    kevy_lookup_release(&server->lookup);
    if (!result)
        return; /* its `open` follows */
    if (server->other) {
        report_lookup("tcp_proxy", where.host, where.service, &server->lookup, result);
        server->other->other = NULL;
        kevy_stream_abort(&server->other->stream);
    }
    free(server);
}

static void found(struct kevy_lookup *lookup, int result)
{
    struct side *server = KEVY_CONTAINER_OF(lookup, struct side, lookup);
    struct kevy_connector_options options = {
        .stream = &server->stream, .addresses = lookup->addresses, .done = connected};
    options.count = lookup->count;
    if (!result) /* else the client may be gone */
        result = kevy_connector_start(&server->connect, kevy_lookup_reactor(lookup), &options);
    if (result)
        connected(&server->connect, result);
}

static void side_open(struct kevy_stream *stream)
{
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, KEVY_SECONDS(3600));
    kevy_stream_resume(&side_of(stream)->other->stream); /* the client has waited for the server */
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
        kevy_lookup_cancel(&other->lookup); /* one `done` frees the side that has no stream yet */
        kevy_connector_cancel(&other->connect);
    }
    free(side);
}

static const struct kevy_stream_events side_events = {
    .open = side_open, .read = side_read, .end = side_end, .finish = serve_on, .close = side_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct side *client = calloc(1, sizeof *client), *server = calloc(1, sizeof *server);
    if (!client || !server ||
        kevy_lookup_start(&server->lookup, kevy_listener_reactor(listener), &where))
        return free(client), free(server), NULL;
    client->other = server;
    server->other = client;
    kevy_stream_init(&server->stream, &side_events);
    kevy_stream_pause(kevy_stream_init(&client->stream, &side_events));
    return &client->stream;
}

static int begin(struct kevy_listener_options *options, char **arguments)
{
    (void)options;
    where.done = found;
    where.host = arguments[0];
    where.service = arguments[1];
    return kevy_resolver_open(&resolver, NULL);
}

static void end(void)
{
    kevy_resolver_close(&resolver);
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"tcp_proxy", USAGE_WHERE " HOST SERVICE",
                                       "Forwards clients to the port SERVICE of HOST.\n"};
    static const struct service proxy = {&usage, client_accept, begin, end};
    return serve(&proxy, argc, argv);
}
