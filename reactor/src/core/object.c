/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Live objects and pending ones; the model and the invariants are in object.h. */
#include "core/object.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_prep.h>

#include "core/submission.h"

/* Rounds a turn: enough for what callbacks of a flush set off, too few for them to starve the wait.
 */
#define FLUSH_ROUNDS 4
/* Requests of one object at once: a stream's recv, its send, its close. */
#define REQUESTS_MAX 3

const struct object_kind_operations *object_operations(const struct kevy_x_object *object)
{
    assert(object->kind < KIND_COUNT);
    return object->reactor->kinds->kinds[object->kind];
}

void object_state_set(struct kevy_x_object *object, uint8_t state)
{
    assert(object->state < STATES_MAX && state < STATES_MAX);
    assert((object_operations(object)->next[object->state] & STATE(state)) != 0);
    object->state = state;
}

/* True where the object's neighbours in the list of live ones name it. */
static assert_only bool linked(const struct kevy_x_object *object)
{
    const struct kevy_x_object *before =
        object->previous != NULL ? object->previous->next : object->reactor->objects;

    return before == object && (object->next == NULL || object->next->previous == object);
}

#if DEBUG_CHECKS
/* What holds for a live object. */
static void object_check(const struct kevy_x_object *object)
{
    const struct object_kind_operations *operations = object_operations(object);

    assert(object->state != OBJECT_IDLE && operations->next[object->state] != 0);
    assert(linked(object));
    assert(object->in_flight <= REQUESTS_MAX);
    assert(object->in_flight == 0 || operations->closed != NULL);
    if (operations->check != NULL)
        operations->check(object);
}
#endif

static void live_add(struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;

    assert(reactor->objects == NULL || reactor->objects->previous == NULL);
    object->next = reactor->objects;
    if (reactor->objects != NULL)
        reactor->objects->previous = object;
    reactor->objects = object;
    reactor->stats.objects++;
}

static void live_remove(struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;

    assert(reactor->stats.objects > 0 && linked(object));
    if (object->previous != NULL)
        object->previous->next = object->next;
    else
        reactor->objects = object->next;
    if (object->next != NULL)
        object->next->previous = object->previous;
    object->next = NULL;
    object->previous = NULL;
    reactor->stats.objects--;
}

void object_start(struct kevy_x_object *object, struct kevy_reactor *reactor, enum object_kind kind,
                  uint8_t state, uint32_t flags)
{
    thread_check(reactor);
    assert(object_idle(object) && "started twice, or its memory was not zeroed");
    assert(((uintptr_t)object & OPERATION_MASK) == 0 && "an object is aligned as its type says");
    object->reactor = reactor;
    object->kind = (uint8_t)kind;
    object->flags = flags | (reactor->finishing && !reactor->finish_waits ? OBJECT_FINISH : 0);
    live_add(object);
    object_state_set(object, state);
    object_pend(object);
}

/* The pending list is linked one way: taking out is rare, and the list is short when it happens. */
static void pending_remove(struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;
    struct kevy_x_object **link = &reactor->pending;

    while (*link != object) {
        assert(*link != &reactor->pending_end);
        link = &(*link)->pending_next;
    }
    *link = object->pending_next;
    object->pending_next = NULL;
}

void object_end(struct kevy_x_object *object)
{
    struct kevy_reactor *reactor = object->reactor;

    thread_check(reactor);
    assert(object->in_flight == 0 && object->state != OBJECT_IDLE);
    if (object->pending_next != NULL)
        pending_remove(object);
    live_remove(object);
    object_state_set(object, OBJECT_IDLE);
    object->flags = 0;
    reactor->told_in_flush |= reactor->flushing;
    assert(object_idle(object));
}

bool object_cancel(struct kevy_x_object *object, uint64_t user_data)
{
    struct kevy_sqe *sqe = submission_cancel_sqe(object->reactor);

    assert(object->in_flight > 0 && (user_data & ~(uint64_t)OPERATION_MASK) != 0);
    if (sqe != NULL)
        kevy_prep_cancel(sqe, user_data, 0);
    else
        object_pend(object);
    return sqe != NULL;
}

/* Tells all of the first, or all of the others. Returns true if there are any. */
static bool finish_tell(struct kevy_reactor *reactor, bool first)
{
    bool any = false;

    for (struct kevy_x_object *object = reactor->objects; object != NULL; object = object->next) {
        if (object_operations(object)->finishes_first != first)
            continue;
        any = true;
        object->flags |= OBJECT_FINISH;
        object_pend(object);
    }
    return any;
}

void objects_finish(struct kevy_reactor *reactor)
{
    assert(reactor->finishing);
    reactor->finish_waits = finish_tell(reactor, true);
    if (!reactor->finish_waits)
        (void)finish_tell(reactor, false);
}

void objects_finish_rest(struct kevy_reactor *reactor)
{
    const struct kevy_x_object *object = reactor->objects;

    while (object != NULL && !object_operations(object)->finishes_first)
        object = object->next;
    if (object != NULL)
        return;
    reactor->finish_waits = false;
    (void)finish_tell(reactor, false);
}

static void pending_flush(struct kevy_reactor *reactor)
{
    struct kevy_x_object *object = reactor->pending;

    reactor->pending = &reactor->pending_end;
    while (object != &reactor->pending_end) {
        struct kevy_x_object *next = object->pending_next;

        assert(object->reactor == reactor && object->state != OBJECT_IDLE);
#if DEBUG_CHECKS
        object_check(object);
#endif
        object->pending_next = NULL;
        reactor->kinds->kinds[object->kind]->flush(object);
        object = next;
    }
}

/* Makes the oldest the first. */
static rare void pending_reverse(struct kevy_reactor *reactor)
{
    struct kevy_x_object *object = reactor->pending;

    reactor->pending = &reactor->pending_end;
    while (object != &reactor->pending_end) {
        struct kevy_x_object *next = object->pending_next;

        object->pending_next = reactor->pending;
        reactor->pending = object;
        object = next;
    }
}

void object_flush_all(struct kevy_reactor *reactor)
{
    assert(reactor->running && reactor->flushing);
    for (int round = 0; round < FLUSH_ROUNDS && objects_pending(reactor); round++) {
        if (unlikely(reactor->crowded))
            pending_reverse(reactor);
        pending_flush(reactor);
    }
    if (unlikely(reactor->crowded))
        reactor->crowded = objects_pending(reactor);
}

#endif /* KEVY_RING_SUPPORTED */
