/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/reactor.h - the loop of one thread.
 *
 * A reactor owns one ring and turns its completions into callbacks. This comment holds for every
 * object of the library; the other headers do not repeat it.
 *
 * One turn of the loop
 *
 *     1  flush      objects that have something to do deliver the bytes that they held back, and
 *                   write their requests into the submission queue
 *     2  wait       one system call submits the requests and waits for completions; the next
 *                   deadline limits the wait
 *     3  complete   completions become callbacks, up to `turn_completions` of them
 *     4  timers     timers and deadlines that are due fire, after the completions of all that had
 *                   happened until then: a pause of the process ends no stream that is alive
 *     5  tasks      deferred and posted tasks run
 *
 * Order
 *
 *     Callbacks come from the steps of a turn, never from inside a function that you call. All
 *     requests that the callbacks of a turn ask for leave in one system call, with the next wait.
 *
 *     Most objects have a last callback, `close` or `done`. It comes once, and no callback of that
 *     object comes after it.
 *
 * Ownership
 *
 *     Four words name the responsibility for memory and descriptors:
 *
 *     OWNED      the named owner frees or closes it
 *     BORROWED   it is valid until the call or the callback returns
 *     LENT       it must be given back with the named function
 *     PINNED     it must not be moved or freed until the named callback or call
 *
 *     Objects (streams, listeners, timers ...) are your memory: you make them members of your own
 *     structs. KEVY_CONTAINER_OF() leads from the member to the struct.
 *
 * Callbacks
 *
 *     A callback may call every function for every object, with four exceptions. They run the loop,
 *     or need it to stand still, and assert this: kevy_reactor_run(), kevy_reactor_run_once(),
 *     kevy_reactor_next_timeout(), kevy_reactor_destroy().
 *
 *     In its last callback an object is idle again: you may free it or start it again.
 *
 * Threads
 *
 *     One thread creates, runs and destroys a reactor. Only this thread may use the reactor and its
 *     objects, and all callbacks come on it. Two functions may be called from any thread:
 *     kevy_reactor_post() and kevy_reactor_stop(). Almost all other functions assert that they are
 *     called from the right thread; a few short ones do not check.
 *
 * Forks
 *
 *     A child of fork(2) cannot use the reactor of its parent, because the memory that the reactor
 *     shares with the kernel is not mapped in the child. It must not run or destroy it (asserted).
 *     It may create its own. As long as the child lives, its copies of the descriptors keep the
 *     ring of the parent open, so it should call execve(2) or exit soon.
 *
 * Memory
 *
 *     Received bytes are in `buffer_count` buffers. Copies and queue entries take up to
 *     `memory_limit` bytes, which all streams of the reactor share:
 *
 *     - While more than half of it is left, each stream may hold up to its high watermark.
 *     - After that the watermark shrinks with what is left, for kevy_stream_forward() and
 *       kevy_stream_hold(). So all streams that feed a queue are held back, and none is ended.
 *     - The last sixteenth is for small answers. If more than that is needed, the stream ends that
 *       holds most and has sent nothing for longest; its reason is -ENOMEM (stats.evictions).
 *
 *     For N clients that do not read what they get, 2 * N * high watermark is enough for the full
 *     watermark. With less each holds less: 64 MiB and a watermark of 64 KiB give 40 KiB for each
 *     of 1,000 clients, and 5 KiB for each of 10,000. At least 2 * N * buffer_size is needed.
 *
 * Errors
 *
 *     Functions return a negative errno, and list all that they may return. "The errors of
 *     socket(2)" means the list in that manual page. A program that breaks a rule of this manual
 *     meets an assert(), also in a release build, unless it is compiled with NDEBUG. The library
 *     prints nothing, reads no environment variables, and never ends the process.
 *
 *     To look for mistakes with memory, build the library with -Ddebug_checks=true, best together
 *     with a sanitizer (-Db_sanitize=address). Then it asserts that
 *
 *     - the memory that a request names is there, when the request is submitted;
 *     - nobody writes to a received buffer after it has been given back;
 *     - PINNED bytes of a send do not change before `done`, or before `released`.
 *
 *     AddressSanitizer and valgrind also report who reads such a buffer, or reads beyond its
 *     length.
 *
 * Kernel
 *
 *     io_uring of Linux 6.1, for multishot receive and DEFER_TASKRUN. The library uses newer
 *     features if the kernel has them, and needs none of them. A number in brackets, like (6.2), is
 *     the release of Linux that a feature needs.
 *
 *     If the system refuses io_uring, or a part of it that the reactor needs, or has an older one,
 *     the reactor runs on the soft kernel: <kevy/ring_kernel.h>. Then stats.kernel is "soft", and
 *     stats.kernel_error says why. The option `kernel` can ask for one of them.
 *
 * Example: print a line three times, every 10 ms
 *
 *     #include <kevy/reactor.h>
 *     #include <kevy/timer.h>
 *     #include <stdio.h>
 *
 *     static int ticks;
 *
 *     static void tick(struct kevy_timer *timer)
 *     {
 *         printf("tick %d\n", ++ticks);
 *         if (ticks == 3)
 *             kevy_timer_stop(timer);
 *     }
 *
 *     int main(void)
 *     {
 *         struct kevy_reactor *reactor = NULL;
 *         struct kevy_timer timer = {0};
 *         int error = kevy_reactor_create(&reactor, NULL);
 *
 *         if (error == 0) {
 *             kevy_timer_start_periodic(&timer, reactor, KEVY_MILLISECONDS(10), tick);
 *             error = kevy_reactor_run(reactor);
 *         }
 *         kevy_reactor_destroy(reactor);
 *         return error == 0 ? 0 : 1;
 *     }
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

