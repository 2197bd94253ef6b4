/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * timers PORT MS: tells each client "tick" every MS milliseconds, without drift, and parts with
 * "silence" from one that has said nothing for ten of them. What it says starts that time anew; a
 * "p" stops the ticks and is answered "paused", any other letter lets them go on.
 */
#include "serve.h"

#include <string.h>

#define TICKS_OF_SILENCE 10
#define MS_MAX           86400000 /* a day */

static uint64_t period_ns;

struct client {
    struct kevy_stream stream;
    struct kevy_timer tick;
    struct kevy_timer silence;
};

static void client_tell(struct client *client, const char *line)
{
    kevy_stream_send(&client->stream, line, strlen(line)); /* one that does not read misses some */
}

static void tick(struct kevy_timer *timer)
{
    client_tell(KEVY_CONTAINER_OF(timer, struct client, tick), "tick\n");
}

static void silence(struct kevy_timer *timer)
{
    struct client *client = KEVY_CONTAINER_OF(timer, struct client, silence);

    kevy_timer_stop(&client->tick);
    client_tell(client, "silence\n");
    kevy_stream_close(&client->stream);
}

static void client_open(struct kevy_stream *stream)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
    struct kevy_reactor *reactor = kevy_stream_reactor(stream);

    kevy_timer_start_periodic(&client->tick, reactor, period_ns, tick);
    kevy_timer_start(&client->silence, reactor, TICKS_OF_SILENCE * period_ns, silence);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
    struct kevy_reactor *reactor = kevy_stream_reactor(stream);

    if (memchr(buffer->data, 'p', buffer->length)) {
        kevy_timer_stop(&client->tick);
        client_tell(client, "paused\n");
    } else if (!kevy_timer_armed(&client->tick)) {
        kevy_timer_start_periodic(&client->tick, reactor, period_ns, tick);
    }
    kevy_timer_start(&client->silence, reactor, TICKS_OF_SILENCE * period_ns, silence);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);

    (void)reason;
    kevy_timer_stop(&client->tick); /* from here on they do not fire, due or not */
    kevy_timer_stop(&client->silence);
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

static int begin(struct kevy_reactor *reactor, struct kevy_listener *listener, char **arguments)
{
    (void)reactor;
    (void)listener;
    period_ns = KEVY_MILLISECONDS(serve_number(arguments[0], MS_MAX));
    return period_ns ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
    static const struct service timers = {"timers", " MS", client_accept, begin, NULL};

    return serve(&timers, argc, argv);
}
