/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/signal.h - signals as callbacks.
 *
 * Model. The signals watched by a reactor are blocked in its thread and read from one signalfd, so
 * the callback comes from the loop, where everything may be called. A signal sent to the process
 * goes to any thread that does not block it: watch signals before starting other threads, which
 * inherit the mask, or block them there (kevy_group does). Signals do not keep kevy_reactor_run()
 * running.
 *
 * Ownership. The struct is PINNED from start to stop; stopping is synchronous.
 */
#ifndef KEVY_SIGNAL_H
#define KEVY_SIGNAL_H

#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_signal;

/* Comes from the loop. Signals that arrived together before the loop saw them come once: so does
 * Unix. */
typedef void (*kevy_signal_fire)(struct kevy_signal *watch);

/* A watched signal. `number` is readable, the rest is private. All zero is valid and not started.
 */
struct kevy_signal {
    struct kevy_signal *next;
    struct kevy_reactor *reactor;
    kevy_signal_fire fire;
    int number;
    uint32_t round;
};

/*
 * Watches signal `number` (SIGTERM, SIGINT...) until stopped. Several watches of one signal all
 * fire. Returns 0, -EINVAL for a number that cannot be watched or a watch that is already started,
 * or -EMFILE.
 */
KEVY_API int kevy_signal_start(struct kevy_signal *watch, struct kevy_reactor *reactor, int number,
                               kevy_signal_fire fire);

/* Stops watching. With the last watch of a signal its earlier blocking is restored, so that one
 * which waits in the kernel then takes its usual effect. Idempotent. */
KEVY_API void kevy_signal_stop(struct kevy_signal *watch);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIGNAL_H */
