/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What the files of reactor/src share: the reactor itself and how its parts reach each other.
 *
 * Model. A request's user_data is the address of the object that made it, with the kind of request
 * in the three low bits, so that a completion finds its handler in one table look-up and no search.
 * That is safe because an object is PINNED until its in_flight count is zero: no address is reused
 * while a completion may still name it.
 *
 * Objects with something to do hang in one list, the pending list; the flush of each turn empties
 * it. An object that finds the submission queue refused by the kernel simply stays in the list.
 */
#ifndef KEVY_REACTOR_INTERNAL_H
#define KEVY_REACTOR_INTERNAL_H

#include "names.h"

#include <kevy/buffer_ring.h>
#include <kevy/child.h>
#include <kevy/completion.h>
#include <kevy/connector.h>
#include <kevy/datagram.h>
#include <kevy/file.h>
#include <kevy/listener.h>
#include <kevy/reactor.h>
#include <kevy/recv_pool.h>
#include <kevy/resolver.h>
#include <kevy/ring.h>
#include <kevy/ring_prep.h>
#include <kevy/signal.h>
#include <kevy/stream.h>
#include <kevy/task.h>
#include <kevy/timer.h>
#include <kevy/work.h>

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "memory.h"
#include "probes.h"
#include "wheel.h"

#define likely(condition)   __builtin_expect(!!(condition), 1)
#define unlikely(condition) __builtin_expect(!!(condition), 0)

/* Kept out of its caller, so that the caller's usual way saves no registers for it. */
#define rare __attribute__((noinline))

/* The kind of a request, in the low bits of its user_data. */
enum operation {
    OPERATION_COMPLETION, /* owner: a completion */
    OPERATION_RECV,       /* a stream */
    OPERATION_SEND,       /* a stream */
    OPERATION_CONNECT,    /* a stream */
    OPERATION_ACCEPT,     /* a listener */
    OPERATION_CLOSE,      /* any object: its descriptor is gone */
    OPERATION_CANCEL, /* the reactor: the result says nothing, the victim's own completion does */
    OPERATION_ZERO_COPY, /* a write, which outlives the queue entries that name it */
    OPERATION_COUNT,
};

#define OPERATION_MASK 7U
_Static_assert(OPERATION_COUNT <= OPERATION_MASK + 1, "the kinds fit into the low bits");
_Static_assert(_Alignof(struct kevy_x_object) > OPERATION_MASK &&
                   _Alignof(struct kevy_completion) > OPERATION_MASK &&
                   _Alignof(struct kevy_send) > OPERATION_MASK,
               "which are zero in every owner's address");

/* The kinds of objects; each has a row in the table of object.c. */
enum object_kind {
    KIND_STREAM,
    KIND_LISTENER,
    KIND_WORK,
    KIND_LOOKUP,
    KIND_CONNECT,
    KIND_CHILD,
    KIND_DATAGRAM,
    KIND_FILE,
    KIND_COUNT,
};

/* For kevy_x_object.flags, of every kind; the kinds' own flags use the bits below. */
#define OBJECT_FINISH  (1U << 31) /* the reactor drains and the object has yet to be told */
#define OBJECT_ABORTED (1U << 30) /* by the reactor, as were all that are older */

#define BACKLOG_ENTRIES 256U
#define ARENA_SIZE      65536U

struct kevy_reactor {
    struct kevy_ring ring;
    struct kevy_buffer_ring pool;
    struct kevy_x_block *pool_blocks; /* one for each buffer of the pool, by id */
    struct memory memory;

