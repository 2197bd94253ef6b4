/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/completion.h - any request of io_uring, with one callback.
 *
 * Model
 *
 *     Streams, files and the other objects make requests of their own. A completion is for
 *     everything else that io_uring can do:
 *
 *     1. kevy_completion_init() names the callback.
 *     2. kevy_completion_sqe() reserves a slot in the submission queue.
 *     3. A function of <kevy/ring_prep.h> fills the slot.
 *     4. The callback comes with the result.
 *
 * Order
 *
 *     A request is answered by at least one callback. Its last callback is the one whose flags lack
 *     KEVY_CQE_F_MORE; only a multishot or a zero-copy request has more than one. A cancelled
 *     request has its last callback, too.
 *
 *     Several requests may be in flight on one completion. They share its callback.
 *
 *     Requests in flight keep kevy_reactor_run() running. kevy_reactor_destroy() and the time limit
 *     of kevy_reactor_finish() cancel them.
 *
 * Ownership
 *
 *     The struct is PINNED while kevy_completion_active() is true. The memory that a request points
 *     to follows the rules of its kevy_prep_*().
 *
 * Callbacks
 *
 *     `done` may free the completion or use it again if it is not active any more. In the last
 *     callback of the only request that is so.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     Each kevy_prep_*() names the release that it needs. An opcode that the kernel does not know,
 *     or that the soft kernel does not have, fails with -EINVAL. On a reactor with `restricted`, an
 *     opcode that is not listed fails with -EACCES. So does every flag KEVY_SQE_*, except
 *     KEVY_SQE_IO_LINK, KEVY_SQE_ASYNC and KEVY_SQE_BUFFER_SELECT.
 *
 * Example: wait at most five seconds until standard input is readable
 *
 *     #include <kevy/completion.h>
 *     #include <poll.h>
 *     #include <stdio.h>
 *     #include <unistd.h>
 *
 *     static struct kevy_completion_timeout limit;
 *
 *     static void input_done(struct kevy_completion *completion, int result, uint32_t flags)
 *     {
 *         (void)completion;
 *         (void)flags;
 *         kevy_completion_timeout_stop(&limit);
 *         if (result < 0)
 *             printf("error %d\n", result);
 *         else
 *             printf("events %#x\n", (unsigned)result);
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_reactor *reactor = NULL;
 *         struct kevy_completion input = {0};
 *         struct kevy_sqe *sqe;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error != 0)
 *             return 1;
 *         kevy_completion_init(&input, reactor, input_done);
 *         sqe = kevy_completion_sqe(&input);
 *         if (sqe != NULL) {
 *             kevy_prep_poll(sqe, STDIN_FILENO, POLLIN);
 *             kevy_completion_timeout_start(&limit, &input, KEVY_SECONDS(5));
 *         }
 *         error = kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_COMPLETION_H
#define KEVY_COMPLETION_H

#include <kevy/reactor.h>
#include <kevy/ring_prep.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_completion;

/*
 * `result` and `flags` (KEVY_CQE_F_*) are those of the completion queue entry, with one exception:
 * a request that was cancelled always reports -ECANCELED, or -ETIMEDOUT after a time limit, even if
 * the kernel reports another error.
 *
 * -ECANCELED without a cancel comes from the kernel: for the rest of a chain of KEVY_SQE_IO_LINK,
 * and for a request that needs a worker thread of the kernel when none can be made (RLIMIT_NPROC,
 * pids.max). Files and streams report the second as -EAGAIN.
 */
typedef void (*kevy_completion_done)(struct kevy_completion *completion, int result,
                                     uint32_t flags);

/* A completion. Its fields are private; 32 bytes at most. */
struct kevy_completion {
    kevy_completion_done done;
    struct kevy_reactor *reactor;
    uint32_t in_flight; /* requests without their last callback */
    uint32_t cancelled; /* they have been asked to end: ECANCELED or ETIMEDOUT */
} KEVY_X_OWNER_ALIGNED;

/*
 * Initialises *completion. Its memory must be all zero, or that of a completion that is not active
 * (asserted). There is no deinit: a completion without a request owns nothing.
 */
KEVY_API void kevy_completion_init(struct kevy_completion *completion, struct kevy_reactor *reactor,
                                   kevy_completion_done done);

/*
 * Reserves a slot for one request, BORROWED until the next call into this library. Fill it at once,
 * with one kevy_prep_*(). A slot that is not filled is a NOP. Do not change its user_data, and do
 * not set KEVY_SQE_CQE_SKIP_SUCCESS.
 *
 * If the submission queue is full, it is submitted. That also ends a chain of KEVY_SQE_IO_LINK at
 * this point. If the kernel takes no requests at the moment, the slot comes from a backlog of 256.
 * Returns NULL if the backlog is full, too; then try again in a later turn.
 */
KEVY_API struct kevy_sqe *kevy_completion_sqe(struct kevy_completion *completion);

/*
 * Asks the kernel to cancel every request of the completion. The callbacks still come: with
 * -ECANCELED, or with the ordinary result if the request was faster. Returns 0 or
 *
 *     -ENOENT  nothing is in flight
 *     -EAGAIN  the kernel takes no requests at the moment
 */
KEVY_API int kevy_completion_cancel(struct kevy_completion *completion);

/* A time limit for a completion. Its fields are private. It is PINNED while it is on, and so is its
 * completion. */
struct kevy_completion_timeout {
    struct kevy_timer timer;
    struct kevy_completion *completion;
};

/*
 * Cancels all that is in flight on the completion after `timeout_ns`; KEVY_FOREVER means never.
 * Requests that this ends report -ETIMEDOUT instead of -ECANCELED. If the limit is on already, it
 * starts again. It is off after it has passed. If the callback comes in time, turn it off with
 * kevy_completion_timeout_stop().
 */
KEVY_API void kevy_completion_timeout_start(struct kevy_completion_timeout *limit,
                                            struct kevy_completion *completion,
                                            uint64_t timeout_ns);

/* Turns the limit off. Idempotent. */
KEVY_API void kevy_completion_timeout_stop(struct kevy_completion_timeout *limit);

/* Returns true from the reservation of a slot to the last callback of the last request. In that
 * callback it returns false. */
static inline bool kevy_completion_active(const struct kevy_completion *completion)
{
    return completion->in_flight != 0;
}

/* The reactor of kevy_completion_init(), or NULL without it. */
static inline struct kevy_reactor *kevy_completion_reactor(const struct kevy_completion *completion)
{
    return completion->reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_COMPLETION_H */
