/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/datagram.h - a datagram socket: UDP or Unix.
 *
 * Model. One multishot recvmsg into the reactor's pool, and a queue of copies on its way out. What
 * a turn sends leaves in one enter at its end, up to 64 datagrams of a socket at once.
 *
 * - Errors are told to `error` and counted, and never close the socket: a send that the kernel
 *   refused (that datagram is lost), and what came back for an earlier one (-ECONNREFUSED,
 *   -EHOSTUNREACH... on a connected socket).
 * - Above the high mark kevy_datagram_send() answers -EAGAIN, and `drain` follows once the queue
 *   is down to the low mark.
 * - Pausing loses nothing that had been received already. What arrives meanwhile waits in the
 *   socket's own buffer, which for UDP is bounded and then loses datagrams.
 * - A pool without free buffers loses nothing either: reading goes on when buffers are back.
 *
 * A datagram lies in one receive buffer, behind its sender's address and control data: 48 bytes at
 * most on internet sockets, 128 on Unix ones, and `control_size`. What does not fit is cut off and
 * reported.
 *
 * Order. Datagrams are read as they arrived, and leave as they were sent. Only where a UDP socket's
 * buffer fills in the middle of a turn may a later one of the same 64 overtake an earlier one; with
 * `ordered`, and on Unix sockets always, each waits for the one before, at the price of a turn for
 * each. `close` comes exactly once, last, after kevy_datagram_close(), a drain or the end of the
 * reactor, and from then on nothing else.
 *
 * Ownership. The struct is PINNED from a successful open to `close`, or where that callback is
 * missing to the end of the reactor.
 *
 * Callbacks. In `close`, and nowhere else, the socket may be freed or opened again.
 *
 * Threads: the reactor's. For a port served by several see `reuse_port`.
 *
 * Kernel: Linux 6.1.
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

/* A datagram received. All that it points at is BORROWED until the read callback returns. */
struct kevy_datagram_message {
    struct kevy_buffer *buffer;  /* the payload, maybe empty; retain or forward it as a stream's */
    const struct sockaddr *peer; /* who sent it; without a name on an unbound Unix socket */
    socklen_t peer_length;       /* 0 where the sender has no name */
    uint32_t whole_length;  /* as sent; above buffer->length the rest was cut off and is gone */
    uint16_t segment_size;  /* `gro`: the payload is datagrams of this size; else 0 */
    bool control_truncated; /* control data did not fit into `control_size`; `segment_size` may be
                             * what is missing */
    struct msghdr control;  /* for CMSG_FIRSTHDR() and CMSG_NXTHDR(), nothing else is set */
};

/* Counts since the socket was opened. */
struct kevy_datagram_stats {
    uint64_t received;  /* handed to `read` */
    uint64_t truncated; /* of these, longer than a receive buffer */
    uint64_t sent;      /* taken by the kernel */
    uint64_t errors;    /* told to `error` */
    uint64_t dropped;   /* received or to be sent, and let go of: refused, closed, out of memory */
};

/* Zero is the good default for each; the value in force is in brackets. */
struct kevy_datagram_options {
    /* The local end: `address` with `port`, or `socket_address`. An address is numeric, for
     * example "127.0.0.1", "::1" or "fe80::1%eth0" [every address, IPv4 and IPv6]. With port 0 the
     * kernel picks one. `socket_address` is BORROWED, and is for every other family, for example
     * Unix; of its path listener.h says more. */
    const char *address;
    uint16_t port;
    const struct sockaddr *socket_address;
    socklen_t socket_address_length;

    /* Connected mode: nothing is received from others, sends need no address, and errors come back.
     * BORROWED. Without any local end given the kernel picks one. */
    const struct sockaddr *peer;
    socklen_t peer_length;

    bool reuse_port;    /* SO_REUSEPORT: several sockets share the port, one a reactor */
    bool reuse_address; /* SO_REUSEADDR: several sockets of this host receive one multicast port */
    bool ordered;       /* strict order on the way out; see above */
    bool gro; /* UDP: the kernel may merge what one peer sent (5.0), up to 64 KiB; the reactor's
               * buffer_size has to hold that: 65,608 bytes and control_size at least */
    uint16_t control_size;   /* room for control data in each buffer, for CMSG_SPACE() of what was
                            * asked for with setsockopt(2): IP_PKTINFO, IP_RECVTOS... [0] */
    uint32_t low_watermark;  /* of the queue, in bytes [64 KiB] */
    uint32_t high_watermark; /* ... low <= high <= 1 GiB, asserted [256 KiB] */

    /* A datagram came. NULL: discarded. */
    void (*read)(struct kevy_datagram *datagram, struct kevy_datagram_message *message);
    /* The kernel refused a send to `peer`, BORROWED, with an error of sendmsg(2); or it told one of
     * the socket: then, and where the send named nobody, `peer` is NULL. */
    void (*error)(struct kevy_datagram *datagram, int error, const struct sockaddr *peer);
    /* The queue is down to the low mark, after -EAGAIN. */
    void (*drain)(struct kevy_datagram *datagram);
    /* kevy_reactor_finish() was called: come to an end. Without this callback the socket is closed.
     */
    void (*finish)(struct kevy_datagram *datagram);
    /* Last callback. */
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
    struct kevy_timer resend;        /* ... where a poll does not help */
    uint32_t resend_ms;              /* how long it takes next time */
    uint32_t flying;                 /* entries that the kernel has */
    uint32_t queued;                 /* bytes */
    uint32_t low_watermark;
    uint32_t high_watermark;
    int32_t fd;
    struct kevy_datagram_stats stats;
};

