/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H

/* The parts that most servers of these examples share: the command line, the address, SIGTERM and
 * Ctrl-C that let clients finish, and errors on stderr. */

#include "report_address.h"
#include "serving.h"
#include "usage.h"

#include <kevy/kevy.h>

#include <signal.h>

struct service {
    const struct usage *usage; /* whose first argument is USAGE_WHERE */
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    /* Called before the server listens, with the arguments after the first. May change the options.
     * Returns 0, an error, or an exit status after a complaint about an argument. May be NULL, like
     * `end`. */
    int (*begin)(struct kevy_listener_options *options, char **arguments);
    void (*end)(void); /* when nothing is left of the reactor, also where `begin` was not called */
};

struct serving {
    const struct service *service;
    struct kevy_reactor *reactor;
    struct kevy_listener_options options;
    struct kevy_listener listener;
    struct kevy_signal term;
    struct kevy_signal interrupt;
};

static inline void serve_term(struct kevy_signal *watch)
{
    kevy_reactor_finish(KEVY_CONTAINER_OF(watch, struct serving, term)->reactor, KEVY_SECONDS(5));
}

static inline void serve_interrupt(struct kevy_signal *watch)
{
    serve_term(&KEVY_CONTAINER_OF(watch, struct serving, interrupt)->term);
}

/* The `finish` of a stream that comes to its own end: the default would close it, and cut off what
 * is still to come. The time limit of kevy_reactor_finish() ends it with a reset. */
static inline void serve_on(struct kevy_stream *stream)
{
    (void)stream;
}

static inline int serve_create(struct serving *serving, const struct where *where)
{
    return kevy_reactor_create(&serving->reactor,
                               &(struct kevy_reactor_options){.kernel = where->kernel});
}

/* SIGTERM and Ctrl-C let clients finish. */
static inline int serve_until_signal(struct serving *serving)
{
    int error = kevy_signal_watch(&serving->term, serving->reactor, SIGTERM, serve_term);

    return error
               ? error
               : kevy_signal_watch(&serving->interrupt, serving->reactor, SIGINT, serve_interrupt);
}

static inline int serve_run(struct serving *serving, const struct where *where, char **arguments)
{
    const struct service *service = serving->service;
    int error = serve_create(serving, where);

    if (error)
        return kevy_report(service->usage->program, error);
    error = serve_until_signal(serving);
    if (!error && service->begin)
        error = service->begin(&serving->options, arguments);
    if (!error)
        error = kevy_listener_open(&serving->listener, serving->reactor, &serving->options);
    if (error)
        return error;
    say_serving(service->usage->program, kevy_listener_port(&serving->listener), serving->reactor);
    return kevy_reactor_run(serving->reactor);
}

/* main() of a server. */
static inline int serve(const struct service *service, int argc, char **argv)
{
    struct serving serving = {.service = service};
    struct where where;
    int error, status = usage_check(service->usage, argc, argv, &where);
    bool left;

    if (status >= 0)
        return status;
    serving.options = (struct kevy_listener_options){
        .address = where.address, .port = where.port, .accept = service->accept};
    error = serve_run(&serving, &where, argv + 2);
    left = kevy_reactor_destroy(serving.reactor) != 0;
    if (service->end)
        service->end();
    if (error > 0)
        return error;
    return report_start(service->usage->program, where.address, where.port, error) | left;
}

#endif
