/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "ring.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "enter.h"
#include "kernel.h"
#include "registration.h"
#include "world.h"

#define PAGE 4096U
/* IO_RINGFD_REG_MAX: indices of registered rings. */
#define INDICES 16

static struct {
    struct ring *first;
    struct ring *indices[INDICES];
    uint64_t posted; /* by rings that are closed */
} rings;

void rings_reset(void)
{
    memset(&rings, 0, sizeof rings);
}

uint64_t rings_posted(void)
{
    uint64_t posted = rings.posted;

    for (const struct ring *ring = rings.first; ring != NULL; ring = ring->next)
        posted += ring->posted;
    return posted;
}

uint32_t rings_mappings(void)
{
    uint32_t mappings = 0;

    for (const struct ring *ring = rings.first; ring != NULL; ring = ring->next)
        mappings += ring->mappings;
    return mappings;
}

uint32_t rings_requests(void)
{
    uint32_t count = 0;

    for (const struct ring *ring = rings.first; ring != NULL; ring = ring->next)
        count += ring->requests.count;
    return count;
}

void rings_describe(void)
{
    for (const struct ring *ring = rings.first; ring != NULL; ring = ring->next)
        requests_describe(ring);
}

bool ring_index_add(struct ring *ring)
{
    int index = 0;

    if (ring->registered >= 0)
        return false;
    while (index < INDICES && rings.indices[index] != NULL)
        index++;
    EXPECT(index < INDICES, "%d rings are registered", INDICES);
    rings.indices[index] = ring;
    ring->registered = index;
    return true;
}

bool ring_index_remove(struct ring *ring)
{
    if (ring->registered < 0)
        return false;
    rings.indices[ring->registered] = NULL;
    ring->registered = -1;
    return true;
}

struct ring *ring_of(struct file *file)
{
    EXPECT(file->kind == FILE_RING, "not a ring");
    return (void *)((char *)file - offsetof(struct ring, file));
}

int ring_message(struct ring *ring, const struct kevy_sqe *sqe)
{
    struct request *posted;

    if ((ring->params.flags & KEVY_SETUP_R_DISABLED) != 0)
        return -EBADFD;
    posted = request_make(ring, sqe);
    posted->sqe.user_data = sqe->off;
    posted->sqe.flags = 0;
    posted->result = (int)sqe->len;
    if (sqe->msg_ring_flags & KEVY_MSG_RING_FLAGS_PASS)
        posted->flags = sqe->file_index;
    posted->state = REQUEST_DONE;
    request_ready(posted);
    return 0;
}

void ring_work_came(struct ring *ring)
{
    if (ring->params.flags & KEVY_SETUP_TASKRUN_FLAG)
        ring->cursors->sq_flags |= KEVY_SQ_TASKRUN;
}

/* ---- Set-up and end ------------------------------------------------------------------------ */

static uint32_t ring_poll(const struct file *file)
{
    (void)file;
    return 0;
}

static void ring_release(struct file *file)
{
    struct ring *ring = ring_of(file);
    struct ring **link = &rings.first;

    EXPECT(ring->requests.count == 0, "a ring is closed with %u requests in flight",
           ring->requests.count);
    EXPECT(ring->overflow_first == NULL, "a ring is closed with completions to be reaped");
    EXPECT(ring->mappings == 0, "a ring is closed with %u mappings left", ring->mappings);
    (void)ring_index_remove(ring);
    while (*link != ring)
        link = &(*link)->next;
    *link = ring->next;
    rings.posted += ring->posted;
    buffers_end(&ring->buffers);
    free(ring->cursors);
    free(ring->sqes);
    free(ring);
}

static const struct file_operations ring_operations = {.poll = ring_poll, .release = ring_release};

