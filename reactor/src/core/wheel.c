/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* The timing wheel; its model and invariants are in wheel.h. */
#include "core/wheel.h"

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "core/check.h"

#define SLOT_MASK (WHEEL_SLOTS - 1)
#define TICK_MAX  (UINT64_MAX >> WHEEL_TICK_SHIFT)

_Static_assert(TICK_MAX >> (WHEEL_LEVELS * WHEEL_SLOT_BITS - 1) == 0, "the levels hold any tick");

/* The last tick stands for all of the 584th year: its successor would not fit into nanoseconds. */
static uint64_t tick_round_up(uint64_t ns)
{
    uint64_t tick = ns >> WHEEL_TICK_SHIFT;
    bool part = (ns & ((1ULL << WHEEL_TICK_SHIFT) - 1)) != 0;

    return part && tick < TICK_MAX ? tick + 1 : tick;
}

static uint64_t tick_ns(uint64_t tick)
{
    return tick << WHEEL_TICK_SHIFT;
}

static void list_init(struct kevy_x_wheel_node *list)
{
    list->next = list;
    list->previous = list;
}

static bool list_empty(const struct kevy_x_wheel_node *list)
{
    return list->next == list;
}

static void list_append(struct kevy_x_wheel_node *list, struct kevy_x_wheel_node *node)
{
    assert(node->next == NULL && node->previous == NULL);
    node->next = list;
    node->previous = list->previous;
    list->previous->next = node;
    list->previous = node;
}

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    memset(wheel->used, 0, sizeof wheel->used);
    wheel->tick = now_ns >> WHEEL_TICK_SHIFT;
    wheel->next_ns = UINT64_MAX;
    for (unsigned list = 0; list < WHEEL_LISTS; list++)
        list_init(&wheel->lists[list]);
}

/* The level of the highest bit in which the two differ; `tick` is above the wheel's. */
static unsigned level_of(const struct wheel *wheel, uint64_t tick)
{
    unsigned bit = 63U - (unsigned)__builtin_clzll(tick ^ wheel->tick);

    assert(tick > wheel->tick);
    return bit / WHEEL_SLOT_BITS;
}

static unsigned slot_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * WHEEL_SLOT_BITS)) & SLOT_MASK;
}

void wheel_file(struct wheel *wheel, struct kevy_x_wheel_node *node)
{
    uint64_t tick = tick_round_up(node->deadline_ns);
    unsigned level, slot;

    assert(!wheel_filed(node));
    if (tick <= wheel->tick) {
        list_append(&wheel->lists[WHEEL_DUE_LIST], node);
        wheel->next_ns = 0;
        return;
    }
    level = level_of(wheel, tick);
    slot = slot_of(tick, level);
    assert(level < WHEEL_LEVELS && slot != slot_of(wheel->tick, level));
    list_append(&wheel->lists[level * WHEEL_SLOTS + slot], node);
    wheel->used[level] |= 1ULL << slot;
    if (tick_ns(tick) < wheel->next_ns)
        wheel->next_ns = tick_ns(tick);
}

void wheel_unfile(struct kevy_x_wheel_node *node)
{
    if (!wheel_filed(node))
        return;
    assert(node->previous->next == node && node->next->previous == node);
    node->previous->next = node->next;
    node->next->previous = node->previous;
    node->next = NULL;
    node->previous = NULL;
}

void wheel_empty(struct wheel *wheel)
{
    for (unsigned list = 0; list < WHEEL_LISTS; list++)
        while (!list_empty(&wheel->lists[list]))
            wheel_unfile(wheel->lists[list].next);
    memset(wheel->used, 0, sizeof wheel->used);
    wheel->next_ns = UINT64_MAX;
}

