/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_abi_queue.h - the two queues: SQE, CQE, set-up, enter, offsets for mmap(), system
 * calls.
 *
 * Part of <kevy/ring_abi.h>, which explains the names.
 *
 * Set-up takes a struct kevy_params, and stores where in the mapped memory the cursors lie.
 * Requests are written as struct kevy_sqe, results are read as struct kevy_cqe, and an enter moves
 * both.
 */
#ifndef KEVY_RING_ABI_QUEUE_H
#define KEVY_RING_ABI_QUEUE_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define KEVY_STATIC_ASSERT(condition, message) static_assert(condition, message)
#else
#define KEVY_STATIC_ASSERT(condition, message) _Static_assert(condition, message)
#endif

/* System call numbers. Alpha counts from 110 on; the ABIs of MIPS, and x32, add their own base. */
#if defined(__alpha__)
#define KEVY_NR_BASE 110
#elif defined(__mips__) && defined(_ABIO32) && _MIPS_SIM == _ABIO32
#define KEVY_NR_BASE 4000
#elif defined(__mips__) && defined(_ABIN32) && _MIPS_SIM == _ABIN32
#define KEVY_NR_BASE 6000
#elif defined(__mips__)
#define KEVY_NR_BASE 5000
#elif defined(__x86_64__) && defined(__ILP32__)
#define KEVY_NR_BASE 0x40000000
#else
#define KEVY_NR_BASE 0
#endif
#define KEVY_NR_SETUP    (KEVY_NR_BASE + 425)
#define KEVY_NR_ENTER    (KEVY_NR_BASE + 426)
#define KEVY_NR_REGISTER (KEVY_NR_BASE + 427)

/* The largest sizes that set-up accepts. KEVY_SETUP_CLAMP reduces larger ones to these. */
#define KEVY_MAX_ENTRIES    32768U
#define KEVY_MAX_CQ_ENTRIES 65536U

/*
 * __kernel_timespec. Unlike the struct timespec of the C library it has 64 bits on all
 * architectures.
 */
struct kevy_timespec {
    int64_t tv_sec;
    int64_t tv_nsec;
};

/*
 * Submission queue entry. The opcode decides which member of a union counts. <kevy/ring_prep.h> has
 * a function for each request, so it is rare to fill one by hand.
 */
struct kevy_sqe {
    uint8_t opcode;  /* enum kevy_op */
    uint8_t flags;   /* KEVY_SQE_* */
    uint16_t ioprio; /* I/O priority, or the flags of accept, recv and send */
    int32_t fd;      /* descriptor, or index of a registered file with KEVY_SQE_FIXED_FILE */
    __extension__ union {
        uint64_t off; /* offset into the file, all ones for the file's own position */
        uint64_t addr2;
        __extension__ struct {
            uint32_t cmd_op;
            uint32_t pad1;
        };
    };
    __extension__ union {
        uint64_t addr; /* buffer or iovec array */
        uint64_t splice_off_in;
        __extension__ struct {
            uint32_t level;
            uint32_t optname;
        };
    };
    uint32_t len; /* bytes, or iovecs */
    union {
        uint32_t rw_flags;
        uint32_t fsync_flags;
        uint16_t poll_events;   /* kernels without KEVY_FEAT_POLL_32BITS */
        uint32_t poll32_events; /* 16-bit halves swapped on big-endian */
        uint32_t sync_range_flags;
        uint32_t msg_flags;
        uint32_t timeout_flags;
        uint32_t accept_flags;
        uint32_t cancel_flags;
        uint32_t open_flags;
        uint32_t statx_flags;
        uint32_t fadvise_advice;
        uint32_t splice_flags;
        uint32_t rename_flags;
        uint32_t unlink_flags;
        uint32_t hardlink_flags;
        uint32_t xattr_flags;
        uint32_t msg_ring_flags;
        uint32_t uring_cmd_flags;
        uint32_t waitid_flags;
        uint32_t futex_flags;
        uint32_t install_fd_flags;
        uint32_t nop_flags;
        uint32_t pipe_flags;
    };
    uint64_t user_data; /* handed back in every CQE of this request */
    union {
        uint16_t buf_index; /* registered buffer */
        uint16_t buf_group; /* provided buffers, with KEVY_SQE_BUFFER_SELECT */
    };
    uint16_t personality; /* registered credentials, 0 for the submitter's */
    __extension__ union {
        int32_t splice_fd_in;
        uint32_t file_index; /* slot + 1, or KEVY_FILE_INDEX_ALLOC */
        uint32_t zcrx_ifq_idx;
        uint32_t optlen;
        __extension__ struct {
            uint16_t addr_len;
            uint16_t pad3[1];
        };
        __extension__ struct {
            uint8_t write_stream; /* 6.16 */
            uint8_t pad4[3];
        };
    };
    __extension__ union {
        __extension__ struct {
            uint64_t addr3;
            uint64_t pad2[1];
        };
        __extension__ struct {
            uint64_t attr_ptr;       /* 6.14: struct kevy_attr_pi */
            uint64_t attr_type_mask; /* KEVY_RW_ATTR_FLAG_* */
        };
        uint64_t optval;
        uint8_t cmd[16]; /* the first 16 of 80 bytes with KEVY_SETUP_SQE128, see kevy_sqe128 */
    };
};

