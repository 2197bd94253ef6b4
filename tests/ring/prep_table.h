/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef PREP_TABLE_H
#define PREP_TABLE_H

/*
 * Every prep with arguments that can be told apart, and the SQE that the kernel is to see:
 * X(name, call, fields...). What is not named is zero. Pointers are numbers that nobody follows.
 */

#define AT(number)        ((void *)(uintptr_t)(number))
#define ADDRESS(number)   ((struct sockaddr *)AT(number))
#define VECTORS(number)   ((struct iovec *)AT(number))
#define MESSAGE(number)   ((struct msghdr *)AT(number))
#define TIME(number)      ((struct kevy_timespec *)AT(number))
#define SLOT(number)      ((number) + 1)
#define SELECT(op, group) .opcode = (op), .flags = KEVY_SQE_BUFFER_SELECT, .buf_group = (group)
#define LAST_SLOT         (KEVY_FILE_INDEX_ALLOC - 1)
#define FOUR_GIB          UINT64_C(0x100000000)
#define LITTLE(high, low) ((uint32_t)(high) << 16 | (uint32_t)(low))
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define POLL_EVENTS(high, low) LITTLE(low, high)
#else
#define POLL_EVENTS(high, low) LITTLE(high, low)
#endif

#define PREPS_NET(X)                                                                             \
    X(socket, kevy_prep_socket(sqe, 2, 0x80001, 6), .opcode = 45, .fd = 2, .off = 0x80001,       \
      .len = 6)                                                                                  \
    X(socket_direct, kevy_prep_socket_direct(sqe, 2, 1, 6, 7), .opcode = 45, .fd = 2, .off = 1,  \
      .len = 6, .file_index = SLOT(7))                                                           \
    X(socket_direct_alloc, kevy_prep_socket_direct_alloc(sqe, 2, 1, 6), .opcode = 45, .fd = 2,   \
      .off = 1, .len = 6, .file_index = UINT32_MAX)                                              \
    X(socket_direct_never_wraps, kevy_prep_socket_direct(sqe, 2, 1, 6, KEVY_FILE_INDEX_ALLOC),   \
      .opcode = 45, .fd = 2, .off = 1, .len = 6, .file_index = UINT32_MAX)                       \
    X(bind, kevy_prep_bind(sqe, 5, ADDRESS(0x1000), 28), .opcode = 56, .fd = 5, .addr = 0x1000,  \
      .addr2 = 28)                                                                               \
    X(listen, kevy_prep_listen(sqe, 5, 128), .opcode = 57, .fd = 5, .len = 128)                  \
    X(accept, kevy_prep_accept(sqe, 5, ADDRESS(0x1000), AT(0x2000), 0x80800), .opcode = 13,      \
      .fd = 5, .addr = 0x1000, .addr2 = 0x2000, .accept_flags = 0x80800)                         \
    X(accept_direct, kevy_prep_accept_direct(sqe, 5, ADDRESS(0x1000), AT(0x2000), 0x800, 9),     \
      .opcode = 13, .fd = 5, .addr = 0x1000, .addr2 = 0x2000, .accept_flags = 0x800,             \
      .file_index = SLOT(9))                                                                     \
    X(accept_direct_alloc,                                                                       \
      kevy_prep_accept_direct_alloc(sqe, 5, ADDRESS(0x1000), AT(0x2000), 0x800), .opcode = 13,   \
      .fd = 5, .addr = 0x1000, .addr2 = 0x2000, .accept_flags = 0x800, .file_index = UINT32_MAX) \
    X(accept_multishot, kevy_prep_accept_multishot(sqe, 5, 0x80800), .opcode = 13, .fd = 5,      \
      .ioprio = 1, .accept_flags = 0x80800)                                                      \
    X(accept_multishot_direct, kevy_prep_accept_multishot_direct(sqe, 5, 0x800), .opcode = 13,   \
      .fd = 5, .ioprio = 1, .accept_flags = 0x800, .file_index = UINT32_MAX)                     \
    X(connect, kevy_prep_connect(sqe, 5, ADDRESS(0x1000), 16), .opcode = 16, .fd = 5,            \
      .addr = 0x1000, .addr2 = 16)                                                               \
    X(shutdown, kevy_prep_shutdown(sqe, 5, 2), .opcode = 34, .fd = 5, .len = 2)                  \
    X(close, kevy_prep_close(sqe, 5), .opcode = 19, .fd = 5)                                     \
    X(close_direct, kevy_prep_close_direct(sqe, 5), .opcode = 19, .file_index = SLOT(5))         \
    X(socket_inq, kevy_prep_socket_inq(sqe, 5), .opcode = 46, .fd = 5, .cmd_op = 0)              \
    X(socket_outq, kevy_prep_socket_outq(sqe, 5), .opcode = 46, .fd = 5, .cmd_op = 1)            \
    X(getsockopt, kevy_prep_getsockopt(sqe, 5, 1, 4, AT(0x1000), 8), .opcode = 46, .fd = 5,      \
      .cmd_op = 2, .level = 1, .optname = 4, .optval = 0x1000, .optlen = 8)                      \
    X(setsockopt, kevy_prep_setsockopt(sqe, 5, 6, 1, AT(0x1000), 4), .opcode = 46, .fd = 5,      \
      .cmd_op = 3, .level = 6, .optname = 1, .optval = 0x1000, .optlen = 4)                      \
    X(tx_timestamp, kevy_prep_tx_timestamp(sqe, 5), .opcode = 46, .fd = 5, .cmd_op = 4)          \
    X(getsockname, kevy_prep_getsockname(sqe, 5, ADDRESS(0x1000), AT(0x2000)), .opcode = 46,     \
      .fd = 5, .cmd_op = 5, .addr = 0x1000, .addr3 = 0x2000)                                     \
    X(getpeername, kevy_prep_getpeername(sqe, 5, ADDRESS(0x1000), AT(0x2000)), .opcode = 46,     \
      .fd = 5, .cmd_op = 5, .addr = 0x1000, .addr3 = 0x2000, .optlen = 1)

