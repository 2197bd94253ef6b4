/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Set-up and tear-down of a ring.
 *
 * Model. Set-up goes params -> descriptor -> mappings -> cursors -> registered descriptor; each
 * step leaves the ring in a state that kevy_ring_deinit() undoes, so that failure has one exit.
 * Flags that the caller merely prefers are dropped newest first on -EINVAL: the kernel does not say
 * which flag it does not know, and a kernel that lacks one lacks every newer one.
 *
 * Invariants. A mapping pointer is NULL exactly when its size is 0. `fd` is open exactly while
 * `sq_entries` is not 0: a zeroed ring also has an `fd` of 0, which is not its own. `enter_fd` is
 * the registered index exactly when `enter_flags` holds KEVY_ENTER_REGISTERED_RING. Every offset
 * is taken from the kernel's params: since 6.x the cursors share a cache line, before that each had
 * one.
 */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring_register.h>
#include <string.h>

#include "syscall.h"

/*
 * The flags a kernel may lack, newest first, each with the release that brought it and the flags of
 * which one must be there for it to make sense: when the last of them goes, so does the flag.
 */
struct droppable_flag {
    uint32_t flag;
    uint32_t needs_one_of;
};

static const struct droppable_flag droppable_flags[] = {
    {KEVY_SETUP_SQ_REWIND, KEVY_SETUP_NO_SQARRAY},                                 /* 7.0 */
    {KEVY_SETUP_SQE_MIXED, 0},                                                     /* 6.19 */
    {KEVY_SETUP_CQE_MIXED, 0},                                                     /* 6.18 */
    {KEVY_SETUP_HYBRID_IOPOLL, KEVY_SETUP_IOPOLL},                                 /* 6.13 */
    {KEVY_SETUP_NO_SQARRAY, 0},                                                    /* 6.6 */
    {KEVY_SETUP_DEFER_TASKRUN, KEVY_SETUP_SINGLE_ISSUER},                          /* 6.1 */
    {KEVY_SETUP_SINGLE_ISSUER, 0},                                                 /* 6.0 */
    {KEVY_SETUP_CQE32, 0},                                                         /* 5.19 */
    {KEVY_SETUP_SQE128, 0},                                                        /* 5.19 */
    {KEVY_SETUP_TASKRUN_FLAG, KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_DEFER_TASKRUN}, /* 5.19 */
    {KEVY_SETUP_COOP_TASKRUN, 0},                                                  /* 5.19 */
    {KEVY_SETUP_SUBMIT_ALL, 0},                                                    /* 5.18 */
    {KEVY_SETUP_R_DISABLED, 0},                                                    /* 5.10 */
    {KEVY_SETUP_ATTACH_WQ, 0},                                                     /* 5.6 */
    {KEVY_SETUP_CLAMP, 0},                                                         /* 5.6 */
};

#define DROPPABLE_COUNT (sizeof droppable_flags / sizeof droppable_flags[0])

static struct kevy_params params_make(const struct kevy_ring_options *options)
{
    struct kevy_params params;

    memset(&params, 0, sizeof params);
    params.flags = options->required_flags | options->preferred_flags;
    if (!options->plain)
        params.flags |= KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_NO_SQARRAY;
    /* Never dropped: who names a size would lose completions' room without a word. */
    if (options->cq_entries != 0)
        params.flags |= KEVY_SETUP_CQSIZE;
    params.cq_entries = options->cq_entries;
    params.sq_thread_idle = options->sq_thread_idle_ms;
    params.sq_thread_cpu = options->sq_thread_cpu;
    if (params.flags & KEVY_SETUP_ATTACH_WQ)
        params.wq_fd = (uint32_t)options->attach_fd;
    return params;
}

/* Drops the flags that have lost what they need; a required one stays, for the kernel to refuse. */
static void flags_repair(uint32_t *flags, uint32_t required)
{
    for (size_t i = 0; i < DROPPABLE_COUNT; i++) {
        const struct droppable_flag *entry = &droppable_flags[i];

        if (entry->needs_one_of != 0 && (*flags & entry->needs_one_of) == 0)
            *flags &= ~(entry->flag & ~required);
    }
}

