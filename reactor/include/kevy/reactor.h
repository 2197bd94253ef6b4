/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/reactor.h - the loop of one thread.
 *
 * Model. A reactor owns one ring and turns its completions into callbacks. One turn is:
 *
 *     1  flush      objects with something to do deliver what was held back, write their requests
 *     2  wait       one enter submits them and waits; the next deadline limits the wait
 *     3  complete   completions become callbacks, a bounded number a turn
 *     4  timers     what is due fires
 *     5  tasks      what was deferred or posted runs
 *
 * These headers are the manual. Each begins with what holds for all of its object, always in this
 * order: Model, Order, Ownership, Callbacks, Threads, Kernel. What stands here holds for all.
 *
 * Order. Callbacks come from a turn, out of any step but the wait, and never inside a call that the
 * user makes. What a callback asks for is written by the next flush, and all of it leaves in one
 * enter. The last callback of an object comes once, and nothing of that object after it.
 *
 * Ownership. The words used throughout: OWNED - whoever is named frees or closes it. BORROWED -
 * valid until the call or callback returns. LENT - to be given back with the function named. PINNED
 * - must neither move nor die until the callback named. Objects (streams, listeners, timers...) are
 * the user's memory, embedded in the user's own structs; KEVY_CONTAINER_OF() leads from one to the
 * other.
 *
 * Callbacks. From a callback everything may be called, for its own object and for any other, but
 * what turns the loop or counts on its standing still: kevy_reactor_run(), kevy_reactor_run_once(),
 * kevy_reactor_next_timeout() and kevy_reactor_destroy(), each caught by assertion. In its last
 * callback an object's memory is the user's again: it may be freed there, or started anew.
 *
 * Threads. One thread creates, runs and destroys a reactor and calls everything that takes it or
 * one of its objects; callbacks come on that thread. kevy_reactor_stop() and kevy_reactor_post()
 * alone may be called from any. Other calls from a foreign thread are caught by assertion, but for
 * a few that are too short for one.
 *
 * Forking. A child of fork(2) has no part in its parent's reactor: what that shares with the kernel
 * is not mapped there. It runs and destroys none but its own, which is asserted, and had better
 * execute a program or end soon: the descriptors it inherited keep the parent's ring alive.
 *
 * Kernel. Linux 6.1 (multishot receive, DEFER_TASKRUN). Newer features are used where they are
 * found, never needed; where one has something to do with the user its release is named.
 *
 * Errors are negative errno values, and what a function may return is listed in full. "What
 * socket(2) fails with" stands for the list of that manual page. The library prints nothing, reads
 * no environment and never exits; a breach of a rule above is an assertion, gone with NDEBUG.
 */
#ifndef KEVY_REACTOR_H
#define KEVY_REACTOR_H

#include <kevy/api.h>
#include <kevy/ring_kernel.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_reactor;
struct kevy_system;

/* The struct that embeds `member` at address `pointer`. */
#define KEVY_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* Nanoseconds, for readable time limits. */
#define KEVY_MILLISECONDS(n) ((uint64_t)(n)*1000000U)
#define KEVY_SECONDS(n)      ((uint64_t)(n)*1000000000U)

/*
 * Private: of everything whose address goes into a request with three bits of our own in it. On
 * 32-bit x86 not even a uint64_t would see to that.
 */
#define KEVY_X_OWNER_ALIGNED __attribute__((aligned(8)))

/* Private: what every object that the reactor counts and walks begins with. */
struct kevy_x_object {
    struct kevy_x_object *next; /* in the list of live objects */
    struct kevy_x_object *previous;
    struct kevy_x_object *pending_next; /* in the list of objects with something to flush */
    struct kevy_reactor *reactor;
    uint16_t in_flight; /* requests the kernel has not finished */
    uint8_t kind;       /* which table of operations */
    uint8_t state;      /* the kind's own states */
    uint32_t flags;     /* the kind's own flags */
} KEVY_X_OWNER_ALIGNED;

/* Private: a place in a list of those who wait for something. Zeroed: it is in none. */
struct kevy_x_waiter {
    struct kevy_x_waiter *next;
    struct kevy_x_waiter **link; /* what points at it */
};

/*
 * Where a reactor's memory comes from, but for its queues and receive buffers: these are mapped,
 * for the kernel to share. Called from the reactor's thread alone, with `context`. What more
 * threads than one have a hand in comes from malloc(3): a group, a pool of workers, a look-up and
 * its addresses.
 */
struct kevy_allocator {
    void *(*allocate)(void *context, size_t size); /* as malloc(3): NULL when there is none */
    void (*release)(void *context, void *memory, size_t size);
    void *context;
};

/* What a trace hook is told: one completion, before it is handled. */
struct kevy_trace {
    const char *operation; /* "recv", "send", "accept", "close", "completion"... */
    const void *owner; /* the object, completion or write whose request it was, or the reactor */
    int result;        /* as the kernel gave it */
    uint32_t flags;    /* KEVY_CQE_F_* */
};

