/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Memory and registration of buffer rings; the hand-over of buffers is inline in the header.
 *
 * Model. One anonymous mapping holds everything, page-aligned parts first:
 *
 *     slots (entries * 16) | buffers (entries * size) | addresses | offsets | hands
 *
 * With debug_checks the buffers end at a page without access, against who writes behind them.
 *
 * With KERNEL_MAPPED the kernel allocates the slots and we map them from the ring's descriptor.
 *
 * Invariants. The group is on ring->buffer_rings exactly while it is registered, and once. Memory
 * is freed only after the kernel has let go of it. lent_count is the number of hands that say so;
 * of a ring with CALLERS it is the number of free places. hands_check() asserts it.
 */
#include <kevy/buffer_ring.h>

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <kevy/ring.h>
#include <kevy/ring_register.h>
#include <string.h>
#include <sys/mman.h>

#include "kernel.h"
#include "owner.h"
#include "tools.h"
#include "zeroed.h"

#define ENTRIES_MAX 32768U
/* The kernel maps slots by whole pages; 64 KiB is the largest page of the supported machines. */
#define PART_ALIGNMENT 65536U
#define PAGE_LEAST     4096U

_Static_assert(offsetof(struct kevy_buf, resv) == 14, "the tail overlays slot 0");

static size_t align_up(size_t size, size_t alignment)
{
    return (size + alignment - 1) & ~(alignment - 1);
}

static bool options_valid(const struct kevy_buffer_ring_options *options)
{
    uint32_t known =
        KEVY_BUFFER_RING_KERNEL_MAPPED | KEVY_BUFFER_RING_INCREMENTAL | KEVY_BUFFER_RING_CALLERS;
    bool callers = (options->flags & KEVY_BUFFER_RING_CALLERS) != 0;

    if (options->entries == 0 || options->entries > ENTRIES_MAX)
        return false;
    if ((options->entries & (options->entries - 1)) != 0)
        return false;
    /* Where pointers have 32 bits the product below could wrap; half of them is beyond any need. */
    if (options->buffer_size > SIZE_MAX / 2 / options->entries)
        return false;
    return (options->buffer_size == 0) == callers && (options->flags & ~known) == 0;
}

/* With debug_checks, what the buffers take with the guard behind them, and else without. */
static size_t buffers_room(size_t size)
{
    if (!TOOLS_TOLD || size == 0)
        return align_up(size, sizeof(uint64_t));
    return align_up(size, PART_ALIGNMENT) + PART_ALIGNMENT;
}

/* Gives the guard behind the buffers `access`, PROT_*. */
static void guard_set(const struct kevy_buffer_ring *buffer_ring, int access)
{
    size_t size = (size_t)buffer_ring->entries * buffer_ring->buffer_size;
    uint8_t *guard = buffer_ring->buffers + align_up(size, sizeof(uint64_t));

    /* Only of whole pages: a simulated kernel may take its memory from anywhere. */
    if (TOOLS_TOLD && size != 0 && (uintptr_t)guard % PAGE_LEAST == 0)
        (void)mprotect(guard, PART_ALIGNMENT, access);
}

