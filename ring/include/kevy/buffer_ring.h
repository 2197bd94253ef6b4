/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/buffer_ring.h - a ring of buffers from which the kernel picks one when data arrives.
 *
 * Model
 *
 *     A group of buffers has a number of 16 bits, which requests name, for example those of
 *     kevy_prep_recv_multishot(). Each buffer has an id, and is in one of two hands: the kernel's
 *     (it is in the ring), or the caller's (LENT).
 *
 *         kernel  -- CQE with KEVY_CQE_F_BUFFER --> kevy_buffer_ring_take()    --> caller
 *         caller  -- kevy_buffer_ring_give()    --> kevy_buffer_ring_publish() --> kernel
 *
 *     To give a buffer stages it. To publish makes all staged buffers visible to the kernel.
 *
 * Invariants
 *
 *     Each id below `entries` is in one hand. It is asserted that a buffer is not given twice,
 *     and not given without having been taken, because the kernel would use its memory twice.
 *     The order in the ring is the order in which buffers were given.
 *
 * Buffers of the caller's
 *
 *     With KEVY_BUFFER_RING_CALLERS the ring allocates no buffers. The caller adds buffers of any
 *     size, under any id of 16 bits: kevy_buffer_ring_add(), kevy_buffer_ring_take_added().
 *
 * Ownership
 *
 *     The struct is the caller's. It is zeroed, or deinitialised, before kevy_buffer_ring_init(),
 *     and PINNED until kevy_buffer_ring_deinit(). The kernel writes into the buffers all that
 *     time. So the order of the end is: cancel and reap the requests that use the group,
 *     deinitialise the buffer ring, deinitialise the ring. It is asserted.
 *
 * The thread of the ring uses its buffer rings. From Linux 5.19; multishot receives from 6.0.
 *
 * Example: receive from a socket into buffers
 *
 *     #include <kevy/buffer_ring.h>
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_prep.h>
 *
 *     static int receive_start(struct kevy_ring *ring, struct kevy_buffer_ring *buffers, int fd)
 *     {
 *         struct kevy_buffer_ring_options options = {
 *             .entries = 64, .buffer_size = 4096, .group = 1};
 *         int error = kevy_buffer_ring_init(buffers, ring, &options);
 *
 *         if (error < 0)
 *             return error;
 *         kevy_prep_recv_multishot(kevy_ring_sqe(ring, 1), fd, options.group, 0);
 *         return kevy_ring_submit(ring);
 *     }
 *
 *     static void received(struct kevy_buffer_ring *buffers, const struct kevy_cqe *cqe,
 *                          void (*use)(const void *data, int length))
 *     {
 *         uint16_t id;
 *
 *         if ((cqe->flags & KEVY_CQE_F_BUFFER) == 0)
 *             return;
 *         id = kevy_buffer_id(cqe->flags);
 *         use(kevy_buffer_ring_take(buffers, id), cqe->res);
 *         kevy_buffer_ring_give(buffers, id);
 *         kevy_buffer_ring_publish(buffers);
 *     }
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
#define KEVY_BUFFER_RING_KERNEL_MAPPED 1U /* the kernel allocates the ring, not the buffers (6.4) */
#define KEVY_BUFFER_RING_INCREMENTAL   2U /* the kernel may fill a buffer piece by piece (6.12) */
#define KEVY_BUFFER_RING_CALLERS       4U /* the buffers are the caller's */

struct kevy_buffer_ring_options {
    uint32_t entries;     /* places in the ring, a power of two, 1 to 32768 */
    uint32_t buffer_size; /* of each buffer, in bytes; 0 with CALLERS */
    uint32_t min_left;    /* INCREMENTAL: a buffer with fewer bytes left is full (6.18.y) */
    uint32_t flags;       /* KEVY_BUFFER_RING_* */
    uint16_t group;       /* the number of the group, unique on this ring */
};

/*
 * Private: whose hand a buffer is in, in kevy_buffer_ring.hands. Neither bit: it is no buffer of
 * the group.
 */
#define KEVY_X_BUFFER_LENT   0x10000U
#define KEVY_X_BUFFER_KERNEL 0x20000U

struct kevy_buffer_ring {
    struct kevy_buf *slots; /* shared with the kernel; the tail lies in slot 0 */
    uint8_t *buffers;       /* entries * buffer_size bytes */
    uint8_t **addresses;    /* per id: the address of a caller's buffer, or NULL */
    uint32_t *hands;        /* per id: its hand, and its place in the ring */
    uint32_t *offsets;      /* per id: bytes used so far (INCREMENTAL), or NULL */
    uint32_t buffer_size;
    uint32_t entries;
    uint32_t mask;
    uint32_t tail;       /* counts up; the kernel sees its lower 16 bits */
    uint32_t lent_count; /* buffers in the caller's hand, or free places (CALLERS) */
    uint16_t group;
    bool ends_early; /* min_left: a buffer may be full before its last byte */

    struct kevy_ring *ring;
    struct kevy_buffer_ring *next; /* the next in ring->buffer_rings */
    void *memory;                  /* one mapping: slots, buffers, state */
    size_t memory_size;
    void *kernel_memory;
    size_t kernel_size;
};

/*
 * Registers a group with *ring, and gives `options->entries` buffers to the kernel. They are
 * allocated here, in one mapping; nothing is allocated later. With KEVY_BUFFER_RING_CALLERS the
 * group is empty at first. *buffer_ring must be zeroed or deinitialised. `options` is BORROWED for
 * the call.
 *
 * Returns 0, or an error. Then *buffer_ring is zeroed.
 *
 *     -EINVAL  a size or a flag that this kernel refuses, or a kernel before 5.19
 *     -EEXIST  the ring has a group of this number
 *     -ENOMEM  no memory
 */
