/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_SOCKET_H
#define KEVY_SIM_SRC_SOCKET_H

/*
 * Stream sockets in memory.
 *
 * Model. Each socket has a flow: the bytes on their way to it. The peer writes at its end; pieces
 * of what was written arrive after the connection's delay, and then the end, if the peer has shut
 * its side down. A reset overtakes nothing that has arrived and destroys what has not; a reader
 * gets first what has arrived, then the error, once.
 *
 *     written >= arrived >= taken,   written - taken <= capacity
 *
 * As in Linux a socket that is closed with bytes unread, or that bytes come to after it was closed,
 * sends a reset; so does one with SO_LINGER of 0. Unix sockets have no delay.
 *
 * A connection may have a script, a number that decides all of its faults: chance.h. Reads and
 * writes then stop at offsets in its bytes, its accept fails so often, and a reset keeps its place
 * behind the bytes that were sent before it.
 *
 * The world's ends have no descriptor; a watcher hears of their changes.
 */

#include "names.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "clock.h"
#include "file.h"

struct kevy_sim_peer;

/* The first port that bind(2) hands out; those for paths are of the same numbers. */
#define SOCKET_PORT_FIRST 10000U

enum socket_state {
    SOCKET_NEW,
    SOCKET_LISTENING,
    SOCKET_CONNECTING,
    SOCKET_CONNECTED,
    SOCKET_RESET, /* by the peer */
};

/* Offsets in a flow of a scripted connection, at which reads or writes come to a stop. */
struct cuts {
    uint64_t next;
    uint32_t count;
};

struct flow {
    uint8_t *bytes;
    uint32_t capacity;
    uint64_t written;
    uint64_t arrived;
    uint64_t taken;
    struct cuts read_cuts;
    struct cuts write_cuts;
    bool ended;
    bool end_arrived;
    bool reset_follows; /* behind the last byte */
    struct kevy_sim_event arrival;
};

struct kevy_x_socket {
    struct file file;
    enum socket_state state;
    int family;
    uint16_t port;
    struct kevy_x_socket *peer; /* NULL once it is closed */
    struct flow in;
    struct kevy_sim_event reset;
    uint64_t delay_ns;
    uint64_t script;          /* of the connection; 0: the chances of the world */
    uint32_t accepts_refused; /* so far, of a scripted one that waits to be accepted */
    int error;
    bool reset_wanted; /* SO_LINGER of 0 */
    bool shared;       /* SO_REUSEPORT */
    bool read_shut;
    bool write_shut;
    bool told;      /* that it is connected */
    bool cut;       /* the other end was given up by nobody but the network, or a shortage */
    bool deaf;      /* nothing reaches it, and nobody is told */
    bool reset_due; /* when it is not deaf any more */
    struct kevy_x_socket *queue_first; /* of a listening one, to be accepted */
    struct kevy_x_socket *queue_next;
    uint32_t queue_count;
    uint32_t queue_limit;
    struct kevy_x_socket *next;          /* of those that listen, newest first */
    struct kevy_x_socket *parted_next;   /* of those that are deaf */
    struct kevy_sim_event progress;      /* of a connection attempt */
    struct request *notices;             /* of zero-copy sends, to come */
    struct kevy_sim_peer *peer_of_world; /* NULL: the program's end */
};

void sockets_reset(void);

/* Of those that are deaf: forgets all; and one of them is so no more, or is closed. */
void sockets_parted_reset(void);
void socket_part_end(struct kevy_x_socket *socket);

/* All that is under way to it, and has been held up, goes on. */
void socket_go_on(struct kevy_x_socket *socket);

/* Of those that listen: forgets all; and one of them is closed. */
void sockets_listening_reset(void);
void socket_listen_end(struct kevy_x_socket *socket);

/* A socket with one reference. */
struct kevy_x_socket *socket_make(int family);
struct kevy_x_socket *socket_of(struct file *file);

int socket_read(struct kevy_x_socket *socket, void *data, uint32_t length);
int socket_peek(struct kevy_x_socket *socket, void *data, uint32_t length);
int socket_write(struct kevy_x_socket *socket, const void *data, uint32_t length);

/* What a send or a connect of the program's fails with before it does anything, or 0. */
int socket_shortage(const struct kevy_x_socket *socket);

uint32_t socket_poll(const struct kevy_x_socket *socket);
void socket_shutdown(struct kevy_x_socket *socket, int how);

/* More can be read at once, or the end. */
bool socket_more(const struct kevy_x_socket *socket);

/* The peer has vanished: nothing is acknowledged. */
bool socket_silent(const struct kevy_x_socket *socket);

/* Bytes that can be read; bytes written that the peer's side has not got yet. */
uint32_t socket_readable(const struct kevy_x_socket *socket);
uint32_t socket_unacknowledged(const struct kevy_x_socket *socket);

/* The other end gets a reset when this one is closed. */
void socket_abort(struct kevy_x_socket *socket);

/* Both ends get one, from nobody in particular. */
void socket_cut(struct kevy_x_socket *socket);

/* From now on nothing passes between the two ends; or all that has been held up does. */
void socket_part(struct kevy_x_socket *socket, bool is_parted);
void sockets_heal(void);

/* Closes an end that nobody has accepted. */
void socket_refuse(struct kevy_x_socket *socket);

/* Names it: port 0 is the next free one. */
void socket_bind(struct kevy_x_socket *socket, uint16_t port);

/* 0, or -EADDRINUSE. */
int socket_listen(struct kevy_x_socket *socket, int backlog);

/* The next connection to be accepted, whose reference is the caller's; NULL for none. */
struct kevy_x_socket *socket_accept(struct kevy_x_socket *listener);

/* A descriptor with `flags` for the next connection, or what accept4(2) fails with: -EAGAIN for
 * none, and whatever chance wants. */
int socket_take(struct kevy_x_socket *listener, int flags);

/* Connects *socket to the program's socket that listens at `port`, or to the first one of all for
 * port 0: 0, -ECONNREFUSED, or -EAGAIN when its queue is full. */
int socket_reach(struct kevy_x_socket *socket, uint16_t port);

/* Connects the two, with room for so many bytes each way. */
void socket_join(struct kevy_x_socket *one, struct kevy_x_socket *other, uint32_t capacity,
                 uint64_t delay_ns);

#endif
