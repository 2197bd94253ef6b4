/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "completion.h"

#include <assert.h>
#include <stdlib.h>

#include "clock.h"
#include "ring.h"
#include "world.h"

struct overflowed {
    struct kevy_cqe cqe;
    struct overflowed *next;
};

uint32_t completions_ready(const struct ring *ring)
{
    return ring->cursors->cq_tail - ring->cursors->cq_head;
}

static bool is_full(const struct ring *ring)
{
    return completions_ready(ring) == ring->cursors->cq_entries;
}

static void push(struct ring *ring, const struct kevy_cqe *cqe)
{
    ring->cqes[ring->cursors->cq_tail++ & ring->cursors->cq_mask] = *cqe;
}

static void overflow(struct ring *ring, const struct kevy_cqe *cqe)
{
    struct overflowed *entry = calloc(1, sizeof *entry);

    assert(entry != NULL);
    entry->cqe = *cqe;
    *ring->overflow_end = entry;
    ring->overflow_end = &entry->next;
    ring->cursors->sq_flags |= KEVY_SQ_CQ_OVERFLOW;
}

/* Not the user data, which are addresses. */
static void note(const struct kevy_cqe *cqe)
{
    world_note(clock_now());
    world_note((uint32_t)cqe->res | (uint64_t)cqe->flags << 32);
}

void completion_post(struct ring *ring, uint64_t user_data, int result, uint32_t flags)
{
    struct kevy_cqe cqe = {.user_data = user_data, .res = result, .flags = flags};

    ring->posted++;
    note(&cqe);
    if (ring->overflow_first != NULL || is_full(ring))
        overflow(ring, &cqe);
    else
        push(ring, &cqe);
}

bool completion_post_more(struct ring *ring, uint64_t user_data, int result, uint32_t flags)
{
    struct kevy_cqe cqe = {.user_data = user_data, .res = result, .flags = flags};

    if (ring->overflow_first != NULL || is_full(ring))
        return false;
    ring->posted++;
    note(&cqe);
    push(ring, &cqe);
    return true;
}

void completions_flush(struct ring *ring)
{
    while (ring->overflow_first != NULL && !is_full(ring)) {
        struct overflowed *entry = ring->overflow_first;

        push(ring, &entry->cqe);
        ring->overflow_first = entry->next;
        free(entry);
    }
    if (ring->overflow_first == NULL) {
        ring->overflow_end = &ring->overflow_first;
        ring->cursors->sq_flags &= ~KEVY_SQ_CQ_OVERFLOW;
    }
}
