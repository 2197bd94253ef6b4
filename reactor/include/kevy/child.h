/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/child.h - the exit of a child process as a callback.
 *
 * Model
 *
 *     A watch holds a pidfd. Unlike a number it stays bound to one process, even if the system
 *     gives the number to another process. When the child exits, the watch reaps it: with
 *     IORING_OP_WAITID (6.7), or with a poll on the pidfd and waitid(2).
 *
 *     SIGCHLD is not used. But a program that ignores SIGCHLD, or waits for all children elsewhere,
 *     takes the exit status away (-ECHILD).
 *
 *     A watch keeps kevy_reactor_run() running. kevy_reactor_finish() waits for it, and ends it
 *     only at its time limit.
 *
 * Order
 *
 *     `done` comes once.
 *
 * Ownership
 *
 *     The struct is PINNED from the start to `done`. That holds after kevy_child_unwatch(), too,
 *     because the kernel may write into the struct until then.
 *
 * Callbacks
 *
 *     In `done` the watch may be freed or started again.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     pidfd_open(2), which Linux has from 5.3 on. From 6.7 on the ring waits by itself.
 *
 * Example: run a program, and print its exit status
 *
 *     #include <kevy/child.h>
 *     #include <signal.h>
 *     #include <stdio.h>
 *     #include <unistd.h>
 *
 *     static void child_done(struct kevy_child *child, int result)
 *     {
 *         if (result != 0)
 *             printf("error %d\n", result);
 *         else if (child->code == CLD_EXITED)
 *             printf("exit status %d\n", child->status);
 *         else
 *             printf("ended by signal %d\n", child->status);
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_reactor *reactor = NULL;
 *         struct kevy_child child = {0};
 *         int error = kevy_reactor_create(&reactor, NULL);
 *         pid_t pid;
 *
 *         if (error != 0)
 *             return 1;
 *         pid = fork();
 *         if (pid == 0) {
 *             execlp("true", "true", (char *)NULL);
 *             _exit(127);
 *         }
 *         error = kevy_child_watch(&child, reactor, pid, child_done);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_CHILD_H
#define KEVY_CHILD_H

#include <kevy/completion.h>
#include <kevy/reactor.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

#include <sys/types.h>

KEVY_BEGIN_DECLS

struct kevy_child;

/*
 * `result` is
 *
 *     0           the child has exited, and is reaped: see `code` and `status`
 *     -ECANCELED  kevy_child_unwatch(), or the end of the reactor; the child is not reaped
 *     -ECHILD     the process is not our child, or was reaped elsewhere
 *
 * or another error of waitid(2).
 */
typedef void (*kevy_child_done)(struct kevy_child *child, int result);

/* A watch. `pid` is readable from the start on. `code` and `status` are readable in `done`, if its
 * result is 0. The other fields are private. */
struct kevy_child {
    struct kevy_x_object object;
    pid_t pid;
    int code;   /* CLD_EXITED, CLD_KILLED or CLD_DUMPED of <signal.h> */
    int status; /* the exit status, or the number of the signal */
    int fd;     /* private, like all that follows */
    kevy_child_done done;
    struct kevy_completion completion;
    struct kevy_timer again;  /* until it can be reaped, after a poll has told its exit */
    uint32_t again_ms;        /* its delay next time */
    uint64_t information[16]; /* a siginfo_t, which strict C does not know */
};

/*
 * Watches child `pid`, which may have exited already. *child is idle (asserted). Returns 0 or an
 * error; then no callback comes:
 *
 *     -EINVAL  `pid` is below 1
 *     -ESRCH   there is no such process
 *     -EMFILE, -ENFILE, -ENOMEM  from pidfd_open(2)
 *     -ENOSYS  on the soft kernel: Linux before 5.3
 */
KEVY_API int kevy_child_watch(struct kevy_child *child, struct kevy_reactor *reactor, pid_t pid,
                              kevy_child_done done);

/* Ends the watch: `done` comes with -ECANCELED, or with 0 if the child is already reaped.
 * Idempotent. */
KEVY_API void kevy_child_unwatch(struct kevy_child *child);

/* The reactor it was last watched on, or NULL if it was never watched. */
static inline struct kevy_reactor *kevy_child_reactor(const struct kevy_child *child)
{
    return child->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_CHILD_H */