/* An SQE of 128 bytes: a slot with KEVY_SETUP_SQE128, or two slots with KEVY_SETUP_SQE_MIXED. */
struct kevy_sqe128 {
    struct kevy_sqe sqe;
    uint8_t cmd_rest[64];
};

/* For kevy_sqe.flags. */
#define KEVY_SQE_FIXED_FILE       (1U << 0) /* 5.1: fd is an index into the registered files */
#define KEVY_SQE_IO_DRAIN         (1U << 1) /* 5.2: starts when all submitted before is done */
#define KEVY_SQE_IO_LINK          (1U << 2) /* 5.3: the next SQE starts if this one succeeded */
#define KEVY_SQE_IO_HARDLINK      (1U << 3) /* 5.5: the next SQE starts, this one failed or not */
#define KEVY_SQE_ASYNC            (1U << 4) /* 5.6: straight to an io-wq worker; not for sockets */
#define KEVY_SQE_BUFFER_SELECT    (1U << 5) /* 5.7: takes a buffer of group buf_group */
#define KEVY_SQE_CQE_SKIP_SUCCESS (1U << 6) /* 5.17: no CQE when it succeeds */

/* For kevy_sqe.file_index: the kernel chooses a free slot, and returns it in res (5.19). */
#define KEVY_FILE_INDEX_ALLOC (~0U)

/* Completion queue entry. */
struct kevy_cqe {
    uint64_t user_data;
    int32_t res; /* the result, or -errno */
    uint32_t flags;
};

/* A CQE of 32 bytes: with KEVY_SETUP_CQE32, or with KEVY_CQE_F_32 on a mixed ring. */
struct kevy_cqe32 {
    struct kevy_cqe cqe;
    uint64_t big_cqe[2];
};

/* For kevy_cqe.flags. */
#define KEVY_CQE_F_BUFFER        (1U << 0)  /* 5.7: the upper 16 bits name the buffer taken */
#define KEVY_CQE_F_MORE          (1U << 1)  /* 5.13: this request will post more CQEs */
#define KEVY_CQE_F_SOCK_NONEMPTY (1U << 2)  /* 5.19: more to read, or the end */
#define KEVY_CQE_F_NOTIF         (1U << 3)  /* 6.0: zero-copy send no longer needs the buffer */
#define KEVY_CQE_F_BUF_MORE      (1U << 4)  /* 6.12: the buffer stays the kernel's, not used up */
#define KEVY_CQE_F_SKIP          (1U << 5)  /* 6.18: filler at the end of a mixed ring */
#define KEVY_CQE_F_32            (1U << 15) /* 6.18: a 32-byte CQE on a mixed ring */
#define KEVY_CQE_BUFFER_SHIFT    16

/* Only for CQEs of SOCKET_TX_TIMESTAMP (6.17). They share bits with the id of a buffer. */
#define KEVY_TIMESTAMP_HW_SHIFT   16
#define KEVY_TIMESTAMP_TYPE_SHIFT 17 /* the type, SCM_TSTAMP_*, from this bit upwards */
#define KEVY_CQE_F_TSTAMP_HW      (1U << KEVY_TIMESTAMP_HW_SHIFT) /* taken by the hardware */

/* Where the parts of the SQ are: offsets in the mapping of the SQ ring. */
struct kevy_sqring_offsets {
    uint32_t head;
    uint32_t tail;
    uint32_t ring_mask;
    uint32_t ring_entries;
    uint32_t flags; /* KEVY_SQ_* */
    uint32_t dropped;
    uint32_t array; /* 0 with KEVY_SETUP_NO_SQARRAY */
    uint32_t resv1;
    uint64_t user_addr; /* 6.5, KEVY_SETUP_NO_MMAP: in, the memory of the SQEs */
};