/* The struct of type `type` whose member `member` is at the address `pointer`. */
/* clang-format off */
#define KEVY_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))
/* clang-format on */

/* So many milliseconds or seconds, in nanoseconds. */
#define KEVY_MILLISECONDS(n) (1000000U * (uint64_t)(n))
#define KEVY_SECONDS(n)      (1000000000U * (uint64_t)(n))

/*
 * Private: for structs whose address goes into a request together with three bits of the library.
 * On 32-bit x86 not even a uint64_t member would align them.
 */
#define KEVY_X_OWNER_ALIGNED __attribute__((aligned(8)))

/* Private: the first member of every object that the reactor counts. */
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

/* Private: a place in a list of objects that wait. All zero: it is in no list. */
struct kevy_x_waiter {
    struct kevy_x_waiter *next;
    struct kevy_x_waiter **link; /* the pointer that points at it */
};

/*
 * An allocator for the memory of a reactor. The queues and the receive buffers do not come from it:
 * they are mapped, because the kernel shares them. Its functions are called from the thread of the
 * reactor, with `context`. Memory that several threads share comes from malloc(3): groups, pools of
 * workers, look-ups and their addresses.
 */
struct kevy_allocator {
    void *(*allocate)(void *context, size_t size); /* like malloc(3): NULL if there is none */
    void (*release)(void *context, void *memory, size_t size);
    void *context;
};

/* One completion, as a trace hook sees it, before it is handled. */
struct kevy_trace {
    /* "recv", "send", "send without copy", "connect", "accept", "close", "cancel" or
     * "completion". */
    const char *operation;
    const void *owner; /* the object, completion or send that made the request, or the reactor */
    int result;        /* as the kernel returned it */
    uint32_t flags;    /* KEVY_CQE_F_* */
};

/*
 * Options of kevy_reactor_create(). A member that is zero means the default, which stands in
 * brackets.
 */
