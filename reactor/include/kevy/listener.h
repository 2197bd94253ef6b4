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
 * starts again when this reactor has closed a descriptor, or after 100 ms. `state` tells. At
 * `connections_max` the listener stops too, and starts again when one of its connections closes;
 * waiting clients stay in the backlog.
 *
 * Unix sockets. A path belongs to the user: open makes the file, with the rights that umask(2)
 * leaves, and nothing here removes it. One that is there already, live or left behind by a server
 * that is gone, makes open fail with -EADDRINUSE: unlink(2) it first, or after the last `close`,
 * when it is known to be nobody else's. An abstract name (a path that begins with a zero byte)
 * leaves nothing behind and is free again in `close`.
 *
 * Order. `accept`, and right after it `open` of the stream that it returned. `close` comes last,
 * and after kevy_listener_close() nothing else does.
 *
 * Ownership. The struct is PINNED from a successful open to `close`, or where that callback is
 * missing to the end of the reactor. Streams outlive their listener.
 *
 * Callbacks. In `close`, and nowhere else, the listener may be freed or opened again. `accept` and
 * `state` may pause or close it.
 *
 * Threads: the reactor's. For a port served by several see `reuse_port` and <kevy/group.h>.
 *
 * Kernel: Linux 6.1.
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

/* Zero is the good default for each; the value in force is in brackets. */
struct kevy_listener_options {
    /* Where to listen: `address` with `port`, or `socket_address`. An address is numeric, for
     * example "127.0.0.1", "::1" or "fe80::1%eth0" [every address, IPv4 and IPv6]. With port 0 the
     * kernel picks one. `socket_address` is BORROWED, and is for every other family, for example
     * Unix. */
    const char *address;
    uint16_t port;
    const struct sockaddr *socket_address;
    socklen_t socket_address_length;

    int backlog; /* connections waiting to be accepted [4096], clamped by the kernel: listen(2) */
    uint32_t connections_max; /* accepted and not yet closed [no limit] */
    bool reuse_port;          /* SO_REUSEPORT: several listeners share the port, one a reactor */

    /* What accepted sockets inherit, TCP only: tcp(7). Where not said otherwise 0 leaves the
     * system's default. */

    bool nagle; /* leaves Nagle's algorithm on [off: a turn sends at once what it has] */
    /* SO_KEEPALIVE [off]: seconds of silence before the first probe, up to 32,767; three go out, a
     * third of that apart. */
    uint32_t tcp_keepidle_s;
    /* TCP_USER_TIMEOUT: milliseconds that sent bytes may stay unacknowledged. */
    uint32_t tcp_user_timeout_ms;
    /* TCP_NOTSENT_LOWAT: bytes that the kernel queues beyond what it sends. */
    uint32_t tcp_notsent_lowat;
    /* TCP_DEFER_ACCEPT: accept once bytes came, or after so many seconds. */
    uint32_t tcp_defer_accept_s;
    /* TCP_FASTOPEN: connections at a time whose first bytes came with the SYN. */
    uint32_t tcp_fastopen;

    /* Memory for a connection: an initialised stream that is not in use (asserted), or NULL to shed
     * it. Required. */
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    /* Accepting stopped for `error` (-EMFILE and its like, or another that accept(2) would only
     * repeat), or goes on again (0). */
    void (*stalled)(struct kevy_listener *listener, int error);
    /* Last callback. */
    void (*close)(struct kevy_listener *listener);
};

/* A listener. Its fields are private. */
struct kevy_listener {
    struct kevy_x_object object;
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    void (*stalled)(struct kevy_listener *listener, int error);
    void (*close)(struct kevy_listener *listener);
    struct kevy_x_waiter wait; /* for a descriptor to become free */
    struct kevy_timer retry;
    uint32_t connections;
    uint32_t connections_max;
    int32_t fd;
    int32_t error; /* why accepting stopped, 0 when it did not */
};

/*
 * Opens *listener, which is all zero or has ended (asserted), and starts accepting. `options` is
 * BORROWED. kevy_address_explain() makes a sentence of an error. Returns 0, or
 *
 *     -EADDRNOTAVAIL  the address is not numeric, or is not of this machine
 *     -ENODEV         there is no interface of the name behind the '%'
 *     -EINVAL         an option is out of range; or two addresses are given, or a port beside a
 *                     `socket_address`
 *
 * or what socket(2), setsockopt(2), bind(2) and listen(2) fail with: -EADDRINUSE, -EACCES,
 * -EAFNOSUPPORT, -EMFILE, -ENOENT (no folder for a path)... No callback comes then.
 */
KEVY_API int kevy_listener_open(struct kevy_listener *listener, struct kevy_reactor *reactor,
                                const struct kevy_listener_options *options);

/*
 * As kevy_listener_open(), with a socket that listens already, for example one of systemd's, or of
 * the program that this one replaces. `fd` is OWNED by the listener when 0 is returned; descriptor
 * 0 is as good as any other. What accepted sockets inherit is set on it. Returns 0; -EBADF or
 * -ENOTSOCK; -EPROTOTYPE for a socket that is not SOCK_STREAM; or -EINVAL for a socket that does
 * not listen, and when the options say where to listen, a `backlog` or `reuse_port`.
 */
KEVY_API int kevy_listener_adopt(struct kevy_listener *listener, struct kevy_reactor *reactor,
                                 int fd, const struct kevy_listener_options *options);

/* Stops accepting; waiting clients stay in the backlog. Those that the kernel had accepted by then
 * still come. Idempotent. */
KEVY_API void kevy_listener_pause(struct kevy_listener *listener);

/* Accepts again. Idempotent. */
KEVY_API void kevy_listener_resume(struct kevy_listener *listener);

/* Closes the listening socket. The kernel resets the clients that wait in the backlog; see
 * kevy_listener_finish(). Accepted streams live on. `close` follows from the loop. Idempotent. */
KEVY_API void kevy_listener_close(struct kevy_listener *listener);

/*
 * Like kevy_listener_close(), but the clients that wait in the backlog are accepted before, also if
 * the listener is paused: their connect(2) has succeeded. `accept` comes for each of them, as far
 * as `connections_max` and descriptors allow. The rest is reset. kevy_reactor_finish() calls this
 * for every listener. Idempotent.
 */
KEVY_API void kevy_listener_finish(struct kevy_listener *listener);

/* The port that it listens on, host byte order; 0 for a Unix socket, or once it is closed. */
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
