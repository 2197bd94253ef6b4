/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What all objects have in common: the list of live ones, the list of pending ones, their state.
 *
 * Model. An object is live from its start to its last callback, and then in the reactor's list. It
 * is pending when it has something to do that must not be done inside the user's call: deliver what
 * waits, write a request, close. The flush goes through the pending objects, newest first; what
 * becomes pending meanwhile is flushed in the same turn, for a bounded number of rounds. An object
 * that finds the submission queue refused by the kernel simply stays pending. As long as there are
 * such objects the flush goes oldest first: otherwise those that come would starve those that wait.
 *
 * Invariants. An object that is idle is in no list and has nothing in flight: so looks one that is
 * all zero, and one that has ended. An object leaves the live list with nothing in flight, as the
 * last that its closed handler, completion, task or flush does. A flush never ends another object:
 * the memory of what is pending stays valid throughout.
 */
#ifndef KEVY_REACTOR_OBJECT_H
#define KEVY_REACTOR_OBJECT_H

#include "core/names.h"

#include "core/reactor.h"

/* For kevy_x_object.flags, of every kind; the kinds' own flags use the bits below. */
#define OBJECT_FINISH  (1U << 31) /* the reactor finishes and the object has yet to be told */
#define OBJECT_ABORTED (1U << 30) /* by the reactor, as were all that are older */

/* True for an object that is all zero or has ended, as far as the core can see. */
static inline bool object_idle(const struct kevy_x_object *object)
{
    return object->state == OBJECT_IDLE && object->in_flight == 0 && object->next == NULL &&
           object->previous == NULL && object->pending_next == NULL;
}

/*
 * Makes an idle object live, in `state` and with `flags` of its kind, and pending. One that starts
 * while the reactor finishes is told so by its first flush.
 */
void object_start(struct kevy_x_object *object, struct kevy_reactor *reactor, enum object_kind kind,
                  uint8_t state, uint32_t flags);

/*
 * A callback comes now. One that comes from the flush keeps a single turn from sleeping: the caller
 * of kevy_reactor_run_once() may wait for just this, and nothing else may happen.
 */
static inline void object_tells(const struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;

    reactor->told_in_flush |= reactor->flushing && reactor->single;
}

/* Makes a live object idle; its last callback comes right after this. */
void object_end(struct kevy_x_object *object);

void object_state_set(struct kevy_x_object *object, uint8_t state);
const struct object_kind_operations *object_operations(const struct kevy_x_object *object);

/*
 * Asks the kernel to cancel the request of that name. Returns true, or false where it takes nothing
 * at the moment; then the object is pending, and its next flush has to ask again.
 */
bool object_cancel(struct kevy_x_object *object, uint64_t user_data);

/*
 * Tells live objects that the reactor finishes. Listeners come first: the clients of streams that
 * end connect again at once, and would meet a listener that is about to close.
 */
void objects_finish(struct kevy_reactor *reactor);

/* Tells the others, once the first have ended. */
void objects_finish_rest(struct kevy_reactor *reactor);

void object_flush_all(struct kevy_reactor *reactor);

static inline bool objects_pending(const struct kevy_reactor *reactor)
{
    return reactor->pending != &reactor->pending_end;
}

/* Makes the object's flush come, at the end of this turn. */
static inline void object_pend(struct kevy_x_object *object)
{
    thread_check(object->reactor);
    if (object->pending_next != NULL)
        return;
    assert(object->state != OBJECT_IDLE);
    object->pending_next = object->reactor->pending;
    object->reactor->pending = object;
}

/* A request of the object's own is in the queue. */
static inline void object_request_begun(struct kevy_x_object *object)
{
    debug_assert(object->in_flight < UINT16_MAX);
    object->in_flight++;
}

static inline void object_request_ended(struct kevy_x_object *object)
{
    debug_assert(object->in_flight > 0);
    object->in_flight--;
}

#endif /* KEVY_REACTOR_OBJECT_H */