struct kevy_reactor_options {
    /* Entries of the submission queue, rounded up to a power of two, at most 32,768 [512]. A turn
     * with more requests enters the kernel more than once. */
    uint32_t sq_entries;
    /* Entries of the completion queue, rounded up to a power of two, at most 65,536 [8192, and at
     * least sq_entries]. The kernel keeps further completions in a list, which is slower. */
    uint32_t cq_entries;
    uint32_t turn_completions;  /* completions handled before timers and tasks [1024] */
    uint32_t buffer_size;       /* bytes of one receive buffer, at most 1 GiB [4096] */
    uint32_t buffer_count;      /* receive buffers, a power of two, at most 32,768 [1024] */
    size_t memory_limit;        /* bytes, the most for copies and queue entries [64 MiB] */
    uint32_t zero_copy_minimum; /* bytes, the least for a send with KEVY_SEND_ZERO_COPY [32768] */
    const struct kevy_allocator *allocator; /* PINNED until destroy [malloc(3)] */
    const struct kevy_system *system;       /* PINNED until destroy [kevy_system_host()] */
    /* The kernel to run on [KEVY_RING_KERNEL_AUTOMATIC], or a table of your own, PINNED until
     * destroy; see <kevy/ring_kernel.h>. */
    enum kevy_ring_kernel_choice kernel;
    const struct kevy_ring_kernel *custom_kernel;
    /* Hooks, each with `context`: before each wait, after each wait, and for each completion before
     * it is handled. The first two are ordinary callbacks. `trace` must only observe. */
    void (*before_wait)(struct kevy_reactor *reactor, void *context);
    void (*after_wait)(struct kevy_reactor *reactor, void *context);
    void (*trace)(struct kevy_reactor *reactor, const struct kevy_trace *trace, void *context);
    void *context; /* also for you: kevy_reactor_context() */
    /* Hardening: the ring accepts only the requests that the objects of the library make, so that
     * an attack on the loop cannot open files with it. To use other requests, for example in
     * completions, list their opcodes (KEVY_OP_*) in `operations`: at most 64, BORROWED. Opcodes
     * that the kernel does not know are ignored. All other requests fail with -EACCES. */
    bool restricted;
    const uint8_t *operations;
    uint32_t operation_count;
    bool measure_turns; /* measure stats.turn_longest_ns: two more clock readings in each turn */
    bool embedded;      /* it will be polled by another loop: kevy_reactor_fd() */
};

/* Counters since creation. They are exact; each costs one increment at most. */
struct kevy_reactor_stats {
    uint64_t turns;           /* turns of the loop */
    uint64_t enters;          /* calls of io_uring_enter(2) */
    uint64_t submissions;     /* requests that the kernel took */
    uint64_t completions;     /* completions handled */
    uint64_t overflows;       /* times that an overflowed completion queue was flushed */
    uint64_t submit_retries;  /* enters refused with -EBUSY, -EAGAIN or -ENOMEM, and repeated */
    uint64_t starvations;     /* times that an object found the receive pool empty and waited */
    uint64_t copies;          /* received bytes copied because the pool was low, in buffers */
    uint64_t accepts;         /* connections accepted */
    uint64_t accepts_shed;    /* of these, closed at once: `accept` returned NULL, or it was late */
    uint64_t accept_pauses;   /* times that a listener stopped: no descriptors or no memory */
    uint64_t timers_fired;    /* timers and deadlines that fired */
    uint64_t deadlines_moved; /* deadlines that were looked at and had moved to a later time */
    uint64_t tasks_run;       /* posted and deferred tasks that ran */
    uint64_t wakes;           /* times that another thread woke the loop */
    uint64_t zero_copy_sends; /* sends tried without a copy */
    /* Streams that went back to copying, because the kernel refused, or copied anyway. */
    uint64_t zero_copy_fallbacks;
    uint64_t memory;            /* bytes of memory_limit that are taken, and kept until destroy */
    uint64_t memory_peak;       /* the highest value of `memory` */
    uint64_t evictions;         /* streams ended with -ENOMEM, to make room for others */
    uint64_t memory_failures;   /* allocations refused by the limit or by the system */
    uint64_t buffers_lent;      /* receive buffers kept, held back or queued now */
    uint64_t buffers_lent_peak; /* the highest value of `buffers_lent` after step 3 of a turn */
    uint64_t turn_longest_ns;   /* the longest turn, without its wait; needs measure_turns */
    uint32_t objects;           /* live objects now */
    uint32_t operations;        /* requests in flight now, for objects and completions */
    const char *kernel;         /* the name of the kernel: "io_uring", "soft", or of your own */
    /* If the reactor, or another one of its group, asked for io_uring and fell back to the soft
     * kernel: the error of io_uring. Otherwise 0. kevy_ring_explain() has a sentence for it. */
    int32_t kernel_error;
};

