/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The receiving side of a datagram socket.
 *
 * Model. One multishot recvmsg is armed while the socket is open; each completion brings one buffer
 * of the pool, divided as `request` says: a header, the sender's address, control data, payload.
 * What a pause finds in flight waits in the stash; the recvmsg is cancelled only when something
 * does, so that a pause during which nothing arrives costs nothing.
 *
 * Invariants. Datagrams are delivered in the order of arrival. The datagram of a completion is
 * looked at before its end: an empty one ends the multishot, and so may any other. Receiving again
 * after an error waits for the socket to be readable first, so that no error makes the loop spin;
 * one that is not the network's (-ENOMEM) waits a tenth of a second.
 */
#include "datagram/datagram_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_result.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/un.h>

#include "core/completion.h"
#include "core/reader.h"
#include "socket/socket.h"

#define RETRY_NS KEVY_MILLISECONDS(100)
/* The least payload that a buffer has to leave room for, and the most that a merge brings. */
#define PAYLOAD_MIN 256U
#define PAYLOAD_GRO 65535U

static uint32_t name_room(int family)
{
    if (socket_is_internet(family))
        return align8(sizeof(struct sockaddr_in6));
    if (family == AF_UNIX)
        return align8(sizeof(struct sockaddr_un));
    return sizeof(struct sockaddr_storage);
}

static void receive_done(struct kevy_completion *completion, int result, uint32_t flags);

int datagram_read_open(struct kevy_datagram *datagram, struct kevy_reactor *reactor, int fd,
                       const struct kevy_datagram_options *options)
{
    struct msghdr *request = &datagram->request;
    bool gro = options->gro;
    size_t front;

    request->msg_namelen = name_room(socket_family(reactor, fd));
    request->msg_controllen = align8(options->control_size) + (gro ? CMSG_SPACE(sizeof(int)) : 0);
    front = sizeof(struct kevy_recvmsg_out) + request->msg_namelen + request->msg_controllen;
    /* A multiple of 8 keeps addresses and control messages aligned in every buffer. */
    if (reactor->pool.buffer_size % 8 != 0 || reactor->pool.buffer_size < 2 * PAYLOAD_MIN)
        return -EINVAL;
    if (reactor->pool.buffer_size < front + (gro ? PAYLOAD_GRO : PAYLOAD_MIN))
        return -EINVAL;
    kevy_completion_init(&datagram->receive, reactor, receive_done);
    return 0;
}

/* The size of the datagrams that the kernel merged, 0 for a single one, or when it was cut off. */
static uint16_t segment_size(struct msghdr *control)
{
    struct cmsghdr *header = CMSG_FIRSTHDR(control);
    int size;

    for (; header != NULL; header = CMSG_NXTHDR(control, header)) {
        if (header->cmsg_level != IPPROTO_UDP || header->cmsg_type != UDP_GRO ||
            header->cmsg_len < CMSG_LEN(sizeof size))
            continue;
        memcpy(&size, CMSG_DATA(header), sizeof size);
        return (uint16_t)size;
    }
    return 0;
}

static void message_fill(const struct kevy_datagram *datagram, const struct kevy_recvmsg *parsed,
                         struct kevy_datagram_message *message)
{
    message->peer = parsed->name;
    message->peer_length = (socklen_t)parsed->name_length;
    message->whole_length = parsed->payload_whole;
    message->control_truncated = (parsed->flags & MSG_CTRUNC) != 0;
    message->control = kevy_recvmsg_control(parsed);
    message->segment_size = 0;
    if (datagram_has(datagram, DATAGRAM_GRO))
        message->segment_size = segment_size(&message->control);
}

static void drop(struct kevy_datagram *datagram, struct kevy_buffer *buffer)
{
    datagram->stats.dropped++;
    block_release(datagram->object.reactor, buffer->block);
}

/* Calls `read` with the datagram in a buffer, whose reference is passed on. */
static void deliver(struct kevy_datagram *datagram, struct kevy_buffer *buffer)
{
    struct kevy_datagram_message message;
    struct kevy_recvmsg parsed;
    struct kevy_buffer kept;

    assert(datagram->object.state == DATAGRAM_OPEN && buffer->block->refs > 0);
    if (datagram->read == NULL ||
        !kevy_recvmsg_parse(&parsed, buffer->block->data, buffer->length, &datagram->request)) {
        drop(datagram, buffer);
        return;
    }
    message.buffer = buffer_lend(buffer, &kept);
    message.buffer->data = parsed.payload;
    message.buffer->length = parsed.payload_length;
    message.buffer->source = NULL;
    message_fill(datagram, &parsed, &message);
    datagram->stats.received++;
    datagram->stats.truncated += parsed.payload_whole > parsed.payload_length;
    datagram->read(datagram, &message);
    buffer_lent_end(datagram->object.reactor, message.buffer);
}

/* Keeps a datagram for later, as a copy when the pool is low. */
static void stash(struct kevy_datagram *datagram, struct kevy_buffer *buffer)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_buffer *copy;

    if (!pool_low(reactor)) {
        stash_append(&datagram->reader, buffer);
        return;
    }
    copy = buffer_copy(reactor, buffer);
    if (copy == NULL) {
        drop(datagram, buffer);
        return;
    }
    block_release(reactor, buffer->block);
    stash_append(&datagram->reader, copy);
}

static bool deliverable(const struct kevy_datagram *datagram)
{
    return datagram->object.state == DATAGRAM_OPEN && !datagram_has(datagram, DATAGRAM_PAUSED);
}