/* Lays the parts out in the mapping made for them. */
static int memory_map(struct kevy_buffer_ring *buffer_ring, uint32_t flags)
{
    bool own_slots = (flags & KEVY_BUFFER_RING_KERNEL_MAPPED) == 0;
    bool incremental = (flags & KEVY_BUFFER_RING_INCREMENTAL) != 0;
    bool callers = (flags & KEVY_BUFFER_RING_CALLERS) != 0;
    size_t entries = buffer_ring->entries;
    size_t ids = (size_t)UINT16_MAX + 1;
    size_t slots_size = own_slots ? align_up(entries * sizeof(struct kevy_buf), PART_ALIGNMENT) : 0;
    size_t bytes = align_up(entries * buffer_ring->buffer_size, sizeof(uint64_t));
    size_t buffers_size = buffers_room(bytes);
    size_t addresses_size = callers ? ids * sizeof(uint8_t *) : 0;
    size_t offsets_size = incremental ? (callers ? ids : entries) * sizeof(uint32_t) : 0;
    /* One for every id there can be, so that a foreign one needs no check of its own; pages that no
     * id of the group lies in are never touched. */
    size_t hands_size = ids * sizeof(uint32_t);
    size_t total = slots_size + buffers_size + addresses_size + offsets_size + hands_size;
    uint8_t *next;
    void *memory = NULL;
    int error;

    /* A forked child does not get the pages: it must not see half of what the kernel writes. */
    error = kernel_map(buffer_ring->ring, KEVY_RING_MAP_PRIVATE, total, &memory);
    if (error < 0)
        return error;
    buffer_ring->memory = memory;
    buffer_ring->memory_size = total;
    next = memory;
    if (own_slots)
        buffer_ring->slots = memory;
    next += slots_size;
    buffer_ring->buffers = next;
    if (TOOLS_TOLD && bytes != 0)
        buffer_ring->buffers += buffers_size - PART_ALIGNMENT - bytes;
    next += buffers_size;
    if (callers)
        buffer_ring->addresses = (uint8_t **)(void *)next;
    next += addresses_size;
    if (incremental)
        buffer_ring->offsets = (uint32_t *)(void *)next;
    next += offsets_size;
    buffer_ring->hands = (uint32_t *)(void *)next;
    guard_set(buffer_ring, PROT_NONE);
    return 0;
}

static int slots_map_kernel(struct kevy_buffer_ring *buffer_ring)
{
    size_t size = buffer_ring->entries * sizeof(struct kevy_buf);
    uint64_t offset = KEVY_OFF_PBUF_RING | ((uint64_t)buffer_ring->group << KEVY_OFF_PBUF_SHIFT);
    int error = kernel_map(buffer_ring->ring, offset, size, &buffer_ring->kernel_memory);

    if (error < 0)
        return error;
    buffer_ring->kernel_size = size;
    buffer_ring->slots = buffer_ring->kernel_memory;
    return 0;
}

static bool group_listed(const struct kevy_buffer_ring *buffer_ring)
{
    const struct kevy_buffer_ring *listed = buffer_ring->ring->buffer_rings;

    while (listed != NULL && listed != buffer_ring)
        listed = listed->next;
    return listed != NULL;
}

static void hands_check(const struct kevy_buffer_ring *buffer_ring)
{
    uint32_t ids = buffer_ring->addresses != NULL ? UINT16_MAX + 1U : buffer_ring->entries;
    uint32_t kernels = 0, lent = 0;

    for (uint32_t id = 0; id < ids; id++) {
        kernels += (buffer_ring->hands[id] & KEVY_X_BUFFER_KERNEL) != 0;
        lent += (buffer_ring->hands[id] & KEVY_X_BUFFER_LENT) != 0;
    }
    assert(kernels + buffer_ring->lent_count == buffer_ring->entries);
    assert(buffer_ring->addresses != NULL || lent == buffer_ring->lent_count);
    (void)kernels; /* without asserts nobody reads them */
    (void)lent;
}

static int group_register(struct kevy_buffer_ring *buffer_ring,
                          const struct kevy_buffer_ring_options *options)
{
    struct kevy_buf_reg reg;
    int error;

    memset(&reg, 0, sizeof reg);
    reg.ring_addr = (uint64_t)(uintptr_t)buffer_ring->slots;
    reg.ring_entries = options->entries;
    reg.bgid = options->group;
    reg.min_left = options->min_left;
    if (options->flags & KEVY_BUFFER_RING_KERNEL_MAPPED)
        reg.flags |= KEVY_PBUF_RING_MMAP;
    if (options->flags & KEVY_BUFFER_RING_INCREMENTAL)
        reg.flags |= KEVY_PBUF_RING_INC;
    error = kevy_ring_register(buffer_ring->ring, KEVY_REGISTER_PBUF_RING, &reg, 1);
    if (error < 0)
        return error;
    assert(!group_listed(buffer_ring));
    buffer_ring->next = buffer_ring->ring->buffer_rings;
    buffer_ring->ring->buffer_rings = buffer_ring;
    return 0;
}

