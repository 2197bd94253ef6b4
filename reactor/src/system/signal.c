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
#include "system/system_internal.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <sys/signalfd.h>

#include "core/completion.h"
#include "core/descriptor.h"

#define SIGNALS_PER_TURN 16U

/* A watch of `number`; unless `round` is 0, one that has not been called in that round. */
static struct kevy_signal *watch_find(struct signals *signals, int number, uint32_t round)
{
    struct kevy_signal *watch = signals->watches;

    while (watch != NULL && (watch->number != number || (round != 0 && watch->round == round)))
        watch = watch->next;
    return watch;
}

/*
 * Calls each watch once, whatever the callbacks start and stop: a round has a number, and a watch
 * remembers the last in which it was called, or started.
 */
static void signal_deliver(struct signals *signals, int number)
{
    struct kevy_signal *watch;

    assert(number > 0 && number < NSIG);
    signals->round += signals->round == UINT32_MAX ? 2 : 1;
    while ((watch = watch_find(signals, number, signals->round)) != NULL) {
        watch->round = signals->round;
        watch->fire(watch);
    }
}

static void signals_read(struct kevy_reactor *reactor);

static void signals_read_on(struct kevy_task *task, struct kevy_reactor *reactor)
{
    assert(task == &reactor->signals->more);
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
    struct signals *signals = reactor->signals;
    struct signalfd_siginfo infos[SIGNALS_PER_TURN];
    int64_t size = SYSTEM(reactor, read, signals->poll.fd, infos, sizeof infos);
    size_t count = size > 0 ? (size_t)size / sizeof infos[0] : 0;

    assert(size <= (int64_t)sizeof infos);
    for (size_t index = 0; index < count; index++)
        signal_deliver(signals, (int)infos[index].ssi_signo);
    if ((count < SIGNALS_PER_TURN && size != -EINTR) || signals->more.run != NULL)
        return;
    signals->more.run = signals_read_on;
    kevy_reactor_defer(reactor, &signals->more);
}

static int signals_open(struct kevy_reactor *reactor)
{
    struct signals *signals;
    int fd;

    if (reactor->signals != NULL)
        return 0;
    signals = memory_table(reactor->memory.allocator, sizeof *signals);
    if (signals == NULL)
        return -ENOMEM;
    sigemptyset(&signals->watched);
    sigemptyset(&signals->blocked_before);
    fd = SYSTEM(reactor, signalfd, -1, &signals->watched);
    if (fd < 0) {
        memory_table_free(reactor->memory.allocator, signals, sizeof *signals);
        return fd;
    }
    reactor->signals = signals;
    own_poll_start(&signals->poll, reactor, fd, signals_read);
    return 0;
}

/* Blocks `number` in this thread and remembers whether it was blocked before. */
static void signal_block(struct signals *signals, int number)
{
    sigset_t one, before;

    assert(!sigismember(&signals->watched, number));
    sigemptyset(&one);
    sigaddset(&one, number);
    (void)pthread_sigmask(SIG_BLOCK, &one, &before);
    if (sigismember(&before, number))
        sigaddset(&signals->blocked_before, number);
    else
        sigdelset(&signals->blocked_before, number);
}

static void signal_unblock(struct signals *signals, int number)
{
    sigset_t one;

    assert(!sigismember(&signals->watched, number));
    if (sigismember(&signals->blocked_before, number))
        return;
    sigemptyset(&one);
    sigaddset(&one, number);
    (void)pthread_sigmask(SIG_UNBLOCK, &one, NULL);
}

/* Makes the mask of the descriptor and of the thread hold `number` as well. */
static int signal_add(struct kevy_reactor *reactor, int number)
{
    struct signals *signals = reactor->signals;
    sigset_t wanted = signals->watched;
    int result;

    if (sigaddset(&wanted, number) < 0) /* the C library keeps some for itself */
        return -EINVAL;
    result = SYSTEM(reactor, signalfd, signals->poll.fd, &wanted);
    if (result < 0)
        return result;
    if (!sigismember(&signals->watched, number))
        signal_block(signals, number);
    signals->watched = wanted;
    return 0;
}

int kevy_signal_watch(struct kevy_signal *watch, struct kevy_reactor *reactor, int number,
                      kevy_signal_fire fire)
{
    struct signals *signals;
    int error;

    assert(watch->reactor == NULL && watch->next == NULL &&
           "the watch is started, or its memory was not zeroed");
    assert(fire != NULL && "a watch of a signal needs a callback");
    if (number <= 0 || number >= NSIG || number == SIGKILL || number == SIGSTOP)
        return -EINVAL;
    thread_check(reactor);
    error = signals_open(reactor);
    if (error == 0)
        error = signal_add(reactor, number);
    if (error < 0)
        return error;
    signals = reactor->signals;
    watch->number = number;
    watch->round = signals->round;
    watch->reactor = reactor;
    watch->fire = fire;
    watch->next = signals->watches;
    signals->watches = watch;
    return 0;
}

void kevy_signal_unwatch(struct kevy_signal *watch)
{
    struct kevy_reactor *reactor = watch->reactor;
    struct kevy_signal **link;
    struct signals *signals;

    if (reactor == NULL)
        return;
    thread_check(reactor);
    signals = reactor->signals;
    for (link = &signals->watches; *link != watch;) {
        assert(*link != NULL);
        link = &(*link)->next;
    }
    *link = watch->next;
    watch->next = NULL;
    watch->reactor = NULL;
    if (watch_find(signals, watch->number, 0) != NULL)
        return;
    sigdelset(&signals->watched, watch->number);
    (void)SYSTEM(reactor, signalfd, signals->poll.fd, &signals->watched);
    signal_unblock(signals, watch->number);
}

void signals_close(struct kevy_reactor *reactor)
{
    struct signals *signals = reactor->signals;

    if (signals == NULL)
        return;
    while (signals->watches != NULL)
        kevy_signal_unwatch(signals->watches);
    assert(sigisemptyset(&signals->watched));
    descriptor_close_now(reactor, signals->poll.fd);
    memory_table_free(reactor->memory.allocator, signals, sizeof *signals);
    reactor->signals = NULL;
}

#endif /* KEVY_RING_SUPPORTED */