#define PREPS_TRANSFER(X)                                                                          \
    X(recv, kevy_prep_recv(sqe, 5, AT(0x1000), 99, 0x40), .opcode = 27, .fd = 5, .addr = 0x1000,   \
      .len = 99, .msg_flags = 0x40)                                                                \
    X(recv_select, kevy_prep_recv_select(sqe, 5, 3, 99, 0x40), SELECT(27, 3), .fd = 5, .len = 99,  \
      .msg_flags = 0x40)                                                                           \
    X(recv_bundle, kevy_prep_recv_bundle(sqe, 5, 3, 0x40), SELECT(27, 3), .fd = 5, .ioprio = 0x10, \
      .msg_flags = 0x40)                                                                           \
    X(recv_multishot, kevy_prep_recv_multishot(sqe, 5, 3, 0), SELECT(27, 3), .fd = 5, .ioprio = 2) \
    X(recv_multishot_bundle,                                                                       \
      kevy_prep_recv_multishot(sqe, 5, 3, KEVY_RECVSEND_BUNDLE | KEVY_RECVSEND_POLL_FIRST),        \
      SELECT(27, 3), .fd = 5, .ioprio = 0x13)                                                      \
    X(recv_multishot_limit, kevy_prep_recv_multishot_limit(sqe, 5, 3, 99, 1000, 0x10),             \
      SELECT(27, 3), .fd = 5, .ioprio = 0x12, .len = 99, .optlen = 1000)                           \
    X(recvmsg, kevy_prep_recvmsg(sqe, 5, MESSAGE(0x1000), 0x40), .opcode = 10, .fd = 5,            \
      .addr = 0x1000, .len = 1, .msg_flags = 0x40)                                                 \
    X(recvmsg_select, kevy_prep_recvmsg_select(sqe, 5, MESSAGE(0x1000), 3, 0x40), SELECT(10, 3),   \
      .fd = 5, .addr = 0x1000, .len = 1, .msg_flags = 0x40)                                        \
    X(recvmsg_multishot, kevy_prep_recvmsg_multishot(sqe, 5, MESSAGE(0x1000), 3, 0x20),            \
      SELECT(10, 3), .fd = 5, .ioprio = 2, .addr = 0x1000, .len = 1, .msg_flags = 0x20)            \
    X(recv_zc, kevy_prep_recv_zc(sqe, 5, 4, 99), .opcode = 58, .fd = 5, .ioprio = 2, .len = 99,    \
      .zcrx_ifq_idx = 4)                                                                           \
    X(send, kevy_prep_send(sqe, 5, AT(0x1000), 99, 0x4000), .opcode = 26, .fd = 5, .addr = 0x1000, \
      .len = 99, .msg_flags = 0x4000)                                                              \
    X(opcode, kevy_prep_opcode(sqe, 23, 5, AT(0x1000), 99, 7), .opcode = 23, .fd = 5,              \
      .addr = 0x1000, .len = 99, .off = 7)                                                         \
    X(sendto, kevy_prep_sendto(sqe, 5, AT(0x1000), 99, 0x40, ADDRESS(0x2000), 28), .opcode = 26,   \
      .fd = 5, .addr = 0x1000, .len = 99, .msg_flags = 0x40, .addr2 = 0x2000, .addr_len = 28)      \
    X(send_vectored, kevy_prep_send_vectored(sqe, 5, VECTORS(0x1000), 3, 0x100), .opcode = 26,     \
      .fd = 5, .ioprio = 0x20, .addr = 0x1000, .len = 3, .msg_flags = 0x100)                       \
    X(send_select, kevy_prep_send_select(sqe, 5, 3, 99, 0x40), SELECT(26, 3), .fd = 5, .len = 99,  \
      .msg_flags = 0x40)                                                                           \
    X(send_bundle, kevy_prep_send_bundle(sqe, 5, 3, 0x40), SELECT(26, 3), .fd = 5, .ioprio = 0x10, \
      .msg_flags = 0x40)                                                                           \
    X(sendmsg, kevy_prep_sendmsg(sqe, 5, MESSAGE(0x1000), 0x40), .opcode = 9, .fd = 5,             \
      .addr = 0x1000, .len = 1, .msg_flags = 0x40)                                                 \
    X(send_zc, kevy_prep_send_zc(sqe, 5, AT(0x1000), 99, 0x40), .opcode = 47, .fd = 5,             \
      .addr = 0x1000, .len = 99, .msg_flags = 0x40)                                                \
    X(send_zc_fixed, kevy_prep_send_zc_fixed(sqe, 5, AT(0x1000), 99, 0x40, 8), .opcode = 47,       \
      .fd = 5, .ioprio = 4, .addr = 0x1000, .len = 99, .msg_flags = 0x40, .buf_index = 8)          \
    X(sendto_zc, kevy_prep_sendto_zc(sqe, 5, AT(0x1000), 99, 0x40, ADDRESS(0x2000), 28),           \
      .opcode = 47, .fd = 5, .addr = 0x1000, .len = 99, .msg_flags = 0x40, .addr2 = 0x2000,        \
      .addr_len = 28)                                                                              \
    X(send_zc_vectored, kevy_prep_send_zc_vectored(sqe, 5, VECTORS(0x1000), 3, 0x40),              \
      .opcode = 47, .fd = 5, .ioprio = 0x20, .addr = 0x1000, .len = 3, .msg_flags = 0x40)          \
    X(sendmsg_zc, kevy_prep_sendmsg_zc(sqe, 5, MESSAGE(0x1000), 0x40), .opcode = 48, .fd = 5,      \
      .addr = 0x1000, .len = 1, .msg_flags = 0x40)                                                 \
    X(sendmsg_zc_fixed, kevy_prep_sendmsg_zc_fixed(sqe, 5, MESSAGE(0x1000), 0x40, 8),              \
      .opcode = 48, .fd = 5, .ioprio = 4, .addr = 0x1000, .len = 1, .msg_flags = 0x40,             \
      .buf_index = 8)