/*
 * Creates a reactor that belongs to the calling thread and stores it in *reactor, OWNED by the
 * caller until kevy_reactor_destroy(). `options` is BORROWED and may be NULL.
 *
 * The memory for ordinary work is allocated here. Copies and queue entries grow later, up to
 * memory_limit; this memory stays with the reactor until destroy.
 *
 * If the limit of locked memory (RLIMIT_MEMLOCK) is too low, the queues are made smaller: a half, a
 * quarter, an eighth of their size.
 *
 * Returns 0 or an error. On an error *reactor is unchanged, and kevy_ring_explain() turns the error
 * into a sentence for a human:
 *
 *     -EINVAL      a size out of range, or more than 64 operations
 *     -EMFILE      this process has too many descriptors
 *     -ENFILE      the system has too many open files
 *     -ENOMEM      no memory, or RLIMIT_MEMLOCK is too low even for the smallest queues
 *
 * With KEVY_RING_KERNEL_IO_URING also:
 *
 *     -EINVAL      Linux before 6.1
 *     -EPERM       io_uring is switched off by a sysctl or by the seccomp profile of a container
 *     -EACCES      a seccomp filter or a security module
 *     -ENOSYS      the kernel has no io_uring
 */
KEVY_API int kevy_reactor_create(struct kevy_reactor **reactor,
                                 const struct kevy_reactor_options *options);

/*
 * Destroys the reactor. It aborts all live objects, cancels all completions in flight, and turns
 * the loop until each has had its last callback. Then it frees the memory of the reactor.
 *
 *     - Last callbacks report -ECANCELED, unless the object had already ended in another way.
 *     - Objects that are started in a last callback are ended in the same way.
 *     - Work that a worker has begun is waited for.
 *     - Waiting tasks and armed timers get no callback. Their memory is free afterwards.
 *     - Buffers that you keep must be released before (asserted).
 *     - After an error of kevy_reactor_run() the ring does not work. Then some objects and
 *       completions get no last callback.
 *
 * Returns the number of objects that were alive when it was called: 0 after a clean end. NULL is
 * accepted and returns 0.
 */
KEVY_API uint32_t kevy_reactor_destroy(struct kevy_reactor *reactor);

/*
 * Runs turns until kevy_reactor_stop() is called, or until nothing is left to wait for. The loop
 * waits for
 *
 *     - live objects: streams, listeners, datagram sockets, files, connectors, look-ups, watched
 *       children, work;
 *     - armed timers, until kevy_reactor_finish() is called;
 *     - completions in flight;
 *     - posted and deferred tasks;
 *     - references, see kevy_reactor_ref().
 *
 * It does not wait for watched signals.
 *
 * Returns 0, or an error of io_uring_enter(2) that is not temporary, for example -EBADF or -EBADFD.
 * After an error the ring does not work any more: call kevy_reactor_destroy(). Temporary errors
 * (-EINTR, -EBUSY, -EAGAIN, -ENOMEM) are retried and never returned.
 */
KEVY_API int kevy_reactor_run(struct kevy_reactor *reactor);

/*
 * Runs one turn, which waits at most `timeout_ns`. 0 means not to wait. KEVY_FOREVER means to wait
 * until something happens; if there is nothing to wait for, this is a post or a stop. A turn that
 * has called a callback before its wait, for example `open` or a `read` after
 * kevy_stream_resume(), does not wait.
 *
 * Returns 1 if something is left to wait for; 0 if nothing is left, or if kevy_reactor_stop() was
 * called; or an error like kevy_reactor_run().
 */
KEVY_API int kevy_reactor_run_once(struct kevy_reactor *reactor, uint64_t timeout_ns);

/*
 * Makes kevy_reactor_run() return at the end of its current turn. If it is not running, the next
 * run returns after one turn. Nothing is closed, and run may be called again. This function may be
 * called from any thread and from a signal handler, as long as the reactor exists.
 */
KEVY_API void kevy_reactor_stop(struct kevy_reactor *reactor);

/*
 * Brings the reactor to an end in good order:
 *
 *     1. Every listener accepts the clients that wait and is closed. Then every stream, datagram
 *        socket and file gets its `finish` callback. Without it, streams and datagram sockets are
 *        closed, and files stay open.
 *     2. Connectors, look-ups, watched children and work go on until they end by themselves.
 *        Timers go on, too, but the loop does not wait for them any more.
 *     3. kevy_reactor_run() returns when no object, completion, task or reference is left.
 *     4. After `timeout_ns` all objects that are still alive are aborted, and all completions in
 *        flight are cancelled. KEVY_FOREVER means no limit.
 *
 * Objects that are started later are treated in the same way at once. This function itself closes
 * nothing and calls nothing back: the next turn does. It may be called again; the earliest limit
 * counts.
 */
