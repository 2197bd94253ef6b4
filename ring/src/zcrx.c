/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Registration of zero-copy receive.
 *
 * Model. The refill queue lies in memory of ours that the kernel pins:
 *
 *     a page for its cursors | entries | statistics, where asked for
 *
 * Where exactly the cursors and entries are, the kernel says in the offsets it writes back; it uses
 * less in front of the entries than the page, so that the statistics are behind them in any case.
 */
#include <kevy/ring_zcrx.h>

#if KEVY_RING_SUPPORTED

#include <assert.h>
#include <errno.h>
#include <kevy/ring.h>
#include <kevy/ring_register.h>
#include <string.h>
#include <unistd.h>

#include "io_uring.h"
#include "zeroed.h"

#define ENTRIES_MAX 32768U

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Where the statistics begin, if there are any. */
static size_t stats_offset(uint32_t entries)
{
    return page_size() + entries * sizeof(struct kevy_zcrx_rqe);
}

static int queue_map(struct kevy_zcrx *zcrx, uint32_t entries)
{
    size_t size = stats_offset(entries) + sizeof(struct kevy_zcrx_stats);
    int error;

    size = (size + page_size() - 1) & ~(page_size() - 1);
    error = io_uring_map(-1, KEVY_RING_MAP_PRIVATE, size, KEVY_RING_MAP_DONTFORK, &zcrx->memory);
    if (error < 0)
        return error;
    zcrx->memory_size = size;
    zcrx->owner_process = (int32_t)getpid();
    return 0;
}

static void cursors_locate(struct kevy_zcrx *zcrx, const struct kevy_zcrx_ifq_reg *queue)
{
    char *memory = zcrx->memory;

    zcrx->head = (const uint32_t *)(const void *)(memory + queue->offsets.head);
    zcrx->shared_tail = (uint32_t *)(void *)(memory + queue->offsets.tail);
    zcrx->entries = (struct kevy_zcrx_rqe *)(void *)(memory + queue->offsets.rqes);
    zcrx->mask = queue->rq_entries - 1;
    zcrx->id = queue->zcrx_id;
}

static struct kevy_zcrx_area_reg area_make(const struct kevy_zcrx_options *options)
{
    struct kevy_zcrx_area_reg area;

    memset(&area, 0, sizeof area);
    area.addr = (uint64_t)(uintptr_t)options->area;
    area.len = options->area_size;
    area.flags = options->area_flags;
    if (options->area_flags & KEVY_ZCRX_AREA_DMABUF)
        area.dmabuf_fd = (uint32_t)options->dmabuf_fd;
    return area;
}

static struct kevy_zcrx_event_desc events_make(const struct kevy_zcrx_options *options)
{
    struct kevy_zcrx_event_desc events;

    memset(&events, 0, sizeof events);
    events.user_data = options->event_user_data;
    events.type_mask = options->events;
    if (options->statistics) {
        events.flags = KEVY_ZCRX_EVENT_DESC_FLAG_STATS;
        events.stats_offset = stats_offset(options->entries);
    }
    return events;
}

static int queue_register(struct kevy_zcrx *zcrx, struct kevy_ring *ring,
                          const struct kevy_zcrx_options *options)
{
    struct kevy_zcrx_area_reg area = area_make(options);
    struct kevy_zcrx_event_desc events = events_make(options);
    struct kevy_region_desc region;
    struct kevy_zcrx_ifq_reg queue;
    int error;

    memset(&region, 0, sizeof region);
    region.user_addr = (uint64_t)(uintptr_t)zcrx->memory;
    region.size = zcrx->memory_size;
    region.flags = KEVY_MEM_REGION_TYPE_USER;
    memset(&queue, 0, sizeof queue);
    queue.if_idx = options->interface_index;
    queue.if_rxq = options->queue;
    queue.rq_entries = options->entries;
    queue.flags = options->flags;
    queue.area_ptr = (uint64_t)(uintptr_t)&area;
    queue.region_ptr = (uint64_t)(uintptr_t)&region;
    queue.rx_buf_len = options->rx_buffer_length;
    /* Older kernels know no events, and want zero there. */
    if (options->events != 0 || options->statistics)
        queue.event_desc = (uint64_t)(uintptr_t)&events;
    error = kevy_ring_register(ring, KEVY_REGISTER_ZCRX_IFQ, &queue, 1);
    if (error < 0)
        return error;
    zcrx->area = options->area;
    zcrx->area_token = area.rq_area_token;
    cursors_locate(zcrx, &queue);
    if (options->statistics)
        zcrx->stats = (const struct kevy_zcrx_stats *)(const void *)((const char *)zcrx->memory +
                                                                     events.stats_offset);
    return 0;
}

