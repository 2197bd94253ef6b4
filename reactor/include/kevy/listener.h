/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/listener.h - accepts connections, and lets a server restart without losing one.
 *
 * Model
 *
 *     A listener accepts connections with one multishot request. For each connection it calls
 *     `accept`, which returns an initialised stream, or NULL to close the connection.
 *
 *     The options that accepted sockets shall have are set once, on the listening socket. Linux
 *     copies them to each accepted socket, without a system call.
 *
 * Limits
 *
 *     - No descriptors or no memory (-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM): the listener stops
 *       accepting, and calls `stalled`. It goes on when this reactor closes a descriptor, and tries
 *       again after 100 ms.
 *     - `connections_max`: the listener stops accepting, and goes on when one of its connections
 *       has closed.
 *
 *     Meanwhile the clients wait in the backlog of the kernel.
 *
 * Unix sockets
 *
 *     The file of a path belongs to you. Opening a listener makes the file, with the permissions
 *     that umask(2) leaves, and the library never removes it. If the file exists already, opening
 *     fails with -EADDRINUSE, also if its server is gone. Remove it with unlink(2) before you open
 *     the listener, or after its `close`, if you know that no other server uses it.
 *
 *     An abstract name begins with a zero byte. It has no file, and is free again in `close`.
 *
 * Order
 *
 *     `accept`, and immediately after it `open` of the stream that it returned. `close` is the last
 *     callback, and after kevy_listener_close() it is the only one. After kevy_listener_finish()
 *     `accept` may come for clients in the backlog before it.
 *
 * Ownership
 *
 *     The struct is PINNED from a successful open to `close`. Without a `close` callback it is
 *     PINNED until kevy_reactor_destroy(). The streams do not need the listener any more, and may
 *     live longer.
 *
 * Callbacks
 *
 *     In `close`, and in no other callback, the listener may be freed or opened again. `accept` and
 *     `stalled` may pause or close it.
 *
 * Threads
 *
 *     The thread of the reactor. If several reactors serve one port, each has a listener with
 *     `reuse_port`; see <kevy/group.h>.
 *
 *     Do not let several reactors accept from copies of one socket. All connections would go to one
 *     of them (measured on Linux 6.18), because the kernel wakes the first that waits, and an
 *     accept that stays armed stays the first. If it must be one socket, set `shared` for each.
 *
 * Replacing a running server
 *
 *     Hand every listening socket to the new process, with kevy_stream_send_descriptor() or across
 *     execve(2); it calls kevy_listener_adopt(). When it serves, call kevy_listener_finish() in the
 *     old one. No client is refused, because the queue of the socket outlives the old process. With
 *     `reuse_port` each socket has a queue of its own, so hand all of them over: closing one resets
 *     the clients in its queue. examples/handover.c does it.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: greet each client, at most 100 at a time
 *
 *     #include <kevy/kevy.h>
 *     #include <stdlib.h>
 *
 *     static void client_open(struct kevy_stream *stream)
 *     {
 *         if (kevy_stream_send(stream, "hello\n", 6) == 0)
 *             kevy_stream_close(stream);
 *         else
 *             kevy_stream_abort(stream);
 *     }
 *
 *     static void client_close(struct kevy_stream *stream, int reason)
 *     {
 *         (void)reason;
 *         free(stream);
 *     }
 *
 *     static const struct kevy_stream_events client_events = {
 *         .open = client_open,
 *         .close = client_close,
 *     };
 *
 *     static struct kevy_stream *client_accept(struct kevy_listener *listener)
 *     {
 *         struct kevy_stream *stream = calloc(1, sizeof *stream);
 *
 *         (void)listener;
 *         return stream != NULL ? kevy_stream_init(stream, &client_events) : NULL;
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct kevy_listener_options options = {
 *             .address = "127.0.0.1",
 *             .port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7000),
 *             .connections_max = 100,
 *             .accept = client_accept,
 *         };
 *         struct kevy_listener listener = {0};
 *         struct kevy_reactor *reactor = NULL;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0)
 *             error = kevy_listener_open(&listener, reactor, &options);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
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

/* Options of kevy_listener_open() and kevy_listener_adopt(). A member that is zero means the
 * default, which stands in brackets. */
struct kevy_listener_options {
    /*
     * The address to listen on: either `address` with `port`, or `socket_address`.
     *
     * `address` is numeric, for example "127.0.0.1", "::1" or "fe80::1%eth0" [all addresses, IPv4
     * and IPv6]. With port 0 the kernel chooses one; see kevy_listener_port().
     *
     * `socket_address` is for all other families, for example Unix. BORROWED.
     */
    const char *address;
    uint16_t port;
    const struct sockaddr *socket_address;
    socklen_t socket_address_length;

    int backlog; /* of listen(2) [4096]; the kernel has a limit of its own */
    /* Connections that are accepted and not yet closed, at a time [no limit]. Leave descriptors for
     * the work: a server that opens a file for each request takes half of RLIMIT_NOFILE. */
    uint32_t connections_max;
    bool reuse_port; /* SO_REUSEPORT: several listeners share the port */
    /* Other reactors, or other processes, accept from the same socket: share with them. Each
     * connection then costs a request of its own. */
    bool shared;

    /* Options of the accepted sockets, only for TCP: see tcp(7). 0 leaves the default of the
     * system. */

