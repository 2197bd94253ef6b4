/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_net.h - the life of a socket: open, bind, listen, accept, connect, options, close.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 * Where a new socket goes
 *
 *     (no suffix)      it becomes a descriptor
 *     _direct          it goes into the slot of the registered file table that the caller names. A
 *                      file that was there is replaced.
 *     _direct_alloc    it goes into a slot that the kernel chooses. -ENFILE: no slot is free.
 *
 *     A slot is not a descriptor. System calls cannot use it, and it has no close-on-exec flag, so
 *     SOCK_CLOEXEC is refused. kevy_prep_fixed_fd_install() makes a descriptor of it.
 *
 * Example: a listening socket on a port of 127.0.0.1, made by one chain
 *
 *     #include <arpa/inet.h>
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *     #include <netinet/in.h>
 *     #include <sys/socket.h>
 *
 *     static int listener_start(struct kevy_ring *ring, uint32_t slot, uint16_t port)
 *     {
 *         static struct sockaddr_in address;
 *         struct kevy_sqe *sqe;
 *
 *         address.sin_family = AF_INET;
 *         address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
 *         address.sin_port = htons(port);
 *         sqe = kevy_ring_sqe(ring, 1);
 *         kevy_prep_socket_direct(sqe, AF_INET, SOCK_STREAM, 0, slot);
 *         kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
 *         sqe = kevy_ring_sqe(ring, 2);
 *         kevy_prep_bind(sqe, (int)slot, (struct sockaddr *)&address, sizeof address);
 *         kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE | KEVY_SQE_IO_LINK);
 *         sqe = kevy_ring_sqe(ring, 3);
 *         kevy_prep_listen(sqe, (int)slot, 128);
 *         kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
 *         return kevy_ring_submit(ring);
 *     }
 */
#ifndef KEVY_RING_PREP_NET_H
#define KEVY_RING_PREP_NET_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct sockaddr;

KEVY_BEGIN_DECLS

/* Private: opens a socket, as a descriptor (file_index is 0) or in a slot. */
static inline void kevy_x_prep_socket_at(struct kevy_sqe *sqe, int domain, int type, int protocol,
                                         uint32_t file_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SOCKET, 0, 0, domain), (uint32_t)type, 0,
                     kevy_x_word_32_32((uint32_t)protocol, 0), kevy_x_word_buffer(0, file_index),
                     0);
}

/* socket(2) (5.19). res: the descriptor. `type` may hold SOCK_NONBLOCK and SOCK_CLOEXEC. */
static inline void kevy_prep_socket(struct kevy_sqe *sqe, int domain, int type, int protocol)
{
    kevy_x_prep_socket_at(sqe, domain, type, protocol, 0);
}

/*
 * As kevy_prep_socket(), into slot `slot` (5.19). res: 0. -ENXIO: there is no file table. -EINVAL:
 * no such slot.
 */
static inline void kevy_prep_socket_direct(struct kevy_sqe *sqe, int domain, int type, int protocol,
                                           uint32_t slot)
{
    kevy_x_prep_socket_at(sqe, domain, type, protocol, kevy_x_word_slot(slot));
}

/*
 * As kevy_prep_socket(), into a slot that the kernel chooses (5.19). res: the slot. -ENFILE: no
 * slot is free.
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

/* Private: all forms of accept. */
static inline void kevy_x_prep_accept_at(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                         uint32_t *address_length, uint32_t accept_flags,
                                         uint32_t accept_mode, uint32_t file_index)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_ACCEPT, 0, accept_mode, fd),
                     kevy_x_word_pointer(address_length), kevy_x_word_pointer(address),
                     kevy_x_word_32_32(0, accept_flags), kevy_x_word_buffer(0, file_index), 0);
}

/*
 * accept4(2) (5.5). res: the descriptor. `address` and `address_length` are PINNED, or both are
 * NULL. `accept_flags` are SOCK_NONBLOCK and SOCK_CLOEXEC.
 *
 *     -EMFILE  the process has too many descriptors: the limit at the time of the submit counts.
 *              The connection stays in the backlog, so do not repeat the accept at once
 *     -ENFILE  the system has too many open files. Otherwise the same
 *     -EAGAIN  the listener is non-blocking, and no connection waits
 */
static inline void kevy_prep_accept(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                    uint32_t *address_length, uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, address, address_length, accept_flags, 0, 0);
}

/* As kevy_prep_accept(), into slot `slot` (5.15), without SOCK_CLOEXEC. res: 0. */
static inline void kevy_prep_accept_direct(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                           uint32_t *address_length, uint32_t accept_flags,
                                           uint32_t slot)
{
    kevy_x_prep_accept_at(sqe, fd, address, address_length, accept_flags, 0,
                          kevy_x_word_slot(slot));
}

/*
 * As kevy_prep_accept(), into a slot that the kernel chooses (5.19). res: the slot. -ENFILE: no
 * slot is free. Then the kernel drops the connection, and its peer sees the end of the stream.
 */
static inline void kevy_prep_accept_direct_alloc(struct kevy_sqe *sqe, int fd,
                                                 struct sockaddr *address, uint32_t *address_length,
                                                 uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, address, address_length, accept_flags, 0, KEVY_FILE_INDEX_ALLOC);
}

