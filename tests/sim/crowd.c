/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "crowd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#define PACE_NS 1000000U

struct crowd crowd;

struct seat *crowd_seat(struct kevy_stream *stream)
{
    return KEVY_CONTAINER_OF(stream, struct seat, stream);
}

void crowd_opened(struct kevy_stream *stream)
{
    crowd_seat(stream)->opened = true;
}

void crowd_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    crowd_seat(stream)->received += buffer->length;
}

void crowd_echo(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    crowd_seat(stream)->received += buffer->length;
    (void)kevy_stream_forward(stream, buffer);
}

void crowd_closed(struct kevy_stream *stream, int reason)
{
    struct seat *seat = crowd_seat(stream);

    KEVY_SIM_CHECK(crowd.sim, !seat->closed);
    seat->closed = true;
    seat->reason = reason;
}

static struct kevy_stream *accepted(struct kevy_listener *listener)
{
    (void)listener;
    return kevy_stream_init(&crowd.seats[crowd.accepted++].stream, crowd.events);
}

static void listener_closed(struct kevy_listener *listener)
{
    (void)listener;
    crowd.listener_closed = true;
}

static void client_reads(struct seat *seat)
{
    uint8_t bytes[4096];
    int result = kevy_sim_peer_read(&seat->peer, bytes, sizeof bytes);

    if (result > 0) {
        seat->read += (uint64_t)result;
        kevy_sim_peer_wake(&seat->peer);
    } else if (result != -EAGAIN) {
        seat->peer_over = true;
        seat->peer_end = result;
    }
}

static void client_ready(struct kevy_sim_peer *peer)
{
    static const uint8_t flood[4096];
    struct seat *seat = KEVY_CONTAINER_OF(peer, struct seat, peer);

    if (seat->reads && !seat->peer_over)
        client_reads(seat);
    if (seat->floods && kevy_sim_peer_write(peer, flood, sizeof flood) > 0)
        kevy_sim_peer_wake(peer);
}

void crowd_open(struct kevy_sim *sim, const struct kevy_reactor_options *options,
                const struct kevy_stream_events *events)
{
    struct kevy_listener_options listen = {
        .address = "127.0.0.1", .port = SIM_PORT, .accept = accepted, .close = listener_closed};

    memset(&crowd, 0, sizeof crowd);
    crowd.sim = sim;
    crowd.events = events;
    if (options != NULL)
        crowd.options = *options;
    kevy_sim_set_odds(sim, KEVY_SIM_FAULT_COUNT, 0);
    kevy_sim_reactor_options(sim, &crowd.options);
    KEVY_SIM_CHECK(sim, kevy_reactor_create(&crowd.reactor, &crowd.options) == 0);
    KEVY_SIM_CHECK(sim, kevy_listener_open(&crowd.listener, crowd.reactor, &listen) == 0);
}

void crowd_connect(unsigned count)
{
    for (; count > 0; count--) {
        struct seat *seat = &crowd.seats[crowd.count++];

        KEVY_SIM_CHECK(crowd.sim, crowd.count <= CROWD_MAX);
        seat->peer.ready = client_ready;
        seat->peer.pace_ns = PACE_NS;
        KEVY_SIM_CHECK(crowd.sim, kevy_sim_peer_connect(crowd.sim, &seat->peer, SIM_PORT) == 0);
    }
}

void crowd_turns(unsigned count)
{
    for (; count > 0; count--)
        KEVY_SIM_CHECK(crowd.sim, kevy_reactor_run_once(crowd.reactor, 0) >= 0);
}

void crowd_join(unsigned count)
{
    crowd_connect(count);
    for (unsigned turn = 0; crowd.accepted < crowd.count; turn++) {
        KEVY_SIM_CHECK(crowd.sim, turn < 1000);
        crowd_turns(1);
    }
    crowd_turns(5);
}

void crowd_run(uint64_t duration_ns)
{
    uint64_t until_ns = kevy_sim_now(crowd.sim) + duration_ns;

    while (kevy_sim_now(crowd.sim) < until_ns)
        KEVY_SIM_CHECK(crowd.sim, kevy_reactor_run_once(crowd.reactor,
                                                        until_ns - kevy_sim_now(crowd.sim)) >= 0);
}

void crowd_stand_still(uint64_t duration_ns)
{
    const struct kevy_system *system = crowd.options.system;

    system->sleep_ns(system->context, duration_ns);
}

bool crowd_bytes_wait(const struct seat *seat)
{
    const struct kevy_system *system = crowd.options.system;
    int fd = kevy_stream_fd(&seat->stream);

    return fd >= 0 && system->poll(system->context, fd, POLLIN) > 0;
}

void crowd_close(void)
{
    for (unsigned index = 0; index < crowd.count; index++)
        if (kevy_sim_peer_connected(&crowd.seats[index].peer))
            kevy_sim_peer_reset(&crowd.seats[index].peer);
    for (unsigned index = 0; index < crowd.accepted; index++)
        kevy_stream_abort(&crowd.seats[index].stream);
    kevy_listener_close(&crowd.listener);
    KEVY_SIM_CHECK(crowd.sim, kevy_reactor_run(crowd.reactor) == 0);
    for (unsigned index = 0; index < crowd.accepted; index++)
        KEVY_SIM_CHECK(crowd.sim, crowd.seats[index].closed);
    KEVY_SIM_CHECK(crowd.sim, kevy_reactor_destroy(crowd.reactor) == 0);
}
