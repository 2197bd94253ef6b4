/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef ABI_TABLE_H
#define ABI_TABLE_H

/*
 * Every opcode, register code and flag of the ABI, written down a second time and from another
 * source than the header: the number and the kernel that brought it. Each list is X(name, value,
 * major, minor), where KEVY_<name> is our constant and IORING_<name> the kernel's (IOSQE_<name> for
 * the SQE flags).
 *
 * Each list comes in three parts, because a system's <linux/io_uring.h> cannot be asked whether it
 * has an enumerator: _OLD is what Linux 6.1 has, _618 what came up to 6.18, _NEW what came later,
 * up to 7.1.
 */

#define ABI_OPS_OLD(X)              \
    X(OP_NOP, 0, 5, 1)              \
    X(OP_READV, 1, 5, 1)            \
    X(OP_WRITEV, 2, 5, 1)           \
    X(OP_FSYNC, 3, 5, 1)            \
    X(OP_READ_FIXED, 4, 5, 1)       \
    X(OP_WRITE_FIXED, 5, 5, 1)      \
    X(OP_POLL_ADD, 6, 5, 1)         \
    X(OP_POLL_REMOVE, 7, 5, 1)      \
    X(OP_SYNC_FILE_RANGE, 8, 5, 2)  \
    X(OP_SENDMSG, 9, 5, 3)          \
    X(OP_RECVMSG, 10, 5, 3)         \
    X(OP_TIMEOUT, 11, 5, 4)         \
    X(OP_TIMEOUT_REMOVE, 12, 5, 5)  \
    X(OP_ACCEPT, 13, 5, 5)          \
    X(OP_ASYNC_CANCEL, 14, 5, 5)    \
    X(OP_LINK_TIMEOUT, 15, 5, 5)    \
    X(OP_CONNECT, 16, 5, 5)         \
    X(OP_FALLOCATE, 17, 5, 6)       \
    X(OP_OPENAT, 18, 5, 6)          \
    X(OP_CLOSE, 19, 5, 6)           \
    X(OP_FILES_UPDATE, 20, 5, 6)    \
    X(OP_STATX, 21, 5, 6)           \
    X(OP_READ, 22, 5, 6)            \
    X(OP_WRITE, 23, 5, 6)           \
    X(OP_FADVISE, 24, 5, 6)         \
    X(OP_MADVISE, 25, 5, 6)         \
    X(OP_SEND, 26, 5, 6)            \
    X(OP_RECV, 27, 5, 6)            \
    X(OP_OPENAT2, 28, 5, 6)         \
    X(OP_EPOLL_CTL, 29, 5, 6)       \
    X(OP_SPLICE, 30, 5, 7)          \
    X(OP_PROVIDE_BUFFERS, 31, 5, 7) \
    X(OP_REMOVE_BUFFERS, 32, 5, 7)  \
    X(OP_TEE, 33, 5, 8)             \
    X(OP_SHUTDOWN, 34, 5, 11)       \
    X(OP_RENAMEAT, 35, 5, 11)       \
    X(OP_UNLINKAT, 36, 5, 11)       \
    X(OP_MKDIRAT, 37, 5, 15)        \
    X(OP_SYMLINKAT, 38, 5, 15)      \
    X(OP_LINKAT, 39, 5, 15)         \
    X(OP_MSG_RING, 40, 5, 18)       \
    X(OP_FSETXATTR, 41, 5, 19)      \
    X(OP_SETXATTR, 42, 5, 19)       \
    X(OP_FGETXATTR, 43, 5, 19)      \
    X(OP_GETXATTR, 44, 5, 19)       \
    X(OP_SOCKET, 45, 5, 19)         \
    X(OP_URING_CMD, 46, 5, 19)      \
    X(OP_SEND_ZC, 47, 6, 0)         \
    X(OP_SENDMSG_ZC, 48, 6, 1)

#define ABI_OPS_618(X)               \
    X(OP_READ_MULTISHOT, 49, 6, 7)   \
    X(OP_WAITID, 50, 6, 7)           \
    X(OP_FUTEX_WAIT, 51, 6, 7)       \
    X(OP_FUTEX_WAKE, 52, 6, 7)       \
    X(OP_FUTEX_WAITV, 53, 6, 7)      \
    X(OP_FIXED_FD_INSTALL, 54, 6, 8) \
    X(OP_FTRUNCATE, 55, 6, 9)        \
    X(OP_BIND, 56, 6, 11)            \
    X(OP_LISTEN, 57, 6, 11)          \
    X(OP_RECV_ZC, 58, 6, 15)         \
    X(OP_EPOLL_WAIT, 59, 6, 15)      \
    X(OP_READV_FIXED, 60, 6, 15)     \
    X(OP_WRITEV_FIXED, 61, 6, 15)    \
    X(OP_PIPE, 62, 6, 16)

