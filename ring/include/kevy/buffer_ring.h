/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/buffer_ring.h - a ring of buffers that the kernel picks from when data arrives.
 *
 * Model. A group of equal buffers, named by a 16-bit group id that a request with BUFFER_SELECT
 * carries. A buffer is in one of two hands: the kernel's (in the ring) or the caller's (LENT). It
 * changes hands twice a round:
 *
 *     kernel --(CQE with F_BUFFER)--> kevy_buffer_ring_take() --> caller
 *     caller --> kevy_buffer_ring_give() ... kevy_buffer_ring_publish() --> kernel
 *
 * Giving stages; one publish makes any number of staged buffers visible with a single store.
 *
 * Invariants. Every id below `entries` is in exactly one hand; a buffer given twice, given without
 * having been taken, or with a foreign id is an assertion: the kernel would hand the same memory
 * out twice. The order in the ring is the order of giving, and has nothing to do with ids. Our
 * stores to a slot cover its first 14 bytes only, because the tail lies over the last two of slot
 * 0.
 *
 * Ownership. The struct is the caller's and PINNED from init to deinit; the kernel writes into its
 * memory all that time. Cancel and reap the requests of the group, deinit the buffer ring, then
 * deinit the ring: the order is asserted.
 *
 * One thread, the ring's. From Linux 5.19; multishot recv, its main use, from 6.0.
 */
#ifndef KEVY_BUFFER_RING_H
#define KEVY_BUFFER_RING_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_ring;

/* For kevy_buffer_ring_options.flags. */
#define KEVY_BUFFER_RING_KERNEL_MAPPED 1U /* the kernel allocates the ring's own pages (6.4) */
#define KEVY_BUFFER_RING_INCREMENTAL   2U /* a buffer may be used up in several pieces (6.12) */
#define KEVY_BUFFER_RING_CALLERS       4U /* the buffers are the caller's, given by _add() */

struct kevy_buffer_ring_options {
    uint32_t entries;     /* buffers in the kernel's hand at most, a power of two, 1 to 32768 */
    uint32_t buffer_size; /* bytes each, at least 1; 0 with CALLERS */
    uint32_t min_left;    /* INCREMENTAL: retire a buffer with less than this left (6.18.y) */
    uint32_t flags;       /* KEVY_BUFFER_RING_* */
    uint16_t group;       /* the id that requests name; unique on this ring */
};

/* Private: in kevy_buffer_ring.hands, whose hand a buffer is in. Neither: it is no buffer of the
 * group. */
#define KEVY_X_BUFFER_LENT   0x10000U
#define KEVY_X_BUFFER_KERNEL 0x20000U

struct kevy_buffer_ring {
    struct kevy_buf *slots; /* shared with the kernel; the tail overlays slot 0 */
    uint8_t *buffers;       /* entries * buffer_size bytes, the kernel writes what it holds */
    uint8_t **addresses;    /* per id: where a caller's buffer is (CALLERS), or NULL */
    uint32_t *hands;        /* for any 16-bit id: its hand, and the position of its last giving */
    uint32_t *offsets;      /* per id: bytes used up so far (INCREMENTAL), or NULL */
    uint32_t buffer_size;
    uint32_t entries;
    uint32_t mask;
    uint32_t tail;       /* staged; free running, the kernel sees its lower 16 bits */
    uint32_t lent_count; /* buffers in the caller's hand */
    uint16_t group;

    struct kevy_ring *ring;
    struct kevy_buffer_ring *next; /* in ring->buffer_rings */
    void *memory; /* the one mapping: slots (unless kernel-mapped), state, buffers */
    size_t memory_size;
    void *kernel_memory;
    size_t kernel_size;
};

/*
 * Allocates `options->entries` buffers, registers them with *ring as one group and gives all of
 * them to the kernel. Needs one mapping, made here; nothing is allocated later.
 *
 * Returns 0, or -EINVAL (a size or flag that this kernel refuses, or a kernel before 5.19), -EEXIST
 * (the group id is taken), -ENOMEM. On failure *buffer_ring is safe for kevy_buffer_ring_deinit().
 */
KEVY_API int kevy_buffer_ring_init(struct kevy_buffer_ring *buffer_ring, struct kevy_ring *ring,
                                   const struct kevy_buffer_ring_options *options);

/*
 * Unregisters the group, then frees its memory. No request of the group may be in flight. Accepts a
 * zeroed struct, one whose init failed and one already deinitialised. The ring must still be alive.
 */
KEVY_API void kevy_buffer_ring_deinit(struct kevy_buffer_ring *buffer_ring);

/*
 * The kernel's own cursor of the group, free running over 16 bits: how many buffers it has consumed
 * (6.8). Returns 0 to 65535, or -EINVAL on older kernels.
 */
KEVY_API int kevy_buffer_ring_head(const struct kevy_buffer_ring *buffer_ring);

/*
 * How many buffers the kernel can still pick (6.8): published, and not consumed. Returns 0 to
 * `entries`, or -EINVAL on older kernels.
 */
KEVY_API int kevy_buffer_ring_available(const struct kevy_buffer_ring *buffer_ring);

/*
 * The id of the buffer that a CQE names. Only a CQE with KEVY_CQE_F_BUFFER names one; the result
 * does not tell, because an error or an end may come with a buffer or without.
 */
static inline uint16_t kevy_buffer_id(uint32_t cqe_flags)
{
    assert((cqe_flags & KEVY_CQE_F_BUFFER) != 0);
    return (uint16_t)(cqe_flags >> KEVY_CQE_BUFFER_SHIFT);
}

/*
 * Takes buffer `id`, named by a CQE, from the kernel: it is LENT to the caller until
 * kevy_buffer_ring_give(). Returns its memory. For rings that are not INCREMENTAL.
 */
