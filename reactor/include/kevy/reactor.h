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
 *     5  tasks      what was posted or deferred runs
 *
 * User callbacks run within a turn and never inside a call the user makes. So a callback may start,
 * stop, close and write whatever it likes; what it asks for takes effect at the end of the turn.
 *
 * Ownership. The words used throughout: OWNED - the callee frees it. BORROWED - valid until the
 * call or callback returns. LENT - to be given back with the function named. PINNED - must neither
 * move nor die until the callback named. Objects (streams, listeners, timers...) are the user's
 * memory, embedded in the user's own structs; KEVY_CONTAINER_OF() leads from one to the other.
 *
 * Threads. One thread creates, runs and destroys a reactor and calls everything that takes it or
 * one of its objects. kevy_reactor_stop() and kevy_reactor_post() alone may be called from any
 * thread. Other calls from a foreign thread are caught by assertion, but for a few that are too
 * short for one.
 *
 * Forking. A child of fork(2) has no part in its parent's reactor: what that shares with the kernel
 * is not mapped there. It runs and destroys none but its own, which is asserted, and had better
 * execute a program or end soon: the descriptors it inherited keep the parent's ring alive.
 *
 * Errors are negative errno values. The library prints nothing, reads no environment and never
 * exits. Floor: Linux 6.1 (multishot recv, DEFER_TASKRUN); newer features are used where they are
 * found.
 */
#ifndef KEVY_REACTOR_H
#define KEVY_REACTOR_H

#include <kevy/api.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_reactor;

/* The struct that embeds `member` at address `pointer`. */
#define KEVY_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* No time limit, where a function takes one in nanoseconds. */
#define KEVY_FOREVER UINT64_MAX

/* Nanoseconds, for readable time limits. */
#define KEVY_MILLISECONDS(n) ((uint64_t)(n)*1000000U)
#define KEVY_SECONDS(n)      ((uint64_t)(n)*1000000000U)

/*
 * Private: of everything whose address goes into a request with three bits of our own in it. On
 * 32-bit x86 not even a uint64_t would see to that.
 */
#define KEVY_OWNER_ALIGNED __attribute__((aligned(8)))

/* Private: what every object that the reactor counts and walks begins with. */
struct kevy_object {
    struct kevy_object *next; /* in the list of live objects */
    struct kevy_object *previous;
    struct kevy_object *pending_next; /* in the list of objects with something to flush */
    struct kevy_reactor *reactor;
    uint16_t in_flight; /* requests the kernel has not finished */
    uint8_t kind;       /* which table of operations */
    uint8_t state;      /* the kind's own states */
    uint32_t flags;     /* the kind's own flags */
} KEVY_OWNER_ALIGNED;

/* Where a reactor's memory comes from, but for its queues and receive buffers: these are mapped,
 * for the kernel to share. `context` is handed to both. */
struct kevy_allocator {
    void *(*allocate)(void *context, size_t size); /* as malloc(3): NULL when there is none */
    void (*release)(void *context, void *memory, size_t size);
    void *context;
};

/* What a trace hook is told: one completion, before it is handled. */
struct kevy_trace {
    const char *operation; /* "recv", "send", "accept", ... */
    const void *owner;     /* the object or completion whose request it was */
    int result;            /* as the kernel gave it */
    uint32_t flags;        /* KEVY_CQE_F_* */
};

