/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_register.h - settings of a ring, and calls beside its queues.
 *
 * Settings last until they are changed:
 *
 *     eventfd        the descriptor that tells of new completions
 *     personality    with whose rights requests run
 *     restrictions   which requests a ring may make
 *     workers        which threads do blocking work, and how many
 *     clock, NAPI    how a wait counts time, and which network queues it polls
 *
 * Each operation of io_uring_register(2) has a function, in one of these headers:
 *
 *     ring.h           enable (12), descriptors of rings (20, 21), region for waits (34)
 *     ring_mode.h      resize (33)
 *     ring_register.h  the settings above, cancel (24), message (31), and the call below them all
 *     ring_files.h     files and buffers (0-3, 6, 13-16, 25, 30)
 *     ring_probe.h     what the kernel offers (8, 35)
 *     buffer_ring.h    buffer rings (22, 23, 26)
 *     ring_zcrx.h      zero-copy receive (32, 36)
 *
 * Unless a comment says otherwise they return 0 or an error:
 *
 *     -EINVAL  the kernel lacks the operation
 *     -EACCES  the ring is restricted
 *     -EEXIST  the ring belongs to another thread (KEVY_SETUP_SINGLE_ISSUER)
 *
 * Example: a ring that can only read and close
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_register.h>
 *
 *     static int reader_make(struct kevy_ring *ring)
 *     {
 *         static const uint8_t opcodes[] = {KEVY_OP_READ, KEVY_OP_CLOSE};
 *         static const uint8_t register_ops[] = {KEVY_REGISTER_RING_FDS, KEVY_UNREGISTER_RING_FDS};
 *         struct kevy_ring_restrictions allowed = {
 *             .opcodes = opcodes,
 *             .opcode_count = 2,
 *             .register_ops = register_ops,
 *             .register_op_count = 2,
 *         };
 *         struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED};
 *         int error = kevy_ring_init(ring, 64, &options);
 *
 *         if (error == 0)
 *             error = kevy_ring_restrict(ring, &allowed);
 *         return error < 0 ? error : kevy_ring_enable(ring);
 *     }
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
 * Calls io_uring_register(2) with `opcode`, an enum kevy_register_op. For operations that are newer
 * than this library. If `ring` is NULL, the call concerns no ring, as KEVY_REGISTER_QUERY (6.18)
 * and KEVY_REGISTER_SEND_MSG_RING (6.13) need it. An idle ring is not accepted (asserted).
 *
 * Returns the result of the kernel, or -errno.
 */
KEVY_API int kevy_ring_register(const struct kevy_ring *ring, uint32_t opcode, void *argument,
                                uint32_t count);

/*
 * Adds 1 to the eventfd(2) `fd` when completions arrive (5.2). `fd` is BORROWED until it is
 * unregistered. The count is only a hint: 1 may stand for many completions, or for none. With
 * `async_only` (5.6) those do not count that complete during the submit. -EBUSY: the ring has one.
 */
KEVY_API int kevy_ring_eventfd_register(struct kevy_ring *ring, int fd, bool async_only);
KEVY_API int kevy_ring_eventfd_unregister(struct kevy_ring *ring); /* -ENXIO: there is none */

/* Switches the eventfd off and on without a system call (5.8). -EOPNOTSUPP on older kernels. */
KEVY_API int kevy_ring_eventfd_enable(struct kevy_ring *ring, bool enabled);

/*
 * Registers the credentials of the calling thread (5.6). Returns an id, from 1 on, for
 * kevy_sqe_set_personality(). A request with this id runs with these credentials.
 */
KEVY_API int kevy_ring_personality_register(struct kevy_ring *ring);
KEVY_API int kevy_ring_personality_unregister(struct kevy_ring *ring, uint16_t id);

/* All that a restricted ring may do. */
struct kevy_ring_restrictions {
    const uint8_t *opcodes; /* BORROWED: enum kevy_op */
    uint32_t opcode_count;
    const uint8_t *register_ops; /* BORROWED: enum kevy_register_op */
    uint32_t register_op_count;
    uint8_t sqe_flags_allowed;  /* KEVY_SQE_* that may be set */
    uint8_t sqe_flags_required; /* KEVY_SQE_* that must be set */
};

/* The largest number of opcodes and register operations together. */
#define KEVY_RING_RESTRICTIONS_MAX 126

/*
 * Restricts a ring that is not enabled yet (KEVY_SETUP_R_DISABLED), for its whole life (5.10). From
 * kevy_ring_enable() on, all that is not listed is answered with -EACCES. For example, a program
 * that was taken over cannot open files.
 *
 * Probe, and register files and buffers, before. List each register operation that is used later:
 *
 *     - KEVY_UNREGISTER_RING_FDS for kevy_ring_deinit();
 *     - KEVY_REGISTER_RING_FDS for kevy_ring_enable();
 *     - KEVY_UNREGISTER_PBUF_RING for the deinit of each buffer ring.
 *
 * KEVY_REGISTER_ENABLE_RINGS need not be listed. Errors:
 *
 *     -EBADFD  the ring is enabled already
 *     -EBUSY   the ring is restricted already
 *     -EINVAL  the list is too long
 */