static inline uint8_t *kevy_buffer_ring_take(struct kevy_buffer_ring *buffer_ring, uint16_t id)
{
    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_KERNEL) != 0);
    buffer_ring->hands[id] ^= KEVY_X_BUFFER_KERNEL | KEVY_X_BUFFER_LENT;
    buffer_ring->lent_count++;
    return buffer_ring->buffers + (size_t)id * buffer_ring->buffer_size;
}

/*
 * As kevy_buffer_ring_take(), of a ring with CALLERS: returns the memory that was added under `id`.
 */
static inline uint8_t *kevy_buffer_ring_take_added(struct kevy_buffer_ring *buffer_ring,
                                                   uint16_t id)
{
    assert(buffer_ring->addresses != NULL);
    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_KERNEL) != 0);
    buffer_ring->hands[id] = 0;
    buffer_ring->lent_count++;
    return buffer_ring->addresses[id];
}

/*
 * Takes `length` bytes of an INCREMENTAL ring's buffer. `cqe_flags` are the CQE's: with
 * KEVY_CQE_F_BUF_MORE the buffer stays in the kernel's hand and the piece is BORROWED until the
 * buffer has been given back later; without it the buffer is LENT as by kevy_buffer_ring_take().
 */
static inline uint8_t *kevy_buffer_ring_take_piece(struct kevy_buffer_ring *buffer_ring,
                                                   uint32_t cqe_flags, uint32_t length)
{
    uint16_t id = kevy_buffer_id(cqe_flags);
    uint8_t *piece;

    assert(buffer_ring->offsets != NULL);
    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_KERNEL) != 0);
    piece = buffer_ring->addresses != NULL
                ? buffer_ring->addresses[id]
                : buffer_ring->buffers + (size_t)id * buffer_ring->buffer_size;
    piece += buffer_ring->offsets[id];
    buffer_ring->offsets[id] += length;
    assert(buffer_ring->addresses != NULL || buffer_ring->offsets[id] <= buffer_ring->buffer_size);
    if ((cqe_flags & KEVY_CQE_F_BUF_MORE) == 0) {
        buffer_ring->offsets[id] = 0; /* for when it is given again */
        buffer_ring->hands[id] ^= KEVY_X_BUFFER_KERNEL | KEVY_X_BUFFER_LENT;
        buffer_ring->lent_count++;
    }
    return piece;
}

/*
 * The id that follows `id` in ring order: a bundle (6.10) names its first buffer only and fills the
 * next ones in the order in which they were given, whatever their ids.
 */
static inline uint16_t kevy_buffer_ring_after(const struct kevy_buffer_ring *buffer_ring,
                                              uint16_t id)
{
    uint32_t position;

    position = buffer_ring->hands[id] + 1;
    return buffer_ring->slots[position & buffer_ring->mask].bid;
}

/*
 * As kevy_buffer_ring_give(), for who has kept what kevy_buffer_ring_take() returned for `id`:
 * `memory` is that, and saves working it out anew.
 */
static inline void kevy_buffer_ring_give_at(struct kevy_buffer_ring *buffer_ring, uint16_t id,
                                            const uint8_t *memory)
{
    struct kevy_buf *slot = &buffer_ring->slots[buffer_ring->tail & buffer_ring->mask];

    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_LENT) != 0);
    buffer_ring->lent_count--;
    buffer_ring->hands[id] = KEVY_X_BUFFER_KERNEL | (uint16_t)buffer_ring->tail;
    slot->addr = (uint64_t)(uintptr_t)memory;
    slot->len = buffer_ring->buffer_size; /* the kernel shortens it where a bundle ends (6.10) */
    slot->bid = id;
    buffer_ring->tail++;
}

/*
 * Stages LENT buffer `id` for the kernel. It may no longer be touched; the kernel sees it with the
 * next kevy_buffer_ring_publish(). Never fails: the ring has a place for every buffer of the group.
 */
static inline void kevy_buffer_ring_give(struct kevy_buffer_ring *buffer_ring, uint16_t id)
{
    kevy_buffer_ring_give_at(buffer_ring, id,
                             buffer_ring->buffers + (size_t)id * buffer_ring->buffer_size);
}

/*
 * Stages a buffer of the caller's for the kernel, on a ring with CALLERS: `length` bytes at
 * `memory`, PINNED until a CQE names `id`, any number that no buffer in the kernel's hand has. At
 * most `entries` buffers may be in the kernel's hand.
 */
static inline void kevy_buffer_ring_add(struct kevy_buffer_ring *buffer_ring, uint16_t id,
                                        void *memory, uint32_t length)
{
    struct kevy_buf *slot = &buffer_ring->slots[buffer_ring->tail & buffer_ring->mask];

    assert(buffer_ring->addresses != NULL);
    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_KERNEL) == 0);
    assert(buffer_ring->lent_count != 0);
    buffer_ring->lent_count--;
    buffer_ring->hands[id] = KEVY_X_BUFFER_KERNEL | (uint16_t)buffer_ring->tail;
    buffer_ring->addresses[id] = (uint8_t *)memory;
    slot->addr = (uint64_t)(uintptr_t)memory;
    slot->len = length;
    slot->bid = id;
    buffer_ring->tail++;
}

/* Makes every staged buffer visible to the kernel: one store, whatever their number. */
static inline void kevy_buffer_ring_publish(struct kevy_buffer_ring *buffer_ring)
{
    /* Release, pairs with the kernel's acquire of the tail: it reads the slots after it. */
    __atomic_store_n(&buffer_ring->slots[0].resv, (uint16_t)buffer_ring->tail, __ATOMIC_RELEASE);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_BUFFER_RING_H */
