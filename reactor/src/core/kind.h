/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Kinds of objects, as far as the core knows them: numbers and tables.
 *
 * Model. Each kind exports one table of operations; one file on top, kinds.c, names all of them in
 * a kind_table, and every reactor points at that. So the core calls any object without knowing what
 * it is, and no kind knows another unless the design says so.
 *
 * States. A kind's states are numbers from 0, which is idle for every kind: not started, or ended.
 * The table says which state may follow which; object_state_set() asserts it.
 */
#ifndef KEVY_REACTOR_KIND_H
#define KEVY_REACTOR_KIND_H

#include "core/names.h"

#include "core/check.h"
#include "core/request.h"

#include <kevy/task.h>

/* What the kinds have as numbers; the core looks at none of them. */
enum object_kind {
    KIND_STREAM,
    KIND_LISTENER,
    KIND_WORK,
    KIND_LOOKUP,
    KIND_CONNECTOR,
    KIND_CHILD,
    KIND_DATAGRAM,
    KIND_FILE,
    KIND_COUNT,
};

/* The state of every kind that is not started, or has ended. */
#define OBJECT_IDLE 0U

/* A kind has no more states than this. */
#define STATES_MAX 8U

/* For object_kind_operations.next. */
#define STATE(state) (1U << (state))

/* What an object costs the others when memory is short. */
struct weight {
    uint64_t bytes;
    uint32_t stalled_s;
};

/* What the core asks of one kind. Each function gets a live object of the kind. */
struct object_kind_operations {
    const char *name; /* for kevy_reactor_for_each_object() */
    /* Does what the object has to do; comes once a round for every object that is pending. */
    void (*flush)(struct kevy_x_object *object);
    /* Marks the object to end as soon as it can, with -ECANCELED. Calls nobody back. */
    void (*abort)(struct kevy_x_object *object);
    /* The request that closed its descriptor is answered. NULL: it makes no such request. */
    void (*closed)(struct kevy_x_object *object);
    /* Buffers are back, for which it waited: arms its request. Returns how many buffers that may
     * take in one go, 0 when it wants none. NULL: it receives nothing. */
    uint32_t (*feed)(struct kevy_x_object *object);
    /* How many bytes of the reactor's memory its end would free, and for how many seconds it has
     * freed none by itself. NULL: it holds none to speak of. */
    struct weight (*weigh)(const struct kevy_x_object *object);
    /* Memory is tight: ends a request that may bring much at once. May be NULL. */
    void (*restrain)(struct kevy_x_object *object);
    /* Marks the object to end for want of memory, with -ENOMEM. Calls nobody back. */
    void (*evict)(struct kevy_x_object *object);
    /* Others are told that the reactor finishes only when these have ended. */
    bool finishes_first;
#if DEBUG_CHECKS
    /* Asserts what holds for the object before every flush. May be NULL. */
    void (*check)(const struct kevy_x_object *object);
#endif
    /* The states that may follow each state, as STATE() bits. */
    uint8_t next[STATES_MAX];
};

/* All kinds, as a reactor sees them. */
struct kind_table {
    const struct object_kind_operations *kinds[KIND_COUNT];
    operation_handler handlers[OPERATION_COUNT];
    const char *operation_names[OPERATION_COUNT]; /* for a trace */
    /* A node of the wheel of deadlines came up: a stream's. */
    void (*deadline_due)(struct kevy_x_wheel_node *node);
    /* Somebody who waited for a free descriptor may go on: a listener. Calls nobody back. */
    void (*descriptor_free)(struct kevy_x_waiter *waiter);
    kevy_task_run job_delivered; /* the task by which a job of the workers comes home */
};

#endif /* KEVY_REACTOR_KIND_H */
