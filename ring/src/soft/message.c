/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Completions that other threads post: kevy_ring_message().
 *
 * Model. A queue of fixed size that any thread appends to and the ring's owner empties, without a
 * lock: each slot has a number that says whose turn it is. It is made by the first message, with an
 * eventfd in the epoll set that wakes the owner.
 *
 *     slot's number == position             free: a sender may take the position
 *                   == position + 1         full: the owner may read it
 *                   == position + MESSAGES  free again, for the next lap
 *
 * Invariants. `tail` is moved by senders alone, `head` by the owner. A message is counted as sent
 * when its slot is full; a wake follows unless one is under way.
 *
 * The operation KEVY_OP_MSG_RING names its target by a descriptor, and would need a table of all
 * rings of the process to find it: the library has no such thing, and the operation is not offered.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#include <sys/eventfd.h>
#include <sys/syscall.h>

#define MESSAGES 256U

struct slot {
    uint32_t number;
    uint32_t flags;
    uint64_t user_data;
    int32_t result;
};

struct messages {
    struct slot slots[MESSAGES];
    uint32_t tail;
    uint32_t woken; /* 1: the owner has been told and has not looked yet */
    int wake_fd;
    uint32_t head __attribute__((aligned(64)));
};

static void messages_free(const struct soft *soft, struct messages *messages)
{
    if (messages->wake_fd >= 0)
        (void)soft->os->close(soft->os, messages->wake_fd);
    soft->os->unmap(soft->os, messages, sizeof *messages);
}

static int wake_open(const struct soft *soft, struct messages *messages)
{
    const long arguments[6] = {0, EFD_NONBLOCK | EFD_CLOEXEC};
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.u64 = UINT64_MAX};

    messages->wake_fd = (int)soft->os->call(soft->os, SYS_eventfd2, arguments);
    if (messages->wake_fd < 0)
        return messages->wake_fd;
    return soft->os->epoll_ctl(soft->os, soft->epoll_fd, EPOLL_CTL_ADD, messages->wake_fd, &event);
}

/* The ring's queue, made if there is none. Of two threads that make one the first has its way. */
static int messages_find(struct soft *soft, struct messages **found)
{
    struct messages *messages = __atomic_load_n(&soft->messages, __ATOMIC_ACQUIRE);
    struct messages *before = NULL;
    void *memory;
    int error;

    *found = messages;
    if (messages != NULL)
        return 0;
    error = soft->os->map(soft->os, sizeof *messages, &memory);
    if (error < 0)
        return error;
    messages = memory;
    for (uint32_t index = 0; index < MESSAGES; index++)
        messages->slots[index].number = index;
    error = wake_open(soft, messages);
    if (error < 0) {
        messages_free(soft, messages);
        return error;
    }
    *found = messages;
    if (!__atomic_compare_exchange_n(&soft->messages, &before, messages, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
        messages_free(soft, messages);
        *found = before;
    }
    return 0;
}

void messages_close(struct soft *soft)
{
    if (soft->messages != NULL)
        messages_free(soft, soft->messages);
}

/* A free slot for a sender, whose position is then *position; NULL when the queue is full. */
static struct slot *slot_take(struct messages *messages, uint32_t *position)
{
    *position = __atomic_load_n(&messages->tail, __ATOMIC_RELAXED);
    for (;;) {
        struct slot *slot = &messages->slots[*position % MESSAGES];
        uint32_t number = __atomic_load_n(&slot->number, __ATOMIC_ACQUIRE);

        if (number != *position && (int32_t)(number - *position) < 0)
            return NULL; /* still full from the lap before */
        if (number == *position &&
            __atomic_compare_exchange_n(&messages->tail, position, *position + 1, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return slot;
        if (number != *position)
            *position = __atomic_load_n(&messages->tail, __ATOMIC_RELAXED);
    }
}

static void wake(const struct soft *soft, struct messages *messages)
{
    const uint64_t one = 1;
    const long arguments[6] = {messages->wake_fd, (long)&one, sizeof one};

    /* Full barrier: the slot is full before the flag is looked at. Partner: messages_take(). */
    if (__atomic_exchange_n(&messages->woken, 1, __ATOMIC_SEQ_CST) == 0)
        (void)soft->os->call(soft->os, SYS_write, arguments);
}

/* From any thread. Returns 0, -EOVERFLOW (as many messages wait as there is room for), or what
 * making the queue failed with. */
int message_send(struct soft *soft, const struct kevy_sqe *sqe)
{
    struct messages *messages;
    struct slot *slot;
    uint32_t position;
    int error = messages_find(soft, &messages);

    if (error < 0)
        return error;
    slot = slot_take(messages, &position);
    if (slot == NULL)
        return -EOVERFLOW;
    slot->user_data = sqe->off;
    slot->result = (int32_t)sqe->len;
    slot->flags = sqe->msg_ring_flags & KEVY_MSG_RING_FLAGS_PASS ? sqe->file_index : 0;
    __atomic_store_n(&slot->number, position + 1, __ATOMIC_RELEASE);
    wake(soft, messages);
    return 0;
}

/* The owner: moves messages to the CQ, as long as it has room. */
rare void messages_take(struct soft *soft)
{
    struct messages *messages = __atomic_load_n(&soft->messages, __ATOMIC_ACQUIRE);

    __atomic_exchange_n(&messages->woken, 0, __ATOMIC_SEQ_CST);
    while (cq_room(soft)) {
        struct slot *slot = &messages->slots[messages->head % MESSAGES];

        if (__atomic_load_n(&slot->number, __ATOMIC_ACQUIRE) != messages->head + 1)
            break;
        cq_post(soft, slot->user_data, slot->result, slot->flags);
        __atomic_store_n(&slot->number, messages->head + MESSAGES, __ATOMIC_RELEASE);
        messages->head++;
    }
}

#endif /* KEVY_RING_SUPPORTED */
