/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_abi_op.h - the opcodes, and the flags of requests.
 *
 * Part of <kevy/ring_abi.h>, which explains the names.
 *
 * An opcode never changes its number; new ones are appended. If flags lie in a field of another
 * name, the comment above them names the field.
 */
#ifndef KEVY_RING_ABI_OP_H
#define KEVY_RING_ABI_OP_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stdint.h>

/* For kevy_sqe.opcode. */
enum kevy_op {
    KEVY_OP_NOP = 0,               /* 5.1 */
    KEVY_OP_READV = 1,             /* 5.1 */
    KEVY_OP_WRITEV = 2,            /* 5.1 */
    KEVY_OP_FSYNC = 3,             /* 5.1 */
    KEVY_OP_READ_FIXED = 4,        /* 5.1: into a registered buffer */
    KEVY_OP_WRITE_FIXED = 5,       /* 5.1 */
    KEVY_OP_POLL_ADD = 6,          /* 5.1 */
    KEVY_OP_POLL_REMOVE = 7,       /* 5.1; updates a poll since 5.13 */
    KEVY_OP_SYNC_FILE_RANGE = 8,   /* 5.2 */
    KEVY_OP_SENDMSG = 9,           /* 5.3 */
    KEVY_OP_RECVMSG = 10,          /* 5.3 */
    KEVY_OP_TIMEOUT = 11,          /* 5.4 */
    KEVY_OP_TIMEOUT_REMOVE = 12,   /* 5.5; updates a time-out since 5.11 */
    KEVY_OP_ACCEPT = 13,           /* 5.5 */
    KEVY_OP_ASYNC_CANCEL = 14,     /* 5.5 */
    KEVY_OP_LINK_TIMEOUT = 15,     /* 5.5 */
    KEVY_OP_CONNECT = 16,          /* 5.5 */
    KEVY_OP_FALLOCATE = 17,        /* 5.6 */
    KEVY_OP_OPENAT = 18,           /* 5.6 */
    KEVY_OP_CLOSE = 19,            /* 5.6 */
    KEVY_OP_FILES_UPDATE = 20,     /* 5.6 */
    KEVY_OP_STATX = 21,            /* 5.6 */
    KEVY_OP_READ = 22,             /* 5.6 */
    KEVY_OP_WRITE = 23,            /* 5.6 */
    KEVY_OP_FADVISE = 24,          /* 5.6 */
    KEVY_OP_MADVISE = 25,          /* 5.6 */
    KEVY_OP_SEND = 26,             /* 5.6 */
    KEVY_OP_RECV = 27,             /* 5.6 */
    KEVY_OP_OPENAT2 = 28,          /* 5.6 */
    KEVY_OP_EPOLL_CTL = 29,        /* 5.6 */
    KEVY_OP_SPLICE = 30,           /* 5.7 */
    KEVY_OP_PROVIDE_BUFFERS = 31,  /* 5.7: the form before buffer rings */
    KEVY_OP_REMOVE_BUFFERS = 32,   /* 5.7 */
    KEVY_OP_TEE = 33,              /* 5.8 */
    KEVY_OP_SHUTDOWN = 34,         /* 5.11 */
    KEVY_OP_RENAMEAT = 35,         /* 5.11 */
    KEVY_OP_UNLINKAT = 36,         /* 5.11 */
    KEVY_OP_MKDIRAT = 37,          /* 5.15 */
    KEVY_OP_SYMLINKAT = 38,        /* 5.15 */
    KEVY_OP_LINKAT = 39,           /* 5.15 */
    KEVY_OP_MSG_RING = 40,         /* 5.18: posts a CQE, or a file, to another ring */
    KEVY_OP_FSETXATTR = 41,        /* 5.19 */
    KEVY_OP_SETXATTR = 42,         /* 5.19 */
    KEVY_OP_FGETXATTR = 43,        /* 5.19 */
    KEVY_OP_GETXATTR = 44,         /* 5.19 */
    KEVY_OP_SOCKET = 45,           /* 5.19 */
    KEVY_OP_URING_CMD = 46,        /* 5.19; on sockets since 6.5 */
    KEVY_OP_SEND_ZC = 47,          /* 6.0 */
    KEVY_OP_SENDMSG_ZC = 48,       /* 6.1 */
    KEVY_OP_READ_MULTISHOT = 49,   /* 6.7 */
    KEVY_OP_WAITID = 50,           /* 6.7 */
    KEVY_OP_FUTEX_WAIT = 51,       /* 6.7 */
    KEVY_OP_FUTEX_WAKE = 52,       /* 6.7 */
    KEVY_OP_FUTEX_WAITV = 53,      /* 6.7 */
    KEVY_OP_FIXED_FD_INSTALL = 54, /* 6.8: a descriptor for a registered file */
    KEVY_OP_FTRUNCATE = 55,        /* 6.9 */
    KEVY_OP_BIND = 56,             /* 6.11 */
    KEVY_OP_LISTEN = 57,           /* 6.11 */
    KEVY_OP_RECV_ZC = 58,          /* 6.15: needs a registered network queue */
    KEVY_OP_EPOLL_WAIT = 59,       /* 6.15 */
    KEVY_OP_READV_FIXED = 60,      /* 6.15 */
    KEVY_OP_WRITEV_FIXED = 61,     /* 6.15 */
    KEVY_OP_PIPE = 62,             /* 6.16 */
    KEVY_OP_NOP128 = 63,           /* newer, 6.19: needs KEVY_SETUP_SQE_MIXED */
    KEVY_OP_URING_CMD128 = 64,     /* newer, 6.19: needs KEVY_SETUP_SQE_MIXED */
    KEVY_OP_LAST = 65
};

