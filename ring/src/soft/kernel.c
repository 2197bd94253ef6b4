/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The table of the soft kernel: set-up, memory, the end.
 *
 * Model. Set-up makes an epoll set, whose descriptor is the ring's, and the two areas of the
 * queues. map() hands an area out, and its last unmap() frees it; what was never handed out goes
 * with the ring. In the caller's memory (KEVY_SETUP_NO_MMAP) the areas are the caller's.
 *
 * Invariants. Sizes and limits are io_uring's. `state` is the ring's own memory, freed last. A
 * forked child may close its copy: that gives back memory and numbers, and touches nothing that it
 * shares with the parent.
 */
#include "group.h"
#include "operation.h"
#include "registration.h"

#if KEVY_RING_SUPPORTED

#include <sys/mman.h>
#include <time.h>

#include "../io_uring.h"

#define RINGS_PAGE 4096U

static uint32_t rounded(uint32_t entries)
{
    uint32_t power = 1;

    while (power < entries)
        power *= 2;
    return power;
}

/* The sizes that the ring gets, in `params`. */
static int entries_choose(uint32_t entries, struct kevy_params *params)
{
    bool clamp = (params->flags & KEVY_SETUP_CLAMP) != 0;
    uint32_t cq_entries = params->cq_entries;

    if (entries == 0 || (entries > KEVY_MAX_ENTRIES && !clamp))
        return -EINVAL;
    entries = rounded(entries < KEVY_MAX_ENTRIES ? entries : KEVY_MAX_ENTRIES);
    if ((params->flags & KEVY_SETUP_CQSIZE) == 0) {
        cq_entries = 2 * entries;
    } else {
        if (cq_entries == 0 || (cq_entries > KEVY_MAX_CQ_ENTRIES && !clamp))
            return -EINVAL;
        cq_entries = rounded(cq_entries < KEVY_MAX_CQ_ENTRIES ? cq_entries : KEVY_MAX_CQ_ENTRIES);
        if (cq_entries < entries)
            return -EINVAL;
    }
    params->sq_entries = entries;
    params->cq_entries = cq_entries;
    return 0;
}

static int flags_check(uint32_t flags)
{
    uint32_t deferred = flags & (KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_SINGLE_ISSUER);

    if ((flags & ~SOFT_SETUP_FLAGS) != 0)
        return -EINVAL;
    if (deferred == KEVY_SETUP_DEFER_TASKRUN)
        return -EINVAL;
    if ((flags & KEVY_SETUP_TASKRUN_FLAG) != 0 &&
        (flags & (KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_DEFER_TASKRUN)) == 0)
        return -EINVAL;
    return 0;
}

/* Where the parts of the rings lie. The SQ's array, if there is one, comes after the CQEs. */
static size_t rings_lay_out(struct kevy_params *params)
{
    size_t size = sizeof(struct cursors) + params->cq_entries * sizeof(struct kevy_cqe);

    memset(&params->sq_off, 0, offsetof(struct kevy_sqring_offsets, user_addr));
    memset(&params->cq_off, 0, offsetof(struct kevy_cqring_offsets, user_addr));
    params->sq_off.head = offsetof(struct cursors, sq_head);
    params->sq_off.tail = offsetof(struct cursors, sq_tail);
    params->sq_off.ring_mask = offsetof(struct cursors, sq_mask);
    params->sq_off.ring_entries = offsetof(struct cursors, sq_entries);
    params->sq_off.flags = offsetof(struct cursors, sq_flags);
    params->sq_off.dropped = offsetof(struct cursors, sq_dropped);
    params->cq_off.head = offsetof(struct cursors, cq_head);
    params->cq_off.tail = offsetof(struct cursors, cq_tail);
    params->cq_off.ring_mask = offsetof(struct cursors, cq_mask);
    params->cq_off.ring_entries = offsetof(struct cursors, cq_entries);
    params->cq_off.overflow = offsetof(struct cursors, cq_overflow);
    params->cq_off.flags = offsetof(struct cursors, cq_flags);
    params->cq_off.cqes = sizeof(struct cursors);
    if ((params->flags & KEVY_SETUP_NO_SQARRAY) == 0) {
        params->sq_off.array = (uint32_t)size;
        size += params->sq_entries * sizeof(uint32_t);
    }
    return size;
}

static int area_make(struct soft *soft, struct area *area, size_t size, uint64_t lent)
{
    area->size = size;
    if ((soft->setup_flags & KEVY_SETUP_NO_MMAP) == 0)
        return soft->os->map(soft->os, size, &area->memory);
    area->memory = sqe_pointer(lent);
    return area->memory == NULL || lent % RINGS_PAGE != 0 ? -EINVAL : 0;
}

static int queues_make(struct soft *soft, struct kevy_params *params)
{
    size_t sqes_size = params->sq_entries * sizeof(struct kevy_sqe);
    int error = area_make(soft, &soft->rings, rings_lay_out(params), params->cq_off.user_addr);

    if (error == 0)
        error = area_make(soft, &soft->sqe_area, sqes_size, params->sq_off.user_addr);
    if (error < 0)
        return error;
    soft->cursors = soft->rings.memory;
    memset(soft->cursors, 0, sizeof *soft->cursors);
    soft->sqes = soft->sqe_area.memory;
    soft->cqes = (void *)((char *)soft->rings.memory + params->cq_off.cqes);
    if (params->sq_off.array != 0)
        soft->sq_array = (void *)((char *)soft->rings.memory + params->sq_off.array);
    soft->cursors->sq_mask = soft->sq_mask = params->sq_entries - 1;
    soft->cursors->cq_mask = soft->cq_mask = params->cq_entries - 1;
    soft->cursors->sq_entries = params->sq_entries;
    soft->cursors->cq_entries = soft->cq_entries = params->cq_entries;
    cq_look(soft);
    return 0;
}