/* Zero is the good default for each; the value in force is in brackets. */
struct kevy_reactor_options {
    uint32_t sq_entries;        /* requests of one flush [512]; more are submitted in between */
    uint32_t cq_entries;        /* completions before the kernel falls back to a list [8192] */
    uint32_t turn_completions;  /* completions handled before timers and tasks [1024] */
    uint32_t buffer_size;       /* bytes of one receive buffer [4096] */
    uint32_t buffer_count;      /* receive buffers, a power of two up to 32768 [1024] */
    size_t memory_limit;        /* bytes that copies and queue entries may grow to [64 MiB] */
    uint32_t zero_copy_minimum; /* bytes of a write for KEVY_WRITE_ZERO_COPY to count [32768] */
    const struct kevy_allocator *allocator; /* PINNED until destroy [malloc(3)] */
    /* Hooks, from the loop: right before and after each wait, and for each completion. A trace hook
     * that is not set costs one branch a turn. They may call whatever callbacks may; `trace` only
     * looks on. */
    void (*before_wait)(struct kevy_reactor *reactor, void *context);
    void (*after_wait)(struct kevy_reactor *reactor, void *context);
    void (*trace)(struct kevy_reactor *reactor, const struct kevy_trace *trace, void *context);
    void *context;
    /* Hardening: the ring may do only what the reactor's own objects need, so that a hijacked loop
     * cannot open files by it. Requests of kevy_completion need their opcodes (KEVY_OP_*) listed;
     * everything else is answered with -EACCES. `operations` is BORROWED during create. */
    bool restricted;
    const uint8_t *operations;
    uint32_t operation_count; /* up to 64 */
    bool measure_turns;       /* reads the clock twice more a turn, for stats.turn_longest_ns */
};

/* Counters since creation. They cost a plain increment each and are exact. */
struct kevy_reactor_stats {
    uint64_t turns;         /* turns of the loop */
    uint64_t enters;        /* io_uring_enter calls */
    uint64_t submissions;   /* requests handed to the kernel */
    uint64_t completions;   /* completions handled */
    uint64_t overflows;     /* times the completion queue had overflowed */
    uint64_t refusals;      /* enters refused with -EBUSY, -EAGAIN or -ENOMEM, and repeated */
    uint64_t starvations;   /* times somebody found the receive pool empty and had to queue */
    uint64_t copies;        /* retained buffers that became copies, because the pool ran low */
    uint64_t accepts;       /* connections accepted */
    uint64_t sheds;         /* connections accepted and closed, because `accept` returned NULL */
    uint64_t accept_pauses; /* times a listener stopped for lack of descriptors or memory */
    uint64_t timers_fired;  /* timers and deadlines that fired */
    uint64_t deadlines_refiled; /* deadlines found to have moved on when their slot came up */
    uint64_t tasks_run;         /* tasks posted or deferred that ran */
    uint64_t wakes;             /* times another thread woke the loop */
    uint64_t zero_copy_sends;   /* sends tried without a copy */
    uint64_t zero_copy_ends;    /* streams that went back to copying, for the kernel did or would */
    uint64_t memory;            /* bytes in use of memory_limit, now */
    uint64_t memory_peak;       /* the most there was at once */
    uint64_t memory_failures;   /* allocations refused by the limit or the system */
    uint64_t buffers_lent;      /* receive buffers in the user's hand or queued to be sent, now */
    uint64_t buffers_lent_peak; /* the most there were at the end of a turn's completions */
    uint64_t
        turn_longest_ns; /* the longest turn but for its wait, if measure_turns was asked for */
    uint32_t objects;    /* live streams, listeners and other objects, now */
    uint32_t operations; /* requests in flight for objects and completions, now */
};

/*
 * Creates a reactor owned by the calling thread and stores it in *reactor, OWNED by the caller
 * until kevy_reactor_destroy(). `options` is BORROWED and may be NULL. Everything that the hot path
 * needs is allocated here.
 *
 * Returns 0, or what kevy_ring_init() and kevy_buffer_ring_init() return (-EPERM, -ENOSYS, -ENOMEM,
 * -EMFILE), or -EINVAL for a size out of range or a kernel older than 6.1. When the locked-memory
 * limit is short the queues are halved, down to an eighth, before -ENOMEM is returned.
 * kevy_ring_explain() turns the error into a sentence for the person at the terminal.
 */
KEVY_API int kevy_reactor_create(struct kevy_reactor **reactor,
                                 const struct kevy_reactor_options *options);

/*
 * Destroys the reactor: aborts every live object (their last callbacks come, with -ECANCELED),
 * cancels every completion in flight, turns until the kernel is done with all of them, unregisters,
 * frees. Timers and tasks that are still queued are forgotten without a callback. Returns how many
 * objects were still alive, 0 after a clean end. NULL is accepted and returns 0. Not from within a
 * callback.
 */
