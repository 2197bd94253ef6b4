/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/listener.h - accepts connections.
 *
 * Model. One multishot accept a listener. For each connection `accept` is asked for memory: an
 * initialised stream, or NULL to shed the connection (it is closed and counted). Socket options are
 * set once on the listening socket, and Linux lets every accepted one inherit them: no system call
 * a connection.
 *
 * Running out of descriptors or memory (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM) stops accepting. It
 * starts again when a stream of this reactor closes, or after 100 ms. `state` tells. At
 * `connections_max` the listener stops too, and starts again when one of its connections closes;
 * waiting clients stay in the backlog.
 *
 * Unix sockets. A path belongs to the user: open makes the file, with the rights that umask(2)
 * leaves, and nothing here removes it. One that is there already, live or left behind by a server
 * that is gone, makes open fail with -EADDRINUSE: unlink(2) it first, or after the last `close`,
 * when it is known to be nobody else's. An abstract name (a path that begins with a zero byte)
 * leaves nothing behind and is free again in `close`.
 *
 * Ownership. The struct is PINNED from a successful open to its `close` callback.
 */
#ifndef KEVY_LISTENER_H
#define KEVY_LISTENER_H

#include <kevy/reactor.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

#include <sys/socket.h>

KEVY_BEGIN_DECLS

struct kevy_listener;
struct kevy_stream;

/* Zero is the good default for each. */
struct kevy_listener_options {
    /* Where to listen, one of three: `address` (numeric, "127.0.0.1" or "::1"; NULL: every address,
     * IPv4 and IPv6) with `port` (0: the kernel picks one); or `socket_address`, BORROWED, for
     * anything else (Unix); or `fd`, a listening socket (not descriptor 0), OWNED by the listener
     * when open succeeds. */
    const char *address;
    uint16_t port;
    const struct sockaddr *socket_address;
    socklen_t socket_address_length;
    int fd;

    int backlog;              /* connections waiting to be accepted [4096; the kernel clamps it] */
    uint32_t connections_max; /* accepted and not yet closed [no limit] */
    bool reuse_port;          /* SO_REUSEPORT: several listeners share the port, one a reactor */
    bool delay; /* leaves Nagle's algorithm on; off by default: a turn sends at once what it has */

    /* Set on the listening socket, inherited by what it accepts; TCP only, 0 leaves the system's
     * default. */
    uint32_t keep_alive_s; /* SO_KEEPALIVE, the first probe after so long, three more a third of it
                              apart */
    uint32_t user_timeout_ms; /* TCP_USER_TIMEOUT: how long sent bytes may stay unacknowledged */
    uint32_t
        not_sent_low; /* TCP_NOTSENT_LOWAT: bytes that the kernel queues beyond what it sends */
    uint32_t defer_accept_s;    /* TCP_DEFER_ACCEPT: accept once bytes came, or after so long */
    uint32_t fast_open_backlog; /* TCP_FASTOPEN: connections whose first bytes came with the SYN */

    /* Memory for a connection: a stream fresh from kevy_stream_init(), or NULL to shed. Required.
     */
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    /* Accepting stopped for `error` (-EMFILE and its like), or goes on again (0). */
    void (*state)(struct kevy_listener *listener, int error);
    /* Last callback: the memory is the user's again. */
    void (*close)(struct kevy_listener *listener);
};

/* A listener. Its fields are private. */
struct kevy_listener {
    struct kevy_object object;
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    void (*state)(struct kevy_listener *listener, int error);
    void (*close)(struct kevy_listener *listener);
    struct kevy_listener *next; /* in the reactor's list of listeners */
    struct kevy_timer retry;
    uint32_t connections;
    uint32_t connections_max;
    int32_t fd;
    int32_t error; /* why accepting stopped, 0 when it did not */
};

/*
 * Opens *listener and starts accepting. `options` is BORROWED. Returns 0, or -EADDRINUSE, -EACCES,
 * -EADDRNOTAVAIL, -ENOENT (no folder for a path) and the like from socket(2), bind(2), listen(2),
 * or -EINVAL for an address that is not numeric, or a Unix one that is too long. On failure no
 * callback comes and the struct is plain memory.
 */
KEVY_API int kevy_listener_open(struct kevy_listener *listener, struct kevy_reactor *reactor,
                                const struct kevy_listener_options *options);

/* Stops accepting; waiting clients stay in the backlog. Idempotent. */
KEVY_API void kevy_listener_pause(struct kevy_listener *listener);

/* Accepts again. Idempotent. */
KEVY_API void kevy_listener_resume(struct kevy_listener *listener);

/* Closes the listening socket; accepted streams live on. `close` follows from the loop. Idempotent.
 */
KEVY_API void kevy_listener_close(struct kevy_listener *listener);

/* The port that it listens on, host byte order; 0 for a Unix socket. */
KEVY_API uint16_t kevy_listener_port(const struct kevy_listener *listener);

/* Connections accepted and not yet closed. */
static inline uint32_t kevy_listener_connections(const struct kevy_listener *listener)
{
    return listener->connections;
}

/* The reactor it was opened on. */
static inline struct kevy_reactor *kevy_listener_reactor(const struct kevy_listener *listener)
{
    return listener->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_LISTENER_H */
