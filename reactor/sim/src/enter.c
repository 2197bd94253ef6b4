/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "enter.h"

#include <errno.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "completion.h"
#include "kernel.h"
#include "ring.h"
#include "thread.h"
#include "timeout.h"
#include "world.h"

/* A DEFER_TASKRUN ring runs so much task work an enter, unless more was asked for. */
#define WORK_LIMIT 20U
/* Enters in a row that neither submit, complete, reap nor sleep. */
#define IDLE_ENTERS_MAX 100U

static void work_run(struct ring *ring, uint32_t minimum)
{
    requests_run(ring, minimum > WORK_LIMIT ? minimum : WORK_LIMIT);
    if (!requests_ready(ring))
        ring->cursors->sq_flags &= ~KEVY_SQ_TASKRUN;
}

/* Takes up to `count` requests, fewer where chance wants so: -EAGAIN for none of those there. */
static int submit(struct ring *ring, uint32_t count)
{
    struct cursors *cursors = ring->cursors;
    uint32_t queued = cursors->sq_tail - cursors->sq_head;
    uint32_t taken = 0;

    EXPECT(queued <= cursors->sq_entries, "the SQ's tail is %u before its head", queued);
    if (count > queued)
        count = queued;
    if (count > 0 && chance(KEVY_SIM_SUBMIT_SHORT))
        count = (uint32_t)chance_below(count);
    if (count == 0 && queued != 0)
        return -EAGAIN;
    for (; taken < count; taken++) {
        uint32_t slot = cursors->sq_head & cursors->sq_mask;
        struct kevy_sqe sqe;

        if (ring->array != NULL)
            slot = ring->array[slot];
        sqe = ring->sqes[slot];
        memset(&ring->sqes[slot], 0xDB, sizeof sqe);
        cursors->sq_head++;
        if (request_issue(ring, &sqe) < 0 && (ring->params.flags & KEVY_SETUP_SUBMIT_ALL) == 0) {
            taken++;
            break;
        }
    }
    chain_end(ring);
    timeouts_reached(ring);
    chains_run(ring);
    return (int)taken;
}

static bool has_work(const void *ring)
{
    return requests_ready(ring);
}

/* Sleeps until there are `minimum` completions. */
static int wait_for(struct ring *ring, uint32_t minimum, uint64_t deadline_ns)
{
    if (minimum > ring->cursors->cq_entries)
        minimum = ring->cursors->cq_entries;
    work_run(ring, minimum);
    completions_flush(ring); /* behind the work: a multishot finds the queue full */
    while (completions_ready(ring) < minimum) {
        if (chance(KEVY_SIM_WAIT_SIGNAL))
            return -EINTR;
        if (!requests_ready(ring) && !thread_sleep(has_work, ring, deadline_ns)) {
            EXPECT(deadline_ns != CLOCK_NEVER, "the loop sleeps for ever");
            return -ETIME;
        }
        work_run(ring, minimum);
    }
    return 0;
}

static uint64_t deadline_of(const struct kevy_timespec *limit, uint32_t flags)
{
    uint64_t ns = (uint64_t)limit->tv_sec * 1000000000U + (uint64_t)limit->tv_nsec;

    return flags & KEVY_ENTER_ABS_TIMER ? ns : clock_now() + ns;
}

/* The instant that an enter's argument limits its wait to. */
static uint64_t argument_deadline(const struct ring *ring, uint32_t flags, const void *argument,
                                  size_t size)
{
    const struct kevy_getevents_arg *pointed = argument;
    const struct kevy_reg_wait *region = ring->wait_region;

    if ((flags & KEVY_ENTER_EXT_ARG) == 0)
        return CLOCK_NEVER;
    if (flags & KEVY_ENTER_EXT_ARG_REG) {
        EXPECT(region != NULL && size == sizeof *region, "a wait without its region");
        return region->flags & KEVY_REG_WAIT_TS ? deadline_of(&region->ts, flags) : CLOCK_NEVER;
    }
    if (pointed->ts == 0)
        return CLOCK_NEVER;
    return deadline_of((const void *)(uintptr_t)pointed->ts, flags);
}

/* What an enter fails with before it does anything, or 0. */
static int enter_fault(void)
{
    static const struct {
        enum kevy_sim_fault which;
        int error;
    } faults[] = {{KEVY_SIM_ENTER_BUSY, -EBUSY},
                  {KEVY_SIM_ENTER_AGAIN, -EAGAIN},
                  {KEVY_SIM_ENTER_MEMORY, -ENOMEM},
                  {KEVY_SIM_ENTER_SIGNAL, -EINTR}};

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
        if (chance(faults[i].which))
            return faults[i].error;
    return 0;
}

/* A loop with nothing to do has to sleep. */
static void idle_check(struct ring *ring, uint64_t posted, uint64_t since_ns, bool submitted)
{
    bool reaped = ring->seen_head != ring->cursors->cq_head;

    ring->seen_head = ring->cursors->cq_head;
    if (submitted || ring->posted != posted || clock_now() != since_ns || reaped) {
        ring->idle_enters = 0;
        return;
    }
    EXPECT(++ring->idle_enters <= IDLE_ENTERS_MAX,
           "the loop spins: %u enters in which nothing happened", ring->idle_enters);
}

/* What the library must never do. */
static int enter_check(const struct ring *ring, int fd, uint32_t flags, size_t argument_size)
{
    REQUIRE((flags & ~kernel_enter_flags()) == 0, -EINVAL, "enter flags %x on 6.%u", flags,
            kernel_minor());
    if (flags & KEVY_ENTER_REGISTERED_RING)
        REQUIRE(ring->registered >= 0 && fd == ring->registered, -EBADF, "enter on index %d", fd);
    else
        REQUIRE(file_find(fd) == &ring->file, -EBADF, "enter on descriptor %d", fd);
    if ((flags & KEVY_ENTER_EXT_ARG) != 0 && (flags & KEVY_ENTER_EXT_ARG_REG) == 0)
        REQUIRE(argument_size == sizeof(struct kevy_getevents_arg), -EINVAL,
                "a wait whose argument has %zu bytes", argument_size);
    REQUIRE((ring->params.flags & KEVY_SETUP_R_DISABLED) == 0, -EBADFD,
            "enter on a ring not enabled");
    return 0;
}

int enter_run(void *state, int fd, uint32_t to_submit, uint32_t minimum, uint32_t flags,
              const void *argument, size_t argument_size)
{
    struct ring *ring = state;
    uint64_t posted = ring->posted, since_ns;
    int submitted;
    int result = 0;

    world_entered();
    result = enter_check(ring, fd, flags, argument_size);
    if (result < 0)
        return result;
    if (flags & KEVY_ENTER_GETEVENTS)
        thread_yield();
    kernel_take_time();
    result = enter_fault();
    TRACE("enter submit %u minimum %u flags %x%s", to_submit, minimum, flags,
          result != 0 ? " fails" : "");
    if (result < 0)
        return result;
    submitted = to_submit != 0 ? submit(ring, to_submit) : 0;
    if (submitted < 0 || (uint32_t)submitted < to_submit)
        return submitted;
    since_ns = clock_now();
    if (flags & KEVY_ENTER_GETEVENTS)
        result = wait_for(ring, minimum, argument_deadline(ring, flags, argument, argument_size));
    idle_check(ring, posted, since_ns, submitted != 0);
    return submitted != 0 ? submitted : result;
}
