/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_zcrx.h - zero-copy receive: the network card writes into the program's own memory.
 *
 * Model
 *
 *     A ring gets one receive queue of a network interface, and an area of memory that the card
 *     fills. kevy_prep_recv_zc() starts a request that posts a big CQE for each piece of data:
 *     `res` is its length, and the two words at its end tell where in the area it lies. A piece is
 *     LENT until it is given back through the refill queue:
 *
 *         kernel  -- big CQE            --> kevy_zcrx_data()    --> caller
 *         caller  -- kevy_zcrx_give()   --> kevy_zcrx_publish() --> kernel
 *
 * Requirements
 *
 *     - Linux 6.15 and CAP_NET_ADMIN;
 *     - a card with header split and flow steering, which ethtool(8) sets up. Others answer
 *       -EOPNOTSUPP;
 *     - a ring with KEVY_SETUP_DEFER_TASKRUN, and KEVY_SETUP_CQE32 or KEVY_SETUP_CQE_MIXED.
 *
 * The struct is the caller's. It is zeroed, or deinitialised, before kevy_zcrx_init(), and PINNED
 * until kevy_zcrx_deinit().
 *
 * Example: use a piece and give it back
 *
 *     #include <kevy/ring.h>
 *     #include <kevy/ring_zcrx.h>
 *
 *     static void piece_use(struct kevy_zcrx *zcrx, const struct kevy_cqe *cqe,
 *                           void (*use)(const void *data, int length))
 *     {
 *         struct kevy_zcrx_cqe token;
 *
 *         if (cqe->res <= 0)
 *             return;
 *         token = kevy_zcrx_token(cqe);
 *         use(kevy_zcrx_data(zcrx, token), cqe->res);
 *         while (!kevy_zcrx_give(zcrx, token, (uint32_t)cqe->res))
 *             kevy_zcrx_publish(zcrx);
 *         kevy_zcrx_publish(zcrx);
 *     }
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
    uint32_t interface_index; /* from if_nametoindex(3); 0 with KEVY_ZCRX_REG_NODEV */
    uint32_t queue;           /* index of the receive queue; 0 with KEVY_ZCRX_REG_NODEV */
    uint32_t entries;         /* of the refill queue, a power of two */
    uint32_t flags;           /* KEVY_ZCRX_REG_NODEV (newer, 7.1): no card, all is copied */
    void *area;               /* page-aligned; PINNED until the ring is gone */
    size_t area_size;
    uint32_t area_flags;       /* KEVY_ZCRX_AREA_DMABUF (6.16): `area` is an offset in dmabuf_fd */
    int32_t dmabuf_fd;         /* BORROWED */
    uint32_t rx_buffer_length; /* newer, 7.0: size of a piece in bytes; 0 for a page */
    /*
     * Newer, 7.2: the events that a CQE tells, one bit (1U << KEVY_ZCRX_EVENT_*) for each, and its
     * user_data. Its `res` holds the same bits. An event is told once, and again after
     * kevy_zcrx_arm_event().
     */
    uint32_t events;
    uint64_t event_user_data;
    bool statistics; /* newer, 7.2: count the copied bytes, in kevy_zcrx.stats */
};

/* Read the fields, and do not write them: they are public only for the inline functions below. */
struct kevy_zcrx {
    uint8_t *area;
    uint64_t area_token;
    struct kevy_zcrx_rqe *entries; /* shared: the refill queue; NULL for an imported one */
    const uint32_t *head;          /* shared: the cursor of the kernel */
    uint32_t *shared_tail;         /* shared: our cursor as published */
    uint32_t tail;                 /* our cursor: pieces given */
    uint32_t mask;
    uint32_t id;                         /* for kevy_prep_recv_zc() */
    const struct kevy_zcrx_stats *stats; /* shared: the counters of the kernel, or NULL */
    void *memory;
    size_t memory_size;
    int32_t owner_process; /* the process that mapped the memory */
};

