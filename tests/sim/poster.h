/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef SIM_POSTER_H
#define SIM_POSTER_H

/*
 * What comes from other threads.
 *
 * Model. While the loop sleeps in an enter anything may happen, and so tasks are posted from there,
 * as another thread would. Others are posted and deferred by tasks. The threads of a group are in
 * scenario_group.c.
 *
 * Invariants. Each task runs once, in the order of posting. A post wakes a loop that sleeps: its
 * task runs as soon as the wake has come through.
 */

#include <kevy/kevy.h>

void poster_start(struct kevy_reactor *reactor);

/* No more posts. True when all that were posted have run. */
bool poster_stop(void);

#endif
