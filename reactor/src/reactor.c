/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The reactor's life: creation, running, finishing, destruction, and what it tells about itself.
 *
 * Model. Creation acquires ring, pool, wake and memory in that order; destruction ends every object
 * by its own road, cancels what is left, turns until the kernel holds nothing of ours, and only
 * then gives back in reverse.
 *
 * Invariants. No memory that the kernel may write to is freed while a request is in flight. A
 * reactor that was destroyed has called the last callback of every object that it had.
 */
#include "core/reactor.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_explain.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>

#include <errno.h>

#include "core/clock.h"
#include "core/loop.h"
#include "core/object.h"
#include "core/pool.h"
#include "core/submission.h"
#include "core/task.h"
#include "core/timer.h"
#include "kinds.h"
#include "restriction.h"
#include "system/system_internal.h"

#define SQ_ENTRIES_DEFAULT       512U
#define CQ_ENTRIES_DEFAULT       8192U
#define TURN_COMPLETIONS_DEFAULT 1024U
#define BUFFER_SIZE_DEFAULT      4096U
#define BUFFER_COUNT_DEFAULT     1024U
#define ZERO_COPY_DEFAULT        32768U
#define BUFFER_SIZE_MAX          (1U << 30)
#define MEMORY_LIMIT_DEFAULT     ((size_t)64 << 20)
#define BACKLOG_SIZE             (BACKLOG_ENTRIES * sizeof(struct kevy_sqe))
#define REACTOR_SIZE             (sizeof(struct kevy_reactor) + _Alignof(struct kevy_reactor))
#define FINISH_AGAIN_NS          KEVY_MILLISECONDS(10)
/* With too little locked memory the queues are halved this often before giving up. */
#define SHRINK_ROUNDS 3U
/* Enters in a row that fail for good before a ring that is being destroyed counts as lost. */
#define FAILURES_MAX 16U

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

static struct kevy_reactor_options options_complete(const struct kevy_reactor_options *options)
{
    static const struct kevy_reactor_options none = {0};
    struct kevy_reactor_options complete = options != NULL ? *options : none;

    complete.sq_entries = or_default(complete.sq_entries, SQ_ENTRIES_DEFAULT);
    complete.cq_entries = or_default(complete.cq_entries, CQ_ENTRIES_DEFAULT);
    complete.turn_completions = or_default(complete.turn_completions, TURN_COMPLETIONS_DEFAULT);
    complete.buffer_size = or_default(complete.buffer_size, BUFFER_SIZE_DEFAULT);
    complete.buffer_count = or_default(complete.buffer_count, BUFFER_COUNT_DEFAULT);
    complete.zero_copy_minimum = or_default(complete.zero_copy_minimum, ZERO_COPY_DEFAULT);
    if (complete.cq_entries < complete.sq_entries)
        complete.cq_entries = complete.sq_entries;
    if (complete.kernel == KEVY_RING_KERNEL_DEFAULT)
        complete.kernel = KEVY_RING_KERNEL_AUTOMATIC;
    if (complete.memory_limit == 0)
        complete.memory_limit = MEMORY_LIMIT_DEFAULT;
    if (complete.allocator == NULL)
        complete.allocator = &memory_malloc;
    if (complete.system == NULL)
        complete.system = kevy_system_host();
    return complete;
}

/*
 * SINGLE_ISSUER and DEFER_TASKRUN are the floor: with them completions are handled when this thread
 * asks, not when an interrupt does, a third less CPU an echo at 64 connections (reference figure
 * on 6.18).
 *
 * A foreign loop's poll does not ask, and nothing wakes it in good time for what was put off
 * (measured): the ring's descriptor never (6.5 to 7.2), or a grace period of RCU late, 15 ms
 * (6.12.117, 7.3); a registered eventfd as late (6.12.117, 7.1 to 7.3), or once and never again (on
 * 6.12.117 for everything, on 6.11 to 7.0 for what another eventfd woke). So what comes for an
 * embedded reactor is handled on the way out of the system call that this thread is in.
 */