#define PREPS_FILE(X)                                                                              \
    X(read, kevy_prep_read(sqe, 5, AT(0x1000), 99, FOUR_GIB), .opcode = 22, .fd = 5,               \
      .addr = 0x1000, .len = 99, .off = FOUR_GIB)                                                  \
    X(read_select, kevy_prep_read_select(sqe, 5, 3, 99, 7), SELECT(22, 3), .fd = 5, .len = 99,     \
      .off = 7)                                                                                    \
    X(read_multishot, kevy_prep_read_multishot(sqe, 5, 3, KEVY_OFFSET_CURRENT), SELECT(49, 3),     \
      .fd = 5, .off = UINT64_MAX)                                                                  \
    X(read_fixed, kevy_prep_read_fixed(sqe, 5, AT(0x1000), 99, 7, 8), .opcode = 4, .fd = 5,        \
      .addr = 0x1000, .len = 99, .off = 7, .buf_index = 8)                                         \
    X(readv, kevy_prep_readv(sqe, 5, VECTORS(0x1000), 3, 7, 8), .opcode = 1, .fd = 5,              \
      .addr = 0x1000, .len = 3, .off = 7, .rw_flags = 8)                                           \
    X(readv_fixed, kevy_prep_readv_fixed(sqe, 5, VECTORS(0x1000), 3, 7, 8, 9), .opcode = 60,       \
      .fd = 5, .addr = 0x1000, .len = 3, .off = 7, .rw_flags = 8, .buf_index = 9)                  \
    X(write, kevy_prep_write(sqe, 5, AT(0x1000), 99, 7), .opcode = 23, .fd = 5, .addr = 0x1000,    \
      .len = 99, .off = 7)                                                                         \
    X(write_fixed, kevy_prep_write_fixed(sqe, 5, AT(0x1000), 99, 7, 8), .opcode = 5, .fd = 5,      \
      .addr = 0x1000, .len = 99, .off = 7, .buf_index = 8)                                         \
    X(writev, kevy_prep_writev(sqe, 5, VECTORS(0x1000), 3, 7, 8), .opcode = 2, .fd = 5,            \
      .addr = 0x1000, .len = 3, .off = 7, .rw_flags = 8)                                           \
    X(writev_fixed, kevy_prep_writev_fixed(sqe, 5, VECTORS(0x1000), 3, 7, 8, 9), .opcode = 61,     \
      .fd = 5, .addr = 0x1000, .len = 3, .off = 7, .rw_flags = 8, .buf_index = 9)                  \
    X(splice, kevy_prep_splice(sqe, 5, KEVY_OFFSET_CURRENT, 6, 7, 99, 1), .opcode = 30, .fd = 6,   \
      .off = 7, .splice_off_in = UINT64_MAX, .len = 99, .splice_flags = 1, .splice_fd_in = 5)      \
    X(tee, kevy_prep_tee(sqe, 5, 6, 99, 1), .opcode = 33, .fd = 6, .len = 99, .splice_flags = 1,   \
      .splice_fd_in = 5)                                                                           \
    X(pipe, kevy_prep_pipe(sqe, AT(0x1000), 0x800), .opcode = 62, .addr = 0x1000,                  \
      .pipe_flags = 0x800)                                                                         \
    X(pipe_direct, kevy_prep_pipe_direct(sqe, AT(0x1000), 0x800, 4), .opcode = 62, .addr = 0x1000, \
      .pipe_flags = 0x800, .file_index = SLOT(4))                                                  \
    X(pipe_direct_alloc, kevy_prep_pipe_direct_alloc(sqe, AT(0x1000), 0x800), .opcode = 62,        \
      .addr = 0x1000, .pipe_flags = 0x800, .file_index = UINT32_MAX)                               \
    X(openat, kevy_prep_openat(sqe, -100, AT(0x1000), 0x80042, 0600), .opcode = 18, .fd = -100,    \
      .addr = 0x1000, .len = 0600, .open_flags = 0x80042)                                          \
    X(openat_direct, kevy_prep_openat_direct(sqe, -100, AT(0x1000), 2, 0600, LAST_SLOT),           \
      .opcode = 18, .fd = -100, .addr = 0x1000, .len = 0600, .open_flags = 2,                      \
      .file_index = SLOT(LAST_SLOT))                                                               \
    X(openat_direct_alloc, kevy_prep_openat_direct_alloc(sqe, -100, AT(0x1000), 2, 0600),          \
      .opcode = 18, .fd = -100, .addr = 0x1000, .len = 0600, .open_flags = 2,                      \
      .file_index = UINT32_MAX)                                                                    \
    X(openat2, kevy_prep_openat2(sqe, -100, AT(0x1000), AT(0x2000)), .opcode = 28, .fd = -100,     \
      .addr = 0x1000, .addr2 = 0x2000, .len = 24)                                                  \
    X(openat2_direct, kevy_prep_openat2_direct(sqe, -100, AT(0x1000), AT(0x2000), 4),              \
      .opcode = 28, .fd = -100, .addr = 0x1000, .addr2 = 0x2000, .len = 24, .file_index = SLOT(4)) \
    X(openat2_direct_alloc, kevy_prep_openat2_direct_alloc(sqe, -100, AT(0x1000), AT(0x2000)),     \
      .opcode = 28, .fd = -100, .addr = 0x1000, .addr2 = 0x2000, .len = 24,                        \
      .file_index = UINT32_MAX)                                                                    \
    X(fsync, kevy_prep_fsync(sqe, 5, 1), .opcode = 3, .fd = 5, .fsync_flags = 1)                   \
    X(fsync_range, kevy_prep_fsync_range(sqe, 5, 7, 99, 1), .opcode = 3, .fd = 5, .off = 7,        \
      .len = 99, .fsync_flags = 1)                                                                 \
    X(sync_file_range, kevy_prep_sync_file_range(sqe, 5, 7, 99, 2), .opcode = 8, .fd = 5,          \
      .off = 7, .len = 99, .sync_range_flags = 2)                                                  \
    X(fallocate, kevy_prep_fallocate(sqe, 5, 1, 7, FOUR_GIB), .opcode = 17, .fd = 5, .off = 7,     \
      .addr = FOUR_GIB, .len = 1)                                                                  \
    X(ftruncate, kevy_prep_ftruncate(sqe, 5, FOUR_GIB), .opcode = 55, .fd = 5, .off = FOUR_GIB)    \
    X(fadvise, kevy_prep_fadvise(sqe, 5, 7, UINT32_MAX, 2), .opcode = 24, .fd = 5, .off = 7,       \
      .len = UINT32_MAX, .fadvise_advice = 2)                                                      \
    X(fadvise_wide, kevy_prep_fadvise(sqe, 5, 7, FOUR_GIB, 2), .opcode = 24, .fd = 5, .off = 7,    \
      .addr = FOUR_GIB, .fadvise_advice = 2)                                                       \
    X(madvise, kevy_prep_madvise(sqe, AT(0x1000), 4096, 4), .opcode = 25, .fd = -1,                \
      .addr = 0x1000, .len = 4096, .fadvise_advice = 4)                                            \
    X(madvise_wide, kevy_prep_madvise(sqe, AT(0x1000), FOUR_GIB, 4), .opcode = 25, .fd = -1,       \
      .addr = 0x1000, .off = FOUR_GIB, .fadvise_advice = 4)

