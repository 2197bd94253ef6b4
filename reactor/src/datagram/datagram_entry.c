/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Entries of a datagram socket's queue; their model and invariants are in datagram_entry.h. */
#include "datagram/datagram_entry.h"

#if KEVY_RING_SUPPORTED

#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#include "core/pool.h"

static size_t control_size(const struct kevy_datagram_packet *packet)
{
    size_t size = CMSG_ALIGN(packet->control_length);

    return packet->segment_size != 0 ? size + CMSG_SPACE(sizeof(uint16_t)) : size;
}

static void layout_for(const struct kevy_datagram_packet *packet, uint32_t parts,
                       struct datagram_layout *layout)
{
    layout->parts = parts;
    layout->peer = align8(sizeof(struct kevy_x_datagram_entry) + parts * sizeof(struct iovec));
    layout->control = layout->peer + align8(packet->peer_length);
    layout->payload = layout->control + align8(control_size(packet));
}

bool datagram_layout_find(const struct kevy_datagram_packet *packet, uint32_t block_size,
                          struct datagram_layout *layout)
{
    for (uint32_t parts = 1;; parts++) {
        uint32_t room;

        layout_for(packet, parts, layout);
        if (layout->payload >= block_size)
            return false;
        room = block_size - layout->payload;
        if (packet->length <= room + (size_t)(parts - 1) * block_size) {
            assert(parts == 1 || packet->length > room);
            layout->end =
                layout->payload + (uint32_t)(packet->length < room ? packet->length : room);
            return true;
        }
    }
}

/* A piece of the block that is being filled, or of a new one, with a reference for it. */
static uint8_t *piece_take(struct kevy_datagram *datagram, uint32_t size)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_x_block *block = datagram->fill;
    uint8_t *piece;

    size = align8(size);
    if (block == NULL || block->capacity - block->used < size) {
        block = block_take(&reactor->memory);
        if (block == NULL)
            return NULL;
        if (datagram->fill != NULL)
            block_release(reactor, datagram->fill);
        datagram->fill = block;
    }
    assert(block->capacity - block->used >= size);
    piece = block->data + block->used;
    block->used += size;
    block->refs++;
    return piece;
}

void datagram_fill_release(struct kevy_datagram *datagram)
{
    if (datagram->queue_first != NULL || datagram->fill == NULL)
        return;
    block_release(datagram->object.reactor, datagram->fill);
    datagram->fill = NULL;
}

void datagram_entry_release(struct kevy_reactor *reactor, struct kevy_x_datagram_entry *entry)
{
    struct kevy_x_block *more = entry->more;

    assert(!kevy_completion_active(&entry->completion));
    while (more != NULL) {
        struct kevy_x_block *next = more->next_free;

        block_release(reactor, more);
        more = next;
    }
    block_release(reactor, entry->block);
}

/* Copies what does not fit into the entry's own block; false when memory is short. */
static bool rest_copy(struct kevy_reactor *reactor, struct kevy_x_datagram_entry *entry,
                      const uint8_t *data, size_t length)
{
    struct kevy_x_block **link = &entry->more;
    uint32_t part = 1;

    while (length > 0) {
        size_t room = reactor->memory.block_size;
        uint32_t size = (uint32_t)(length < room ? length : room);
        struct kevy_x_block *block = block_copy(reactor, data, size);

        if (block == NULL)
            return false;
        block->next_free = NULL;
        *link = block;
        link = &block->next_free;
        assert(part < (uint32_t)entry->message.msg_iovlen);
        entry->parts[part].iov_base = block->data;
        entry->parts[part].iov_len = size;
        entry->charge += block->capacity;
        data += size;
        length -= size;
        part++;
    }
    assert(part == (uint32_t)entry->message.msg_iovlen);
    return true;
}

/* The packet's control messages, and behind them the one that says the segment size. */
static void control_write(uint8_t *place, const struct kevy_datagram_packet *packet)
{
    struct cmsghdr header = {.cmsg_len = CMSG_LEN(sizeof packet->segment_size),
                             .cmsg_level = IPPROTO_UDP,
                             .cmsg_type = UDP_SEGMENT};

    memset(place, 0, control_size(packet));
    if (packet->control_length != 0)
        memcpy(place, packet->control, packet->control_length);
    if (packet->segment_size == 0)
        return;
    place += CMSG_ALIGN(packet->control_length);
    memcpy(place, &header, sizeof header);
    memcpy(place + CMSG_LEN(0), &packet->segment_size, sizeof packet->segment_size);
}

static void message_fill(struct kevy_x_datagram_entry *entry, const struct datagram_layout *layout,
                         const struct kevy_datagram_packet *packet)
{
    uint8_t *place = (uint8_t *)entry;
    struct msghdr *message = &entry->message;

    memset(message, 0, sizeof *message);
    message->msg_iov = entry->parts;
    message->msg_iovlen = layout->parts;
    if (packet->peer != NULL) {
        message->msg_name = place + layout->peer;
        message->msg_namelen = packet->peer_length;
        memcpy(place + layout->peer, packet->peer, packet->peer_length);
    }
    if (control_size(packet) != 0) {
        message->msg_control = place + layout->control;
        message->msg_controllen = control_size(packet);
        control_write(place + layout->control, packet);
    }
    entry->parts[0].iov_base = place + layout->payload;
    entry->parts[0].iov_len = layout->end - layout->payload;
    if (layout->end != layout->payload)
        memcpy(place + layout->payload, packet->data, layout->end - layout->payload);
}

struct kevy_x_datagram_entry *datagram_entry_make(struct kevy_datagram *datagram,
                                                  const struct datagram_layout *layout,
                                                  const struct kevy_datagram_packet *packet,
                                                  kevy_completion_done done)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_x_datagram_entry *entry = (void *)piece_take(datagram, layout->end);
    uint32_t head = layout->end - layout->payload;

    if (entry == NULL)
        return NULL;
    memset(&entry->completion, 0, sizeof entry->completion);
    kevy_completion_init(&entry->completion, reactor, done);
    entry->next = NULL;
    entry->datagram = datagram;
    entry->block = datagram->fill;
    entry->more = NULL;
    entry->error = 0;
    entry->charge = layout->end;
    message_fill(entry, layout, packet);
    if (layout->parts > 1 &&
        !rest_copy(reactor, entry, (const uint8_t *)packet->data + head, packet->length - head)) {
        datagram_entry_release(reactor, entry);
        datagram_fill_release(datagram);
        return NULL;
    }
    return entry;
}

#endif /* KEVY_RING_SUPPORTED */