/*
 * Accepts one connection after another (5.19). Multishot. res: a descriptor in each CQE. It has no
 * address, because each connection would overwrite the one before: use kevy_prep_getpeername().
 *
 * It ends with -EMFILE, -ENFILE, -ENOBUFS, -ENOMEM or -ECANCELED; or without an error, if the CQ
 * overflows.
 */
static inline void kevy_prep_accept_multishot(struct kevy_sqe *sqe, int fd, uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, 0, 0, accept_flags, KEVY_ACCEPT_MULTISHOT, 0);
}

/*
 * As kevy_prep_accept_multishot(), into slots that the kernel chooses (5.19), without SOCK_CLOEXEC.
 * res: a slot in each CQE. -ENFILE ends it: no slot is free. Then the kernel drops the connection
 * that it has just accepted, so cancel the request before the table is full.
 */
static inline void kevy_prep_accept_multishot_direct(struct kevy_sqe *sqe, int fd,
                                                     uint32_t accept_flags)
{
    kevy_x_prep_accept_at(sqe, fd, 0, 0, accept_flags, KEVY_ACCEPT_MULTISHOT,
                          KEVY_FILE_INDEX_ALLOC);
}

/*
 * connect(2) (5.5). res: 0, or an error of connect(2), for example -ECONNREFUSED. `address` is
 * BORROWED.
 */
static inline void kevy_prep_connect(struct kevy_sqe *sqe, int fd, const struct sockaddr *address,
                                     uint32_t address_length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_CONNECT, 0, 0, fd), address_length,
                     kevy_x_word_pointer(address), 0, 0, 0);
}

/* shutdown(2) (5.11). res: 0. -ENOTCONN: it is not connected. A worker thread always runs it. */
static inline void kevy_prep_shutdown(struct kevy_sqe *sqe, int fd, int how)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_SHUTDOWN, 0, 0, fd), 0, 0,
                     kevy_x_word_32_32((uint32_t)how, 0), 0, 0);
}

/*
 * close(2) (5.6). res: 0. -EBADF for the descriptor of the ring itself.
 *
 * Requests that use the file go on, and a socket sends no FIN before the last of them has ended. So
 * cancel them and reap their CQEs before.
 */
static inline void kevy_prep_close(struct kevy_sqe *sqe, int fd)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_CLOSE, 0, 0, fd), 0, 0, 0, 0, 0);
}

/* Empties slot `slot` (5.15). res: 0. -EBADF: it is empty. KEVY_SQE_FIXED_FILE is refused. */
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

/*
 * SIOCINQ (6.5). res: bytes that are received and not read. For TCP, UDP and raw sockets; others
 * answer -EOPNOTSUPP.
 */
static inline void kevy_prep_socket_inq(struct kevy_sqe *sqe, int fd)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_SIOCINQ, 0, 0, 0);
}

/* SIOCOUTQ (6.5). res: bytes that are written and not yet sent or acknowledged. */
static inline void kevy_prep_socket_outq(struct kevy_sqe *sqe, int fd)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_SIOCOUTQ, 0, 0, 0);
}

/*
 * getsockopt(2) (6.7). res: bytes stored in `value` (PINNED). Only for SOL_SOCKET; other levels
 * answer -EOPNOTSUPP.
 */
static inline void kevy_prep_getsockopt(struct kevy_sqe *sqe, int fd, int level, int option,
                                        void *value, uint32_t value_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_GETSOCKOPT,
                               kevy_x_word_32_32((uint32_t)level, (uint32_t)option),
                               kevy_x_word_pointer(value), value_length);
}

/* setsockopt(2) (6.7), for all levels. It works on slots. res: 0. `value` is PINNED. */
static inline void kevy_prep_setsockopt(struct kevy_sqe *sqe, int fd, int level, int option,
                                        const void *value, uint32_t value_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_SETSOCKOPT,
                               kevy_x_word_32_32((uint32_t)level, (uint32_t)option),
                               kevy_x_word_pointer(value), value_length);
}

/*
 * Reports transmit time stamps of the error queue (6.17). Multishot. res: the key of the time
 * stamp. The CQE is a struct kevy_cqe32 that holds a struct kevy_io_timespec. Its flags hold
 * KEVY_CQE_F_TSTAMP_HW, and the type from bit KEVY_TIMESTAMP_TYPE_SHIFT on.
 *
 * The ring needs KEVY_SETUP_CQE32 or KEVY_SETUP_CQE_MIXED (-EINVAL without). The socket needs
 * SO_TIMESTAMPING with SOF_TIMESTAMPING_OPT_TSONLY.
 */
static inline void kevy_prep_tx_timestamp(struct kevy_sqe *sqe, int fd)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_TX_TIMESTAMP, 0, 0, 0);
}

/*
 * getsockname(2) (newer, 6.19; older kernels answer -EOPNOTSUPP). It works on slots. res: 0.
 * `address` and `address_length` are PINNED.
 */
static inline void kevy_prep_getsockname(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                         uint32_t *address_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_GETSOCKNAME, kevy_x_word_pointer(address),
                               kevy_x_word_pointer(address_length), 0);
}

/* getpeername(2) (newer, 6.19). As kevy_prep_getsockname(). */
static inline void kevy_prep_getpeername(struct kevy_sqe *sqe, int fd, struct sockaddr *address,
                                         uint32_t *address_length)
{
    kevy_x_prep_socket_command(sqe, fd, KEVY_SOCKET_OP_GETSOCKNAME, kevy_x_word_pointer(address),
                               kevy_x_word_pointer(address_length), 1);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_NET_H */