#define PREPS_PATH(X)                                                                              \
    X(statx, kevy_prep_statx(sqe, -100, AT(0x1000), 0x100, 0x7ff, AT(0x2000)), .opcode = 21,       \
      .fd = -100, .addr = 0x1000, .addr2 = 0x2000, .len = 0x7ff, .statx_flags = 0x100)             \
    X(renameat, kevy_prep_renameat(sqe, 5, AT(0x1000), 6, AT(0x2000), 1), .opcode = 35, .fd = 5,   \
      .addr = 0x1000, .addr2 = 0x2000, .len = 6, .rename_flags = 1)                                \
    X(unlinkat, kevy_prep_unlinkat(sqe, 5, AT(0x1000), 0x200), .opcode = 36, .fd = 5,              \
      .addr = 0x1000, .unlink_flags = 0x200)                                                       \
    X(mkdirat, kevy_prep_mkdirat(sqe, 5, AT(0x1000), 0700), .opcode = 37, .fd = 5, .addr = 0x1000, \
      .len = 0700)                                                                                 \
    X(symlinkat, kevy_prep_symlinkat(sqe, AT(0x1000), 5, AT(0x2000)), .opcode = 38, .fd = 5,       \
      .addr = 0x1000, .addr2 = 0x2000)                                                             \
    X(linkat, kevy_prep_linkat(sqe, 5, AT(0x1000), -100, AT(0x2000), 0x400), .opcode = 39,         \
      .fd = 5, .addr = 0x1000, .addr2 = 0x2000, .len = (uint32_t)-100, .hardlink_flags = 0x400)    \
    X(fsetxattr, kevy_prep_fsetxattr(sqe, 5, AT(0x1000), AT(0x2000), 9, 1), .opcode = 41, .fd = 5, \
      .addr = 0x1000, .addr2 = 0x2000, .len = 9, .xattr_flags = 1)                                 \
    X(setxattr, kevy_prep_setxattr(sqe, AT(0x3000), AT(0x1000), AT(0x2000), 9, 1), .opcode = 42,   \
      .addr = 0x1000, .addr2 = 0x2000, .addr3 = 0x3000, .len = 9, .xattr_flags = 1)                \
    X(fgetxattr, kevy_prep_fgetxattr(sqe, 5, AT(0x1000), AT(0x2000), 9), .opcode = 43, .fd = 5,    \
      .addr = 0x1000, .addr2 = 0x2000, .len = 9)                                                   \
    X(getxattr, kevy_prep_getxattr(sqe, AT(0x3000), AT(0x1000), AT(0x2000), 9), .opcode = 44,      \
      .addr = 0x1000, .addr2 = 0x2000, .addr3 = 0x3000, .len = 9)

