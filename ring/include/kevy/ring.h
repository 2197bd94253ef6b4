/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring.h - one ring of io_uring: set-up, submission, waiting, reaping.
 *
 * Model
 *
 *     Two queues lie in memory that the program shares with the kernel. The program writes
 *     requests (SQEs) into the submission queue (SQ); the kernel writes results (CQEs) into the
 *     completion queue (CQ). A request goes through four steps:
 *
 *         kevy_ring_sqe()         reserves a slot and stores user_data in it
 *         kevy_prep_*()           fills the slot, see <kevy/ring_prep.h>
 *         kevy_ring_submit()      publishes all slots and enters the kernel
 *         kevy_ring_next()        returns the CQE, which carries user_data and the result
 *
 *     If the kernel does not take all SQEs, the rest stays queued and goes with the next submit.
 *     An SQE that the kernel refuses never holds up the SQEs after it.
 *
 * Ownership
 *
 *     The struct is the caller's. It must be zeroed, or deinitialised, before kevy_ring_init(),
 *     and it is PINNED from then until kevy_ring_deinit(). A zeroed ring is idle: it owns
 *     nothing, and kevy_ring_deinit() accepts it.
 *
 * Threads
 *
 *     One thread uses a ring. There are no locks. A ring belongs to the thread that calls
 *     kevy_ring_init(): it registers the ring's descriptor with that thread, and other threads
 *     get -EEXIST from every enter. Exceptions:
 *
 *     - With the option any_thread, all threads may use the ring, one at a time.
 *     - With the option split_queues, one thread submits while another one reaps.
 *     - kevy_ring_fd_unregister() and kevy_ring_fd_register() in <kevy/ring_mode.h> move a ring
 *       to another thread.
 *     - With KEVY_SETUP_SINGLE_ISSUER the kernel itself insists on the thread that set the ring
 *       up, or enabled it.
 *
 * Forks
 *
 *     A forked child cannot use its parent's ring. The queues are not mapped in the child: it is
 *     stopped by SIGSEGV before it can damage them. The child may call the functions that
 *     deinitialise a ring, a buffer ring or a zcrx, which leave all to the parent; and
 *     kevy_ring_owner_check(). With the option shared_on_fork parent and child take turns.
 *
 * Errors
 *
 *     Functions return a negative errno. They do not set or use `errno`. A number in brackets,
 *     like (5.19), is the release of Linux that a feature needs; the rest works from 5.1 on.
 *
 * Example: read a line from standard input
 *
 *     #include <errno.h>
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *     #include <stdio.h>
 *
 *     int main(void)
 *     {
 *         struct kevy_ring ring = {0};
 *         const struct kevy_cqe *cqe;
 *         char line[100];
 *         int error = kevy_ring_init(&ring, 8, NULL);
 *
 *         if (error < 0)
 *             return 1;
 *         kevy_prep_read(kevy_ring_sqe(&ring, 1), 0, line, sizeof line, KEVY_OFFSET_CURRENT);
 *         do
 *             error = kevy_ring_submit_and_wait(&ring, 1);
 *         while (error == -EINTR || (error >= 0 && kevy_ring_ready(&ring) == 0));
 *         cqe = error < 0 ? NULL : kevy_ring_next(&ring);
 *         if (cqe != NULL)
 *             printf("%d bytes\n", cqe->res);
 *         kevy_ring_release(&ring);
 *         kevy_ring_deinit(&ring);
 *         return cqe == NULL;
 *     }
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

/*
 * Options of kevy_ring_init(). NULL, or a struct that is all zero, is the right choice for most
 * programs.
 */
