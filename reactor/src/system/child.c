/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Children: a pidfd and one request on it.
 *
 *     idle --watch--> watched --exited, or failed, last callback--> idle
 *     watched --unwatch--> stopped --nothing in flight, last callback--> idle
 *
 * Model. The flush arms the request, or, once the watch is stopped, asks it to end; its completion
 * ends the watch. Waiting by the ring reaps and fills in the siginfo_t by itself; with a poll the
 * completion calls waitid(2), which does not block then. A pidfd is readable as soon as the child
 * has exited, but a tracer may hold it and then waitid(2) reports nothing: it is asked again after
 * a delay, which doubles each time.
 *
 * Invariants. A watch ends with nothing in flight. A child that was reaped is always reported as
 * such, even when a stop came in between: its status would be lost.
 */
#include "system/system_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>
#include <kevy/ring_probe.h>

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>

#include "core/completion.h"
#include "core/descriptor.h"

#define AGAIN_MS     1U
#define AGAIN_MAX_MS 256U

/* P_PIDFD of waitid(2), an enumerator of younger C libraries. */
#define ID_PIDFD 3

enum child_state {
    CHILD_IDLE = OBJECT_IDLE,
    CHILD_WATCHED,
    CHILD_STOPPED,
};

/* For kevy_x_object.flags. */
#define CHILD_BY_POLL   (1U << 0) /* the ring knows no waitid */
#define CHILD_CANCELLED (1U << 1) /* the request has been asked to end */

static void child_end(struct kevy_child *child, int result)
{
    assert(!kevy_completion_active(&child->completion));
    kevy_timer_stop(&child->again);
    object_end(&child->object);
    descriptor_close_now(child->object.reactor, child->fd);
    child->done(child, result);
}

static void child_reaped(struct kevy_child *child)
{
    siginfo_t info;

    memcpy(&info, child->information, sizeof info);
    assert(info.si_pid == child->pid);
    child->code = info.si_code;
    child->status = info.si_status;
    child_end(child, 0);
}

/* Reaps the child after a poll, without waiting. 0: not yet. */
static int child_wait(struct kevy_child *child)
{
    siginfo_t info;
    int result = SYSTEM(child->object.reactor, waitid, child->fd, &info);

    if (result < 0)
        return result;
    memcpy(child->information, &info, sizeof info);
    return info.si_pid != 0;
}

static void again_fire(struct kevy_timer *timer)
{
    object_pend(&KEVY_CONTAINER_OF(timer, struct kevy_child, again)->object);
}

/* Nothing will tell when to ask again. */
static void again_wait(struct kevy_child *child)
{
    kevy_timer_start(&child->again, child->object.reactor, KEVY_MILLISECONDS(child->again_ms),
                     again_fire);
    if (child->again_ms < AGAIN_MAX_MS)
        child->again_ms *= 2;
}

/* 1: exited, 0: readable and not to be reaped yet, or a negative errno. */
static void child_outcome(struct kevy_child *child, int result)
{
    if (result == 1)
        child_reaped(child);
    else if (child->object.state == CHILD_STOPPED)
        child_end(child, -ECANCELED);
    else if (result == 0)
        again_wait(child);
    else if (result == -EINTR || result == -EAGAIN)
        object_pend(&child->object);
    else
        child_end(child, result);
}

static void child_ready(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_child *child = KEVY_CONTAINER_OF(completion, struct kevy_child, completion);

    (void)flags;
    child->object.flags &= ~CHILD_CANCELLED;
    if (result >= 0)
        result = (child->object.flags & CHILD_BY_POLL) != 0 ? child_wait(child) : 1;
    child_outcome(child, result);
}