    uint64_t now_ns;
    uint64_t turn_ns;              /* of the turn's part up to its wait, where turns are measured */
    struct kevy_x_object *pending; /* newest first, ended by pending_end */
    struct kevy_x_object pending_end;        /* so that being in the list shows in pending_next */
    struct kevy_stream *starved_first;       /* waiting for buffers, oldest first */
    struct kevy_stream **starved_end;        /* what points at the next to come */
    struct kevy_datagram *starved_datagrams; /* the same, for datagram sockets */
    uint32_t starved_count;                  /* of both */
    bool datagrams_first;                    /* whose turn it was to be fed first */
    bool feeding;   /* somebody was starved when the flush began: what it arms stands behind them */
    uint8_t *arena; /* message headers and addresses, until they have been submitted */
    uint32_t arena_used;     /* bytes */
    uint32_t pool_half;      /* buffers that may be out before keeping means copying */
    uint32_t pool_published; /* the pool's tail as the kernel knows it */
    uint32_t run_bytes;      /* where a stream's recv ends, to be armed again; 0: nowhere */
    uint32_t run_buffers;    /* that it fills in one go */
    uint16_t run_flags;      /* KEVY_RECVSEND_BUNDLE, or 0 */
    bool refused;            /* the kernel took nothing in the last enter, and nothing was reaped */
    bool running;
    bool draining;
    bool destroying;
    bool cancelled;       /* whatever is in flight has been, and will be again */
    bool own_polls_ended; /* the wake's or the signals' poll has to be armed again */

    int32_t references; /* kevy_reactor_ref() less kevy_reactor_unref() */
    struct kevy_reactor_options options;
    void *allocated; /* this, as it was allocated */

    struct kevy_x_object *objects;   /* every live one, newest first */
    struct kevy_listener *listeners; /* every live one */
    uint32_t listeners_stalled;      /* of these, stopped for lack of descriptors or memory */
    uint32_t timers_armed;
    uint32_t completions_active;   /* requests of completions in flight, internal ones included */
    uint32_t completions_internal; /* of these, the reactor's own */
    uint32_t cancels_active;
    struct kevy_timer drain_timer;
    struct wheel timers;
    struct wheel deadlines;

    struct kevy_task *deferred_first;
    struct kevy_task *deferred_last;
    struct kevy_task nudge;   /* does nothing, and keeps a turn from sleeping */
    struct kevy_sqe *backlog; /* slots given out while the kernel took nothing */
    uint32_t backlog_count;
    int wake_fd;
    struct kevy_completion wake;
    int signal_fd;
    int embed_fd; /* what a foreign loop polls */
    struct kevy_completion signal_ready;
    struct kevy_signal *signals;
    struct kevy_task signals_more; /* reads on in the next turn; `run` is set while it is queued */
    uint32_t signal_round;
    sigset_t signals_watched;
    sigset_t signals_blocked_before;
    pthread_t owner;
    pid_t process;
    struct kevy_reactor_stats stats;

    /* Written by other threads, so on a line of its own. */
    struct kevy_task *posted __attribute__((aligned(64))); /* newest first */
    uint32_t sleeping;                                     /* 1 while a post has to wake the loop */
    uint32_t stopping;
};

static inline uint64_t add_saturated(uint64_t a_ns, uint64_t b_ns)
{
    return b_ns > UINT64_MAX - a_ns ? UINT64_MAX : a_ns + b_ns;
}

/* Of what the reactor's own thread alone may call. Not for the hot path: a call and a compare. */
static inline void thread_check(const struct kevy_reactor *reactor)
{
    (void)reactor;
    assert(pthread_equal(reactor->owner, pthread_self()));
}

/* A forked child has the thread's name for its own, but none of what is shared with the kernel. A
 * system call, hence not in every turn. */
static inline void process_check(const struct kevy_reactor *reactor)
{
    (void)reactor;
    assert(reactor->process == getpid());
}

static inline uint64_t user_data_make(const void *owner, enum operation operation)
{
    return (uint64_t)(uintptr_t)owner | (uint64_t)operation;
}

/* submission.c: the submission queue. */

/* Submits without waiting, to make room. The slot asked for again, or NULL when the kernel takes
 * nothing, which it is asked once a flush. */
struct kevy_sqe *reactor_sqe_full(struct kevy_reactor *reactor, uint64_t user_data);

/*
 * A slot for a request of `operation` made by `owner`, or NULL when the kernel takes nothing at the
 * moment: pend the object and try again in the next flush.
 */
static inline struct kevy_sqe *reactor_sqe(struct kevy_reactor *reactor, const void *owner,
                                           enum operation operation)
{
    uint64_t user_data = user_data_make(owner, operation);
    struct kevy_sqe *sqe = kevy_ring_sqe(&reactor->ring, user_data);

    if (unlikely(sqe == NULL))
        return reactor_sqe_full(reactor, user_data);
    return sqe;
}

