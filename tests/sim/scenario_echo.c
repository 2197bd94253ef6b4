/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An echo by forwarding, the shortest of servers: received buffers become the answer.
 *
 * Invariants, beyond those of link.h and client.h: a client that ends in good order gets all its
 * bytes back; a listener with a limit never has more connections.
 */
#include "scenario.h"

#include <errno.h>
#include <sys/un.h>

#include "client.h"
#include "link.h"
#include "world.h"

#define PACE_NS 200000000U

static struct {
    struct kevy_listener listener;
    struct kevy_timer toggle; /* pauses the listener, and lets it go on */
    uint32_t connections_max;
    bool listening;
    bool paused;
} echo;

static void forward(struct link *link, struct kevy_buffer *buffer)
{
    int error;

    QUIETLY(error = kevy_stream_forward(&link->stream, buffer));
    EXPECT(error == 0 || error == -ENOBUFS || error == -EPIPE, "forward answers %d", error);
    /* Then the client's end does not mean that all has come back. */
    if (error != 0)
        link_break(link);
}

static const struct link_manner manner = {.read = forward};

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    EXPECT(quiet_calls == 0, "accept came inside a call");
    if (echo.connections_max != 0)
        EXPECT(kevy_listener_connections(listener) < echo.connections_max,
               "more connections than allowed");
    return link_make(&manner, sizeof(struct link));
}

static void closed(struct kevy_listener *listener)
{
    EXPECT(listener == &echo.listener && echo.listening, "the listener closes twice");
    echo.listening = false;
}

static void toggle(struct kevy_timer *timer)
{
    if (!echo.listening)
        return;
    if (echo.paused)
        QUIETLY(kevy_listener_resume(&echo.listener));
    else
        QUIETLY(kevy_listener_pause(&echo.listener));
    echo.paused = !echo.paused;
    kevy_timer_start(timer, echo.listener.object.reactor, kevy_sim_magnitude(world, 1000, PACE_NS),
                     toggle);
}

static void start(struct kevy_reactor *reactor)
{
    struct kevy_listener_options options = {
        .address = "127.0.0.1", .accept = accepted, .close = closed};
    const struct sockaddr_un path = {.sun_family = AF_UNIX, .sun_path = "socket"};
    uint64_t plan_most;
    uint32_t count;

    echo.connections_max = kevy_sim_one_in(world, 3) ? (uint32_t)kevy_sim_between(world, 1, 20) : 0;
    options.connections_max = echo.connections_max;
    if (kevy_sim_one_in(world, 3)) {
        options.address = NULL;
        options.socket_address = (const struct sockaddr *)&path;
        options.socket_address_length = sizeof path;
    }
    while (kevy_listener_open(&echo.listener, reactor, &options) < 0)
        continue;
    echo.listening = true;
    echo.paused = false;
    if (kevy_sim_one_in(world, 3))
        kevy_timer_start(&echo.toggle, reactor, kevy_sim_below(world, PACE_NS), toggle);
    count = (uint32_t)kevy_sim_magnitude(world, 1, 100);
    plan_most = kevy_sim_magnitude(world, 100, 200000);
    clients_start(count, 0, plan_most, true);
    /* Two clients and the reactor's own at least. */
    if (kevy_sim_one_in(world, 3))
        descriptors_limit((uint32_t)kevy_sim_between(world, 2, 50));
}

static void quiet(struct kevy_reactor *reactor)
{
    (void)reactor;
    kevy_timer_stop(&echo.toggle);
    QUIETLY(kevy_listener_resume(&echo.listener));
    clients_quiet();
}

static void abandon(void)
{
    kevy_timer_stop(&echo.toggle);
}

static bool over(void)
{
    return clients_over() && links_open() == 0;
}

static void stop(struct kevy_reactor *reactor)
{
    (void)reactor;
    QUIETLY(kevy_listener_close(&echo.listener));
}

const struct scenario scenario_echo = {
    .name = "echo", .start = start, .quiet = quiet, .over = over, .stop = stop, .abandon = abandon};
