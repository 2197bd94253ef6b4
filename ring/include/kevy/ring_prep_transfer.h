/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_prep_transfer.h - data through sockets: receive and send.
 *
 * Part of <kevy/ring_prep.h>, which explains the rules.
 *
 * Rules for a stream
 *
 *     - Have at most one receive and one send in flight: the kernel does not order them.
 *     - A send may transfer fewer bytes. MSG_WAITALL (5.19) makes that rare, not impossible.
 *     - If the peer is gone, a send ends with -EPIPE. There is never a SIGPIPE.
 *     - A receive ends with a `res` of 0 at the end of the stream.
 *     - KEVY_CQE_F_SOCK_NONEMPTY (5.19) on a receive: there is more to read. It can also be set
 *       at the end of the stream.
 *
 * Buffer groups
 *
 *     _select, _bundle and multishot receives put the data into buffers of a group, see
 *     <kevy/buffer_ring.h>. A CQE with KEVY_CQE_F_BUFFER names a buffer, see kevy_buffer_id();
 *     of a bundle it names the first one. -ENOBUFS: the group is empty.
 *
 * Zero-copy sends
 *
 *     A zero-copy send has two CQEs. The first one has the result, and KEVY_CQE_F_MORE if a
 *     second one follows; that can also be so after an error. The second one carries
 *     KEVY_CQE_F_NOTIF. It tells that the kernel no longer uses the memory; with TCP the peer has
 *     then acknowledged the data. The data is PINNED until the second CQE. Do not wait for it
 *     before the next send.
 *
 * Example: send a file header without copying it
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *     #include <sys/socket.h>
 *
 *     static int header_send(struct kevy_ring *ring, int fd, const void *header, uint32_t length)
 *     {
 *         struct kevy_sqe *sqe = kevy_ring_sqe(ring, 1);
 *
 *         if (sqe == NULL)
 *             return -1;
 *         kevy_prep_send_zc(sqe, fd, header, length, 0);
 *         kevy_sqe_set_msg_flags(sqe, MSG_WAITALL);
 *         return kevy_ring_submit(ring);
 *     }
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

/* Private: all receives into a buffer group. */
static inline void kevy_x_prep_recv_group(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                          uint64_t length_and_flags, uint32_t recvsend_flags,
                                          uint32_t total)
{
    kevy_x_sqe_store(sqe,
                     kevy_x_word_head(KEVY_OP_RECV, KEVY_SQE_BUFFER_SELECT, recvsend_flags, fd), 0,
                     0, length_and_flags, kevy_x_word_buffer(buffer_group, total), 0);
}

/*
 * recv(2) into a buffer of `buffer_group` (5.7). The kernel takes the buffer when data is there, so
 * an idle connection needs no memory. It receives at most `length` bytes, or as many as the buffer
 * holds if `length` is 0.
 */
static inline void kevy_prep_recv_select(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t length, uint32_t msg_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, kevy_x_word_32_32(length, msg_flags), 0, 0);
}

/*
 * As kevy_prep_recv_select(), into as many buffers as the data needs (6.10). The CQE names the
 * first. The others follow in ring order, see kevy_buffer_ring_after(); all but the last are full.
 * It may stop at the end of a buffer although there is more data.
 *
 * It has no `length`: 6.18 forgets it when it tries again, and returns more than that.
 */
static inline void kevy_prep_recv_bundle(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t msg_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, kevy_x_word_32_32(0, msg_flags),
                           KEVY_RECVSEND_BUNDLE, 0);
}

