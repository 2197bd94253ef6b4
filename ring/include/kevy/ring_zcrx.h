/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_zcrx.h - zero-copy receive: the network card writes into the program's own memory.
 *
 * Model. One receive queue of one interface is given to the ring, with an area of memory that the
 * card fills. A kevy_prep_recv_zc() request posts a big CQE for each piece: res is its length, the
 * extra words say where in the area it lies. The piece is LENT until it is put into the refill
 * queue, a ring of our own making that the kernel empties:
 *
 *     kernel --(big CQE)--> kevy_zcrx_data() --> caller
 *     caller --> kevy_zcrx_give() ... kevy_zcrx_publish() --> kernel
 *
 * Needs Linux 6.15, CAP_NET_ADMIN, a card with header split and flow steering set up by ethtool(8),
 * and a ring with DEFER_TASKRUN and CQE32 or CQE_MIXED. What has no such card answers -EOPNOTSUPP.
 */
#ifndef KEVY_RING_ZCRX_H
#define KEVY_RING_ZCRX_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_ring;

struct kevy_zcrx_options {
    uint32_t interface_index; /* of if_nametoindex(3); 0 with KEVY_ZCRX_REG_NODEV */
    uint32_t queue;           /* the receive queue, an index; 0 with KEVY_ZCRX_REG_NODEV */
    uint32_t entries;         /* of the refill queue, a power of two */
    uint32_t flags;           /* KEVY_ZCRX_REG_NODEV (newer, 7.1): no card, every byte is copied */
    void *area;               /* page-aligned, PINNED until the ring is gone */
    size_t area_size;
    uint32_t area_flags;       /* KEVY_ZCRX_AREA_DMABUF (6.16): `area` is an offset in dmabuf_fd */
    int32_t dmabuf_fd;         /* BORROWED */
    uint32_t rx_buffer_length; /* newer, 7.0: size of the pieces, 0 for a page */
    /*
     * Newer, 7.2: of which events a CQE is to tell, one bit (1U << KEVY_ZCRX_EVENT_*) for each, and
     * its user_data. Its `res` holds the same bits. An event is told once; kevy_zcrx_arm_event()
     * has it told again.
     */
    uint32_t events;
    uint64_t event_user_data;
    bool statistics; /* newer, 7.2: count what had to be copied, for kevy_zcrx.stats */
};

/* The fields are public for the inline functions below; read them, do not write. */
struct kevy_zcrx {
    uint8_t *area;
    uint64_t area_token;
    struct kevy_zcrx_rqe *entries; /* shared: the refill queue; NULL for an imported one */
    const uint32_t *head;          /* shared: the kernel's cursor */
    uint32_t *shared_tail;         /* shared: our cursor as published */
    uint32_t tail;                 /* our cursor: staged */
    uint32_t mask;
    uint32_t id;                         /* for kevy_prep_recv_zc() */
    const struct kevy_zcrx_stats *stats; /* shared: the kernel counts there; or NULL */
    void *memory;
    size_t memory_size;
    int32_t owner_process; /* which mapped the memory */
};

/*
 * Gives the queue to *ring. Returns 0, -EPERM (no CAP_NET_ADMIN), -EOPNOTSUPP (not with this card),
 * -ENODEV (no such interface), -EBUSY (the queue is in use), -EINVAL (an older kernel, the ring's
 * set-up, a size), -ENOMEM. On failure *zcrx is safe for kevy_zcrx_deinit().
 */
KEVY_API int kevy_zcrx_init(struct kevy_zcrx *zcrx, struct kevy_ring *ring,
                            const struct kevy_zcrx_options *options);

/* Frees the refill queue. The card's queue goes back when the ring is gone: so after its deinit. */
KEVY_API void kevy_zcrx_deinit(struct kevy_zcrx *zcrx);

/* Makes the kernel take what is in the refill queue now (newer, 6.19). */
KEVY_API int kevy_zcrx_flush(struct kevy_ring *ring, const struct kevy_zcrx *zcrx);

/* Returns a descriptor by which another ring can share the queue (newer, 6.19), or -errno. */
KEVY_API int kevy_zcrx_export(struct kevy_ring *ring, const struct kevy_zcrx *zcrx);

/*
 * Shares a queue that kevy_zcrx_export() has exported as `fd` (BORROWED; it may be closed
 * afterwards) with *ring, which receives by zcrx->id (newer, 6.19). `owner` is the queue as its own
 * ring has it, BORROWED for this call; NULL in a process that does not have the area in its memory.
 *
 * Pieces that arrive on *ring are given back through `owner`, whose refill queue is the only one:
 * from one thread at a time. The imported queue has none, and its kevy_zcrx_give() answers false.
 *
 * Returns 0, -EBADF (no such export), -EPERM, -EINVAL (an older kernel, the ring's set-up) or
 * -ENOMEM. kevy_zcrx_deinit() accepts the result.
 */
KEVY_API int kevy_zcrx_import(struct kevy_zcrx *zcrx, struct kevy_ring *ring, int fd,
                              const struct kevy_zcrx *owner);

/* Has the next `event`, an enum kevy_zcrx_event, told by a CQE again (newer, 7.2). 0 or -errno. */
KEVY_API int kevy_zcrx_arm_event(struct kevy_ring *ring, const struct kevy_zcrx *zcrx,
                                 uint32_t event);

/* The two words of a big CQE. */
static inline struct kevy_zcrx_cqe kevy_zcrx_token(const struct kevy_cqe *cqe)
{
    struct kevy_zcrx_cqe token;

    __builtin_memcpy(&token, (const char *)cqe + sizeof *cqe, sizeof token);
    return token;
}

/* The data of a piece, cqe->res bytes: LENT until kevy_zcrx_give(). */
static inline uint8_t *kevy_zcrx_data(const struct kevy_zcrx *zcrx, struct kevy_zcrx_cqe token)
{
    return zcrx->area + (token.off & ~KEVY_ZCRX_AREA_MASK);
}

/*
 * Stages a piece of `length` bytes for the kernel. False when the refill queue is full: publish,
 * and let the kernel take some.
 */
static inline bool kevy_zcrx_give(struct kevy_zcrx *zcrx, struct kevy_zcrx_cqe token,
                                  uint32_t length)
{
    struct kevy_zcrx_rqe *entry;

    /* Acquire: the kernel has read the entry before it moved its head past it. */
    if (zcrx->entries == NULL ||
        zcrx->tail - __atomic_load_n(zcrx->head, __ATOMIC_ACQUIRE) > zcrx->mask)
        return false;
    entry = &zcrx->entries[zcrx->tail & zcrx->mask];
    entry->off = (token.off & ~KEVY_ZCRX_AREA_MASK) | zcrx->area_token;
    entry->len = length;
    zcrx->tail++;
    return true;
}

/* Makes every staged piece visible to the kernel: one store. */
static inline void kevy_zcrx_publish(struct kevy_zcrx *zcrx)
{
    assert(zcrx->shared_tail != NULL); /* else it is imported: publish the owner's */
    /* Release, pairs with the kernel's acquire of the tail: it reads the entries after it. */
    __atomic_store_n(zcrx->shared_tail, zcrx->tail, __ATOMIC_RELEASE);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ZCRX_H */
