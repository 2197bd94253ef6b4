/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_abi_register.h - the codes of io_uring_register(2) and their arguments.
 *
 * Part of <kevy/ring_abi.h>, which explains the names.
 *
 * A register call has a code, an argument and a count. The count is a number of elements, a size in
 * bytes, 1 or 0: the comment of each code tells it.
 */
#ifndef KEVY_RING_ABI_REGISTER_H
#define KEVY_RING_ABI_REGISTER_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <kevy/ring_abi_op.h>
#include <kevy/ring_abi_queue.h>

/* The codes. Their comments name the kernel, the argument, and after the slash the count. */
enum kevy_register_op {
    KEVY_REGISTER_BUFFERS = 0,           /* 5.1: iovec[] / n */
    KEVY_UNREGISTER_BUFFERS = 1,         /* 5.1: NULL / 0 */
    KEVY_REGISTER_FILES = 2,             /* 5.1: int[] / n */
    KEVY_UNREGISTER_FILES = 3,           /* 5.1: NULL / 0 */
    KEVY_REGISTER_EVENTFD = 4,           /* 5.2: int * / 1 */
    KEVY_UNREGISTER_EVENTFD = 5,         /* 5.2: NULL / 0 */
    KEVY_REGISTER_FILES_UPDATE = 6,      /* 5.5: rsrc_update / n */
    KEVY_REGISTER_EVENTFD_ASYNC = 7,     /* 5.6: int * / 1; not for inline completions */
    KEVY_REGISTER_PROBE = 8,             /* 5.6: probe / room for ops */
    KEVY_REGISTER_PERSONALITY = 9,       /* 5.6: NULL / 0, returns the id */
    KEVY_UNREGISTER_PERSONALITY = 10,    /* 5.6: NULL / id */
    KEVY_REGISTER_RESTRICTIONS = 11,     /* 5.10: restriction[] / n; fd -1 is newer, 7.0 */
    KEVY_REGISTER_ENABLE_RINGS = 12,     /* 5.10: NULL / 0 */
    KEVY_REGISTER_FILES2 = 13,           /* 5.13: rsrc_register / sizeof */
    KEVY_REGISTER_FILES_UPDATE2 = 14,    /* 5.13: rsrc_update2 / sizeof */
    KEVY_REGISTER_BUFFERS2 = 15,         /* 5.13: rsrc_register / sizeof */
    KEVY_REGISTER_BUFFERS_UPDATE = 16,   /* 5.13: rsrc_update2 / sizeof */
    KEVY_REGISTER_IOWQ_AFF = 17,         /* 5.14: CPU set / bytes */
    KEVY_UNREGISTER_IOWQ_AFF = 18,       /* 5.14: NULL / 0 */
    KEVY_REGISTER_IOWQ_MAX_WORKERS = 19, /* 5.15: uint32_t[2] / 2, gets the old limits back */
    KEVY_REGISTER_RING_FDS = 20,         /* 5.18: rsrc_update[] / n, at most 16 a task */
    KEVY_UNREGISTER_RING_FDS = 21,       /* 5.18: rsrc_update[] / n */
    KEVY_REGISTER_PBUF_RING = 22,        /* 5.19: buf_reg / 1 */
    KEVY_UNREGISTER_PBUF_RING = 23,      /* 5.19: buf_reg / 1 */
    KEVY_REGISTER_SYNC_CANCEL = 24,      /* 6.0: sync_cancel_reg / 1 */
    KEVY_REGISTER_FILE_ALLOC_RANGE = 25, /* 6.0: file_index_range / 0 */
    KEVY_REGISTER_PBUF_STATUS = 26,      /* 6.8: buf_status / 1 */
    KEVY_REGISTER_NAPI = 27,             /* 6.9: napi / 1 */
    KEVY_UNREGISTER_NAPI = 28,           /* 6.9: napi / 1 */
    KEVY_REGISTER_CLOCK = 29,            /* 6.12: clock_register / 0 */
    KEVY_REGISTER_CLONE_BUFFERS = 30,    /* 6.12: clone_buffers / 1 */
    KEVY_REGISTER_SEND_MSG_RING = 31,    /* 6.13: sqe / 1, fd -1 */
    KEVY_REGISTER_ZCRX_IFQ = 32,         /* 6.15: zcrx_ifq_reg / 1 */
    KEVY_REGISTER_RESIZE_RINGS = 33,     /* 6.13: params / 1; DEFER_TASKRUN rings */
    KEVY_REGISTER_MEM_REGION = 34,       /* 6.13: mem_region_reg / 1 */
    KEVY_REGISTER_QUERY = 35,            /* 6.18: query_hdr / 0, fd -1 */
    KEVY_REGISTER_ZCRX_CTRL = 36,        /* newer, 6.19: zcrx_ctrl / 0 */
    KEVY_REGISTER_BPF_FILTER = 37,       /* newer, 7.0: bpf / 1 */
    KEVY_REGISTER_LAST = 38
};

