/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/resolver.h - names to addresses, never on the loop.
 *
 * Model. getaddrinfo(3) blocks, for many seconds when a name server is away, and it alone knows all
 * of a host's rules (files, DNS, mDNS, containers). So it runs on threads of the resolver's own,
 * apart from the user's blocking work; the loop gets the list, in the order of RFC 6724, fit for
 * kevy_connector_start():
 *
 *     kevy_lookup_start(&lookup, reactor, &(struct kevy_lookup_options){
 *         .resolver = &resolver, .host = "example.org", .service = "443", .done = found});
 *
 * A look-up keeps kevy_reactor_run() running until it is reported; a drain waits for it, and its
 * time limit cancels it. Cancelling needs no answer from the name server: the thread is left to
 * finish alone, and its result is thrown away. One resolver may serve all reactors of a group.
 *
 * Order. Every look-up that was started is reported by one `done`.
 *
 * Ownership. The look-up is PINNED from start to `done`. Its addresses are OWNED by the look-up
 * from `done` on, until kevy_lookup_release().
 *
 * Callbacks. In `done` the look-up may be started again or freed: after a success once it has been
 * released, otherwise at once.
 *
 * Threads: each reactor's for its look-ups; a resolver is opened and closed by any one thread.
 *
 * Kernel: nothing of its own.
 */
#ifndef KEVY_RESOLVER_H
#define KEVY_RESOLVER_H

#include <kevy/address.h>
#include <kevy/reactor.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_lookup;
struct kevy_workers;

/* The threads of look-ups. Its field is private; all zero is valid and not open. */
struct kevy_resolver {
    struct kevy_workers *workers;
};

/* Zero is the good default for each; the value in force is in brackets. */
struct kevy_resolver_options {
    uint32_t threads; /* look-ups that run at once [2] */
    uint32_t queue;   /* look-ups that may wait for a thread [1024] */
};

/* Starts the threads of a resolver that is not open (asserted). `options` is BORROWED and may be
 * NULL. Returns 0, or -ENOMEM or -EAGAIN as kevy_workers_create(). */
KEVY_API int kevy_resolver_open(struct kevy_resolver *resolver,
                                const struct kevy_resolver_options *options);

/*
 * Cancels the look-ups that wait for a thread, waits for those that run - nothing interrupts
 * getaddrinfo(3), its limit is that of /etc/resolv.conf - and ends the threads. What is left to
 * report still comes from the loops. Idempotent. Nobody may use the resolver meanwhile. May take
 * long: from a loop only where that may stand still.
 */
KEVY_API void kevy_resolver_close(struct kevy_resolver *resolver);

/*
 * `result` is 0, with the addresses in the look-up, or
 *
 *     -ECANCELED      kevy_lookup_cancel(), or the resolver or the reactor ended
 *     -ENOENT         there is no such name (EAI_NONAME)
 *     -ENODATA        the name exists and has no address (EAI_NODATA)
 *     -EADDRNOTAVAIL  ... none of the wanted family (EAI_ADDRFAMILY)
 *     -EAGAIN         the name servers do not answer at the moment (EAI_AGAIN)
 *     -EREMOTEIO      the name servers fail (EAI_FAIL)
 *     -ESRCH          there is no such service (EAI_SERVICE)
 *     -ENAMETOOLONG   EAI_OVERFLOW
 *     -EAFNOSUPPORT   EAI_FAMILY
 *     -ENOMEM         EAI_MEMORY
 *     -EINVAL         any other code
 *
 * and for EAI_SYSTEM the errno that it stands for, or -EIO. `code` of the look-up keeps the EAI_
 * value, for gai_strerror(3).
 */
typedef void (*kevy_lookup_done)(struct kevy_lookup *lookup, int result);

/* A look-up. All zero is valid and not started. */
struct kevy_lookup {
    struct kevy_x_object object;          /* private */
    const struct kevy_address *addresses; /* readable from `done` on */
    uint32_t count;                       /* of the addresses */
    int code;                             /* EAI_*, 0 after success or a cancel */
    kevy_lookup_done done;                /* private */
    struct kevy_x_lookup_query *query;    /* private: what the thread works on */
};

/* What to look up. Everything is BORROWED for the start alone. */
struct kevy_lookup_options {
    struct kevy_resolver *resolver; /* required */
    const char *host;               /* name or numeric address; NULL: this host's loopback */
    const char *service;            /* name or number of the port; NULL: 0 */
    int family;                     /* AF_INET or AF_INET6 alone [both] */
    kevy_lookup_done done;          /* required */
};

/*
 * Starts a look-up of stream addresses. The look-up is not running and has been released, and the
 * resolver is open (asserted). Returns 0; -EAGAIN when the resolver's queue is full; -ENOMEM; or
 * -EINVAL when neither host nor service is given. No callback comes then.
 */
KEVY_API int kevy_lookup_start(struct kevy_lookup *lookup, struct kevy_reactor *reactor,
                               const struct kevy_lookup_options *options);

/* Gives up: `done` comes with -ECANCELED, from the next flush. Idempotent. */
KEVY_API void kevy_lookup_cancel(struct kevy_lookup *lookup);

/* Frees the addresses. Idempotent; a zeroed look-up is accepted. Not while a connect tries them. */
KEVY_API void kevy_lookup_release(struct kevy_lookup *lookup);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RESOLVER_H */