/* Zero is the good default for each; the value in force is in brackets. */
struct kevy_reactor_options {
    /* The queues, in entries, rounded up to powers of two and cut to what the kernel allows (32,768
     * and 65,536): requests of one flush [512], more are submitted in between; completions before
     * the kernel falls back to a list [8192]. */
    uint32_t sq_entries;
    uint32_t cq_entries;
    uint32_t turn_completions;  /* completions handled before timers and tasks [1024] */
    uint32_t buffer_size;       /* bytes of one receive buffer, up to 1 GiB [4096] */
    uint32_t buffer_count;      /* receive buffers, a power of two up to 32,768 [1024] */
    size_t memory_limit;        /* bytes that copies and queue entries may grow to [64 MiB] */
    uint32_t zero_copy_minimum; /* bytes of a write for KEVY_SEND_ZERO_COPY to count [32768] */
    const struct kevy_allocator *allocator; /* PINNED until destroy [malloc(3)] */
    const struct kevy_system *system;       /* PINNED until destroy [kevy_system_host()] */
    /* The kernel to run on [KEVY_RING_KERNEL_AUTOMATIC], or a table of one's own, BORROWED until
     * destroy: <kevy/ring_kernel.h>. */
    enum kevy_ring_kernel_choice kernel;
    const struct kevy_ring_kernel *custom_kernel;
    /* Hooks, with `context`: right before and after each wait, and for each completion before it is
     * handled. They are callbacks like any other, but `trace` only looks on. */
    void (*before_wait)(struct kevy_reactor *reactor, void *context);
    void (*after_wait)(struct kevy_reactor *reactor, void *context);
    void (*trace)(struct kevy_reactor *reactor, const struct kevy_trace *trace, void *context);
    void *context;
    /* Hardening: the ring may do only what the reactor's own objects need, so that a hijacked loop
     * cannot open files by it. Requests of kevy_completion need their opcodes (KEVY_OP_*) listed;
     * everything else is answered with -EACCES. `operations` is BORROWED, up to 64 of them; what
     * the running kernel does not know is left out. */
    bool restricted;
    const uint8_t *operations;
    uint32_t operation_count;
    bool measure_turns; /* reads the clock twice more a turn, for stats.turn_longest_ns */
};

/* Counters since creation. They are exact, and cost a plain increment each at most. */
struct kevy_reactor_stats {
    uint64_t turns;           /* turns of the loop */
    uint64_t enters;          /* io_uring_enter calls */
    uint64_t submissions;     /* requests handed to the kernel */
    uint64_t completions;     /* completions handled */
    uint64_t overflows;       /* times an overflowed completion queue was flushed */
    uint64_t submit_retries;  /* enters refused with -EBUSY, -EAGAIN or -ENOMEM, and repeated */
    uint64_t starvations;     /* times somebody found the receive pool empty and had to queue */
    uint64_t copies;          /* buffers kept, held back or queued as copies: the pool ran low */
    uint64_t accepts;         /* connections accepted */
    uint64_t accepts_shed;    /* connections accepted and closed, because `accept` returned NULL */
    uint64_t accept_pauses;   /* times a listener stopped for lack of descriptors or memory */
    uint64_t timers_fired;    /* timers and deadlines that fired */
    uint64_t deadlines_moved; /* deadlines found to have moved on when their slot came up */
    uint64_t tasks_run;       /* tasks posted or deferred that ran */
    uint64_t wakes;           /* times another thread woke the loop */
    uint64_t zero_copy_sends; /* sends tried without a copy */
    uint64_t
        zero_copy_fallbacks;    /* streams that went back to copying: the kernel did, or refused */
    uint64_t memory;            /* bytes in use of memory_limit, now */
    uint64_t memory_peak;       /* the most there was at once */
    uint64_t memory_failures;   /* allocations refused by the limit or the system */
    uint64_t buffers_lent;      /* receive buffers kept, held back or queued to be sent, now */
    uint64_t buffers_lent_peak; /* the most there were at the end of a turn's completions */
    uint64_t turn_longest_ns;   /* the longest turn but for its wait; with measure_turns */
    uint32_t objects;           /* live streams, listeners and other objects, now */
    uint32_t operations;        /* requests in flight for objects and completions, now */
};

/*
 * Creates a reactor that belongs to the calling thread and stores it in *reactor, OWNED by the
 * caller until kevy_reactor_destroy(). `options` is BORROWED and may be NULL. All that the usual
 * course needs is allocated here; copies and queue entries grow later, up to memory_limit, and stay
 * with the reactor.
 *
 * Returns 0, -EINVAL (a size out of range, too many operations, or a kernel before 6.1), -EPERM or
 * -EACCES (a sysctl, a container's seccomp profile, a security module), -ENOSYS (no io_uring),
 * -EMFILE, -ENFILE, or -ENOMEM. Before that last one, which may mean the limit of locked memory
 * (RLIMIT_MEMLOCK), the queues are tried at a half, a quarter and an eighth of their size.
 * kevy_ring_explain() turns the error into a sentence for the person at the terminal.
 */
KEVY_API int kevy_reactor_create(struct kevy_reactor **reactor,
                                 const struct kevy_reactor_options *options);

