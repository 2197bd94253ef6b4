/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The memory of a ring.
 *
 * Model. Two areas: the rings (cursors, CQEs and, before 6.6, an array of SQ indices) and the SQEs.
 * The kernel allocates them and we map them from the descriptor; or, with NO_MMAP, both lie in the
 * caller's memory, the rings first, each from a page boundary on. Before 5.4 the CQ needs a mapping
 * of its own.
 *
 * Invariants. A mapping's pointer is NULL exactly when its size is 0; of lent memory ring_size is
 * the whole and sqe_size 0. areas_check() asserts these. Every offset is taken from the kernel's
 * params: since 6.x the cursors share a cache line, before that each had one.
 */
#include <kevy/ring_mode.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring_register.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernel.h"
#include "memory.h"
#include "tools.h"

/* In front of the CQEs: 64 bytes on 6.18, and a cache line a cursor on the kernels before. */
#define RINGS_HEADER_BYTES 1024U
#define SQE_SHIFT          6U
#define CQE_SHIFT          4U

static size_t page_align(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    return (size + page - 1) & ~(page - 1);
}

static size_t cq_bytes(const struct kevy_params *params)
{
    size_t cqe_size = sizeof(struct kevy_cqe) << ((params->flags & KEVY_SETUP_CQE32) != 0);

    return params->cq_off.cqes + cqe_size * params->cq_entries;
}

static size_t rings_bytes(const struct kevy_params *params)
{
    size_t cq_end = cq_bytes(params);
    size_t sq_end = params->sq_off.array + sizeof(uint32_t) * params->sq_entries;

    if (params->features & KEVY_FEAT_SINGLE_MMAP)
        return sq_end > cq_end ? sq_end : cq_end;
    return sq_end;
}

/* The next power of two, as the kernel rounds; `entries` is small enough not to overflow. */
static uint32_t entries_round(uint32_t entries)
{
    uint32_t rounded = 1;

    while (rounded < entries)
        rounded <<= 1;
    return rounded;
}

/* Bytes of the two areas for entries that are rounded already, each in whole pages. */
static size_t rings_room(uint32_t sq_entries, uint32_t cq_entries, uint32_t flags)
{
    size_t cqe_size = sizeof(struct kevy_cqe) << ((flags & KEVY_SETUP_CQE32) != 0);

    return page_align(RINGS_HEADER_BYTES + cqe_size * cq_entries + sizeof(uint32_t) * sq_entries);
}

static size_t sqes_room(uint32_t sq_entries, uint32_t flags)
{
    return page_align((sizeof(struct kevy_sqe) << ((flags & KEVY_SETUP_SQE128) != 0)) * sq_entries);
}

size_t kevy_ring_memory_size(uint32_t entries, const struct kevy_ring_options *options)
{
    uint32_t flags = 0, cq_entries = 0;

    if (options != NULL) {
        flags = options->required_flags | options->preferred_flags;
        cq_entries = options->cq_entries;
    }
    if (flags & KEVY_SETUP_CLAMP) {
        entries = entries < KEVY_MAX_ENTRIES ? entries : KEVY_MAX_ENTRIES;
        cq_entries = cq_entries < KEVY_MAX_CQ_ENTRIES ? cq_entries : KEVY_MAX_CQ_ENTRIES;
    }
    if (entries == 0 || entries > KEVY_MAX_ENTRIES || cq_entries > KEVY_MAX_CQ_ENTRIES)
        return 0;
    entries = entries_round(entries);
    cq_entries = cq_entries != 0 ? entries_round(cq_entries) : 2 * entries;
    return rings_room(entries, cq_entries, flags) + sqes_room(entries, flags);
}

int kevy_x_memory_lend(struct kevy_params *params, void *memory, size_t size)
{
    uint32_t sq_entries, cq_entries;
    size_t rings;

    if (params->flags & KEVY_SETUP_CLAMP) {
        if (params->sq_entries > KEVY_MAX_ENTRIES)
            params->sq_entries = KEVY_MAX_ENTRIES;
        if (params->cq_entries > KEVY_MAX_CQ_ENTRIES)
            params->cq_entries = KEVY_MAX_CQ_ENTRIES;
    }
    if (params->sq_entries == 0 || params->sq_entries > KEVY_MAX_ENTRIES ||
        params->cq_entries > KEVY_MAX_CQ_ENTRIES)
        return -EINVAL;
    sq_entries = entries_round(params->sq_entries);
    cq_entries = params->cq_entries != 0 ? entries_round(params->cq_entries) : 2 * sq_entries;
    rings = rings_room(sq_entries, cq_entries, params->flags);
    if (memory == NULL || size < rings + sqes_room(sq_entries, params->flags))
        return -EINVAL;
    /* The kernel expects fresh pages: it sets sizes, and takes the cursors to be 0. */
    memset(memory, 0, RINGS_HEADER_BYTES);
    params->cq_off.user_addr = (uint64_t)(uintptr_t)memory;
    params->sq_off.user_addr = (uint64_t)(uintptr_t)memory + rings;
    return 0;
}