static int ring_open(struct kevy_reactor *reactor, const struct kevy_reactor_options *options,
                     enum kevy_ring_kernel_choice kernel)
{
    struct kevy_ring_options ring_options = {
        .required_flags = KEVY_SETUP_SINGLE_ISSUER |
                          (options->embedded ? KEVY_SETUP_COOP_TASKRUN : KEVY_SETUP_DEFER_TASKRUN),
        .preferred_flags = KEVY_SETUP_TASKRUN_FLAG | KEVY_SETUP_CLAMP,
        .cq_entries = options->cq_entries,
        .registered_wait = true, /* every server has deadlines, so every wait has a limit */
        .kernel = kernel,
        .custom_kernel = options->custom_kernel,
        .shrink_rounds = SHRINK_ROUNDS,
    };
    int error;

    if (options->restricted)
        ring_options.required_flags |= KEVY_SETUP_R_DISABLED;
    error = kevy_ring_init(&reactor->ring, options->sq_entries, &ring_options);
    if (error < 0 || !options->restricted)
        return error;
    error = restriction_apply(&reactor->ring, options);
    return error < 0 ? error : kevy_ring_enable(&reactor->ring);
}

/* All that a kernel may refuse of what the reactor cannot do without. */
static int kernel_open(struct kevy_reactor *reactor, const struct kevy_reactor_options *options,
                       enum kevy_ring_kernel_choice kernel)
{
    int error = ring_open(reactor, options, kernel);

    if (error == 0)
        error = pool_register(reactor, options->buffer_count, options->buffer_size);
    if (error == 0)
        error = receive_try(reactor);
    if (error == 0)
        return 0;
    kevy_buffer_ring_deinit(&reactor->pool);
    kevy_ring_deinit(&reactor->ring);
    reactor->cancels_active = 0; /* a question that was never answered */
    return error;
}

/* What a sandbox, an old kernel, a broken one or a limit answers: no fault of the program. */
static bool io_uring_refused(int error)
{
    return error == -EPERM || error == -EACCES || error == -ENOSYS || error == -EINVAL ||
           error == -EOPNOTSUPP || error == -ENOMEM;
}

/* Set-up alone proves little: Ubuntu's 6.8.0-149 makes a ring and refuses the pool (-EINVAL), and
 * a sandbox may allow some calls and requests and not others. */
static int kernel_choose(struct kevy_reactor *reactor, const struct kevy_reactor_options *options)
{
    int error = kernel_open(reactor, options, options->kernel);
    int result;

    if (options->kernel != KEVY_RING_KERNEL_AUTOMATIC || options->custom_kernel != NULL ||
        kevy_ring_kernel_soft() == NULL || !io_uring_refused(error))
        return error;
    result = kernel_open(reactor, options, KEVY_RING_KERNEL_SOFT);
    if (result == 0)
        reactor->ring.kernel_error = error;
    return result;
}

static int parts_open(struct kevy_reactor *reactor, const struct kevy_reactor_options *options)
{
    int error = options->buffer_size > BUFFER_SIZE_MAX ? -EINVAL : kernel_choose(reactor, options);

    if (error == 0)
        error = pool_open(reactor);
    if (error < 0)
        return error;
    reactor->arena = memory_table(options->allocator, ARENA_SIZE);
    reactor->backlog = memory_table(options->allocator, BACKLOG_SIZE);
    if (reactor->arena == NULL || reactor->backlog == NULL)
        return -ENOMEM;
    return tasks_open(reactor);
}

static void parts_close(struct kevy_reactor *reactor)
{
    const struct kevy_allocator *allocator = reactor->memory.allocator;

    signals_close(reactor);
    tasks_close(reactor);
    pool_close(reactor);
    kevy_ring_deinit(&reactor->ring);
    memory_deinit(&reactor->memory);
    memory_table_free(allocator, reactor->backlog, BACKLOG_SIZE);
    memory_table_free(allocator, reactor->arena, ARENA_SIZE);
    memory_table_free(allocator, reactor->allocated, REACTOR_SIZE);
}

/* A zeroed reactor, aligned to cache lines, which an allocator need not do. */
static struct kevy_reactor *reactor_allocate(const struct kevy_allocator *allocator)
{
    uintptr_t mask = _Alignof(struct kevy_reactor) - 1;
    void *allocated = memory_table(allocator, REACTOR_SIZE);
    struct kevy_reactor *reactor;

    if (allocated == NULL)
        return NULL;
    reactor = (void *)(((uintptr_t)allocated + mask) & ~mask);
    reactor->allocated = allocated;
    return reactor;
}

