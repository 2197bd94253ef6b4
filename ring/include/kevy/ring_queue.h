/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_queue.h - the two queues of a ring: slots for requests, completions to read.
 *
 * Part of <kevy/ring.h>, which says who may call these functions and when. None of them enters the
 * kernel; each is a few instructions, inlined.
 *
 * Cursors
 *
 *     Each cursor is a 32-bit number that counts up, wraps round, and is masked only to index the
 *     array. Each has one writer:
 *
 *     cursor    written by                      read by
 *     SQ tail   this library, release           the kernel, in an enter, or its thread (SQPOLL)
 *     SQ head   the kernel                      this library, acquire: free slots lie before it
 *     CQ tail   the kernel                      this library, acquire: whole CQEs lie before it
 *     CQ head   this library, release           the kernel: it may overwrite slots before it
 *
 *     The library has a private copy of the cursors that it writes: `sqe_tail` counts the slots
 *     reserved, `cqe_head` the CQEs handed out. Both are published later, many slots at a time.
 *
 * Example: reap everything that is there
 *
 *     #include <kevy/ring.h>
 *
 *     static unsigned reap(struct kevy_ring *ring, void (*handle)(uint64_t user_data, int result))
 *     {
 *         const struct kevy_cqe *cqe;
 *         unsigned count = 0;
 *
 *         while ((cqe = kevy_ring_next(ring)) != NULL) {
 *             handle(cqe->user_data, cqe->res);
 *             count++;
 *         }
 *         kevy_ring_release(ring);
 *         return count;
 *     }
 */
#ifndef KEVY_RING_QUEUE_H
#define KEVY_RING_QUEUE_H

#include <kevy/api.h>
#include <kevy/ring_abi.h>
#include <kevy/ring_kernel.h>

#if KEVY_RING_SUPPORTED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

KEVY_BEGIN_DECLS

struct kevy_buffer_ring;

/* Private: in kevy_ring.modes. */
#define KEVY_X_MODE_KERNEL    1U  /* the kernel is a table, not io_uring */
#define KEVY_X_MODE_SQPOLL    2U  /* KEVY_SETUP_SQPOLL */
#define KEVY_X_MODE_IOPOLL    4U  /* KEVY_SETUP_IOPOLL */
#define KEVY_X_MODE_CQE_MIXED 8U  /* KEVY_SETUP_CQE_MIXED */
#define KEVY_X_MODE_OLD       16U /* a kernel before 6.12, whose waits can do less */
#define KEVY_X_MODE_SPLIT     32U /* options.split_queues */

/*
 * A ring. The first cache line holds what submission touches, the second what reaping touches; the
 * rest is for slow paths, waits, set-up and tear-down.
 */
struct kevy_ring {
    struct kevy_sqe *sqe_next; /* the slot that kevy_ring_sqe() reserves next, unless at sqe_end */
    struct kevy_sqe *sqe_end;  /* behind the slots known to be free from sqe_next on */
    uint32_t *sq_head;         /* shared: the kernel's cursor */
    uint32_t *sq_tail;         /* shared: our cursor as published */
    uint32_t *sq_flags;        /* shared: KEVY_SQ_*, written by the kernel */
    uint32_t sqe_tail;         /* our cursor: slots reserved, published or not */
    uint32_t modes;            /* KEVY_X_MODE_*: why short paths cannot be taken */
    uint32_t enter_flags;      /* KEVY_ENTER_* passed on every enter */
    uint32_t wait_flags;       /* the same and KEVY_ENTER_GETEVENTS */
    int32_t enter_fd;          /* the registered index, or the descriptor */
    int32_t fd;                /* the ring's descriptor, OWNED by the ring; -1 for none */

