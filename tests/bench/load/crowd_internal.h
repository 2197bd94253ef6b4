/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What crowd.c and crowd_open.c share. */
#ifndef BENCH_CROWD_INTERNAL_H
#define BENCH_CROWD_INTERNAL_H

#include "connection.h"
#include "settings.h"
#include "tally.h"

enum pace { PACE_CLOSED, PACE_STEP, PACE_OPEN, PACE_UNLIMITED, PACE_READING };

struct crowd {
    const struct settings *settings;
    struct tally *tally;
    struct dialogue dialogue;
    struct dialogue hog_dialogue;
    enum pace pace;
    uint64_t interval_ns; /* of the schedule, at the open and the reading pace */
    struct connection *all;
    uint32_t count; /* without hogs, which stand behind the others */
    uint32_t count_all;
    uint64_t *begun_ns;
    int epoll;
    /* Of this phase: */
    uint64_t begin_ns;
    uint64_t deadline_ns;
    uint64_t end_ns;
    uint64_t scheduled;   /* turns of the schedule that have come */
    uint64_t may_allow;   /* requests still to be allowed */
    uint64_t outstanding; /* allowed, not answered; without the unlimited, until they stop */
    bool stopping;
};

static inline bool is_hog(const struct crowd *crowd, const struct connection *connection)
{
    return connection->index >= crowd->count;
}

static inline bool is_unlimited(const struct crowd *crowd, const struct connection *connection)
{
    return crowd->pace == PACE_UNLIMITED || is_hog(crowd, connection);
}

/* Connects them all, as the settings say. Returns 0 or a negative errno. */
int crowd_open(struct crowd *crowd);

/* (Un)watches a connection's socket for what it waits for, by epoll_ctl(2). Returns 0 or a negative
 * errno. */
int crowd_watch(struct crowd *crowd, struct connection *connection, int operation);

#endif