/* Added to the code: `fd` is the index of a registered ring (6.3). */
#define KEVY_REGISTER_USE_REGISTERED_RING (1U << 31)

/* Files and buffers. */
#define KEVY_REGISTER_FILES_SKIP  (-2)      /* 5.12: in an update, leave this slot as it is */
#define KEVY_RSRC_REGISTER_SPARSE (1U << 0) /* 5.19: empty slots, data is NULL */

/* Replaced by struct kevy_rsrc_update, which has the same layout. */
struct kevy_files_update {
    uint32_t offset;
    uint32_t resv;
    uint64_t fds;
};

struct kevy_rsrc_register {
    uint32_t nr;
    uint32_t flags; /* KEVY_RSRC_REGISTER_* */
    uint64_t resv2;
    uint64_t data;
    uint64_t tags;
};

struct kevy_rsrc_update {
    uint32_t offset; /* first slot; for RING_FDS the slot or all ones */
    uint32_t resv;
    uint64_t data; /* array; for RING_FDS the descriptor */
};

struct kevy_rsrc_update2 {
    uint32_t offset;
    uint32_t resv;
    uint64_t data;
    uint64_t tags;
    uint32_t nr;
    uint32_t resv2;
};

/* The slots from which the kernel chooses: from off to off + len - 1. */
struct kevy_file_index_range {
    uint32_t off;
    uint32_t len;
    uint64_t resv;
};

#define KEVY_REGISTER_SRC_REGISTERED (1U << 0) /* 6.12: src_fd is a registered ring index */
#define KEVY_REGISTER_DST_REPLACE    (1U << 1) /* 6.13: overwrite occupied slots */
struct kevy_clone_buffers {
    uint32_t src_fd;
    uint32_t flags;   /* KEVY_REGISTER_SRC_REGISTERED, KEVY_REGISTER_DST_REPLACE */
    uint32_t src_off; /* 6.13, as the next two */
    uint32_t dst_off;
    uint32_t nr;
    uint32_t pad[3];
};

/* PROBE. */
#define KEVY_OP_SUPPORTED  (1U << 0)
#define KEVY_PROBE_OPS_MAX 256
struct kevy_probe_op {
    uint8_t op;
    uint8_t resv;
    uint16_t flags; /* KEVY_OP_SUPPORTED */
    uint32_t resv2;
};

/* The array of the kernel has no size; PROBE accepts at most 256 elements. */
struct kevy_probe {
    uint8_t last_op;
    uint8_t ops_len;
    uint16_t resv;
    uint32_t resv2[3];
    struct kevy_probe_op ops[KEVY_PROBE_OPS_MAX];
};

/* RESTRICTIONS: for kevy_restriction.opcode. */
enum kevy_restriction_op {
    KEVY_RESTRICTION_REGISTER_OP = 0,        /* 5.10: allow a register code */
    KEVY_RESTRICTION_SQE_OP = 1,             /* 5.10: allow an opcode */
    KEVY_RESTRICTION_SQE_FLAGS_ALLOWED = 2,  /* 5.10 */
    KEVY_RESTRICTION_SQE_FLAGS_REQUIRED = 3, /* 5.10 */
    KEVY_RESTRICTION_LAST = 4
};

