/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef EXAMPLES_SERVE_H
#define EXAMPLES_SERVE_H

/* What a server is besides its subject: a port, SIGTERM that drains, errors told on stderr. */

#include "report.h"

#include <kevy/kevy.h>

#include <signal.h>
#include <stdlib.h>

struct service {
    const char *name;
    const char *usage; /* arguments after PORT, at most two: "", " A" or " A B" */
    struct kevy_stream *(*accept)(struct kevy_listener *listener);
    /* Before the first client, with the arguments after PORT. May be NULL, and so may `end`. */
    int (*begin)(struct kevy_reactor *reactor, struct kevy_listener *listener, char **arguments);
    void (*end)(void); /* after the last client */
};

static inline void serve_stop(struct kevy_signal *watch)
{
    kevy_reactor_drain(watch->reactor, KEVY_SECONDS(5));
}

static inline int serve_arguments(const char *usage)
{
    int count = 0;

    for (; *usage; usage++)
        count += *usage == ' ';
    return count;
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
    int error;

    if (port > UINT16_MAX || *rest)
        return fprintf(stderr, "usage: %s PORT%s\n", service->name, service->usage), 2;
    error = kevy_reactor_create(&reactor, NULL);
    if (!error)
        error = kevy_signal_start(&term, reactor, SIGTERM, serve_stop);
    if (!error)
        error = kevy_listener_open(&listener, reactor, &options);
    if (!error && service->begin)
        error = service->begin(reactor, &listener, argv + 2);
    if (!error) {
        dprintf(1, "%s: serving port %u\n", service->name, kevy_listener_port(&listener));
        error = kevy_reactor_run(reactor);
    }
    if (service->end)
        service->end();
    return kevy_report(service->name, error) | (kevy_reactor_destroy(reactor) != 0);
}

#endif
