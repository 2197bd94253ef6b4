/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_DATAGRAMS_H
#define SIM_DATAGRAMS_H

/*
 * Datagram sockets of a server under test, and peers that talk with them.
 *
 * Model. Some sockets of the program are bound, some are connected to the port of a peer, which
 * now and then goes away. All send, pause, and are closed and opened again by chance. Each datagram
 * says who sent it, its number and its length, and is filled with a pattern of these.
 *
 * Invariants. What arrives is one whole datagram for whom it was sent, or its beginning where the
 * buffer is too short, which the program is told. Nothing comes while a socket is paused, and
 * nothing but close behind a close. Where the network keeps the order, so does an ordered socket,
 * and so does receiving; where it duplicates nothing, nothing comes twice. Counts add up: what the
 * program gave is sent or dropped, what the network delivered is received or dropped, and an open
 * socket drops only what the kernel has refused. Errors are told as often as the network has them.
 * Drain follows each stay at the high mark.
 */

#include <kevy/kevy.h>
#include <stdbool.h>

/* Sizes that datagram sockets can work with. */
void datagrams_options(struct kevy_reactor_options *options);

void datagrams_start(struct kevy_reactor *reactor, const struct kevy_reactor_options *options);

/* Something happens from outside of callbacks. */
void datagrams_turned(void);

/* No more is sent; all sockets are closed when all that was sent has come to its end. */
void datagrams_quiet(void);
bool datagrams_over(void);

/* The reactor closes the sockets from here on, whatever is queued. */
void datagrams_abandon(void);

/* Whatever is left, of the world; the reactor is gone. */
void datagrams_gone(void);

#endif
