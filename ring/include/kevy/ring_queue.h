/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * kevy/ring_queue.h - the two queues of a ring: slots for requests, completions to read.
 *
 * Part of <kevy/ring.h>, which says when and from which thread to call these functions. None of
 * them enters the kernel; each is a few instructions, inlined.
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
#define KEVY_X_MODE_OLD       16U /* a kernel before 6.12: waits are weaker */
#define KEVY_X_MODE_SPLIT     32U /* options.split_queues */

/*
 * A ring. Read the fields, and do not write them: they are public only for the inline functions
 * below.
 *
 * The first cache line holds the fields of submission, the second those of reaping. The rest is for
 * rare paths. "shared" is memory that the kernel reads or writes as well; "our" is this library's.
 */
struct kevy_ring {
    struct kevy_sqe *sqe_next; /* the next slot to reserve, unless at sqe_end */
    struct kevy_sqe *sqe_end;  /* end of the slots that are known to be free */
    uint32_t *sq_head;         /* shared: the kernel's cursor */
    uint32_t *sq_tail;         /* shared: our cursor as published */
    uint32_t *sq_flags;        /* shared: KEVY_SQ_*, written by the kernel */
    uint32_t sqe_tail;         /* our cursor: slots reserved, published or not */
    uint32_t modes;            /* KEVY_X_MODE_*: reasons to take the long path */
    uint32_t enter_flags;      /* KEVY_ENTER_* passed on every enter */
    uint32_t wait_flags;       /* the same and KEVY_ENTER_GETEVENTS */
    int32_t enter_fd;          /* the registered index, or the descriptor */
    int32_t fd;                /* the ring's descriptor, OWNED by the ring; -1 for none */

    /* The first two and cqes_end are NULL unless all CQEs have 16 bytes. */
    const struct kevy_cqe *cqe_next; /* the next CQE to hand out, unless at cqe_end */
    const struct kevy_cqe *cqe_end;  /* end of the CQEs that are known to be there */
    const struct kevy_cqe *cqes; /* shared array of cq_entries slots, 1 << cqe_shift bytes each */
    const struct kevy_cqe *cqes_end; /* end of the array */
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
    int32_t clock;             /* the clock of kevy_ring_wait() */
    int32_t kernel_error;      /* why AUTOMATIC did not use io_uring: -errno, or 0 */
    bool addresses_unchecked;  /* debug_checks lets requests name memory that is not there */
    const struct kevy_ring_kernel *kernel; /* NULL for io_uring */
    struct kevy_reg_wait *wait_region;     /* arguments of waits, shared with the kernel; or NULL */
    uint64_t wait_region_ns;               /* the time limit that the region holds */
    size_t wait_region_size;
    struct kevy_buffer_ring *buffer_rings; /* the registered ones, newest first */
    void *kernel_state;                    /* the state that a table's setup() stored */
    uint32_t *cq_flags;                    /* shared: KEVY_CQ_*; NULL if the kernel has none */
    const uint32_t *sq_dropped;            /* shared: see kevy_ring_dropped() */
    const uint32_t *cq_overflow;           /* shared: see kevy_ring_lost() */
    void *ring_memory;                     /* SQ and CQ cursors, CQEs, SQ index array */
    size_t ring_size;
    void *cq_memory; /* a second mapping, without KEVY_FEAT_SINGLE_MMAP */
    size_t cq_size;
    size_t sqe_size;
    int32_t registered_by;   /* the thread whose table holds enter_fd, 0 for none */
    uint32_t *mixed_cq_head; /* KEVY_SETUP_CQE_MIXED: shared, the real CQ head; */
    uint32_t mixed_released; /* cq_head points here instead, see big.c */
    uint32_t phantom;        /* CQ position without a CQE, if has_phantom */
    int32_t owner_process;   /* the process that set the ring up */
    uint32_t sq_array;       /* offset of the index array in ring_memory, or 0 */
    bool has_phantom;
    bool any_thread;       /* do not register the descriptor */
    bool shared_on_fork;   /* as in the options */
    bool memory_lent;      /* the queues are in the caller's memory */
    bool wait_region_lent; /* as options.wait_memory */
};

/* Submission */

/*
 * Publishes all reserved SQEs without entering the kernel. The next enter takes them, even if
 * another thread makes it. With SQPOLL the kernel's thread takes them, if it is awake.
 *
 * Returns how many SQEs the kernel has not taken yet.
 */
static inline uint32_t kevy_ring_publish(struct kevy_ring *ring)
{
    uint32_t tail = ring->sqe_tail;

    /* Release, pairs with the acquire of the side that submits: the SQEs are written before it. */
    __atomic_store_n(ring->sq_tail, tail, __ATOMIC_RELEASE);
    return tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE);
}

/* The number of SQ slots that can be reserved before the next submit. */
static inline uint32_t kevy_ring_space(const struct kevy_ring *ring)
{
    return ring->sq_entries - (ring->sqe_tail - __atomic_load_n(ring->sq_head, __ATOMIC_ACQUIRE));
}