/*
 * Opens *datagram, which is all zero or has ended (asserted), and starts receiving. `options` is
 * BORROWED. kevy_address_explain() makes a sentence of an error. Returns 0, or
 *
 *     -EADDRNOTAVAIL  the address is not numeric, or is not of this machine
 *     -ENODEV         there is no interface of the name behind the '%'
 *     -EINVAL         the buffer_size of the reactor is below 512, is not a multiple of 8, or is
 *                     too small for `gro` or `control_size`; or two addresses are given, or a port
 *                     beside a `socket_address`
 *
 * or what socket(2), setsockopt(2), bind(2) and connect(2) fail with: -EADDRINUSE, -EACCES,
 * -EMFILE... No callback comes then.
 */
KEVY_API int kevy_datagram_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor,
                                const struct kevy_datagram_options *options);

/*
 * As kevy_datagram_open(), with a datagram socket that exists already. `fd` is OWNED by us when 0
 * is returned; descriptor 0 is as good as any other. `peer` and `gro` are set on it. Returns 0;
 * -EBADF or -ENOTSOCK; -EPROTOTYPE for a socket that is not SOCK_DGRAM; -EINVAL as above, and when
 * the options name a local end, `reuse_port` or `reuse_address`; or what connect(2) and
 * setsockopt(2) fail with.
 */
KEVY_API int kevy_datagram_adopt(struct kevy_datagram *datagram, struct kevy_reactor *reactor,
                                 int fd, const struct kevy_datagram_options *options);

/*
 * Queues a copy of one datagram to `peer` (BORROWED; NULL on a connected socket). `length` may be
 * 0: an empty datagram is one. Returns 0; -EAGAIN when the queue is at the high mark or above
 * (`drain` follows); -ENOBUFS when memory_limit is reached; -EMSGSIZE above 65,535 bytes, and with
 * a buffer_size below 2 KiB above fewer, at 512 about 10 KiB; -EINVAL for an address longer than a
 * sockaddr_storage; -EDESTADDRREQ without a peer; -EPIPE when the socket is not open.
 */
KEVY_API int kevy_datagram_send(struct kevy_datagram *datagram, const void *data, size_t length,
                                const struct sockaddr *peer, socklen_t peer_length);

/* All that a send may say; BORROWED, and so is what it points at. */
struct kevy_datagram_packet {
    const void *data;
    size_t length;
    const struct sockaddr *peer; /* NULL on a connected socket */
    socklen_t peer_length;
    /* UDP_SEGMENT (4.18): the kernel cuts `data` into datagrams of this size, the last maybe
     * shorter, 64 of them at most. 0: it is one datagram. */
    uint16_t segment_size;
    const void *control;   /* control messages to go with it: IP_PKTINFO, IP_TOS... or NULL */
    size_t control_length; /* 256 at most */
};

/* As kevy_datagram_send(), with segments and control data. Also -EINVAL: more than 256 bytes of
 * control data. */
KEVY_API int kevy_datagram_send_packet(struct kevy_datagram *datagram,
                                       const struct kevy_datagram_packet *packet);

/*
 * Joins or leaves the multicast group `group` (numeric) on the interface with that index, 0 for the
 * one the routes say. Returns 0; -EINVAL for an address that is not numeric, or is none of a group;
 * or what setsockopt(2) fails with for MCAST_JOIN_GROUP and MCAST_LEAVE_GROUP of ip(7): -EADDRINUSE
 * (joined already), -EADDRNOTAVAIL (not joined), -ENODEV, -ENOBUFS (too many), -EOPNOTSUPP and
 * -ENOPROTOOPT (a socket of another family), -EBADF (closed).
 */
KEVY_API int kevy_datagram_join(struct kevy_datagram *datagram, const char *group,
                                unsigned interface_index);
KEVY_API int kevy_datagram_leave(struct kevy_datagram *datagram, const char *group,
                                 unsigned interface_index);

/* Stops `read`, at once. Idempotent. */
KEVY_API void kevy_datagram_pause(struct kevy_datagram *datagram);

/* Lets it come again, from the next flush on. Idempotent. */
KEVY_API void kevy_datagram_resume(struct kevy_datagram *datagram);

/*
 * Closes: no further callback but `close`. What is queued is sent as far as the socket takes it
 * without waiting; the rest is dropped. Idempotent.
 */
KEVY_API void kevy_datagram_close(struct kevy_datagram *datagram);

/* The local port, host byte order; 0 for a Unix socket, or once it is closed. */
KEVY_API uint16_t kevy_datagram_port(const struct kevy_datagram *datagram);

/* Bytes queued and not yet taken by the kernel, with what the queue needs for each datagram. */
static inline size_t kevy_datagram_queued(const struct kevy_datagram *datagram)
{
    return datagram->queued;
}

/* Writes the counters into *stats; in `close` they are final. */
static inline void kevy_datagram_stats(const struct kevy_datagram *datagram,
                                       struct kevy_datagram_stats *stats)
{
    *stats = datagram->stats;
}

/* The descriptor, BORROWED for socket options; -1 when there is none. Never close it. */
static inline int kevy_datagram_fd(const struct kevy_datagram *datagram)
{
    return datagram->object.state != 0 ? datagram->fd : -1;
}

/* The reactor it was opened on. */
static inline struct kevy_reactor *kevy_datagram_reactor(const struct kevy_datagram *datagram)
{
    return datagram->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_DATAGRAM_H */
