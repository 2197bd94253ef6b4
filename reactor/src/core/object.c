/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all objects have in common: the list of live ones, the list of pending ones, the table of
 * kinds.
 *
 * Model. An object is live from its start to its close callback, and then in the reactor's list. It
 * is pending when it has something to do that must not be done inside the user's call: deliver what
 * was held back, write a request, close. The flush goes through the pending objects, newest first;
 * what becomes pending meanwhile is flushed in the same turn, for a bounded number of rounds.
 *
 * Invariants. An object leaves the live list with nothing in flight, as the last that its closed
 * handler, completion, task or flush does. A flush never ends another object: the memory of what is
 * pending stays valid throughout.
 */
#include "internal.h"

#if KEVY_RING_SUPPORTED

/* Rounds a turn: enough for what callbacks of a flush set off, too few for them to starve the wait.
 */
#define FLUSH_ROUNDS 4

static const struct {
    const char *name;
    void (*flush)(struct kevy_x_object *object);
    void (*abort)(struct kevy_x_object *object);
    void (*closed)(struct kevy_x_object *object);
} kinds[KIND_COUNT] = {
    [KIND_STREAM] = {"stream", stream_flush, stream_object_abort, stream_object_closed},
    [KIND_LISTENER] = {"listener", listener_flush, listener_object_abort, listener_object_closed},
    [KIND_WORK] = {"work", work_flush, work_object_abort, NULL},
    [KIND_LOOKUP] = {"lookup", lookup_flush, lookup_object_abort, NULL},
    [KIND_CONNECT] = {"connect", connect_flush, connect_object_abort, NULL},
    [KIND_CHILD] = {"child", child_flush, child_object_abort, NULL},
    [KIND_DATAGRAM] = {"datagram", datagram_flush, datagram_object_abort, datagram_object_closed},
    [KIND_FILE] = {"file", file_flush, file_object_abort, file_object_closed},
};

void object_link(struct kevy_x_object *object, struct kevy_reactor *reactor, enum object_kind kind)
{
    thread_check(reactor);
    object->reactor = reactor;
    object->kind = (uint8_t)kind;
    object->in_flight = 0;
    assert(((uintptr_t)object & OPERATION_MASK) == 0);
    object->pending_next = NULL;
    object->previous = NULL;
    object->next = reactor->objects;
    if (reactor->objects != NULL)
        reactor->objects->previous = object;
    reactor->objects = object;
    reactor->stats.objects++;
}

/* The pending list is linked one way: taking out is rare, and the list is short when it happens. */
static void pending_remove(struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;
    struct kevy_x_object **link = &reactor->pending;

    while (*link != object)
        link = &(*link)->pending_next;
    *link = object->pending_next;
    object->pending_next = NULL;
}

void object_unlink(struct kevy_x_object *object)
{
    assert(object->in_flight == 0);
    if (object->pending_next != NULL)
        pending_remove(object);
    if (object->previous != NULL)
        object->previous->next = object->next;
    else
        object->reactor->objects = object->next;
    if (object->next != NULL)
        object->next->previous = object->previous;
    object->next = NULL;
    object->previous = NULL;
    object->reactor->stats.objects--;
}

static void nudge_run(struct kevy_task *task, struct kevy_reactor *reactor)
{
    (void)task;
    (void)reactor;
}

void object_unlink_flushed(struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;

    object_unlink(object);
    reactor->nudge.run = nudge_run;
    if (reactor->deferred_first == NULL)
        kevy_reactor_defer(reactor, &reactor->nudge);
}

const char *object_kind_name(const struct kevy_x_object *object)
{
    return kinds[object->kind].name;
}

void object_abort(struct kevy_x_object *object)
{
    kinds[object->kind].abort(object);
}

static void pending_flush(struct kevy_reactor *reactor)
{
    struct kevy_x_object *object = reactor->pending;

    reactor->pending = &reactor->pending_end;
    while (object != &reactor->pending_end) {
        struct kevy_x_object *next = object->pending_next;

        object->pending_next = NULL;
        kinds[object->kind].flush(object);
        object = next;
    }
}

void object_flush_all(struct kevy_reactor *reactor)
{
    for (int round = 0; round < FLUSH_ROUNDS && objects_pending(reactor); round++)
        pending_flush(reactor);
}

void object_closed(struct kevy_reactor *reactor, void *owner, int result, uint32_t flags)
{
    struct kevy_x_object *object = owner;

    /* The descriptor is gone whatever close(2) reports: Linux frees it before it can fail. */
    (void)reactor;
    (void)result;
    (void)flags;
    object->in_flight--;
    kinds[object->kind].closed(object);
}

#endif /* KEVY_RING_SUPPORTED */
