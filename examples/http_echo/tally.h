/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * tally.h - the counters of all threads, collected while they serve.
 *
 * Model. The tally belongs to the reactor of the first server. To collect, it posts a task to each
 * other reactor; the task takes a sample on its thread and posts one back:
 *
 *     tally_collect() --> ask --> each thread: sample_take() --> tell --> `done`
 *
 * So no counter is read while another thread writes it, and none needs an atomic operation.
 *
 * Invariants.
 * - One collection runs at a time. Whoever asks meanwhile gets the next one.
 * - A thread whose loop has ended keeps its last sample.
 * - If a loop ends between `ask` and `tell`, the program is ending, and `done` never comes.
 */
#ifndef HTTP_ECHO_TALLY_H
#define HTTP_ECHO_TALLY_H

#include "sample.h"

#include <kevy/group.h>
#include <kevy/reactor.h>
#include <kevy/task.h>

#include <stdbool.h>
#include <stdint.h>

struct server;
struct tally;

/* Somebody who waits for a collection. `done` comes in a later turn, on the thread of the tally. */
struct tally_wait {
    void (*done)(struct tally_wait *wait, const struct tally *tally);
    struct tally_wait *next; /* private */
};

/* The way of one server's sample. */
struct tally_part {
    struct kevy_task ask;
    struct kevy_task tell;
    struct tally *tally;
    struct server *server;
    struct sample fresh; /* of the server's thread, from `ask` to `tell` */
};

struct tally {
    uint32_t count;         /* of servers */
    struct sample *samples; /* one for each of them */
    struct sample total;
    uint64_t time_ns; /* of CLOCK_MONOTONIC, when the last sample had come */

    struct tally_part *parts; /* private from here on */
    struct kevy_group **group;
    struct kevy_task start;
    bool running;
    uint32_t missing;
    struct tally_wait *waiting; /* for the collection that runs, */
    struct tally_wait *later;   /* ... and for the next one */
};

/*
 * Prepares a tally of `count` servers, which are borrowed until tally_deinit(). Server i runs on
 * reactor i of *group, which may be stored later, before the first loop begins; a single server
 * needs none. Returns 0 or -ENOMEM.
 */
int tally_init(struct tally *tally, struct server *servers, uint32_t count,
               struct kevy_group **group);

/* Frees its memory, when all loops have ended. Idempotent. *tally may be all zero. */
void tally_deinit(struct tally *tally);

/* Collects, on the thread of the first server. `wait` is pinned until its `done`. */
void tally_collect(struct tally *tally, struct tally_wait *wait);

#endif