#define ABI_OPS_NEW(X)      \
    X(OP_NOP128, 63, 6, 19) \
    X(OP_URING_CMD128, 64, 6, 19)

#define ABI_REGISTERS_OLD(X)                \
    X(REGISTER_BUFFERS, 0, 5, 1)            \
    X(UNREGISTER_BUFFERS, 1, 5, 1)          \
    X(REGISTER_FILES, 2, 5, 1)              \
    X(UNREGISTER_FILES, 3, 5, 1)            \
    X(REGISTER_EVENTFD, 4, 5, 2)            \
    X(UNREGISTER_EVENTFD, 5, 5, 2)          \
    X(REGISTER_FILES_UPDATE, 6, 5, 5)       \
    X(REGISTER_EVENTFD_ASYNC, 7, 5, 6)      \
    X(REGISTER_PROBE, 8, 5, 6)              \
    X(REGISTER_PERSONALITY, 9, 5, 6)        \
    X(UNREGISTER_PERSONALITY, 10, 5, 6)     \
    X(REGISTER_RESTRICTIONS, 11, 5, 10)     \
    X(REGISTER_ENABLE_RINGS, 12, 5, 10)     \
    X(REGISTER_FILES2, 13, 5, 13)           \
    X(REGISTER_FILES_UPDATE2, 14, 5, 13)    \
    X(REGISTER_BUFFERS2, 15, 5, 13)         \
    X(REGISTER_BUFFERS_UPDATE, 16, 5, 13)   \
    X(REGISTER_IOWQ_AFF, 17, 5, 14)         \
    X(UNREGISTER_IOWQ_AFF, 18, 5, 14)       \
    X(REGISTER_IOWQ_MAX_WORKERS, 19, 5, 15) \
    X(REGISTER_RING_FDS, 20, 5, 18)         \
    X(UNREGISTER_RING_FDS, 21, 5, 18)       \
    X(REGISTER_PBUF_RING, 22, 5, 19)        \
    X(UNREGISTER_PBUF_RING, 23, 5, 19)      \
    X(REGISTER_SYNC_CANCEL, 24, 6, 0)       \
    X(REGISTER_FILE_ALLOC_RANGE, 25, 6, 0)

#define ABI_REGISTERS_618(X)             \
    X(REGISTER_PBUF_STATUS, 26, 6, 8)    \
    X(REGISTER_NAPI, 27, 6, 9)           \
    X(UNREGISTER_NAPI, 28, 6, 9)         \
    X(REGISTER_CLOCK, 29, 6, 12)         \
    X(REGISTER_CLONE_BUFFERS, 30, 6, 12) \
    X(REGISTER_SEND_MSG_RING, 31, 6, 13) \
    X(REGISTER_ZCRX_IFQ, 32, 6, 15)      \
    X(REGISTER_RESIZE_RINGS, 33, 6, 13)  \
    X(REGISTER_MEM_REGION, 34, 6, 13)    \
    X(REGISTER_QUERY, 35, 6, 18)

#define ABI_REGISTERS_NEW(X)         \
    X(REGISTER_ZCRX_CTRL, 36, 6, 19) \
    X(REGISTER_BPF_FILTER, 37, 7, 0)

#define ABI_SETUP_OLD(X)                 \
    X(SETUP_IOPOLL, 0x1, 5, 1)           \
    X(SETUP_SQPOLL, 0x2, 5, 1)           \
    X(SETUP_SQ_AFF, 0x4, 5, 1)           \
    X(SETUP_CQSIZE, 0x8, 5, 5)           \
    X(SETUP_CLAMP, 0x10, 5, 6)           \
    X(SETUP_ATTACH_WQ, 0x20, 5, 6)       \
    X(SETUP_R_DISABLED, 0x40, 5, 10)     \
    X(SETUP_SUBMIT_ALL, 0x80, 5, 18)     \
    X(SETUP_COOP_TASKRUN, 0x100, 5, 19)  \
    X(SETUP_TASKRUN_FLAG, 0x200, 5, 19)  \
    X(SETUP_SQE128, 0x400, 5, 19)        \
    X(SETUP_CQE32, 0x800, 5, 19)         \
    X(SETUP_SINGLE_ISSUER, 0x1000, 6, 0) \
    X(SETUP_DEFER_TASKRUN, 0x2000, 6, 1)

