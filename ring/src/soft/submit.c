/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Taking requests from the SQ.
 *
 * Model. Each SQE is copied into a request of ours, checked, and begun at once, unless it is part
 * of a chain or has to wait for a drain. The checks are io_uring's, in its order. The usual request
 * of the usual operations is tried before all that, as it stands in the SQ: mostly it ends there.
 *
 * Invariants. An SQE that has been taken is answered, refused or not. One that finds no memory is
 * not taken and stays in the SQ.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#define SQE_FLAGS_ALL 0x7fU
/* What makes a request more than one that begins here and now. */
#define SQE_FLAGS_ORDER (KEVY_SQE_IO_LINK | KEVY_SQE_IO_HARDLINK | KEVY_SQE_IO_DRAIN)

/* There is no memory for a request: its SQE is not taken. No errno, with which a request that was
 * taken may have been refused. */
#define SQE_STAYS 1

static bool bit_set(const uint64_t *words, uint32_t bit)
{
    return (words[bit / 64] >> (bit % 64) & 1) != 0;
}

static rare int restrictions_check(const struct soft *soft, const struct kevy_sqe *sqe)
{
    const struct restrictions *rules = &soft->restrictions;

    if (!bit_set(rules->opcodes, sqe->opcode) ||
        (sqe->flags & rules->flags_required) != rules->flags_required ||
        (sqe->flags & ~(rules->flags_allowed | rules->flags_required)) != 0)
        return -EACCES;
    return 0;
}

/* The flags that few requests carry. */
static rare int flags_check(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;

    if ((sqe->flags & ~SQE_FLAGS_ALL) != 0)
        return -EINVAL;
    if (sqe->flags & KEVY_SQE_CQE_SKIP_SUCCESS)
        soft->drain_disabled = true;
    if ((sqe->flags & KEVY_SQE_IO_DRAIN) != 0 && soft->drain_disabled)
        return -EOPNOTSUPP;
    return 0;
}

/* What few requests need. */
static rare int check_rest(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const struct operation *operation = operation_of(soft, request);
    int error = flags_check(soft, request);

    if (error == 0 && (sqe->flags & KEVY_SQE_BUFFER_SELECT) != 0 &&
        (operation->flags & OPERATION_SELECTS) == 0)
        error = -EOPNOTSUPP;
    if (error == 0 && soft->restrictions.in_force)
        error = restrictions_check(soft, sqe);
    if (error == 0 && ((sqe->ioprio != 0 && (operation->flags & OPERATION_PRIORITY) == 0) ||
                       sqe->personality != 0))
        error = -EINVAL;
    return error;
}

static inline int check(struct soft *soft, struct request *request)
{
    const struct kevy_sqe *sqe = &request->sqe;
    const uint32_t usual = OPERATION_SELECTS | OPERATION_PRIORITY;
    const struct operation *operation;

    if (unlikely(sqe->opcode >= KEVY_OP_LAST))
        return -EINVAL;
    operation = operation_of(soft, request);
    if (unlikely(operation->run == NULL))
        return -EINVAL;
    if (unlikely((operation->flags & usual) != usual || sqe->personality != 0 ||
                 (sqe->flags & ~KEVY_SQE_BUFFER_SELECT) != 0 || soft->restrictions.in_force)) {
        int error = check_rest(soft, request);

        if (error < 0)
            return error;
    }
    return operation->prepare(soft, request);
}

/* Returns an error if it ends the batch: one in the middle of a chain does not. */
static int request_submit(struct soft *soft, struct request *request)
{
    int error = check(soft, request);

    if (unlikely(error < 0 || (request->sqe.flags & SQE_FLAGS_ORDER) != 0 ||
                 soft->chain_first != NULL || soft->draining || soft->drain_next))
        return chain_submit(soft, request, error);
    request_begin(soft, request);
    return 0;
}

/* The next SQE, or NULL where the SQ's array names none. */
static const struct kevy_sqe *sqe_next(struct soft *soft, uint32_t head)
{
    uint32_t index = head & soft->sq_mask;

    if (unlikely(soft->sq_array != NULL)) {
        index = __atomic_load_n(&soft->sq_array[index], __ATOMIC_RELAXED);
        if (index > soft->sq_mask)
            return NULL;
    }
    return &soft->sqes[index];
}