struct kevy_ring_options {
    /*
     * KEVY_SETUP_* flags that the ring must have. kevy_ring_init() fails with -EINVAL if the kernel
     * lacks one.
     */
    uint32_t required_flags;
    /*
     * KEVY_SETUP_* flags that the ring should have. If the kernel lacks one, it is dropped, the
     * newest flag first. `ring.setup_flags` holds the flags granted. KEVY_SETUP_SUBMIT_ALL (5.18)
     * and KEVY_SETUP_NO_SQARRAY (6.6) are always preferred, unless `plain` is set.
     */
    uint32_t preferred_flags;
    /*
     * CQ entries (5.5), at least as many as SQ entries, rounded up to a power of two. 0 means twice
     * the SQ entries.
     */
    uint32_t cq_entries;
    /*
     * With KEVY_SETUP_SQPOLL: the time without work after which the kernel's thread sleeps. 0 means
     * one second.
     */
    uint32_t sq_thread_idle_ms;
    /* With KEVY_SETUP_SQPOLL and KEVY_SETUP_SQ_AFF: the CPU of the kernel's thread. */
    uint32_t sq_thread_cpu;
    /*
     * With KEVY_SETUP_ATTACH_WQ: the descriptor (BORROWED) of a ring whose worker threads, and
     * SQPOLL thread, are to be shared.
     */
    int32_t attach_fd;
    /*
     * Memory for the queues (KEVY_SETUP_NO_MMAP, 6.5), for example in a huge page. NULL: the kernel
     * allocates it. The memory must be
     *
     *     - page-aligned, and at least kevy_ring_memory_size() bytes long;
     *     - PINNED until kevy_ring_deinit();
     *     - a private mapping, in pages that hold nothing else. The kernel writes for a short time
     *       after the ring is gone, so kevy_ring_deinit() replaces the pages by zeros
     *       (MADV_DONTNEED);
     *     - before 6.10, one page, which may be a huge one.
     */
    void *memory;
    size_t memory_size;
    /*
     * Keep the arguments of kevy_ring_wait() in memory that is registered with the kernel (6.13):
     * one page. A wait with a time limit is then about 45 ns faster. Ignored if the kernel lacks
     * it.
     */
    bool registered_wait;
    /*
     * With registered_wait: memory for the arguments, instead of a page that the ring allocates. An
     * array in whole, aligned pages, PINNED until kevy_ring_deinit(); the size is in bytes.
     * kevy_ring_wait() uses the first element. kevy_ring_wait_registered() in <kevy/ring_mode.h>
     * uses any other.
     */
    struct kevy_reg_wait *wait_memory;
    size_t wait_memory_size;
    /* The kernel to run on, see <kevy/ring_kernel.h>. */
    enum kevy_ring_kernel_choice kernel;
    /* If not NULL: run on this kernel, and ignore `kernel`. BORROWED until kevy_ring_deinit(). */
    const struct kevy_ring_kernel *custom_kernel;
    /*
     * How often both queues may be halved if set-up fails with -ENOMEM. The usual cause is the
     * limit of locked memory (RLIMIT_MEMLOCK). `ring.sq_entries` tells the size granted.
     */
    uint32_t shrink_rounds;
    /*
     * Let all threads use the ring, one at a time. The descriptor is then not registered, which
     * costs about 18 ns for each enter.
     */
    bool any_thread;
    /*
     * Share the queues with forked children. Parent and child must take turns, and the child needs
     * `any_thread`. Not with KEVY_SETUP_SINGLE_ISSUER.
     */
    bool shared_on_fork;
    /*
     * Let one thread submit while another one waits and reaps. Then kevy_ring_submit() uses only
     * the SQ; kevy_ring_wait() uses only the CQ, and submits nothing. Implies `any_thread`. Not
     * with KEVY_SETUP_SINGLE_ISSUER, and not on the soft kernel: -EINVAL. If io_uring is refused,
     * kevy_ring_init() fails with its error.
     */
    bool split_queues;
    /*
     * Set up exactly what the options ask for: no default flags, no registered descriptor, no
     * NO_IOWAIT.
     */
    bool plain;
};