#define ABI_SETUP_618(X)                      \
    X(SETUP_NO_MMAP, 0x4000, 6, 5)            \
    X(SETUP_REGISTERED_FD_ONLY, 0x8000, 6, 5) \
    X(SETUP_NO_SQARRAY, 0x10000, 6, 6)        \
    X(SETUP_HYBRID_IOPOLL, 0x20000, 6, 13)    \
    X(SETUP_CQE_MIXED, 0x40000, 6, 18)

#define ABI_SETUP_NEW(X)               \
    X(SETUP_SQE_MIXED, 0x80000, 6, 19) \
    X(SETUP_SQ_REWIND, 0x100000, 7, 0)

#define ABI_FEATURES_OLD(X)              \
    X(FEAT_SINGLE_MMAP, 0x1, 5, 4)       \
    X(FEAT_NODROP, 0x2, 5, 5)            \
    X(FEAT_SUBMIT_STABLE, 0x4, 5, 5)     \
    X(FEAT_RW_CUR_POS, 0x8, 5, 6)        \
    X(FEAT_CUR_PERSONALITY, 0x10, 5, 6)  \
    X(FEAT_FAST_POLL, 0x20, 5, 7)        \
    X(FEAT_POLL_32BITS, 0x40, 5, 9)      \
    X(FEAT_SQPOLL_NONFIXED, 0x80, 5, 11) \
    X(FEAT_EXT_ARG, 0x100, 5, 11)        \
    X(FEAT_NATIVE_WORKERS, 0x200, 5, 12) \
    X(FEAT_RSRC_TAGS, 0x400, 5, 13)      \
    X(FEAT_CQE_SKIP, 0x800, 5, 17)       \
    X(FEAT_LINKED_FILE, 0x1000, 5, 17)

#define ABI_FEATURES_618(X)                \
    X(FEAT_REG_REG_RING, 0x2000, 6, 3)     \
    X(FEAT_RECVSEND_BUNDLE, 0x4000, 6, 10) \
    X(FEAT_MIN_TIMEOUT, 0x8000, 6, 12)     \
    X(FEAT_RW_ATTR, 0x10000, 6, 14)        \
    X(FEAT_NO_IOWAIT, 0x20000, 6, 15)

#define ABI_ENTER_OLD(X)          \
    X(ENTER_GETEVENTS, 0x1, 5, 1) \
    X(ENTER_SQ_WAKEUP, 0x2, 5, 1) \
    X(ENTER_SQ_WAIT, 0x4, 5, 10)  \
    X(ENTER_EXT_ARG, 0x8, 5, 11)  \
    X(ENTER_REGISTERED_RING, 0x10, 5, 18)

#define ABI_ENTER_618(X)              \
    X(ENTER_ABS_TIMER, 0x20, 6, 12)   \
    X(ENTER_EXT_ARG_REG, 0x40, 6, 13) \
    X(ENTER_NO_IOWAIT, 0x80, 6, 15)

#define ABI_SQE_FLAGS_OLD(X)     \
    X(FIXED_FILE, 0x1, 5, 1)     \
    X(IO_DRAIN, 0x2, 5, 2)       \
    X(IO_LINK, 0x4, 5, 3)        \
    X(IO_HARDLINK, 0x8, 5, 5)    \
    X(ASYNC, 0x10, 5, 6)         \
    X(BUFFER_SELECT, 0x20, 5, 7) \
    X(CQE_SKIP_SUCCESS, 0x40, 5, 17)

