/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * status.h - the counters by HTTP, on a port of their own.
 *
 *     /               a page that draws them
 *     /events         server-sent events: /status.json at once, and every second
 *     /metrics        for Prometheus
 *     /status.json
 *
 * Model. The listener is on the reactor of the first server. One connection gets one answer, and is
 * closed after it. An answer with counters waits until the tally has collected them; the events of
 * all watchers are one collection a second, and none without a watcher.
 *
 * Invariants.
 * - A watcher that has not read its last event misses the next one. So nothing piles up for it.
 * - At most STATUS_CLIENTS_MAX clients have memory; others wait in the backlog.
 * - A client has 10 seconds for its request, and 10 in which it reads no byte of the answer.
 */
#ifndef HTTP_ECHO_STATUS_H
#define HTTP_ECHO_STATUS_H

#include "spelling.h"
#include "tally.h"

#include <kevy/listener.h>
#include <kevy/timer.h>

#include <stdbool.h>
#include <sys/socket.h>

#define STATUS_CLIENTS_MAX 32

struct status_client;

struct status {
    struct kevy_listener listener;
    struct kevy_timer tick; /* armed while there is a watcher */
    struct tally_wait wait;
    struct tally *tally;
    const struct facts *facts;
    struct status_client *clients;
    uint32_t watchers;
    bool collecting; /* `wait` is pinned */
    bool event_due;  /* the watchers get what is collected */
};

/*
 * Listens at `address`, on the reactor of the first server of the tally. `facts` are borrowed, and
 * *status is pinned, until the reactor is destroyed. Returns 0 or an error of kevy_listener_open().
 */
int status_open(struct status *status, struct kevy_reactor *reactor,
                const struct sockaddr_storage *address, socklen_t address_length,
                struct tally *tally, const struct facts *facts);

#endif
