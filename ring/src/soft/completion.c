/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The completion queue, when it is full.
 *
 * Model. A completion that finds the CQ full waits in an array, in order, with
 * KEVY_SQ_CQ_OVERFLOW set; an enter with KEVY_ENTER_GETEVENTS moves as many to the CQ as it has
 * room for. Only requests that end within the submit come here: the ready list waits for room
 * instead, so a multishot request is never ended by a full CQ.
 *
 * Invariants. Room for the last completion of every request is reserved before the request is
 * taken from the SQ, so that none is ever lost. The flag is set exactly while the array is not
 * empty.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#define ROOM_LEAST 256U

/* Room for `count` completions more. 0, or -ENOMEM. */
int cq_overflow_reserve(struct soft *soft, uint32_t count)
{
    struct overflow *overflow = &soft->overflow;
    uint32_t room = overflow->room != 0 ? overflow->room : ROOM_LEAST;
    struct kevy_cqe *entries;

    if (count <= overflow->room - overflow->count)
        return 0;
    while (room - overflow->count < count)
        room *= 2;
    entries = pages_take(soft, room * sizeof *entries);
    if (entries == NULL)
        return -ENOMEM;
    for (uint32_t index = 0; index < overflow->count; index++)
        entries[index] = overflow->entries[(overflow->first + index) & (overflow->room - 1)];
    pages_give(soft, overflow->entries);
    overflow->entries = entries;
    overflow->room = room;
    overflow->first = 0;
    return 0;
}

static void sq_flag_set(struct soft *soft, uint32_t flag, bool set)
{
    uint32_t flags = soft->cursors->sq_flags & ~flag;

    __atomic_store_n(&soft->cursors->sq_flags, set ? flags | flag : flags, __ATOMIC_RELAXED);
}

rare void cq_post_overflow(struct soft *soft, uint64_t user_data, int result, uint32_t flags)
{
    struct overflow *overflow = &soft->overflow;
    struct kevy_cqe *cqe;

    assert(overflow->count < overflow->room);
    cqe = &overflow->entries[(overflow->first + overflow->count++) & (overflow->room - 1)];
    cqe->user_data = user_data;
    cqe->res = result;
    cqe->flags = flags;
    soft->cq_limit = soft->cq_tail; /* what comes after it waits as well */
    sq_flag_set(soft, KEVY_SQ_CQ_OVERFLOW, true);
}

void cq_overflow_flush(struct soft *soft)
{
    struct overflow *overflow = &soft->overflow;
    uint32_t room = soft->cq_entries - cq_ready(soft);

    for (; overflow->count > 0 && room > 0; overflow->count--, room--) {
        const struct kevy_cqe *cqe = &overflow->entries[overflow->first];

        cq_push(soft, cqe->user_data, cqe->res, cqe->flags);
        overflow->first = (overflow->first + 1) & (overflow->room - 1);
    }
    sq_flag_set(soft, KEVY_SQ_CQ_OVERFLOW, overflow->count != 0);
    cq_look(soft);
}

#endif /* KEVY_RING_SUPPORTED */
