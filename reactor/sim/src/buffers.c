/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "buffers.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tools.h"
#include "world.h"

struct place {
    uint64_t address;
    bool published;
};

void buffers_end(struct buffers *buffers)
{
    free(buffers->places);
    memset(buffers, 0, sizeof *buffers);
}

int buffers_register(struct buffers *buffers, const struct kevy_buf_reg *registration)
{
    if (buffers->slots != NULL)
        return -EEXIST;
    EXPECT(registration->flags == 0, "a buffer ring with flags %x", registration->flags);
    EXPECT(registration->ring_addr % 4096 == 0, "a buffer ring that is not on a page");
    buffers->slots = (void *)(uintptr_t)registration->ring_addr;
    buffers->entries = registration->ring_entries;
    buffers->group = registration->bgid;
    buffers->head = buffers->seen = 0;
    buffers->places = calloc(buffers->entries, sizeof *buffers->places);
    assert(buffers->places != NULL);
    return 0;
}

int buffers_unregister(struct buffers *buffers, uint16_t group)
{
    if (buffers->slots == NULL || group != buffers->group)
        return -EINVAL;
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

/* Looks at what has been published since. */
static void publication_check(struct buffers *buffers)
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
        memset((void *)(uintptr_t)slot->addr, 0xDB, slot->len);
    }
}

bool buffers_peek(struct buffers *buffers, uint16_t group, uint32_t index, void **data,
                  uint32_t *size)
{
    const struct kevy_buf *slot;

    EXPECT(buffers->slots != NULL && group == buffers->group, "there is no buffer group %u", group);
    publication_check(buffers);
    if (index >= (uint16_t)(buffers->seen - buffers->head))
        return false;
    slot = &buffers->slots[(buffers->head + index) & (buffers->entries - 1)];
    *data = (void *)(uintptr_t)slot->addr;
    *size = slot->len;
    return true;
}

uint16_t buffers_take(struct buffers *buffers, uint32_t count)
{
    uint16_t first = buffers->slots[buffers->head & (buffers->entries - 1)].bid;

    for (; count > 0; count--) {
        uint16_t id = buffers->slots[buffers->head++ & (buffers->entries - 1)].bid;

        buffers->places[id].published = false;
    }
    return first;
}