    const struct kevy_cqe *cqe_next; /* the CQE that kevy_ring_next() returns, unless at cqe_end */
    const struct kevy_cqe *cqe_end;  /* behind the CQEs known to be there from cqe_next on */
    const struct kevy_cqe *cqes; /* shared array of cq_entries slots, 1 << cqe_shift bytes each */
    const struct kevy_cqe *cqes_end; /* behind the array; NULL if it is not one of 16-byte CQEs */
    uint32_t *cq_head;               /* shared: our cursor as published */
    const uint32_t *cq_tail;         /* shared: the kernel's cursor */
    uint32_t cqe_head;               /* our cursor: CQEs handed out, published or not */
    uint32_t cq_mask;                /* cq_entries - 1 */
    uint32_t cqe_shift;              /* 4, or 5 with KEVY_SETUP_CQE32 */
    uint32_t features;               /* KEVY_FEAT_* the kernel reported */

    struct kevy_sqe *sqes;     /* shared array of sq_entries slots, 1 << sqe_shift bytes each */
    struct kevy_sqe *sqes_end; /* behind the array */
    uint32_t sqe_span;         /* slots that may be between sqe_next and sqe_end */
    uint32_t sqe_shift;        /* 6, or 7 with KEVY_SETUP_SQE128 */
    uint32_t sq_entries;       /* a power of two */
    uint32_t sq_mask;          /* sq_entries - 1 */
    uint32_t cq_entries;       /* a power of two */
    uint32_t setup_flags;      /* KEVY_SETUP_* the kernel accepted */
    uint32_t overflows;        /* times an overflowed CQ was flushed */
    int32_t clock;             /* of kevy_ring_wait(): CLOCK_MONOTONIC, or another */
    int32_t kernel_error;      /* why AUTOMATIC did not take io_uring, a negative errno; or 0 */
    const struct kevy_ring_kernel *kernel; /* NULL for io_uring */
    struct kevy_reg_wait *wait_region;     /* arguments of waits, shared with the kernel; or NULL */
    uint64_t wait_region_ns;               /* the time limit that the region holds */
    size_t wait_region_size;
    struct kevy_buffer_ring *buffer_rings; /* the registered ones, newest first */
    void *kernel_state;                    /* of this ring, the kernel's own */
    uint32_t *cq_flags;                    /* shared: KEVY_CQ_*, NULL where the kernel has none */
    const uint32_t *sq_dropped;            /* shared: the kernel's counter, see ring_mode.h */
    const uint32_t *cq_overflow;           /* the same */
    void *ring_memory;                     /* SQ and CQ cursors, CQEs, SQ index array */
    size_t ring_size;
    void *cq_memory; /* a mapping of its own on kernels without KEVY_FEAT_SINGLE_MMAP */
    size_t cq_size;
    size_t sqe_size;
    int32_t registered_by;   /* the thread whose table holds enter_fd, 0 for none */
    uint32_t *mixed_cq_head; /* with KEVY_SETUP_CQE_MIXED: shared, in place of cq_head, */
    uint32_t mixed_released; /* which points here: what is to be published, see big.c */
    uint32_t phantom;        /* CQ position that holds no CQE, where has_phantom */
    int32_t owner_process;   /* which set the ring up */
    uint32_t sq_array;       /* where the index array is, from ring_memory on; 0 for none */
    bool has_phantom;
    bool any_thread;       /* the descriptor is not to be registered */
    bool shared_on_fork;   /* as in the options */
    bool memory_lent;      /* the queues are in the caller's memory */
    bool wait_region_lent; /* as options.wait_memory */
};

/* Submission */

/*
 * Publishes every reserved SQE without entering the kernel, so that the next enter takes them, even
 * if another thread makes it; or the kernel's thread under SQPOLL, if it is awake. Returns how many
 * SQEs the kernel has yet to take.
 */
static inline uint32_t kevy_ring_publish(struct kevy_ring *ring)
{
    uint32_t tail = ring->sqe_tail;

    /* Release, pairs with the acquire of whoever submits: the SQEs are written before it. */
    __atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);
    return tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/* Number of SQ slots that can be reserved now without submitting. */
static inline uint32_t kevy_ring_space(const struct kevy_ring *ring)
{
    return ring->sq_entries - (ring->sqe_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE));
}

