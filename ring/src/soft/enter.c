/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * io_uring_enter: submit, work, wait.
 *
 * Model. An enter submits first. With KEVY_ENTER_GETEVENTS it then works off what is ready, and
 * asks epoll for news until there are as many completions as wanted: without sleeping while there
 * is something to do, then for as long as the time limit allows.
 *
 * If the submit alone brought enough completions, and nothing was received in it, epoll is not
 * asked. That is so HARVESTS_SKIPPED_MAX times in a row, or those who send without end would keep
 * all others from being heard.
 *
 * A time limit that is over ends a wait only when epoll has told everything: it tells EVENTS_ROOM
 * pieces of news at a time, and who waits for more completions than that, as a reactor does before
 * it judges what is late, wants all that has happened by then.
 *
 * Invariants. The count of what was submitted hides how the wait ended. -ETIME and -EINTR are
 * answers only while the CQ is empty. A time-out that fires ends the wait, whatever it is for.
 */
#include "registration.h"

#if KEVY_RING_SUPPORTED

#include <time.h>

#define NS_PER_SECOND        1000000000U
#define NS_PER_MICROSECOND   1000U
#define HARVESTS_SKIPPED_MAX 4U
#define LEAVING_ROUNDS       4U /* of a flood */
/* Rounds past the time limit: they bring as much news as the largest CQ has entries. */
#define LATE_ROUNDS_MAX (KEVY_MAX_CQ_ENTRIES / EVENTS_ROOM)

/* What a wait waits for. */
struct wait {
    uint32_t minimum;
    uint64_t deadline_ns; /* on CLOCK_MONOTONIC; UINT64_MAX: none */
    uint64_t settle_ns;   /* from then on one completion is enough; UINT64_MAX: never */
    uint32_t late_rounds; /* that were full, past the deadline */
    const void *mask;
    size_t mask_size;
};

static uint64_t now(const struct soft *soft)
{
    return soft->os->now_ns(soft->os, CLOCK_MONOTONIC);
}

static uint64_t sum(uint64_t a_ns, uint64_t b_ns)
{
    return b_ns > UINT64_MAX - a_ns ? UINT64_MAX : a_ns + b_ns;
}

static uint64_t earliest(uint64_t a_ns, uint64_t b_ns)
{
    return a_ns < b_ns ? a_ns : b_ns;
}

/* The instant of CLOCK_MONOTONIC that `time` names: whatever is negative is over, and what is too
 * much for a clock never comes. */
static uint64_t deadline_read(const struct soft *soft, const struct kevy_timespec *time,
                              uint32_t flags)
{
    uint64_t instant_ns, clock_ns;

    if (time->tv_sec < 0 || time->tv_nsec < 0)
        return 0;
    if (time->tv_sec > INT64_MAX / (2 * (int64_t)NS_PER_SECOND))
        return UINT64_MAX;
    instant_ns = (uint64_t)time->tv_sec * NS_PER_SECOND + (uint64_t)time->tv_nsec;
    if ((flags & KEVY_ENTER_ABS_TIMER) == 0)
        return instant_ns != 0 ? sum(now(soft), instant_ns) : 0;
    if (soft->clock == CLOCK_MONOTONIC)
        return instant_ns;
    clock_ns = soft->os->now_ns(soft->os, soft->clock);
    return instant_ns > clock_ns ? sum(now(soft), instant_ns - clock_ns) : 0;
}

/* Reads the argument of an enter with KEVY_ENTER_EXT_ARG. */
static int argument_read(struct soft *soft, const struct kevy_getevents_arg *argument, size_t size,
                         uint32_t flags, struct wait *wait)
{
    const struct kevy_timespec *time;

    if (size != sizeof *argument)
        return -EINVAL;
    wait->mask = sqe_pointer(argument->sigmask);
    wait->mask_size = argument->sigmask_sz;
    if (argument->min_wait_usec != 0)
        wait->settle_ns = sum(now(soft), (uint64_t)argument->min_wait_usec * NS_PER_MICROSECOND);
    time = sqe_pointer(argument->ts);
    if (time != NULL)
        wait->deadline_ns = deadline_read(soft, time, flags);
    return 0;
}

/* Everything that can be done without asking epoll. */
static void work(struct soft *soft)
{
    if (unlikely(soft->overflow.count != 0))
        cq_overflow_flush(soft);
    if (unlikely(soft->messages != NULL))
        messages_take(soft);
    timers_run(soft);
    ready_run(soft);
}

/* Asks epoll without sleeping. Not every time where there are completions already and they came
 * cheap: the next enter will, and finds more. */
static void look_round(struct soft *soft, bool skippable)
{
    if (skippable && soft->received == 0 && soft->harvests_skipped < HARVESTS_SKIPPED_MAX) {
        soft->harvests_skipped++;
        return;
    }
    soft->harvests_skipped = 0;
    if (harvest(soft, 0, NULL, 0) > 0)
        work(soft);
}

/* True when the wait is over without an error. */
static bool enough(const struct soft *soft, const struct wait *wait)
{
    return cq_ready(soft) >= wait->minimum || soft->timed_out;
}

/* True when epoll, which has told `count` pieces of news, has more that had happened in time. */
static bool more_in_time(const struct soft *soft, struct wait *wait, int count)
{
    if (count < (int)EVENTS_ROOM && !work_waits(soft))
        return false;
    return wait->late_rounds++ < LATE_ROUNDS_MAX;
}

