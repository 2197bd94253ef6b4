/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Registered buffers: a table of where they are. There is nothing to pin: the memory is ours, too.
 *
 * Invariants. A request names a part of one buffer (fixed_prepare() in transfer.c). Slots have no
 * tags.
 */
#include "soft.h"

#if KEVY_RING_SUPPORTED

#define SLOTS_MAX  16384U
#define LENGTH_MAX (UINT64_C(1) << 30)

static int slots_check(const struct iovec *buffers, uint32_t count)
{
    for (uint32_t slot = 0; slot < count; slot++) {
        if (buffers[slot].iov_base == NULL && buffers[slot].iov_len == 0)
            continue; /* an empty slot */
        if (buffers[slot].iov_base == NULL || buffers[slot].iov_len == 0)
            return -EFAULT;
        if (buffers[slot].iov_len > LENGTH_MAX)
            return -EFAULT;
    }
    return 0;
}

/* Makes a table of `count` slots, empty with `buffers` NULL. */
int buffer_table_register(struct soft *soft, const struct iovec *buffers, uint32_t count)
{
    struct buffer_table *table = &soft->buffers;
    int error = 0;

    if (table->buffers != NULL)
        return -EBUSY;
    if (count == 0 || count > SLOTS_MAX)
        return -EINVAL;
    if (buffers != NULL)
        error = slots_check(buffers, count);
    if (error < 0)
        return error;
    table->buffers = pages_take(soft, count * sizeof *table->buffers);
    if (table->buffers == NULL)
        return -ENOMEM;
    if (buffers != NULL)
        memcpy(table->buffers, buffers, count * sizeof *buffers);
    table->count = count;
    return 0;
}

int buffer_table_update(struct soft *soft, uint32_t first, const struct iovec *buffers,
                        uint32_t count)
{
    struct buffer_table *table = &soft->buffers;
    int error;

    if (table->buffers == NULL)
        return -ENXIO;
    if (count == 0 || first > table->count || count > table->count - first)
        return -EINVAL;
    error = slots_check(buffers, count);
    if (error < 0)
        return error;
    memcpy(table->buffers + first, buffers, count * sizeof *buffers);
    return (int)count;
}

int buffer_table_unregister(struct soft *soft)
{
    if (soft->buffers.buffers == NULL)
        return -ENXIO;
    pages_give(soft, soft->buffers.buffers);
    memset(&soft->buffers, 0, sizeof soft->buffers);
    return 0;
}

#endif /* KEVY_RING_SUPPORTED */
