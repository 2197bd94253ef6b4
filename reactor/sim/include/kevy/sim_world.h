/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/sim_world.h - the clock, the chances and the faults of a simulated world.
 *
 * Part of <kevy/sim.h>, which explains the world as a whole.
 *
 * All functions are called from a thread of the world: in the test function, in callbacks of the
 * program under test, and in callbacks of the world. None of them needs a kernel.
 */
#ifndef KEVY_SIM_WORLD_H
#define KEVY_SIM_WORLD_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_sim;

/* ---- Time ---------------------------------------------------------------------------------- */

/*
 * Something that is going to happen in the world, at a time of the virtual clock. It is your
 * memory, all zero before the first start, PINNED while it is started. Events of the same instant
 * happen in the order in which they were started.
 */
struct kevy_sim_event {
    void (*run)(struct kevy_sim_event *event); /* private, like the next ones */
    uint64_t at_ns;
    uint64_t order;
    uint32_t place; /* in the heap, from 1; 0: not started */
};

/* The virtual time in nanoseconds, as the program reads it from CLOCK_MONOTONIC. */
KEVY_API uint64_t kevy_sim_now(const struct kevy_sim *sim);

/* The part of the time that passed while the program computed, and not while it slept. */
KEVY_API uint64_t kevy_sim_awake_ns(const struct kevy_sim *sim);

/*
 * Calls `run` once, after `delay_ns`. If the event is started already, it is moved. `run` is a
 * callback of the world: it may call the functions of <kevy/sim.h>, and of the library those that
 * may be called from any thread, for example kevy_reactor_post().
 */
KEVY_API void kevy_sim_event_start(struct kevy_sim *sim, struct kevy_sim_event *event,
                                   uint64_t delay_ns, void (*run)(struct kevy_sim_event *event));
KEVY_API void kevy_sim_event_stop(struct kevy_sim *sim, struct kevy_sim_event *event);
KEVY_API bool kevy_sim_event_started(const struct kevy_sim_event *event);

/* ---- Chance -------------------------------------------------------------------------------- */

/*
 * Random numbers from the seed of the world. Use these and no others, and each seed gives the same
 * run every time.
 *
 *     below        from 0 to limit - 1; `limit` is not 0
 *     between      from `low` to `high`
 *     magnitude    from `low` to `high`, small ones more often than large ones
 *     one_in       true one time in `count`; `count` is not 0
 */
KEVY_API uint64_t kevy_sim_below(struct kevy_sim *sim, uint64_t limit);
KEVY_API uint64_t kevy_sim_between(struct kevy_sim *sim, uint64_t low, uint64_t high);
KEVY_API uint64_t kevy_sim_magnitude(struct kevy_sim *sim, uint64_t low, uint64_t high);
KEVY_API bool kevy_sim_one_in(struct kevy_sim *sim, uint64_t count);

/* ---- Faults -------------------------------------------------------------------------------- */

/* All that can go wrong. A program that is written well never notices some of these. */
enum kevy_sim_fault {
    /* io_uring_enter(2). */
    KEVY_SIM_ENTER_BUSY,   /* fails with -EBUSY */
    KEVY_SIM_ENTER_AGAIN,  /* fails with -EAGAIN */
    KEVY_SIM_ENTER_MEMORY, /* fails with -ENOMEM */
    KEVY_SIM_ENTER_SIGNAL, /* fails with -EINTR */
    KEVY_SIM_SUBMIT_SHORT, /* takes fewer requests than offered */
    KEVY_SIM_WAIT_SIGNAL,  /* a wait ends with -EINTR */
    /* Requests. */
    KEVY_SIM_ISSUE_LATE,      /* begins some time after it was submitted */
    KEVY_SIM_COMPLETION_LATE, /* is answered some time after it was done */
    KEVY_SIM_WAKE_LATE,       /* notices later that a socket has changed */
    KEVY_SIM_WAKE_SPURIOUS,   /* is woken without a change */
    KEVY_SIM_WAKE_REORDERED,  /* is served before others that were woken earlier */
    KEVY_SIM_CANCEL_LOSES,    /* completes before its cancellation finds it */
    KEVY_SIM_CANCEL_FIRST,    /* its cancellation is answered before the request itself */
    KEVY_SIM_MULTISHOT_ENDS,  /* ends for no reason, with its data or without */
    KEVY_SIM_REQUEST_SIGNAL,  /* fails with -EINTR before it has done anything */
    /* Sockets. */
    KEVY_SIM_RECV_SHORT,      /* fewer bytes than there are */
    KEVY_SIM_SEND_SHORT,      /* fewer bytes than there is room for */
    KEVY_SIM_RECV_NO_BUFFERS, /* -ENOBUFS, although there are some */
    KEVY_SIM_ACCEPT_SHORTAGE, /* -EMFILE, -ENFILE, -ENOBUFS or -ENOMEM */
    KEVY_SIM_ACCEPT_ABORTED,  /* -ECONNABORTED */
    KEVY_SIM_SOCKET_FAILS,    /* socket(2), eventfd(2) and pidfd_open(2): -EMFILE */
    KEVY_SIM_NETWORK_RESETS,  /* a connection of a script is reset on its way */
    KEVY_SIM_NETWORK_PARTS,   /* a connection of a script is partitioned for some time */
    KEVY_SIM_ZERO_COPY_FAILS, /* -ENOMEM or -ENOBUFS */
    KEVY_SIM_ZERO_COPY_COPIES,
    /* Memory and time. */
    KEVY_SIM_ALLOCATION, /* the allocator of the reactor has no memory, or mmap(2) fails */
    KEVY_SIM_TURN_SLOW,  /* a callback or a system call takes milliseconds */
    /* Datagrams. */
    KEVY_SIM_DATAGRAM_LOST,
    KEVY_SIM_DATAGRAM_DUPLICATED,
    KEVY_SIM_DATAGRAM_REORDERED,  /* one may overtake others, or be overtaken */
    KEVY_SIM_DATAGRAM_REFUSED,    /* the network answers one with an ICMP error */
    KEVY_SIM_DATAGRAM_SEND_FAILS, /* -ENOBUFS or -EPERM */
    KEVY_SIM_DATAGRAM_SEND_FULL,  /* -EAGAIN, although the socket has room */
    /* Threads. */
    KEVY_SIM_THREAD_FAILS, /* a group or a pool gets no thread: -EAGAIN */
    /* Streams. */
    KEVY_SIM_STREAM_FAILS, /* a send or a connect: -ENOBUFS or -ENOMEM */
    KEVY_SIM_END_SILENT,   /* a receive is not woken by the end that came with its first bytes */
    KEVY_SIM_RESET_SILENT, /* nor by a reset that came with bytes */
    /* Names. */
    KEVY_SIM_NAME_FAILS, /* a look-up fails, with EAI_AGAIN for example */
    KEVY_SIM_NAME_LATE,  /* its answer takes up to 20 s longer */
    /* Datagrams, once more. */
    KEVY_SIM_DATAGRAM_SEND_CANCELLED, /* -ECANCELED: the kernel has no thread for the request */
    /* Files and pipes. */
    KEVY_SIM_FILE_FAILS,     /* -EIO or -ENOMEM; of a write also -ENOSPC */
    KEVY_SIM_FILE_SHORT,     /* fewer bytes are read or written */
    KEVY_SIM_FILE_LATE,      /* the disk takes up to 100 ms longer */
    KEVY_SIM_FILE_UNCACHED,  /* is not in the page cache */
    KEVY_SIM_FILE_CANCELLED, /* -ECANCELED: the kernel has no thread for the request */
    KEVY_SIM_FAULT_COUNT
};

