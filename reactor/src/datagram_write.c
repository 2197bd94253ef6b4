/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sending side of a datagram socket: a queue, and one batch of it in flight.
 *
 * Model. Sending makes an entry: a completion, the message header and its parts, the address, the
 * control data and the payload, in one piece of a heap block; many small entries share a block, and
 * a payload that does not fit goes on in further blocks. The flush writes the first entries of the
 * queue as one batch of SENDMSG requests. Those that find the socket's buffer full (-EAGAIN) stay
 * in the queue, and a poll tells when to go on. An ordered socket has batches of one.
 *
 * Invariants. No send waits in the kernel: one that is retried there after its poll may have lost
 * its payload, because a Unix socket copies the data before it looks for room, and the retry goes
 * on behind it (seen on 6.18: an empty datagram arrives). So all requests of a batch complete
 * within the enter that submits them, and the next batch is written when nothing is in flight.
 * Linking a batch would keep its order in a full buffer, but under DEFER_TASKRUN links run one for
 * each enter. `queued` is the sum of the entries' charges, which count memory, so that empty
 * datagrams cannot fill it.
 *
 * A Unix socket that is not connected is always writable to a poll, whatever the state of its
 * receiver; a poll that was followed by no success is therefore followed by a timer.
 */
#include "datagram_internal.h"

#if KEVY_RING_SUPPORTED

#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>

#define BATCH_MAX   64U
#define LENGTH_MAX  65535U
#define CONTROL_MAX 256U
#define RESEND_NS   KEVY_MILLISECONDS(1)

struct kevy_datagram_entry {
    struct kevy_completion completion;
    struct kevy_datagram_entry *next;
    struct kevy_datagram *datagram;
    struct kevy_block *block; /* that it lies in, with a reference */
    struct kevy_block *more;  /* the rest of the payload, linked by next_free */
    struct msghdr message;
    uint32_t charge;
    struct iovec parts[];
};

/* How an entry is laid out: offsets from its beginning. */
struct layout {
    uint32_t parts; /* of the payload: one in the entry's own block, the rest in blocks of their
                     * own */
    uint32_t peer;
    uint32_t control;
    uint32_t payload;
    uint32_t end; /* with the first part of the payload */
};

static size_t control_size(const struct kevy_datagram_packet *packet)
{
    size_t size = CMSG_ALIGN(packet->control_length);

    return packet->segment_size != 0 ? size + CMSG_SPACE(sizeof(uint16_t)) : size;
}

static void layout_for(const struct kevy_datagram_packet *packet, uint32_t parts,
                       struct layout *layout)
{
    layout->parts = parts;
    layout->peer = align8(sizeof(struct kevy_datagram_entry) + parts * sizeof(struct iovec));
    layout->control = layout->peer + align8(packet->peer_length);
    layout->payload = layout->control + align8(control_size(packet));
}

