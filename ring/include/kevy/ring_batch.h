/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_batch.h - reserving and reaping in loops, with the cursor in a register.
 *
 * Model. kevy_ring_sqe() and kevy_ring_next() keep their cursor in the ring, where every store to
 * an SQE makes the compiler read it again and where each call waits for the last one's store. A
 * loop that does many can take the cursor out, work on the copy and put it back:
 *
 *     struct kevy_sqe_batch batch = kevy_sqe_batch_begin(&ring, count);
 *     for (uint64_t i = 0; (sqe = kevy_sqe_batch_next(&batch, i)) != NULL; i++)
 *         kevy_prep_...(sqe, ...);
 *     kevy_sqe_batch_end(&ring, &batch);
 *
 * Invariants. Positions count bytes over 64 bits and are masked to index, so that no shift is left
 * in the loop. Between begin and end the ring itself must not be used on the same side: neither
 * kevy_ring_sqe() nor anything that enters while an SQE batch is open, neither kevy_ring_next() nor
 * anything that enters while a CQE batch is. What was not ended was not reserved, and not reaped.
 */
#ifndef KEVY_RING_BATCH_H
#define KEVY_RING_BATCH_H

#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

KEVY_BEGIN_DECLS

struct kevy_sqe_batch {
    char *slots;
    uint64_t position; /* of the next slot, in bytes, free running */
    uint64_t limit;    /* where the queue is full */
    uint64_t mask;
    uint64_t slot_size;
};

/* Opens a batch of at most `wanted` slots, fewer where there is not room for as many. */
static inline struct kevy_sqe_batch kevy_sqe_batch_begin(struct kevy_ring *ring, uint32_t wanted)
{
    struct kevy_sqe_batch batch;
    uint32_t space;

    ring->sqe_limit = __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE) + ring->sq_entries;
    space = ring->sqe_limit - ring->sqe_tail;
    if (space > wanted)
        space = wanted;

    batch.slots = (char *)ring->sqes;
    batch.position = (uint64_t)ring->sqe_tail << ring->sqe_shift;
    batch.limit = batch.position + ((uint64_t)space << ring->sqe_shift);
    batch.mask = (uint64_t)ring->sq_mask << ring->sqe_shift;
    batch.slot_size = UINT64_C(1) << ring->sqe_shift;
    return batch;
}

/* As kevy_ring_sqe(): the next slot, a NOP with `user_data` so far, or NULL when there is none. */
static inline struct kevy_sqe *kevy_sqe_batch_next(struct kevy_sqe_batch *batch, uint64_t user_data)
{
    struct kevy_sqe *sqe;

    if (__builtin_expect(batch->position == batch->limit, 0))
        return NULL;
    sqe = (struct kevy_sqe *)(void *)(batch->slots + (batch->position & batch->mask));
    batch->position += batch->slot_size;
    kevy_x_sqe_clear(sqe, user_data);
    return sqe;
}

/* Closes the batch: what it reserved goes with the next submit. */
static inline void kevy_sqe_batch_end(struct kevy_ring *ring, const struct kevy_sqe_batch *batch)
{
    ring->sqe_tail = (uint32_t)(batch->position >> ring->sqe_shift);
}

struct kevy_cqe_batch {
    const char *slots;
    uint64_t position; /* of the next CQE, in bytes, free running */
    uint64_t limit;    /* behind the last one that is there */
    uint64_t mask;
    uint64_t slot_size;
    uint32_t special; /* KEVY_CQE_F_SKIP and KEVY_CQE_F_32 on mixed rings, elsewhere nothing */
};

/* Opens a batch with the completions that are there now. */
static inline struct kevy_cqe_batch kevy_cqe_batch_begin(struct kevy_ring *ring)
{
    struct kevy_cqe_batch batch;
    uint32_t ready = kevy_ring_ready(ring);

    batch.special = 0;
    if (__builtin_expect((ring->setup_flags & KEVY_SETUP_CQE_MIXED) != 0, 0)) {
        batch.special = KEVY_CQE_F_SKIP | KEVY_CQE_F_32;
        kevy_x_ring_phantom_note(ring);
        if (ring->has_phantom && ring->phantom == ring->cqe_head) {
            ring->has_phantom = false;
            ring->cqe_head++;
            ready--;
        }
        if (ring->has_phantom && ring->phantom - ring->cqe_head < ready)
            ready = ring->phantom - ring->cqe_head; /* the next batch begins behind it */
    }
    batch.slots = (const char *)ring->cqes;
    batch.position = (uint64_t)ring->cqe_head << ring->cqe_shift;
    batch.limit = batch.position + ((uint64_t)ready << ring->cqe_shift);
    batch.mask = (uint64_t)ring->cq_mask << ring->cqe_shift;
    batch.slot_size = UINT64_C(1) << ring->cqe_shift;
    return batch;
}

/* As kevy_ring_next(): the CQE is BORROWED until kevy_cqe_batch_end(). */
static inline const struct kevy_cqe *kevy_cqe_batch_next(struct kevy_cqe_batch *batch)
{
    while (batch->position != batch->limit) {
        const struct kevy_cqe *cqe =
            (const struct kevy_cqe *)(const void *)(batch->slots + (batch->position & batch->mask));

        batch->position += batch->slot_size;
        if (__builtin_expect((cqe->flags & batch->special) == 0, 1))
            return cqe;
        if (cqe->flags & KEVY_CQE_F_SKIP)
            continue;
        batch->position += batch->slot_size;
        return cqe;
    }
    return NULL;
}

/* Closes the batch and gives the slots of what it handed out back to the kernel. */
static inline void kevy_cqe_batch_end(struct kevy_ring *ring, const struct kevy_cqe_batch *batch)
{
    ring->cqe_head = (uint32_t)(batch->position >> ring->cqe_shift);
    ring->cqe_tail = ring->cqe_head; /* so that kevy_ring_next() looks anew */
    kevy_ring_release(ring);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_BATCH_H */
