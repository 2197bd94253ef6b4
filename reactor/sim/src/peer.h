/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_PEER_H
#define KEVY_SIM_SRC_PEER_H

/*
 * The world's ends of connections.
 *
 * Model. A peer is told that its socket has changed some time after the change, by chance; several
 * changes are one. It holds the only reference to its socket.
 */

#include "names.h"

#include <kevy/sim_peer.h>

struct kevy_x_socket;

/* Takes *socket, which has one reference. */
void peer_attach(struct kevy_sim_peer *peer, struct kevy_x_socket *socket);

#endif