/*
 * Sets up a ring with `entries` SQ slots: 1 to 32768, rounded up to a power of two. *ring must be
 * zeroed or deinitialised. `options` is BORROWED for the call and may be NULL.
 *
 * By default the ring also gets, each if the kernel has it:
 *
 *     - KEVY_SETUP_SUBMIT_ALL and KEVY_SETUP_NO_SQARRAY;
 *     - its descriptor registered with the calling thread (5.18), which saves about 18 ns for each
 *       enter;
 *     - waits that do not count as waiting for I/O (6.15), see kevy_ring_iowait();
 *     - queues that a forked child does not inherit;
 *     - a descriptor that is closed on exec.
 *
 * With KEVY_SETUP_R_DISABLED the thread that is to own the ring must call kevy_ring_enable().
 *
 * Returns 0 or an error, which kevy_ring_explain() turns into a sentence:
 *
 *     -EINVAL      the kernel refuses a required flag or a size; the options contradict each other
 *     -EPERM       sysctl kernel.io_uring_disabled, or the seccomp profile of a container
 *     -EACCES      a seccomp filter, or a security module
 *     -ENOSYS      the kernel has no io_uring
 *     -ENOMEM      no memory, or RLIMIT_MEMLOCK, which counts over all processes of the user
 *     -EMFILE      this process has too many descriptors
 *     -ENFILE      the system has too many open files
 *     -EOPNOTSUPP  KEVY_RING_KERNEL_SOFT in a library without a soft kernel
 *
 * On failure *ring is zeroed. With KEVY_RING_KERNEL_AUTOMATIC the soft kernel is used instead if
 * io_uring answers -EPERM, -EACCES, -ENOSYS, -EINVAL, or -ENOMEM after all shrink_rounds. Then
 * `ring.kernel_error` holds that error.
 */
KEVY_API int kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                            const struct kevy_ring_options *options);

/*
 * Tells whether the calling thread may use the ring. It costs two system calls. Returns 0, or
 *
 *     -EEXIST  the descriptor of the ring is registered with another thread
 *     -ECHILD  this is a forked child, and the ring is its parent's
 *     -EBADF   the ring is idle
 */
KEVY_API int kevy_ring_owner_check(const struct kevy_ring *ring);

/* The name of the kernel that the ring runs on: "io_uring", "soft", or the name in its table. */
KEVY_API const char *kevy_ring_kernel_name(const struct kevy_ring *ring);

/*
 * Deinitialises the ring: unregisters and closes its descriptor and unmaps its memory. The struct
 * is zeroed afterwards, and a zeroed one is accepted. Call it from the thread that owns the ring.
 *
 * Deinitialise the buffer rings of the ring before (asserted), because the kernel writes into their
 * memory. The kernel cancels the requests that are still in flight, after this function has
 * returned. If you need their memory, cancel and reap them before.
 */
KEVY_API void kevy_ring_deinit(struct kevy_ring *ring);

/*
 * Enables a ring that was set up with KEVY_SETUP_R_DISABLED (5.10). The calling thread owns it from
 * then on. Returns 0, or -EBADFD if the ring is enabled already.
 */
KEVY_API int kevy_ring_enable(struct kevy_ring *ring);

/*
 * Submits all reserved SQEs. It also enters the kernel if there is nothing to submit, but
 * completions wait for an enter (overflow, task work). It never blocks.
 *
 * Returns how many SQEs the kernel has taken. If it has taken fewer than were queued, the others
 * stay queued for the next call. The kernel also takes an SQE that it refuses, and answers it with
 * a CQE. Before 5.18 (no SUBMIT_ALL) such an SQE ends the batch; the next call goes on after it.
 * With SQPOLL the result is the number of SQEs that the kernel's thread has not taken yet. Errors:
 *
 *     -EBUSY   nothing was taken: completions have overflowed. Reap, and call again
 *     -EAGAIN  nothing was taken: memory is short. Reap, and call again
 *     -EBADFD  the ring is not enabled
 *     -EEXIST  the ring belongs to another thread
 *     -ECHILD  this is a forked child, and the ring is its parent's
 */
KEVY_API int kevy_ring_submit(struct kevy_ring *ring);