/* A poll alone would say nothing about a process that is not a child, hence the wait before it. */
static void child_arm(struct kevy_child *child)
{
    bool by_poll = (child->object.flags & CHILD_BY_POLL) != 0;
    int result = by_poll ? child_wait(child) : 0;
    struct kevy_sqe *sqe;

    if (result != 0) {
        child_outcome(child, result);
        return;
    }
    sqe = kevy_completion_sqe(&child->completion);
    if (sqe == NULL)
        object_pend(&child->object);
    else if (by_poll)
        kevy_prep_poll(sqe, child->fd, POLLIN);
    else
        kevy_prep_waitid(sqe, ID_PIDFD, (uint32_t)child->fd, child->information, WEXITED);
}

static void child_cancel(struct kevy_child *child)
{
    if ((child->object.flags & CHILD_CANCELLED) == 0 &&
        completion_cancel_or_pend(&child->completion, &child->object))
        child->object.flags |= CHILD_CANCELLED;
}

static void child_flush(struct kevy_x_object *object)
{
    struct kevy_child *child = KEVY_CONTAINER_OF(object, struct kevy_child, object);
    bool armed = kevy_completion_active(&child->completion);

    if (object->state == CHILD_STOPPED && armed)
        child_cancel(child);
    else if (object->state == CHILD_STOPPED)
        child_end(child, -ECANCELED);
    else if (!armed && !kevy_timer_armed(&child->again))
        child_arm(child);
}

static bool waitid_offered(const struct kevy_reactor *reactor)
{
    struct kevy_ring_probe probe;

    return kevy_ring_probe(&reactor->ring, &probe) == 0 &&
           kevy_ring_probe_opcode(&probe, KEVY_OP_WAITID);
}

int child_start(struct kevy_child *child, struct kevy_reactor *reactor, pid_t pid,
                kevy_child_done done, bool by_poll)
{
    int fd;

    _Static_assert(sizeof(siginfo_t) <= sizeof child->information, "the kernel's has 128 bytes");
    assert(object_idle(&child->object) &&
           "the child is watched, or its watch's memory was not zeroed");
    assert(done != NULL && "a watch of a child needs a callback");
    if (pid <= 0)
        return -EINVAL;
    fd = SYSTEM(reactor, pidfd_open, pid);
    if (fd < 0)
        return fd;
    child->pid = pid;
    child->code = 0;
    child->status = 0;
    child->fd = fd;
    child->done = done;
    child->again_ms = AGAIN_MS;
    kevy_completion_init(&child->completion, reactor, child_ready);
    object_start(&child->object, reactor, KIND_CHILD, CHILD_WATCHED, by_poll ? CHILD_BY_POLL : 0);
    return 0;
}

int kevy_child_watch(struct kevy_child *child, struct kevy_reactor *reactor, pid_t pid,
                     kevy_child_done done)
{
    return child_start(child, reactor, pid, done, !waitid_offered(reactor));
}

void kevy_child_unwatch(struct kevy_child *child)
{
    if (child->object.state != CHILD_WATCHED)
        return;
    object_state_set(&child->object, CHILD_STOPPED);
    object_pend(&child->object);
}

static void child_abort(struct kevy_x_object *object)
{
    kevy_child_unwatch(KEVY_CONTAINER_OF(object, struct kevy_child, object));
}

#if DEBUG_CHECKS
static void child_check(const struct kevy_x_object *object)
{
    const struct kevy_child *child = KEVY_CONTAINER_OF(object, struct kevy_child, object);

    assert(child->fd >= 0 && child->pid > 0 && object->in_flight == 0);
    assert((object->flags & CHILD_CANCELLED) == 0 || kevy_completion_active(&child->completion));
    assert((object->flags & CHILD_CANCELLED) == 0 || object->state == CHILD_STOPPED);
}
#endif

const struct object_kind_operations child_kind = {
    .name = "child",
    .flush = child_flush,
    .abort = child_abort,
#if DEBUG_CHECKS
    .check = child_check,
#endif
    .next =
        {
            [CHILD_IDLE] = STATE(CHILD_WATCHED),
            [CHILD_WATCHED] = STATE(CHILD_STOPPED) | STATE(CHILD_IDLE),
            [CHILD_STOPPED] = STATE(CHILD_IDLE),
        },
};

#endif /* KEVY_RING_SUPPORTED */
