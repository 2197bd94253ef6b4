/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * observer.h - how the program is seen from outside while it serves: the status page, and the
 * table on stderr at SIGUSR1.
 *
 * Model. One tally, on the reactor of the first server, and two that ask it: the listener of
 * --status, and the signal. With several threads the main thread gets the signals, and posts a
 * task that does what a signal asks for.
 */
#ifndef HTTP_ECHO_OBSERVER_H
#define HTTP_ECHO_OBSERVER_H

#include "status.h"
#include "tally.h"

#include <stdatomic.h>

struct options;
struct server;

struct observer {
    struct tally tally;
    struct status status;
    struct facts facts;
    char where[64]; /* the address of the listener, "" without one */
    struct tally_wait table;
    bool table_wanted; /* `table` is pinned */
    struct kevy_group **group;
    struct kevy_task notice; /* from the main thread to that of the first server */
    atomic_bool noticed;     /* `notice` is pinned */
};

/*
 * Prepares *observer for `count` servers, for tally_init() with `group`. `kernel` is the sentence
 * that will be there when the first loop begins. All are borrowed until observer_deinit(). Returns
 * 0 or -ENOMEM.
 */
int observer_init(struct observer *observer, struct server *servers, uint32_t count,
                  struct kevy_group **group, const char *kernel);

/* Frees its memory, when all loops have ended. Idempotent. *observer may be all zero. */
void observer_deinit(struct observer *observer);

/* Opens the listener, if the options name an address. Returns 0 or an error of status_open(). */
int observer_open(struct observer *observer, struct kevy_reactor *reactor,
                  const struct options *options);

/* Writes the table to stderr soon, on the thread of the first server. */
void observer_write_table(struct observer *observer);

/* The same from the main thread, with a group. */
void observer_post_table(struct observer *observer);

#endif
