/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_transfer.h - data through sockets: receive and send.
 *
 * Model. Bytes go to and from the caller's memory, or buffers of a provided group (`_select`,
 * `_bundle`, multishot): then KEVY_CQE_F_BUFFER is set and the upper 16 bits of the CQE's flags
 * name the buffer, or the first of several under a bundle. -ENOBUFS means that the group is empty.
 *
 * What holds for all of them: at most one receive and one send in flight on a stream, because the
 * kernel does not order them; a short send is normal, MSG_WAITALL makes it rarer (5.19) and not
 * impossible; a peer gone gives -EPIPE, never SIGPIPE. On a receive res is the number of bytes, 0
 * at the end of the stream, and KEVY_CQE_F_SOCK_NONEMPTY (5.19) says that more can be read; at the
 * end it may be set, too. POLL_FIRST is added by kevy_sqe_set_recvsend_flags().
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 */
#ifndef KEVY_RING_PREP_TRANSFER_H
#define KEVY_RING_PREP_TRANSFER_H

#include <kevy/ring_prep_base.h>

#if KEVY_RING_SUPPORTED

struct iovec;
struct msghdr;
struct sockaddr;

KEVY_BEGIN_DECLS

/* recv(2) (5.6). res: bytes, 0 at the end of the stream. `data` is PINNED. */
static inline void kevy_prep_recv(struct kevy_sqe *sqe, int fd, void *data, uint32_t length,
                                  uint32_t msg_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECV, 0, 0, fd), 0, kevy_x_word_pointer(data),
                     kevy_x_word_32_32(length, msg_flags), 0, 0);
}

/* Private: every receive into provided buffers. */
static inline void kevy_x_prep_recv_group(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                          uint64_t length_and_flags, uint32_t recvsend_flags,
                                          uint32_t total)
{
    kevy_x_sqe_store(sqe,
                     kevy_x_word_head(KEVY_OP_RECV, KEVY_SQE_BUFFER_SELECT, recvsend_flags, fd), 0,
                     0, length_and_flags, kevy_x_word_buffer(buffer_group, total), 0);
}

/*
 * recv(2) into a buffer of `buffer_group`, taken when data is there (5.7): an idle connection costs
 * no memory. At most `length` bytes, 0 for the buffer's size. -ENOBUFS: the group is empty.
 */
static inline void kevy_prep_recv_select(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t length, uint32_t msg_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, kevy_x_word_32_32(length, msg_flags), 0, 0);
}

/*
 * The same, filling as many buffers as the data needs (6.10). The CQE names the first; the rest
 * follow in ring order, each full but the last. It may stop at the end of a buffer although there
 * is more. It takes no length: 6.18 forgets it when it looks a second time, and hands out more than
 * was asked for.
 */
static inline void kevy_prep_recv_bundle(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t msg_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, kevy_x_word_32_32(0, msg_flags),
                           KEVY_RECVSEND_BUNDLE, 0);
}

/*
 * Receives into buffers of `buffer_group`, one after the other (6.0). Multishot; res: bytes each,
 * and 0 as the last at the end of the stream. `recvsend_flags` may hold KEVY_RECVSEND_POLL_FIRST
 * and KEVY_RECVSEND_BUNDLE (6.10). It ends with -ENOBUFS when the group is empty, at once even if
 * no data is there; with -ECANCELED; and without an error when the CQ overflows, that last CQE
 * carrying data.
 */
static inline void kevy_prep_recv_multishot(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                            uint16_t recvsend_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, 0, KEVY_RECV_MULTISHOT | recvsend_flags, 0);
}

/*
 * The same with limits: at most `length` bytes a CQE (6.10 for bundles; 0: what the buffer takes),
 * so that a flooding peer is not served 32 buffers a turn; and after `total` bytes (6.17; 0: never)
 * it ends without an error, by a CQE without KEVY_CQE_F_MORE. No bundles with a `total` on 6.17 and
 * early 6.18 and 6.19: they shorten the buffer that the total falls into, in the ring, for whoever
 * gets it next, and a buffer shorter than the others is not seen in a bundle.
 */
static inline void kevy_prep_recv_multishot_limit(struct kevy_sqe *sqe, int fd,
                                                  uint16_t buffer_group, uint32_t length,
                                                  uint32_t total, uint16_t recvsend_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, kevy_x_word_32_32(length, 0),
                           KEVY_RECV_MULTISHOT | recvsend_flags, total);
}

/*
 * recvmsg(2) (5.3). res: bytes. The iovec array is BORROWED; `message` itself, into which the
 * kernel writes lengths and flags at the end, is PINNED with name, control and data.
 */
