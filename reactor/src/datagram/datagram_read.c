/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * The receiving side of a datagram socket.
 *
 * Model. One multishot recvmsg is armed while the socket is open; each completion brings one buffer
 * of the pool, divided as `request` says: a header, the sender's address, control data, payload.
 * What a pause finds in flight waits in the held queue; the recvmsg is cancelled only when
 * something does, so that a pause during which nothing arrives costs nothing.
 *
 * Invariants. Datagrams are delivered in the order of arrival: never past a non-empty held queue.
 * The datagram of a completion is looked at before its end: an empty one ends the multishot, and so
 * may any other. Receiving again after an error waits for the socket to be readable first, so that
 * no error makes the loop spin; one that is not the network's (-ENOMEM) waits a tenth of a second.
 */
#include "datagram_internal.h"

#if KEVY_RING_SUPPORTED

#include <kevy/ring_result.h>

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/un.h>

#include "socket/socket.h"

#define RETRY_NS KEVY_MILLISECONDS(100)
/* The least payload that a buffer has to leave room for, and the most that a merge brings. */
#define PAYLOAD_MIN 256U
#define PAYLOAD_GRO 65535U

static uint32_t name_room(int family)
{
    if (family == AF_INET || family == AF_INET6)
        return align8(sizeof(struct sockaddr_in6));
    if (family == AF_UNIX)
        return align8(sizeof(struct sockaddr_un));
    return sizeof(struct sockaddr_storage);
}

static void receive_done(struct kevy_completion *completion, int result, uint32_t flags);

int datagram_read_open(struct kevy_datagram *datagram, uint16_t control_size)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct msghdr *request = &datagram->request;
    bool gro = datagram_has(datagram, DATAGRAM_GRO);
    size_t front;

    request->msg_namelen = name_room(socket_family(datagram->fd));
    request->msg_controllen = align8(control_size) + (gro ? CMSG_SPACE(sizeof(int)) : 0);
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

static void drop(struct kevy_datagram *datagram, struct kevy_x_block *block)
{
    datagram->stats.dropped++;
    block_release(datagram->object.reactor, block);
}

/* Calls `read` with the datagram in a block, whose reference is passed on. */
static void deliver(struct kevy_datagram *datagram, struct kevy_x_block *block)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_datagram_message message;
    struct kevy_buffer copy = {.use = BUFFER_KEPT, .block = block, .reactor = reactor};
    struct kevy_recvmsg parsed;

    if (datagram->read == NULL ||
        !kevy_recvmsg_parse(&parsed, block->data, block->own.length, &datagram->request)) {
        drop(datagram, block);
        return;
    }
    /* Only a buffer of the pool has an entry of its own that may be lent. */
    message.buffer = block->capacity == 0 ? &block->own : &copy;
    message.buffer->data = parsed.payload;
    message.buffer->length = parsed.payload_length;
    message.buffer->source = NULL;
    message_fill(datagram, &parsed, &message);
    datagram->stats.received++;
    datagram->stats.truncated += parsed.payload_whole > parsed.payload_length;
    datagram->read(datagram, &message);
    if (message.buffer == &copy)
        kevy_buffer_release(&copy);
    else
        block_release(reactor, block);
}

/* Keeps a datagram for later, as a copy when the pool is low. */
static void hold_back(struct kevy_datagram *datagram, struct kevy_x_block *block)
{
    struct kevy_reactor *reactor = datagram->object.reactor;
    struct kevy_buffer *held;

    if (pool_low(reactor)) {
        struct kevy_x_block *copy = block_copy(reactor, block->data, block->own.length);

        if (copy == NULL) {
            drop(datagram, block);
            return;
        }
        reactor->stats.copies++;
        copy->own.length = block->own.length;
        copy->own.block = copy;
        block_release(reactor, block);
        block = copy;
    }
    held = &block->own;
    held->next = held;
    if (datagram->held_last != NULL) {
        held->next = datagram->held_last->next;
        datagram->held_last->next = held;
    }
    datagram->held_last = held;
    object_pend(&datagram->object);
}

static struct kevy_x_block *held_pop(struct kevy_datagram *datagram)
{
    struct kevy_buffer *first = datagram->held_last->next;

    datagram->held_last->next = first->next;
    if (first == datagram->held_last)
        datagram->held_last = NULL;
    return first->block;
}

static bool deliverable(const struct kevy_datagram *datagram)
{
    return datagram->object.state == DATAGRAM_OPEN && !datagram_has(datagram, DATAGRAM_PAUSED);
}

