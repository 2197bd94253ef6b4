/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "buffers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel.h"
#include "tools.h"
#include "world.h"

#define ENTRIES_END 65536U

struct place {
    uint64_t address;
    bool published;
};

void buffers_end(struct buffers *buffers)
{
    free(buffers->places);
    memset(buffers, 0, sizeof *buffers);
}

static uint32_t flags_known(void)
{
    return kernel_minor() >= 12 ? KEVY_PBUF_RING_INC : 0;
}

int buffers_register(struct buffers *buffers, const struct kevy_buf_reg *registration)
{
    uint32_t entries = registration->ring_entries;

    REQUIRE((registration->flags & ~flags_known()) == 0 && registration->min_left == 0, -EINVAL,
            "a buffer ring with flags %x", registration->flags);
    REQUIRE(registration->ring_addr % 4096 == 0, -EINVAL, "a buffer ring that is not on a page");
    REQUIRE(entries != 0 && entries < ENTRIES_END && (entries & (entries - 1)) == 0, -EINVAL,
            "a buffer ring of %u entries", entries);
    for (size_t i = 0; i < sizeof registration->resv / sizeof registration->resv[0]; i++)
        REQUIRE(registration->resv[i] == 0, -EINVAL, "a buffer ring with reserved bits");
    if (buffers->slots != NULL)
        return -EEXIST;
    buffers->slots = (void *)(uintptr_t)registration->ring_addr;
    buffers->entries = registration->ring_entries;
    buffers->group = registration->bgid;
    buffers->incremental = (registration->flags & KEVY_PBUF_RING_INC) != 0;
    buffers->head = buffers->seen = 0;
    buffers->places = calloc(buffers->entries, sizeof *buffers->places);
    assert(buffers->places != NULL);
    return 0;
}

int buffers_unregister(struct buffers *buffers, uint16_t group)
{
    if (buffers->slots == NULL || group != buffers->group)
        return -ENOENT;
    buffers_end(buffers);
    return 0;
}

int buffers_status(const struct buffers *buffers, struct kevy_buf_status *status)
{
    if (buffers->slots == NULL || status->buf_group != buffers->group)
        return -ENOENT;
    status->head = buffers->head;
    return 0;
}

/* Looks at what has been published since, and overwrites what is to be received into. */
static void publication_check(struct buffers *buffers, bool receives)
{
    uint16_t tail = __atomic_load_n(&buffers->slots[0].resv, __ATOMIC_ACQUIRE);

    EXPECT((uint16_t)(tail - buffers->head) <= buffers->entries,
           "%u buffers published where there are %u", (uint16_t)(tail - buffers->head),
           buffers->entries);
    for (; buffers->seen != tail; buffers->seen++) {
        const struct kevy_buf *slot = &buffers->slots[buffers->seen & (buffers->entries - 1)];
        struct place *place = &buffers->places[slot->bid];

        EXPECT(slot->bid < buffers->entries, "buffer %u is none of the group's", slot->bid);
        EXPECT(!place->published, "buffer %u is published twice", slot->bid);
        EXPECT(place->address == 0 || place->address == slot->addr, "buffer %u has moved",
               slot->bid);
        place->published = true;
        place->address = slot->addr;
        tools_make_room((void *)(uintptr_t)slot->addr, slot->len);
        if (receives)
            memset((void *)(uintptr_t)slot->addr, 0xDB, slot->len);
    }
}

bool buffers_known(const struct buffers *buffers, uint16_t group)
{
    return buffers->slots != NULL && group == buffers->group;
}

static bool slot_find(const struct buffers *buffers, uint32_t index, void **data, uint32_t *size)
{
    const struct kevy_buf *slot;

    if (index >= (uint16_t)(buffers->seen - buffers->head))
        return false;
    slot = &buffers->slots[(buffers->head + index) & (buffers->entries - 1)];
    *data = (void *)(uintptr_t)slot->addr;
    *size = slot->len;
    return true;
}

bool buffers_peek(struct buffers *buffers, uint16_t group, uint32_t index, void **data,
                  uint32_t *size)
{
    REQUIRE(buffers_known(buffers, group), false, "there is no buffer group %u", group);
    publication_check(buffers, true);
    return slot_find(buffers, index, data, size);
}

bool buffers_peek_filled(struct buffers *buffers, uint16_t group, uint32_t index, void **data,
                         uint32_t *size)
{
    REQUIRE(buffers_known(buffers, group), false, "there is no buffer group %u", group);
    publication_check(buffers, false);
    return slot_find(buffers, index, data, size);
}

/* A piece of the next buffer. False when that was all of it. */
static bool piece_take(struct kevy_buf *slot, uint32_t bytes)
{
    slot->addr += bytes;
    slot->len -= bytes;
    return slot->len != 0;
}

uint32_t buffers_take(struct buffers *buffers, uint32_t count, uint32_t bytes)
{
    uint32_t mask = buffers->entries - 1;
    uint32_t first = buffers->slots[buffers->head & mask].bid;
    uint32_t more = 0;

    for (; count > 0; count--) {
        struct kevy_buf *slot = &buffers->slots[buffers->head & mask];
        uint32_t here = bytes < slot->len ? bytes : slot->len;

        bytes -= here;
        if (buffers->incremental && piece_take(slot, here)) {
            more = KEVY_CQE_F_BUF_MORE;
            break;
        }
        buffers->places[slot->bid].published = false;
        buffers->head++;
    }
    return KEVY_CQE_F_BUFFER | first << KEVY_CQE_BUFFER_SHIFT | more;
}