/* Where the parts of the CQ are: offsets in the mapping of the CQ ring. */
struct kevy_cqring_offsets {
    uint32_t head;
    uint32_t tail;
    uint32_t ring_mask;
    uint32_t ring_entries;
    uint32_t overflow;
    uint32_t cqes;
    uint32_t flags; /* KEVY_CQ_*, 0 on kernels before 5.8 */
    uint32_t resv1;
    uint64_t user_addr; /* 6.5, KEVY_SETUP_NO_MMAP: in, the memory of both rings */
};

/* The argument of set-up. The kernel stores sizes, features and offsets in it. */
struct kevy_params {
    uint32_t sq_entries;
    uint32_t cq_entries; /* in with KEVY_SETUP_CQSIZE, out always */
    uint32_t flags;      /* KEVY_SETUP_* */
    uint32_t sq_thread_cpu;
    uint32_t sq_thread_idle; /* milliseconds; 0 is one second */
    uint32_t features;       /* KEVY_FEAT_* */
    uint32_t wq_fd;          /* the ring to share workers with, KEVY_SETUP_ATTACH_WQ */
    uint32_t resv[3];
    struct kevy_sqring_offsets sq_off;
    struct kevy_cqring_offsets cq_off;
};

/* For kevy_params.flags. */
#define KEVY_SETUP_IOPOLL             (1U << 0)  /* 5.1: busy-polled storage, nothing else */
#define KEVY_SETUP_SQPOLL             (1U << 1)  /* 5.1: a kernel thread takes the SQEs */
#define KEVY_SETUP_SQ_AFF             (1U << 2)  /* 5.1: pin that thread to sq_thread_cpu */
#define KEVY_SETUP_CQSIZE             (1U << 3)  /* 5.5: cq_entries is given */
#define KEVY_SETUP_CLAMP              (1U << 4)  /* 5.6: cut sizes down instead of refusing them */
#define KEVY_SETUP_ATTACH_WQ          (1U << 5)  /* 5.6: share wq_fd's workers and SQPOLL thread */
#define KEVY_SETUP_R_DISABLED         (1U << 6)  /* 5.10: starts disabled, see ENABLE_RINGS */
#define KEVY_SETUP_SUBMIT_ALL         (1U << 7)  /* 5.18: a bad SQE does not end the batch */
#define KEVY_SETUP_COOP_TASKRUN       (1U << 8)  /* 5.19: no interrupt to run task work */
#define KEVY_SETUP_TASKRUN_FLAG       (1U << 9)  /* 5.19: KEVY_SQ_TASKRUN; needs COOP or DEFER */
#define KEVY_SETUP_SQE128             (1U << 10) /* 5.19: every SQE has 128 bytes */
#define KEVY_SETUP_CQE32              (1U << 11) /* 5.19: every CQE has 32 bytes */
#define KEVY_SETUP_SINGLE_ISSUER      (1U << 12) /* 6.0: one task submits, others get -EEXIST */
#define KEVY_SETUP_DEFER_TASKRUN      (1U << 13) /* 6.1: task work only inside enter(GETEVENTS) */
#define KEVY_SETUP_NO_MMAP            (1U << 14) /* 6.5: the rings live in the caller's memory */
#define KEVY_SETUP_REGISTERED_FD_ONLY (1U << 15) /* 6.5: an index, no fd; needs NO_MMAP */
#define KEVY_SETUP_NO_SQARRAY         (1U << 16) /* 6.6: SQ slots are taken in order */
#define KEVY_SETUP_HYBRID_IOPOLL      (1U << 17) /* 6.13: sleeps before it polls; needs IOPOLL */
#define KEVY_SETUP_CQE_MIXED          (1U << 18) /* 6.18: 16- and 32-byte CQEs; excludes CQE32 */
#define KEVY_SETUP_SQE_MIXED          (1U << 19) /* newer, 6.19: 64- and 128-byte SQEs */
#define KEVY_SETUP_SQ_REWIND          (1U << 20) /* newer, 7.0: each submit starts at slot 0 */