/* Drops the newest flag that may be dropped; false when none is left. */
static bool flags_drop(uint32_t *flags, uint32_t required, size_t *next)
{
    while (*next < DROPPABLE_COUNT) {
        uint32_t flag = droppable_flags[(*next)++].flag;

        if ((*flags & flag) != 0 && (required & flag) == 0) {
            *flags &= ~flag;
            flags_repair(flags, required);
            return true;
        }
    }
    return false;
}

/* Opens the ring with the flags asked for, or with as many as this kernel knows. */
static int descriptor_open(uint32_t entries, const struct kevy_ring_options *options,
                           struct kevy_params *params)
{
    uint32_t required = options->required_flags;
    struct kevy_params attempt = params_make(options);
    size_t next = 0;
    int fd;

    for (;;) {
        *params = attempt; /* the kernel writes into it, also when it fails */
        fd = kevy_syscall_setup(entries, params);
        if (fd != -EINVAL || !flags_drop(&attempt.flags, required, &next))
            return fd;
    }
}

static size_t cq_bytes(const struct kevy_params *params)
{
    size_t cqe_size = sizeof(struct kevy_cqe) << ((params->flags & KEVY_SETUP_CQE32) != 0);

    return params->cq_off.cqes + cqe_size * params->cq_entries;
}

static size_t ring_bytes(const struct kevy_params *params)
{
    size_t cq_end = cq_bytes(params);
    size_t sq_end = params->sq_off.array + sizeof(uint32_t) * params->sq_entries;

    if (params->features & KEVY_FEAT_SINGLE_MMAP)
        return sq_end > cq_end ? sq_end : cq_end;
    return sq_end;
}

static int area_map(struct kevy_ring *ring, void **memory, size_t *size, size_t wanted,
                    uint64_t offset)
{
    int error = kevy_syscall_mmap(memory, wanted, ring->fd, offset);

    if (error < 0)
        return error;
    *size = wanted;
    /* A child that inherited the mapping would move cursors under us. Best effort by design. */
    (void)kevy_syscall_dontfork(*memory, wanted);
    return 0;
}

static int areas_map(struct kevy_ring *ring, const struct kevy_params *params)
{
    void *sqes = NULL;
    int error;

    error =
        area_map(ring, &ring->ring_memory, &ring->ring_size, ring_bytes(params), KEVY_OFF_SQ_RING);
    if (error == 0 && (params->features & KEVY_FEAT_SINGLE_MMAP) == 0)
        error =
            area_map(ring, &ring->cq_memory, &ring->cq_size, cq_bytes(params), KEVY_OFF_CQ_RING);
    if (error == 0)
        error = area_map(ring, &sqes, &ring->sqe_size,
                         (size_t)params->sq_entries << ring->sqe_shift, KEVY_OFF_SQES);
    ring->sqes = sqes;
    return error;
}

/*
 * Finds the cursors in the mapped memory. Where the kernel still wants an index array between tail
 * and SQE (before 6.6), the identity is written once: slot i always describes SQE i.
 */
static void cursors_locate(struct kevy_ring *ring, const struct kevy_params *params)
{
    char *sq = ring->ring_memory;
    char *cq = ring->cq_memory != NULL ? ring->cq_memory : ring->ring_memory;

    ring->sq_head = (uint32_t *)(void *)(sq + params->sq_off.head);
    ring->sq_tail = (uint32_t *)(void *)(sq + params->sq_off.tail);
    ring->sq_flags = (uint32_t *)(void *)(sq + params->sq_off.flags);
    ring->sqe_limit = params->sq_entries;
    ring->sq_mask = params->sq_entries - 1;
    ring->cqes = (const struct kevy_cqe *)(const void *)(cq + params->cq_off.cqes);
    ring->cq_head = (uint32_t *)(void *)(cq + params->cq_off.head);
    ring->cq_tail = (uint32_t *)(void *)(cq + params->cq_off.tail);
    ring->cq_mask = params->cq_entries - 1;
    if (params->cq_off.flags != 0)
        ring->cq_flags = (uint32_t *)(void *)(cq + params->cq_off.flags);
    if ((params->flags & KEVY_SETUP_NO_SQARRAY) == 0) {
        uint32_t *array = (uint32_t *)(void *)(sq + params->sq_off.array);

        for (uint32_t slot = 0; slot < params->sq_entries; slot++)
            array[slot] = slot;
    }
    assert((ring->sq_entries & ring->sq_mask) == 0);
    assert((ring->cq_entries & ring->cq_mask) == 0);
}