/* nop_flags. */
#define KEVY_NOP_INJECT_RESULT (1U << 0) /* 6.10: res is len */
#define KEVY_NOP_FILE          (1U << 1) /* 6.13: looks fd up */
#define KEVY_NOP_FIXED_FILE    (1U << 2) /* 6.13: with FILE, fd is a registered index */
#define KEVY_NOP_FIXED_BUFFER  (1U << 3) /* 6.13: looks buf_index up */
#define KEVY_NOP_TW            (1U << 4) /* 6.16: completes through task work */
#define KEVY_NOP_CQE32         (1U << 5) /* 6.18: a 32-byte CQE holding off and addr */

/* fsync_flags. */
#define KEVY_FSYNC_DATASYNC (1U << 0) /* 5.1: fdatasync */

/* poll: in len. */
#define KEVY_POLL_ADD_MULTI        (1U << 0) /* 5.13: multishot */
#define KEVY_POLL_UPDATE_EVENTS    (1U << 1) /* 5.13: on POLL_REMOVE, new events */
#define KEVY_POLL_UPDATE_USER_DATA (1U << 2) /* 5.13: on POLL_REMOVE, new user_data */
#define KEVY_POLL_ADD_LEVEL        (1U << 3) /* named since 6.0, refused with -EINVAL up to 6.18 */

/* timeout_flags. */
#define KEVY_TIMEOUT_ABS           (1U << 0) /* 5.5: an instant */
#define KEVY_TIMEOUT_UPDATE        (1U << 1) /* 5.11: TIMEOUT_REMOVE moves the time-out instead */
#define KEVY_TIMEOUT_BOOTTIME      (1U << 2) /* 5.15: CLOCK_BOOTTIME instead of MONOTONIC */
#define KEVY_TIMEOUT_REALTIME      (1U << 3) /* 5.15: CLOCK_REALTIME */
#define KEVY_LINK_TIMEOUT_UPDATE   (1U << 4) /* 5.15: moves a LINK_TIMEOUT */
#define KEVY_TIMEOUT_ETIME_SUCCESS (1U << 5) /* 5.16: expiry does not break a link */
#define KEVY_TIMEOUT_MULTISHOT     (1U << 6) /* 6.4: repeats */
#define KEVY_TIMEOUT_IMMEDIATE_ARG (1U << 7) /* newer, 7.1: addr holds nanoseconds */
#define KEVY_TIMEOUT_CLOCK_MASK    (KEVY_TIMEOUT_BOOTTIME | KEVY_TIMEOUT_REALTIME)
#define KEVY_TIMEOUT_UPDATE_MASK   (KEVY_TIMEOUT_UPDATE | KEVY_LINK_TIMEOUT_UPDATE)

/* cancel_flags, also of kevy_sync_cancel_reg. */
#define KEVY_ASYNC_CANCEL_ALL      (1U << 0) /* 5.19: every match, res counts them */
#define KEVY_ASYNC_CANCEL_FD       (1U << 1) /* 5.19: match the descriptor */
#define KEVY_ASYNC_CANCEL_ANY      (1U << 2) /* 5.19: match everything; implies ALL */
#define KEVY_ASYNC_CANCEL_FD_FIXED (1U << 3) /* 6.0: the descriptor is a registered index */
#define KEVY_ASYNC_CANCEL_USERDATA (1U << 4) /* 6.6: match user_data, the default without a key */
#define KEVY_ASYNC_CANCEL_OP       (1U << 5) /* 6.6: match the opcode */

/* Socket receive and send: in ioprio. */
#define KEVY_RECVSEND_POLL_FIRST  (1U << 0) /* 5.19: wait for readiness before the first try */
#define KEVY_RECV_MULTISHOT       (1U << 1) /* 6.0 */
#define KEVY_RECVSEND_FIXED_BUF   (1U << 2) /* 6.0: registered buffer, zero-copy sends only */
#define KEVY_SEND_ZC_REPORT_USAGE (1U << 3) /* 6.2: the notification tells whether it copied */
#define KEVY_RECVSEND_BUNDLE      (1U << 4) /* 6.10: several provided buffers at once */
#define KEVY_SEND_VECTORIZED      (1U << 5) /* 6.17: addr and len are an iovec array */

/* In res of a CQE with KEVY_CQE_F_NOTIF, under KEVY_SEND_ZC_REPORT_USAGE: the data was copied. */
#define KEVY_NOTIF_USAGE_ZC_COPIED (1U << 31)

