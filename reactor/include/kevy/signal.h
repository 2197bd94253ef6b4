/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/signal.h - signals as callbacks.
 *
 * Model
 *
 *     A reactor blocks the signals that it watches in its thread, and reads them from one
 *     signalfd(2). The callback comes from the loop, so it may call everything that other callbacks
 *     may call.
 *
 *     The kernel gives a signal of the process to any thread that does not block it. Therefore
 *     watch signals before you start other threads, because they inherit the mask, or block the
 *     signals in the other threads. kevy_group does this.
 *
 *     A child of fork(2) inherits the mask, too. Unblock the signals in the child before execve(2).
 *
 *     Watches do not keep kevy_reactor_run() running.
 *
 * Order
 *
 *     - If a signal has several watches, all of them fire, in any order.
 *     - If a signal comes several times before the loop reads it, the watch fires once. A real-time
 *       signal fires as often as it was sent; see signal(7).
 *     - If several reactors watch the same signal, each signal goes to one of them.
 *     - If two reactors of one thread watch the same signal, the one that began later must stop
 *       first, because each restores the mask that it found.
 *
 * Ownership
 *
 *     The struct is PINNED from kevy_signal_watch() to the return of kevy_signal_unwatch() or
 *     kevy_reactor_destroy(), which ends all watches.
 *
 * Callbacks
 *
 *     `fire` may end any watch, also its own, and may then free it or start it again.
 *
 * Threads
 *
 *     The thread of the reactor.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: finish at SIGTERM or SIGINT, but only once
 *
 *     #include <kevy/signal.h>
 *     #include <signal.h>
 *
 *     struct server {
 *         struct kevy_reactor *reactor;
 *         struct kevy_signal term;
 *         struct kevy_signal interrupt;
 *     };
 *
 *     static struct server server;
 *
 *     static void end_fire(struct kevy_signal *watch)
 *     {
 *         (void)watch;
 *         kevy_signal_unwatch(&server.term);
 *         kevy_signal_unwatch(&server.interrupt);
 *         kevy_reactor_finish(server.reactor, KEVY_SECONDS(10));
 *     }
 *
 *     int main(void)
 *     {
 *         int error = kevy_reactor_create(&server.reactor, NULL);
 *
 *         if (error == 0)
 *             error = kevy_signal_watch(&server.term, server.reactor, SIGTERM, end_fire);
 *         if (error == 0)
 *             error = kevy_signal_watch(&server.interrupt, server.reactor, SIGINT, end_fire);
 *         if (error == 0)
 *             error = kevy_reactor_run(server.reactor);
 *         kevy_reactor_destroy(server.reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_SIGNAL_H
#define KEVY_SIGNAL_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_signal;

typedef void (*kevy_signal_fire)(struct kevy_signal *watch);

/* A watch. `number` is readable; the other fields are private. */
struct kevy_signal {
    struct kevy_signal *next;
    struct kevy_reactor *reactor;
    kevy_signal_fire fire;
    int number;
    uint32_t round;
};

/*
 * Watches signal `number`, for example SIGTERM, until kevy_signal_unwatch(). *watch is idle
 * (asserted). Returns 0 or
 *
 *     -EINVAL  the signal cannot be watched: there is none of this number, it is SIGKILL or
 *              SIGSTOP, or the C library uses it
 *     -EMFILE, -ENFILE, -ENOMEM  from signalfd(2)
 */
KEVY_API int kevy_signal_watch(struct kevy_signal *watch, struct kevy_reactor *reactor, int number,
                               kevy_signal_fire fire);

/*
 * Ends the watch. Idempotent. With the last watch of a signal its mask becomes the one from before
 * the first watch. If the signal is then unblocked and one is waiting in the kernel, it has its
 * usual effect.
 */
KEVY_API void kevy_signal_unwatch(struct kevy_signal *watch);

/* The reactor it was last watched on, or NULL if it was never watched. */
static inline struct kevy_reactor *kevy_signal_reactor(const struct kevy_signal *watch)
{
    return watch->reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIGNAL_H */