/* The flags that nothing reports: of CQEs, of the shared rings, and of the single operations. */
#define ABI_FLAGS_OLD(X)                       \
    X(CQE_F_BUFFER, 0x1, 5, 7)                 \
    X(CQE_F_MORE, 0x2, 5, 13)                  \
    X(CQE_F_SOCK_NONEMPTY, 0x4, 5, 19)         \
    X(CQE_F_NOTIF, 0x8, 6, 0)                  \
    X(CQE_BUFFER_SHIFT, 16, 5, 7)              \
    X(SQ_NEED_WAKEUP, 0x1, 5, 1)               \
    X(SQ_CQ_OVERFLOW, 0x2, 5, 8)               \
    X(SQ_TASKRUN, 0x4, 5, 19)                  \
    X(CQ_EVENTFD_DISABLED, 0x1, 5, 8)          \
    X(OFF_SQ_RING, 0, 5, 1)                    \
    X(OFF_CQ_RING, 0x8000000, 5, 1)            \
    X(OFF_SQES, 0x10000000, 5, 1)              \
    X(FILE_INDEX_ALLOC, 0xffffffff, 5, 19)     \
    X(FSYNC_DATASYNC, 0x1, 5, 1)               \
    X(POLL_ADD_MULTI, 0x1, 5, 13)              \
    X(POLL_UPDATE_EVENTS, 0x2, 5, 13)          \
    X(POLL_UPDATE_USER_DATA, 0x4, 5, 13)       \
    X(POLL_ADD_LEVEL, 0x8, 6, 0)               \
    X(TIMEOUT_ABS, 0x1, 5, 5)                  \
    X(TIMEOUT_UPDATE, 0x2, 5, 11)              \
    X(TIMEOUT_BOOTTIME, 0x4, 5, 15)            \
    X(TIMEOUT_REALTIME, 0x8, 5, 15)            \
    X(LINK_TIMEOUT_UPDATE, 0x10, 5, 15)        \
    X(TIMEOUT_ETIME_SUCCESS, 0x20, 5, 16)      \
    X(TIMEOUT_CLOCK_MASK, 0xc, 5, 15)          \
    X(TIMEOUT_UPDATE_MASK, 0x12, 5, 15)        \
    X(ASYNC_CANCEL_ALL, 0x1, 5, 19)            \
    X(ASYNC_CANCEL_FD, 0x2, 5, 19)             \
    X(ASYNC_CANCEL_ANY, 0x4, 5, 19)            \
    X(ASYNC_CANCEL_FD_FIXED, 0x8, 6, 0)        \
    X(RECVSEND_POLL_FIRST, 0x1, 5, 19)         \
    X(RECV_MULTISHOT, 0x2, 6, 0)               \
    X(RECVSEND_FIXED_BUF, 0x4, 6, 0)           \
    X(ACCEPT_MULTISHOT, 0x1, 5, 19)            \
    X(MSG_DATA, 0, 5, 18)                      \
    X(MSG_SEND_FD, 1, 6, 0)                    \
    X(MSG_RING_CQE_SKIP, 0x1, 6, 0)            \
    X(URING_CMD_FIXED, 0x1, 6, 1)              \
    X(RSRC_REGISTER_SPARSE, 0x1, 5, 19)        \
    X(RESTRICTION_REGISTER_OP, 0, 5, 10)       \
    X(RESTRICTION_SQE_OP, 1, 5, 10)            \
    X(RESTRICTION_SQE_FLAGS_ALLOWED, 2, 5, 10) \
    X(RESTRICTION_SQE_FLAGS_REQUIRED, 3, 5, 10)

#define ABI_FLAGS_618(X)                              \
    X(CQE_F_BUF_MORE, 0x10, 6, 12)                    \
    X(CQE_F_SKIP, 0x20, 6, 18)                        \
    X(CQE_F_32, 0x8000, 6, 18)                        \
    X(CQE_F_TSTAMP_HW, 0x10000, 6, 17)                \
    X(TIMESTAMP_HW_SHIFT, 16, 6, 17)                  \
    X(TIMESTAMP_TYPE_SHIFT, 17, 6, 17)                \
    X(OFF_PBUF_RING, 0x80000000, 6, 4)                \
    X(OFF_PBUF_SHIFT, 16, 6, 4)                       \
    X(OFF_MMAP_MASK, 0xf8000000, 6, 4)                \
    X(REGISTER_USE_REGISTERED_RING, 0x80000000, 6, 3) \
    X(NOP_INJECT_RESULT, 0x1, 6, 10)                  \
    X(NOP_FILE, 0x2, 6, 13)                           \
    X(NOP_FIXED_FILE, 0x4, 6, 13)                     \
    X(NOP_FIXED_BUFFER, 0x8, 6, 13)                   \
    X(NOP_TW, 0x10, 6, 16)                            \
    X(NOP_CQE32, 0x20, 6, 18)                         \
    X(TIMEOUT_MULTISHOT, 0x40, 6, 4)                  \
    X(ASYNC_CANCEL_USERDATA, 0x10, 6, 6)              \
    X(ASYNC_CANCEL_OP, 0x20, 6, 6)                    \
    X(SEND_ZC_REPORT_USAGE, 0x8, 6, 2)                \
    X(NOTIF_USAGE_ZC_COPIED, 0x80000000, 6, 2)        \
    X(RECVSEND_BUNDLE, 0x10, 6, 10)                   \
    X(SEND_VECTORIZED, 0x20, 6, 17)                   \
    X(ACCEPT_DONTWAIT, 0x2, 6, 10)                    \
    X(ACCEPT_POLL_FIRST, 0x4, 6, 10)                  \
    X(MSG_RING_FLAGS_PASS, 0x2, 6, 3)                 \
    X(FIXED_FD_NO_CLOEXEC, 0x1, 6, 8)                 \
    X(URING_CMD_MULTISHOT, 0x2, 6, 18)                \
    X(URING_CMD_MASK, 0x3, 6, 18)                     \
    X(RW_ATTR_FLAG_PI, 0x1, 6, 14)                    \
    X(REGISTER_SRC_REGISTERED, 0x1, 6, 12)            \
    X(REGISTER_DST_REPLACE, 0x2, 6, 13)               \
    X(MEM_REGION_TYPE_USER, 0x1, 6, 13)               \
    X(MEM_REGION_REG_WAIT_ARG, 0x1, 6, 13)            \
    X(REG_WAIT_TS, 0x1, 6, 13)                        \
    X(ZCRX_AREA_SHIFT, 48, 6, 15)                     \
    X(ZCRX_AREA_MASK, 0xffff000000000000, 6, 15)      \
    X(ZCRX_AREA_DMABUF, 0x1, 6, 16)