KEVY_API void kevy_reactor_finish(struct kevy_reactor *reactor, uint64_t timeout_ns);

/*
 * Returns true after kevy_reactor_finish(), and in the callbacks of kevy_reactor_destroy(). Ask it
 * before you restart an object in its last callback, for example to connect again. Otherwise finish
 * and destroy do not come to an end.
 */
KEVY_API bool kevy_reactor_finishing(const struct kevy_reactor *reactor);

/*
 * kevy_reactor_ref() keeps kevy_reactor_run() from returning, for example while another thread is
 * going to post a task. kevy_reactor_unref() lets it return although one object or timer is left,
 * for example a listener in the background. Undo each call of one with a call of the other.
 */
KEVY_API void kevy_reactor_ref(struct kevy_reactor *reactor);
KEVY_API void kevy_reactor_unref(struct kevy_reactor *reactor);

/*
 * Returns the descriptor of a reactor that was created with the option `embedded` (asserted), for
 * programs that have another event loop. It is readable while a turn has something to do. One round
 * of the other loop is:
 *
 *     1. kevy_reactor_run_once(reactor, 0)
 *     2. timeout_ns = kevy_reactor_next_timeout(reactor)
 *     3. wait until the descriptor is readable, for timeout_ns at most
 *
 * The descriptor is BORROWED until destroy. Do not read it. Any thread may poll it.
 *
 * Between the rounds the callbacks of the other loop may call all functions of the library: they
 * send on a stream, start a timer or post a task. The first such call after step 2 makes the
 * descriptor readable.
 *
 * An embedded reactor costs more for each completion than one that runs by itself, because the
 * kernel interrupts the system call in which the reactor's thread sleeps. Most calls continue by
 * themselves, for example poll(2), select(2), nanosleep(2) and sem_wait(3). Some return -EINTR
 * although no signal came, for example epoll_wait(2), sigtimedwait(2), and recv(2) with SO_RCVTIMEO
 * (measured on Linux 6.18). Call them again, as libuv and libevent do.
 */
KEVY_API int kevy_reactor_fd(struct kevy_reactor *reactor);

/*
 * Submits the requests that are ready, and returns how long the other loop may sleep, in
 * nanoseconds: 0 means that a turn is needed at once, KEVY_FOREVER that there is no limit. Call it
 * immediately before the other loop sleeps: after it, posts from other threads make the descriptor
 * readable. It calls nothing back.
 */
KEVY_API uint64_t kevy_reactor_next_timeout(struct kevy_reactor *reactor);

/*
 * The time of the current turn, in nanoseconds of CLOCK_MONOTONIC. It was read after the wait of
 * the turn, and again when a timer or a deadline was started. It never goes back, and it is never
 * before the time at which a fired timer was due.
 */
KEVY_API uint64_t kevy_reactor_now(const struct kevy_reactor *reactor);

/*
 * The `context` of the options, for example the server that the reactor runs. It can be changed at
 * any time, for example in the `setup` of a group, whose members share their options. The hooks get
 * the new one.
 */
KEVY_API void *kevy_reactor_context(const struct kevy_reactor *reactor);
KEVY_API void kevy_reactor_set_context(struct kevy_reactor *reactor, void *context);

/*
 * Calls `visit` for every live object, before this function returns. `kind` is "stream",
 * "listener", "datagram", "file", "connector", "lookup", "child" or "work", and `object` points to
 * the struct of that name. `visit` may close the object. It must not start objects.
 */
typedef void (*kevy_reactor_visit)(const char *kind, void *object, void *context);
KEVY_API void kevy_reactor_for_each_object(struct kevy_reactor *reactor, kevy_reactor_visit visit,
                                           void *context);

/* Copies the counters into *stats. It walks over all live objects to count `operations`. */
KEVY_API void kevy_reactor_stats(const struct kevy_reactor *reactor,
                                 struct kevy_reactor_stats *stats);

/*
 * Says on which kernel the reactor runs and why, in a sentence, as kevy_ring_explain_kernel() does:
 * <kevy/ring_explain.h>. Writes it into the `size` bytes at `text`, BORROWED; for example
 * KEVY_RING_EXPLAIN_SIZE are enough. Returns the length of the whole sentence.
 */
KEVY_API int kevy_reactor_explain_kernel(const struct kevy_reactor *reactor, char *text,
                                         size_t size);

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_REACTOR_H */