static void reactor_init(struct kevy_reactor *reactor, const struct kevy_reactor_options *options)
{
    reactor->options = *options;
    reactor->kinds = &kinds_all;
    reactor->system = options->system;
    reactor->pending = &reactor->pending_end;
    waiters_init(&reactor->starved);
    waiters_init(&reactor->in_turn);
    waiters_init(&reactor->descriptor_waiters);
    reactor->wake.fd = -1;
    reactor->owner = pthread_self();
    reactor->caller = reactor->owner;
    reactor->process = getpid();
    memory_init(&reactor->memory, options->allocator, options->buffer_size, options->memory_limit);
    clock_read(reactor);
    wheel_init(&reactor->timers, reactor->now_ns);
    wheel_init(&reactor->deadlines, reactor->now_ns);
}

int kevy_reactor_create(struct kevy_reactor **reactor_out,
                        const struct kevy_reactor_options *options)
{
    struct kevy_reactor_options complete = options_complete(options);
    struct kevy_reactor *reactor = reactor_allocate(complete.allocator);
    int error;

    if (reactor == NULL)
        return -ENOMEM;
    reactor_init(reactor, &complete);
    error = parts_open(reactor, &complete);
    if (error < 0) {
        parts_close(reactor);
        return error;
    }
    reactor->stats.kernel = kevy_ring_kernel_name(&reactor->ring);
    reactor->stats.kernel_error = reactor->ring.kernel_error;
    *reactor_out = reactor;
    return 0;
}

/* Those that are new since the last call, which the list begins with: a hundred thousand take many
 * turns to end. An abort calls nobody back, so the list stays as it is. */
static void objects_abort(struct kevy_reactor *reactor)
{
    for (struct kevy_x_object *object = reactor->objects;
         object != NULL && (object->flags & OBJECT_ABORTED) == 0; object = object->next) {
        assert(object->reactor == reactor && object->state != OBJECT_IDLE);
        object->flags |= OBJECT_ABORTED;
        object_operations(object)->abort(object);
    }
}

static void everything_cancel(struct kevy_reactor *reactor)
{
    struct kevy_sqe *sqe = submission_cancel_sqe(reactor);

    reactor->cancelled = true;
    if (sqe != NULL)
        kevy_prep_cancel(sqe, 0, KEVY_ASYNC_CANCEL_ANY);
}

/* Asks whatever there is to end. Its last callbacks may start something new, of any kind: so this
 * is called before each turn until nothing is left. */
static void everything_end(struct kevy_reactor *reactor)
{
    assert(reactor->destroying);
    timers_forget(reactor);
    objects_abort(reactor);
    if (reactor->objects != NULL)
        reactor->own_polls_ended = true;   /* jobs of the workers come home by the wake */
    else if (reactor->cancels_active == 0) /* one at a time: each is a completion more */
        everything_cancel(reactor);
}

/* Nothing is left that was taken: the other side of all that the parts count. */
static void everything_back(const struct kevy_reactor *reactor)
{
    (void)reactor;
    assert(reactor->stats.objects == 0 && !objects_pending(reactor));
    assert(reactor->completions_active == 0 && reactor->completions_internal == 0);
    assert(reactor->cancels_active == 0 && reactor->backlog_count == 0);
    assert(reactor->starved.count == 0 && reactor->descriptor_waiters.count == 0);
    assert(reactor->timers_armed == 0 && reactor->timers.next_ns == UINT64_MAX);
    assert(reactor->pool.lent_count == 0 && "a kept buffer was not released");
    assert(memory_is_back(&reactor->memory) && "a kept copy was not released");
}

uint32_t kevy_reactor_destroy(struct kevy_reactor *reactor)
{
    uint32_t failures = 0; /* in a row */
    uint32_t left;

    if (reactor == NULL)
        return 0;
    assert(!reactor->running && "a callback must not destroy its reactor");
    owner_check(reactor);
    process_check(reactor);
    left = reactor->stats.objects;
    reactor->destroying = true;
    while (failures < FAILURES_MAX && (reactor->objects != NULL || loop_operations(reactor) != 0)) {
        everything_end(reactor);
        failures = loop_turn(reactor, KEVY_FOREVER) == 0 ? 0 : failures + 1;
    }
    timers_forget(reactor);
    if (failures == 0) /* or the ring is lost, with all that was in flight */
        everything_back(reactor);
    parts_close(reactor);
    return left;
}

