/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_register.h - io_uring_register: what is told to a ring beside the queues.
 *
 * Model. Settings of one ring that last until changed: who is told of completions (eventfd), whose
 * rights requests have (personality, restrictions), who does blocking work (io-wq), which clock and
 * which network queues a wait uses (clock, NAPI), and calls made beside the queues (cancel,
 * message). Every register operation has a typed function in one of these headers:
 *
 *     ring.h            enable (12), ring descriptors (20, 21), resize (33), wait region (34)
 *     ring_register.h   the settings above and the call underneath them all
 *     ring_files.h      tables of files and buffers (0-3, 6, 13-16, 25, 30)
 *     ring_probe.h      what the kernel offers (8, 35)
 *     buffer_ring.h     provided buffers (22, 23, 26)
 *     ring_zcrx.h       zero-copy receive (32, 36)
 *
 * Each returns 0 unless it says otherwise, or a negative errno: -EINVAL where the kernel lacks the
 * operation, -EACCES on a restricted ring, -EEXIST from a thread that does not own a SINGLE_ISSUER
 * ring.
 */
#ifndef KEVY_RING_REGISTER_H
#define KEVY_RING_REGISTER_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_ring;

/*
 * Performs register operation `opcode`, an enum kevy_register_op, on *ring; with `ring` NULL on no
 * ring of io_uring, as QUERY (6.18) and SEND_MSG_RING (6.13) want it. For operations newer than
 * this library.
 * Returns what the kernel returns, an errno as a negative number.
 */
KEVY_API int kevy_ring_register(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                                uint32_t count);

/*
 * Has `fd`, an eventfd(2) BORROWED until unregistered, counted up when completions arrive (5.2). A
 * count is a hint: one may stand for many completions, or for none. With `async_only` (5.6) those
 * that complete inside submit do not count. -EBUSY: there is one already.
 */
KEVY_API int kevy_ring_eventfd_register(struct kevy_ring *ring, int fd, bool async_only);
KEVY_API int kevy_ring_eventfd_unregister(struct kevy_ring *ring); /* -ENXIO: there is none */

/* Switches the counting off and on without a system call (5.8), -EOPNOTSUPP before. */
KEVY_API int kevy_ring_eventfd_enable(struct kevy_ring *ring, bool enabled);

/*
 * Keeps the calling thread's credentials in the ring (5.6). Returns the id, from 1 on, for
 * kevy_sqe_set_personality(): the request then runs with them, whoever submits it.
 */
KEVY_API int kevy_ring_personality_register(struct kevy_ring *ring);
KEVY_API int kevy_ring_personality_unregister(struct kevy_ring *ring, uint16_t id);

/* What a restricted ring may still do. */
struct kevy_ring_restrictions {
    const uint8_t *opcodes; /* BORROWED: enum kevy_op */
    uint32_t opcode_count;
    const uint8_t *register_ops; /* BORROWED: enum kevy_register_op; ENABLE_RINGS is implied */
    uint32_t register_op_count;
    uint8_t sqe_flags_allowed;  /* KEVY_SQE_* that may be set */
    uint8_t sqe_flags_required; /* KEVY_SQE_* that must be set */
};

/* At most this many opcodes and register operations together. */
#define KEVY_RING_RESTRICTIONS_MAX 126

/*
 * Restricts a KEVY_SETUP_R_DISABLED ring, once and for good (5.10): everything not listed is
 * answered with -EACCES from kevy_ring_enable() on, so that a hijacked loop cannot open files.
 * Probe, and register what must be registered, before; list every register operation that is used
 * later, and for kevy_ring_deinit() KEVY_UNREGISTER_RING_FDS, for kevy_ring_enable()
 * KEVY_REGISTER_RING_FDS and for each buffer ring KEVY_UNREGISTER_PBUF_RING. -EBADFD: the ring is
 * enabled already. -EBUSY: restricted already. -EINVAL: too long a list.
 */
KEVY_API int kevy_ring_restrict(struct kevy_ring *ring,
                                const struct kevy_ring_restrictions *restrictions);

