/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The sending side of a datagram socket: a queue, and one batch of it in flight.
 *
 * Model. Sending makes an entry, see datagram_entry.h. The flush writes the first entries of the
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
 * What ICMP says of a datagram is an error of the socket, which the kernel reports to whatever call
 * comes next, and then forgets: on a connected socket, and on any with IP_RECVERR. So a send that
 * fails with one is tried a second time, which is the truth about that datagram; the first answer
 * is told without a peer where the second is another.
 *
 * A Unix socket that is not connected is always writable to a poll, whatever the state of its
 * receiver; a poll that was followed by no success is therefore followed by a timer, which doubles
 * its delay each time: a receiver that is stuck for long costs a few turns a second, and one that
 * reads again waits no longer than it was stuck.
 */
#include "datagram/datagram_entry.h"

#if KEVY_RING_SUPPORTED

#include <errno.h>
#include <poll.h>

#include "core/completion.h"

#define BATCH_MAX     64U
#define LENGTH_MAX    65535U
#define CONTROL_MAX   256U
#define SEGMENTS_MAX  64U /* of every kernel; from 6.11 on it is 128 */
#define RESEND_MS     1U
#define RESEND_MAX_MS 256U

static void entry_done(struct kevy_completion *completion, int result, uint32_t flags);

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
    if (packet->segment_size != 0 && packet->length > (size_t)packet->segment_size * SEGMENTS_MAX)
        return -EINVAL;
    if (packet->peer == NULL && !datagram_has(datagram, DATAGRAM_CONNECTED))
        return -EDESTADDRREQ;
    return 0;
}

int kevy_datagram_send_packet(struct kevy_datagram *datagram,
                              const struct kevy_datagram_packet *packet)
{
    int error = packet_check(datagram, packet);
    struct kevy_x_datagram_entry *entry;
    struct datagram_layout layout;

    if (error < 0)
        return error;
    if (!datagram_layout_find(packet, (uint32_t)datagram->object.reactor->memory.block_size,
                              &layout))
        return -EMSGSIZE;
    if (datagram->queued >= datagram->high_watermark) {
        /* Again, where both marks are the same and `drain` came at this one. */
        datagram->object.flags |= DATAGRAM_TELL_DRAIN;
        return -EAGAIN;
    }
    thread_check(datagram->object.reactor);
    entry = datagram_entry_make(datagram, &layout, packet, entry_done);
    if (entry == NULL)
        return -ENOBUFS;
    if (datagram->queue_first == NULL)
        datagram->queue_first = entry;
    else
        datagram->queue_last->next = entry;
    datagram->queue_last = entry;
    datagram->queued += entry->charge;
    if (datagram->queued >= datagram->high_watermark)
        datagram->object.flags |= DATAGRAM_TELL_DRAIN;
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
static void entry_unlink(struct kevy_datagram *datagram, struct kevy_x_datagram_entry *entry)
{
    struct kevy_x_datagram_entry *before = NULL;

    for (struct kevy_x_datagram_entry *at = datagram->queue_first; at != entry; at = at->next) {
        assert(at != NULL);
        before = at;
    }
    if (before == NULL)
        datagram->queue_first = entry->next;
    else
        before->next = entry->next;
    if (datagram->queue_last == entry)
        datagram->queue_last = before;
    assert(datagram->queued >= entry->charge);
    datagram->queued -= entry->charge;
    datagram_fill_release(datagram);
}

/* The queue went down: tell who waits for that. */
static void queue_lowered(struct kevy_datagram *datagram)
{
    if (datagram->queued > datagram->low_watermark || !datagram_has(datagram, DATAGRAM_TELL_DRAIN))
        return;
    datagram->object.flags &= ~DATAGRAM_TELL_DRAIN;
    object_tells(&datagram->object);
    if (datagram->drain != NULL && datagram->object.state == DATAGRAM_OPEN)
        datagram->drain(datagram);
}

/* The kernel has sent an entry (0), or has refused it. */
static void entry_finish(struct kevy_datagram *datagram, struct kevy_x_datagram_entry *entry,
                         int error)
{
    assert(!kevy_completion_active(&entry->completion) && error <= 0);
    entry_unlink(datagram, entry);
    if (error == 0)
        datagram->stats.sent++;
    else
        datagram->stats.dropped++;
    if (error != 0 && error != -ECANCELED)
        datagram_error_tell(datagram, error, entry->message.msg_name);
    datagram_entry_release(datagram->object.reactor, entry);
}

static void entry_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_x_datagram_entry *entry =
        KEVY_CONTAINER_OF(completion, struct kevy_x_datagram_entry, completion);
    struct kevy_datagram *datagram = entry->datagram;

    (void)flags;
    assert(datagram->flying > 0);
    if (--datagram->flying == 0)
        object_pend(&datagram->object);
    if (result == -EINTR)
        return; /* it goes with the next batch */
    result = worker_result(result, completion->reactor->cancelled);
    if (result == -EAGAIN) {
        datagram->object.flags |= DATAGRAM_CONGESTED;
        if (datagram_has(datagram, DATAGRAM_POLLED))
            datagram->object.flags |= DATAGRAM_POLL_USELESS;
        return;
    }
    datagram->object.flags &= ~(DATAGRAM_POLLED | DATAGRAM_POLL_USELESS);
    datagram->resend_ms = RESEND_MS;
    if (entry->error == 0 && datagram_network_error(result)) {
        entry->error = result;
        return;
    }
    if (entry->error != 0 && entry->error != result)
        datagram_error_tell(datagram, entry->error, NULL);
    entry_finish(datagram, entry, result < 0 ? result : 0);
    queue_lowered(datagram);
}

/* Nothing is in flight: writes the first entries as requests that do not wait. */
static void batch_start(struct kevy_datagram *datagram)
{
    uint32_t limit = datagram_has(datagram, DATAGRAM_ORDERED) ? 1 : BATCH_MAX;
    struct kevy_x_datagram_entry *entry = datagram->queue_first;

    assert(datagram->flying == 0); /* requests of one batch end before the next begins */
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

void datagram_write_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor)
{
    kevy_completion_init(&datagram->writable, reactor, writable_done);
    datagram->resend_ms = RESEND_MS;
}

/* A poll says nothing: asks again after a while. */
static void resend_wait(struct kevy_datagram *datagram)
{
    kevy_timer_start(&datagram->resend, datagram->object.reactor,
                     KEVY_MILLISECONDS(datagram->resend_ms), resend_fire);
    if (datagram->resend_ms < RESEND_MAX_MS)
        datagram->resend_ms *= 2;
}

static void congestion_wait(struct kevy_datagram *datagram)
{
    struct kevy_sqe *sqe;

    if (kevy_timer_armed(&datagram->resend) || kevy_completion_active(&datagram->writable))
        return;
    if (datagram_has(datagram, DATAGRAM_POLL_USELESS)) {
        resend_wait(datagram);
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
    if (kevy_completion_active(&datagram->writable))
        (void)completion_cancel_or_pend(&datagram->writable, &datagram->object);
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