static bool stop_requested(struct kevy_reactor *reactor)
{
    if (likely(__atomic_load_n(&reactor->stopping, __ATOMIC_RELAXED) == 0))
        return false;
    __atomic_store_n(&reactor->stopping, 0, __ATOMIC_RELAXED);
    return true;
}

int kevy_reactor_run(struct kevy_reactor *reactor)
{
    assert(!reactor->running && "a callback must not run the loop");
    owner_check(reactor);
    process_check(reactor);
    clock_read(reactor);
    while (loop_alive(reactor)) {
        int error = loop_turn(reactor, KEVY_FOREVER);

        if (error < 0)
            return error;
        if (stop_requested(reactor))
            break;
    }
    return 0;
}

int kevy_reactor_run_once(struct kevy_reactor *reactor, uint64_t timeout_ns)
{
    int error;

    assert(!reactor->running && "a callback must not run the loop");
    owner_check(reactor);
    process_check(reactor);
    clock_read(reactor);
    reactor->single = true;
    error = loop_turn(reactor, timeout_ns);
    reactor->single = false;
    if (error < 0)
        return error;
    return !stop_requested(reactor) && loop_alive(reactor);
}

/* Last callbacks may start something new: what is there after a while meets the same end. */
static void finish_expired(struct kevy_timer *timer)
{
    struct kevy_reactor *reactor = KEVY_CONTAINER_OF(timer, struct kevy_reactor, finish_timer);

    objects_abort(reactor);
    if (reactor->objects == NULL)
        everything_cancel(reactor);
    if (loop_alive(reactor))
        kevy_timer_start(timer, reactor, FINISH_AGAIN_NS, finish_expired);
}

void kevy_reactor_finish(struct kevy_reactor *reactor, uint64_t timeout_ns)
{
    struct kevy_timer *timer = &reactor->finish_timer;
    uint64_t deadline_ns = add_saturated(clock_now(reactor), timeout_ns);

    thread_check(reactor);
    if (!reactor->finishing) {
        reactor->finishing = true;
        objects_finish(reactor);
    }
    if (timeout_ns == KEVY_FOREVER)
        return;
    if (!kevy_timer_armed(timer) || deadline_ns < timer->node.deadline_ns)
        kevy_timer_start(timer, reactor, timeout_ns, finish_expired);
}

void kevy_reactor_ref(struct kevy_reactor *reactor)
{
    thread_check(reactor);
    assert(reactor->references < INT32_MAX);
    reactor->references++;
}

void kevy_reactor_unref(struct kevy_reactor *reactor)
{
    thread_check(reactor);
    assert(reactor->references > INT32_MIN);
    reactor->references--;
}

int kevy_reactor_fd(struct kevy_reactor *reactor)
{
    owner_check(reactor);
    assert(reactor->options.embedded && "a reactor to be embedded is created with that option");
    return reactor->ring.fd;
}

bool kevy_reactor_finishing(const struct kevy_reactor *reactor)
{
    return reactor->finishing || reactor->destroying;
}

uint64_t kevy_reactor_now(const struct kevy_reactor *reactor)
{
    return reactor->now_ns;
}

void *kevy_reactor_context(const struct kevy_reactor *reactor)
{
    return reactor->options.context;
}

void kevy_reactor_set_context(struct kevy_reactor *reactor, void *context)
{
    thread_check(reactor);
    reactor->options.context = context;
}

void kevy_reactor_for_each_object(struct kevy_reactor *reactor, kevy_reactor_visit visit,
                                  void *context)
{
    struct kevy_x_object *object = reactor->objects;

    owner_check(reactor);
    assert(visit != NULL);
    while (object != NULL) {
        struct kevy_x_object *next = object->next;

        visit(object_operations(object)->name, object, context);
        object = next;
    }
}

void kevy_reactor_stats(const struct kevy_reactor *reactor, struct kevy_reactor_stats *stats)
{
    owner_check(reactor);
    *stats = reactor->stats;
    stats->operations = loop_operations(reactor) - reactor->completions_internal;
    stats->overflows = reactor->ring.overflows;
    stats->memory = reactor->memory.used;
    stats->memory_peak = reactor->memory.peak;
    stats->memory_failures = reactor->memory.failures;
    stats->buffers_lent = reactor->pool.lent_count;
}

int kevy_reactor_explain_kernel(const struct kevy_reactor *reactor, char *text, size_t size)
{
    return kevy_ring_explain_kernel(&reactor->ring, text, size);
}

#endif /* KEVY_RING_SUPPORTED */