KEVY_API int kevy_buffer_ring_init(struct kevy_buffer_ring *buffer_ring, struct kevy_ring *ring,
                                   const struct kevy_buffer_ring_options *options);

/*
 * Unregisters the group and frees its memory. No request that uses the group may be in flight, and
 * the ring must still be up. *buffer_ring is zeroed afterwards, and a zeroed one is accepted.
 */
KEVY_API void kevy_buffer_ring_deinit(struct kevy_buffer_ring *buffer_ring);

/*
 * Returns the kernel's cursor of the group (6.8): how many buffers it has consumed, modulo 65536.
 * -EINVAL on older kernels.
 */
KEVY_API int kevy_buffer_ring_head(const struct kevy_buffer_ring *buffer_ring);

/*
 * Returns how many buffers the kernel can still pick (6.8): they are published and not consumed.
 * -EINVAL on older kernels.
 */
KEVY_API int kevy_buffer_ring_available(const struct kevy_buffer_ring *buffer_ring);

/*
 * Returns the id of the buffer that a CQE names. The CQE must carry KEVY_CQE_F_BUFFER (asserted).
 * The result does not tell that: an error or an end may come with a buffer or without one.
 */
static inline uint16_t kevy_buffer_id(uint32_t cqe_flags)
{
    assert((cqe_flags & KEVY_CQE_F_BUFFER) != 0);
    return (uint16_t)(cqe_flags >> KEVY_CQE_BUFFER_SHIFT);
}

/*
 * Takes buffer `id`, which a CQE names, from the kernel: it is LENT until kevy_buffer_ring_give().
 * Returns its memory. Not for rings with INCREMENTAL or CALLERS.
 */
static inline uint8_t *kevy_buffer_ring_take(struct kevy_buffer_ring *buffer_ring, uint16_t id)
{
    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_KERNEL) != 0);
    buffer_ring->hands[id] ^= KEVY_X_BUFFER_KERNEL | KEVY_X_BUFFER_LENT;
    buffer_ring->lent_count++;
    return buffer_ring->buffers + (size_t)id * buffer_ring->buffer_size;
}

/*
 * As kevy_buffer_ring_take(), for a ring with CALLERS. Returns the memory that was added as `id`.
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
 * Takes `length` bytes of a buffer of an INCREMENTAL ring. `cqe_flags` are the flags of the CQE.
 * With KEVY_CQE_F_BUF_MORE the buffer stays with the kernel. The piece is then BORROWED until the
 * buffer is given back, which happens after its last piece. Without the flag it is the last piece,
 * and the buffer is LENT.
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
        buffer_ring->offsets[id] = 0; /* it starts at 0 when it is given again */
        buffer_ring->hands[id] ^= KEVY_X_BUFFER_KERNEL | KEVY_X_BUFFER_LENT;
        buffer_ring->lent_count++;
    }
    return piece;
}

/*
 * Returns the id of the next buffer in the ring. A bundle (6.10) names only its first buffer. It
 * goes on with those that were given after it, with any ids.
 */
static inline uint16_t kevy_buffer_ring_after(const struct kevy_buffer_ring *buffer_ring,
                                              uint16_t id)
{
    uint32_t position;

    position = buffer_ring->hands[id] + 1;
    return buffer_ring->slots[position & buffer_ring->mask].bid;
}

/*
 * As kevy_buffer_ring_give(), with the address that kevy_buffer_ring_take() returned for `id`. It
 * need not be computed again.
 */
static inline void kevy_buffer_ring_give_at(struct kevy_buffer_ring *buffer_ring, uint16_t id,
                                            const uint8_t *memory)
{
    struct kevy_buf *slot = &buffer_ring->slots[buffer_ring->tail & buffer_ring->mask];

    assert((buffer_ring->hands[id] & KEVY_X_BUFFER_LENT) != 0);
    buffer_ring->lent_count--;
    buffer_ring->hands[id] = KEVY_X_BUFFER_KERNEL | (uint16_t)buffer_ring->tail;
    slot->addr = (uint64_t)(uintptr_t)memory;
    slot->len = buffer_ring->buffer_size; /* the kernel shortens it at the end of a bundle (6.10) */
    slot->bid = id;
    buffer_ring->tail++;
}

/*
 * Gives the LENT buffer `id` back. The caller must not touch it any more. The kernel sees it after
 * kevy_buffer_ring_publish(). This never fails: the ring has a place for each buffer.
 */
static inline void kevy_buffer_ring_give(struct kevy_buffer_ring *buffer_ring, uint16_t id)
{
    kevy_buffer_ring_give_at(buffer_ring, id,
                             buffer_ring->buffers + (size_t)id * buffer_ring->buffer_size);
}

/*
 * Adds a buffer to a ring with CALLERS: `length` bytes at `memory`, PINNED until a CQE names `id`.
 * No buffer in the kernel's hand may have this id, and at most `entries` buffers may be in its
 * hand. Both are asserted. The kernel sees it after kevy_buffer_ring_publish().
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

/* Makes all buffers that were given or added visible to the kernel: one store for all. */
static inline void kevy_buffer_ring_publish(struct kevy_buffer_ring *buffer_ring)
{
    /* Release, pairs with the kernel's acquire of the tail: it reads the slots after it. */
    __atomic_store_n(&buffer_ring->slots[0].resv, (uint16_t)buffer_ring->tail, __ATOMIC_RELEASE);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_BUFFER_RING_H */