/*
 * Gives the queue to *ring. *zcrx must be zeroed or deinitialised. `options` is BORROWED for the
 * call. Returns 0, or an error; then *zcrx is zeroed.
 *
 *     -EPERM       no CAP_NET_ADMIN
 *     -EOPNOTSUPP  the card cannot do it
 *     -ENODEV      no such interface
 *     -EBUSY       the queue is in use
 *     -EINVAL      an older kernel, a ring without the right set-up, or a size
 *     -ENOMEM      no memory
 */
KEVY_API int kevy_zcrx_init(struct kevy_zcrx *zcrx, struct kevy_ring *ring,
                            const struct kevy_zcrx_options *options);

/*
 * Frees the refill queue, and zeroes *zcrx. The card uses its queue until the ring is gone: so call
 * it after kevy_ring_deinit().
 */
KEVY_API void kevy_zcrx_deinit(struct kevy_zcrx *zcrx);

/* Makes the kernel read the refill queue at once (newer, 6.19). Returns 0 or -errno. */
KEVY_API int kevy_zcrx_flush(struct kevy_ring *ring, const struct kevy_zcrx *zcrx);

/*
 * Returns a descriptor with which another ring can share the queue (newer, 6.19), or -errno. The
 * descriptor is OWNED by the caller.
 */
KEVY_API int kevy_zcrx_export(struct kevy_ring *ring, const struct kevy_zcrx *zcrx);

/*
 * Shares a queue with *ring (newer, 6.19). `fd` is a descriptor of kevy_zcrx_export(), BORROWED for
 * the call. Requests of *ring name the queue by zcrx->id. `owner` is the queue in its first ring,
 * BORROWED for the call; it is NULL in a process that does not have the area in its memory.
 *
 * Pieces that arrive on *ring are given back through `owner`, by one thread at a time. The imported
 * queue has no refill queue: its kevy_zcrx_give() returns false.
 *
 * Returns 0, or an error; then *zcrx is zeroed.
 *
 *     -EBADF   `fd` is not such a descriptor
 *     -EPERM   no CAP_NET_ADMIN
 *     -EINVAL  an older kernel, or a ring without the right set-up
 *     -ENOMEM  no memory
 */
KEVY_API int kevy_zcrx_import(struct kevy_zcrx *zcrx, struct kevy_ring *ring, int fd,
                              const struct kevy_zcrx *owner);

/*
 * Makes the kernel tell `event`, an enum kevy_zcrx_event, once more (newer, 7.2). Returns 0 or
 * -errno.
 */
KEVY_API int kevy_zcrx_arm_event(struct kevy_ring *ring, const struct kevy_zcrx *zcrx,
                                 uint32_t event);

/* Returns the two words at the end of a big CQE. */
static inline struct kevy_zcrx_cqe kevy_zcrx_token(const struct kevy_cqe *cqe)
{
    struct kevy_zcrx_cqe token;

    __builtin_memcpy(&token, (const char *)cqe + sizeof *cqe, sizeof token);
    return token;
}

/* Returns the data of a piece, of `res` bytes. It is LENT until kevy_zcrx_give(). */
static inline uint8_t *kevy_zcrx_data(const struct kevy_zcrx *zcrx, struct kevy_zcrx_cqe token)
{
    return zcrx->area + (token.off & ~KEVY_ZCRX_AREA_MASK);
}

/*
 * Gives back a piece of `length` bytes. The kernel sees it after kevy_zcrx_publish(). Returns false
 * if the refill queue is full: publish, and try again.
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

/* Makes all pieces that were given visible to the kernel: one store for all. */
static inline void kevy_zcrx_publish(struct kevy_zcrx *zcrx)
{
    assert(zcrx->shared_tail != NULL); /* an imported queue has none: use the first one */
    /* Release, pairs with the kernel's acquire of the tail: it reads the entries after it. */
    __atomic_store_n(zcrx->shared_tail, zcrx->tail, __ATOMIC_RELEASE);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_ZCRX_H */