/*
 * Submits like kevy_ring_submit(), then waits for at least `minimum` completions. Returns like
 * kevy_ring_submit(), or -EINTR if a signal came and nothing was submitted.
 *
 * After success there may be fewer completions: a signal ends the wait early, also with SA_RESTART.
 * Look at kevy_ring_ready().
 */
KEVY_API int kevy_ring_submit_and_wait(struct kevy_ring *ring, uint32_t minimum);

/* For kevy_ring_wait.flags. */
#define KEVY_RING_WAIT_ABSOLUTE 1U /* timeout_ns is a time of the ring's clock, not a span (6.12) */
#define KEVY_RING_WAIT_NO_CLOCK 2U /* do not read the clock, see kevy_ring_wait() */

/* Arguments of a wait, and one result. */
struct kevy_ring_wait {
    uint64_t timeout_ns;       /* a limit (5.11), 0 (do not sleep) or KEVY_FOREVER */
    uint32_t minimum;          /* wait for at least so many completions */
    uint32_t min_wait_us;      /* time to collect `minimum`, before one is enough (6.12) */
    const void *signal_mask;   /* sigset_t for the time of the wait, BORROWED; or NULL */
    uint32_t signal_mask_size; /* in bytes, as the kernel counts: 8 on most systems */
    uint32_t flags;            /* KEVY_RING_WAIT_* */
    uint32_t submitted;        /* result: SQEs that the kernel took in this call */
};

/*
 * Submits all reserved SQEs and waits for completions, in one enter. `minimum` above 20 makes a
 * DEFER_TASKRUN ring return more than 20 completions; together with a `timeout_ns` of 0 it returns
 * all that are pending, and does not sleep.
 *
 * Returns the number of completions that can be reaped. If there is none, it returns 0 if `minimum`
 * is 0, or an error:
 *
 *     -ETIME       the time limit is over
 *     -EINTR       a signal ended the wait
 *     -EBUSY       as for kevy_ring_submit(), and so are -EAGAIN, -EBADFD, -EEXIST, -ECHILD
 *     -EOPNOTSUPP  the kernel cannot do it: a time limit before 5.11, min_wait_us or
 *                  KEVY_RING_WAIT_ABSOLUTE before 6.12
 *     -EINVAL      a flag or a signal mask that the kernel does not accept
 *
 * `wait->submitted` is written in each case.
 *
 * The clock: Linux does not tell how a wait without completions ended if the same call has
 * submitted requests. So kevy_ring_wait() reads the clock before and after such a wait if it has a
 * relative time limit (about 30 ns). With KEVY_RING_WAIT_NO_CLOCK it does not, and -EINTR then
 * means one or the other.
 *
 * min_wait_us: the time limit ends it too. Without a time limit the wait continues after
 * min_wait_us until there is a completion.
 *
 * IOPOLL: the kernel asks the device instead of sleeping. The wait ends with the first completions,
 * which may be fewer than `minimum`. `signal_mask` and `min_wait_us` are refused with -EOPNOTSUPP.
 * A signal ends the wait only while a request is in the queue of the device, so set a time limit as
 * well.
 */
KEVY_API int kevy_ring_wait(struct kevy_ring *ring, struct kevy_ring_wait *wait);

/*
 * Moves overflowed completions, and those that wait as task work, into the CQ. It does not wait.
 * The CQ needs room, so reap before. Returns 0 or -errno.
 */
KEVY_API int kevy_ring_flush(struct kevy_ring *ring);

/*
 * Calls `reap` for each completion, also for those that have overflowed. Returns how many there
 * were.
 *
 * `cqe` is a copy, BORROWED until `reap` returns; on rings with big CQEs it has 32 bytes. So `reap`
 * may reserve, submit and wait on the same ring. The CQEs are released, a batch at a time.
 */
typedef void (*kevy_ring_reap)(const struct kevy_cqe *cqe, void *context);
KEVY_API uint32_t kevy_ring_for_each(struct kevy_ring *ring, kevy_ring_reap reap, void *context);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_H */
