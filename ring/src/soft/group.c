/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Groups of provided buffers.
 *
 * Model. A group is a ring of buffers in the user's memory, or in pages that map() hands out. The
 * user moves its tail; we move a head of our own. A buffer is looked at before a call that may fill
 * it, and taken after one that has: a request that finds no data leaves the group as it was.
 *
 * Incremental groups: a buffer is used up piece by piece. We write into the ring what is left of
 * it, and step past it when that is less than `min_left`, or nothing.
 *
 * Invariants. Entries are read only between head and tail, and only while a request is run. The
 * table of groups reaches to the greatest number that was registered.
 */
#include "group.h"

#if KEVY_RING_SUPPORTED

#define GROUPS  65536U
#define ENTRIES KEVY_PBUF_RING_MAX_ENTRIES
/* Of the user's pages, on the machines with the smallest. */
#define ALIGNMENT 4096U

static size_t slots_size(const struct group *group)
{
    return (group->mask + (size_t)1) * sizeof(struct kevy_buf);
}

static bool is_power_of_two(uint32_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

static bool registration_valid(const struct kevy_buf_reg *registration)
{
    bool own_pages = (registration->flags & KEVY_PBUF_RING_MMAP) != 0;
    bool incremental = (registration->flags & KEVY_PBUF_RING_INC) != 0;

    if ((registration->flags & ~(KEVY_PBUF_RING_MMAP | KEVY_PBUF_RING_INC)) != 0 ||
        !is_power_of_two(registration->ring_entries) || registration->ring_entries > ENTRIES)
        return false;
    for (size_t index = 0; index < sizeof registration->resv / sizeof registration->resv[0];
         index++)
        if (registration->resv[index] != 0)
            return false;
    if (registration->min_left != 0 && !incremental)
        return false;
    return own_pages ? registration->ring_addr == 0 : registration->ring_addr % ALIGNMENT == 0;
}

/* Has the table reach to `number`. */
static int groups_reach(struct soft *soft, uint32_t number)
{
    uint32_t count = soft->group_count != 0 ? soft->group_count : 16;
    struct group *groups;

    if (number < soft->group_count)
        return 0;
    while (count <= number)
        count *= 2;
    groups = pages_take(soft, count * sizeof *groups);
    if (groups == NULL)
        return -ENOMEM;
    if (soft->group_count != 0)
        memcpy(groups, soft->groups, soft->group_count * sizeof *groups);
    pages_give(soft, soft->groups);
    soft->groups = groups;
    soft->group_count = count;
    return 0;
}

int group_register(struct soft *soft, const struct kevy_buf_reg *registration)
{
    bool own_pages = (registration->flags & KEVY_PBUF_RING_MMAP) != 0;
    void *entries = sqe_pointer(registration->ring_addr);
    struct group group = {.mask = (uint16_t)(registration->ring_entries - 1),
                          .flags = registration->flags,
                          .min_left = registration->min_left};
    int error = registration_valid(registration) ? 0 : -EINVAL;

    if (error == 0 && group_find(soft, registration->bgid) != NULL)
        error = -EEXIST;
    if (error == 0 && !own_pages && entries == NULL)
        error = -EFAULT;
    if (error == 0)
        error = groups_reach(soft, registration->bgid);
    if (error == 0 && own_pages)
        error = soft->os->map(soft->os, slots_size(&group), &entries);
    if (error < 0)
        return error;
    group.entries = entries;
    soft->groups[registration->bgid] = group;
    return 0;
}

static void group_end(struct soft *soft, struct group *group)
{
    if ((group->flags & KEVY_PBUF_RING_MMAP) != 0 && !group->mapped)
        soft->os->unmap(soft->os, group->entries, slots_size(group));
    memset(group, 0, sizeof *group);
}

int group_unregister(struct soft *soft, const struct kevy_buf_reg *registration)
{
    struct group *group = group_find(soft, registration->bgid);

    if (group == NULL)
        return -ENOENT;
    group_end(soft, group);
    return 0;
}

/* Pages that nobody has mapped go with the ring. */
void groups_close(struct soft *soft)
{
    for (uint32_t number = 0; number < soft->group_count; number++)
        if (soft->groups[number].entries != NULL)
            group_end(soft, &soft->groups[number]);
}

int group_status(struct soft *soft, struct kevy_buf_status *status)
{
    struct group *group = NULL;

    for (size_t index = 0; index < sizeof status->resv / sizeof status->resv[0]; index++)
        if (status->resv[index] != 0)
            return -EINVAL;
    if (status->buf_group < GROUPS)
        group = group_find(soft, (uint16_t)status->buf_group);
    if (group == NULL)
        return -ENOENT;
    status->head = group->head;
    return 0;
}

void *group_memory(struct soft *soft, uint32_t number, size_t size)
{
    struct group *group = number < GROUPS ? group_find(soft, (uint16_t)number) : NULL;

    if (group == NULL || (group->flags & KEVY_PBUF_RING_MMAP) == 0 || group->mapped ||
        size > slots_size(group))
        return NULL;
    group->mapped = true;
    return group->entries;
}

int group_select_many(const struct soft *soft, uint16_t number, uint32_t length,
                      struct iovec *vectors, int room, uint16_t *first)
{
    const struct group *group = group_find(soft, number);
    uint32_t left = length != 0 ? length : UINT32_MAX;
    uint32_t count;
    int filled = 0;

    if (unlikely(group == NULL))
        return -ENOENT;
    count = group_available(group);
    if (unlikely(count == 0))
        return -ENOBUFS;
    *first = group->entries[group->head & group->mask].bid;
    while (filled < room && (uint32_t)filled < count && left > 0) {
        const struct kevy_buf *entry =
            &group->entries[(group->head + (uint32_t)filled) & group->mask];

        vectors[filled].iov_base = sqe_pointer(entry->addr);
        vectors[filled].iov_len = entry->len < left ? entry->len : left;
        left -= (uint32_t)vectors[filled].iov_len;
        filled++;
    }
    return filled;
}

/* Uses up `length` bytes of a buffer. True when it is done with. */
static bool piece_take(const struct group *group, struct kevy_buf *entry, uint32_t length)
{
    uint32_t left = entry->len - length;

    if ((group->flags & KEVY_PBUF_RING_INC) == 0)
        return true;
    if (left == 0 || left < group->min_left) {
        entry->len = 0;
        return true;
    }
    entry->addr += length;
    entry->len = left;
    return false;
}

rare uint32_t group_take_slowly(struct group *group, uint32_t length)
{
    bool used_up;

    do {
        struct kevy_buf *entry = &group->entries[group->head & group->mask];
        uint32_t part = length < entry->len ? length : entry->len;

        used_up = piece_take(group, entry, part);
        if (used_up)
            group->head++;
        length -= part;
    } while (length > 0);
    return used_up ? KEVY_CQE_F_BUFFER : KEVY_CQE_F_BUFFER | KEVY_CQE_F_BUF_MORE;
}

#endif /* KEVY_RING_SUPPORTED */
