/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_net.h - the life of a socket: open, bind, listen, accept, connect, options, end.
 *
 * Model. A new socket becomes a descriptor or, in the direct forms, a slot of the registered file
 * table:
 * `_direct` puts it into the slot named, replacing what was there, `_direct_alloc` lets the kernel
 * choose one (-ENFILE when none is free). A slot is no descriptor: it has no close-on-exec, so
 * SOCK_CLOEXEC is refused there, and no system call takes it; kevy_prep_fixed_fd_install() makes a
 * descriptor of it.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 */
#ifndef KEVY_RING_PREP_NET_H
#define KEVY_RING_PREP_NET_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct sockaddr;

KEVY_BEGIN_DECLS

/* Private: the opening of a socket, into a descriptor (file_index 0) or a slot. */
static inline void kevy_x_prep_socket_at(struct kevy_sqe *sqe, int domain, int type, int protocol,
                                         uint32_t file_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SOCKET, 0, 0, domain), (uint32_t)type, 0,
                     kevy_x_word_32_32((uint32_t)protocol, 0), kevy_x_word_buffer(0, file_index),
                     0);
}

/* socket(2) (5.19). res: the descriptor. `type` takes SOCK_NONBLOCK and SOCK_CLOEXEC. */
static inline void kevy_prep_socket(struct kevy_sqe *sqe, int domain, int type, int protocol)
{
    kevy_x_prep_socket_at(sqe, domain, type, protocol, 0);
}

/* The same into slot `slot` (5.19). res: 0. -ENXIO: no file table; -EINVAL: no such slot. */
static inline void kevy_prep_socket_direct(struct kevy_sqe *sqe, int domain, int type, int protocol,
                                           uint32_t slot)
{
    kevy_x_prep_socket_at(sqe, domain, type, protocol, kevy_x_word_slot(slot));
}

/* The same into a slot that the kernel chooses (5.19). res: the slot; -ENFILE: the table is full.
 */
static inline void kevy_prep_socket_direct_alloc(struct kevy_sqe *sqe, int domain, int type,
                                                 int protocol)
{
    kevy_x_prep_socket_at(sqe, domain, type, protocol, KEVY_FILE_INDEX_ALLOC);
}

/* bind(2) (6.11). res: 0. `address` is BORROWED. */
static inline void kevy_prep_bind(struct kevy_sqe *sqe, int fd, const struct sockaddr *address,
                                  uint32_t address_length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_BIND, 0, 0, fd), address_length,
                     kevy_x_word_pointer(address), 0, 0, 0);
}

/* listen(2) (6.11). res: 0. */
static inline void kevy_prep_listen(struct kevy_sqe *sqe, int fd, int backlog)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_LISTEN, 0, 0, fd), 0, 0,
                     kevy_x_word_32_32((uint32_t)backlog, 0), 0, 0);
}

/* Private: every form of accept. */
static inline void kevy_x_prep_accept_at(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                         uint32_t *address_length, uint32_t accept_flags,
                                         uint32_t accept_mode, uint32_t file_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_ACCEPT, 0, accept_mode, fd),
                     kevy_x_word_pointer(address_length), kevy_x_word_pointer(address),
                     kevy_x_word_32_32(0, accept_flags), kevy_x_word_buffer(0, file_index), 0);
}

/*
 * accept4(2) (5.5). res: the descriptor. `address` and `address_length` are PINNED, or both NULL.
 * `accept_flags` are SOCK_NONBLOCK and SOCK_CLOEXEC. -EMFILE and -ENFILE leave the connection in
 * the backlog, so a retry at once spins; the descriptor limit that counts is the one of submission.
 * -EAGAIN when the listener is non-blocking.
 */
static inline void kevy_prep_accept(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                    uint32_t *address_length, uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, address, address_length, accept_flags, 0, 0);
}

/* The same into slot `slot` (5.15), without SOCK_CLOEXEC. res: 0. */
static inline void kevy_prep_accept_direct(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                           uint32_t *address_length, uint32_t accept_flags,
                                           uint32_t slot)
{
    kevy_x_prep_accept_at(sqe, fd, address, address_length, accept_flags, 0,
                          kevy_x_word_slot(slot));
}

/*
 * The same into a slot that the kernel chooses (5.19). res: the slot. -ENFILE: the table is full,
 * and the connection, already accepted, is dropped: its peer sees the end of the stream.
 */
static inline void kevy_prep_accept_direct_alloc(struct kevy_sqe *sqe, int fd,
                                                 struct sockaddr *address, uint32_t *address_length,
                                                 uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, address, address_length, accept_flags, 0, KEVY_FILE_INDEX_ALLOC);
}

/*
 * Accepts one connection after the other (5.19). Multishot; res: a descriptor each. Takes no
 * address, because each connection would overwrite the last one's: ask getpeername. Ends with
 * -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM, with -ECANCELED, or without an error when the CQ
 * overflows.
 */
static inline void kevy_prep_accept_multishot(struct kevy_sqe *sqe, int fd, uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, 0, 0, accept_flags, KEVY_ACCEPT_MULTISHOT, 0);
}

/*
 * The same into slots that the kernel chooses (5.19), the only choice multishot has, and without
 * SOCK_CLOEXEC. res: a slot each. -ENFILE ends it and drops the connection it had just accepted:
 * stop before the table is full.
 */
