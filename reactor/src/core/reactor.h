/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reactor itself: what its parts keep, side by side.
 *
 * Model. One struct, so that the loop's way leads through few cache lines. Each group of fields
 * belongs to the file that is named above it; others read it through that file's header.
 */
#ifndef KEVY_REACTOR_REACTOR_H
#define KEVY_REACTOR_REACTOR_H

#include "core/names.h"

#include <kevy/buffer_ring.h>
#include <kevy/completion.h>
#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/ring.h>
#include <kevy/system.h>
#include <kevy/task.h>
#include <kevy/timer.h>

#include <assert.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include "core/check.h"
#include "core/compiler.h"
#include "core/kind.h"
#include "core/memory.h"
#include "core/probes.h"
#include "core/waiting.h"
#include "core/wheel.h"

struct signals;

/* A poll of the reactor's own, for as long as it lives: of its wake, of its signals. */
struct own_poll {
    struct kevy_completion completion;
    void (*ready)(struct kevy_reactor *reactor);
    struct own_poll *next;
    int fd; /* -1: there is none */
};

struct kevy_reactor {
    struct kevy_ring ring;
    const struct kind_table *kinds;
    const struct kevy_system *system;

    /* recv_pool.c */
    struct kevy_buffer_ring pool;
    struct kevy_x_block *pool_blocks; /* one for each buffer of the pool, by id */
    struct memory memory;
    uint32_t pool_half; /* buffers that may be out before keeping means copying */

    /* recv_run.c */
    uint32_t run_bytes;   /* where a stream's recv ends, to be armed again; 0: nowhere */
    uint32_t run_buffers; /* that it fills in one go */
    uint16_t run_flags;   /* KEVY_RECVSEND_BUNDLE, or 0 */

    /* reader.c */
    bool feeding; /* somebody was starved when the flush began: what it arms stands behind them */
    struct waiters starved; /* readers that wait for buffers */
    struct waiters in_turn; /* readers that wait for their turn */

    /* descriptor.c */
    struct waiters descriptor_waiters;

    /* clock.c */
    uint64_t now_ns;

    /* object.c */
    struct kevy_x_object *objects;    /* every live one, newest first */
    struct kevy_x_object *pending;    /* newest first, ended by pending_end */
    struct kevy_x_object pending_end; /* so that being in the list shows in pending_next */
    bool flushing;
    bool crowded;       /* some found no room in the submission queue, and may still be pending */
    bool finish_waits;  /* objects have yet to be told that the reactor finishes */
    bool told_in_flush; /* the turn must not sleep for what was alive or awaited before it */
    bool single;        /* the turn is one of kevy_reactor_run_once() */

    /* stream_range.c */
    uint32_t long_turn; /* the turn that `long_sum` is of */
    uint32_t long_sum;  /* bytes of files that have been sent in it */

    /* submission.c */
    bool refused;            /* the kernel took nothing in the last enter, and nothing was reaped */
    uint32_t pool_published; /* the pool's tail as the kernel knows it */
    uint8_t *arena;          /* message headers and addresses, until they have been submitted */
    uint32_t arena_used;     /* bytes */
    uint32_t cancels_active;
    struct kevy_sqe *backlog; /* slots given out while the kernel took nothing */
    uint32_t backlog_count;

    /* completion.c */
    uint32_t completions_active;   /* requests of completions in flight, internal ones included */
    uint32_t completions_internal; /* of these, the reactor's own */
    struct own_poll *own_polls;
    bool own_polls_ended; /* one of them has to be armed again */

    /* timer.c */
    uint32_t timers_armed;
    struct wheel timers;
    struct wheel deadlines;

    /* loop.c */
    bool running;
    uint32_t naps;     /* in a row, because the kernel takes nothing */
    bool looking;      /* the completions of a look have yet to be handled */
    bool look_full;    /* it may not have been all */
    uint32_t looks;    /* in a row */
    uint32_t look_end; /* where in the completion queue those of the look end */
    uint64_t seen_ns;  /* what had happened by then is handled: by this time limits are judged */
    uint64_t turn_ns;  /* of the turn's part up to its wait, where turns are measured */

    /* reactor.c */
    bool finishing;
    bool destroying;
    bool cancelled;     /* whatever is in flight has been, and will be again */
    int32_t references; /* kevy_reactor_ref() less kevy_reactor_unref() */
    struct kevy_reactor_options options;
    void *allocated; /* this, as it was allocated */
    struct kevy_timer finish_timer;
    pthread_t owner;
    pid_t process;
    struct kevy_reactor_stats stats;

    struct signals *signals; /* system/signal.c; NULL until a signal is watched */

    /* task.c */
    struct kevy_task *deferred_first;
    struct kevy_task *deferred_last;

    /* wake.c */
    struct own_poll wake;
    pthread_t caller; /* the owner, or nobody while a foreign loop sleeps */
    /* Written by other threads, so on a line of its own. */
    struct kevy_task *posted __attribute__((aligned(64))); /* newest first */
    uint32_t sleeping;                                     /* 1 while a post has to wake the loop */
    uint32_t stopping;
};

/* A plain system call of the reactor's, <kevy/system.h>. */
#define SYSTEM(reactor, call, ...) \
    ((reactor)->system->call((reactor)->system->context, __VA_ARGS__))

/* A call of those about threads, of whatever has a system. */
#define THREADS(owner, call, ...) \
    ((owner)->system->thread_##call((owner)->system->context, __VA_ARGS__))

static inline uint64_t add_saturated(uint64_t a_ns, uint64_t b_ns)
{
    return b_ns > UINT64_MAX - a_ns ? UINT64_MAX : a_ns + b_ns;
}

/* Of what the reactor's own thread alone may call, and that leaves nothing to do. */
static inline void owner_check(const struct kevy_reactor *reactor)
{
    (void)reactor;
    assert(pthread_equal(reactor->owner, pthread_self()));
}

/* wake.c: the thread that calls is not `caller`. */
void reactor_called(struct kevy_reactor *reactor);

/*
 * Of what the reactor's own thread alone may call, and that may leave a turn something to do: while
 * a foreign loop sleeps, the first such call wakes it. Not for the hot path: a call and a compare.
 */
static inline void thread_check(struct kevy_reactor *reactor)
{
    if (unlikely(!pthread_equal(reactor->caller, pthread_self())))
        reactor_called(reactor);
}

/* A forked child has the thread's name for its own, but none of what is shared with the kernel. A
 * system call, hence not in every turn. */
static inline void process_check(const struct kevy_reactor *reactor)
{
    (void)reactor;
    assert(reactor->process == getpid());
}

#endif /* KEVY_REACTOR_REACTOR_H */