/*
 * Receives into buffers of `buffer_group`, one after another (6.0). Multishot. res: bytes in each
 * CQE, and 0 in the last one at the end of the stream. `recvsend_flags` may hold
 * KEVY_RECVSEND_POLL_FIRST and KEVY_RECVSEND_BUNDLE (6.10).
 *
 * It ends with -ENOBUFS if the group is empty, even if there is no data; with -ECANCELED; or
 * without an error if the CQ overflows. Then the last CQE carries data.
 *
 * From 6.8 on it can miss the end: a CQE without KEVY_CQE_F_SOCK_NONEMPTY says that the socket is
 * empty, and no CQE follows. It misses
 *
 *     - an end or a reset that arrived with the first data, with KEVY_RECVSEND_POLL_FIRST;
 *     - a TCP reset that arrived with data: seldom from early 2026 on, often before;
 *     - the end of a Unix socket that arrived with data: 6.17 to early 6.18 and 6.19.
 *
 * Where that matters, ask the socket some time later, with poll(2) and POLLRDHUP.
 */
static inline void kevy_prep_recv_multishot(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                            uint16_t recvsend_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, 0, KEVY_RECV_MULTISHOT | recvsend_flags, 0);
}

/*
 * As kevy_prep_recv_multishot(), with two limits:
 *
 *     - `length`: each CQE has at most so many bytes. 0: as many as the buffer holds. With bundles
 *       from 6.10 on. A peer that floods is then not served 32 buffers at a time.
 *     - `total`: after so many bytes the request ends without an error, by a CQE without
 *       KEVY_CQE_F_MORE (6.17). 0: never.
 *
 * Do not use a `total` with bundles on 6.17 and early 6.18 and 6.19: these kernels shorten the
 * buffer in which the total is reached, in the ring. The next user gets it short, and a bundle does
 * not tell that it is.
 */
static inline void kevy_prep_recv_multishot_limit(struct kevy_sqe *sqe, int fd,
                                                  uint16_t buffer_group, uint32_t length,
                                                  uint32_t total, uint16_t recvsend_flags)
{
    kevy_x_prep_recv_group(sqe, fd, buffer_group, kevy_x_word_32_32(length, 0),
                           KEVY_RECV_MULTISHOT | recvsend_flags, total);
}

/*
 * recvmsg(2) (5.3). res: bytes. The array of vectors is BORROWED. `message` is PINNED, because the
 * kernel writes lengths and flags into it, and so are name, control and data.
 */
static inline void kevy_prep_recvmsg(struct kevy_sqe *sqe, int fd, struct msghdr *message,
                                     uint32_t msg_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECVMSG, 0, 0, fd), 0,
                     kevy_x_word_pointer(message), kevy_x_word_32_32(1, msg_flags), 0, 0);
}

/*
 * recvmsg(2) that puts the data into a buffer of `buffer_group` (5.7). `message` has at most one
 * vector: its length is the limit, its base is ignored. PINNED with name and control.
 */
static inline void kevy_prep_recvmsg_select(struct kevy_sqe *sqe, int fd, struct msghdr *message,
                                            uint16_t buffer_group, uint32_t msg_flags)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECVMSG, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                     kevy_x_word_pointer(message), kevy_x_word_32_32(1, msg_flags),
                     kevy_x_word_buffer(buffer_group, 0), 0);
}

/*
 * Receives messages into buffers of `buffer_group` (6.0). Multishot. res: the bytes used of the
 * buffer. kevy_recvmsg_parse() in <kevy/ring_result.h> reads them: a struct kevy_recvmsg_out, room
 * for the name, room for control data, the payload.
 *
 * Of `message` (BORROWED) only msg_namelen and msg_controllen count: the two rooms. It ends as
 * kevy_prep_recv_multishot(). MSG_WAITALL is refused.
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
 * Zero-copy receive from the registered queue `zcrx_index` of a network card (6.15), see
 * <kevy/ring_zcrx.h>. Always multishot. Each CQE is a struct kevy_cqe32 with a struct kevy_zcrx_cqe
 * that tells where the `res` bytes lie. A `length` of 0 is no limit. -EINVAL: no such queue.
 */
static inline void kevy_prep_recv_zc(struct kevy_sqe *sqe, int fd, uint32_t zcrx_index,
                                     uint32_t length)
{
    kevy_x_sqe_store(sqe, kevy_x_word_head(KEVY_OP_RECV_ZC, 0, KEVY_RECV_MULTISHOT, fd), 0, 0,
                     kevy_x_word_32_32(length, 0), kevy_x_word_buffer(0, zcrx_index), 0);
}

