/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef KEVY_SIM_SRC_CHAIN_H
#define KEVY_SIM_SRC_CHAIN_H

/*
 * The order of requests: chains (KEVY_SQE_IO_LINK, _HARDLINK) and drains (KEVY_SQE_IO_DRAIN).
 *
 * Model. A submit puts a chain together, request by request, and begins its head with the first
 * request that has no link flag, or at the end of the submit. Each of the others begins when the
 * one in front of it has succeeded; else it is cancelled with all behind it. A limit
 * (KEVY_OP_LINK_TIMEOUT) stands behind the request that it limits, and leaves the chain with it.
 *
 * A drain, and all that is submitted behind it, waits in a list until what was submitted before has
 * ended.
 *
 * Invariants. A request that is refused when it is submitted ends its chain before anything of it
 * has begun. What has not begun is in no list that a cancel looks at.
 */

#include "names.h"

#include <stdbool.h>
#include <stdint.h>

struct request;
struct ring;

/* Those of one ring. */
struct chains {
    struct request *first; /* of the chain that is being put together; NULL: none is */
    struct request *last;
    struct request *deferred_first; /* heads that wait: for a drain, or to be one */
    struct request *deferred_last;
    uint32_t deferred; /* requests in that list, with their chains */
    bool draining;     /* what is submitted now goes there too */
    bool drain_next;   /* what is submitted next drains: a drain was inside a chain */
    bool skips;        /* a request wanted no completion: drains are refused since */
};

/* True when the request cannot begin here and now. */
bool chain_concerns(const struct request *request);

/* Takes such a request, or one that was refused with `error`. Returns the error if it ends a chain:
 * then it ends the batch, where the ring wants that. */
int chain_take(struct request *request, int error);

/* The submit is over. */
void chain_end(struct ring *ring);

/* The request has been answered: what is behind it begins, or does not. */
void chain_follow(struct request *request, bool failed);

/* Begins what has waited long enough. */
void chains_run(struct ring *ring);

#endif
