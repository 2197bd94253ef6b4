/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Several reactors, each on a thread of a group, while the main thread waits for signals.
 *
 * Invariant. A SIGUSR2 tells the main thread that a thread has ended; `ended` counts them.
 */
#include "../report.h"
#include "program.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

static int group_setup(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    struct program *program = context;

    if (index == 0)
        return program_open_first(program, reactor);
    kevy_reactor_set_context(reactor, &program->servers[index]);
    return server_open(&program->servers[index], reactor, &program->server_options);
}

static void group_teardown(struct kevy_reactor *reactor, uint32_t index, void *context)
{
    struct program *program = context;

    (void)reactor;
    (void)index;
    atomic_fetch_add(&program->ended, 1);
    kill(getpid(), SIGUSR2);
}

/*
 * SO_REUSEPORT would let a second program of the same user share the port without an error. So the
 * port is bound without it first. This also finds the one port for all threads when the system
 * chooses it.
 */
static int probe_port(struct program *program)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET,
                             .sin_port = htons(program->server_options.port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
    bool is_v4 = inet_pton(AF_INET, program->options.address, &v4.sin_addr) == 1;
    struct sockaddr *address = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
    socklen_t length = is_v4 ? sizeof v4 : sizeof v6;
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = 0;

    if (!is_v4)
        inet_pton(AF_INET6, program->options.address, &v6.sin6_addr);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) < 0 ||
        bind(fd, address, length) < 0 || getsockname(fd, address, &length) < 0)
        error = -errno;
    if (fd >= 0)
        close(fd);
    program->server_options.port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
    return error;
}

/*
 * Drains at the first signal, or when a thread ends by itself, and returns when all threads have
 * ended: true when a second signal aborted what was running. A SIGUSR2 that is not from a thread is
 * ignored.
 */
static bool wait_for_end(struct program *program, struct kevy_group *group, const sigset_t *signals)
{
    bool draining = false, stopped = false;

    while (atomic_load(&program->ended) < program->options.threads) {
        int number = 0;
        sigwait(signals, &number);
        if (number == SIGUSR2 && atomic_load(&program->ended) == 0)
            continue;
        if (number == SIGHUP || number == SIGUSR1) {
            if (number == SIGHUP)
                program_hang_up(program);
            else
                observer_post_table(&program->observer);
            continue;
        }
        stopped |= draining && number != SIGUSR2;
        kevy_group_finish(group, stopped ? 0 : program->options.drain_ns);
        draining = true;
    }
    return stopped;
}

int serve_threads(struct program *program)
{
    const struct kevy_group_options options = {
        .count = (uint32_t)program->options.threads,
        .reactor = &program->reactor_options,
        .context = program,
        .setup = group_setup,
        .teardown = group_teardown,
    };
    sigset_t signals;
    int error = program->server_options.listening ? 0 : probe_port(program);
    bool stopped;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGUSR1);
    sigaddset(&signals, SIGUSR2);
    if (program_heeds_hangup(program))
        sigaddset(&signals, SIGHUP);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (error)
        return program_report(program, error);
    program_note_port(program, program->server_options.port);
    error = kevy_group_start(&program->group, &options);
    if (error)
        return program->status_failed ? program_report(program, error)
                                      : kevy_report("http_echo", error);
    program_say_serving(program);
    stopped = wait_for_end(program, program->group, &signals);
    error = kevy_group_join(program->group);
    program->left = error > 0 ? (uint32_t)error : 0;
    return error < 0 ? program_report(program, error) : stopped;
}