/*
 * Destroys the reactor: aborts every live object and cancels every completion in flight, turns
 * until each has had its last callback (with -ECANCELED, unless it had come to another end), so
 * work that runs is waited for; unregisters, frees. What last callbacks start meets the same end.
 * Tasks that wait and timers that are armed are forgotten without a callback, and are free. Kept
 * buffers have to be released by then. Returns how many objects were alive when it was called, 0
 * after a clean end. NULL is accepted and returns 0.
 */
KEVY_API uint32_t kevy_reactor_destroy(struct kevy_reactor *reactor);

/*
 * Turns until kevy_reactor_stop() is called or nothing is left to wait for: no live object, armed
 * timer, completion in flight, task or reference. Watched signals do not keep it running. Returns
 * 0, or what io_uring_enter(2) fails with for good; what passes (-EINTR, -EBUSY, -EAGAIN, -ENOMEM)
 * is waited out. Then the ring is lost (-EBADF, -EBADFD), and nothing but destroying left to do.
 */
KEVY_API int kevy_reactor_run(struct kevy_reactor *reactor);

/*
 * One turn, waiting at most `timeout_ns` (0: not at all; KEVY_FOREVER: until something happens,
 * which without anything to wait for is a post or a stop). Returns 1 while there is something left
 * to wait for, 0 when there is not or kevy_reactor_stop() was called, or an error as
 * kevy_reactor_run().
 */
KEVY_API int kevy_reactor_run_once(struct kevy_reactor *reactor, uint64_t timeout_ns);

/*
 * Makes kevy_reactor_run() return after the turn it is in. Sticky: called before run, run returns
 * after one turn. From any thread and from a signal handler, while the reactor lives. Nothing is
 * closed; run may be called again.
 */
KEVY_API void kevy_reactor_stop(struct kevy_reactor *reactor);

/*
 * Ends in good order: closes every listener, calls `finish` of every stream, datagram socket and
 * file, or without that callback closes streams and sockets, and lets all objects come to their
 * end. What is started later is told the same at once. After `timeout_ns` (KEVY_FOREVER: never)
 * what is still alive is aborted, and completions in flight are cancelled. kevy_reactor_run()
 * returns as soon as nothing is left, no reference either; timers go on meanwhile, but are no
 * longer waited for. Closes nothing and calls nobody before the next flush. Idempotent: the
 * earliest deadline counts.
 */
KEVY_API void kevy_reactor_finish(struct kevy_reactor *reactor, uint64_t timeout_ns);

/* True from kevy_reactor_finish() on, and in the callbacks of kevy_reactor_destroy(): who starts
 * anew what has ended asks first, or neither comes to an end. */
KEVY_API bool kevy_reactor_finishing(const struct kevy_reactor *reactor);

/*
 * A reference more, or less, that keeps kevy_reactor_run() running: for something outside that will
 * post later, or, the other way round, for a listener or timer of the background that alone is no
 * reason to go on. Each ref is to be undone by an unref, and the other way round.
 */
KEVY_API void kevy_reactor_ref(struct kevy_reactor *reactor);
KEVY_API void kevy_reactor_unref(struct kevy_reactor *reactor);

/*
 * For a reactor inside another loop, poll(2) or the like: a descriptor, BORROWED until destroy,
 * that becomes readable when a turn has something to do. It is an eventfd registered with the ring,
 * because the ring's own descriptor does not wake a poll while completions are deferred (measured
 * on 6.18). The round is: kevy_reactor_run_once(reactor, 0); kevy_reactor_next_timeout(); poll for
 * reading with that limit; again. Nobody else reads the descriptor. It is made by the first call.
 * Returns it, or -EMFILE, -ENFILE or -ENOMEM.
 */
KEVY_API int kevy_reactor_fd(struct kevy_reactor *reactor);

/*
 * Hands what was asked for to the kernel, and says how long the foreign loop may sleep:
 * nanoseconds, 0 when a turn is wanted at once, KEVY_FOREVER. Call it last before polling: posts
 * from other threads wake the descriptor from here on. Calls nobody back.
 */
KEVY_API uint64_t kevy_reactor_next_timeout(struct kevy_reactor *reactor);

/* CLOCK_MONOTONIC in nanoseconds, as read after the wait of the last turn. Never behind a timer
 * that fired. */
KEVY_API uint64_t kevy_reactor_now(const struct kevy_reactor *reactor);

/*
 * Calls `visit`, inside the call, with every live object and the name of its kind: "stream",
 * "listener", "datagram", "file", "connector", "lookup", "child" or "work", and `object` is the
 * struct of that name. `visit` may close the object, and must not start new ones.
 */
typedef void (*kevy_reactor_visit)(const char *kind, void *object, void *context);
KEVY_API void kevy_reactor_for_each_object(struct kevy_reactor *reactor, kevy_reactor_visit visit,
                                           void *context);

/* Writes a snapshot of the counters into *stats. Looks at every live object, for `operations`. */
KEVY_API void kevy_reactor_stats(const struct kevy_reactor *reactor,
                                 struct kevy_reactor_stats *stats);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_REACTOR_H */
