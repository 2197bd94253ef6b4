/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim_datagram.h - UDP in a simulated world: the sockets of peers, and the network's counts.
 *
 * Part of <kevy/sim.h>, which explains the world as a whole.
 *
 * The network loses datagrams, lets some overtake others, and delivers some twice: see the faults
 * of <kevy/sim_world.h>. A datagram to a port that nobody has is refused: the socket that sent it
 * gets -ECONNREFUSED if it is connected. Only the port of an address counts.
 *
 * Callbacks are callbacks of the world, see kevy_sim_event_start().
 */
#ifndef KEVY_SIM_DATAGRAM_H
#define KEVY_SIM_DATAGRAM_H

#include <kevy/api.h>
#include <kevy/sim_world.h>

#if KEVY_RING_SUPPORTED

#include <stdint.h>

KEVY_BEGIN_DECLS

/* A datagram socket of a peer. All zero it is closed. It is your memory, PINNED while it is open.
 */
struct kevy_sim_datagram {
    /* Datagrams have arrived, or there is room, or an error. It comes some time after the change,
     * `pace_ns` at most. */
    void (*ready)(struct kevy_sim_datagram *datagram);
    uint64_t pace_ns;
    struct kevy_sim *sim;                /* private, like the next ones */
    struct kevy_x_packet_socket *socket; /* NULL: closed */
    struct kevy_sim_event step;
};

/*
 * Opens a socket at `port`; 0 means a port that is free. `ready` must be set. Returns 0 or an
 * error:
 *
 *     -EADDRINUSE    another socket has the port
 */
KEVY_API int kevy_sim_datagram_open(struct kevy_sim *sim, struct kevy_sim_datagram *datagram,
                                    uint16_t port);

/* Closes it. Datagrams that have arrived are lost. */
KEVY_API void kevy_sim_datagram_close(struct kevy_sim_datagram *datagram);

/* True between kevy_sim_datagram_open() and kevy_sim_datagram_close(). */
KEVY_API bool kevy_sim_datagram_opened(const struct kevy_sim_datagram *datagram);
KEVY_API uint16_t kevy_sim_datagram_port(const struct kevy_sim_datagram *datagram);

/*
 * Sends a datagram to `port`. Returns its length, or an error:
 *
 *     -EAGAIN      there is no room
 *     -EMSGSIZE    it is longer than 65,507 bytes
 */
KEVY_API int kevy_sim_datagram_send(struct kevy_sim_datagram *datagram, uint16_t port,
                                    const void *data, uint32_t length);

/*
 * Receives a datagram, and stores the port of its sender in *port. Returns the length of the whole
 * datagram, of which `length` bytes at most are stored, or an error:
 *
 *     -EAGAIN    nothing has arrived
 */
KEVY_API int kevy_sim_datagram_receive(struct kevy_sim_datagram *datagram, void *data,
                                       uint32_t length, uint16_t *port);

/* Comes round: calls `ready` within `pace_ns`, although nothing changes. */
KEVY_API void kevy_sim_datagram_wake(struct kevy_sim_datagram *datagram);

/*
 * Datagrams of the world so far, of all sockets. It is always true that
 *
 *     sent + duplicated == received + lost + refused + under_way + waiting
 */
struct kevy_sim_datagrams {
    uint64_t sent; /* each segment of UDP_SEGMENT counts */
    uint64_t duplicated;
    uint64_t received;
    uint64_t lost;      /* by the network, or there was no room, or the socket was closed */
    uint64_t refused;   /* nobody had the port, or the network said so */
    uint64_t under_way; /* between the sockets */
    uint64_t waiting;   /* arrived, and not yet received */
    uint64_t told;      /* of `refused`: the sender was connected and has an error */
    uint64_t found;     /* of `told`: a send has returned the error, and not a receive */
    uint64_t failed;    /* not sent: the send failed by a fault */
    uint64_t full;      /* not sent, for there was no room, or by a fault */
    uint64_t joined;    /* of `received`: came with the one before, by UDP_GRO */
};

KEVY_API void kevy_sim_datagrams(const struct kevy_sim *sim, struct kevy_sim_datagrams *counts);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_DATAGRAM_H */
