/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* guide_testing: tests a server in simulated worlds, with clients that follow a script. The server
 * answers each line with its length. With --planted as the first argument it takes each read for a
 * line: the test finds a world in which this is wrong. */
#include <kevy/sim.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
    struct kevy_stream stream;
    size_t length; /* of the line that has begun */
};

static bool planted;

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    struct client *client = KEVY_CONTAINER_OF(stream, struct client, stream);
    char answer[32];
    for (uint32_t at = 0; at < buffer->length; at++) {
        if (planted ? at + 1 < buffer->length : buffer->data[at] != '\n') {
            client->length++;
            continue;
        }
        snprintf(answer, sizeof answer, "%zu bytes\n", client->length);
        client->length = 0;
        if (kevy_stream_send(stream, answer, strlen(answer)) < 0)
            kevy_stream_abort(stream);
    }
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    free(KEVY_CONTAINER_OF(stream, struct client, stream));
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct client *client = calloc(1, sizeof *client);
    (void)listener;
    return client ? kevy_stream_init(&client->stream, &client_events) : NULL;
}

/* All above belongs to the server, all below to its test. */
static const struct kevy_sim_step talk[] = {KEVY_SIM_SEND("hello\n"), KEVY_SIM_EXPECT("5 bytes\n"),
                                            KEVY_SIM_SEND("\n"),      KEVY_SIM_EXPECT("0 bytes\n"),
                                            KEVY_SIM_SHUTDOWN,        KEVY_SIM_EXPECT_END};

static void test(struct kevy_sim *sim)
{
    static struct kevy_sim_script clients[3];
    struct kevy_listener_options listen = {.port = 7000, .accept = client_accept};
    struct kevy_reactor_options options = {0};
    struct kevy_listener listener = {0};
    struct kevy_reactor *reactor = NULL;

    kevy_sim_reactor_options(sim, &options);
    kevy_sim_set_calm(sim, true); /* the start need not survive faults */
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&reactor, &options) == 0);
    KEVY_SIM_CHECK(sim, kevy_listener_open(&listener, reactor, &listen) == 0);
    kevy_sim_set_calm(sim, false);
    for (int i = 0; i < 3; i++)
        kevy_sim_script_start(sim, &clients[i], "client", 7000, talk, 6, 2);
    kevy_sim_serve(sim, reactor);
    kevy_reactor_finish(reactor, KEVY_SECONDS(5));
    KEVY_SIM_CHECK(sim, kevy_reactor_run(reactor) == 0);
    KEVY_SIM_CHECK(sim, kevy_reactor_destroy(reactor) == 0);
}

int main(int argc, char **argv)
{
    planted = argc > 1 && strcmp(argv[1], "--planted") == 0;
    return kevy_sim_main(
        argc - planted, argv + planted,
        &(struct kevy_sim_options){.name = "guide_testing", .test = test, .seed = 1, .seeds = 100});
}