struct kevy_restriction {
    uint16_t opcode; /* enum kevy_restriction_op */
    union {
        uint8_t register_op;
        uint8_t sqe_op;
        uint8_t sqe_flags;
    };
    uint8_t resv;
    uint32_t resv2[3];
};

/* Newer, 7.0: restrictions of a task. nr_res elements of struct kevy_restriction follow it. */
struct kevy_task_restriction {
    uint16_t flags;
    uint16_t nr_res;
    uint32_t resv[3];
};

/* IOWQ_MAX_WORKERS: the indices of its two numbers. */
#define KEVY_IO_WQ_BOUND   0 /* regular files and block devices */
#define KEVY_IO_WQ_UNBOUND 1 /* everything else */

/* Buffer rings. */
#define KEVY_PBUF_RING_MMAP        (1U << 0) /* 6.4: the kernel allocates, see KEVY_OFF_PBUF_RING */
#define KEVY_PBUF_RING_INC         (1U << 1) /* 6.12: buffers are consumed piece by piece */
#define KEVY_PBUF_RING_MAX_ENTRIES 32768U

struct kevy_buf_reg {
    uint64_t ring_addr; /* page-aligned, 0 with KEVY_PBUF_RING_MMAP */
    uint32_t ring_entries;
    uint16_t bgid;
    uint16_t flags;    /* KEVY_PBUF_RING_* */
    uint32_t min_left; /* a fix of 2026, in 6.18 stable: with INC, retire a buffer with less */
    uint32_t resv[5];
};

struct kevy_buf {
    uint64_t addr;
    uint32_t len;
    uint16_t bid;
    uint16_t resv; /* in slot 0 this is the ring's tail: never write it */
};

/*
 * A buffer ring: an array of struct kevy_buf, whose tail lies in the first element. `bufs` has no
 * size in the kernel, so index it through a pointer.
 */
struct kevy_buf_ring {
    __extension__ union {
        __extension__ struct {
            uint64_t resv1;
            uint32_t resv2;
            uint16_t resv3;
            uint16_t tail;
        };
        struct kevy_buf bufs[1];
    };
};

struct kevy_buf_status {
    uint32_t buf_group; /* in */
    uint32_t head;      /* out */
    uint32_t resv[8];
};

/* SYNC_CANCEL. */
struct kevy_sync_cancel_reg {
    uint64_t addr; /* user_data */
    int32_t fd;
    uint32_t flags;               /* KEVY_ASYNC_CANCEL_* */
    struct kevy_timespec timeout; /* both members -1: none */
    uint8_t opcode;               /* 6.6 */
    uint8_t pad[7];
    uint64_t pad2[3];
};

/* NAPI busy polling. */
enum kevy_napi_op {
    KEVY_NAPI_REGISTER_OP = 0,   /* 6.9 */
    KEVY_NAPI_STATIC_ADD_ID = 1, /* 6.13: op_param is the NAPI id */
    KEVY_NAPI_STATIC_DEL_ID = 2  /* 6.13 */
};

/* op_param of KEVY_NAPI_REGISTER_OP. */
enum kevy_napi_tracking {
    KEVY_NAPI_TRACKING_DYNAMIC = 0,   /* 6.9 */
    KEVY_NAPI_TRACKING_STATIC = 1,    /* 6.13 */
    KEVY_NAPI_TRACKING_INACTIVE = 255 /* 6.13: reported if nothing is registered */
};

struct kevy_napi {
    uint32_t busy_poll_to; /* microseconds */
    uint8_t prefer_busy_poll;
    uint8_t opcode; /* enum kevy_napi_op */
    uint8_t pad[2];
    uint32_t op_param;
    uint32_t resv;
};

/* CLOCK: the clock for the time limits of waits. */
struct kevy_clock_register {
    uint32_t clockid;
    uint32_t resv[3];
};

/* Memory regions. */
#define KEVY_MEM_REGION_TYPE_USER    (1U << 0) /* 6.13: kevy_region_desc: user_addr is given */
#define KEVY_MEM_REGION_REG_WAIT_ARG (1U << 0) /* 6.13: kevy_mem_region_reg: wait arguments */
struct kevy_region_desc {
    uint64_t user_addr;
    uint64_t size;
    uint32_t flags;
    uint32_t id;
    uint64_t mmap_offset; /* result, if the kernel allocates */
    uint64_t resv[4];
};

