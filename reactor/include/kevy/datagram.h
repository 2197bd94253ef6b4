/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/datagram.h - a datagram socket: UDP or Unix.
 *
 * Model
 *
 *     The socket receives with one multishot request into the receive pool of its reactor, and
 *     calls `read` for each datagram. It sends from a queue of copies. All datagrams that a turn
 *     queues leave in one system call at its end, up to 64 of one socket at a time.
 *
 *     A datagram lies in one receive buffer, after the address of its sender and its control data.
 *     These take up to 48 bytes on an internet socket, up to 128 bytes on a Unix socket, and
 *     `control_size`. Bytes that do not fit into the buffer are lost; `whole_length` tells.
 *
 * Errors
 *
 *     Errors never close the socket. They are counted, and `error` is called for two kinds:
 *
 *     - The kernel refused a datagram to send, which is lost.
 *     - The kernel reports an error of an earlier one, for example -ECONNREFUSED or -EHOSTUNREACH
 *       on a connected socket.
 *
 * Flow control
 *
 *     - When the queue is at the high watermark or above, sends return -EAGAIN. `drain` follows
 *       when the queue is down to the low watermark.
 *     - Pausing loses no datagram that was received before. Later ones wait in the buffer of the
 *       socket. For UDP this buffer loses datagrams when it is full.
 *     - If the pool has no free buffers, the socket reads again when buffers are back.
 *
 * Order
 *
 *     Datagrams are read in the order in which they arrived, and leave in the order in which they
 *     were sent, with one exception: if the buffer of a UDP socket becomes full in the middle of a
 *     turn, a later one of the same 64 may overtake an earlier one. With `ordered`, and always on
 *     Unix sockets, each waits for the one before, so that each takes a turn.
 *
 *     `close` is the last callback and comes once: after kevy_datagram_close(),
 *     kevy_reactor_finish() or the end of the reactor. After kevy_datagram_close() it is the only
 *     one.
 *
 * Ownership
 *
 *     The struct is PINNED from a successful open to `close`. Without a `close` callback it is
 *     PINNED until kevy_reactor_destroy().
 *
 * Callbacks
 *
 *     In `close`, and in no other callback, the socket may be freed or opened again.
 *
 * Threads
 *
 *     The thread of the reactor. If several reactors serve one port, each has a socket with
 *     `reuse_port`.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: send each datagram back
 *
 *     #include <kevy/kevy.h>
 *     #include <stdlib.h>
 *
 *     static void socket_read(struct kevy_datagram *datagram, struct kevy_datagram_message
 *     *message) {
 *         kevy_datagram_send(datagram, message->buffer->data, message->buffer->length,
 *         message->peer,
 *                            message->peer_length);
 *     }
 *
 *     int main(int argc, char **argv)
 *     {
 *         struct kevy_datagram_options options = {
 *             .address = "127.0.0.1",
 *             .port = (uint16_t)(argc > 1 ? atoi(argv[1]) : 7000),
 *             .read = socket_read,
 *         };
 *         struct kevy_datagram datagram = {0};
 *         struct kevy_reactor *reactor = NULL;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0)
 *             error = kevy_datagram_open(&datagram, reactor, &options);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_DATAGRAM_H
#define KEVY_DATAGRAM_H

#include <kevy/completion.h>
#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

#include <sys/socket.h>

KEVY_BEGIN_DECLS

struct kevy_datagram;
struct kevy_x_datagram_entry;

/* A received datagram. All that it points to is BORROWED until the `read` callback returns. */
struct kevy_datagram_message {
    struct kevy_buffer *buffer;  /* the data, maybe empty; may be kept or forwarded */
    const struct sockaddr *peer; /* the sender */
    socklen_t peer_length;       /* 0 if the sender has no name (Unix) */
    uint32_t whole_length;       /* as it was sent; above buffer->length the rest is lost */
    uint16_t segment_size;       /* with `gro`: the data is datagrams of this size; otherwise 0 */
    /* Control data did not fit into `control_size`. `segment_size` may be missing, too. */
    bool control_truncated;
    struct msghdr control; /* only for CMSG_FIRSTHDR() and CMSG_NXTHDR() */
};

/* Counters of a datagram socket since it was opened. */
struct kevy_datagram_stats {
    uint64_t received;  /* datagrams that `read` got */
    uint64_t truncated; /* of these, datagrams that were longer than a receive buffer */
    uint64_t sent;      /* datagrams that the kernel took */
    uint64_t errors;    /* calls of `error` */
    uint64_t dropped;   /* datagrams lost, in both directions: refused, closed, or no memory */
};

/* Options of kevy_datagram_open() and kevy_datagram_adopt(). A member that is zero means the
 * default, which stands in brackets. */
