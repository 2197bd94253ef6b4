/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Set-up and tear-down of a ring.
 *
 * Model. Set-up goes params -> descriptor -> mappings -> cursors -> registered descriptor; each
 * step leaves the ring in a state that kevy_ring_deinit() undoes, so that failure has one exit.
 * Flags that the caller merely prefers are dropped newest first on -EINVAL: the kernel does not say
 * which flag it does not know, and a kernel that lacks one lacks every newer one.
 *
 * Invariants. A ring that is idle is all zero, and sq_entries is 0 in no other ring: the `fd` of 0
 * is not its own then.
 */
#include <kevy/ring.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_register.h>
#include <string.h>
#include <time.h>

#include "descriptor.h"
#include "kernel.h"
#include "memory.h"
#include "owner.h"
#include "ring.h"
#include "zeroed.h"

/*
 * The flags a kernel may lack, newest first, each with the release that brought it and the flags of
 * which one must be there for it to make sense: when the last of them goes, so does the flag.
 */
struct droppable_flag {
    uint32_t flag;
    uint32_t needs_one_of;
};

static const struct droppable_flag droppable_flags[] = {
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
    params.flags &= ~KEVY_SETUP_SQ_REWIND; /* see ring_mode.h */
    if (options->registered_wait)
        params.flags |= KEVY_SETUP_R_DISABLED;
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
static int descriptor_open(struct kevy_ring *ring, uint32_t entries,
                           const struct kevy_ring_options *options, struct kevy_params *params)
{
    struct kevy_params attempt = params_make(options);
    uint32_t lent = options->memory != NULL ? KEVY_SETUP_NO_MMAP : 0;
    size_t next = 0;
    int result;

    if (((attempt.flags | lent) & KEVY_SETUP_NO_MMAP) != lent)
        return -EINVAL; /* NO_MMAP goes with memory */
    attempt.flags |= lent;
    for (;;) {
        *params = attempt; /* the kernel writes into it, also when it fails */
        params->sq_entries = entries;
        if (lent != 0) {
            result = kevy_x_memory_lend(params, options->memory, options->memory_size);
            if (result < 0)
                return result;
        }
        result = kernel_setup(ring, entries, params);
        if (result != -EINVAL || !flags_drop(&attempt.flags, options->required_flags, &next))
            return result;
    }
}

static uint32_t modes_make(const struct kevy_ring *ring)
{
    static const struct {
        uint32_t setup_flag;
        uint32_t mode;
    } table[] = {
        {KEVY_SETUP_SQPOLL, KEVY_X_MODE_SQPOLL},
        {KEVY_SETUP_IOPOLL, KEVY_X_MODE_IOPOLL},
        {KEVY_SETUP_CQE_MIXED, KEVY_X_MODE_CQE_MIXED},
    };
    uint32_t modes = ring->kernel != NULL ? KEVY_X_MODE_KERNEL : 0;

    if ((ring->features & KEVY_FEAT_MIN_TIMEOUT) == 0)
        modes |= KEVY_X_MODE_OLD;
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (ring->setup_flags & table[i].setup_flag)
            modes |= table[i].mode;
    return modes;
}

/* What set-up answered, and what follows from it without asking the kernel again. */
void kevy_x_ring_note(struct kevy_ring *ring, const struct kevy_params *params, int result)
{
    ring->sq_entries = params->sq_entries;
    ring->cq_entries = params->cq_entries;
    ring->setup_flags = params->flags;
    ring->features = params->features;
    ring->sqe_shift = (params->flags & KEVY_SETUP_SQE128) != 0 ? 7 : 6;
    ring->cqe_shift = (params->flags & KEVY_SETUP_CQE32) != 0 ? 5 : 4;
    ring->modes = modes_make(ring);
    ring->clock = CLOCK_MONOTONIC;
    kevy_x_enter_flags_set(ring, 0);
    ring->enter_fd = result;
    if (params->flags & KEVY_SETUP_REGISTERED_FD_ONLY) {
        kevy_x_enter_flags_set(ring, ring->enter_flags | KEVY_ENTER_REGISTERED_RING);
        ring->registered_by = thread_id();
    } else {
        ring->fd = result;
    }
}

/* The wishes beyond the ring itself. Only the last step can fail: enabling what we disabled. */
static int ring_finish(struct kevy_ring *ring, const struct kevy_ring_options *options)
{
    bool disabled = (ring->setup_flags & KEVY_SETUP_R_DISABLED) != 0;

    ring->any_thread = options->plain || options->any_thread || options->split_queues;
    if (options->split_queues)
        ring->modes |= KEVY_X_MODE_SPLIT;
    if (!options->plain && (ring->features & KEVY_FEAT_NO_IOWAIT) != 0)
        kevy_x_enter_flags_set(ring, ring->enter_flags | KEVY_ENTER_NO_IOWAIT);
    /* The kernel takes a region for waits only while the ring is disabled. */
    if (options->registered_wait && disabled)
        kevy_x_wait_region_open(ring, options->wait_memory, options->wait_memory_size);
    if (disabled && ((options->required_flags | options->preferred_flags) & KEVY_SETUP_R_DISABLED))
        return 0; /* the registration is the thread's: it waits for the owner, in enable */
    if (disabled)
        return kevy_ring_enable(ring);
    if (!ring->any_thread)
        (void)kevy_ring_fd_register(ring);
    return 0;
}

/* One attempt, on the kernel chosen. On failure *ring is idle. */
static int ring_open(struct kevy_ring *ring, const struct kevy_ring_kernel *kernel,
                     uint32_t entries, const struct kevy_ring_options *options)
{
    struct kevy_params params;
    int result;

    assert(memory_zeroed(ring, sizeof *ring));
    ring->fd = -1;
    ring->kernel = kernel;
    ring->owner_process = (int32_t)getpid();
    ring->shared_on_fork = options->shared_on_fork;
    result = descriptor_open(ring, entries, options, &params);
    if (result < 0) {
        memset(ring, 0, sizeof *ring);
        return result;
    }
    kevy_x_ring_note(ring, &params, result);
    result = kevy_x_memory_map(ring, &params);
    if (result == 0)
        result = ring_finish(ring, options);
    if (result == 0)
        kevy_x_descriptor_check(ring);
    else
        kevy_ring_deinit(ring);
    return result;
}

static uint32_t halved(uint32_t entries, uint32_t times)
{
    uint32_t less = times < 32 ? entries >> times : 0;

    return less != 0 ? less : entries != 0;
}

/* As many attempts as options->shrink_rounds allows; only want of memory is worth another. */
static int ring_open_shrinking(struct kevy_ring *ring, const struct kevy_ring_kernel *kernel,
                               uint32_t entries, const struct kevy_ring_options *options)
{
    struct kevy_ring_options smaller = *options;
    int result = ring_open(ring, kernel, entries, options);

    for (uint32_t round = 1; round <= options->shrink_rounds && result == -ENOMEM; round++) {
        smaller.cq_entries = halved(options->cq_entries, round);
        result = ring_open(ring, kernel, halved(entries, round), &smaller);
    }
    return result;
}

/* What a sandbox, an old kernel or a limit answers: no fault of the program. */
static bool io_uring_refused(int error)
{
    return error == -EPERM || error == -EACCES || error == -ENOSYS || error == -EINVAL ||
           error == -ENOMEM;
}

/* The kernel that the options name, NULL for io_uring, whose calls are inlined. */
static int kernel_choose(const struct kevy_ring_options *options,
                         const struct kevy_ring_kernel **kernel)
{
    *kernel = options->custom_kernel;
    if (*kernel == NULL && options->kernel == KEVY_RING_KERNEL_SOFT) {
        *kernel = kevy_ring_kernel_soft();
        return *kernel != NULL ? 0 : -EOPNOTSUPP;
    }
    if (*kernel == kevy_ring_kernel_io_uring())
        *kernel = NULL;
    return options->kernel <= KEVY_RING_KERNEL_SOFT ? 0 : -EINVAL;
}

/* After io_uring has answered `error`: the soft kernel, where there is one. */
static int ring_open_instead(struct kevy_ring *ring, int error, uint32_t entries,
                             const struct kevy_ring_options *options)
{
    const struct kevy_ring_kernel *soft = kevy_ring_kernel_soft();
    int result;

    if (soft == NULL || options->split_queues || !io_uring_refused(error))
        return error;
    result = ring_open_shrinking(ring, soft, entries, options);
    if (result == 0)
        ring->kernel_error = error;
    return result;
}

int kevy_ring_init(struct kevy_ring *ring, uint32_t entries,
                   const struct kevy_ring_options *options)
{
    static const struct kevy_ring_options defaults = {0};
    const struct kevy_ring_kernel *kernel;
    int result;

    if (options == NULL)
        options = &defaults;
    assert(memory_zeroed(ring, sizeof *ring) &&
           "a ring must be zeroed or deinitialised before kevy_ring_init()");
    if (options->required_flags & KEVY_SETUP_SQ_REWIND)
        return -EINVAL;
    if (options->split_queues &&
        ((options->required_flags | options->preferred_flags) & KEVY_SETUP_SINGLE_ISSUER) != 0)
        return -EINVAL;
    result = kernel_choose(options, &kernel);
    if (result < 0)
        return result;
    /* Both threads enter, and the soft kernel has no lock. */
    if (options->split_queues && kernel != NULL && kernel == kevy_ring_kernel_soft())
        return -EINVAL;
    result = ring_open_shrinking(ring, kernel, entries, options);
    if (result < 0 && options->custom_kernel == NULL &&
        options->kernel == KEVY_RING_KERNEL_AUTOMATIC)
        result = ring_open_instead(ring, result, entries, options);
    return result;
}

const char *kevy_ring_kernel_name(const struct kevy_ring *ring)
{
    return ring->kernel != NULL ? ring->kernel->name : kevy_ring_kernel_io_uring()->name;
}

int kevy_ring_enable(struct kevy_ring *ring)
{
    int result = kevy_ring_register(ring, KEVY_REGISTER_ENABLE_RINGS, NULL, 0);

    if (result < 0)
        return result;
    ring->setup_flags &= ~KEVY_SETUP_R_DISABLED;
    if (!ring->any_thread)
        (void)kevy_ring_fd_register(ring);
    return 0;
}

/* In a forked child: what is the parent's is left alone, and the child's descriptor goes. */
static void ring_leave(struct kevy_ring *ring)
{
    if (ring->shared_on_fork) {
        kevy_x_wait_region_close(ring);
        kevy_x_memory_unmap(ring);
    }
    if (ring->fd >= 0)
        (void)close(ring->fd);
}

void kevy_ring_deinit(struct kevy_ring *ring)
{
    assert(ring->buffer_rings == NULL && "deinitialise buffer rings before their ring");
    assert((ring->sq_entries != 0 || memory_zeroed(ring, sizeof *ring)) &&
           "kevy_ring_deinit() takes a ring, or zeroed memory");
    if (ring->sq_entries != 0 && in_forked_child(ring)) {
        ring_leave(ring);
    } else if (ring->sq_entries != 0) {
        /* Before the close: the registration holds a reference that would keep the ring alive. */
        kevy_ring_fd_unregister(ring);
        kevy_x_wait_region_close(ring);
        kevy_x_memory_unmap(ring);
        kernel_close(ring);
    }
    memset(ring, 0, sizeof *ring);
}

#endif /* KEVY_RING_SUPPORTED */
