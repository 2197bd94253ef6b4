/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/resolver.h - the addresses of a name.
 *
 * Model
 *
 *     Only getaddrinfo(3) knows all the rules of a host (files, DNS, mDNS, containers), but it
 *     blocks, for many seconds if a name server does not answer. Therefore a resolver has threads
 *     of its own that call it. They are separate from kevy_workers. The loop gets a list of
 *     addresses in the order of RFC 6724, which you can pass to kevy_connector_start().
 *
 *     A numeric address with a numeric port needs no thread, so it waits for no name.
 *
 *     A look-up keeps kevy_reactor_run() running until it is reported. kevy_reactor_finish() waits
 *     for it, and cancels it only at its time limit. To cancel does not wait for the name server:
 *     the thread goes on alone, and its result is thrown away. Another thread takes its place, up
 *     to a limit (`spares`).
 *
 *     The reactors of a group may share one resolver.
 *
 * Order
 *
 *     Each look-up that was started is reported by `done`, once.
 *
 * Ownership
 *
 *     The look-up is PINNED from the start to `done`. After success it OWNS the addresses until
 *     kevy_lookup_release().
 *
 * Callbacks
 *
 *     In `done` the look-up may be started again or freed. After success release it before.
 *
 * Threads
 *
 *     A look-up belongs to the thread of its reactor. One thread, any one, opens and closes the
 *     resolver.
 *
 * Kernel
 *
 *     No requirements of its own.
 *
 * Example: the number of addresses of localhost
 *
 *     #include <kevy/resolver.h>
 *     #include <stdio.h>
 *
 *     static void found(struct kevy_lookup *lookup, int result)
 *     {
 *         if (result != 0)
 *             printf("error %d\n", result);
 *         else
 *             printf("%u addresses\n", (unsigned)lookup->count);
 *         kevy_lookup_release(lookup);
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_resolver resolver = {0};
 *         struct kevy_lookup lookup = {0};
 *         struct kevy_lookup_options options = {
 *             .resolver = &resolver,
 *             .host = "localhost",
 *             .service = "80",
 *             .done = found,
 *         };
 *         struct kevy_reactor *reactor = NULL;
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0)
 *             error = kevy_resolver_open(&resolver, NULL);
 *         if (error == 0)
 *             error = kevy_lookup_start(&lookup, reactor, &options);
 *         if (error == 0)
 *             error = kevy_reactor_run(reactor);
 *         kevy_resolver_close(&resolver);
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
 */
#ifndef KEVY_RESOLVER_H
#define KEVY_RESOLVER_H

#include <kevy/address.h>
#include <kevy/reactor.h>
#include <kevy/timer.h>

#if KEVY_RING_SUPPORTED

#include <stddef.h>

KEVY_BEGIN_DECLS

struct kevy_lookup;
struct kevy_workers;

/* A resolver. Its field is private. */
struct kevy_resolver {
    struct kevy_workers *workers;
};

/* Options of kevy_resolver_open(). A member that is zero means the default, which stands in
 * brackets. */
struct kevy_resolver_options {
    uint32_t threads; /* look-ups that run at the same time [2] */
    uint32_t queue;   /* look-ups that may wait for a thread [1024] */
    /* The most threads that are started in place of those that look-ups keep which were cancelled
     * or have timed out [4 times `threads`]. */
    uint32_t spares;
    const struct kevy_system *system; /* see struct kevy_workers_options */
};

/*
 * Starts the threads of a resolver that is not open (asserted). `options` is BORROWED and may be
 * NULL. Returns 0 or an error of kevy_workers_create():
 *
 *     -ENOMEM  no memory
 *     -EAGAIN  too many threads
 */
KEVY_API int kevy_resolver_open(struct kevy_resolver *resolver,
                                const struct kevy_resolver_options *options);

/*
 * Closes the resolver: cancels the look-ups that wait for a thread, waits for those that run, and
 * ends the threads. No thread may use the resolver meanwhile. The reports still come later from the
 * loops. Idempotent.
 *
 * It blocks: do not call it from a loop that must go on. It can take long, because getaddrinfo(3)
 * cannot be interrupted; /etc/resolv.conf sets its limit.
 */