/*
 * Private: makes a slot a NOP with `user_data`. It stores word by word, so that the compiler can
 * drop the words that the next prep writes again. Of a memset() it would drop only the ends.
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
 * Private: stands at the end of a rare path. It keeps the compiler from joining the ends of the
 * rare and the usual path, which would cost the usual one two instructions.
 */
#define KEVY_X_PATHS_APART() __asm__ volatile("" : : : "memory")

/*
 * Reserves the next SQ slot and stores `user_data` in it. `user_data` comes back in every CQE of
 * the request. The slot starts as a NOP; fill it with one kevy_prep_*() of <kevy/ring_prep.h>.
 *
 * Returns the slot, BORROWED until the next submit, or NULL if the SQ is full: then submit and call
 * again. With KEVY_SETUP_SQE128 all 128 bytes are the caller's.
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
 * Returns a reserved slot that the kernel has not taken yet, so that its request can still be
 * changed, or NULL if the kernel has taken it. `number` is the value that `sqe_tail` had before the
 * kevy_ring_sqe() that reserved the slot.
 *
 * Not with SQPOLL: its thread may read a slot at any time. Numbers repeat after 2^32 requests; if a
 * number may be that old, compare `user_data` as well.
 */
static inline struct kevy_sqe *kevy_ring_sqe_at(const struct kevy_ring *ring, uint32_t number)
{
    /* Relaxed: outside of an enter, which is on this thread, the kernel does not move its head. */
    uint32_t head = __atomic_load_n(ring->sq_head, __ATOMIC_RELAXED);

    if (number - head >= ring->sqe_tail - head)
        return NULL; /* not between head and tail: taken, however long ago */
    return (struct kevy_sqe *)(void *)((char *)ring->sqes +
                                       ((size_t)(number & ring->sq_mask) << ring->sqe_shift));
}

/* State of the queues */

/*
 * Returns true if completions have overflowed into a list of the kernel (5.8). Only an enter brings
 * them back.
 */
static inline bool kevy_ring_overflowed(const struct kevy_ring *ring)
{
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) & KEVY_SQ_CQ_OVERFLOW) != 0;
}

/*
 * Returns true if completions need an enter to be seen: they have overflowed, or they are task work
 * (KEVY_SETUP_TASKRUN_FLAG).
 */
static inline bool kevy_ring_wants_enter(const struct kevy_ring *ring)
{
    return (__atomic_load_n(ring->sq_flags, __ATOMIC_RELAXED) &
            (KEVY_SQ_CQ_OVERFLOW | KEVY_SQ_TASKRUN)) != 0;
}

/*
 * The number of CQ slots that are filled and not yet handed out. On a ring with
 * KEVY_SETUP_CQE_MIXED a big CQE counts twice.
 */
static inline uint32_t kevy_ring_ready(const struct kevy_ring *ring)
{
    return __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE) - ring->cqe_head;
}

/* Completion */

/* Private: kevy_ring_next() on rings with KEVY_SETUP_CQE32 or KEVY_SETUP_CQE_MIXED. */
KEVY_API const struct kevy_cqe *kevy_x_ring_next_big(struct kevy_ring *ring);

/*
 * Returns the next completion, or NULL if there is none. It does not enter the kernel. The CQE is
 * BORROWED until kevy_ring_release() or the next call that enters the kernel.
 *
 * On a ring with KEVY_SETUP_CQE_MIXED a CQE has 32 bytes if it carries KEVY_CQE_F_32. Filler CQEs
 * (6.18) are skipped.
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
        if (cqe == ring->cqes_end) {
            if (cqe == NULL)
                return kevy_x_ring_next_big(ring);
            cqe = ring->cqes;
        }
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
 * Returns a pointer to the next CQE, and stores in *count how many CQEs can be read from there on,
 * at most `limit`. They end at the end of the array, so a second call may find more. *count is 0 if
 * no CQE is ready. Step past CQEs with kevy_ring_advance(). They are BORROWED as by
 * kevy_ring_next().
 *
 * For loops that keep a pointer in a register. Not with KEVY_SETUP_CQE32 or KEVY_SETUP_CQE_MIXED.
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

/* Steps past `count` CQEs, at most as many as kevy_ring_peek_span() found. */
static inline void kevy_ring_advance(struct kevy_ring *ring, uint32_t count)
{
    if (ring->cqe_next == ring->cqes_end)
        ring->cqe_next = ring->cqes;
    ring->cqe_next += count;
    ring->cqe_end = ring->cqe_next; /* kevy_ring_next() looks at the tail again */
    ring->cqe_head += count;
}

/* Gives the slots of all completions that were handed out back to the kernel: one store for all. */
static inline void kevy_ring_release(struct kevy_ring *ring)
{
    /* Release: the CQEs are read before it. The kernel overwrites only slots before the head. */
    __atomic_store_n(ring->cq_head, ring->cqe_head, __ATOMIC_RELEASE);
}

KEVY_END_DECLS

#endif /* KEVY_RING_SUPPORTED */
#endif /* KEVY_RING_QUEUE_H */