#define ABI_FLAGS_NEW(X) X(TIMEOUT_IMMEDIATE_ARG, 0x80, 7, 1)

/* Constants whose kernel name does not start with IORING_: X(ours, value). */
#define ABI_OTHERS(X)                     \
    X(OP_SUPPORTED, 0x1)                  \
    X(PBUF_RING_MMAP, 0x1)                \
    X(PBUF_RING_INC, 0x2)                 \
    X(SPLICE_F_FD_IN_FIXED, 0x80000000)   \
    X(SOCKET_OP_SIOCINQ, 0)               \
    X(SOCKET_OP_SIOCOUTQ, 1)              \
    X(SOCKET_OP_GETSOCKOPT, 2)            \
    X(SOCKET_OP_SETSOCKOPT, 3)            \
    X(SOCKET_OP_TX_TIMESTAMP, 4)          \
    X(SOCKET_OP_GETSOCKNAME, 5)           \
    X(NAPI_REGISTER_OP, 0)                \
    X(NAPI_STATIC_ADD_ID, 1)              \
    X(NAPI_STATIC_DEL_ID, 2)              \
    X(NAPI_TRACKING_DYNAMIC, 0)           \
    X(NAPI_TRACKING_STATIC, 1)            \
    X(NAPI_TRACKING_INACTIVE, 255)        \
    X(QUERY_OPCODES, 0)                   \
    X(QUERY_ZCRX, 1)                      \
    X(QUERY_SCQ, 2)                       \
    X(QUERY_ZCRX_NOTIF, 3)                \
    X(ZCRX_REG_IMPORT, 0x1)               \
    X(ZCRX_REG_NODEV, 0x2)                \
    X(ZCRX_FEATURE_RX_PAGE_SIZE, 0x1)     \
    X(ZCRX_CTRL_FLUSH_RQ, 0)              \
    X(ZCRX_CTRL_EXPORT, 1)                \
    X(ZCRX_CTRL_ARM_EVENT, 2)             \
    X(ZCRX_FEATURE_EVENT, 0x2)            \
    X(ZCRX_EVENT_DESC_FLAG_STATS, 0x1)    \
    X(ZCRX_EVENT_ALLOC_FAIL, 0)           \
    X(ZCRX_EVENT_COPY, 1)                 \
    X(BPF_CMD_FILTER, 1)                  \
    X(BPF_FILTER_DENY_REST, 0x1)          \
    X(BPF_FILTER_SZ_STRICT, 0x2)          \
    X(IO_WQ_BOUND, 0)                     \
    X(IO_WQ_UNBOUND, 1)                   \
    X(FUTEX2_SIZE_U32, 0x2)               \
    X(FUTEX2_NUMA, 0x4)                   \
    X(FUTEX2_MPOL, 0x8)                   \
    X(FUTEX2_PRIVATE, 0x80)               \
    X(FUTEX_BITSET_MATCH_ANY, 0xffffffff) \
    X(FUTEX_WAITV_MAX, 128)               \
    X(OP_LAST, 65)                        \
    X(REGISTER_LAST, 38)                  \
    X(RESTRICTION_LAST, 4)                \
    X(MAX_ENTRIES, 32768)                 \
    X(MAX_CQ_ENTRIES, 65536)              \
    X(PBUF_RING_MAX_ENTRIES, 32768)       \
    X(PROBE_OPS_MAX, 256)

#endif
