/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring.h - one io_uring instance: set-up, submission, waiting, reaping.
 *
 * Model. Two queues lie in memory shared with the kernel. The submission queue (SQ) takes requests
 * (SQEs), the completion queue (CQ) gives results (CQEs). Every cursor runs freely over 32 bits and
 * is masked only to index; a cursor has exactly one writer:
 *
 *     cursor    written by       read by
 *     SQ tail   this library     the kernel, inside enter (or its SQPOLL thread at any time)
 *     SQ head   the kernel       this library, acquire under SQPOLL: a slot is free once it passed
 *     CQ tail   the kernel       this library, acquire: what lies before it is a whole CQE
 *     CQ head   this library     the kernel, release: what lies before it may be overwritten
 *
 * A request goes reserve -> fill -> publish -> enter: kevy_ring_sqe() reserves a slot and stamps
 * user_data, a kevy_prep_*() from <kevy/ring_prep.h> writes the rest, kevy_ring_submit() publishes
 * the tail and enters the kernel. What the kernel left behind is counted from the kernel's own
 * head, so a refused SQE never makes later ones invisible.
 *
 * Ownership. `struct kevy_ring` is the caller's and PINNED from kevy_ring_init() to
 * kevy_ring_deinit(). Its fields are public for the inline functions below; read them, do not
 * write.
 *
 * Threads. A ring belongs to the thread that submits. Nothing here locks. By default any thread may
 * own it, one at a time; with KEVY_SETUP_SINGLE_ISSUER the kernel insists on the thread that
 * created (or enabled) the ring and answers others with -EEXIST. The ring's descriptor is
 * registered with the thread that calls kevy_ring_init(), so enter and deinit from there: others
 * get -EEXIST. The option any_thread leaves the registration out, and kevy_ring_fd_unregister() in
 * <kevy/ring_mode.h> lets a ring move.
 *
 * Forks. A forked child has no part in a ring: its queues are not mapped there, so reserving an SQE
 * ends the child with SIGSEGV instead of corrupting the parent's. It may call kevy_ring_deinit(),
 * kevy_buffer_ring_deinit() and kevy_zcrx_deinit(), which leave everything to the parent, and
 * kevy_ring_owner_check(). The option shared_on_fork lets parent and child take turns.
 *
 * Errors are negative errno values; `errno` itself is never part of the contract. From Linux 5.1;
 * what a single feature needs is said where it is used.
 */
#ifndef KEVY_RING_H
#define KEVY_RING_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>
#include <kevy/ring_kernel.h>
#include <kevy/ring_queue.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

/* What kevy_ring_init() may be asked for. All zero, or NULL instead, is the good default. */
struct kevy_ring_options {
    /*
     * KEVY_SETUP_* that must be there: kevy_ring_init() fails with -EINVAL where the kernel lacks
     * one.
     */
    uint32_t required_flags;
    /*
     * KEVY_SETUP_* to ask for and to do without, newest first, where the kernel lacks one.
     * `ring.setup_flags` tells what was granted. KEVY_SETUP_SUBMIT_ALL (5.18) and
     * KEVY_SETUP_NO_SQARRAY (6.6) are always among them unless `plain` is set.
     */
    uint32_t preferred_flags;
    /*
     * CQ entries, not fewer than SQ entries, rounded up to a power of two (5.5); 0 means twice the
     * SQ, the kernel's own default.
     */
    uint32_t cq_entries;
    /* SQPOLL: idle time before the thread sleeps; 0 means the kernel's one second. */
    uint32_t sq_thread_idle_ms;
    /* SQPOLL: the CPU of the thread, used with KEVY_SETUP_SQ_AFF. */
    uint32_t sq_thread_cpu;
    /* KEVY_SETUP_ATTACH_WQ: BORROWED descriptor of the ring whose io-wq (and SQPOLL thread) to
     * share. */
    int32_t attach_fd;
    /*
     * KEVY_SETUP_NO_MMAP (6.5): put the queues here instead of into memory of the kernel's, for
     * instance into a huge page. Page-aligned, at least kevy_ring_memory_size() bytes, PINNED until
     * kevy_ring_deinit(), private, and nothing else in its pages: the kernel goes on writing for a
     * while after the ring is gone, so deinit cuts the pages off (MADV_DONTNEED) and leaves zeros.
     * Before 6.10 it has to be one page, however large.
     */
    void *memory;
    size_t memory_size;
    /*
     * Register the arguments of kevy_ring_wait() (6.13): one page, and about 45 ns less for each
     * wait with a time limit. Quietly without where the kernel lacks it.
     */
    bool registered_wait;
    /*
     * With registered_wait: the memory for these arguments, if not a page of the ring's own. A
     * page-aligned array of `wait_memory_size` bytes, a multiple of the page size, PINNED until
     * kevy_ring_deinit(). kevy_ring_wait() uses the first element, kevy_ring_wait_registered() in
     * <kevy/ring_mode.h> any other.
     */
    struct kevy_reg_wait *wait_memory;
    size_t wait_memory_size;
    /* The kernel to run on; <kevy/ring_kernel.h> tells which there are. */
    enum kevy_ring_kernel_choice kernel;
    /* If not NULL: run on this kernel, whatever `kernel` says. BORROWED until deinit. */
    const struct kevy_ring_kernel *custom_kernel;
    /*
     * How many times both queues may be halved when set-up answers -ENOMEM, which often means the
     * limit of locked memory (RLIMIT_MEMLOCK). `ring.sq_entries` tells the size granted.
     */
    uint32_t shrink_rounds;
    /*
     * Any thread may use the ring, one at a time: its descriptor is not registered with the thread
     * that sets it up. Costs about 18 ns an enter.
     */
    bool any_thread;
    /*
     * A forked child gets the queues as well. Parent and child must take turns, and the child needs
     * `any_thread`; not with KEVY_SETUP_SINGLE_ISSUER.
     */
    bool shared_on_fork;
    /*
     * One thread submits and another waits and reaps, at the same time: kevy_ring_submit() touches
     * only the SQ then, and kevy_ring_wait() only the CQ, and submits nothing. Implies any_thread;
     * not with KEVY_SETUP_SINGLE_ISSUER.
     */
    bool split_queues;
    /* No default flag, no registered ring descriptor, no NO_IOWAIT: exactly what was asked for. */
    bool plain;
};