struct kevy_datagram_options {
    /*
     * The local address: either `address` with `port`, or `socket_address`.
     *
     * `address` is numeric, for example "127.0.0.1", "::1" or "fe80::1%eth0" [all addresses, IPv4
     * and IPv6]. With port 0 the kernel chooses one; see kevy_datagram_port().
     *
     * `socket_address` is for all other families, for example Unix. BORROWED. <kevy/listener.h>
     * says more about the path of a Unix socket.
     */
    const char *address;
    uint16_t port;
    const struct sockaddr *socket_address;
    socklen_t socket_address_length;

    /* Connects the socket to `peer`: it receives only from this address, sends need no address, and
     * errors are reported. BORROWED. If no local address is given, the kernel chooses one. */
    const struct sockaddr *peer;
    socklen_t peer_length;

    bool reuse_port;    /* SO_REUSEPORT: several sockets share the port, one for each reactor */
    bool reuse_address; /* SO_REUSEADDR: several sockets of a host receive one multicast port */
    bool ordered;       /* strict order of sends; see above */
    /* UDP_GRO (5.0): the kernel may join datagrams of one sender, up to 64 KiB. The buffer_size of
     * the reactor must be at least 65,608 and `control_size` more. */
    bool gro;
    /* Bytes for control data in each buffer [0]: the sum of CMSG_SPACE() for all that you switch on
     * with setsockopt(2), for example IP_PKTINFO or IP_RECVTOS. */
    uint16_t control_size;
    uint32_t low_watermark;  /* of the queue, in bytes [64 KiB]; low <= high (asserted) */
    uint32_t high_watermark; /* of the queue, in bytes [256 KiB]; at most 1 GiB (asserted) */

    /* A datagram was received. Without this callback they are discarded. */
    void (*read)(struct kevy_datagram *datagram, struct kevy_datagram_message *message);
    /* The kernel refused a send to `peer` (BORROWED), with an error of sendmsg(2). If the send had
     * no address, or the kernel reports an error of the socket, `peer` is NULL. May be NULL. */
    void (*error)(struct kevy_datagram *datagram, int error, const struct sockaddr *peer);
    /* A send returned -EAGAIN before, and the queue is down to the low watermark. May be NULL. */
    void (*drain)(struct kevy_datagram *datagram);
    /* kevy_reactor_finish() was called: bring the socket to its end. Without this callback it is
     * closed. */
    void (*finish)(struct kevy_datagram *datagram);
    /* The last callback. May be NULL. */
    void (*close)(struct kevy_datagram *datagram);
};

/* A datagram socket. Its fields are private. */
struct kevy_datagram {
    union {
        struct kevy_x_reader reader;
        struct kevy_x_object object; /* of the reader */
    };
    void (*read)(struct kevy_datagram *datagram, struct kevy_datagram_message *message);
    void (*error)(struct kevy_datagram *datagram, int error, const struct sockaddr *peer);
    void (*drain)(struct kevy_datagram *datagram);
    void (*finish)(struct kevy_datagram *datagram);
    void (*close)(struct kevy_datagram *datagram);
    struct kevy_completion receive;
    struct msghdr request; /* of the recvmsg: how its buffers are divided */
    struct kevy_x_datagram_entry *queue_first;
    struct kevy_x_datagram_entry *queue_last;
    struct kevy_x_block *fill;       /* the block that the next entry goes into, if it fits */
    struct kevy_timer retry;         /* of receiving, after an error that is not the network's */
    struct kevy_completion writable; /* the poll of a socket whose buffer is full */
    struct kevy_timer resend;        /* ... if a poll does not help */
    uint32_t resend_ms;              /* its delay next time */
    uint32_t flying;                 /* entries that the kernel has */
    uint32_t queued;                 /* bytes */
    uint32_t low_watermark;
    uint32_t high_watermark;
    int32_t fd;
    struct kevy_datagram_stats stats;
};

/*
 * Opens *datagram, which is idle (asserted), and receives from the next turn on. `options` is
 * BORROWED. kevy_address_explain() turns an error into a sentence. Returns 0 or an error; then no
 * callback comes:
 *
 *     -EADDRNOTAVAIL  the address is not numeric, or does not belong to this machine
 *     -ENODEV         there is no interface of the name after the '%'
 *     -EINVAL         the buffer_size of the reactor is below 512, is not a multiple of 8, or is
 *                     too small for `gro` or `control_size`; or two addresses are given; or a port
 *                     is given with a `socket_address`
 *
 * or an error of socket(2), setsockopt(2), bind(2) or connect(2), for example -EADDRINUSE, -EACCES
 * or -EMFILE.
 */
KEVY_API int kevy_datagram_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor,
                                const struct kevy_datagram_options *options);

/*
 * Like kevy_datagram_open(), with a datagram socket that exists already. On success `fd` is OWNED
 * by *datagram; it may be 0. `peer` and `gro` are set on it. Returns 0 or an error; then no
 * callback comes:
 *
 *     -EBADF       `fd` is not open
 *     -ENOTSOCK    it is no socket
 *     -EPROTOTYPE  it is no SOCK_DGRAM
 *     -EINVAL      for the sizes of buffers, like kevy_datagram_open(); or the options have a local
 *                  address, a port, `reuse_port` or `reuse_address`
 *
 * or an error of connect(2) or setsockopt(2).
 */
