/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Memory that runs short; the model is in pressure.h. */
#include "core/pressure.h"

#if KEVY_RING_SUPPORTED

#include "core/object.h"

/* Each is found by a walk through all objects. */
#define EVICTED_MAX 4U

/* The object that weighs most, or NULL where none holds anything; *bytes is what it would free. */
static struct kevy_x_object *heaviest(const struct kevy_reactor *reactor, uint64_t *bytes)
{
    struct kevy_x_object *found = NULL;
    uint64_t most = 0;

    for (struct kevy_x_object *object = reactor->objects; object != NULL; object = object->next) {
        const struct object_kind_operations *operations = object_operations(object);
        struct weight weight = {0};

        if (operations->weigh != NULL)
            weight = operations->weigh(object);
        if (weight.bytes * (weight.stalled_s + 1ULL) <= most)
            continue;
        most = weight.bytes * (weight.stalled_s + 1ULL);
        *bytes = weight.bytes;
        found = object;
    }
    return found;
}

/* What was armed when there was plenty may bring a run of buffers each. */
static void restrain(struct kevy_reactor *reactor)
{
    if (reactor->memory.restrained || !memory_tight(&reactor->memory))
        return;
    reactor->memory.restrained = true;
    for (struct kevy_x_object *object = reactor->objects; object != NULL; object = object->next)
        if (object_operations(object)->restrain != NULL)
            object_operations(object)->restrain(object);
}

void pressure_relieve(struct kevy_reactor *reactor)
{
    uint64_t left = memory_left(&reactor->memory);
    uint64_t bytes = 0;

    reactor->memory.pressed = false;
    restrain(reactor);
    if (!reactor->memory.needed)
        return;
    reactor->memory.needed = false;
    for (unsigned count = 0; count < EVICTED_MAX; count++) {
        struct kevy_x_object *object;

        if (left >= memory_reserve(&reactor->memory))
            return;
        object = heaviest(reactor, &bytes);
        if (object == NULL)
            return;
        object_operations(object)->evict(object);
        reactor->stats.evictions++;
        left += bytes;
    }
}

#endif /* KEVY_RING_SUPPORTED */
