/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * program.h - what the two ways of serving share: one thread (main.c) and several (threads.c).
 */
#ifndef HTTP_ECHO_PROGRAM_H
#define HTTP_ECHO_PROGRAM_H

#include "observer.h"
#include "options.h"
#include "server.h"

#include <kevy/address.h>
#include <kevy/group.h>
#include <kevy/reactor.h>
#include <kevy/ring_explain.h>
#include <kevy/task.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct program {
    struct options options;
    struct kevy_reactor_options reactor_options;
    struct server_options server_options;
    struct server *servers; /* one a thread */
    struct observer observer;
    struct kevy_group *group;              /* NULL: one thread */
    char url[KEVY_ADDRESS_TEXT_SIZE + 16]; /* that is served */
    uint32_t left;                         /* objects that the reactors had to abort */
    char kernel[KEVY_RING_EXPLAIN_SIZE];   /* a sentence about the kernel below */
    bool status_failed;                    /* the listener of the status page was not opened */
    bool served;                           /* the listeners were open */
    atomic_uint ended;                     /* threads of the group */
    struct kevy_task flush;                /* of the log, on the first thread of the group */
    atomic_bool flushing;                  /* `flush` is posted and has not run */
};

/* Opens what the first thread serves: clients, and the status page. On its thread. */
int program_open_first(struct program *program, struct kevy_reactor *reactor);

/* Notes the URL of what is served at this port, before a loop begins. */
void program_note_port(struct program *program, unsigned port);

/* Says that it serves, and where. */
void program_say_serving(struct program *program);

/* Says on stderr why it does not. Returns the exit status. */
int program_report(const struct program *program, int error);

/* At SIGHUP: reads certificate and key again, and opens the log again. Without any of them the
 * signal is not waited for, and ends the program, as is usual. */
bool program_heeds_hangup(const struct program *program);
void program_hang_up(struct program *program);

/* Serves with as many threads as the options say. Returns the exit status. */
int serve_threads(struct program *program);

#endif
