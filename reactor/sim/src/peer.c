/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "peer.h"

#include <assert.h>

#include "chance.h"
#include "clock.h"
#include "socket.h"
#include "world.h"

/* How late a peer may be in a quiet world. */
#define QUIET_PACE_NS 1000U

static void step(struct kevy_sim_event *event)
{
    struct kevy_sim_peer *peer = KEVY_CONTAINER_OF(event, struct kevy_sim_peer, step);

    peer->ready(peer);
}

void kevy_sim_peer_wake(struct kevy_sim_peer *peer)
{
    uint64_t pace_ns = peer->pace_ns;

    assert(peer->socket != NULL && "the peer has no connection");
    if (event_started(&peer->step))
        return;
    if (chance_is_quiet() && pace_ns > QUIET_PACE_NS)
        pace_ns = QUIET_PACE_NS;
    event_start(&peer->step, chance_between(0, pace_ns), step);
}

static void changed(struct file *file)
{
    struct kevy_sim_peer *peer = socket_of(file)->peer_of_world;

    kevy_sim_peer_wake(peer);
}

void peer_attach(struct kevy_sim_peer *peer, struct kevy_x_socket *socket)
{
    assert(peer->ready != NULL && "a peer needs its callback");
    assert(peer->socket == NULL && "the peer has a connection, or its memory was not zeroed");
    peer->sim = world_current();
    peer->socket = socket;
    socket->peer_of_world = peer;
    socket->file.watcher = changed;
}

int kevy_sim_peer_connect(struct kevy_sim *sim, struct kevy_sim_peer *peer, uint16_t port)
{
    struct kevy_x_socket *socket;
    int error;

    world_check(sim);
    socket = socket_make(AF_INET);
    socket->script = peer->script;
    error = socket_reach(socket, port);
    if (error < 0) {
        file_drop(&socket->file);
        return error;
    }
    peer_attach(peer, socket);
    kevy_sim_peer_wake(peer);
    return 0;
}

bool kevy_sim_peer_connected(const struct kevy_sim_peer *peer)
{
    return peer->socket != NULL;
}

static struct kevy_x_socket *socket_there(const struct kevy_sim_peer *peer)
{
    assert(peer->socket != NULL && "the peer has no connection");
    return peer->socket;
}

int kevy_sim_peer_read(struct kevy_sim_peer *peer, void *data, uint32_t length)
{
    return socket_read(socket_there(peer), data, length);
}

int kevy_sim_peer_write(struct kevy_sim_peer *peer, const void *data, uint32_t length)
{
    return socket_write(socket_there(peer), data, length);
}

void kevy_sim_peer_shutdown(struct kevy_sim_peer *peer)
{
    socket_shutdown(socket_there(peer), SHUT_WR);
}

void kevy_sim_peer_close(struct kevy_sim_peer *peer)
{
    struct kevy_x_socket *socket = socket_there(peer);

    socket_part(socket, false);
    socket->file.watcher = NULL;
    socket->peer_of_world = NULL;
    peer->socket = NULL;
    event_stop(&peer->step);
    file_drop(&socket->file);
}

void kevy_sim_peer_reset(struct kevy_sim_peer *peer)
{
    socket_abort(socket_there(peer));
    kevy_sim_peer_close(peer);
}

void kevy_sim_peer_cut(struct kevy_sim_peer *peer)
{
    struct kevy_x_socket *socket = socket_there(peer);

    socket_part(socket, false);
    socket->cut = true;
    socket_cut(socket);
}

bool kevy_sim_peer_was_cut(const struct kevy_sim_peer *peer)
{
    return socket_there(peer)->cut;
}

void kevy_sim_peer_part(struct kevy_sim_peer *peer, bool parted)
{
    socket_part(socket_there(peer), parted && !chance_is_quiet());
}

struct kevy_sim_peer *kevy_sim_peer_at(struct kevy_sim *sim, int fd)
{
    const struct kevy_x_socket *socket;

    world_check(sim);
    socket = socket_of(file_at(fd, "looking at"))->peer;
    return socket != NULL ? socket->peer_of_world : NULL;
}