/*
 * Puts a classic BPF program before every request with `opcode` (newer, 7.0): it sees a struct
 * kevy_bpf_ctx and lets the request pass by returning anything but 0. `program` is BORROWED, an
 * array of `count` struct sock_filter; `flags` are KEVY_BPF_FILTER_*. With `ring` NULL for every
 * ring that the calling task sets up from now on.
 */
KEVY_API int kevy_ring_filter(struct kevy_ring *ring, uint8_t opcode, const void *program,
                              uint32_t count, uint32_t flags);

/* As kevy_ring_restrict(), for every ring that the calling task sets up from now on (newer, 7.0).
 */
KEVY_API int kevy_task_restrict(const struct kevy_ring_restrictions *restrictions);

/* Confines the workers to the CPUs of `mask`, a cpu_set_t of `size` bytes (5.14). */
KEVY_API int kevy_ring_workers_affinity(struct kevy_ring *ring, const void *mask, size_t size);
KEVY_API int kevy_ring_workers_affinity_reset(struct kevy_ring *ring);

/*
 * Limits the number of workers (5.15): `bounded` for files and block devices, `unbounded` for the
 * rest. 0 leaves a limit as it is; the limits so far are stored, both of them also where the call
 * changes nothing. NULL: leave as is and do not tell.
 */
KEVY_API int kevy_ring_workers_limit(struct kevy_ring *ring, uint32_t *bounded,
                                     uint32_t *unbounded);

/*
 * Makes CLOCK_MONOTONIC (the default) or CLOCK_BOOTTIME, which goes on while the machine sleeps,
 * the clock of kevy_ring_wait() (6.12).
 */
KEVY_API int kevy_ring_clock(struct kevy_ring *ring, int clock);

/*
 * Busy-polls the network devices' queues for up to `timeout_us` before a wait sleeps (6.9).
 * `prefer` keeps their interrupts off meanwhile. With KEVY_NAPI_TRACKING_DYNAMIC the kernel finds
 * the queues by the sockets in use; with _STATIC (6.13) it polls those that were added. `previous`,
 * where not NULL, receives the settings before. -EINVAL on an IOPOLL ring.
 */
KEVY_API int kevy_ring_napi_register(struct kevy_ring *ring, uint32_t timeout_us, bool prefer,
                                     enum kevy_napi_tracking tracking, struct kevy_napi *previous);
KEVY_API int kevy_ring_napi_unregister(struct kevy_ring *ring, struct kevy_napi *previous);

/* Adds or removes a queue by its id, SO_INCOMING_NAPI_ID of a socket (6.13). */
KEVY_API int kevy_ring_napi_add(struct kevy_ring *ring, uint32_t napi_id);
KEVY_API int kevy_ring_napi_remove(struct kevy_ring *ring, uint32_t napi_id);

/* Which requests to cancel: as kevy_prep_cancel(). */
struct kevy_ring_cancel {
    uint64_t user_data;  /* without KEVY_ASYNC_CANCEL_ANY or _FD: cancel by it */
    int32_t fd;          /* with KEVY_ASYNC_CANCEL_FD; an index with _FD_FIXED */
    uint32_t flags;      /* KEVY_ASYNC_CANCEL_* */
    uint8_t opcode;      /* with KEVY_ASYNC_CANCEL_OP (6.6) */
    uint64_t timeout_ns; /* how long to wait for requests that are being executed */
};

/*
 * Cancels and waits until the requests are through (6.0): their CQEs are in the CQ when it returns.
 * Returns 0 or the number cancelled (KEVY_ASYNC_CANCEL_ALL), -ENOENT (no such request), -ETIME
 * (some are still running), -EALREADY as -ETIME where no time was given.
 */
KEVY_API int kevy_ring_cancel_sync(struct kevy_ring *ring, const struct kevy_ring_cancel *cancel);

/*
 * Posts a CQE to *target without owning a ring (6.13): from any thread, `target` may belong to
 * another. `result` and `flags` (0, or bits for the CQE's flags) arrive as given. -EOVERFLOW when
 * the target's CQ is full.
 */
KEVY_API int kevy_ring_message(const struct kevy_ring *target, uint64_t user_data, int32_t result,
                               uint32_t flags);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_REGISTER_H */
