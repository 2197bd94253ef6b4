/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * An echo by forwarding, the shortest of servers: received buffers become the answer, whole, in
 * slices, as copies, or kept before that.
 *
 * Invariants, beyond those of link.h and client.h: a client that ends in good order gets all its
 * bytes back; a listener with a limit never has more connections; a stream is not read from while
 * more than its high mark is queued.
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
    uint32_t buffer_size;
    bool listening;
    bool paused;
} echo;

static int forward_whole(struct link *link, struct kevy_buffer *buffer)
{
    uint32_t length = buffer->length;
    int error;

    QUIETLY(error = kevy_stream_forward(&link->stream, buffer));
    if (error == 0)
        link_forwarded(link, length);
    return error;
}

/* What is kept holds nobody back by itself. */
static int forward_kept(struct link *link, struct kevy_buffer *buffer)
{
    struct kevy_buffer kept;
    int error;

    QUIETLY(error = kevy_buffer_retain(buffer, &kept));
    error = forward_whole(link, error == 0 ? &kept : buffer);
    QUIETLY(kevy_stream_hold(&link->stream, &link->stream));
    return error;
}

static int forward_slice(struct link *link, struct kevy_buffer *buffer, uint32_t offset,
                         uint32_t length)
{
    int error;

    QUIETLY(error = kevy_stream_forward_slice(&link->stream, buffer, offset, length));
    if (error == 0)
        link_forwarded(link, length);
    return error;
}

/* A copy of the bytes, or a slice where the queue is full or memory is short. */
static int forward_copy(struct link *link, struct kevy_buffer *buffer, uint32_t offset,
                        uint32_t length)
{
    uint32_t queued = kevy_stream_queued(&link->stream);
    int error;

    QUIETLY(error = kevy_stream_send(&link->stream, buffer->data + offset, length));
    link->owes_drain |= error == -EAGAIN;
    if (error == -EAGAIN || error == -ENOBUFS)
        return forward_slice(link, buffer, offset, length);
    if (error == 0)
        link_queued(link, length, queued);
    return error;
}

static int forward_parts(struct link *link, struct kevy_buffer *buffer)
{
    int error = 0;

    for (uint32_t offset = 0, length; error == 0 && offset < buffer->length; offset += length) {
        length = (uint32_t)kevy_sim_magnitude(world, 1, buffer->length - offset);
        error = kevy_sim_one_in(world, 2) ? forward_slice(link, buffer, offset, length)
                                          : forward_copy(link, buffer, offset, length);
    }
    QUIETLY(kevy_stream_hold(&link->stream, &link->stream));
    return error;
}

/* Each part is a slice, which holds back by itself. */
static int forward_slices(struct link *link, struct kevy_buffer *buffer)
{
    uint32_t first = (uint32_t)kevy_sim_between(world, 1, buffer->length);
    int error = forward_slice(link, buffer, 0, first);

    return error == 0 ? forward_slice(link, buffer, first, buffer->length - first) : error;
}

static void forward(struct link *link, struct kevy_buffer *buffer)
{
    static int (*const ways[])(struct link *, struct kevy_buffer *) = {
        forward_whole, forward_whole, forward_slices, forward_parts, forward_kept};
    uint32_t queued = kevy_stream_queued(&link->stream);
    int error;

    EXPECT(queued <= kevy_stream_high_watermark(&link->stream), "a read with %u bytes queued",
           queued);
    error = ways[kevy_sim_below(world, sizeof ways / sizeof *ways)](link, buffer);
    EXPECT(error == 0 || error == -ENOBUFS || error == -EPIPE, "forward answers %d", error);
    /* Then the client's end does not mean that all has come back. */
    if (error != 0)
        link_break(link);
}

static const struct link_manner manner = {.read = forward};

/* Of any size, and such that one buffer reaches the high mark exactly. */
static struct kevy_stream *with_marks(struct kevy_stream *stream)
{
    uint32_t high = (uint32_t)kevy_sim_magnitude(world, 1, 100000);

    if (kevy_sim_one_in(world, 2))
        return stream;
    if (kevy_sim_one_in(world, 2))
        high = echo.buffer_size;
    kevy_stream_set_watermarks(stream, (uint32_t)kevy_sim_below(world, high + 1), high);
    return stream;
}

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    EXPECT(quiet_calls == 0, "accept came inside a call");
    if (echo.connections_max != 0)
        EXPECT(kevy_listener_connections(listener) < echo.connections_max,
               "more connections than allowed");
    return with_marks(link_make(&manner, sizeof(struct link)));
}

static void options(struct kevy_reactor_options *options)
{
    echo.buffer_size = options->buffer_size;
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

const struct scenario scenario_echo = {.name = "echo",
                                       .options = options,
                                       .start = start,
                                       .quiet = quiet,
                                       .over = over,
                                       .stop = stop,
                                       .abandon = abandon};