#define PREPS_EVENT(X)                                                                             \
    X(nop, kevy_prep_nop(sqe), .opcode = 0, .fd = -1)                                              \
    X(nop_result, kevy_prep_nop_result(sqe, -7), .opcode = 0, .fd = -1, .len = (uint32_t)-7,       \
      .nop_flags = 1)                                                                              \
    X(nop_lookup, kevy_prep_nop_lookup(sqe, 0xe, 5, 8), .opcode = 0, .fd = 5, .nop_flags = 0xe,    \
      .buf_index = 8)                                                                              \
    X(nop_cqe32, kevy_prep_nop_cqe32(sqe, 11, 22), .opcode = 0, .fd = -1, .off = 11, .addr = 22,   \
      .nop_flags = 0x20)                                                                           \
    X(timeout, kevy_prep_timeout(sqe, TIME(0x1000), 3, 5), .opcode = 11, .fd = -1, .addr = 0x1000, \
      .len = 1, .off = 3, .timeout_flags = 5)                                                      \
    X(timeout_multishot, kevy_prep_timeout_multishot(sqe, TIME(0x1000), 3, 4), .opcode = 11,       \
      .fd = -1, .addr = 0x1000, .len = 1, .off = 3, .timeout_flags = 0x44)                         \
    X(timeout_ns, kevy_prep_timeout_ns(sqe, 1000, 3, 1), .opcode = 11, .fd = -1, .addr = 1000,     \
      .len = 1, .off = 3, .timeout_flags = 0x81)                                                   \
    X(timeout_remove, kevy_prep_timeout_remove(sqe, 42), .opcode = 12, .fd = -1, .addr = 42)       \
    X(timeout_update, kevy_prep_timeout_update(sqe, 42, TIME(0x1000), 1), .opcode = 12, .fd = -1,  \
      .addr = 42, .addr2 = 0x1000, .timeout_flags = 3)                                             \
    X(timeout_update_ns, kevy_prep_timeout_update_ns(sqe, 42, 1000, 0), .opcode = 12, .fd = -1,    \
      .addr = 42, .addr2 = 1000, .timeout_flags = 0x82)                                            \
    X(link_timeout, kevy_prep_link_timeout(sqe, TIME(0x1000), 1), .opcode = 15, .fd = -1,          \
      .addr = 0x1000, .len = 1, .timeout_flags = 1)                                                \
    X(link_timeout_ns, kevy_prep_link_timeout_ns(sqe, 1000, 1), .opcode = 15, .fd = -1,            \
      .addr = 1000, .len = 1, .timeout_flags = 0x81)                                               \
    X(link_timeout_update, kevy_prep_link_timeout_update(sqe, 42, TIME(0x1000), 1), .opcode = 12,  \
      .fd = -1, .addr = 42, .addr2 = 0x1000, .timeout_flags = 0x13)                                \
    X(poll, kevy_prep_poll(sqe, 5, LITTLE(0x8000, 1)), .opcode = 6, .fd = 5,                       \
      .poll32_events = POLL_EVENTS(0x8000, 1))                                                     \
    X(poll_multishot, kevy_prep_poll_multishot(sqe, 5, 4), .opcode = 6, .fd = 5, .len = 1,         \
      .poll32_events = POLL_EVENTS(0, 4))                                                          \
    X(poll_remove, kevy_prep_poll_remove(sqe, 42), .opcode = 7, .fd = -1, .addr = 42)              \
    X(poll_update, kevy_prep_poll_update(sqe, 42, 4, 1), .opcode = 7, .fd = -1, .addr = 42,        \
      .len = 3, .poll32_events = POLL_EVENTS(0, 4))                                                \
    X(poll_update_user_data, kevy_prep_poll_update_user_data(sqe, 42, 43), .opcode = 7, .fd = -1,  \
      .addr = 42, .off = 43, .len = 4)                                                             \
    X(poll_replace, kevy_prep_poll_replace(sqe, 42, 43, 4, 0), .opcode = 7, .fd = -1, .addr = 42,  \
      .off = 43, .len = 6, .poll32_events = POLL_EVENTS(0, 4))                                     \
    X(cancel_matching, kevy_prep_cancel_matching(sqe, 42, 5, 27, 0x32), .opcode = 14, .fd = 5,     \
      .addr = 42, .len = 27, .cancel_flags = 0x32)                                                 \
    X(cancel, kevy_prep_cancel(sqe, 42, 1), .opcode = 14, .fd = -1, .addr = 42, .cancel_flags = 1) \
    X(cancel_fd, kevy_prep_cancel_fd(sqe, 5, 1), .opcode = 14, .fd = 5, .cancel_flags = 3)         \
    X(cancel_fixed_fd, kevy_prep_cancel_fixed_fd(sqe, 5, 1), .opcode = 14, .fd = 5,                \
      .cancel_flags = 0xb)                                                                         \
    X(cancel_op, kevy_prep_cancel_op(sqe, KEVY_OP_RECV, 1), .opcode = 14, .fd = -1, .len = 27,     \
      .cancel_flags = 0x21)                                                                        \
    X(cancel_any, kevy_prep_cancel_any(sqe), .opcode = 14, .fd = -1, .cancel_flags = 4)            \
    X(msg_ring, kevy_prep_msg_ring(sqe, 5, 7, 42, 0), .opcode = 40, .fd = 5, .len = 7, .off = 42)  \
    X(msg_ring_cqe_flags, kevy_prep_msg_ring_cqe_flags(sqe, 5, 7, 42, 2), .opcode = 40, .fd = 5,   \
      .len = 7, .off = 42, .file_index = 2, .msg_ring_flags = 2)                                   \
    X(msg_ring_fd, kevy_prep_msg_ring_fd(sqe, 5, 3, 4, 42, 1), .opcode = 40, .fd = 5, .addr = 1,   \
      .addr3 = 3, .file_index = SLOT(4), .off = 42, .msg_ring_flags = 1)                           \
    X(msg_ring_fd_alloc, kevy_prep_msg_ring_fd_alloc(sqe, 5, 3, 42, 0), .opcode = 40, .fd = 5,     \
      .addr = 1, .addr3 = 3, .file_index = UINT32_MAX, .off = 42)                                  \
    X(futex_wait, kevy_prep_futex_wait(sqe, AT(0x1000), 7, UINT32_MAX, 0x82), .opcode = 51,        \
      .fd = 0x82, .addr = 0x1000, .addr2 = 7, .addr3 = UINT32_MAX)                                 \
    X(futex_wake, kevy_prep_futex_wake(sqe, AT(0x1000), 2, 0xff, 0x82), .opcode = 52, .fd = 0x82,  \
      .addr = 0x1000, .addr2 = 2, .addr3 = 0xff)                                                   \
    X(futex_waitv, kevy_prep_futex_waitv(sqe, AT(0x1000), 3), .opcode = 53, .addr = 0x1000,        \
      .len = 3)                                                                                    \
    X(waitid, kevy_prep_waitid(sqe, 1, 77, AT(0x1000), 4), .opcode = 50, .fd = 77,                 \
      .addr2 = 0x1000, .len = 1, .file_index = 4)                                                  \
    X(epoll_ctl, kevy_prep_epoll_ctl(sqe, 5, 6, 1, AT(0x1000)), .opcode = 29, .fd = 5, .off = 6,   \
      .addr = 0x1000, .len = 1)                                                                    \
    X(epoll_wait, kevy_prep_epoll_wait(sqe, 5, AT(0x1000), 16), .opcode = 59, .fd = 5,             \
      .addr = 0x1000, .len = 16)