static inline void kevy_prep_recvmsg(struct kevy_sqe *sqe, int fd, struct msghdr *message,
                                     uint32_t msg_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECVMSG, 0, 0, fd), 0,
                     kevy_x_word_pointer(message), kevy_x_word_32_32(1, msg_flags), 0, 0);
}

/*
 * recvmsg(2) whose data goes to a buffer of `buffer_group` (5.7). `message` has one iovec at most,
 * whose length is the limit and whose base is ignored; PINNED with name and control.
 */
static inline void kevy_prep_recvmsg_select(struct kevy_sqe *sqe, int fd, struct msghdr *message,
                                            uint16_t buffer_group, uint32_t msg_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECVMSG, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                     kevy_x_word_pointer(message), kevy_x_word_32_32(1, msg_flags),
                     kevy_x_word_buffer(buffer_group, 0), 0);
}

/*
 * Receives messages into buffers of `buffer_group` (6.0). Multishot; res: the bytes used of each
 * buffer, which starts with a struct kevy_recvmsg_out, then room for the name (msg_namelen of it),
 * for control data (msg_controllen), then the payload. Only these two lengths of `message` count;
 * it is BORROWED. Ends as kevy_prep_recv_multishot(). MSG_WAITALL is refused.
 */
static inline void kevy_prep_recvmsg_multishot(struct kevy_sqe *sqe, int fd,
                                               const struct msghdr *message, uint16_t buffer_group,
                                               uint32_t msg_flags)
{
    kevy_x_sqe_store(
        sqe, kevy_x_word_head(KEVY_OP_RECVMSG, KEVY_SQE_BUFFER_SELECT, KEVY_RECV_MULTISHOT, fd), 0,
        kevy_x_word_pointer(message), kevy_x_word_32_32(1, msg_flags),
        kevy_x_word_buffer(buffer_group, 0), 0);
}

/*
 * Zero-copy receive from the registered network queue `zcrx_index` (6.15). Multishot, always; each
 * CQE is a struct kevy_cqe32 with a struct kevy_zcrx_cqe that tells where in the area the `res`
 * bytes lie; give them back through the refill queue. `length` 0: no limit. Needs a registered
 * queue, else -EINVAL.
 */
static inline void kevy_prep_recv_zc(struct kevy_sqe *sqe, int fd, uint32_t zcrx_index,
                                     uint32_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECV_ZC, 0, KEVY_RECV_MULTISHOT, fd), 0, 0,
                     kevy_x_word_32_32(length, 0), kevy_x_word_buffer(0, zcrx_index), 0);
}

/* Private: every send from the caller's memory. */
static inline void kevy_x_prep_send_to(struct kevy_sqe *sqe, uint64_t head, const void *data,
                                       uint64_t length_and_flags, const struct sockaddr *address,
                                       uint64_t buffer)
{
    kevy_x_sqe_store(sqe, head, kevy_x_word_pointer(address), kevy_x_word_pointer(data),
                     length_and_flags, buffer, 0);
}

/* send(2) (5.6). res: bytes taken, maybe fewer than `length`. `data` is PINNED. */
static inline void kevy_prep_send(struct kevy_sqe *sqe, int fd, const void *data, uint32_t length,
                                  uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND, 0, 0, fd), data,
                        kevy_x_word_32_32(length, msg_flags), 0, 0);
}

/* sendto(2) (6.0). `data` is PINNED, `address` BORROWED. */
static inline void kevy_prep_sendto(struct kevy_sqe *sqe, int fd, const void *data, uint32_t length,
                                    uint32_t msg_flags, const struct sockaddr *address,
                                    uint16_t address_length)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND, 0, 0, fd), data,
                        kevy_x_word_32_32(length, msg_flags), address,
                        kevy_x_word_buffer(0, kevy_x_word_addr_len(address_length)));
}

/*
 * Sends the memory of `count` vectors without a msghdr around them (6.17). res: bytes. The array is
 * BORROWED, what it points to PINNED.
 */
static inline void kevy_prep_send_vectored(struct kevy_sqe *sqe, int fd,
                                           const struct iovec *vectors, uint32_t count,
                                           uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND, 0, KEVY_SEND_VECTORIZED, fd), vectors,
                        kevy_x_word_32_32(count, msg_flags), 0, 0);
}

/*
 * Sends the next buffer of `buffer_group` (6.10), at most `length` bytes of it, 0 for all. The
 * buffer is the caller's again, and named in the CQE.
 */
static inline void kevy_prep_send_select(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t length, uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                        kevy_x_word_32_32(length, msg_flags), 0,
                        kevy_x_word_buffer(buffer_group, 0));
}

