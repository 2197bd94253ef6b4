/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * timers: sends each client "tick" every MS milliseconds, without drift. A client that has sent
 * nothing for ten ticks gets "silence" and is disconnected. A "p" stops the ticks and is answered
 * with "paused"; any other letter starts them again.
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
    if (kevy_stream_send(&client->stream, line, strlen(line)) < 0)
        kevy_stream_abort(&client->stream); /* it does not read */
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

static const struct usage usage = {"timers", USAGE_WHERE " MS",
                                   "Sends \"tick\" to each client every MS milliseconds.\n"};

static int begin(struct kevy_listener_options *options, char **arguments)
{
    unsigned long ms;

    (void)options;
    if (!usage_number(&usage, "MS", arguments[0], 1, MS_MAX, &ms))
        return 2;
    period_ns = KEVY_MILLISECONDS(ms);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct service timers = {&usage, client_accept, begin, NULL};

    return serve(&timers, argc, argv);
}