static void area_free(const struct soft *soft, struct area *area)
{
    if (area->memory != NULL && (soft->setup_flags & KEVY_SETUP_NO_MMAP) == 0)
        soft->os->unmap(soft->os, area->memory, area->size);
    area->memory = NULL;
}

/* Files that only requests in flight keep open. */
static void requests_end(struct soft *soft)
{
    for (struct request *request = request_each(soft, NULL); request != NULL;
         request = request_each(soft, request))
        if (request->state != REQUEST_FREE && (request->marks & MARK_WATCHED) != 0)
            descriptor_release(soft, request->sqe.fd);
}

static void soft_close(void *state, int fd)
{
    struct soft *soft = state;
    const struct soft_os *os = soft->os;

    (void)fd; /* the same as epoll_fd */
    requests_end(soft);
    (void)file_table_unregister(soft);
    groups_close(soft);
    messages_close(soft);
    if (soft->timer_fd >= 0)
        (void)os->close(os, soft->timer_fd);
    if (soft->epoll_fd >= 0)
        (void)os->close(os, soft->epoll_fd);
    area_free(soft, &soft->rings);
    area_free(soft, &soft->sqe_area);
    pages_give_all(soft);
    os->unmap(os, soft, sizeof *soft);
}

static int soft_open(struct soft *soft, struct kevy_params *params)
{
    int error = queues_make(soft, params);

    if (error == 0)
        error = requests_grow(soft);
    if (error < 0)
        return error;
    soft->epoll_fd = soft->os->epoll_create(soft->os);
    return soft->epoll_fd;
}

static int soft_setup(void *context, uint32_t entries, struct kevy_params *params, void **state)
{
    const struct soft_os *os = context != NULL ? context : soft_os_linux();
    int result = flags_check(params->flags);
    struct soft *soft;
    void *memory;

    if (result == 0)
        result = entries_choose(entries, params);
    if (result == 0)
        result = os->map(os, sizeof *soft, &memory);
    if (result < 0)
        return result;
    soft = memory;
    soft->os = os;
    soft->operations = operations;
    soft->setup_flags = params->flags;
    soft->epoll_fd = soft->timer_fd = -1;
    soft->timer_ns = UINT64_MAX;
    soft->clock = CLOCK_MONOTONIC;
    soft->owner = pthread_self();
    result = soft_open(soft, params);
    if (result < 0) {
        soft_close(soft, -1);
        return result;
    }
    params->features = SOFT_FEATURES;
    *state = soft;
    return result;
}

static int area_map(struct area *area, size_t size, void **memory)
{
    if (area->memory == NULL || size > area->size)
        return -EINVAL;
    area->mappings++;
    *memory = area->memory;
    return 0;
}

/* True if it was an area that was unmapped; it goes with its last mapping. */
static bool area_unmap(const struct soft *soft, struct area *area, const void *memory)
{
    if (area->memory != memory)
        return false;
    if (--area->mappings == 0)
        area_free(soft, area);
    return true;
}

static int soft_map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags,
                    void **memory)
{
    struct soft *soft = state;
    void *found = NULL;
    int error;

    (void)fd;
    if (offset == KEVY_RING_MAP_PRIVATE) {
        error = soft->os->map(soft->os, size, &found);
    } else if (soft->setup_flags & KEVY_SETUP_NO_MMAP) {
        return -EINVAL;
    } else if (offset == KEVY_OFF_SQ_RING || offset == KEVY_OFF_CQ_RING) {
        error = area_map(&soft->rings, size, &found);
    } else if (offset == KEVY_OFF_SQES) {
        error = area_map(&soft->sqe_area, size, &found);
    } else {
        found = group_memory(
            soft, (uint32_t)((offset & ~KEVY_OFF_MMAP_MASK) >> KEVY_OFF_PBUF_SHIFT), size);
        error = found != NULL ? 0 : -EINVAL;
    }
    if (error < 0)
        return error;
    if (flags & KEVY_RING_MAP_DONTFORK)
        (void)madvise(found, size, MADV_DONTFORK);
    *memory = found;
    return 0;
}

static void soft_unmap(void *state, void *memory, size_t size)
{
    struct soft *soft = state;

    if (!area_unmap(soft, &soft->rings, memory) && !area_unmap(soft, &soft->sqe_area, memory))
        soft->os->unmap(soft->os, memory, size);
}

static uint64_t soft_now_ns(void *state, int32_t clock)
{
    const struct soft *soft = state;

    return soft->os->now_ns(soft->os, clock != 0 ? clock : CLOCK_MONOTONIC);
}

static const struct kevy_ring_kernel table = {
    .name = "soft",
    .setup = soft_setup,
    .enter = soft_enter,
    .register_op = soft_register,
    .map = soft_map,
    .unmap = soft_unmap,
    .close = soft_close,
    .now_ns = soft_now_ns,
};

const struct kevy_ring_kernel *kevy_ring_kernel_soft(void)
{
    return &table;
}

#endif /* KEVY_RING_SUPPORTED */
