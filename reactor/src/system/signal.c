/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Signals of a reactor: one signalfd, one multishot poll, a list of watches.
 *
 * Model. The descriptor's mask is the set of watched signals; a poll tells that some are waiting, a
 * read fetches them, every watch of a signal is called. It is polled and read, not read by the
 * ring: from 6.15 on a ring read of such a descriptor retries short reads (libxev issue 171).
 *
 * Invariants. A signal is blocked while it is watched, and again what it was before with the last
 * watch. Stopping is synchronous: a watch that is stopped from another's callback is not called.
 */
#include "core/internal.h"

#if KEVY_RING_SUPPORTED

#include <sys/signalfd.h>
#include <unistd.h>

#define SIGNALS_PER_TURN 16U

/* A watch of `number`; unless `round` is 0, one that has not been called in that round. */
static struct kevy_signal *watch_find(struct kevy_reactor *reactor, int number, uint32_t round)
{
    struct kevy_signal *watch = reactor->signals;

    while (watch != NULL && (watch->number != number || (round != 0 && watch->round == round)))
        watch = watch->next;
    return watch;
}

/*
 * Calls each watch once, whatever the callbacks start and stop: a round has a number, and a watch
 * remembers the last in which it was called, or started.
 */
static void signal_deliver(struct kevy_reactor *reactor, int number)
{
    struct kevy_signal *watch;

    reactor->signal_round += reactor->signal_round == UINT32_MAX ? 2 : 1;
    while ((watch = watch_find(reactor, number, reactor->signal_round)) != NULL) {
        watch->round = reactor->signal_round;
        watch->fire(watch);
    }
}

static void signals_read(struct kevy_reactor *reactor);

static void signals_read_on(struct kevy_task *task, struct kevy_reactor *reactor)
{
    task->run = NULL;
    signals_read(reactor);
}

/*
 * Delivers what waits, a bounded number a turn: a callback that raises its own signal, or a process
 * that queues them faster than they are handled, would else never let the loop go on. Fewer than
 * asked for means that nothing is left, and the poll tells of what comes from then on.
 */
static void signals_read(struct kevy_reactor *reactor)
{
    struct signalfd_siginfo infos[SIGNALS_PER_TURN];
    ssize_t size = read(reactor->signal_fd, infos, sizeof infos);
    size_t count = size > 0 ? (size_t)size / sizeof infos[0] : 0;

    for (size_t index = 0; index < count; index++)
        signal_deliver(reactor, (int)infos[index].ssi_signo);
    if (count < SIGNALS_PER_TURN || reactor->signals_more.run != NULL)
        return;
    reactor->signals_more.run = signals_read_on;
    kevy_reactor_defer(reactor, &reactor->signals_more);
}

static void signals_ready(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_reactor *reactor = completion->reactor;

    if ((flags & KEVY_CQE_F_MORE) == 0) {
        reactor->completions_internal--;
        reactor->own_polls_ended = !reactor->destroying;
    }
    if (result < 0)
        return; /* cancelled, because the reactor is being destroyed */
    signals_read(reactor);
}

static int signals_open(struct kevy_reactor *reactor)
{
    int fd;

    if (reactor->signal_fd >= 0)
        return 0;
    sigemptyset(&reactor->signals_watched);
    fd = signalfd(-1, &reactor->signals_watched, SFD_NONBLOCK | SFD_CLOEXEC);
    if (fd < 0)
        return -errno;
    kevy_completion_init(&reactor->signal_ready, reactor, signals_ready);
    reactor->signal_fd = fd;
    /* Without a slot the next flush tries again. */
    reactor->own_polls_ended |= completion_internal_poll(&reactor->signal_ready, fd) < 0;
    return 0;
}

/* Blocks `number` in this thread and remembers whether it was blocked before. */
static void signal_block(struct kevy_reactor *reactor, int number)
{
    sigset_t one, before;

    sigemptyset(&one);
    sigaddset(&one, number);
    (void)pthread_sigmask(SIG_BLOCK, &one, &before);
    if (sigismember(&before, number))
        sigaddset(&reactor->signals_blocked_before, number);
    else
        sigdelset(&reactor->signals_blocked_before, number);
}

static void signal_unblock(struct kevy_reactor *reactor, int number)
{
    sigset_t one;

    if (sigismember(&reactor->signals_blocked_before, number))
        return;
    sigemptyset(&one);
    sigaddset(&one, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

int kevy_signal_watch(struct kevy_signal *watch, struct kevy_reactor *reactor, int number,
                      kevy_signal_fire fire)
{
    sigset_t wanted;
    int error;

    if (number <= 0 || number >= NSIG || number == SIGKILL || number == SIGSTOP)
        return -EINVAL;
    if (watch->reactor != NULL)
        return -EINVAL;
    thread_check(reactor);
    error = signals_open(reactor);
    if (error < 0)
        return error;
    wanted = reactor->signals_watched;
    if (sigaddset(&wanted, number) < 0) /* the C library keeps some for itself */
        return -EINVAL;
    if (signalfd(reactor->signal_fd, &wanted, 0) < 0)
        return -errno;
    if (!sigismember(&reactor->signals_watched, number))
        signal_block(reactor, number);
    reactor->signals_watched = wanted;
    watch->number = number;
    watch->round = reactor->signal_round;
    watch->reactor = reactor;
    watch->fire = fire;
    watch->next = reactor->signals;
    reactor->signals = watch;
    return 0;
}

void kevy_signal_unwatch(struct kevy_signal *watch)
{
    struct kevy_reactor *reactor = watch->reactor;
    struct kevy_signal **link;

    if (reactor == NULL)
        return;
    thread_check(reactor);
    for (link = &reactor->signals; *link != watch;)
        link = &(*link)->next;
    *link = watch->next;
    watch->reactor = NULL;
    if (watch_find(reactor, watch->number, 0) != NULL)
        return;
    sigdelset(&reactor->signals_watched, watch->number);
    (void)signalfd(reactor->signal_fd, &reactor->signals_watched, 0);
    signal_unblock(reactor, watch->number);
}

void signals_close(struct kevy_reactor *reactor)
{
    while (reactor->signals != NULL)
        kevy_signal_unwatch(reactor->signals);
    if (reactor->signal_fd >= 0)
        close(reactor->signal_fd);
    reactor->signal_fd = -1;
}

#endif /* KEVY_RING_SUPPORTED */