struct kevy_mem_region_reg {
    uint64_t region_uptr; /* struct kevy_region_desc * */
    uint64_t flags;
    uint64_t resv[2];
};

/* QUERY (6.18): a chain of headers. Each one names the place of an answer. */
enum kevy_query_op {
    KEVY_QUERY_OPCODES = 0,   /* 6.18 */
    KEVY_QUERY_ZCRX = 1,      /* newer, 6.19 */
    KEVY_QUERY_SCQ = 2,       /* newer, 6.19 */
    KEVY_QUERY_ZCRX_NOTIF = 3 /* newer, 7.2 */
};

struct kevy_query_hdr {
    uint64_t next_entry;
    uint64_t query_data;
    uint32_t query_op;
    uint32_t size;
    int32_t result;
    uint32_t resv[3];
};

struct kevy_query_opcode {
    uint32_t nr_request_opcodes;
    uint32_t nr_register_opcodes;
    uint64_t feature_flags;
    uint64_t ring_setup_flags;
    uint64_t enter_flags;
    uint64_t sqe_flags;
    uint32_t nr_query_opcodes;
    uint32_t pad;
};

struct kevy_query_zcrx {
    uint64_t register_flags;
    uint64_t area_flags;
    uint32_t nr_ctrl_opcodes;
    uint32_t features; /* KEVY_ZCRX_FEATURE_* */
    uint32_t rq_hdr_size;
    uint32_t rq_hdr_alignment;
    uint64_t resv2;
};

/* The answer to KEVY_QUERY_ZCRX_NOTIF. */
struct kevy_query_zcrx_event {
    uint32_t event_flags; /* one bit per enum kevy_zcrx_event */
    uint32_t stats_size;
    uint32_t stats_off_alignment;
    uint32_t resv1;
    uint64_t resv2[4];
};

/* The header in front of the CQEs of a ring in the caller's memory. */
struct kevy_query_scq {
    uint64_t hdr_size;
    uint64_t hdr_alignment;
};

/* Zero-copy receive (6.15). The bits of an offset from KEVY_ZCRX_AREA_SHIFT on name its area. */
#define KEVY_ZCRX_AREA_SHIFT            48
#define KEVY_ZCRX_AREA_MASK             (~((UINT64_C(1) << KEVY_ZCRX_AREA_SHIFT) - 1))
#define KEVY_ZCRX_AREA_DMABUF           (1U << 0) /* 6.16 */
#define KEVY_ZCRX_REG_IMPORT            (1U << 0) /* newer, 6.19: attach to another ring's queue */
#define KEVY_ZCRX_REG_NODEV             (1U << 1) /* newer, 7.1: no device, every byte is copied */
#define KEVY_ZCRX_FEATURE_RX_PAGE_SIZE  (1U << 0) /* newer, 7.0: rx_buf_len */
#define KEVY_ZCRX_FEATURE_EVENT         (1U << 1) /* newer, 7.2: event_desc */
#define KEVY_ZCRX_EVENT_DESC_FLAG_STATS (1U << 0) /* newer, 7.2: stats_offset is given */

/* Newer, 7.2: events with a CQE of their own. Each is told once, until it is armed again. */
enum kevy_zcrx_event {
    KEVY_ZCRX_EVENT_ALLOC_FAIL = 0, /* the area has no free piece left */
    KEVY_ZCRX_EVENT_COPY = 1        /* data had to be copied */
};

/* Newer, 7.2: counters in the region of the refill queue. */
struct kevy_zcrx_stats {
    uint64_t copy_count; /* pieces that were copied */
    uint64_t copy_bytes;
};

struct kevy_zcrx_event_desc {
    uint64_t user_data;
    uint32_t type_mask; /* one bit per enum kevy_zcrx_event */
    uint32_t flags;     /* KEVY_ZCRX_EVENT_DESC_FLAG_* */
    uint64_t stats_offset;
    uint64_t resv2[9];
};