static int area_map(struct kevy_ring *ring, void **memory, size_t *size, size_t wanted,
                    uint64_t offset)
{
    int error = kernel_map(ring, offset, wanted, memory);

    if (error == 0)
        *size = wanted;
    return error;
}

static int areas_map(struct kevy_ring *ring, const struct kevy_params *params)
{
    size_t sqes_size = (size_t)params->sq_entries << ring->sqe_shift;
    void *sqes = NULL;
    int error;

    error =
        area_map(ring, &ring->ring_memory, &ring->ring_size, rings_bytes(params), KEVY_OFF_SQ_RING);
    if (error == 0 && (params->features & KEVY_FEAT_SINGLE_MMAP) == 0)
        error =
            area_map(ring, &ring->cq_memory, &ring->cq_size, cq_bytes(params), KEVY_OFF_CQ_RING);
    if (error == 0)
        error = area_map(ring, &sqes, &ring->sqe_size, sqes_size, KEVY_OFF_SQES);
    ring->sqes = sqes;
    return error;
}

/*
 * Where the kernel still wants an index array between tail and SQE (before 6.6), the identity is
 * written once: slot i always describes SQE i.
 */
static void array_fill(uint32_t *array, uint32_t entries)
{
    for (uint32_t slot = 0; slot < entries; slot++)
        array[slot] = slot;
}

/*
 * Where our own cursors point to in the arrays. SQEs of twice the size are handed out one by one: a
 * span never holds more than the next one. Bigger CQEs have no span at all, see big.c.
 */
void kevy_x_memory_cursors_place(struct kevy_ring *ring)
{
    size_t sqe_at = (size_t)(ring->sqe_tail & ring->sq_mask) << ring->sqe_shift;

    ring->sqe_next = ring->sqe_end = (struct kevy_sqe *)(void *)((char *)ring->sqes + sqe_at);
    ring->sqes_end = ring->sqes + ((size_t)ring->sq_entries << (ring->sqe_shift - SQE_SHIFT));
    ring->sqe_span = ring->sqe_shift == SQE_SHIFT ? ring->sq_entries : 1;
    if (ring->cqe_shift == CQE_SHIFT && (ring->modes & KEVY_X_MODE_CQE_MIXED) == 0) {
        ring->cqe_next = ring->cqe_end = &ring->cqes[ring->cqe_head & ring->cq_mask];
        ring->cqes_end = ring->cqes + ring->cq_entries;
    }
    ring->mixed_released = ring->cqe_head;
}

static void cursors_locate(struct kevy_ring *ring, const struct kevy_params *params)
{
    char *sq = ring->ring_memory;
    char *cq = ring->cq_memory != NULL ? ring->cq_memory : ring->ring_memory;

    ring->sq_head = (uint32_t *)(void *)(sq + params->sq_off.head);
    ring->sq_tail = (uint32_t *)(void *)(sq + params->sq_off.tail);
    ring->sq_flags = (uint32_t *)(void *)(sq + params->sq_off.flags);
    ring->sq_entries = params->sq_entries;
    ring->sq_mask = params->sq_entries - 1;
    ring->cqes = (const struct kevy_cqe *)(const void *)(cq + params->cq_off.cqes);
    ring->cq_head = (uint32_t *)(void *)(cq + params->cq_off.head);
    ring->cq_tail = (uint32_t *)(void *)(cq + params->cq_off.tail);
    ring->cq_entries = params->cq_entries;
    ring->cq_mask = params->cq_entries - 1;
    if (ring->modes & KEVY_X_MODE_CQE_MIXED) { /* see big.c */
        ring->mixed_cq_head = ring->cq_head;
        ring->cq_head = &ring->mixed_released;
    }
    kevy_x_memory_cursors_place(ring);
    ring->sq_dropped = (const uint32_t *)(const void *)(sq + params->sq_off.dropped);
    ring->cq_overflow = (const uint32_t *)(const void *)(cq + params->cq_off.overflow);
    if (params->cq_off.flags != 0)
        ring->cq_flags = (uint32_t *)(void *)(cq + params->cq_off.flags);
    ring->sq_array = params->sq_off.array;
    if ((params->flags & KEVY_SETUP_NO_SQARRAY) == 0)
        array_fill((uint32_t *)(void *)(sq + params->sq_off.array), params->sq_entries);
    assert((ring->sq_entries & ring->sq_mask) == 0);
    assert((ring->cq_entries & ring->cq_mask) == 0);
}

