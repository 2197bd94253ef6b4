/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Groups of provided buffers; group.c has the model. What a receive needs is inline. */
#ifndef KEVY_RING_SRC_SOFT_GROUP_H
#define KEVY_RING_SRC_SOFT_GROUP_H

#include "soft.h"

#include "../tools.h"

#include <sys/uio.h>

struct group {
    struct kevy_buf *entries; /* NULL: there is no such group */
    uint16_t head;
    uint16_t mask;
    uint16_t flags; /* KEVY_PBUF_RING_* */
    bool mapped;    /* map() has handed the pages out */
    uint32_t min_left;
};

int group_register(struct soft *soft, const struct kevy_buf_reg *registration);
int group_unregister(struct soft *soft, const struct kevy_buf_reg *registration);
int group_status(struct soft *soft, struct kevy_buf_status *status);
void groups_close(struct soft *soft);

/* The pages of a group that was registered with KEVY_PBUF_RING_MMAP, for its one mapper; or NULL.
 */
void *group_memory(struct soft *soft, uint32_t number, size_t size);

/*
 * The buffers that the next bytes go to, `room` of them at most, together cut to `length` bytes
 * unless that is 0. Returns how many, -ENOBUFS, or -ENOENT without such a group, as io_uring does
 * where there may be many; *first is the id of the first.
 */
int group_select_many(const struct soft *soft, uint16_t number, uint32_t length,
                      struct iovec *vectors, int room, uint16_t *first);

uint32_t group_take_slowly(struct group *group, uint32_t length);

static inline struct group *group_find(const struct soft *soft, uint16_t number)
{
    if (unlikely(number >= soft->group_count))
        return NULL;
    return soft->groups[number].entries != NULL ? &soft->groups[number] : NULL;
}

static inline uint32_t group_available(const struct group *group)
{
    /* Acquire, pairs with the release of the tail: the entries are written before it. */
    uint16_t tail = __atomic_load_n(&group->entries[0].resv, __ATOMIC_ACQUIRE);

    return (uint16_t)(tail - group->head);
}

/* The buffer that the next bytes go to; NULL: there is none, or no such group. */
static inline const struct kevy_buf *group_next(const struct group *group)
{
    if (unlikely(group == NULL || group_available(group) == 0))
        return NULL;
    return &group->entries[group->head & group->mask];
}

/* The same for a receive, which may write all of it. */
static inline const struct kevy_buf *group_next_room(const struct group *group)
{
    const struct kevy_buf *buffer = group_next(group);

    if (TOOLS_TOLD && buffer != NULL)
        tools_make_room(sqe_pointer(buffer->addr), buffer->len);
    return buffer;
}

/* The length of a buffer that a request cuts to `limit` bytes, unless that is 0. */
static inline uint32_t group_length(const struct kevy_buf *buffer, uint32_t limit)
{
    return limit != 0 && limit < buffer->len ? limit : buffer->len;
}

/*
 * `length` bytes, 1 at least, have been written to the next buffers: those that are used up leave
 * the group, one at least unless it is incremental. Returns the flags for the completion, without
 * the number of the buffer.
 */
static inline uint32_t group_take(struct group *group, uint32_t length)
{
    if (unlikely((group->flags & KEVY_PBUF_RING_INC) != 0 ||
                 length > group->entries[group->head & group->mask].len))
        return group_take_slowly(group, length);
    group->head++;
    return KEVY_CQE_F_BUFFER;
}

#endif