/* Appends all of `from` to `to`, however many they are. */
static void list_splice(struct kevy_x_wheel_node *to, struct kevy_x_wheel_node *from)
{
    if (list_empty(from))
        return;
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

/* Files nodes that move anew, *left of them at most: down a level or more, or among the due. */
static void move(struct wheel *wheel, unsigned *left)
{
    struct kevy_x_wheel_node *moving = &wheel->lists[WHEEL_MOVE_LIST];

    for (; *left > 0 && !list_empty(moving); --*left) {
        struct kevy_x_wheel_node *node = moving->next;

        wheel_unfile(node);
        wheel_file(wheel, node);
    }
}

/* Bits above `slot`: the slots that the level's current turn has yet to reach. */
static uint64_t bits_above(unsigned slot)
{
    return slot == SLOT_MASK ? 0 : ~0ULL << (slot + 1);
}

/*
 * The first tick at which something has to be done: the next slot in use of the lowest level that
 * has one. Every node of a level lies in its current turn, so a lower level always comes first.
 * Slots that were emptied by unfiling are dropped from the bitmap on the way.
 */
static uint64_t next_tick(struct wheel *wheel, unsigned *level_out)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned shift = level * WHEEL_SLOT_BITS;
        unsigned current = slot_of(wheel->tick, level);
        uint64_t ahead = wheel->used[level] & bits_above(current);

        while (ahead != 0) {
            unsigned slot = (unsigned)__builtin_ctzll(ahead);
            uint64_t block = wheel->tick >> shift >> WHEEL_SLOT_BITS << WHEEL_SLOT_BITS;

            if (!list_empty(&wheel->lists[level * WHEEL_SLOTS + slot])) {
                *level_out = level;
                return (block | slot) << shift;
            }
            wheel->used[level] &= ~(1ULL << slot);
            ahead &= ahead - 1;
        }
    }
    return UINT64_MAX;
}

/* Books when there will be something to do next: at once, while nodes move. */
static void next_book(struct wheel *wheel, uint64_t tick)
{
    if (!list_empty(&wheel->lists[WHEEL_MOVE_LIST]))
        wheel->next_ns = 0;
    else
        wheel->next_ns = tick == UINT64_MAX ? UINT64_MAX : tick_ns(tick);
}

/* Moves the clock to the begin of a slot. Those of level 0 are due at that very tick. */
static void slot_reach(struct wheel *wheel, uint64_t tick, unsigned level)
{
    unsigned slot = slot_of(tick, level);
    unsigned list = level == 0 ? WHEEL_DUE_LIST : WHEEL_MOVE_LIST;

    assert(tick > wheel->tick);
    wheel->tick = tick;
    wheel->used[level] &= ~(1ULL << slot);
    list_splice(&wheel->lists[list], &wheel->lists[level * WHEEL_SLOTS + slot]);
}

#if DEBUG_CHECKS
/* Every slot that holds something is in the bitmap, and its nodes are those of its ticks. */
static void wheel_check(const struct wheel *wheel)
{
    for (unsigned list = 0; list < WHEEL_MOVE_LIST; list++) {
        const struct kevy_x_wheel_node *node = wheel->lists[list].next;
        unsigned level = list / WHEEL_SLOTS, slot = list % WHEEL_SLOTS;

        if (node == &wheel->lists[list])
            continue;
        assert((wheel->used[level] >> slot & 1) != 0);
        assert(tick_round_up(node->deadline_ns) > wheel->tick);
        assert(slot_of(tick_round_up(node->deadline_ns), level) == slot);
        assert(level_of(wheel, tick_round_up(node->deadline_ns)) == level);
    }
}
#endif

/* Bounded by the slots in use between then and now, and by the nodes that may move. */
bool wheel_advance(struct wheel *wheel, uint64_t now_ns)
{
    uint64_t target = now_ns >> WHEEL_TICK_SHIFT;
    uint64_t tick = 0;
    unsigned level = 0, left = WHEEL_MOVES;

    if (now_ns < wheel->next_ns)
        return false;
    move(wheel, &left);
    while (list_empty(&wheel->lists[WHEEL_MOVE_LIST])) {
        tick = next_tick(wheel, &level);
        if (tick > target)
            break;
        slot_reach(wheel, tick, level);
        move(wheel, &left);
    }
    if (tick > target && target > wheel->tick)
        wheel->tick = target;
    next_book(wheel, tick);
#if DEBUG_CHECKS
    wheel_check(wheel);
#endif
    if (list_empty(&wheel->lists[WHEEL_DUE_LIST]))
        return false;
    wheel->next_ns = 0;
    return true;
}

struct kevy_x_wheel_node *wheel_due(struct wheel *wheel)
{
    struct kevy_x_wheel_node *due = &wheel->lists[WHEEL_DUE_LIST];
    struct kevy_x_wheel_node *node = due->next;
    unsigned level;

    if (node == due) {
        next_book(wheel, next_tick(wheel, &level));
        return NULL;
    }
    assert(tick_round_up(node->deadline_ns) <= wheel->tick); /* never early */
    wheel_unfile(node);
    return node;
}

#endif /* KEVY_RING_SUPPORTED */