int kevy_zcrx_init(struct kevy_zcrx *zcrx, struct kevy_ring *ring,
                   const struct kevy_zcrx_options *options)
{
    int error;

    assert(memory_zeroed(zcrx, sizeof *zcrx) &&
           "a zcrx must be zeroed or deinitialised before kevy_zcrx_init()");
    if (options->entries == 0 || options->entries > ENTRIES_MAX)
        return -EINVAL;
    if ((options->entries & (options->entries - 1)) != 0 ||
        (options->flags & KEVY_ZCRX_REG_IMPORT) != 0)
        return -EINVAL;
    error = queue_map(zcrx, options->entries);
    if (error == 0)
        error = queue_register(zcrx, ring, options);
    if (error < 0)
        kevy_zcrx_deinit(zcrx);
    return error;
}

void kevy_zcrx_deinit(struct kevy_zcrx *zcrx)
{
    /* A forked child has no part in it. */
    if (zcrx->memory != NULL && zcrx->owner_process == (int32_t)getpid())
        io_uring_unmap(zcrx->memory, zcrx->memory_size);
    memset(zcrx, 0, sizeof *zcrx);
}

static struct kevy_zcrx_ctrl control_make(const struct kevy_zcrx *zcrx, enum kevy_zcrx_ctrl_op op)
{
    struct kevy_zcrx_ctrl control;

    memset(&control, 0, sizeof control);
    control.zcrx_id = zcrx->id;
    control.op = op;
    return control;
}

int kevy_zcrx_flush(struct kevy_ring *ring, const struct kevy_zcrx *zcrx)
{
    struct kevy_zcrx_ctrl control = control_make(zcrx, KEVY_ZCRX_CTRL_FLUSH_RQ);

    return kevy_ring_register(ring, KEVY_REGISTER_ZCRX_CTRL, &control, 0);
}

int kevy_zcrx_export(struct kevy_ring *ring, const struct kevy_zcrx *zcrx)
{
    struct kevy_zcrx_ctrl control = control_make(zcrx, KEVY_ZCRX_CTRL_EXPORT);
    int error = kevy_ring_register(ring, KEVY_REGISTER_ZCRX_CTRL, &control, 0);

    return error < 0 ? error : (int)control.zc_export.zcrx_fd;
}

int kevy_zcrx_arm_event(struct kevy_ring *ring, const struct kevy_zcrx *zcrx, uint32_t event)
{
    struct kevy_zcrx_ctrl control = control_make(zcrx, KEVY_ZCRX_CTRL_ARM_EVENT);

    control.zc_arm_event.event_type = event;
    return kevy_ring_register(ring, KEVY_REGISTER_ZCRX_CTRL, &control, 0);
}

int kevy_zcrx_import(struct kevy_zcrx *zcrx, struct kevy_ring *ring, int fd,
                     const struct kevy_zcrx *owner)
{
    struct kevy_zcrx_ifq_reg queue;
    int error;

    assert(memory_zeroed(zcrx, sizeof *zcrx) &&
           "a zcrx must be zeroed or deinitialised before kevy_zcrx_import()");
    /* Everything but the descriptor, in the place of an interface, comes from the exporter. */
    memset(&queue, 0, sizeof queue);
    queue.if_idx = (uint32_t)fd;
    queue.flags = KEVY_ZCRX_REG_IMPORT;
    error = kevy_ring_register(ring, KEVY_REGISTER_ZCRX_IFQ, &queue, 1);
    if (error < 0)
        return error;
    zcrx->id = queue.zcrx_id;
    if (owner != NULL) {
        zcrx->area = owner->area;
        zcrx->area_token = owner->area_token;
        zcrx->stats = owner->stats;
    }
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
