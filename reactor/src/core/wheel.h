/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A hierarchical timing wheel: what is due when.
 *
 * Model (Varghese and Lauck 1987, scheme 7). Time is cut into ticks of 2^20 ns. Level 0 has a slot
 * for each of the next 64 ticks, level 1 for each of the next 64 blocks of 64 ticks, and so on over
 * 8 levels, which is every deadline that 64 bits of nanoseconds can name. A node sits in the level
 * of the highest bit in which its tick differs from the wheel's; when the wheel reaches its block
 * the node moves down. One bitmap a level tells which slots are in use, so that the next one is
 * found by counting zero bits.
 *
 * A slot may hold a million nodes. It is emptied into the list of those that move, in one step
 * whatever its length, and from there WHEEL_MOVES nodes an advance; the wheel's tick stands still
 * until that list is empty, and `next_ns` says that there is work.
 *
 * Invariants. A filed node's tick is above the wheel's `tick`, except for those that move and those
 * that are due. A deadline is rounded up to its tick: a node is never handed out early. `next_ns`
 * is never later than the earliest filed deadline's tick; it may be earlier, which costs one idle
 * turn. Nothing here calls back, allocates or reads a clock.
 *
 * One node is due at a time: wheel_due() hands out the next, so a callback may file and unfile any
 * other node meanwhile, those that are due included.
 */
#ifndef KEVY_REACTOR_WHEEL_H
#define KEVY_REACTOR_WHEEL_H

#include "core/names.h"

#include <kevy/timer.h>

#include <stdbool.h>
#include <stdint.h>

#define WHEEL_TICK_SHIFT 20U
#define WHEEL_SLOT_BITS  6U
#define WHEEL_SLOTS      (1U << WHEEL_SLOT_BITS)
#define WHEEL_LEVELS     8U

/* Nodes that one advance moves down at most: some hundred microseconds when none is cached. */
#define WHEEL_MOVES 4096U

/* The slots of each level, then the nodes that move, then those that are due. */
#define WHEEL_MOVE_LIST (WHEEL_LEVELS * WHEEL_SLOTS)
#define WHEEL_DUE_LIST  (WHEEL_MOVE_LIST + 1)
#define WHEEL_LISTS     (WHEEL_DUE_LIST + 1)

struct wheel {
    uint64_t tick;    /* every filed node of this tick or before moves or is due */
    uint64_t next_ns; /* nothing is due before; UINT64_MAX when nothing is filed */
    uint64_t used[WHEEL_LEVELS];
    struct kevy_x_wheel_node lists[WHEEL_LISTS]; /* circular, headed by themselves */
};

/* Empties the wheel and sets its clock. */
void wheel_init(struct wheel *wheel, uint64_t now_ns);

/* Files `node`, which must not be filed, to be due at node->deadline_ns. */
void wheel_file(struct wheel *wheel, struct kevy_x_wheel_node *node);

/* Takes `node` out, wherever it is. Idempotent. */
void wheel_unfile(struct kevy_x_wheel_node *node);

/* Unfiles every node. */
void wheel_empty(struct wheel *wheel);

/*
 * Moves the clock to `now_ns`, or on the way there when more than WHEEL_MOVES nodes have to move:
 * then `next_ns` is 0, and the next advance goes on. Returns true when something is due.
 */
bool wheel_advance(struct wheel *wheel, uint64_t now_ns);

/* Takes out the next node that is due, or returns NULL. */
struct kevy_x_wheel_node *wheel_due(struct wheel *wheel);

static inline bool wheel_filed(const struct kevy_x_wheel_node *node)
{
    return node->next != NULL;
}

#endif /* KEVY_REACTOR_WHEEL_H */
