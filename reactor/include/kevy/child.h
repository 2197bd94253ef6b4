/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/child.h - the exit of a child process as a callback.
 *
 * Model. A watch holds a pidfd, so that it is bound to the process and not to a number that the
 * system may give to another, and reaps the child when it exits: IORING_OP_WAITID where the kernel
 * has it (6.7), else a poll on the descriptor and waitid(2). SIGCHLD has no part in it; a program
 * that ignores that signal, or waits for every child elsewhere, takes the status away (-ECHILD).
 *
 *     start -> done(0)           exited; pid, code and status tell how
 *           -> done(-ECANCELED)  stopped, or the reactor was destroyed; nobody has been reaped
 *           -> done(-ECHILD)     somebody else has reaped it, or it is no child of ours
 *           -> done(-errno)      waitid(2) failed otherwise
 *
 * A watch keeps kevy_reactor_run() running; a drain waits for it, and its time limit stops it.
 *
 * Order. `done` comes exactly once.
 *
 * Ownership. The struct is PINNED from start to `done`: the kernel may write into it until then, so
 * stopping is no exception.
 *
 * Callbacks. In `done` the watch may be freed or started again.
 *
 * Threads: the reactor's.
 *
 * Kernel: Linux 6.1; from 6.7 on the ring waits by itself.
 */
#ifndef KEVY_CHILD_H
#define KEVY_CHILD_H

#include <kevy/completion.h>
#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

#include <sys/types.h>

KEVY_BEGIN_DECLS

struct kevy_child;

typedef void (*kevy_child_done)(struct kevy_child *child, int result);

/* A watch. All zero is valid and not started. */
struct kevy_child {
    struct kevy_x_object object; /* private */
    pid_t pid;                   /* readable from start on */
    int code;                    /* CLD_EXITED, CLD_KILLED or CLD_DUMPED; readable in done(0) */
    int status;                  /* the exit status, or the signal's number */
    int fd;                      /* private from here on */
    kevy_child_done done;
    struct kevy_completion completion;
    uint64_t information[16]; /* a siginfo_t, which strict C does not know */
};

/*
 * Watches child `pid`. An exited one that nobody has waited for is a child still. *child is not
 * started (asserted). Returns 0; -EINVAL for a pid below 1; or what pidfd_open(2) fails with:
 * -ESRCH when there is no such process, -EMFILE, -ENFILE, -ENOMEM. No callback comes then.
 */
KEVY_API int kevy_child_watch(struct kevy_child *child, struct kevy_reactor *reactor, pid_t pid,
                              kevy_child_done done);

/* Stops watching: `done` comes with -ECANCELED, or with 0 when the child has just been reaped.
 * Idempotent. */
KEVY_API void kevy_child_unwatch(struct kevy_child *child);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_CHILD_H */
