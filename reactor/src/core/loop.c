/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The loop: one turn.
 *
 * Model. flush -> wait -> complete -> timers -> tasks, as <kevy/reactor.h> describes. One enter a
 * turn submits what the flush wrote and waits; submission.c has those in between, for a flush that
 * writes more than the queue holds. The wait is limited by the earliest of the two wheels and the
 * caller, and does not sleep at all while something is left to do.
 *
 * What has happened comes before what is late. After a pause of the loop (a slow callback, SIGSTOP,
 * a machine that stood still) limits have passed whose events are in the kernel, and an enter of a
 * DEFER_TASKRUN ring brings only about 20 of them (6.12). So before anything is judged late, the
 * loop catches up: one enter runs all that the kernel has put off, and limits are judged by the
 * time of that enter, once its completions have been handled, in this turn or a later one, and what
 * had been posted by then has run.
 *
 * Invariants. The slots of a batch of completions are given back when all of them have been
 * handled, so a handler may submit. Nothing spins: a turn that the kernel refused, and that has no
 * completions, naps.
 */
#include "core/loop.h"

#if KEVY_RING_SUPPORTED

#include "core/clock.h"
#include "core/completion.h"
#include "core/object.h"
#include "core/pressure.h"
#include "core/reader.h"
#include "core/submission.h"
#include "core/task.h"
#include "core/timer.h"
#include "core/wake.h"

/* The first nap of a refused loop, and how often the next ones double. */
#define REFUSED_NAP_NS KEVY_MILLISECONDS(1)
#define NAP_DOUBLINGS  4U
/* Looks in a row that filled the whole completion queue, so that there may be more. */
#define LOOKS_MAX 16U

static void flush(struct kevy_reactor *reactor)
{
    assert(!reactor->flushing);
    reactor->flushing = true;
    if (unlikely(reactor->own_polls_ended))
        own_polls_arm(reactor);
    if (unlikely(reactor->finish_waits))
        objects_finish_rest(reactor);
    if (unlikely(reactor->memory.pressed))
        pressure_relieve(reactor);
    if (unlikely(reactor->backlog_count != 0))
        submission_backlog_move(reactor);
    reactor->feeding = reactor->starved.count != 0;
    if (unlikely(reactor->feeding))
        readers_feed(reactor);
    if (objects_pending(reactor))
        object_flush_all(reactor);
    if (unlikely(reactor->in_turn.count != 0))
        readers_take_turns(reactor);
    reactor->flushing = false;
}