/* For kevy_params.features. */
#define KEVY_FEAT_SINGLE_MMAP     (1U << 0)  /* 5.4: SQ and CQ rings share a mapping */
#define KEVY_FEAT_NODROP          (1U << 1)  /* 5.5: an overflowing CQ loses nothing */
#define KEVY_FEAT_SUBMIT_STABLE   (1U << 2)  /* 5.5: arguments may go once submitted */
#define KEVY_FEAT_RW_CUR_POS      (1U << 3)  /* 5.6: offset -1 is the file's position */
#define KEVY_FEAT_CUR_PERSONALITY (1U << 4)  /* 5.6: runs with the submitter's credentials */
#define KEVY_FEAT_FAST_POLL       (1U << 5)  /* 5.7: waits by poll, not by a worker */
#define KEVY_FEAT_POLL_32BITS     (1U << 6)  /* 5.9: 32 bits of poll events */
#define KEVY_FEAT_SQPOLL_NONFIXED (1U << 7)  /* 5.11: SQPOLL takes plain descriptors */
#define KEVY_FEAT_EXT_ARG         (1U << 8)  /* 5.11: KEVY_ENTER_EXT_ARG */
#define KEVY_FEAT_NATIVE_WORKERS  (1U << 9)  /* 5.12: workers are threads of the process */
#define KEVY_FEAT_RSRC_TAGS       (1U << 10) /* 5.13: tags and updates for files and buffers */
#define KEVY_FEAT_CQE_SKIP        (1U << 11) /* 5.17: KEVY_SQE_CQE_SKIP_SUCCESS */
#define KEVY_FEAT_LINKED_FILE     (1U << 12) /* 5.17: a linked SQE looks its file up late */
#define KEVY_FEAT_REG_REG_RING    (1U << 13) /* 6.3: KEVY_REGISTER_USE_REGISTERED_RING */
#define KEVY_FEAT_RECVSEND_BUNDLE (1U << 14) /* 6.10: bundles, sends from buffer groups */
#define KEVY_FEAT_MIN_TIMEOUT     (1U << 15) /* 6.12: min_wait_usec */
#define KEVY_FEAT_RW_ATTR         (1U << 16) /* 6.14: attributes on reads and writes */
#define KEVY_FEAT_NO_IOWAIT       (1U << 17) /* 6.15: KEVY_ENTER_NO_IOWAIT */

/* In the shared SQ flags, written by the kernel. */
#define KEVY_SQ_NEED_WAKEUP (1U << 0) /* 5.1: the SQPOLL thread sleeps */
#define KEVY_SQ_CQ_OVERFLOW (1U << 1) /* 5.8: completions wait outside the CQ */
#define KEVY_SQ_TASKRUN     (1U << 2) /* 5.19: task work waits for an enter */

/* In the shared CQ flags, written by user space. */
#define KEVY_CQ_EVENTFD_DISABLED (1U << 0) /* 5.8: post nothing to the registered eventfd */

/* For enter. */
#define KEVY_ENTER_GETEVENTS       (1U << 0) /* 5.1: reap, and wait for min_complete */
#define KEVY_ENTER_SQ_WAKEUP       (1U << 1) /* 5.1: wake the SQPOLL thread */
#define KEVY_ENTER_SQ_WAIT         (1U << 2) /* 5.10: wait for room in the SQ (SQPOLL) */
#define KEVY_ENTER_EXT_ARG         (1U << 3) /* 5.11: the argument is a kevy_getevents_arg */
#define KEVY_ENTER_REGISTERED_RING (1U << 4) /* 5.18: fd is a registered ring index */
#define KEVY_ENTER_ABS_TIMER       (1U << 5) /* 6.12: the time-out is an instant */
#define KEVY_ENTER_EXT_ARG_REG     (1U << 6) /* 6.13: it is an offset into the wait region */
#define KEVY_ENTER_NO_IOWAIT       (1U << 7) /* 6.15: do not count the wait as I/O wait */

/* KEVY_ENTER_EXT_ARG. */
struct kevy_getevents_arg {
    uint64_t sigmask;
    uint32_t sigmask_sz;
    uint32_t min_wait_usec; /* 6.12 */
    uint64_t ts;            /* struct kevy_timespec *, or 0 */
};

/* KEVY_ENTER_EXT_ARG_REG (6.13): the registered wait region is an array of these. */
struct kevy_reg_wait {
    struct kevy_timespec ts;
    uint32_t min_wait_usec;
    uint32_t flags; /* KEVY_REG_WAIT_* */
    uint64_t sigmask;
    uint32_t sigmask_sz;
    uint32_t pad[3];
    uint64_t pad2[2];
};
#define KEVY_REG_WAIT_TS (1U << 0) /* ts holds a time-out */

/* mmap offsets on the ring's descriptor. */
#define KEVY_OFF_SQ_RING    UINT64_C(0)
#define KEVY_OFF_CQ_RING    UINT64_C(0x8000000)
#define KEVY_OFF_SQES       UINT64_C(0x10000000)
#define KEVY_OFF_PBUF_RING  UINT64_C(0x80000000) /* 6.4: or-ed with bgid << KEVY_OFF_PBUF_SHIFT */
#define KEVY_OFF_PBUF_SHIFT 16
#define KEVY_OFF_MMAP_MASK  UINT64_C(0xf8000000)

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ABI_QUEUE_H */
