/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H

/* What a server is besides its subject: a port, SIGTERM that drains, errors told on stderr. */

#include "report.h"

#include <kevy/kevy.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

struct service {
    const char *name;
    const char *usage; /* arguments after PORT, at most two: "", " A" or " A B" */
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    /* Before the first client, with the arguments after PORT; -EINVAL for those that make no sense.
     * May be NULL, and so may `end`. */
    int (*begin)(struct kevy_reactor *reactor, struct kevy_listener *listener, char **arguments);
    void (*end)(void); /* when nothing is left of the reactor, whether `begin` came or not */
};

static inline void serve_stop(struct kevy_signal *watch)
{
    kevy_reactor_finish(watch->reactor, KEVY_SECONDS(5));
}

/* `finish` of streams that come to an end by themselves: what is cut short by a drain would look
 * complete. Its limit ends with a reset. */
static inline void serve_on(struct kevy_stream *stream)
{
    (void)stream;
}

static inline int serve_arguments(const char *usage)
{
    int count = 0;

    for (; *usage; usage++)
        count += *usage == ' ';
    return count;
}

/* An argument that is a number from 1 to `most`, or 0. */
static inline unsigned long serve_number(const char *argument, unsigned long most)
{
    char *rest;
    unsigned long number = strtoul(argument, &rest, 10);

    return *argument >= '0' && *argument <= '9' && !*rest && number <= most ? number : 0;
}

/* main() of a server. */
static inline int serve(const struct service *service, int argc, char **argv)
{
    char *rest = "";
    int wanted = 2 + serve_arguments(service->usage);
    unsigned long port = argc == wanted ? strtoul(argv[1], &rest, 10) : 65536;
    struct kevy_listener_options options = {.port = (uint16_t)port, .accept = service->accept};
    struct kevy_listener listener;
    struct kevy_signal term = {0};
    struct kevy_reactor *reactor = NULL;
    bool senseless = port > UINT16_MAX || *rest, left;
    int error = senseless ? -EINVAL : kevy_reactor_create(&reactor, NULL);

    if (!error)
        error = kevy_signal_watch(&term, reactor, SIGTERM, serve_stop);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error && service->begin) {
        error = service->begin(reactor, &listener, argv + 2);
        senseless = error == -EINVAL;
    }
    if (!error) {
        dprintf(1, "%s: serving port %u\n", service->name, kevy_listener_port(&listener));
        error = kevy_reactor_run(reactor);
    }
    left = kevy_reactor_destroy(reactor) != 0;
    if (service->end)
        service->end();
    if (senseless)
        return fprintf(stderr, "usage: %s PORT%s\n", service->name, service->usage), 2;
    return kevy_report(service->name, error) | left;
}

#endif