static void received(struct kevy_datagram *datagram, struct kevy_buffer *buffer)
{
    if (likely(deliverable(datagram) && !datagram_has(datagram, READER_STASHES)))
        deliver(datagram, buffer);
    else if (datagram->object.state == DATAGRAM_OPEN)
        stash(datagram, buffer);
    else
        drop(datagram, buffer);
}

static void receive_arm(struct kevy_datagram *datagram)
{
    struct kevy_sqe *sqe;

    assert(!kevy_completion_active(&datagram->receive));
    sqe = kevy_completion_sqe(&datagram->receive);
    if (sqe == NULL) {
        object_pend(&datagram->object);
        return;
    }
    /* MSG_TRUNC: the header then tells the length as sent. */
    kevy_prep_recvmsg_multishot(sqe, datagram->fd, &datagram->request,
                                datagram->object.reactor->pool.group, MSG_TRUNC);
    if (datagram_has(datagram, READER_POLL_FIRST))
        sqe->ioprio |= KEVY_RECVSEND_POLL_FIRST;
    datagram->object.flags &= ~READER_POLL_FIRST;
}

/* Arms or cancels, as the state of the socket wants it. */
static void receive_adjust(struct kevy_datagram *datagram)
{
    if (!kevy_completion_active(&datagram->receive)) {
        if (deliverable(datagram) && !datagram_has(datagram, READER_STARVED) &&
            !kevy_timer_armed(&datagram->retry))
            receive_arm(datagram);
        return;
    }
    if ((datagram->object.state != DATAGRAM_OPEN || datagram_has(datagram, READER_STASHES)) &&
        !datagram_has(datagram, DATAGRAM_RECV_CANCELLED) &&
        completion_cancel_or_pend(&datagram->receive, &datagram->object))
        datagram->object.flags |= DATAGRAM_RECV_CANCELLED;
}

void datagram_read_continue(struct kevy_datagram *datagram)
{
    while (datagram_has(datagram, READER_STASHES) && deliverable(datagram)) {
        object_tells(&datagram->object);
        deliver(datagram, stash_take(&datagram->reader));
    }
    receive_adjust(datagram);
}

uint32_t datagram_feed(struct kevy_x_object *object)
{
    struct kevy_datagram *datagram = datagram_of(object);

    receive_adjust(datagram);
    return kevy_completion_active(&datagram->receive) ? run_endless(object->reactor) : 0;
}

static void retry_fire(struct kevy_timer *timer)
{
    object_pend(&KEVY_CONTAINER_OF(timer, struct kevy_datagram, retry)->object);
}

/* What ICMP brings, and what an interface says that goes down: the next datagram may well come. */
bool datagram_network_error(int error)
{
    static const int errors[] = {ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, EMSGSIZE,
                                 ENOPROTOOPT,  EOPNOTSUPP,   EHOSTDOWN,   ENETDOWN,
                                 ECONNRESET,   EPROTO,       EACCES,      ENONET};

    for (size_t index = 0; index < sizeof errors / sizeof *errors; index++)
        if (error == -errors[index])
            return true;
    return false;
}

/* The multishot is over: by us, by an error, or by the kernel, which may do so at any time. */
static void receive_ended(struct kevy_datagram *datagram, int result)
{
    assert(!kevy_completion_active(&datagram->receive));
    datagram->object.flags &= ~DATAGRAM_RECV_CANCELLED;
    object_pend(&datagram->object);
    if (result >= 0 || result == -ECANCELED || datagram->object.state != DATAGRAM_OPEN)
        return;
    datagram->object.flags |= READER_POLL_FIRST;
    if (result == -EINTR || result == -EAGAIN)
        return;
    if (result == -ENOBUFS) {
        reader_starve(&datagram->reader);
        PROBE(starved, datagram->fd);
        return;
    }
    if (!datagram_network_error(result))
        kevy_timer_start(&datagram->retry, datagram->object.reactor, RETRY_NS, retry_fire);
    datagram_error_tell(datagram, result, NULL);
}

static void receive_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_datagram *datagram = KEVY_CONTAINER_OF(completion, struct kevy_datagram, receive);

    /* The buffer follows the flag, whatever the result: errors carry none. */
    if (flags & KEVY_CQE_F_BUFFER) {
        uint32_t length = result > 0 ? (uint32_t)result : 0;
        struct kevy_x_block *block = pool_take(completion->reactor, kevy_buffer_id(flags), length);

        assert(block->own.data == block->data && !block->rights);
        block->own.length = length;
        block->own.use = BUFFER_PART; /* behind the message's header */
        received(datagram, &block->own);
    }
    if ((flags & KEVY_CQE_F_MORE) == 0)
        receive_ended(datagram, result);
}

void datagram_read_end(struct kevy_datagram *datagram)
{
    reader_starve_end(&datagram->reader);
    kevy_timer_stop(&datagram->retry);
    while (datagram_has(datagram, READER_STASHES))
        drop(datagram, stash_take(&datagram->reader));
}

void kevy_datagram_pause(struct kevy_datagram *datagram)
{
    if (datagram->object.state != DATAGRAM_OPEN)
        return;
    thread_check(datagram->object.reactor);
    datagram->object.flags |= DATAGRAM_PAUSED;
}

void kevy_datagram_resume(struct kevy_datagram *datagram)
{
    if (datagram->object.state != DATAGRAM_OPEN)
        return;
    datagram->object.flags &= ~DATAGRAM_PAUSED;
    object_pend(&datagram->object);
}

#endif /* KEVY_RING_SUPPORTED */