/* A slot for a request that cancels others, or NULL as above. */
struct kevy_sqe *reactor_cancel_sqe(struct kevy_reactor *reactor);

/*
 * `size` bytes that stay put until the request reserved next has been submitted, or NULL as above.
 * A slot for that request is there.
 */
void *reactor_arena(struct kevy_reactor *reactor, size_t size);

/* Submits what the queue holds, without waiting. */
void submission_flush(struct kevy_reactor *reactor);

/* Books the outcome of an enter. Returns 0, or the errno that ends the loop. */
int submission_book(struct kevy_reactor *reactor, int result, uint32_t submitted);

/* Moves slots that completions took while the kernel refused everything into the queue, in the
 * order in which they were taken. */
void submission_backlog(struct kevy_reactor *reactor);

/* loop.c: turns and waiting. */

/* Requests that the kernel has not finished, of objects, completions and cancels. */
uint32_t reactor_operations(const struct kevy_reactor *reactor);

/* One turn that waits `limit_ns` at most. Returns 0 or a negative errno. */
int reactor_turn(struct kevy_reactor *reactor, uint64_t limit_ns);

/* True while there is something to wait for. */
bool reactor_alive(const struct kevy_reactor *reactor);

/* Reads the clock. */
void reactor_clock(struct kevy_reactor *reactor);

/* The time of the turn within one; between turns, when that is as old as the last turn, the real
 * time. */
static inline uint64_t clock_now(struct kevy_reactor *reactor)
{
    if (unlikely(!reactor->running))
        reactor_clock(reactor);
    return reactor->now_ns;
}

/* object.c: the list of live objects and the list of pending ones. */

void object_link(struct kevy_x_object *object, struct kevy_reactor *reactor, enum object_kind kind);
void object_unlink(struct kevy_x_object *object);

/* As object_unlink(), from a flush: the turn must not sleep for what was alive before it. */
void object_unlink_flushed(struct kevy_x_object *object);
const char *object_kind_name(const struct kevy_x_object *object);
void object_abort(struct kevy_x_object *object);
void object_flush_all(struct kevy_reactor *reactor);
void object_closed(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);

static inline bool objects_pending(const struct kevy_reactor *reactor)
{
    return reactor->pending != &reactor->pending_end;
}

/* Makes the object's flush come, at the end of this turn. */
static inline void object_pend(struct kevy_x_object *object)
{
    thread_check(object->reactor);
    if (object->pending_next != NULL)
        return;
    object->pending_next = object->reactor->pending;
    object->reactor->pending = object;
}

/* recv_pool.c: buffers and starvation. */

int pool_open(struct kevy_reactor *reactor, uint32_t count, uint32_t size);
void pool_close(struct kevy_reactor *reactor);

/* Makes what was given back visible to the kernel. */
void pool_publish(struct kevy_reactor *reactor);
void pool_starve(struct kevy_stream *stream);
void pool_forget(struct kevy_stream *stream);
void pool_starve_datagram(struct kevy_datagram *datagram);
void pool_forget_datagram(struct kevy_datagram *datagram);
void pool_feed(struct kevy_reactor *reactor);
bool pool_can_feed(const struct kevy_reactor *reactor);

/* The same bytes in heap memory, with one reference, or NULL at the limit. */
struct kevy_x_block *block_copy(struct kevy_reactor *reactor, const void *data, uint32_t length);

static inline void block_release(struct kevy_reactor *reactor, struct kevy_x_block *block)
{
    assert(block->refs > 0);
    if (block->refs != 1) {
        block->refs--;
    } else if (block->capacity == 0) {
        block->own.data = block->data; /* a send may have moved it */
        kevy_buffer_ring_give_at(&reactor->pool, block->id, block->data);
    } else {
        block_give(&reactor->memory, block);
    }
}

/* The buffer that a completion with KEVY_CQE_F_BUFFER names, with one reference. */
static inline struct kevy_x_block *pool_take(struct kevy_reactor *reactor, uint16_t id)
{
    (void)kevy_buffer_ring_take(&reactor->pool, id);
    return &reactor->pool_blocks[id];
}

