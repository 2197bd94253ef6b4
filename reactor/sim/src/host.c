/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "host.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>

#include "chance.h"
#include "clock.h"
#include "peer.h"
#include "socket.h"
#include "world.h"

#define FLOW_LEAST    64U
#define FLOW_MOST     65536U
#define FLOW_DELAY_NS 5000000U

static struct kevy_sim_host *hosts;

void hosts_reset(void)
{
    hosts = NULL;
}

void kevy_sim_host_open(struct kevy_sim *sim, struct kevy_sim_host *host)
{
    world_check(sim);
    assert((host->answer != KEVY_SIM_HOST_ACCEPTS || host->accept != NULL) &&
           "a host that accepts needs its callback");
    host->next = hosts;
    hosts = host;
}

void kevy_sim_host_close(struct kevy_sim *sim, struct kevy_sim_host *host)
{
    struct kevy_sim_host **link = &hosts;

    world_check(sim);
    while (*link != host) {
        assert(*link != NULL && "the host is not open");
        link = &(*link)->next;
    }
    *link = host->next;
    host->next = NULL;
}

static struct kevy_sim_host *host_at(uint16_t port)
{
    struct kevy_sim_host *host = hosts;

    while (host != NULL && host->port != port)
        host = host->next;
    return host;
}

static void refuse(struct kevy_x_socket *socket)
{
    socket->error = ECONNREFUSED;
    file_changed(&socket->file, POLLOUT | POLLERR | POLLHUP);
}

/* The host answers, if it is still there. */
static void answer(struct kevy_sim_event *event)
{
    struct kevy_x_socket *socket = KEVY_CONTAINER_OF(event, struct kevy_x_socket, progress);
    struct kevy_sim_host *host = host_at(socket->port);
    struct kevy_sim_peer *peer = NULL;
    struct kevy_x_socket *end;

    if (host != NULL && host->answer == KEVY_SIM_HOST_ACCEPTS)
        peer = host->accept(host);
    if (peer == NULL) {
        refuse(socket);
        return;
    }
    end = socket_make(socket->family);
    socket_join(socket, end, (uint32_t)chance_magnitude(FLOW_LEAST, FLOW_MOST),
                chance_magnitude(0, FLOW_DELAY_NS));
    peer_attach(peer, end);
    kevy_sim_peer_wake(peer);
    file_changed(&socket->file, POLLOUT);
}

/* The program connects to a listener of its own. */
static void answer_self(struct kevy_sim_event *event)
{
    struct kevy_x_socket *socket = KEVY_CONTAINER_OF(event, struct kevy_x_socket, progress);
    int error = socket_reach(socket, socket->port);

    if (error == -EAGAIN) /* the client's kernel tries again */
        event_start(event, chance_magnitude(1000, FLOW_DELAY_NS), answer_self);
    else if (error < 0)
        refuse(socket);
    else
        file_changed(&socket->file, POLLOUT);
}

int host_connect(struct kevy_x_socket *socket, const struct sockaddr *address)
{
    const struct sockaddr_in *internet = (const void *)address;
    struct kevy_sim_host *host;

    REQUIRE(address->sa_family != AF_UNIX, -ENOENT, "connect to a path");
    socket->port = ntohs(internet->sin_port); /* in the same place for IPv6 */
    host = host_at(socket->port);
    if (host != NULL && host->answer == KEVY_SIM_HOST_UNREACHABLE)
        return -ENETUNREACH;
    socket->state = SOCKET_CONNECTING;
    if (host == NULL)
        event_start(&socket->progress, 0, answer_self);
    else if (host->answer != KEVY_SIM_HOST_SILENT)
        event_start(&socket->progress, chance_between(0, host->delay_ns), answer);
    return 0;
}