/* Refill queue entry: gives a buffer back. */
struct kevy_zcrx_rqe {
    uint64_t off;
    uint32_t len;
    uint32_t pad;
};

/* The two words at the end of a CQE of RECV_ZC. */
struct kevy_zcrx_cqe {
    uint64_t off;
    uint64_t pad;
};

struct kevy_zcrx_offsets {
    uint32_t head;
    uint32_t tail;
    uint32_t rqes;
    uint32_t resv2;
    uint64_t resv[2];
};

struct kevy_zcrx_area_reg {
    uint64_t addr;
    uint64_t len;
    uint64_t rq_area_token; /* out */
    uint32_t flags;         /* KEVY_ZCRX_AREA_DMABUF */
    uint32_t dmabuf_fd;
    uint64_t resv2[2];
};

struct kevy_zcrx_ifq_reg {
    uint32_t if_idx;
    uint32_t if_rxq;
    uint32_t rq_entries;
    uint32_t flags;                   /* KEVY_ZCRX_REG_* */
    uint64_t area_ptr;                /* struct kevy_zcrx_area_reg * */
    uint64_t region_ptr;              /* struct kevy_region_desc * */
    struct kevy_zcrx_offsets offsets; /* out */
    uint32_t zcrx_id;                 /* out */
    uint32_t rx_buf_len;              /* newer, 7.0 */
    uint64_t event_desc;              /* newer, 7.2: struct kevy_zcrx_event_desc * */
    uint64_t resv[2];
};

/* Newer, 6.19. */
enum kevy_zcrx_ctrl_op {
    KEVY_ZCRX_CTRL_FLUSH_RQ = 0,
    KEVY_ZCRX_CTRL_EXPORT = 1,
    KEVY_ZCRX_CTRL_ARM_EVENT = 2 /* newer, 7.2 */
};

struct kevy_zcrx_ctrl_flush_rq {
    uint64_t resv[6];
};

struct kevy_zcrx_ctrl_export {
    uint32_t zcrx_fd; /* out */
    uint32_t resv1[11];
};

struct kevy_zcrx_ctrl_arm_event {
    uint32_t event_type; /* enum kevy_zcrx_event */
    uint32_t resv[11];
};

struct kevy_zcrx_ctrl {
    uint32_t zcrx_id;
    uint32_t op; /* enum kevy_zcrx_ctrl_op */
    uint64_t resv[2];
    union {
        struct kevy_zcrx_ctrl_export zc_export;
        struct kevy_zcrx_ctrl_flush_rq zc_flush;
        struct kevy_zcrx_ctrl_arm_event zc_arm_event;
    };
};

/* Newer, 7.0: classic BPF filters on opcodes. */
#define KEVY_BPF_CMD_FILTER       1         /* for kevy_bpf.cmd_type */
#define KEVY_BPF_FILTER_DENY_REST (1U << 0) /* refuse every opcode without a filter */
#define KEVY_BPF_FILTER_SZ_STRICT (1U << 1) /* the kernel's pdu_size must equal ours */
struct kevy_bpf_filter {
    uint32_t opcode;
    uint32_t flags;      /* KEVY_BPF_FILTER_* */
    uint32_t filter_len; /* instructions */
    uint8_t pdu_size;
    uint8_t resv[3];
    uint64_t filter_ptr;
    uint64_t resv2[5];
};

struct kevy_bpf {
    uint16_t cmd_type; /* KEVY_BPF_CMD_FILTER */
    uint16_t cmd_flags;
    uint32_t resv;
    struct kevy_bpf_filter filter;
};

/* The context of a filter program. */
struct kevy_bpf_ctx_socket {
    uint32_t family;
    uint32_t type;
    uint32_t protocol;
};

struct kevy_bpf_ctx {
    uint64_t user_data;
    uint8_t opcode;
    uint8_t sqe_flags;
    uint8_t pdu_size;
    uint8_t pad[5];
    union {
        struct kevy_bpf_ctx_socket socket;
        struct kevy_open_how open;
    };
};

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ABI_REGISTER_H */