/* accept: in ioprio. */
#define KEVY_ACCEPT_MULTISHOT  (1U << 0) /* 5.19 */
#define KEVY_ACCEPT_DONTWAIT   (1U << 1) /* 6.10: -EAGAIN instead of waiting */
#define KEVY_ACCEPT_POLL_FIRST (1U << 2) /* 6.10: wait for readiness before the first try */

/* The header in front of name, control data and payload of a multishot recvmsg. */
struct kevy_recvmsg_out {
    uint32_t namelen; /* the real lengths, which may be more than the rooms given */
    uint32_t controllen;
    uint32_t payloadlen;
    uint32_t flags; /* MSG_* as recvmsg reports them */
};

/* msg_ring: the command is in addr. */
enum kevy_msg_ring_command {
    KEVY_MSG_DATA = 0,   /* 5.18: post res and user_data */
    KEVY_MSG_SEND_FD = 1 /* 6.0: hand a registered file over */
};

/* msg_ring_flags. */
#define KEVY_MSG_RING_CQE_SKIP   (1U << 0) /* 6.0: with SEND_FD, no CQE at the target */
#define KEVY_MSG_RING_FLAGS_PASS (1U << 1) /* 6.3: file_index is the target CQE's flags */

/* splice_flags, besides SPLICE_F_*. */
#define KEVY_SPLICE_F_FD_IN_FIXED (1U << 31) /* 5.7: splice_fd_in is a registered index */

/* install_fd_flags. */
#define KEVY_FIXED_FD_NO_CLOEXEC (1U << 0) /* 6.8 */

/* uring_cmd_flags. The top eight bits are the kernel's. */
#define KEVY_URING_CMD_FIXED     (1U << 0) /* 6.1: registered buffer buf_index */
#define KEVY_URING_CMD_MULTISHOT (1U << 1) /* 6.18: needs KEVY_SQE_BUFFER_SELECT */
#define KEVY_URING_CMD_MASK      (KEVY_URING_CMD_FIXED | KEVY_URING_CMD_MULTISHOT)

/*
 * uring_cmd on a block device: in cmd_op. They are _IO(0x12, 0) (6.12) and _IO(0x12, 1) (newer,
 * 7.2), which differ between architectures in the top bits.
 */
#if defined(__alpha__) || defined(__mips__) || defined(__powerpc__) || defined(__sparc__)
#define KEVY_BLOCK_URING_CMD_DISCARD        0x20001200U
#define KEVY_BLOCK_URING_CMD_ZONE_RESET_ALL 0x20001201U
#else
#define KEVY_BLOCK_URING_CMD_DISCARD        0x1200U
#define KEVY_BLOCK_URING_CMD_ZONE_RESET_ALL 0x1201U
#endif

/* uring_cmd on a socket: in cmd_op. */
enum kevy_socket_op {
    KEVY_SOCKET_OP_SIOCINQ = 0,      /* 6.5: res is the number of unread bytes */
    KEVY_SOCKET_OP_SIOCOUTQ = 1,     /* 6.5: res is the number of unsent bytes */
    KEVY_SOCKET_OP_GETSOCKOPT = 2,   /* 6.7: level SOL_SOCKET */
    KEVY_SOCKET_OP_SETSOCKOPT = 3,   /* 6.7 */
    KEVY_SOCKET_OP_TX_TIMESTAMP = 4, /* 6.17: multishot, 32-byte CQEs */
    KEVY_SOCKET_OP_GETSOCKNAME = 5   /* newer, 6.19 */
};

/* The two words at the end of a CQE of SOCKET_TX_TIMESTAMP (6.17). */
struct kevy_io_timespec {
    uint64_t tv_sec;
    uint64_t tv_nsec;
};

/* attr_type_mask, and the struct that attr_ptr points to (6.14). */
#define KEVY_RW_ATTR_FLAG_PI (1U << 0) /* protection information */
struct kevy_attr_pi {
    uint16_t flags;
    uint16_t app_tag;
    uint32_t len;
    uint64_t addr;
    uint64_t seed;
    uint64_t rsvd;
};

/* The argument of openat2, laid out like struct open_how of <linux/openat2.h>. */
struct kevy_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve; /* RESOLVE_* */
};

/* An element of FUTEX_WAITV, laid out like struct futex_waitv of <linux/futex.h>. */
struct kevy_futex_waitv {
    uint64_t val;
    uint64_t uaddr;
    uint32_t flags; /* KEVY_FUTEX2_* */
    uint32_t reserved;
};

/* The futex2 flags, and the mask that matches all waiters. */
#define KEVY_FUTEX2_SIZE_U32        0x02U
#define KEVY_FUTEX2_NUMA            0x04U
#define KEVY_FUTEX2_MPOL            0x08U
#define KEVY_FUTEX2_PRIVATE         0x80U
#define KEVY_FUTEX_BITSET_MATCH_ANY 0xffffffffU
#define KEVY_FUTEX_WAITV_MAX        128U

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ABI_OP_H */
