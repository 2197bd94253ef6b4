/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the listener's files share, and what a stream that was accepted knows of its listener.
 *
 *     idle --open--> open --close--> closing --nothing in flight--> closed
 *                    open --finish--> finishing --queue taken--> closed
 *     closed --descriptor gone, last callback--> idle
 *
 *     listener.c         states: open, flush, close
 *     listener_socket.c  from options to a descriptor, by plain system calls
 */
#ifndef KEVY_REACTOR_LISTENER_INTERNAL_H
#define KEVY_REACTOR_LISTENER_INTERNAL_H

#include "core/names.h"

#include "core/reactor.h"

#include <kevy/listener.h>

enum listener_state {
    LISTENER_IDLE = OBJECT_IDLE,
    LISTENER_OPEN,
    LISTENER_FINISHING, /* the same, and then those who wait are accepted */
    LISTENER_CLOSING,   /* the accept is cancelled and waited for */
    LISTENER_CLOSED,    /* the descriptor is being closed */
};

extern const struct object_kind_operations listener_kind;

/* A bound, listening, non-blocking, close-on-exec socket, OWNED by the caller, or a negative errno.
 */
int listener_socket(struct kevy_reactor *reactor, const struct kevy_listener_options *options);

/* Readies a socket of the user's, if it listens and the options fit it. Returns 0 or a negative
 * errno. */
int listener_socket_check(struct kevy_reactor *reactor, int fd,
                          const struct kevy_listener_options *options);

/* Handles OPERATION_ACCEPT. */
void listener_accept_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

/* A descriptor is free, for which the listener waited. */
void listener_descriptor_free(struct kevy_x_waiter *waiter);

/* A stream that it accepted has ended. */
void listener_connection_gone(struct kevy_listener *listener);

#endif /* KEVY_REACTOR_LISTENER_INTERNAL_H */