/* True when so much of the pool is out that what is kept longer has to be copied. */
static inline bool pool_low(const struct kevy_reactor *reactor)
{
    return reactor->pool.lent_count > reactor->pool_half;
}

/* stream*.c, listener.c, completion.c, signal.c, task.c: handlers and rows of the tables. */

typedef void (*operation_handler)(struct kevy_reactor *reactor, void *owner, int result,
                                  uint32_t flags);

/*
 * True for how a request may end that has been cancelled. One that a worker thread runs is
 * interrupted, and ends with what its system call then says: -EINTR, -EAGAIN (a read of a pipe on
 * 6.1), or the kernel's own ERESTARTSYS, which has no name outside (a splice on 6.18).
 */
static inline bool ended_by_cancel(int result)
{
    return result == -ECANCELED || result == -EINTR || result == -EAGAIN || result == -512;
}

void completion_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void stream_recv_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void stream_send_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void stream_zero_copy_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void stream_connect_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void stream_flush(struct kevy_x_object *object);
void stream_object_abort(struct kevy_x_object *object);
void stream_object_closed(struct kevy_x_object *object);
void stream_deadline_due(struct kevy_stream *stream);
void stream_accepted(struct kevy_stream *stream, struct kevy_listener *listener, int fd,
                     bool local);

void listener_accept_done(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags);
void listener_flush(struct kevy_x_object *object);
void listener_object_closed(struct kevy_x_object *object);
void listener_object_abort(struct kevy_x_object *object);
void listener_connection_gone(struct kevy_listener *listener);
void listeners_descriptor_free(struct kevy_reactor *reactor);

void datagram_flush(struct kevy_x_object *object);
void datagram_object_abort(struct kevy_x_object *object);
void datagram_object_closed(struct kevy_x_object *object);

void file_flush(struct kevy_x_object *object);
void file_object_abort(struct kevy_x_object *object);
void file_object_closed(struct kevy_x_object *object);

void timers_run(struct kevy_reactor *reactor);

/* True when a wheel may have something due. */
static inline bool timers_waiting(const struct kevy_reactor *reactor)
{
    return reactor->now_ns >= reactor->timers.next_ns ||
           reactor->now_ns >= reactor->deadlines.next_ns;
}

void timers_forget(struct kevy_reactor *reactor);
int tasks_open(struct kevy_reactor *reactor);
void tasks_close(struct kevy_reactor *reactor);
void tasks_run_due(struct kevy_reactor *reactor);

/* Runs what the library itself has posted, and forgets the rest: the reactor is being destroyed. */
void tasks_run_own(struct kevy_reactor *reactor);

/* True when tasks, or a wish to stop, wait for this turn. */
static inline bool tasks_waiting(const struct kevy_reactor *reactor)
{
    return reactor->deferred_first != NULL ||
           __atomic_load_n(&reactor->posted, __ATOMIC_RELAXED) != NULL ||
           __atomic_load_n(&reactor->stopping, __ATOMIC_RELAXED) != 0;
}

void signals_close(struct kevy_reactor *reactor);

/* workers.c: the task by which a job comes home. */
void job_delivered(struct kevy_task *task, struct kevy_reactor *reactor);

/* work.c, resolver.c, connect.c, child.c: their rows of the table. */

void work_flush(struct kevy_x_object *object);
void work_object_abort(struct kevy_x_object *object);
void lookup_flush(struct kevy_x_object *object);
void lookup_object_abort(struct kevy_x_object *object);
void connect_flush(struct kevy_x_object *object);
void connect_object_abort(struct kevy_x_object *object);
void child_flush(struct kevy_x_object *object);
void child_object_abort(struct kevy_x_object *object);

/* The negative errno for a result of getaddrinfo(3); `system_error` is that of EAI_SYSTEM. */
int resolver_error(int code, int system_error);

/* As kevy_child_watch(), with or without the ring's own waitid. */
int child_start(struct kevy_child *child, struct kevy_reactor *reactor, pid_t pid,
                kevy_child_done done, bool by_poll);

/* Counts a completion as the reactor's own: it does not keep the loop running. */
int completion_internal_poll(struct kevy_completion *completion, int fd);

#endif /* KEVY_REACTOR_INTERNAL_H */