static void group_unregister(struct kevy_buffer_ring *buffer_ring)
{
    struct kevy_buffer_ring **link = &buffer_ring->ring->buffer_rings;
    struct kevy_buf_reg reg;

    while (*link != buffer_ring)
        link = &(*link)->next;
    *link = buffer_ring->next;
    if (in_forked_child(buffer_ring->ring))
        return; /* the group is the parent's */
    memset(&reg, 0, sizeof reg);
    reg.bgid = buffer_ring->group;
    (void)kevy_ring_register(buffer_ring->ring, KEVY_UNREGISTER_PBUF_RING, &reg, 1);
}

static void buffers_give_all(struct kevy_buffer_ring *buffer_ring)
{
    buffer_ring->lent_count = buffer_ring->entries;
    for (uint32_t id = 0; id < buffer_ring->entries; id++) {
        buffer_ring->hands[id] = KEVY_X_BUFFER_LENT;
        kevy_buffer_ring_give(buffer_ring, (uint16_t)id);
    }
    kevy_buffer_ring_publish(buffer_ring);
}

int kevy_buffer_ring_init(struct kevy_buffer_ring *buffer_ring, struct kevy_ring *ring,
                          const struct kevy_buffer_ring_options *options)
{
    bool kernel_mapped = (options->flags & KEVY_BUFFER_RING_KERNEL_MAPPED) != 0;
    int error;

    assert(memory_zeroed(buffer_ring, sizeof *buffer_ring) &&
           "a buffer ring must be zeroed or deinitialised before kevy_buffer_ring_init()");
    assert(ring->sq_entries != 0 && "a buffer ring needs a ring that is up");
    if (!options_valid(options))
        return -EINVAL;
    buffer_ring->ring = ring;
    buffer_ring->entries = options->entries;
    buffer_ring->mask = options->entries - 1;
    buffer_ring->buffer_size = options->buffer_size;
    buffer_ring->group = options->group;
    buffer_ring->ends_early = options->min_left != 0;
    error = memory_map(buffer_ring, options->flags);
    if (error == 0)
        error = group_register(buffer_ring, options);
    if (error == 0 && kernel_mapped)
        error = slots_map_kernel(buffer_ring);
    if (error < 0) {
        kevy_buffer_ring_deinit(buffer_ring);
        return error;
    }
    if (options->flags & KEVY_BUFFER_RING_CALLERS)
        buffer_ring->lent_count = options->entries;
    else
        buffers_give_all(buffer_ring);
    hands_check(buffer_ring);
    return 0;
}

void kevy_buffer_ring_deinit(struct kevy_buffer_ring *buffer_ring)
{
    const struct kevy_ring *ring = buffer_ring->ring;
    bool mapped = ring != NULL && (!in_forked_child(ring) || ring->shared_on_fork);

    assert((ring != NULL || memory_zeroed(buffer_ring, sizeof *buffer_ring)) &&
           "kevy_buffer_ring_deinit() takes a buffer ring, or zeroed memory");
    if (ring != NULL && group_listed(buffer_ring)) {
        if (buffer_ring->slots != NULL && mapped)
            hands_check(buffer_ring);
        group_unregister(buffer_ring);
    }
    if (mapped && buffer_ring->kernel_memory != NULL)
        kernel_unmap(buffer_ring->ring, buffer_ring->kernel_memory, buffer_ring->kernel_size);
    if (mapped && buffer_ring->memory != NULL) {
        guard_set(buffer_ring, PROT_READ | PROT_WRITE);
        kernel_unmap(buffer_ring->ring, buffer_ring->memory, buffer_ring->memory_size);
    }
    memset(buffer_ring, 0, sizeof *buffer_ring);
}

int kevy_buffer_ring_head(const struct kevy_buffer_ring *buffer_ring)
{
    struct kevy_buf_status status = {.buf_group = buffer_ring->group};
    int error = kevy_ring_register(buffer_ring->ring, KEVY_REGISTER_PBUF_STATUS, &status, 1);

    return error < 0 ? error : (int)(status.head & UINT16_MAX);
}

int kevy_buffer_ring_available(const struct kevy_buffer_ring *buffer_ring)
{
    uint16_t tail = __atomic_load_n(&buffer_ring->slots[0].resv, __ATOMIC_RELAXED);
    int head = kevy_buffer_ring_head(buffer_ring);

    return head < 0 ? head : (uint16_t)(tail - (uint32_t)head);
}

#endif /* KEVY_RING_SUPPORTED */