KEVY_API int kevy_datagram_adopt(struct kevy_datagram *datagram, struct kevy_reactor *reactor,
                                 int fd, const struct kevy_datagram_options *options);

/*
 * Queues a copy of one datagram to `peer`, which is BORROWED, or NULL on a connected socket.
 * `length` may be 0: a datagram can be empty. Returns 0 or
 *
 *     -EAGAIN        the queue is at the high watermark or above; `drain` follows
 *     -ENOBUFS       memory_limit is reached
 *     -EMSGSIZE      `length` is above 65,535, or too large for the buffer_size of the reactor, if
 *                    that is below 2 KiB: the limit at 512 is about 10 KiB
 *     -EINVAL        the address is longer than a sockaddr_storage
 *     -EDESTADDRREQ  no peer is given, and the socket is not connected
 *     -EPIPE         the socket is not open
 */
KEVY_API int kevy_datagram_send(struct kevy_datagram *datagram, const void *data, size_t length,
                                const struct sockaddr *peer, socklen_t peer_length);

/* A datagram to send, with all its options. BORROWED, and so is all that it points to. */
struct kevy_datagram_packet {
    const void *data;
    size_t length;
    const struct sockaddr *peer; /* NULL on a connected socket */
    socklen_t peer_length;
    /* UDP_SEGMENT (4.18): the kernel cuts `data` into datagrams of this size, at most 64; the last
     * one may be shorter. 0: one datagram. */
    uint16_t segment_size;
    const void *control;   /* control messages, for example IP_PKTINFO or IP_TOS; or NULL */
    size_t control_length; /* bytes, at most 256 */
};

/* Like kevy_datagram_send(), with segments and control messages. Returns -EINVAL also for more than
 * 256 bytes of control messages, or more than 64 segments. */
KEVY_API int kevy_datagram_send_packet(struct kevy_datagram *datagram,
                                       const struct kevy_datagram_packet *packet);

/*
 * Joins or leaves the multicast group `group` (a numeric address) on the interface with this index;
 * 0 means the interface that the routes choose. Returns 0 or
 *
 *     -EINVAL         the address is not numeric, or is not a multicast address
 *     -EADDRINUSE     the group is joined already
 *     -EADDRNOTAVAIL  the group is not joined
 *     -ENODEV         there is no such interface
 *     -ENOBUFS        too many groups
 *     -EOPNOTSUPP, -ENOPROTOOPT  the socket has another family
 *     -EBADF          the socket is closed
 *
 * or another error of setsockopt(2) for MCAST_JOIN_GROUP or MCAST_LEAVE_GROUP; see ip(7).
 */
KEVY_API int kevy_datagram_join(struct kevy_datagram *datagram, const char *group,
                                unsigned interface_index);
KEVY_API int kevy_datagram_leave(struct kevy_datagram *datagram, const char *group,
                                 unsigned interface_index);

/* Stops `read` at once. Idempotent. */
KEVY_API void kevy_datagram_pause(struct kevy_datagram *datagram);

/* Lets `read` come again, from the next turn on. Idempotent. */
KEVY_API void kevy_datagram_resume(struct kevy_datagram *datagram);

/*
 * Closes the socket. Datagrams in the queue are sent if the socket takes them without waiting; the
 * rest is dropped. Idempotent.
 */
KEVY_API void kevy_datagram_close(struct kevy_datagram *datagram);

/* Returns the local port, in host byte order; 0 for a Unix socket, and after the close. */
KEVY_API uint16_t kevy_datagram_port(const struct kevy_datagram *datagram);

/* Returns the bytes in the queue, together with the memory that the queue needs for each entry. */
static inline size_t kevy_datagram_queued(const struct kevy_datagram *datagram)
{
    return datagram->queued;
}

/*
 * Writes the local address. *length is the room at `address` in bytes; on success it becomes the
 * size of the address, which is larger than the room if it was cut. Returns 0 or
 *
 *     -EBADF  the socket is not open
 */
KEVY_API int kevy_datagram_address(const struct kevy_datagram *datagram, struct sockaddr *address,
                                   socklen_t *length);

/* Copies the counters into *stats. In `close` they are final. */
static inline void kevy_datagram_stats(const struct kevy_datagram *datagram,
                                       struct kevy_datagram_stats *stats)
{
    *stats = datagram->stats;
}

/* Returns the descriptor, or -1 if there is none. BORROWED, for example for socket options. Never
 * close it. */
static inline int kevy_datagram_fd(const struct kevy_datagram *datagram)
{
    return datagram->object.state != 0 ? datagram->fd : -1;
}

/* Returns the reactor, or NULL if the socket was never opened. */
static inline struct kevy_reactor *kevy_datagram_reactor(const struct kevy_datagram *datagram)
{
    return datagram->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_DATAGRAM_H */