/* Where the parts lie: close together since 6.x, a cache line each before. */
static void ring_lay_out(struct ring *ring, struct kevy_params *params)
{
    uint32_t cqes = kernel_minor() >= 6 ? 64 : 320;
    size_t size =
        cqes + params->cq_entries * sizeof(struct kevy_cqe) + params->sq_entries * sizeof(uint32_t);
    char *memory = calloc(1, (size + PAGE - 1) & ~(size_t)(PAGE - 1));

    assert(memory != NULL);
    ring->cursors = (void *)memory;
    ring->cqes = (void *)(memory + cqes);
    params->cq_off.cqes = cqes;
    params->sq_off.head = offsetof(struct cursors, sq_head);
    params->sq_off.tail = offsetof(struct cursors, sq_tail);
    params->sq_off.ring_mask = offsetof(struct cursors, sq_mask);
    params->sq_off.ring_entries = offsetof(struct cursors, sq_entries);
    params->sq_off.flags = offsetof(struct cursors, sq_flags);
    params->sq_off.dropped = offsetof(struct cursors, dropped);
    params->cq_off.head = offsetof(struct cursors, cq_head);
    params->cq_off.tail = offsetof(struct cursors, cq_tail);
    params->cq_off.ring_mask = offsetof(struct cursors, cq_mask);
    params->cq_off.ring_entries = offsetof(struct cursors, cq_entries);
    params->cq_off.flags = offsetof(struct cursors, cq_flags);
    params->cq_off.overflow = offsetof(struct cursors, overflow);
    if ((params->flags & KEVY_SETUP_NO_SQARRAY) == 0) {
        params->sq_off.array = cqes + (uint32_t)(params->cq_entries * sizeof(struct kevy_cqe));
        ring->array = (void *)(memory + params->sq_off.array);
    }
}

static uint32_t rounded(uint32_t entries)
{
    uint32_t power = 1;

    while (power < entries)
        power *= 2;
    return power;
}

/* The queues, as *params asks for them and then says. */
static void queues_make(struct ring *ring, uint32_t entries, struct kevy_params *params)
{
    params->sq_entries = rounded(entries);
    params->cq_entries = rounded(params->cq_entries);
    params->features = kernel_features();
    ring_lay_out(ring, params);
    ring->cursors->sq_mask = params->sq_entries - 1;
    ring->cursors->cq_mask = params->cq_entries - 1;
    ring->cursors->sq_entries = params->sq_entries;
    ring->cursors->cq_entries = params->cq_entries;
    ring->sqes = calloc(params->sq_entries, sizeof *ring->sqes);
    assert(ring->sqes != NULL);
    ring->params = *params;
}

static int ring_setup(void *context, uint32_t entries, struct kevy_params *params, void **state)
{
    static const uint32_t needed = KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN;
    struct ring *ring;
    int fd;

    (void)context;
    *state = NULL;
    if (params->flags & ~kernel_setup_flags())
        return -EINVAL;
    EXPECT((params->flags & needed) == needed || world_tolerates(),
           "the reactor's ring has flags %x", params->flags);
    EXPECT(entries > 0 && params->cq_entries >= entries, "a ring of %u entries", entries);
    ring = calloc(1, sizeof *ring);
    assert(ring != NULL);
    file_init(&ring->file, FILE_RING, &ring_operations);
    ring->registered = -1;
    ring->overflow_end = &ring->overflow_first;
    ring->next = rings.first;
    rings.first = ring;
    fd = file_install(&ring->file);
    if (fd >= 0) {
        queues_make(ring, entries, params);
        *state = ring;
    }
    file_drop(&ring->file);
    return fd;
}

/* Memory of the ring goes with the ring, which is closed after it was unmapped. */
static int ring_map(void *state, int fd, uint64_t offset, size_t size, uint32_t flags,
                    void **memory)
{
    struct ring *ring = state;

    (void)flags;
    if (chance(KEVY_SIM_ALLOCATION))
        return -ENOMEM;
    if (offset != KEVY_RING_MAP_PRIVATE) {
        EXPECT(file_at(fd, "map") == &ring->file, "map of descriptor %d", fd);
        *memory = offset == KEVY_OFF_SQES ? (void *)ring->sqes : (void *)ring->cursors;
    } else {
        *memory = aligned_alloc(PAGE, (size + PAGE - 1) & ~(size_t)(PAGE - 1));
        assert(*memory != NULL);
        memset(*memory, 0, size);
    }
    ring->mappings++;
    return 0;
}

static void ring_unmap(void *state, void *memory, size_t size)
{
    struct ring *ring = state;

    (void)size;
    EXPECT(ring->mappings > 0, "a mapping is given back twice");
    ring->mappings--;
    if (memory == ring->wait_region)
        ring->wait_region = NULL;
    if (memory != ring->cursors && memory != ring->sqes)
        free(memory);
}

static void ring_close(void *state, int fd)
{
    const struct ring *ring = state;

    EXPECT(file_at(fd, "close") == &ring->file, "close of descriptor %d as a ring", fd);
    file_close(fd);
}

static uint64_t ring_now_ns(void *state, int32_t clock)
{
    (void)state;
    (void)clock;
    return clock_now();
}

const struct kevy_ring_kernel sim_kernel = {
    .name = "simulated",
    .setup = ring_setup,
    .enter = enter_run,
    .register_op = registration_run,
    .map = ring_map,
    .unmap = ring_unmap,
    .close = ring_close,
    .now_ns = ring_now_ns,
};