/*
 * Private: makes a slot a NOP with `user_data`. Word by word, so that the compiler drops the words
 * that the prep which follows writes again; a memset it would only trim at its ends.
 */
static inline void kevy_x_sqe_clear(struct kevy_sqe *sqe, uint64_t user_data)
{
    unsigned char *bytes = (unsigned char *)sqe;
    const uint64_t zero = 0;

    __builtin_memcpy(bytes, &zero, 8);
    __builtin_memcpy(bytes + 8, &zero, 8);
    __builtin_memcpy(bytes + 16, &zero, 8);
    __builtin_memcpy(bytes + 24, &zero, 8);
    __builtin_memcpy(bytes + 32, &user_data, 8);
    __builtin_memcpy(bytes + 40, &zero, 8);
    __builtin_memcpy(bytes + 48, &zero, 8);
    __builtin_memcpy(bytes + 56, &zero, 8);
}

/*
 * Private: at the end of a rare path, keeps compilers from ending it and the short one in common,
 * for which the short one would pay with two more instructions.
 */
#define KEVY_X_PATHS_APART() __asm__ volatile("" : : : "memory")

/*
 * Reserves the next SQ slot and stamps `user_data`, which comes back in every CQE of the request.
 * NULL when the SQ is full: submit, then ask again. The slot starts as a NOP and is meant for one
 * kevy_prep_*() call; it is BORROWED until the next submit. On a KEVY_SETUP_SQE128 ring all 128
 * bytes are the caller's.
 */
static inline struct kevy_sqe *kevy_ring_sqe(struct kevy_ring *ring, uint64_t user_data)
{
    struct kevy_sqe *sqe = ring->sqe_next;

    if (__builtin_expect(sqe != ring->sqe_end, 1)) {
        if (sqe == NULL)
            __builtin_unreachable(); /* saves the caller's test for NULL on this path */
        ring->sqe_next = sqe + 1;
        ring->sqe_tail++;
    } else {
        uint32_t tail = ring->sqe_tail, space;
        char *end;

        /* Acquire: the SQPOLL thread has read the slots before it moved the head past them. */
        space = ring->sq_entries - (tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE));
        if (space == 0)
            return NULL;
        if (space > ring->sqe_span)
            space = ring->sqe_span;
        if (sqe == ring->sqes_end)
            sqe = ring->sqes;
        if (sqe == NULL)
            __builtin_unreachable();
        end = (char *)sqe + ((size_t)space << ring->sqe_shift);
        ring->sqe_end =
            end < (char *)ring->sqes_end ? (struct kevy_sqe *)(void *)end : ring->sqes_end;
        ring->sqe_next = (struct kevy_sqe *)(void *)((char *)sqe + ((size_t)1 << ring->sqe_shift));
        ring->sqe_tail = tail + 1;
        KEVY_X_PATHS_APART();
    }
    kevy_x_sqe_clear(sqe, user_data);
    return sqe;
}

/*
 * A reserved slot that the kernel has not consumed yet, by its number: `sqe_tail` as it was before
 * kevy_ring_sqe(). What is in it may still be changed, with another prep for instance. NULL once
 * the kernel has it. Not with SQPOLL, whose thread reads at any time. Numbers come again after 2^32
 * requests: who may ask so late looks at user_data as well.
 */
static inline struct kevy_sqe *kevy_ring_sqe_at(const struct kevy_ring *ring, uint32_t number)
{
    /* Relaxed: outside of an enter, which is on this thread, the kernel does not move its head. */
    uint32_t head = __atomic_load_n(ring->sq_head, __ATOMIC_RELAXED);

    if (number - head >= ring->sqe_tail - head)
        return NULL; /* not between head and tail: consumed, however long ago */
    return (struct kevy_sqe *)(void *)((char *)ring->sqes +
                                       ((size_t)(number & ring->sq_mask) << ring->sqe_shift));
}

/* True when completions overflowed into the kernel's list (5.8), where only an enter reaches them.
 */
static inline bool kevy_ring_overflowed(const struct kevy_ring *ring)
{
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & KEVY_SQ_CQ_OVERFLOW) != 0;
}