    bool nagle; /* leaves Nagle's algorithm on [off: TCP_NODELAY is set] */
    /* SO_KEEPALIVE and TCP_KEEPIDLE: seconds of silence before the first probe, at most 32,767.
     * Three probes are sent, a third of that time apart. */
    uint32_t tcp_keepidle_s;
    /* TCP_USER_TIMEOUT: milliseconds that sent bytes may stay unacknowledged. */
    uint32_t tcp_user_timeout_ms;
    /* TCP_NOTSENT_LOWAT: bytes that the kernel queues beyond those that it sends. */
    uint32_t tcp_notsent_lowat;
    /* TCP_DEFER_ACCEPT: accept when the first bytes are there, or after so many seconds. */
    uint32_t tcp_defer_accept_s;
    /* TCP_FASTOPEN: the most connections at a time that had bytes in their SYN. */
    uint32_t tcp_fastopen;

    /* A connection is there: return an initialised and idle stream for it (asserted), or NULL to
     * close it. Required. */
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    /* Accepting has stopped, because of `error`: a lack of descriptors or memory, or another error
     * that accept(2) would repeat. Or it goes on, then `error` is 0. May be NULL. */
    void (*stalled)(struct kevy_listener *listener, int error);
    /* The last callback. May be NULL. */
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
    int32_t error;    /* the reason why accepting stopped, or 0 */
    int32_t incoming; /* in `accept`: the descriptor of the connection plus 1, else 0 */
};

/*
 * Opens *listener, which is idle (asserted), and accepts connections from the next turn on.
 * `options` is BORROWED. kevy_address_explain() turns an error into a sentence. Returns 0 or an
 * error; then no callback comes:
 *
 *     -EADDRNOTAVAIL  the address is not numeric, or does not belong to this machine
 *     -ENODEV         there is no interface of the name after the '%'
 *     -EINVAL         an option is out of range, two addresses are given, or a port is given with
 *                     a `socket_address`
 *
 * or an error of socket(2), setsockopt(2), bind(2) or listen(2), for example -EADDRINUSE, -EACCES,
 * -EMFILE, or -ENOENT (a path without its directory).
 */
KEVY_API int kevy_listener_open(struct kevy_listener *listener, struct kevy_reactor *reactor,
                                const struct kevy_listener_options *options);

/*
 * Like kevy_listener_open(), with a socket that already listens, for example one that systemd
 * passes, or one of the program that this program replaces. On success `fd` is OWNED by the
 * listener; it may be 0. The options of the accepted sockets are set on it, and it becomes
 * non-blocking, also for other processes that have it. Returns 0 or an error;
 * then no callback comes:
 *
 *     -EBADF       `fd` is not open
 *     -ENOTSOCK    it is no socket
 *     -EPROTOTYPE  it is no SOCK_STREAM
 *     -EINVAL      it does not listen; or the options have an address, a port, a `backlog` or
 *                  `reuse_port`
 */
KEVY_API int kevy_listener_adopt(struct kevy_listener *listener, struct kevy_reactor *reactor,
                                 int fd, const struct kevy_listener_options *options);

/* Stops accepting; clients wait in the backlog. Connections that the kernel has already accepted
 * still come. Idempotent. */
KEVY_API void kevy_listener_pause(struct kevy_listener *listener);

/* Accepts again. Idempotent. */
KEVY_API void kevy_listener_resume(struct kevy_listener *listener);

/* Closes the listening socket. Clients in the backlog get a reset; accepted streams go on. `close`
 * follows in a later turn. Idempotent. */
KEVY_API void kevy_listener_close(struct kevy_listener *listener);

/*
 * Like kevy_listener_close(), but accepts the clients in the backlog before, because their
 * connect(2) has succeeded. It does so even if the listener is paused. `accept` comes for each of
 * them, within the limits of `connections_max` and descriptors; the others get a reset.
 * kevy_reactor_finish() calls this function for every listener. Idempotent.
 */
KEVY_API void kevy_listener_finish(struct kevy_listener *listener);

/* Returns the port, in host byte order. 0 for a Unix socket, and when the listener is closed. */
KEVY_API uint16_t kevy_listener_port(const struct kevy_listener *listener);

/*
 * Writes the address that it listens on. *length is the room at `address` in bytes; on success it
 * becomes the size of the address, which is larger than the room if it was cut. Returns 0 or
 *
 *     -EBADF  the listener is not open
 */
KEVY_API int kevy_listener_address(const struct kevy_listener *listener, struct sockaddr *address,
                                   socklen_t *length);

/*
 * In `accept`: writes the address of the client, before there is memory for it; *length as above.
 * Returns 0 or
 *
 *     -ENOTCONN  the client has gone already
 *     -EBADF     this is not a callback of `accept`
 */
KEVY_API int kevy_listener_peer_address(const struct kevy_listener *listener,
                                        struct sockaddr *address, socklen_t *length);

/* In `accept`: the descriptor of the connection, BORROWED until the callback returns, for example
 * to ask for SO_PEERCRED. -1 outside of `accept`. */
static inline int kevy_listener_incoming_fd(const struct kevy_listener *listener)
{
    return listener->incoming - 1;
}

/* The listening descriptor, or -1 if there is none. BORROWED, for example to hand a copy of it to
 * the program that replaces this one. Never close it. */
static inline int kevy_listener_fd(const struct kevy_listener *listener)
{
    return listener->object.state != 0 ? listener->fd : -1;
}

/* Returns the number of its connections that are not yet closed. */
static inline uint32_t kevy_listener_connections(const struct kevy_listener *listener)
{
    return listener->connections;
}

/* Returns the reactor, or NULL if the listener was never opened. */
static inline struct kevy_reactor *kevy_listener_reactor(const struct kevy_listener *listener)
{
    return listener->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_LISTENER_H */
