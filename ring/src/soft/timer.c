/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Requests that wait for a time.
 *
 * Model. A heap by deadline, on CLOCK_MONOTONIC. An enter looks at its top before and after each
 * wait, and no wait is longer than up to the top. For those who poll the ring's descriptor instead
 * of waiting in an enter there is a timerfd in the epoll set, from the first timer on; without a
 * descriptor to spare there is none, and polls see the timer late.
 *
 * Invariants. The timerfd fires at `timer_ns`, which is never after the top. It is not set back
 * when the top goes, so a series of limits that are never reached costs no system call each.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>

#define ROOM_LEAST    64U
#define NS_PER_SECOND 1000000000U

static void place(struct soft *soft, uint32_t index, struct request *request)
{
    soft->timers.entries[index] = request;
    request->done = index;
}

static void sift_up(struct soft *soft, uint32_t index, struct request *request)
{
    while (index > 0) {
        uint32_t above = (index - 1) / 2;

        if (soft->timers.entries[above]->deadline_ns <= request->deadline_ns)
            break;
        place(soft, index, soft->timers.entries[above]);
        index = above;
    }
    place(soft, index, request);
}

static void sift_down(struct soft *soft, uint32_t index, struct request *request)
{
    struct request **entries = soft->timers.entries;

    for (;;) {
        uint32_t below = 2 * index + 1;

        if (below >= soft->timers.count)
            break;
        if (below + 1 < soft->timers.count &&
            entries[below + 1]->deadline_ns < entries[below]->deadline_ns)
            below++;
        if (entries[below]->deadline_ns >= request->deadline_ns)
            break;
        place(soft, index, entries[below]);
        index = below;
    }
    place(soft, index, request);
}

static int timers_grow(struct soft *soft)
{
    struct request_table *timers = &soft->timers;
    uint32_t room = timers->room != 0 ? 2 * timers->room : ROOM_LEAST;
    struct request **entries = pages_take(soft, room * sizeof(struct request *));

    if (entries == NULL)
        return -ENOMEM;
    if (timers->count != 0)
        memcpy(entries, timers->entries, timers->count * sizeof(struct request *));
    pages_give(soft, timers->entries);
    timers->entries = entries;
    timers->room = room;
    return 0;
}

/* Makes the request due at `deadline_ns`. 0, or -ENOMEM. */
int timer_start(struct soft *soft, struct request *request, uint64_t deadline_ns)
{
    if (soft->timers.count == soft->timers.room && timers_grow(soft) < 0)
        return -ENOMEM;
    request->deadline_ns = deadline_ns;
    request->state = REQUEST_TIMED;
    soft->counting += (request->marks & MARK_COUNTS) != 0;
    sift_up(soft, soft->timers.count++, request);
    return 0;
}

void timer_stop(struct soft *soft, struct request *request)
{
    uint32_t index = request->done;
    struct request *last = soft->timers.entries[--soft->timers.count];

    assert(request->state == REQUEST_TIMED);
    request->state = REQUEST_RUNNING;
    soft->counting -= (request->marks & MARK_COUNTS) != 0;
    if (last == request)
        return;
    if (index > 0 && soft->timers.entries[(index - 1) / 2]->deadline_ns > last->deadline_ns)
        sift_up(soft, index, last);
    else
        sift_down(soft, index, last);
}

/* When the next request is due, UINT64_MAX for never. */
uint64_t timers_next(const struct soft *soft)
{
    return soft->timers.count != 0 ? soft->timers.entries[0]->deadline_ns : UINT64_MAX;
}

static void timer_fd_open(struct soft *soft)
{
    const long arguments[6] = {CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = UINT64_MAX};
    int fd = (int)soft->os->call(soft->os, SYS_timerfd_create, arguments);

    if (fd < 0)
        return;
    if (soft->os->epoll_ctl(soft->os, soft->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0)
        (void)soft->os->close(soft->os, fd);
    else
        soft->timer_fd = fd;
}

static void timer_fd_set(struct soft *soft, uint64_t deadline_ns)
{
    int result = soft->os->timer_set(soft->os, soft->timer_fd, deadline_ns);

    if (result == 0)
        soft->timer_ns = deadline_ns;
}

/* At the end of an enter: lets the ring's descriptor be readable when the next request is due. */
void timers_publish(struct soft *soft)
{
    uint64_t next_ns = timers_next(soft);

    if (likely(next_ns == UINT64_MAX))
        return;
    if (soft->timer_fd < 0)
        timer_fd_open(soft);
    if (soft->timer_fd < 0)
        return;
    /* One that has fired since is of no use any more, whatever it was set for. */
    if (next_ns < soft->timer_ns || soft->timer_ns <= soft->os->now_ns(soft->os, CLOCK_MONOTONIC))
        timer_fd_set(soft, next_ns);
}

#endif /* KEVY_RING_SUPPORTED */
