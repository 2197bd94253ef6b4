/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guide_watch: the echo server, and a look into it. It says on which kernel it runs, and why each
 * client is gone. At SIGUSR1 it says what it has done, and lists its objects. A client is
 * disconnected after MS milliseconds of silence.
 */
#include "serve.h"

#include <inttypes.h>

static uint64_t idle_ns;

/* Why a stream was closed. All other reasons are errors of connect(2), recv(2) or send(2). */
static const char *reason_text(int reason)
{
    static const struct {
        int reason;
        const char *text;
    } texts[] = {
        {0, "closed in good order"},
        {-ECANCELED, "aborted by this program, or at the end of the time to finish"},
        {-ETIMEDOUT, "a deadline has passed"},
        {-ENOMEM, "memory_limit: it held much and had sent nothing for long"},
        {-ENOBUFS, "memory_limit: received bytes could not be kept"},
        {-ECONNRESET, "the client has reset the connection"},
        {-EPIPE, "the client does not accept bytes any more"},
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (texts[i].reason == reason)
            return texts[i].text;
    return strerror(-reason);
}

struct client {
    struct kevy_stream stream;
    unsigned number;
};

static struct client *client_of(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct client, stream);
}

static void client_open(struct kevy_stream *stream)
{
    static unsigned count;
    client_of(stream)->number = ++count;
    kevy_stream_set_deadline(stream, KEVY_DEADLINE_IDLE, idle_ns);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    struct client *client = client_of(stream);
    struct kevy_stream_stats stats;
    kevy_stream_stats(stream, &stats);
    dprintf(1, "client %u: %" PRIu64 " bytes in, %" PRIu64 " out: %s\n", client->number,
            stats.received, stats.sent, reason_text(reason));
    free(client);
}

static const struct kevy_stream_events client_events = {
    .open = client_open, .read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);
    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

static void visit(const char *kind, void *object, void *context)
{
    (void)context;
    if (strcmp(kind, "stream") == 0)
        dprintf(1, "client %u: %zu bytes queued\n", client_of(object)->number,
                kevy_stream_queued(object));
}

static void tell(struct kevy_signal *watch)
{
    struct kevy_reactor *reactor = kevy_signal_reactor(watch);
    struct kevy_reactor_stats stats;

    kevy_reactor_stats(reactor, &stats);
    dprintf(1,
            "%u objects, %" PRIu64 " accepted, %" PRIu64 " starvations, %" PRIu64
            " evictions, at most %" PRIu64 " bytes of memory\n",
            stats.objects, stats.accepts, stats.starvations, stats.evictions, stats.memory_peak);
    kevy_reactor_for_each_object(reactor, visit, NULL);
}

static const struct usage usage = {"guide_watch", USAGE_WHERE " MS",
                                   "An echo server that tells about itself.\n"};

static int begin(struct kevy_listener_options *options, char **arguments)
{
    static struct kevy_signal user;
    unsigned long ms;

    if (!usage_number(&usage, "MS", arguments[0], 1, 86400000, &ms))
        return 2;
    idle_ns = KEVY_MILLISECONDS(ms);
    return kevy_signal_watch(&user, KEVY_CONTAINER_OF(options, struct serving, options)->reactor,
                             SIGUSR1, tell);
}

int main(int argc, char **argv)
{
    static const struct service watch = {&usage, client_accept, begin, NULL};

    return serve(&watch, argc, argv);
}