KEVY_API void kevy_resolver_close(struct kevy_resolver *resolver);

/*
 * `result` is 0, with the addresses in the look-up, or
 *
 *     -ECANCELED      kevy_lookup_cancel(), or the end of the resolver or of the reactor
 *     -ETIMEDOUT      timeout_ns has passed
 *     -ENOENT         there is no such name (EAI_NONAME)
 *     -ENODATA        the name has no address (EAI_NODATA)
 *     -EADDRNOTAVAIL  the name has no address of the wanted family (EAI_ADDRFAMILY), or the
 *                     numeric address is of another one
 *     -EAGAIN         the name servers do not answer at the moment (EAI_AGAIN)
 *     -EREMOTEIO      the name servers report a failure (EAI_FAIL)
 *     -ESRCH          there is no such service (EAI_SERVICE)
 *     -ENAMETOOLONG   the name is too long (EAI_OVERFLOW)
 *     -EAFNOSUPPORT   the family is not supported (EAI_FAMILY)
 *     -ENOMEM         no memory (EAI_MEMORY)
 *     -EINVAL         any other code
 *
 * or, for EAI_SYSTEM, the errno or -EIO. `code` of the look-up has the EAI_ value, for
 * gai_strerror(3).
 */
typedef void (*kevy_lookup_done)(struct kevy_lookup *lookup, int result);

/* A look-up. `addresses`, `count` and `code` are readable from `done` on. */
struct kevy_lookup {
    struct kevy_x_object object; /* private */
    const struct kevy_address *addresses;
    uint32_t count; /* of the addresses */
    int code;       /* EAI_*, or 0 if getaddrinfo(3) has not failed */
    int result;     /* private, and so is all that follows */
    kevy_lookup_done done;
    struct kevy_x_lookup_query *query; /* the memory of the thread */
    struct kevy_timer limit;
};

/* Options of kevy_lookup_start(). */
struct kevy_lookup_options {
    struct kevy_resolver *resolver; /* required */
    const char *host;               /* a name or a numeric address; NULL: this host (loopback) */
    const char *service;            /* a name or a number of a port; NULL: port 0 */
    int family;                     /* only AF_INET or only AF_INET6 [both] */
    uint64_t timeout_ns;            /* a time limit for the look-up [none] */
    kevy_lookup_done done;          /* required */
};

/*
 * Starts a look-up of addresses for streams. The look-up is idle and released, and the resolver is
 * open (asserted). `options` and its strings are BORROWED. Returns 0 or an error; then no callback
 * comes:
 *
 *     -EINVAL        neither a host nor a service is given; one of them is empty; the host is "*";
 *                    or the service begins with a blank or a sign
 *     -ERANGE        the number of the port is above 65,535
 *     -ENAMETOOLONG  the host has more than 255 bytes
 *     -EAGAIN        the queue of the resolver is full
 *     -ENOMEM        no memory
 */
KEVY_API int kevy_lookup_start(struct kevy_lookup *lookup, struct kevy_reactor *reactor,
                               const struct kevy_lookup_options *options);

/* Gives up: `done` comes with -ECANCELED, in the next turn. Idempotent. */
KEVY_API void kevy_lookup_cancel(struct kevy_lookup *lookup);

/*
 * Writes a sentence for a human about the `result` of the look-up into `text`, which has room for
 * `size` bytes, for example "no name server answers at the moment". Call it in `done`. Returns the
 * length of the whole sentence, like snprintf(3).
 */
KEVY_API int kevy_lookup_explain(const struct kevy_lookup *lookup, int result, char *text,
                                 size_t size);

/* Frees the addresses. Do not call it while a connector uses them. Idempotent; a look-up that was
 * never started is accepted. */
KEVY_API void kevy_lookup_release(struct kevy_lookup *lookup);

/* The reactor it was last started on, or NULL if it was never started. */
static inline struct kevy_reactor *kevy_lookup_reactor(const struct kevy_lookup *lookup)
{
    return lookup->object.reactor;
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RESOLVER_H */