static void received(struct kevy_datagram *datagram, struct kevy_x_block *block)
{
    if (likely(deliverable(datagram) && datagram->held_last == NULL))
        deliver(datagram, block);
    else if (datagram->object.state == DATAGRAM_OPEN)
        hold_back(datagram, block);
    else
        drop(datagram, block);
}

static void receive_arm(struct kevy_datagram *datagram)
{
    struct kevy_sqe *sqe = kevy_completion_sqe(&datagram->receive);

    if (sqe == NULL) {
        object_pend(&datagram->object);
        return;
    }
    /* MSG_TRUNC: the header then tells the length as sent. */
    kevy_prep_recvmsg_multishot(sqe, datagram->fd, &datagram->request,
                                datagram->object.reactor->pool.group, MSG_TRUNC);
    if (datagram_has(datagram, DATAGRAM_POLL_FIRST))
        sqe->ioprio |= KEVY_RECVSEND_POLL_FIRST;
    datagram->object.flags &= ~DATAGRAM_POLL_FIRST;
}

static void receive_cancel(struct kevy_datagram *datagram)
{
    if (datagram_has(datagram, DATAGRAM_RECV_CANCELLED))
        return;
    if (kevy_completion_cancel(&datagram->receive) < 0)
        object_pend(&datagram->object);
    else
        datagram->object.flags |= DATAGRAM_RECV_CANCELLED;
}

/* Delivers what was held back, then arms or cancels, as the state of the socket wants it. */
void datagram_read_continue(struct kevy_datagram *datagram)
{
    while (datagram->held_last != NULL && deliverable(datagram))
        deliver(datagram, held_pop(datagram));
    if (kevy_completion_active(&datagram->receive)) {
        if (datagram->object.state != DATAGRAM_OPEN || datagram->held_last != NULL)
            receive_cancel(datagram);
        return;
    }
    if (deliverable(datagram) && !datagram_has(datagram, DATAGRAM_STARVED) &&
        !kevy_timer_armed(&datagram->retry))
        receive_arm(datagram);
}

static void retry_fire(struct kevy_timer *timer)
{
    object_pend(&KEVY_CONTAINER_OF(timer, struct kevy_datagram, retry)->object);
}

/* What ICMP brings, and what an interface says that goes down: the next datagram may well come. */
static bool is_network_error(int error)
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
    datagram->object.flags &= ~DATAGRAM_RECV_CANCELLED;
    object_pend(&datagram->object);
    if (result >= 0 || result == -ECANCELED || datagram->object.state != DATAGRAM_OPEN)
        return;
    datagram->object.flags |= DATAGRAM_POLL_FIRST;
    if (result == -EINTR || result == -EAGAIN)
        return;
    if (result == -ENOBUFS) {
        pool_starve_datagram(datagram);
        return;
    }
    if (!is_network_error(result))
        kevy_timer_start(&datagram->retry, datagram->object.reactor, RETRY_NS, retry_fire);
    datagram_error_tell(datagram, result, NULL);
}

static void receive_done(struct kevy_completion *completion, int result, uint32_t flags)
{
    struct kevy_datagram *datagram = KEVY_CONTAINER_OF(completion, struct kevy_datagram, receive);

    /* The buffer follows the flag, whatever the result: errors carry none. */
    if (flags & KEVY_CQE_F_BUFFER) {
        struct kevy_x_block *block = pool_take(completion->reactor, kevy_buffer_id(flags));

        assert(block->own.data == block->data && !block->descriptors);
        block->own.length = result > 0 ? (uint32_t)result : 0;
        block->own.use = BUFFER_PART; /* behind the message's header */
        received(datagram, block);
    }
    if ((flags & KEVY_CQE_F_MORE) == 0)
        receive_ended(datagram, result);
}

void datagram_read_close(struct kevy_datagram *datagram)
{
    pool_forget_datagram(datagram);
    kevy_timer_stop(&datagram->retry);
    while (datagram->held_last != NULL)
        drop(datagram, held_pop(datagram));
}

void kevy_datagram_pause(struct kevy_datagram *datagram)
{
    if (datagram->object.state == DATAGRAM_OPEN)
        thread_check(datagram->object.reactor);
    datagram->object.flags |= DATAGRAM_PAUSED;
}

void kevy_datagram_resume(struct kevy_datagram *datagram)
{
    if (!datagram_has(datagram, DATAGRAM_PAUSED))
        return;
    datagram->object.flags &= ~DATAGRAM_PAUSED;
    if (datagram->object.state == DATAGRAM_OPEN)
        object_pend(&datagram->object);
}

#endif /* KEVY_RING_SUPPORTED */
