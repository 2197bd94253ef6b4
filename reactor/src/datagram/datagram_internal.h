/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the datagram's files share: its states and flags.
 *
 *     idle --open--> open --close--> closing --queue empty or dropped, nothing in flight--> closed
 *     closed --descriptor gone, last callback--> idle
 *
 *     datagram.c         states: open, flush, close
 *     datagram_read.c    receiving, delivering, starving
 *     datagram_write.c   the queue and its batches
 *     datagram_entry.c   what is queued
 *     datagram_socket.c  from options to a descriptor, by plain system calls
 */
#ifndef KEVY_REACTOR_DATAGRAM_INTERNAL_H
#define KEVY_REACTOR_DATAGRAM_INTERNAL_H

#include "core/names.h"

#include "core/object.h"

#include <kevy/datagram.h>

enum datagram_state {
    DATAGRAM_IDLE = OBJECT_IDLE,
    DATAGRAM_OPEN,
    DATAGRAM_CLOSING, /* the queue is sent or dropped, requests are waited for */
    DATAGRAM_CLOSED,  /* the descriptor is being closed */
};

/* For kevy_x_object.flags. */
#define DATAGRAM_PAUSED         (1U << 0) /* by the user */
#define DATAGRAM_RECV_CANCELLED (1U << 1) /* the recvmsg has been asked to end */
#define DATAGRAM_GRO            (1U << 2)
#define DATAGRAM_ORDERED        (1U << 3) /* one send a turn */
#define DATAGRAM_CONNECTED      (1U << 4) /* sends need no address */
#define DATAGRAM_CONGESTED      (1U << 5) /* the socket's buffer is full */
#define DATAGRAM_POLLED         (1U << 6) /* ... and was said not to be, with nothing sent since */
#define DATAGRAM_POLL_USELESS   (1U << 7) /* ... so that only time will tell */
#define DATAGRAM_TELL_DRAIN     (1U << 8) /* the queue was at its high mark */
#define DATAGRAM_DROP           (1U << 9) /* closing without sending any more */

extern const struct object_kind_operations datagram_kind;

static inline struct kevy_datagram *datagram_of(struct kevy_x_object *object)
{
    return KEVY_CONTAINER_OF(object, struct kevy_datagram, object);
}

static inline bool datagram_has(const struct kevy_datagram *datagram, uint32_t flags)
{
    return (datagram->object.flags & flags) != 0;
}

/* What lies behind one another in a buffer or an entry begins at a multiple of 8. */
static inline uint32_t align8(size_t size)
{
    return (uint32_t)(size + 7) & ~7U;
}

static inline void datagram_error_tell(struct kevy_datagram *datagram, int error,
                                       const struct sockaddr *peer)
{
    datagram->stats.errors++;
    if (datagram->error != NULL && datagram->object.state == DATAGRAM_OPEN)
        datagram->error(datagram, error, peer);
}

/* datagram_read.c */
int datagram_read_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor, int fd,
                       const struct kevy_datagram_options *options);
void datagram_read_continue(struct kevy_datagram *datagram);
uint32_t datagram_feed(struct kevy_x_object *object);

/* True for what the network says of datagrams that were sent before. */
bool datagram_network_error(int error);

/* Gives back what was received and is not delivered, and waits for nothing more but the recvmsg. */
void datagram_read_end(struct kevy_datagram *datagram);

/* datagram_write.c */
void datagram_write_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor);
void datagram_write_continue(struct kevy_datagram *datagram);

/* datagram_socket.c: a bound socket as the options say, OWNED by the caller, or a negative errno.
 */
int datagram_socket(struct kevy_reactor *reactor, const struct kevy_datagram_options *options);

/* Readies a socket of the user's, if the options fit it. Returns 0 or a negative errno. */
int datagram_socket_check(struct kevy_reactor *reactor, int fd,
                          const struct kevy_datagram_options *options);

#endif /* KEVY_REACTOR_DATAGRAM_INTERNAL_H */