/* True when completions wait for an enter: overflowed, or task work (KEVY_SETUP_TASKRUN_FLAG). */
static inline bool kevy_ring_wants_enter(const struct kevy_ring *ring)
{
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) &
            (KEVY_SQ_CQ_OVERFLOW | KEVY_SQ_TASKRUN)) != 0;
}

/* Number of CQ slots filled and not yet handed out. On mixed rings a big CQE counts twice. */
static inline uint32_t kevy_ring_ready(const struct kevy_ring *ring)
{
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - ring->cqe_head;
}

/* Private: kevy_ring_next() on rings with KEVY_SETUP_CQE32 or KEVY_SETUP_CQE_MIXED. */
KEVY_API const struct kevy_cqe *kevy_x_ring_next_big(struct kevy_ring *ring);

/*
 * Hands out the next completion, NULL when there is none. The CQE is BORROWED until
 * kevy_ring_release() or the next call that enters the kernel, whichever is first. Filler CQEs of
 * mixed rings (6.18) are passed over; there a CQE is 32 bytes long when it carries KEVY_CQE_F_32.
 */
static inline const struct kevy_cqe *kevy_ring_next(struct kevy_ring *ring)
{
    const struct kevy_cqe *cqe = ring->cqe_next;

    if (__builtin_expect(cqe == ring->cqe_end, 0)) {
        uint32_t head = ring->cqe_head;
        /* Acquire, pairs with the kernel's release of the tail: CQEs are written before it. */
        uint32_t ready = __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - head;

        if (ready == 0)
            return NULL;
        if (__builtin_expect(ring->cqes_end == NULL, 0))
            return kevy_x_ring_next_big(ring);
        if (cqe == ring->cqes_end)
            cqe = ring->cqes;
        if (cqe == NULL)
            __builtin_unreachable(); /* saves the caller's test for NULL */
        ring->cqe_end = cqe + ready < ring->cqes_end ? cqe + ready : ring->cqes_end;
        ring->cqe_next = cqe + 1;
        ring->cqe_head = head + 1;
        KEVY_X_PATHS_APART();
        return cqe;
    }
    if (cqe == NULL)
        __builtin_unreachable();
    ring->cqe_next = cqe + 1;
    ring->cqe_head++;
    return cqe;
}

/*
 * For loops that keep a pointer in a register: the next CQE, followed in memory by others that are
 * ready. `limit` is how many the caller wants, *count becomes how many there are in one piece, the
 * queue's end permitting; 0 when none is ready. kevy_ring_advance() steps past `count` of them. A
 * CQE is BORROWED as by kevy_ring_next(). Not for rings with CQE32 or CQE_MIXED, whose slots are
 * not CQEs one by one.
 */
static inline const struct kevy_cqe *kevy_ring_peek_span(const struct kevy_ring *ring,
                                                         uint32_t limit, uint32_t *count)
{
    const struct kevy_cqe *first = ring->cqe_next != ring->cqes_end ? ring->cqe_next : ring->cqes;
    uint32_t ready = kevy_ring_ready(ring);
    uint32_t piece = (uint32_t)(ring->cqes_end - first);

    if (ready > limit)
        ready = limit;
    *count = ready < piece ? ready : piece;
    return first;
}

static inline void kevy_ring_advance(struct kevy_ring *ring, uint32_t count)
{
    if (ring->cqe_next == ring->cqes_end)
        ring->cqe_next = ring->cqes;
    ring->cqe_next += count;
    ring->cqe_end = ring->cqe_next; /* so that kevy_ring_next() looks again */
    ring->cqe_head += count;
}

/* Gives the slots of every completion handed out back to the kernel: one store for the batch. */
static inline void kevy_ring_release(struct kevy_ring *ring)
{
    /* Release: our reads of the CQEs come before; the kernel overwrites only what lies before. */
    __atomic_store_n(ring->cq_head, ring->cqe_head, __ATOMIC_RELEASE);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_QUEUE_H */
