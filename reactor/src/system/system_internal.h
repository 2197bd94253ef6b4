/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Files, children and signals, as the top sees them; the model of each is in its own file.
 */
#ifndef KEVY_REACTOR_SYSTEM_INTERNAL_H
#define KEVY_REACTOR_SYSTEM_INTERNAL_H

#include "core/names.h"

#include "core/reactor.h"

#include <kevy/child.h>
#include <kevy/signal.h>

#include <signal.h>

enum file_state {
    FILE_IDLE = OBJECT_IDLE,
    FILE_OPENING,
    FILE_OPEN,
    FILE_CLOSING, /* operations are waited for */
    FILE_CLOSED,  /* the descriptor is being closed */
};

extern const struct object_kind_operations file_kind;
extern const struct object_kind_operations child_kind;

/* As kevy_child_watch(), with or without the ring's own waitid. */
int child_start(struct kevy_child *child, struct kevy_reactor *reactor, pid_t pid,
                kevy_child_done done, bool by_poll);

/* The signals of a reactor, made with the first watch. */
struct signals {
    struct own_poll poll; /* of the signalfd */
    struct kevy_signal *watches;
    struct kevy_task more; /* reads on in the next turn; `run` is set while it is queued */
    uint32_t round;
    sigset_t watched;
    sigset_t blocked_before;
};

/* Stops every watch: the reactor is being destroyed. */
void signals_close(struct kevy_reactor *reactor);

#endif /* KEVY_REACTOR_SYSTEM_INTERNAL_H */
