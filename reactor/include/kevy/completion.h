/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/completion.h - one request of any opcode, with one callback.
 *
 * Model. The escape hatch below every other object: whatever io_uring can do and the reactor has no
 * object for, a completion does. Reserve a slot, fill it, and the callback comes:
 *
 *     struct kevy_completion open = {0};
 *
 *     kevy_completion_init(&open, reactor, open_done);
 *     kevy_prep_openat(kevy_completion_sqe(&open), AT_FDCWD, path, O_RDONLY, 0);
 *
 * Order. Each slot taken is answered by at least one callback; the last one of a request is the one
 * whose flags lack KEVY_CQE_F_MORE. A cancelled request too is answered exactly once without it.
 * Several requests may be in flight on one completion, and share its callback. They keep
 * kevy_reactor_run() running; destroying the reactor cancels them, and so does the end of a drain.
 *
 * Ownership. The struct is PINNED while kevy_completion_active(). What the request points at lives
 * by the rules of its kevy_prep_*().
 *
 * Callbacks. `done` may free the completion, or use it again, when it is not active any more, which
 * for the last callback of the only request is so.
 *
 * Threads: the reactor's.
 *
 * Kernel: Linux 6.1, and for each kevy_prep_*() what is said there. An opcode that the kernel does
 * not know is answered with -EINVAL. On a `restricted` reactor one that is not listed gets -EACCES,
 * and so does any KEVY_SQE_* flag but IO_LINK, ASYNC and BUFFER_SELECT.
 */
#ifndef KEVY_COMPLETION_H
#define KEVY_COMPLETION_H

#include <kevy/reactor.h>
#include <kevy/ring_prep.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_completion;

/* `result` and `flags` are the CQE's own, >= 0 or -errno, and KEVY_CQE_F_*; but what a cancel ended
 * has -ECANCELED, whatever the kernel calls it. */
typedef void (*kevy_completion_done)(struct kevy_completion *completion, int result,
                                     uint32_t flags);

/* A completion. Its fields are private; all zero is valid and idle. 32 bytes at most. */
struct kevy_completion {
    kevy_completion_done done;
    struct kevy_reactor *reactor;
    uint32_t in_flight; /* requests without their last callback */
    uint32_t cancelled; /* they have been asked to end: ECANCELED or ETIMEDOUT */
} KEVY_X_OWNER_ALIGNED;

/* A time limit for a completion. All zero is valid and off. PINNED while it is on, and so is its
 * completion. */
struct kevy_completion_timeout {
    struct kevy_timer timer;
    struct kevy_completion *completion;
};

/* Makes *completion ready for use. Its memory is all zero, or that of a completion which is not
 * active (asserted). Nothing is to be undone: a completion without a request is plain memory. */
KEVY_API void kevy_completion_init(struct kevy_completion *completion, struct kevy_reactor *reactor,
                                   kevy_completion_done done);

/*
 * A slot for one request, BORROWED until the next call into this library: fill it at once, with one
 * kevy_prep_*(). Left alone it is a NOP. Its user_data is not to be changed, nor is
 * KEVY_SQE_CQE_SKIP_SUCCESS to be set. When the queue is full it is submitted, which also ends a
 * chain of KEVY_SQE_IO_LINK there; when the kernel takes nothing either, the slot comes from a
 * backlog of 256. NULL, and nothing in flight, only when that too is full: try again in a later
 * turn.
 */
KEVY_API struct kevy_sqe *kevy_completion_sqe(struct kevy_completion *completion);

/*
 * Asks the kernel to cancel every request of the completion. The callbacks still come: -ECANCELED
 * where the cancel won, the plain result where it lost. Returns 0, -ENOENT when nothing is in
 * flight, or -EAGAIN when the kernel takes nothing at the moment.
 */
KEVY_API int kevy_completion_cancel(struct kevy_completion *completion);

/*
 * Cancels whatever is in flight on the completion `timeout_ns` from now (KEVY_FOREVER: never); what
 * that ends reports -ETIMEDOUT instead of -ECANCELED. A limit that is on is set anew. It is off
 * once it passed, or with kevy_completion_timeout_stop(): stop it when the callback came in time.
 */
KEVY_API void kevy_completion_timeout_start(struct kevy_completion_timeout *limit,
                                            struct kevy_completion *completion,
                                            uint64_t timeout_ns);

/* Turns the limit off. Idempotent. */
KEVY_API void kevy_completion_timeout_stop(struct kevy_completion_timeout *limit);

/* True from the slot on to the last callback of the last request; false within that one. */
static inline bool kevy_completion_active(const struct kevy_completion *completion)
{
    return completion->in_flight != 0;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_COMPLETION_H */