/* A fault in words, for example "recv short". */
KEVY_API const char *kevy_sim_fault_name(enum kevy_sim_fault fault);

/*
 * How likely a fault is: one time in `one_in`, or never if that is 0. A world begins with odds that
 * the seed has drawn. Many faults are off in each world, because faults that always come together
 * hide each other's effects. KEVY_SIM_FAULT_COUNT means all faults.
 */
KEVY_API void kevy_sim_set_odds(struct kevy_sim *sim, enum kevy_sim_fault fault, uint32_t one_in);

/* The fault happens once, after `skip` further occasions, at any odds. One injection of
 * each fault can wait at a time; the later call counts. */
KEVY_API void kevy_sim_inject(struct kevy_sim *sim, enum kevy_sim_fault fault, uint32_t skip);

/* An occasion for a fault, for peers of your own: true if it happens this time. */
KEVY_API bool kevy_sim_fault(struct kevy_sim *sim, enum kevy_sim_fault fault);

/* While a world is calm, no fault happens: for a part of the program that need not survive faults,
 * for example its start. A world begins without being calm. */
KEVY_API void kevy_sim_set_calm(struct kevy_sim *sim, bool calm);

/* True if the program was ever refused memory or a descriptor, so that it may end connections. */
KEVY_API bool kevy_sim_refused(const struct kevy_sim *sim);

/* The program may have at most `limit` descriptors at once; then it gets -EMFILE. */
KEVY_API void kevy_sim_limit_descriptors(struct kevy_sim *sim, uint32_t limit);

/* No fault happens from now on. A world becomes quiet by itself, see <kevy/sim.h>. */
KEVY_API void kevy_sim_set_quiet(struct kevy_sim *sim);
KEVY_API bool kevy_sim_quiet(const struct kevy_sim *sim);

/* ---- Invariants ---------------------------------------------------------------------------- */

/*
 * Ends the world: the test has failed, for the reason that `format` and its arguments give, as in
 * printf(3). Does not return.
 */
KEVY_API void kevy_sim_fail(struct kevy_sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3), noreturn));

/* Fails with the text of the condition and its place in the source, unless it is true. */
#define KEVY_SIM_CHECK(sim, condition) \
    ((condition) ? (void)0 : kevy_sim_fail((sim), "%s:%d: %s", __FILE__, __LINE__, #condition))

/* An invariant of your own. It is your memory, PINNED until the world ends. Both may be NULL. */
struct kevy_sim_invariant {
    /* Looks at your objects, and calls kevy_sim_fail() or KEVY_SIM_CHECK(). It comes each time
     * that the program enters the kernel, so no callback of the program is running. */
    void (*check)(struct kevy_sim *sim, struct kevy_sim_invariant *invariant);
    /* Prints the state of your objects, when a world that is traced has failed. */
    void (*describe)(struct kevy_sim *sim, struct kevy_sim_invariant *invariant);
    struct kevy_sim_invariant *next; /* private */
};

KEVY_API void kevy_sim_invariant_add(struct kevy_sim *sim, struct kevy_sim_invariant *invariant);

/* Prints a line with the virtual time in front, if the world is traced. */
KEVY_API void kevy_sim_trace(struct kevy_sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The things that the program has opened or allocated, and not yet given back. */
struct kevy_sim_left {
    uint32_t descriptors;
    uint32_t mappings;
    uint32_t allocations; /* of the allocator of its reactors */
    uint32_t requests;    /* in flight */
};

KEVY_API void kevy_sim_left(const struct kevy_sim *sim, struct kevy_sim_left *left);

/* Events that have happened so far: of the world, completions, and system calls. And faults. */
KEVY_API uint64_t kevy_sim_events(const struct kevy_sim *sim);
KEVY_API uint64_t kevy_sim_faults(const struct kevy_sim *sim);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_SIM_WORLD_H */