KEVY_API int kevy_ring_restrict(struct kevy_ring *ring,
                                const struct kevy_ring_restrictions *restrictions);

/*
 * Runs a classic BPF program before each request with `opcode` (newer, 7.0). It sees a struct
 * kevy_bpf_ctx, and lets the request pass if it returns a value other than 0. `program` (BORROWED)
 * is an array of `count` struct sock_filter. `flags` are KEVY_BPF_FILTER_*. If `ring` is NULL, it
 * applies to all rings that the calling task sets up afterwards.
 */
KEVY_API int kevy_ring_filter(struct kevy_ring *ring, uint8_t opcode, const void *program,
                              uint32_t count, uint32_t flags);

/* As kevy_ring_restrict(), for all rings that the calling task sets up afterwards (newer, 7.0). */
KEVY_API int kevy_task_restrict(const struct kevy_ring_restrictions *restrictions);

/* Lets worker threads run only on the CPUs of `mask`, a cpu_set_t of `size` bytes (5.14). */
KEVY_API int kevy_ring_workers_affinity(struct kevy_ring *ring, const void *mask, size_t size);
KEVY_API int kevy_ring_workers_affinity_reset(struct kevy_ring *ring);

/*
 * Limits the number of worker threads (5.15): `bounded` for work on files and block devices,
 * `unbounded` for all other work. A value of 0 leaves the limit as it is. The old limits are stored
 * in the same places. A pointer may be NULL.
 */
KEVY_API int kevy_ring_workers_limit(struct kevy_ring *ring, uint32_t *bounded,
                                     uint32_t *unbounded);

/*
 * Sets the clock of kevy_ring_wait() (6.12): CLOCK_MONOTONIC, which is the default, or
 * CLOCK_BOOTTIME, which also counts while the machine sleeps.
 */
KEVY_API int kevy_ring_clock(struct kevy_ring *ring, int clock);

/*
 * Polls the queues of network cards for at most `timeout_us` before a wait sleeps (6.9). `prefer`
 * keeps the interrupts of the cards off meanwhile. -EINVAL on a ring with KEVY_SETUP_IOPOLL.
 *
 *     KEVY_NAPI_TRACKING_DYNAMIC  the kernel finds the queues by the sockets in use
 *     KEVY_NAPI_TRACKING_STATIC   it polls the queues that were added (6.13)
 *
 * If `previous` is not NULL, the settings from before are stored there.
 */
KEVY_API int kevy_ring_napi_register(struct kevy_ring *ring, uint32_t timeout_us, bool prefer,
                                     enum kevy_napi_tracking tracking, struct kevy_napi *previous);
KEVY_API int kevy_ring_napi_unregister(struct kevy_ring *ring, struct kevy_napi *previous);

/* Adds or removes a queue (6.13). Its id is SO_INCOMING_NAPI_ID of a socket. */
KEVY_API int kevy_ring_napi_add(struct kevy_ring *ring, uint32_t napi_id);
KEVY_API int kevy_ring_napi_remove(struct kevy_ring *ring, uint32_t napi_id);

/* The requests to cancel, as in kevy_prep_cancel(). */
struct kevy_ring_cancel {
    uint64_t user_data;  /* the key, unless flags hold KEVY_ASYNC_CANCEL_ANY or _FD */
    int32_t fd;          /* with KEVY_ASYNC_CANCEL_FD; with _FD_FIXED an index */
    uint32_t flags;      /* KEVY_ASYNC_CANCEL_* */
    uint8_t opcode;      /* with KEVY_ASYNC_CANCEL_OP (6.6) */
    uint64_t timeout_ns; /* how long to wait for requests that run */
};

/*
 * Cancels requests and waits until they have ended (6.0). Their CQEs are in the CQ afterwards.
 * Returns 0, or the number of requests with KEVY_ASYNC_CANCEL_ALL, or an error:
 *
 *     -ENOENT    there is no such request
 *     -ETIME     some are still running
 *     -EALREADY  some are still running, and `timeout_ns` is 0
 */
KEVY_API int kevy_ring_cancel_sync(struct kevy_ring *ring, const struct kevy_ring_cancel *cancel);

/*
 * Posts a CQE to the ring *target (6.13). The caller needs no ring, and may be any thread. `result`
 * and `flags` are those of the CQE. -EOVERFLOW: the CQ of the target is full.
 */
KEVY_API int kevy_ring_message(const struct kevy_ring *target, uint64_t user_data, int32_t result,
                               uint32_t flags);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_REGISTER_H */