/*
 * Registers the ring's descriptor with the calling thread (5.18), which spares each enter the
 * lookup. The table has 16 slots per thread; a full one, or an older kernel, leaves the plain
 * descriptor.
 */
static void descriptor_register(struct kevy_ring *ring)
{
    struct kevy_rsrc_update update = {.offset = UINT32_MAX, .data = (uint64_t)ring->fd};

    if (kevy_syscall_register(ring->fd, KEVY_REGISTER_RING_FDS, &update, 1) != 1)
        return;
    ring->enter_fd = (int32_t)update.offset;
    ring->enter_flags |= KEVY_ENTER_REGISTERED_RING;
    ring->registered_by = kevy_syscall_thread();
}

/*
 * Must come before close: the registration holds a reference that would keep the ring alive. In
 * another thread's table the same index is some other ring, which must not be touched; the owner's
 * table goes when the owner ends.
 */
static void descriptor_unregister(struct kevy_ring *ring)
{
    struct kevy_rsrc_update update = {.offset = (uint32_t)ring->enter_fd};

    if ((ring->enter_flags & KEVY_ENTER_REGISTERED_RING) == 0)
        return;
    if (ring->registered_by == kevy_syscall_thread())
        (void)kevy_syscall_register(ring->fd, KEVY_UNREGISTER_RING_FDS, &update, 1);
    ring->enter_flags &= ~KEVY_ENTER_REGISTERED_RING;
    ring->enter_fd = ring->fd;
    ring->registered_by = 0;
}

int kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                   const struct kevy_ring_options *options)
{
    static const struct kevy_ring_options defaults = {0};
    struct kevy_params params;
    int result;

    if (options == NULL)
        options = &defaults;
    memset(ring, 0, sizeof *ring);
    ring->fd = -1;
    result = descriptor_open(entries, options, &params);
    if (result < 0)
        return result;
    ring->fd = result;
    ring->enter_fd = result;
    ring->sq_entries = params.sq_entries;
    ring->cq_entries = params.cq_entries;
    ring->plain = options->plain;
    ring->setup_flags = params.flags;
    ring->features = params.features;
    ring->sqe_shift = (params.flags & KEVY_SETUP_SQE128) != 0 ? 7 : 6;
    ring->cqe_shift = (params.flags & KEVY_SETUP_CQE32) != 0 ? 5 : 4;
    result = areas_map(ring, &params);
    if (result < 0) {
        kevy_ring_deinit(ring);
        return result;
    }
    cursors_locate(ring, &params);
    if (!options->plain) {
        if (params.features & KEVY_FEAT_NO_IOWAIT)
            ring->enter_flags |= KEVY_ENTER_NO_IOWAIT;
        /* The registration is the thread's: a disabled ring waits for its owner in enable. */
        if ((params.flags & KEVY_SETUP_R_DISABLED) == 0)
            descriptor_register(ring);
    }
    return 0;
}

int kevy_ring_enable(struct kevy_ring *ring)
{
    int result = kevy_ring_register(ring, KEVY_REGISTER_ENABLE_RINGS, NULL, 0);

    if (result < 0)
        return result;
    if (!ring->plain && (ring->enter_flags & KEVY_ENTER_REGISTERED_RING) == 0)
        descriptor_register(ring);
    return 0;
}

void kevy_ring_deinit(struct kevy_ring *ring)
{
    assert(ring->buffer_rings == NULL); /* deinitialise buffer rings before the ring they hang on */
    if (ring->sq_entries != 0)
        descriptor_unregister(ring);
    if (ring->sqes != NULL)
        kevy_syscall_munmap(ring->sqes, ring->sqe_size);
    if (ring->cq_memory != NULL)
        kevy_syscall_munmap(ring->cq_memory, ring->cq_size);
    if (ring->ring_memory != NULL)
        kevy_syscall_munmap(ring->ring_memory, ring->ring_size);
    if (ring->sq_entries != 0)
        kevy_syscall_close(ring->fd);
    memset(ring, 0, sizeof *ring);
    ring->fd = -1;
}

#endif /* KEVY_RING_SUPPORTED */