/*
 * Sleeps until something happens. Returns 0, or -ETIME or -EINTR, which end the wait. Past
 * `settle_ns` one completion is enough.
 */
static int sleep_once(struct soft *soft, struct wait *wait)
{
    uint64_t until_ns = earliest(timers_next(soft), earliest(wait->deadline_ns, wait->settle_ns));
    uint64_t now_ns = until_ns != UINT64_MAX ? now(soft) : 0;
    uint64_t limit_ns = UINT64_MAX;
    int result;

    if (until_ns != UINT64_MAX)
        limit_ns = until_ns > now_ns ? until_ns - now_ns : 0;
    soft->harvests_skipped = 0;
    result = harvest(soft, limit_ns, wait->mask, wait->mask_size);
    if (result < 0)
        return result;
    work(soft);
    if (until_ns == UINT64_MAX || enough(soft, wait))
        return 0;
    now_ns = result == 0 ? now(soft) : now_ns;
    if (wait->settle_ns <= now_ns) {
        wait->settle_ns = UINT64_MAX;
        wait->minimum = 1;
    }
    return wait->deadline_ns <= now_ns && !more_in_time(soft, wait, result) ? -ETIME : 0;
}

/* Waits for `minimum` completions. 0, -ETIME or -EINTR. */
static int cq_wait(struct soft *soft, struct wait *wait)
{
    int result = 0;

    if (wait->minimum > soft->cq_entries)
        wait->minimum = soft->cq_entries;
    work(soft);
    if (enough(soft, wait)) {
        look_round(soft, wait->minimum != 0);
        return 0;
    }
    while (result == 0 && !enough(soft, wait)) {
        /* What was left ready because much had been received is wanted after all. */
        soft->received = 0;
        if (work_waits(soft))
            look_round(soft, false);
        if (work_waits(soft))
            work(soft);
        else if (!enough(soft, wait))
            result = sleep_once(soft, wait);
    }
    return cq_ready(soft) != 0 ? 0 : result;
}

static int events_get(struct soft *soft, uint32_t minimum, uint32_t flags, const void *argument,
                      size_t argument_size)
{
    struct wait wait = {
        .minimum = minimum, .deadline_ns = UINT64_MAX, .settle_ns = UINT64_MAX, .mask = NULL};
    int error = 0;

    if (flags & KEVY_ENTER_EXT_ARG) {
        error = argument_read(soft, argument, argument_size, flags, &wait);
    } else if (argument != NULL) {
        wait.mask = argument;
        wait.mask_size = argument_size;
    }
    return error < 0 ? error : cq_wait(soft, &wait);
}

/* Whoever polls the ring's descriptor, and has not chosen to be told in an enter alone, is woken by
 * what the next enter finds, and by nothing that this one could have found. */
static rare void leave(struct soft *soft)
{
    for (unsigned round = 0; round < LEAVING_ROUNDS; round++) {
        if (harvest(soft, 0, NULL, 0) <= 0)
            break;
        work(soft);
    }
}

static void task_flag_publish(const struct soft *soft)
{
    uint32_t flags = soft->cursors->sq_flags & ~KEVY_SQ_TASKRUN;

    if ((soft->setup_flags & KEVY_SETUP_TASKRUN_FLAG) == 0)
        return;
    if (work_waits(soft))
        flags |= KEVY_SQ_TASKRUN;
    __atomic_store_n(&soft->cursors->sq_flags, flags, __ATOMIC_RELAXED);
}

static int enter_check(const struct soft *soft, int fd, uint32_t flags)
{
    if (unlikely((flags & ~SOFT_ENTER_FLAGS) != 0))
        return -EINVAL;
    if (unlikely(fd != soft->epoll_fd))
        return -EBADF;
    if (unlikely((soft->setup_flags & KEVY_SETUP_R_DISABLED) != 0))
        return -EBADFD;
    if ((soft->setup_flags & KEVY_SETUP_SINGLE_ISSUER) != 0 &&
        unlikely(!pthread_equal(soft->owner, pthread_self())))
        return -EEXIST;
    return 0;
}

int soft_enter(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
               const void *argument, size_t argument_size)
{
    struct soft *soft = state;
    int result = enter_check(soft, fd, flags);
    int submitted = 0;

    if (unlikely(result < 0))
        return result;
    soft->received = 0;
    soft->timed_out = false;
    cq_look(soft);
    if (to_submit != 0)
        submitted = submit(soft, to_submit);
    if (unlikely(submitted < 0 || (uint32_t)submitted != to_submit))
        result = 0; /* as much as there was, or memory for: who asked looks at that first */
    else if (flags & KEVY_ENTER_GETEVENTS)
        result = events_get(soft, minimum, flags, argument, argument_size);
    else if ((soft->setup_flags & KEVY_SETUP_DEFER_TASKRUN) == 0)
        ready_run(soft);
    if (unlikely((soft->setup_flags & KEVY_SETUP_COOP_TASKRUN) != 0))
        leave(soft);
    timers_publish(soft);
    task_flag_publish(soft);
    cq_publish(soft);
    return submitted != 0 ? submitted : result;
}

#endif /* KEVY_RING_SUPPORTED */