/*
 * Sets up a ring of `entries` SQ slots (1 to 32768, rounded up to a power of two) in *ring, which
 * may hold anything. Beyond the flags asked for, by default: SUBMIT_ALL, NO_SQARRAY, the ring's
 * descriptor registered with this thread (5.18; saves about 18 ns an enter), NO_IOWAIT (6.15),
 * MADV_DONTFORK so that a forked child cannot touch the queues, close-on-exec. Each is dropped
 * quietly where the kernel lacks it. With KEVY_SETUP_R_DISABLED call kevy_ring_enable() from the
 * thread that will own the ring.
 *
 * Returns 0, or -EINVAL (a required flag or a size the kernel refuses), -EPERM (sysctl
 * kernel.io_uring_disabled, or a container's seccomp profile), -ENOSYS (no io_uring), -ENOMEM
 * (memory, or RLIMIT_MEMLOCK, which is charged per user over all processes), -EMFILE, -ENFILE.
 * kevy_ring_explain() turns these into a sentence. On failure *ring is safe for kevy_ring_deinit().
 *
 * With KEVY_RING_KERNEL_AUTOMATIC the soft kernel is used when io_uring answers -EPERM, -EACCES,
 * -ENOSYS, -EINVAL or, after all rounds of shrinking, -ENOMEM; `ring.kernel_error` keeps the errno.
 */
KEVY_API int kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                            const struct kevy_ring_options *options);

/*
 * Whether the calling thread may use the ring. Returns 0, -EEXIST (the ring's descriptor is
 * registered with another thread), -ECHILD (this is a forked child, which has no part in the ring),
 * or -EBADF (the ring is not initialised). Two system calls: for assertions, and after a fork.
 */
KEVY_API int kevy_ring_owner_check(const struct kevy_ring *ring);

/* The name of the kernel below an initialised ring: "io_uring", "soft", or that of its table. */
KEVY_API const char *kevy_ring_kernel_name(const struct kevy_ring *ring);

/*
 * Tears *ring down: unregisters its descriptor, unmaps, closes. Accepts a zeroed ring, one whose
 * init failed, and one already torn down. Every buffer ring must have been deinitialised before: a
 * live one is an assertion, because the kernel would go on writing into its memory. Operations
 * still in flight are cancelled by the kernel, asynchronously; who needs their buffers back cancels
 * and reaps first. Call it from the owning thread.
 */
KEVY_API void kevy_ring_deinit(struct kevy_ring *ring);

/*
 * Enables a ring set up with KEVY_SETUP_R_DISABLED (5.10) and makes the calling thread its owner.
 * Returns 0, or -EBADFD when the ring is enabled already.
 */
KEVY_API int kevy_ring_enable(struct kevy_ring *ring);