static void areas_check(const struct kevy_ring *ring)
{
    (void)ring; /* without asserts nobody reads it */
    assert((ring->ring_memory == NULL) == (ring->ring_size == 0));
    assert((ring->cq_memory == NULL) == (ring->cq_size == 0));
    assert(ring->memory_lent ? ring->sqe_size == 0 : (ring->sqes == NULL) == (ring->sqe_size == 0));
}

int kevy_x_memory_map(struct kevy_ring *ring, const struct kevy_params *params)
{
    int error;

    if (params->flags & KEVY_SETUP_NO_MMAP) {
        ring->memory_lent = true;
        ring->ring_memory = (void *)(uintptr_t)params->cq_off.user_addr;
        ring->ring_size = (size_t)(params->sq_off.user_addr - params->cq_off.user_addr) +
                          sqes_room(params->sq_entries, params->flags);
        ring->sqes = (struct kevy_sqe *)(uintptr_t)params->sq_off.user_addr;
        tools_written(ring->ring_memory, ring->ring_size);
    } else {
        error = areas_map(ring, params);
        if (error < 0)
            return error;
    }
    areas_check(ring);
    cursors_locate(ring, params);
    return 0;
}

void kevy_x_memory_unmap(struct kevy_ring *ring)
{
    areas_check(ring);
    if (ring->memory_lent) {
        /*
         * The kernel tears a ring down behind our back, and writes the CQ's tail meanwhile: into
         * what is then perhaps the heap again, or the next ring. Into pages of its own it may.
         */
        (void)madvise(ring->ring_memory, ring->ring_size, MADV_DONTNEED);
        return;
    }
    if (ring->sqes != NULL)
        kernel_unmap(ring, ring->sqes, ring->sqe_size);
    if (ring->cq_memory != NULL)
        kernel_unmap(ring, ring->cq_memory, ring->cq_size);
    if (ring->ring_memory != NULL)
        kernel_unmap(ring, ring->ring_memory, ring->ring_size);
}

static int region_register(struct kevy_ring *ring, void *memory, size_t size)
{
    struct kevy_region_desc region;
    struct kevy_mem_region_reg registration;

    memset(&region, 0, sizeof region);
    region.user_addr = (uint64_t)(uintptr_t)memory;
    region.size = size;
    region.flags = KEVY_MEM_REGION_TYPE_USER;
    memset(&registration, 0, sizeof registration);
    registration.region_uptr = (uint64_t)(uintptr_t)&region;
    registration.flags = KEVY_MEM_REGION_REG_WAIT_ARG;
    return kevy_ring_register(ring, KEVY_REGISTER_MEM_REGION, &registration, 1);
}

void kevy_x_wait_region_open(struct kevy_ring *ring, struct kevy_reg_wait *lent, size_t size)
{
    void *memory = lent;

    if (lent == NULL) {
        size = page_align(sizeof *ring->wait_region);
        if (kernel_map(ring, KEVY_RING_MAP_PRIVATE, size, &memory) < 0)
            return;
    }
    if (region_register(ring, memory, size) < 0) {
        if (lent == NULL)
            kernel_unmap(ring, memory, size);
        return;
    }
    ring->wait_region = memory;
    ring->wait_region_size = size;
    ring->wait_region_lent = lent != NULL;
    memset(memory, 0, sizeof *ring->wait_region);
    ring->wait_region->flags = KEVY_REG_WAIT_TS;
}

void kevy_x_wait_region_close(struct kevy_ring *ring)
{
    if (ring->wait_region != NULL && !ring->wait_region_lent)
        kernel_unmap(ring, ring->wait_region, ring->wait_region_size);
}

#endif /* KEVY_RING_SUPPORTED */
