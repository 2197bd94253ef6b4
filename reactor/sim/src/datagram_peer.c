/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Datagram sockets of peers: packet.h has the model of the sockets, peer.c that of the pace. */
#include <assert.h>
#include <netinet/in.h>

#include "chance.h"
#include "clock.h"
#include "packet.h"
#include "world.h"

#define QUIET_PACE_NS 1000U

static struct kevy_x_packet_socket *socket_there(const struct kevy_sim_datagram *datagram)
{
    assert(datagram->socket != NULL && "the datagram socket is closed");
    return datagram->socket;
}

static void step(struct kevy_sim_event *event)
{
    struct kevy_sim_datagram *datagram = KEVY_CONTAINER_OF(event, struct kevy_sim_datagram, step);

    datagram->ready(datagram);
}

void kevy_sim_datagram_wake(struct kevy_sim_datagram *datagram)
{
    uint64_t pace_ns = datagram->pace_ns;

    (void)socket_there(datagram);
    if (event_started(&datagram->step))
        return;
    if (chance_is_quiet() && pace_ns > QUIET_PACE_NS)
        pace_ns = QUIET_PACE_NS;
    event_start(&datagram->step, chance_between(0, pace_ns), step);
}

static void changed(struct file *file)
{
    kevy_sim_datagram_wake(packet_of(file)->peer);
}

int kevy_sim_datagram_open(struct kevy_sim *sim, struct kevy_sim_datagram *datagram, uint16_t port)
{
    struct kevy_x_packet_socket *socket;
    int error;

    world_check(sim);
    assert(datagram->ready != NULL && "a datagram socket needs its callback");
    assert(datagram->socket == NULL && "it is open, or its memory was not zeroed");
    socket = packet_make(AF_INET);
    error = packet_bind(socket, port);
    if (error < 0) {
        file_drop(&socket->file);
        return error;
    }
    datagram->sim = sim;
    datagram->socket = socket;
    packet_peer_set(socket, datagram, changed);
    return 0;
}

void kevy_sim_datagram_close(struct kevy_sim_datagram *datagram)
{
    struct kevy_x_packet_socket *socket = socket_there(datagram);

    packet_peer_set(socket, NULL, NULL);
    datagram->socket = NULL;
    event_stop(&datagram->step);
    file_drop(&socket->file);
}

bool kevy_sim_datagram_opened(const struct kevy_sim_datagram *datagram)
{
    return datagram->socket != NULL;
}

uint16_t kevy_sim_datagram_port(const struct kevy_sim_datagram *datagram)
{
    return socket_there(datagram)->port;
}

int kevy_sim_datagram_send(struct kevy_sim_datagram *datagram, uint16_t port, const void *data,
                           uint32_t length)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    struct sockaddr_storage address;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &address};

    message.msg_namelen = sizeof address;
    packet_name(AF_INET, port, &address, &message.msg_namelen);
    return (int)packet_send(socket_there(datagram), &message);
}

int kevy_sim_datagram_receive(struct kevy_sim_datagram *datagram, void *data, uint32_t length,
                              uint16_t *port)
{
    struct iovec part = {.iov_base = data, .iov_len = length};
    struct sockaddr_in address;
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_name = &address};
    long result;

    message.msg_namelen = sizeof address;
    result = packet_receive(socket_there(datagram), &message, MSG_TRUNC);
    if (result >= 0)
        *port = ntohs(address.sin_port);
    return (int)result;
}