/* Private: all sends from the caller's memory. */
static inline void kevy_x_prep_send_to(struct kevy_sqe *sqe, uint64_t head, const void *data,
                                       uint64_t length_and_flags, const struct sockaddr *address,
                                       uint64_t buffer)
{
    kevy_x_sqe_store(sqe, head, kevy_x_word_pointer(address), kevy_x_word_pointer(data),
                     length_and_flags, buffer, 0);
}

/* send(2) (5.6). res: bytes, which may be fewer than `length`. `data` is PINNED. */
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
 * Sends the memory of `count` vectors, without a msghdr (6.17). res: bytes. The array is BORROWED,
 * the memory that it names is PINNED.
 */
static inline void kevy_prep_send_vectored(struct kevy_sqe *sqe, int fd,
                                           const struct iovec *vectors, uint32_t count,
                                           uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND, 0, KEVY_SEND_VECTORIZED, fd), vectors,
                        kevy_x_word_32_32(count, msg_flags), 0, 0);
}

/*
 * Sends the next buffer of `buffer_group` (6.10): at most `length` bytes of it, or all if `length`
 * is 0. The CQE names the buffer, which is the caller's again.
 */
static inline void kevy_prep_send_select(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t length, uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND, KEVY_SQE_BUFFER_SELECT, 0, fd), 0,
                        kevy_x_word_32_32(length, msg_flags), 0,
                        kevy_x_word_buffer(buffer_group, 0));
}

/*
 * Sends the buffers of `buffer_group` in ring order until the group is empty (6.10). res: bytes.
 * The CQE names the first buffer; the others follow in ring order. More CQEs follow while
 * KEVY_CQE_F_MORE is set.
 *
 * It has no `length`: 6.18 obeys it only in the first round. It selects buffers by itself: without,
 * the kernel would add a CQE without meaning.
 */
static inline void kevy_prep_send_bundle(struct kevy_sqe *sqe, int fd, uint16_t buffer_group,
                                         uint32_t msg_flags)
{
    kevy_x_prep_send_to(
        sqe, kevy_x_word_head(KEVY_OP_SEND, KEVY_SQE_BUFFER_SELECT, KEVY_RECVSEND_BUNDLE, fd), 0,
        kevy_x_word_32_32(0, msg_flags), 0, kevy_x_word_buffer(buffer_group, 0));
}

/*
 * sendmsg(2) (5.3). res: bytes. `message`, its vectors and its name are BORROWED. The data is
 * PINNED, and so is the control data: the kernel reads it when it sends, which may be after a poll.
 */
static inline void kevy_prep_sendmsg(struct kevy_sqe *sqe, int fd, const struct msghdr *message,
                                     uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SENDMSG, 0, 0, fd), message,
                        kevy_x_word_32_32(1, msg_flags), 0, 0);
}

/*
 * Zero-copy send (6.0), with two CQEs as above. `data` is PINNED until the second one. Worth it
 * from about 3 kB on.
 *
 * KEVY_SEND_ZC_REPORT_USAGE (6.2) makes the `res` of the second CQE tell whether the data was
 * copied nevertheless, as on the loopback interface.
 *
 *     -ENOMEM      the limit of locked memory: copy instead
 *     -EOPNOTSUPP  this kind of socket cannot do it, for example a Unix socket
 */
static inline void kevy_prep_send_zc(struct kevy_sqe *sqe, int fd, const void *data,
                                     uint32_t length, uint32_t msg_flags)
{
    kevy_x_prep_send_to(sqe, kevy_x_word_head(KEVY_OP_SEND_ZC, 0, 0, fd), data,
                        kevy_x_word_32_32(length, msg_flags), 0, 0);
}

/*
 * As kevy_prep_send_zc(). `data` lies in registered buffer `buffer_index` (6.0), so no pages are
 * pinned for the send.
 */
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

/* As kevy_prep_sendmsg_zc(). All vectors lie in registered buffer `buffer_index` (6.15). */
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
