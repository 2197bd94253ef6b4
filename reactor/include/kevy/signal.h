/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/signal.h - signals as callbacks.
 *
 * Model. The signals watched by a reactor are blocked in its thread and read from one signalfd(2),
 * so the callback comes from the loop, where everything may be called. A signal sent to the process
 * goes to any thread that does not block it: watch signals before starting other threads, which
 * inherit the mask, or block them there (kevy_group does). A child of fork(2) inherits it too, and
 * has to unblock them before execve(2). Watches do not keep kevy_reactor_run() running.
 *
 * Order. Several watches of one signal all fire, in any order. A signal that came again before the
 * loop saw it comes once, a real-time one as often as it was sent: signal(7). Where several
 * reactors watch one signal, each that comes goes to one of them; two of one thread stop watching
 * it in the reverse order, because each leaves it as blocked as it was when it began.
 *
 * Ownership. The struct is PINNED from start to stop, which is synchronous; kevy_reactor_destroy()
 * stops every watch.
 *
 * Callbacks. `fire` may stop any watch, its own included, and then free it or start it again.
 *
 * Threads: the reactor's.
 *
 * Kernel: nothing of its own.
 */
#ifndef KEVY_SIGNAL_H
#define KEVY_SIGNAL_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_signal;

typedef void (*kevy_signal_fire)(struct kevy_signal *watch);

/* A watch. `number` is readable, the rest is private. All zero is valid and not started. */
struct kevy_signal {
    struct kevy_signal *next;
    struct kevy_reactor *reactor;
    kevy_signal_fire fire;
    int number;
    uint32_t round;
};

/*
 * Watches signal `number` (SIGTERM, SIGINT...) until stopped. *watch is not started (asserted).
 * Returns 0; -EINVAL for a number that cannot be watched (none, SIGKILL, SIGSTOP, or one that the C
 * library keeps for itself); or what signalfd(2) fails with: -EMFILE, -ENFILE, -ENOMEM.
 */
KEVY_API int kevy_signal_watch(struct kevy_signal *watch, struct kevy_reactor *reactor, int number,
                               kevy_signal_fire fire);

/* Stops watching. With the last watch of a signal its earlier blocking is restored, so that one
 * which waits in the kernel then takes its usual effect. Idempotent. */
KEVY_API void kevy_signal_unwatch(struct kevy_signal *watch);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIGNAL_H */
