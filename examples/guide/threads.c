/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * guide_threads: the echo server with THREADS reactors that share its port. At SIGUSR1 each of them
 * says how many clients it has; SIGTERM or Ctrl-C ends them.
 */
#include "report_address.h"
#include "usage.h"

#include <kevy/kevy.h>

#include <signal.h>
#include <stdatomic.h>

#define THREADS_MAX 64

/* It belongs to one thread. Only `asked` is also used by the main thread. */
static struct member {
    struct kevy_listener listener;
    struct kevy_task question;
    atomic_bool asked; /* the task is on its way, and must not be posted again */
    unsigned clients;
} members[THREADS_MAX];

static struct where where;

static struct member *member_of(struct kevy_reactor *reactor)
{
    return kevy_reactor_context(reactor);
}

static void client_read(struct kevy_stream *stream, struct kevy_buffer *buffer)
{
    kevy_stream_forward(stream, buffer);
}

static void client_close(struct kevy_stream *stream, int reason)
{
    (void)reason;
    member_of(kevy_stream_reactor(stream))->clients--;
    free(stream);
}

static const struct kevy_stream_events client_events = {.read = client_read, .close = client_close};

static struct kevy_stream *client_accept(struct kevy_listener *listener)
{
    struct kevy_stream *client = calloc(1, sizeof *client);

    if (!client)
        return NULL;
    member_of(kevy_listener_reactor(listener))->clients++;
    return kevy_stream_init(client, &client_events);
}

/* On the thread of the member, like every callback: it may look at its clients without a lock. */
static void question_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    struct member *member = member_of(reactor);

    (void)task;
    atomic_store(&member->asked, false); /* first: who has read the answer may ask again */
    dprintf(1, "thread %d: %u clients\n", (int)(member - members), member->clients);
}

static int member_setup(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    struct member *member = &members[index];
    struct kevy_listener_options options = {
        .address = where.address, .port = where.port, .reuse_port = true, .accept = client_accept};

    (void)context;
    member->question.run = question_run;
    kevy_reactor_set_context(reactor, member);
    return kevy_listener_open(&member->listener, reactor, &options);
}

static void members_ask(struct kevy_group *group)
{
    for (uint32_t i = 0; i < kevy_group_count(group); i++)
        if (!atomic_exchange(&members[i].asked, true))
            kevy_group_post(group, i, &members[i].question);
}

int main(int argc, char **argv)
{
    static const struct usage usage = {"guide_threads", USAGE_WHERE " THREADS",
                                       "An echo server with several threads.\n"};
    struct kevy_reactor_options reactor = {0};
    struct kevy_group_options options = {.reactor = &reactor, .setup = member_setup};
    struct kevy_group *group;
    unsigned long threads;
    sigset_t signals;
    int number, error, status = usage_check(&usage, argc, argv, &where);

    if (status >= 0)
        return status;
    if (!usage_number(&usage, "THREADS", argv[2], 1, THREADS_MAX, &threads))
        return 2;
    if (where.port == 0)
        return fprintf(stderr, "guide_threads: with port 0 each thread would get its own\n"), 2;
    reactor.kernel = where.kernel;
    options.count = (uint32_t)threads;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    error = kevy_group_start(&group, &options);
    if (error)
        return report_start("guide_threads", where.address, where.port, error);
    dprintf(1, "guide_threads: serving port %u\n", where.port);
    while (sigwait(&signals, &number) == 0 && number == SIGUSR1)
        members_ask(group);
    kevy_group_finish(group, KEVY_SECONDS(5));
    return kevy_group_join(group) != 0;
}