static inline void kevy_prep_accept_multishot_direct(struct kevy_sqe *sqe, int fd,
                                                     uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, 0, 0, accept_flags, KEVY_ACCEPT_MULTISHOT,
                          KEVY_FILE_INDEX_ALLOC);
}

/* connect(2) (5.5). res: 0, -ECONNREFUSED, -ETIMEDOUT and so on. `address` is BORROWED. */
static inline void kevy_prep_connect(struct kevy_sqe *sqe, int fd, const struct sockaddr *address,
                                     uint32_t address_length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_CONNECT, 0, 0, fd), address_length,
                     kevy_x_word_pointer(address), 0, 0, 0);
}

/* shutdown(2) (5.11). res: 0; -ENOTCONN. Always runs on an io-wq worker. */
static inline void kevy_prep_shutdown(struct kevy_sqe *sqe, int fd, int how)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SHUTDOWN, 0, 0, fd), 0, 0,
                     kevy_x_word_32_32((uint32_t)how, 0), 0, 0);
}

/*
 * close(2) of any descriptor (5.6). res: 0. Requests that hold the file go on, and a socket sends
 * no FIN while one does: cancel and reap them first. The ring's own descriptor is refused with
 * -EBADF.
 */
static inline void kevy_prep_close(struct kevy_sqe *sqe, int fd)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_CLOSE, 0, 0, fd), 0, 0, 0, 0, 0);
}

/* Empties slot `slot` (5.15). res: 0; -EBADF: it is empty. KEVY_SQE_FIXED_FILE is refused here. */
static inline void kevy_prep_close_direct(struct kevy_sqe *sqe, uint32_t slot)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_CLOSE, 0, 0, 0), 0, 0, 0,
                     kevy_x_word_buffer(0, kevy_x_word_slot(slot)), 0);
}

/* Private: a command to a socket. optval and optlen lie where other commands have their data. */
static inline void kevy_x_prep_socket_command(struct kevy_sqe *sqe, int fd,
                                              enum kevy_socket_op command, uint64_t addr,
                                              uint64_t optval, uint32_t optlen)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_URING_CMD, 0, 0, fd),
                     kevy_x_word_32_32((uint32_t)command, 0), addr, 0,
                     kevy_x_word_buffer(0, optlen), optval);
}

/* SIOCINQ (6.5). res: bytes received and not yet read. TCP, UDP and raw sockets; -EOPNOTSUPP on
 * others. */
static inline void kevy_prep_socket_inq(struct kevy_sqe *sqe, int fd)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_SIOCINQ, 0, 0, 0);
}

/* SIOCOUTQ (6.5). res: bytes written and not yet sent or acknowledged. */
static inline void kevy_prep_socket_outq(struct kevy_sqe *sqe, int fd)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_SIOCOUTQ, 0, 0, 0);
}

/*
 * getsockopt(2) (6.7). res: the bytes written to `value`. Only SOL_SOCKET, -EOPNOTSUPP otherwise.
 * `value` is PINNED.
 */
static inline void kevy_prep_getsockopt(struct kevy_sqe *sqe, int fd, int level, int option,
                                        void *value, uint32_t value_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_GETSOCKOPT,
                               kevy_x_word_32_32((uint32_t)level, (uint32_t)option),
                               kevy_x_word_pointer(value), value_length);
}

/* setsockopt(2) (6.7), any level; works on slots, too. res: 0. `value` is PINNED. */
static inline void kevy_prep_setsockopt(struct kevy_sqe *sqe, int fd, int level, int option,
                                        const void *value, uint32_t value_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_SETSOCKOPT,
                               kevy_x_word_32_32((uint32_t)level, (uint32_t)option),
                               kevy_x_word_pointer(value), value_length);
}

/*
 * Reports the transmit time stamps of the error queue (6.17). Multishot; res: the stamp's key; the
 * CQE is a struct kevy_cqe32 with a struct kevy_io_timespec, KEVY_CQE_F_TSTAMP_HW and the type from
 * bit KEVY_TIMESTAMP_TYPE_SHIFT. Needs KEVY_SETUP_CQE32 or KEVY_SETUP_CQE_MIXED, else -EINVAL, and
 * a socket with SO_TIMESTAMPING including SOF_TIMESTAMPING_OPT_TSONLY.
 */
static inline void kevy_prep_tx_timestamp(struct kevy_sqe *sqe, int fd)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_TX_TIMESTAMP, 0, 0, 0);
}

/*
 * getsockname(2) (newer: 6.19, before it -EOPNOTSUPP); the way to ask a slot for its address. res:
 * 0. `address` and `address_length` are PINNED.
 */
static inline void kevy_prep_getsockname(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                         uint32_t *address_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_GETSOCKNAME, kevy_x_word_pointer(address),
                               kevy_x_word_pointer(address_length), 0);
}

/* getpeername(2) (newer: 6.19, before it -EOPNOTSUPP). As kevy_prep_getsockname(). */
static inline void kevy_prep_getpeername(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                         uint32_t *address_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_GETSOCKNAME, kevy_x_word_pointer(address),
                               kevy_x_word_pointer(address_length), 1);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_NET_H */