/* True when the turn has something to do whatever the kernel reports. */
static bool work_left(const struct kevy_reactor *reactor)
{
    return objects_pending(reactor) || reactor->told_in_flush || reactor->deferred_first != NULL ||
           readers_can_feed(reactor) || reactor->in_turn.count != 0 ||
           reactor->backlog_count != 0 || reactor->own_polls_ended ||
           kevy_ring_ready(&reactor->ring) != 0;
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Announces that the loop will sleep; false when somebody has posted meanwhile. */
static bool sleep_begin(struct kevy_reactor *reactor)
{
    wake_expect(reactor);
    return !tasks_waiting(reactor);
}

/* Leaves `wait` as it is, to return at once, or makes it sleep until the first deadline. */
static void wait_prepare(struct kevy_reactor *reactor, uint64_t limit_ns,
                         struct kevy_ring_wait *wait)
{
    uint64_t deadline_ns = earliest(reactor->timers.next_ns, reactor->deadlines.next_ns);
    uint64_t now_ns = reactor->now_ns;

    assert(wait->minimum == 0 && wait->timeout_ns == KEVY_FOREVER);
    if (work_left(reactor) || limit_ns == 0 || deadline_ns <= now_ns)
        return;
    if (!sleep_begin(reactor))
        return;
    wait->minimum = 1;
    if (deadline_ns != UINT64_MAX)
        limit_ns = earliest(limit_ns, deadline_ns - now_ns);
    if (limit_ns == KEVY_FOREVER)
        return;
    wait->timeout_ns = limit_ns;
    /* An absolute limit (6.12) is not stretched by what the turn took since it read the clock. */
    if (reactor->ring.features & KEVY_FEAT_MIN_TIMEOUT) {
        wait->timeout_ns = add_saturated(now_ns, limit_ns);
        wait->flags = KEVY_RING_WAIT_ABSOLUTE;
    }
}

uint64_t kevy_reactor_next_timeout(struct kevy_reactor *reactor)
{
    uint64_t deadline_ns = earliest(reactor->timers.next_ns, reactor->deadlines.next_ns);

    assert(!reactor->running && "a callback must not ask for how long to sleep");
    owner_check(reactor);
    submission_publish(reactor);
    if (kevy_ring_space(&reactor->ring) != reactor->ring.sq_entries ||
        kevy_ring_wants_enter(&reactor->ring))
        submission_flush(reactor);
    clock_read(reactor);
    if (work_left(reactor) || reactor->refused || kevy_ring_wants_enter(&reactor->ring))
        return 0;
    if (!sleep_begin(reactor) || deadline_ns <= reactor->now_ns)
        return 0;
    if (reactor->options.embedded)
        reactor->caller = (pthread_t)0;
    return deadline_ns == UINT64_MAX ? KEVY_FOREVER : deadline_ns - reactor->now_ns;
}

/* The kernel takes nothing and brings nothing. The longer this lasts the less often it is asked. */
static rare void refused_nap(struct kevy_reactor *reactor)
{
    SYSTEM(reactor, sleep_ns, REFUSED_NAP_NS << reactor->naps);
    if (reactor->naps < NAP_DOUBLINGS)
        reactor->naps++;
}

static int wait(struct kevy_reactor *reactor, uint64_t limit_ns)
{
    struct kevy_ring_wait wait = {.timeout_ns = KEVY_FOREVER};
    int result;

    wait_prepare(reactor, limit_ns, &wait);
    result = submission_wait(reactor, &wait);
    wake_expect_no_more(reactor);
    reactor->told_in_flush = false;
    if (unlikely(reactor->refused) && kevy_ring_ready(&reactor->ring) == 0)
        refused_nap(reactor);
    else if (unlikely(reactor->naps != 0))
        reactor->naps = 0;
    return result;
}

uint32_t loop_operations(const struct kevy_reactor *reactor)
{
    uint32_t count = reactor->completions_active + reactor->cancels_active;

    for (const struct kevy_x_object *object = reactor->objects; object != NULL;
         object = object->next)
        count += object->in_flight;
    return count;
}

static rare void trace(struct kevy_reactor *reactor, const struct kevy_cqe *cqe)
{
    const struct kevy_trace told = {
        .operation = reactor->kinds->operation_names[cqe->user_data & OPERATION_MASK],
        .owner = (void *)(uintptr_t)(cqe->user_data & ~(uint64_t)OPERATION_MASK),
        .result = cqe->res,
        .flags = cqe->flags,
    };

    reactor->options.trace(reactor, &told, reactor->options.context);
}

/* The loop over a run; `traced` is a constant, so that the usual one has no trace of it. */
static inline void run_handle(struct kevy_reactor *reactor, const struct kevy_cqe *cqe,
                              uint32_t count, bool traced)
{
    const operation_handler *handlers = reactor->kinds->handlers;
    const struct kevy_cqe *end = cqe + count;

    for (; cqe != end; cqe++) {
        uint64_t operation = cqe->user_data & OPERATION_MASK;
        /* Two instructions less than masking once more. */
        void *owner = (void *)(uintptr_t)(cqe->user_data - operation);

        if (traced)
            trace(reactor, cqe);
        handlers[operation](reactor, owner, cqe->res, cqe->flags);
    }
}

/*
 * A bounded batch. Its slots are given back after the last handler: a handler may enter meanwhile,
 * and what then completes finds the rest of the queue, or overflows into the kernel's list, which
 * the next wait flushes.
 */
static uint32_t complete(struct kevy_reactor *reactor, uint32_t left)
{
    struct kevy_ring *ring = &reactor->ring;
    uint32_t limit = left;
    const struct kevy_cqe *first;
    uint32_t count;

    while (left > 0) {
        first = kevy_ring_peek_span(ring, left, &count);
        if (count == 0)
            break;
        if (likely(reactor->options.trace == NULL))
            run_handle(reactor, first, count, false);
        else
            run_handle(reactor, first, count, true);
        kevy_ring_advance(ring, count);
        assert(count <= left);
        left -= count;
    }
    reactor->stats.completions += limit - left;
    if (reactor->pool.lent_count > reactor->stats.buffers_lent_peak)
        reactor->stats.buffers_lent_peak = reactor->pool.lent_count;
    kevy_ring_release(ring);
    reactor->refused = false; /* what refused may have found room */
    return left;
}

/*
 * Asks the kernel for all that has happened. A minimum of the whole queue makes it run all the work
 * it has put off for this ring, and a time limit of 0 makes it return all the same.
 */
static void look(struct kevy_reactor *reactor)
{
    struct kevy_ring_wait wait = {.minimum = reactor->ring.cq_entries, .timeout_ns = 0};

    reactor->looking = true;
    reactor->looks++;
    reactor->seen_ns = reactor->now_ns;
    /* An error shows again in the turn's own enter. */
    (void)submission_wait(reactor, &wait);
    reactor->look_end = reactor->ring.cqe_head + kevy_ring_ready(&reactor->ring);
    reactor->look_full = kevy_ring_ready(&reactor->ring) >= reactor->ring.cq_entries ||
                         kevy_ring_overflowed(&reactor->ring);
}

/* True once everything that had happened by seen_ns has been handled; `left` completions may be
 * handled for that in this turn. */
static rare bool caught_up(struct kevy_reactor *reactor, uint32_t left)
{
    if (!reactor->looking) {
        look(reactor);
        (void)complete(reactor, left);
    }
    if ((int32_t)(reactor->ring.cqe_head - reactor->look_end) < 0)
        return false;
    reactor->looking = false;
    if (reactor->look_full && reactor->looks < LOOKS_MAX)
        return false;
    reactor->looks = 0;
    return true;
}

/* What the tasks that come first defer is put aside: it belongs to the next turn. */
static rare void limits_judge(struct kevy_reactor *reactor)
{
    struct task_list aside;

    tasks_run_due(reactor);
    aside = tasks_put_aside(reactor);
    timers_run(reactor);
    tasks_run_due(reactor);
    tasks_put_back(reactor, &aside);
}

/* A turn is measured in two parts: up to its wait, and from there on. */
static rare void turn_measure(struct kevy_reactor *reactor, uint64_t first_ns)
{
    uint64_t began_ns = reactor->now_ns;

    clock_read(reactor);
    reactor->turn_ns = first_ns + reactor->now_ns - began_ns;
    if (reactor->turn_ns > reactor->stats.turn_longest_ns)
        reactor->stats.turn_longest_ns = reactor->turn_ns;
}

int loop_turn(struct kevy_reactor *reactor, uint64_t limit_ns)
{
    uint32_t left = reactor->options.turn_completions;
    int result;

    assert(!reactor->running);
    reactor->running = true;
    reactor->caller = reactor->owner;
    reactor->stats.turns++;
    PROBE(turn, reactor->stats.turns);
    flush(reactor);
    if (unlikely(reactor->options.before_wait != NULL))
        reactor->options.before_wait(reactor, reactor->options.context);
    if (unlikely(reactor->options.measure_turns))
        turn_measure(reactor, 0);
    result = wait(reactor, limit_ns);
    if (result == 0) {
        clock_read(reactor);
        PROBE(woken, kevy_ring_ready(&reactor->ring));
        if (unlikely(reactor->options.after_wait != NULL))
            reactor->options.after_wait(reactor, reactor->options.context);
        left = complete(reactor, left);
        if (likely(!reactor->destroying)) {
            if (unlikely(timers_waiting(reactor)) && caught_up(reactor, left))
                limits_judge(reactor);
            else if (unlikely(tasks_waiting(reactor)))
                tasks_run_due(reactor);
        } else {
            tasks_run_own(reactor);
        }
    }
    if (unlikely(reactor->options.measure_turns))
        turn_measure(reactor, reactor->turn_ns);
    reactor->running = false;
    return result;
}

/*
 * What there is to wait for. A reactor that finishes waits for no timer, which alone ends nothing,
 * and no longer minds what kevy_reactor_unref() was called for: a timer, or a listener that is
 * closed by then.
 */
static int64_t reasons(const struct kevy_reactor *reactor)
{
    int64_t count = (int64_t)reactor->stats.objects + reactor->completions_active -
                    reactor->completions_internal;

    assert(reactor->completions_active >= reactor->completions_internal);
    if (reactor->finishing)
        return reactor->references > 0 ? count + reactor->references : count;
    return count + reactor->timers_armed + reactor->references;
}

bool loop_alive(const struct kevy_reactor *reactor)
{
    if (likely(reactor->objects != NULL && reactor->references == 0))
        return true;
    return reasons(reactor) > 0 || tasks_waiting(reactor);
}

#endif /* KEVY_RING_SUPPORTED */
