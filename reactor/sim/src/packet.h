/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_PACKET_H
#define KEVY_SIM_SRC_PACKET_H

/*
 * Datagram sockets in memory: UDP, in a network that promises nothing.
 *
 * Model. A packet that is sent is under way until its arrival, and takes room in the send buffer of
 * its socket until then. It arrives behind those that the socket sent before, or chance lets it
 * overtake, lets it arrive twice, or loses it. Where nobody has its port, or chance wants it, an
 * ICMP error answers it, of which a connected sender hears. A port is all of an address.
 *
 *     send --> under way --> queue of the receiver --> received
 *                  |               |
 *                  +--> refused    +--> lost: no room, or closed
 *                  +--> lost
 *
 * Invariants. Each packet has one of these ends, and is counted there; a copy of the network's is
 * counted as one more. Bytes never change, and packets are never joined but by UDP_GRO.
 */

#include "names.h"

#include <kevy/sim_datagram.h>
#include <sys/socket.h>

#include "file.h"

#define PACKET_CHARGE 256U /* of a buffer, beyond the bytes */

struct packet {
    struct packet *next;
    struct packet *previous;           /* of those under way */
    struct kevy_x_packet_socket *from; /* NULL once that is closed, and of the network's copies */
    struct kevy_sim_event event;       /* its arrival */
    uint16_t from_port;
    uint16_t to_port;
    uint32_t length;
    uint8_t bytes[];
};

struct kevy_x_packet_socket {
    struct file file;
    struct kevy_x_packet_socket *next; /* of all */
    struct kevy_sim_datagram *peer;
    struct packet *first; /* arrived */
    struct packet *last;
    uint64_t delay_ns;
    uint64_t latest_ns; /* when the last that it sent arrives */
    uint32_t arrived;   /* bytes, each with its charge */
    uint32_t under_way;
    uint32_t receive_room;
    uint32_t send_room;
    uint64_t full_ns;  /* since when each send has failed for lack of room; 0: the last has not */
    uint64_t asked_ns; /* when it was asked last */
    uint32_t asked;    /* times since then: see send_full() */
    int family;
    int error;
    uint16_t port;
    uint16_t to_port; /* 0: not connected */
    bool merges;
};

extern struct kevy_sim_datagrams packet_counts;

void packets_reset(void);

/* A socket with one reference. */
struct kevy_x_packet_socket *packet_make(int family);
struct kevy_x_packet_socket *packet_of(struct file *file);
void packet_peer_set(struct kevy_x_packet_socket *socket, struct kevy_sim_datagram *peer,
                     void (*changed)(struct file *file));

static inline bool packet_waits(const struct kevy_x_packet_socket *socket)
{
    return socket->first != NULL || socket->error != 0;
}

static inline uint32_t packet_charge(const struct packet *packet)
{
    return packet->length + PACKET_CHARGE;
}

/* A packet of so many bytes; sends it on its way. */
struct packet *packet_new(uint32_t length);
void packet_transmit(struct kevy_x_packet_socket *socket, struct packet *packet, uint16_t port);

/* A socket that sends or connects has a port of the kernel's. */
void packet_bind_any(struct kevy_x_packet_socket *socket);

/* As the system calls: 0, a length or a negative errno. Port 0: any. */
int packet_bind(struct kevy_x_packet_socket *socket, uint16_t port);
void packet_connect(struct kevy_x_packet_socket *socket, uint16_t port);
void packet_merges(struct kevy_x_packet_socket *socket, bool merges);
int packet_error_take(struct kevy_x_packet_socket *socket);
long packet_send(struct kevy_x_packet_socket *socket, const struct msghdr *message);

/* Fills in all of *message; with MSG_TRUNC in `flags` the length is that of the whole packet. */
long packet_receive(struct kevy_x_packet_socket *socket, struct msghdr *message, int flags);

/* Writes the address of a port, of which *length is the room and becomes the size. */
void packet_name(int family, uint16_t port, void *address, socklen_t *length);

#endif