/*
 * Sends the buffers of `buffer_group` in ring order until it is empty (6.10). res: bytes; the CQE
 * names the first buffer and the rest follow in ring order. While KEVY_CQE_F_MORE is set further
 * CQEs follow. It takes no length: 6.18 keeps to one in the first round only. Selects buffers by
 * itself: without that the kernel would post a second CQE for nothing.
 */
static inline void kevy_prep_send_bundle(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t msg_flags)
{
    kevy_x_prep_send_to(
        sqe, kevy_x_word_head(KEVY_OP_SEND, KEVY_SQE_BUFFER_SELECT, KEVY_RECVSEND_BUNDLE, fd), 0,
        kevy_x_word_32_32(0, msg_flags), 0, kevy_x_word_buffer(buffer_group, 0));
}

/*
 * sendmsg(2) (5.3). res: bytes. `message`, vectors and name are BORROWED. The data is PINNED, and
 * so is the control data, which the kernel reads when it sends, be that after a poll.
 */
static inline void kevy_prep_sendmsg(struct kevy_sqe *sqe, int fd, const struct msghdr *message,
                                     uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SENDMSG, 0, 0, fd), message,
                        kevy_x_word_32_32(1, msg_flags), 0, 0);
}

/*
 * Zero-copy send (6.0). Two CQEs: the result with KEVY_CQE_F_MORE, then KEVY_CQE_F_NOTIF when the
 * kernel has let go of the memory, which for TCP means acknowledged; also after an error. Without
 * F_MORE on the first there is no second. `data` is PINNED until the notification. Never wait for
 * it to send on. -ENOMEM: memlock; copy instead. -EOPNOTSUPP: Unix sockets and others.
 * KEVY_SEND_ZC_REPORT_USAGE (6.2) tells in the notification's res whether it was copied after all,
 * as on loopback. Worth it from about 3 kB.
 */
static inline void kevy_prep_send_zc(struct kevy_sqe *sqe, int fd, const void *data,
                                     uint32_t length, uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND_ZC, 0, 0, fd), data,
                        kevy_x_word_32_32(length, msg_flags), 0, 0);
}

/* The same from registered buffer `buffer_index`, inside which `data` lies (6.0): no pinning a
 * send. */
static inline void kevy_prep_send_zc_fixed(struct kevy_sqe *sqe, int fd, const void *data,
                                           uint32_t length, uint32_t msg_flags,
                                           uint16_t buffer_index)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND_ZC, 0, KEVY_RECVSEND_FIXED_BUF, fd),
                        data, kevy_x_word_32_32(length, msg_flags), 0,
                        kevy_x_word_buffer(buffer_index, 0));
}

/* Zero-copy sendto (6.0). As kevy_prep_send_zc(); `address` is BORROWED. */
static inline void kevy_prep_sendto_zc(struct kevy_sqe *sqe, int fd, const void *data,
                                       uint32_t length, uint32_t msg_flags,
                                       const struct sockaddr *address, uint16_t address_length)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND_ZC, 0, 0, fd), data,
                        kevy_x_word_32_32(length, msg_flags), address,
                        kevy_x_word_buffer(0, kevy_x_word_addr_len(address_length)));
}

/* Zero-copy send of vectors (6.17). As kevy_prep_send_zc(); the array is BORROWED. */
static inline void kevy_prep_send_zc_vectored(struct kevy_sqe *sqe, int fd,
                                              const struct iovec *vectors, uint32_t count,
                                              uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND_ZC, 0, KEVY_SEND_VECTORIZED, fd),
                        vectors, kevy_x_word_32_32(count, msg_flags), 0, 0);
}

/* Zero-copy sendmsg (6.1). As kevy_prep_send_zc(); `message` is BORROWED, the data PINNED. */
static inline void kevy_prep_sendmsg_zc(struct kevy_sqe *sqe, int fd, const struct msghdr *message,
                                        uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SENDMSG_ZC, 0, 0, fd), message,
                        kevy_x_word_32_32(1, msg_flags), 0, 0);
}

/* The same whose vectors lie inside registered buffer `buffer_index` (6.15). */
static inline void kevy_prep_sendmsg_zc_fixed(struct kevy_sqe *sqe, int fd,
                                              const struct msghdr *message, uint32_t msg_flags,
                                              uint16_t buffer_index)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SENDMSG_ZC, 0, KEVY_RECVSEND_FIXED_BUF, fd),
                        message, kevy_x_word_32_32(1, msg_flags), 0,
                        kevy_x_word_buffer(buffer_index, 0));
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_PREP_TRANSFER_H */