#define PREPS_COMMAND(X)                                                                         \
    X(uring_cmd, kevy_prep_uring_cmd(sqe, 5, 0x1234, command_bytes), .opcode = 46, .fd = 5,      \
      .cmd_op = 0x1234, .cmd = COMMAND_16)                                                       \
    X(uring_cmd_zero, kevy_prep_uring_cmd(sqe, 5, 0x1234, 0), .opcode = 46, .fd = 5,             \
      .cmd_op = 0x1234)                                                                          \
    X(uring_cmd_multishot, kevy_prep_uring_cmd_multishot(sqe, 5, 0x1234, command_bytes, 3),      \
      SELECT(46, 3), .fd = 5, .cmd_op = 0x1234, .uring_cmd_flags = 2, .cmd = COMMAND_16)         \
    X(discard, kevy_prep_discard(sqe, 5, 4096, 8192), .opcode = 46, .fd = 5,                     \
      .cmd_op = KEVY_BLOCK_URING_CMD_DISCARD, .addr = 4096, .addr3 = 8192)                       \
    X(zone_reset_all, kevy_prep_zone_reset_all(sqe, 5), .opcode = 46, .fd = 5,                   \
      .cmd_op = KEVY_BLOCK_URING_CMD_ZONE_RESET_ALL)                                             \
    X(fixed_fd_install, kevy_prep_fixed_fd_install(sqe, 5, 1), .opcode = 54,                     \
      .flags = KEVY_SQE_FIXED_FILE, .fd = 5, .install_fd_flags = 1)                              \
    X(files_update, kevy_prep_files_update(sqe, AT(0x1000), 3, 4), .opcode = 20, .fd = -1,       \
      .addr = 0x1000, .len = 3, .off = 4)                                                        \
    X(files_update_alloc, kevy_prep_files_update_alloc(sqe, AT(0x1000), 3), .opcode = 20,        \
      .fd = -1, .addr = 0x1000, .len = 3, .off = UINT32_MAX)                                     \
    X(provide_buffers, kevy_prep_provide_buffers(sqe, AT(0x1000), 4096, 8, 3, 16), .opcode = 31, \
      .fd = 8, .addr = 0x1000, .len = 4096, .off = 16, .buf_group = 3)                           \
    X(remove_buffers, kevy_prep_remove_buffers(sqe, 8, 3), .opcode = 32, .fd = 8, .buf_group = 3)

/* What is written in 128 bytes; the 64 that follow the fields hold the rest of command_bytes, or 0.
 */
#define PREPS_WIDE(X)                                                                             \
    X(uring_cmd80, kevy_prep_uring_cmd80(sqe, 5, 0x1234, command_bytes), .opcode = 46, .fd = 5,   \
      .cmd_op = 0x1234, .cmd = COMMAND_16)                                                        \
    X(uring_cmd80_zero, kevy_prep_uring_cmd80(sqe, 5, 0x1234, 0), .opcode = 46, .fd = 5,          \
      .cmd_op = 0x1234)                                                                           \
    X(uring_cmd128, kevy_prep_uring_cmd128(sqe, 5, 0x1234, command_bytes), .opcode = 64, .fd = 5, \
      .cmd_op = 0x1234, .cmd = COMMAND_16)                                                        \
    X(nop128, kevy_prep_nop128(sqe), .opcode = 63, .fd = -1)

#endif