static void request_fill(struct soft *soft, struct request *request, const struct kevy_sqe *sqe)
{
    memcpy(&request->sqe, sqe, sizeof *sqe);
    request->chain = NULL;
    request->captured = NULL;
    request->done = 0;
    request->flags = 0;
    request->state = REQUEST_RUNNING;
    request->marks = 0;
    soft->active++;
}

/* Room for one request more, and for its completion. */
static inline struct request *request_room(struct soft *soft)
{
    if (unlikely(soft->active >= soft->overflow.room - soft->overflow.count) &&
        cq_overflow_reserve(soft, soft->active + 1) < 0)
        return NULL;
    return request_take(soft);
}

/* True while nothing stands in the way of a usual request: no chain, no drain, no restriction, no
 * array to look its place up in. */
static bool is_plain(const struct soft *soft)
{
    return soft->sq_array == NULL && soft->chain_first == NULL && !soft->draining &&
           !soft->drain_next && !soft->restrictions.in_force;
}

/* Takes a request out of the SQ. 0, an error that ends the batch, or SQE_STAYS. */
static int sqe_take(struct soft *soft, const struct kevy_sqe *sqe, bool waits)
{
    struct request *request = request_room(soft);

    if (unlikely(request == NULL))
        return SQE_STAYS;
    request_fill(soft, request, sqe);
    if (!waits)
        return request_submit(soft, request);
    if (operation_of(soft, request)->prepare(soft, request) == 0)
        request_settle(soft, request, RUN_WAITS);
    else
        request_end(soft, request, -EINVAL);
    return 0;
}

/*
 * Takes usual requests from `head` on that end where they stand, up to the first that does not.
 * Returns its position; *waits: it has been tried, and would block.
 */
static uint32_t usual_take(struct soft *soft, uint32_t head, uint32_t end, bool *waits)
{
    for (; head != end && cq_room(soft); head++) {
        const struct kevy_sqe *sqe = &soft->sqes[head & soft->sq_mask];
        int result;

        if (unlikely(sqe->opcode >= KEVY_OP_LAST || soft->operations[sqe->opcode].quick == NULL))
            break;
        result = soft->operations[sqe->opcode].quick(soft, sqe);
        if (unlikely(result <= RUN_WAITS)) {
            *waits = result == RUN_WAITS;
            break;
        }
        cq_push(soft, sqe->user_data, result, 0);
    }
    return head;
}

/* Takes the SQE at `head`. 0, an error that ends the batch, or SQE_STAYS. */
static int any_take(struct soft *soft, uint32_t head, bool waits)
{
    const struct kevy_sqe *sqe = sqe_next(soft, head);

    if (unlikely(sqe == NULL)) {
        soft->cursors->sq_dropped++;
        return -ENOENT;
    }
    return sqe_take(soft, sqe, waits);
}

/* Takes SQEs up to `end`; returns how far it came. */
static uint32_t take(struct soft *soft, uint32_t head, uint32_t end)
{
    int error = 0;

    while (error == 0 || (soft->setup_flags & KEVY_SETUP_SUBMIT_ALL) != 0) {
        bool waits = false;

        if (likely(is_plain(soft)))
            head = usual_take(soft, head, end, &waits);
        if (head == end)
            break;
        error = any_take(soft, head, waits);
        if (unlikely(error == SQE_STAYS))
            break;
        head++;
    }
    return head;
}

int submit(struct soft *soft, uint32_t count)
{
    /* Acquire, pairs with the release of the tail: the SQEs are written before it. */
    uint32_t tail = __atomic_load_n(&soft->cursors->sq_tail, __ATOMIC_ACQUIRE);
    uint32_t first = soft->cursors->sq_head;
    uint32_t end = first + (count < tail - first ? count : tail - first);
    uint32_t head = take(soft, first, end);

    /* Release, pairs with the acquire in kevy_ring_sqe(): what was taken has been read. */
    __atomic_store_n(&soft->cursors->sq_head, head, __ATOMIC_RELEASE);
    chain_close(soft);
    return head == first && end != first ? -EAGAIN : (int)(head - first);
}

#endif /* KEVY_RING_SUPPORTED */