/*
 * Publishes every reserved SQE and hands it to the kernel; also enters, with nothing to submit,
 * when the kernel asks for it (completions overflowed, task work pending). Never blocks.
 *
 * Returns how many SQEs the kernel consumed, 0 or more. Fewer than were queued means that the rest
 * stays queued and goes with the next call. A malformed SQE is consumed and answered by a CQE; only
 * on kernels before 5.18 (no SUBMIT_ALL) does it also end the batch, and the next call carries on.
 * -EBUSY and -EAGAIN: nothing was consumed, because completions overflowed or memory is short;
 * reap, then call again. -EBADFD: the ring is not enabled. -EEXIST: not the owning thread. Under
 * SQPOLL returns how many SQEs the kernel's thread has not taken yet.
 */
KEVY_API int kevy_ring_submit(struct kevy_ring *ring);

/*
 * As kevy_ring_submit(), then waits until at least `minimum` completions can be reaped. Returns as
 * kevy_ring_submit(), or -EINTR when a signal came before anything was submitted. The count of
 * completions is not promised: a signal ends the wait early, also under SA_RESTART. Look at the CQ.
 */
KEVY_API int kevy_ring_submit_and_wait(struct kevy_ring *ring, uint32_t minimum);

/* For kevy_ring_wait.flags. */
#define KEVY_RING_WAIT_ABSOLUTE 1U /* timeout_ns is an instant of the ring's clock (6.12) */
#define KEVY_RING_WAIT_NO_CLOCK 2U /* do not tell -ETIME from -EINTR by the clock, see below */

/* What to wait for, and how the wait went. */
struct kevy_ring_wait {
    uint64_t timeout_ns;       /* KEVY_FOREVER, 0 (do not sleep), or a limit (5.11) */
    uint32_t minimum;          /* completions to wait for; more of them are welcome */
    uint32_t min_wait_us;      /* collect completions this long before settling for one (6.12) */
    const void *signal_mask;   /* BORROWED sigset_t in force while waiting, or NULL */
    uint32_t signal_mask_size; /* bytes of the kernel's mask, 8 on most systems */
    uint32_t flags;            /* KEVY_RING_WAIT_* */
    uint32_t submitted;        /* out: SQEs consumed by this call */
};

/*
 * Submits what is queued and waits, in one enter. With `minimum` above 20 a DEFER_TASKRUN ring also
 * hands back more than the 20 completions a call that the kernel settles for otherwise; together
 * with timeout_ns = 0 that drains everything pending without sleeping.
 *
 * Returns the number of completions that can be reaped now. If there are none: 0 when `minimum` was
 * 0, -ETIME when the time is over, -EINTR when a signal ended the wait, -EBUSY or -EAGAIN as for
 * kevy_ring_submit(), -EINVAL and -EOPNOTSUPP for what this kernel cannot do (a time limit before
 * 5.11, min_wait_us or KEVY_RING_WAIT_ABSOLUTE before 6.12). `submitted` is written in every case.
 *
 * Linux does not tell how a wait without completions ended if the same call has submitted requests.
 * To answer -ETIME or -EINTR then, kevy_ring_wait() reads the clock before a wait with a relative
 * time limit (about 30 ns), and after it. With KEVY_RING_WAIT_NO_CLOCK it does not: -EINTR then
 * stands for both.
 *
 * min_wait_us ends with the time limit if that comes first. Without a limit the wait goes on after
 * it, until there is a completion.
 *
 * On an IOPOLL ring the kernel asks the device instead of sleeping. The wait ends with the first
 * completions, fewer than `minimum` perhaps; `signal_mask` and `min_wait_us` are refused with
 * -EOPNOTSUPP; and a signal ends the wait only while a request is in the device's queue, so give a
 * wait that a signal has to end a time limit as well.
 */
KEVY_API int kevy_ring_wait(struct kevy_ring *ring, struct kevy_ring_wait *wait);

/*
 * Moves overflowed completions and pending task work into the CQ without waiting. Room must have
 * been made before: reap first. Returns 0 or a negative errno.
 */
KEVY_API int kevy_ring_flush(struct kevy_ring *ring);

/*
 * Hands every completion to `reap`, those that overflowed included, and publishes the head once a
 * batch. The CQE is a copy, BORROWED until `reap` returns (32 bytes of it on rings with big CQEs),
 * so `reap` may reserve, submit and wait on the same ring. Returns the number handed out.
 */
typedef void (*kevy_ring_reap)(const struct kevy_cqe *cqe, void *context);
KEVY_API uint32_t kevy_ring_for_each(struct kevy_ring *ring, kevy_ring_reap reap, void *context);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_H */