KEVY_API uint32_t kevy_reactor_destroy(struct kevy_reactor *reactor);

/*
 * Turns until kevy_reactor_stop() is called or nothing is left to wait for: no live object, armed
 * timer, completion in flight or queued task. Signals do not keep it running. Returns 0, or a
 * negative errno when the kernel refuses the ring itself (-EBADFD, -EEXIST from a foreign thread).
 */
KEVY_API int kevy_reactor_run(struct kevy_reactor *reactor);

/*
 * One turn, waiting at most `timeout_ns` (0: do not wait; KEVY_FOREVER: until something happens).
 * Returns 1 while there is something left to wait for, 0 when there is not or kevy_reactor_stop()
 * was called, or a negative errno.
 */
KEVY_API int kevy_reactor_run_once(struct kevy_reactor *reactor, uint64_t timeout_ns);

/*
 * Makes kevy_reactor_run() return after the turn it is in. Sticky: called before run, run returns
 * after one turn. From any thread and from a signal handler. Nothing is closed; run may be called
 * again.
 */
KEVY_API void kevy_reactor_stop(struct kevy_reactor *reactor);

/*
 * Ends in good order: closes every listener, calls `finish` of every stream and datagram socket (or
 * closes it, where there is none) and lets them come to their end. After `timeout_ns` what is still
 * alive is aborted, and completions in flight are cancelled. kevy_reactor_run() returns as soon as
 * nothing is left; timers go on meanwhile, but are no longer waited for. Idempotent: the earliest
 * deadline counts.
 */
KEVY_API void kevy_reactor_drain(struct kevy_reactor *reactor, uint64_t timeout_ns);

/* True from kevy_reactor_drain() on. */
KEVY_API bool kevy_reactor_draining(const struct kevy_reactor *reactor);

/*
 * A reference more, or less, that keeps kevy_reactor_run() running: for something outside that will
 * post later, or, the other way round, for a listener or timer of the background that alone is no
 * reason to go on. Each ref is to be undone by an unref, and the other way round.
 */
KEVY_API void kevy_reactor_ref(struct kevy_reactor *reactor);
KEVY_API void kevy_reactor_unref(struct kevy_reactor *reactor);

/*
 * For a reactor inside another loop, poll(2) or the like: a descriptor, BORROWED, that becomes
 * readable when a turn has something to do. It is an eventfd registered with the ring, because the
 * ring's own descriptor does not wake a poll while completions are deferred (measured on 6.18). The
 * round is: kevy_reactor_run_once(reactor, 0); kevy_reactor_next_timeout(); poll for reading with
 * that limit; again. Nobody else reads the descriptor. Returns it, or -EMFILE and the like when it
 * cannot be made, which is done by the first call.
 */
KEVY_API int kevy_reactor_descriptor(struct kevy_reactor *reactor);

/*
 * Hands what was asked for to the kernel, and says how long the foreign loop may sleep:
 * nanoseconds, 0 when a turn is wanted at once, KEVY_FOREVER. Call it last before polling: posts
 * from other threads wake the descriptor from here on. Calls nobody back.
 */
KEVY_API uint64_t kevy_reactor_next_timeout(struct kevy_reactor *reactor);

/* CLOCK_MONOTONIC in nanoseconds, read once a turn after the wait. Never behind a timer that fired.
 */
KEVY_API uint64_t kevy_reactor_now(const struct kevy_reactor *reactor);

/*
 * Calls `visit` with every live object and the name of its kind ("stream", "listener"). `visit` may
 * close the object, and must not start new ones.
 */
typedef void (*kevy_reactor_visit)(const char *kind, void *object, void *context);
KEVY_API void kevy_reactor_each(struct kevy_reactor *reactor, kevy_reactor_visit visit,
                                void *context);

/* Writes a snapshot of the counters into *stats. */
KEVY_API void kevy_reactor_stats_get(const struct kevy_reactor *reactor,
                                     struct kevy_reactor_stats *stats);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_REACTOR_H */
