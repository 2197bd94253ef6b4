/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/connector.h - a stream to whichever address of a list answers first.
 *
 * Model. "Happy eyeballs", RFC 8305. Addresses are tried in the order of the list, the families
 * taking turns and that of the first address beginning (section 4). The next attempt begins when
 * one fails, or has not succeeded within the attempt delay (section 5); earlier ones race on. The
 * first to connect wins, the others are cancelled and closed, and the winner's descriptor, with
 * TCP_NODELAY, becomes the stream's. It keeps kevy_reactor_run() running; a drain waits for it, and
 * its time limit cancels it.
 *
 * Order.
 *
 *     start -> (attempt failed)* -> done(0)       -> open, read... of the stream
 *                                -> done(-errno)     the stream is as it was before
 *
 * `done` comes exactly once. When it comes, no attempt is left and no descriptor but the winner's.
 *
 * Ownership. The struct, the stream and the addresses are PINNED from start to `done`; the stream
 * goes on to be so after done(0), up to its own `close`.
 *
 * Callbacks. In `done` the struct may be freed or started again, and the stream be written to;
 * after an error the stream too is free. `attempt` may cancel.
 *
 * Threads: the reactor's.
 *
 * Kernel: Linux 6.1.
 */
#ifndef KEVY_CONNECTOR_H
#define KEVY_CONNECTOR_H

#include <kevy/address.h>
#include <kevy/completion.h>
#include <kevy/reactor.h>
#include <kevy/stream.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_connector;

/* Attempts that race at once. With one more to begin, the oldest is given up, with -ETIMEDOUT. */
#define KEVY_CONNECTOR_ATTEMPTS 8

/* Private: an attempt, or a place for one. */
struct kevy_x_connector_attempt {
    struct kevy_completion completion;
    struct kevy_connector *connector;
    int32_t fd; /* -1: a free place */
    uint32_t index;
    uint32_t number; /* attempts before this one */
    uint32_t flags;
};

/* A connector. Its fields are private; all zero is valid and not started. */
struct kevy_connector {
    struct kevy_x_object object;
    struct kevy_stream *stream;
    const struct kevy_address *addresses;
    uint32_t count;
    uint32_t next[2]; /* where to look on: among the first address's family, among the others */
    uint32_t turn;    /* whose turn it is of the two */
    uint32_t begun;
    uint32_t racing;
    int32_t winner; /* its descriptor, or -1 */
    int32_t result;
    uint64_t attempt_delay_ns;
    void (*attempt)(struct kevy_connector *connector, uint32_t index, int error);
    void (*done)(struct kevy_connector *connector, int result);
    struct kevy_timer delay;
    struct kevy_timer limit;
    struct kevy_x_connector_attempt attempts[KEVY_CONNECTOR_ATTEMPTS];
};

/* Where neither bracket nor NULL stands, the field is required. */
struct kevy_connector_options {
    struct kevy_stream *stream;           /* initialised, and not in use (asserted) */
    const struct kevy_address *addresses; /* IPv4, IPv6 or Unix; those of a kevy_lookup fit */
    uint32_t count;                       /* of the addresses, at least 1 */
    uint64_t attempt_delay_ns;            /* [250 ms; RFC 8305: never below 10 ms] */
    uint64_t timeout_ns;                  /* for all of it [30 s]; KEVY_FOREVER: none */
    /* Address `index` of the list failed with `error`: what socket(2) or connect(2) fail with, or
     * -ETIMEDOUT for one given up. Who has merely lost the race, or was still racing when it ended
     * otherwise, has not failed. May be NULL. */
    void (*attempt)(struct kevy_connector *connector, uint32_t index, int error);
    /* Last callback. `result` is 0: `open` of the stream follows. Or -ETIMEDOUT after `timeout_ns`,
     * -ECANCELED after kevy_connector_cancel() or at the end of the reactor or its drain, else the
     * failure that came last. */
    void (*done)(struct kevy_connector *connector, int result);
};

/*
 * Starts connecting with *connector, which is all zero or has ended (asserted). `options` is
 * BORROWED. Returns 0, or -EINVAL for an empty list, or an address whose length cannot be. No
 * callback comes then.
 */
KEVY_API int kevy_connector_start(struct kevy_connector *connector, struct kevy_reactor *reactor,
                                  const struct kevy_connector_options *options);

/* Gives up, at any moment before `done`, which then comes with -ECANCELED. Idempotent. */
KEVY_API void kevy_connector_cancel(struct kevy_connector *connector);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_CONNECTOR_H */