/* The fewest parts that the packet goes into, or false when no number of blocks does. */
static bool layout_find(const struct kevy_datagram_packet *packet, uint32_t block_size,
                        struct layout *layout)
{
    for (uint32_t parts = 1;; parts++) {
        uint32_t room;

        layout_for(packet, parts, layout);
        if (layout->payload >= block_size)
            return false;
        room = block_size - layout->payload;
        if (packet->length <= room + (size_t)(parts - 1) * block_size) {
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
    struct kevy_block *block = datagram->fill;
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
    piece = block->data + block->used;
    block->used += size;
    block->refs++;
    return piece;
}

/* Lets go of the block that is being filled when nothing is queued: an idle socket holds none. */
static void fill_release(struct kevy_datagram *datagram)
{
    if (datagram->queue_first != NULL || datagram->fill == NULL)
        return;
    block_release(datagram->object.reactor, datagram->fill);
    datagram->fill = NULL;
}

static void entry_release(struct kevy_reactor *reactor, struct kevy_datagram_entry *entry)
{
    struct kevy_block *more = entry->more;

    while (more != NULL) {
        struct kevy_block *next = more->next_free;

        block_release(reactor, more);
        more = next;
    }
    block_release(reactor, entry->block);
}

/* Copies what does not fit into the entry's own block; false when memory is short. */
static bool rest_copy(struct kevy_reactor *reactor, struct kevy_datagram_entry *entry,
                      const uint8_t *data, size_t length)
{
    struct kevy_block **link = &entry->more;
    uint32_t part = 1;

    while (length > 0) {
        size_t room = reactor->memory.block_size;
        uint32_t size = (uint32_t)(length < room ? length : room);
        struct kevy_block *block = block_copy(reactor, data, size);

        if (block == NULL)
            return false;
        block->next_free = NULL;
        *link = block;
        link = &block->next_free;
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

static void message_fill(struct kevy_datagram_entry *entry, const struct layout *layout,
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

static void entry_done(struct kevy_completion *completion, int result, uint32_t flags);

/* A copy of the packet, or NULL when memory is short. */
static struct kevy_datagram_entry *entry_make(struct kevy_datagram *datagram,
                                              const struct layout *layout,
                                              const struct kevy_datagram_packet *packet)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_datagram_entry *entry = (void *)piece_take(datagram, layout->end);
    uint32_t head = layout->end - layout->payload;

    if (entry == NULL)
        return NULL;
    kevy_completion_init(&entry->completion, reactor, entry_done);
    entry->next = NULL;
    entry->datagram = datagram;
    entry->block = datagram->fill;
    entry->more = NULL;
    entry->charge = layout->end;
    message_fill(entry, layout, packet);
    if (layout->parts > 1 &&
        !rest_copy(reactor, entry, (const uint8_t *)packet->data + head, packet->length - head)) {
        entry_release(reactor, entry);
        fill_release(datagram);
        return NULL;
    }
    return entry;
}

static int packet_check(const struct kevy_datagram *datagram,
                        const struct kevy_datagram_packet *packet)
{
    if (datagram->object.state != DATAGRAM_OPEN)
        return -EPIPE;
    if (packet->length > LENGTH_MAX)
        return -EMSGSIZE;
    if (packet->control_length > CONTROL_MAX ||
        packet->peer_length > sizeof(struct sockaddr_storage))
        return -EINVAL;
    if (packet->peer == NULL && !datagram_has(datagram, DATAGRAM_CONNECTED))
        return -EDESTADDRREQ;
    return 0;
}

int kevy_datagram_send_packet(struct kevy_datagram *datagram,
                              const struct kevy_datagram_packet *packet)
{
    int error = packet_check(datagram, packet);
    struct kevy_datagram_entry *entry;
    struct layout layout;

    if (error < 0)
        return error;
    if (!layout_find(packet, (uint32_t)datagram->object.reactor->memory.block_size, &layout))
        return -EMSGSIZE;
    if (datagram->queued >= datagram->mark_high) {
        datagram->object.flags |= DATAGRAM_TELL_DRAIN;
        return -EAGAIN;
    }
    entry = entry_make(datagram, &layout, packet);
    if (entry == NULL)
        return -ENOBUFS;
    if (datagram->queue_first == NULL)
        datagram->queue_first = entry;
    else
        datagram->queue_last->next = entry;
    datagram->queue_last = entry;
    datagram->queued += entry->charge;
    object_pend(&datagram->object);
    return 0;
}

int kevy_datagram_send(struct kevy_datagram *datagram, const void *data, size_t length,
                       const struct sockaddr *peer, socklen_t peer_length)
{
    return kevy_datagram_send_packet(
        datagram, &(struct kevy_datagram_packet){
                      .data = data, .length = length, .peer = peer, .peer_length = peer_length});
}

/* Takes an entry out of the queue. It is found soon: completions come in the order of the batch. */
static void entry_unlink(struct kevy_datagram *datagram, struct kevy_datagram_entry *entry)
{
    struct kevy_datagram_entry *before = NULL;

    for (struct kevy_datagram_entry *at = datagram->queue_first; at != entry; at = at->next)
        before = at;
    if (before == NULL)
        datagram->queue_first = entry->next;
    else
        before->next = entry->next;
    if (datagram->queue_last == entry)
        datagram->queue_last = before;
    datagram->queued -= entry->charge;
    fill_release(datagram);
}

/* The queue went down: tell who waits for that. */
static void queue_lowered(struct kevy_datagram *datagram)
{
    if (datagram->queued > datagram->mark_low || !datagram_has(datagram, DATAGRAM_TELL_DRAIN))
        return;
    datagram->object.flags &= ~DATAGRAM_TELL_DRAIN;
    if (datagram->drain != NULL && datagram->object.state == DATAGRAM_OPEN)
        datagram->drain(datagram);
}

/* The kernel has sent an entry (0), or has refused it. */
static void entry_finish(struct kevy_datagram *datagram, struct kevy_datagram_entry *entry,
                         int error)
{
    entry_unlink(datagram, entry);
    if (error == 0)
        datagram->counts.sent++;
    else
        datagram->counts.dropped++;
    if (error != 0 && error != -ECANCELED)
        datagram_error_tell(datagram, error, entry->message.msg_name);
    entry_release(datagram->object.reactor, entry);
}

static void entry_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_datagram_entry *entry =
        KEVY_CONTAINER_OF(completion, struct kevy_datagram_entry, completion);
    struct kevy_datagram *datagram = entry->datagram;

    (void)flags;
    if (--datagram->flying == 0)
        object_pend(&datagram->object);
    if (result == -EAGAIN || result == -EINTR) {
        datagram->object.flags |= DATAGRAM_CONGESTED;
        if (datagram_has(datagram, DATAGRAM_POLLED))
            datagram->object.flags |= DATAGRAM_POLL_USELESS;
        return;
    }
    datagram->object.flags &= ~(DATAGRAM_POLLED | DATAGRAM_POLL_USELESS);
    entry_finish(datagram, entry, result < 0 ? result : 0);
    queue_lowered(datagram);
}

/* Nothing is in flight: writes the first entries as requests that do not wait. */
static void batch_start(struct kevy_datagram *datagram)
{
    uint32_t limit = datagram_has(datagram, DATAGRAM_ORDERED) ? 1 : BATCH_MAX;
    struct kevy_datagram_entry *entry = datagram->queue_first;

    for (; entry != NULL && datagram->flying < limit; entry = entry->next) {
        struct kevy_sqe *sqe = kevy_completion_sqe(&entry->completion);

        if (sqe == NULL) {
            object_pend(&datagram->object);
            return;
        }
        kevy_prep_sendmsg(sqe, datagram->fd, &entry->message, MSG_NOSIGNAL | MSG_DONTWAIT);
        datagram->flying++;
    }
}

/* The socket may have room again. */
static void congestion_end(struct kevy_datagram *datagram)
{
    datagram->object.flags &= ~DATAGRAM_CONGESTED;
    datagram->object.flags |= DATAGRAM_POLLED;
    object_pend(&datagram->object);
}

static void writable_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    (void)result; /* an error is one of the socket, which the next send brings */
    (void)flags;
    congestion_end(KEVY_CONTAINER_OF(completion, struct kevy_datagram, writable));
}

static void resend_fire(struct kevy_timer *timer)
{
    congestion_end(KEVY_CONTAINER_OF(timer, struct kevy_datagram, resend));
}

void datagram_write_open(struct kevy_datagram *datagram)
{
    kevy_completion_init(&datagram->writable, datagram->object.reactor, writable_done);
}

static void congestion_wait(struct kevy_datagram *datagram)
{
    struct kevy_sqe *sqe;

    if (kevy_timer_armed(&datagram->resend) || kevy_completion_active(&datagram->writable))
        return;
    if (datagram_has(datagram, DATAGRAM_POLL_USELESS)) {
        kevy_timer_start(&datagram->resend, datagram->object.reactor, RESEND_NS, resend_fire);
        return;
    }
    sqe = kevy_completion_sqe(&datagram->writable);
    if (sqe == NULL)
        object_pend(&datagram->object);
    else
        kevy_prep_poll(sqe, datagram->fd, POLLOUT);
}

/* What the socket did not take at once, now or before, is dropped. */
static void write_end(struct kevy_datagram *datagram)
{
    kevy_timer_stop(&datagram->resend);
    if (datagram_has(datagram, DATAGRAM_DROP | DATAGRAM_CONGESTED))
        while (datagram->queue_first != NULL)
            entry_finish(datagram, datagram->queue_first, -ECANCELED);
    /* What comes of the cancel shows when the poll ends; asked again after each turn till then. */
    if (kevy_completion_active(&datagram->writable) &&
        kevy_completion_cancel(&datagram->writable) < 0)
        object_pend(&datagram->object);
}

void datagram_write_continue(struct kevy_datagram *datagram)
{
    if (datagram->flying != 0)
        return;
    if (datagram->object.state == DATAGRAM_CLOSING)
        write_end(datagram);
    else if (datagram_has(datagram, DATAGRAM_CONGESTED))
        congestion_wait(datagram);
    if (!datagram_has(datagram, DATAGRAM_CONGESTED))
        batch_start(datagram);
}

#endif /* KEVY_RING_SUPPORTED */
