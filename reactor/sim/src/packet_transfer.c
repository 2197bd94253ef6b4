/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* What a datagram socket sends and receives; packet.h has the model. */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "packet.h"
#include "world.h"

#define LENGTH_MAX 65507U
/* Times that a socket without room may be asked: some at once, and then one each time that so much
 * of it has passed. What is asked within a moment is one time: a batch. */
#define ASKED_FREE      40U
#define ASKED_NS        UINT64_C(50000000)
#define ASKED_MOMENT_NS 900000U
/* Of UDP_SEGMENT, and of what UDP_GRO joins. */
#define SEGMENTS_MAX 64U

/* ---- Sending ------------------------------------------------------------------------------- */

/* Bytes of a message, from an offset on. */
static void gather(const struct msghdr *message, size_t offset, uint8_t *to, size_t length)
{
    for (size_t part = 0; part < (size_t)message->msg_iovlen && length > 0; part++) {
        const struct iovec *from = &message->msg_iov[part];
        size_t here;

        if (offset >= from->iov_len) {
            offset -= from->iov_len;
            continue;
        }
        here = from->iov_len - offset < length ? from->iov_len - offset : length;
        memcpy(to, (const char *)from->iov_base + offset, here);
        to += here;
        length -= here;
        offset = 0;
    }
    assert(length == 0);
}

/* The size that UDP_SEGMENT says, or the whole length. */
static size_t segment_of(const struct msghdr *message, size_t length)
{
    struct msghdr copy = *message;
    uint16_t size;

    for (struct cmsghdr *at = CMSG_FIRSTHDR(&copy); at != NULL; at = CMSG_NXTHDR(&copy, at)) {
        if (at->cmsg_level != IPPROTO_UDP || at->cmsg_type != UDP_SEGMENT)
            continue;
        EXPECT(at->cmsg_len == CMSG_LEN(sizeof size), "UDP_SEGMENT of %zu bytes",
               (size_t)at->cmsg_len);
        memcpy(&size, CMSG_DATA(at), sizeof size);
        return size;
    }
    return length;
}

static uint16_t destination(const struct kevy_x_packet_socket *socket, const struct msghdr *message)
{
    const struct sockaddr_in *internet = message->msg_name;

    if (internet == NULL)
        return socket->to_port;
    EXPECT(internet->sin_family == socket->family && message->msg_namelen >= sizeof *internet,
           "a datagram to an address of family %d", internet->sin_family);
    return ntohs(internet->sin_port); /* in the same place for IPv6 */
}

/* There is no room. Whoever asks again and again, and does not wait, is a loop that spins. */
static int send_full(struct kevy_x_packet_socket *socket)
{
    uint64_t now_ns = clock_now();

    packet_counts.full++;
    if (socket->full_ns == 0) {
        socket->full_ns = now_ns;
        socket->asked = 0;
    }
    if (socket->asked == 0 || now_ns - socket->asked_ns >= ASKED_MOMENT_NS) {
        socket->asked++;
        socket->asked_ns = now_ns;
    }
    EXPECT(socket->peer != NULL ||
               socket->asked <= ASKED_FREE + (now_ns - socket->full_ns) / ASKED_NS,
           "a socket without room is asked %u times in %llu ns", socket->asked,
           (unsigned long long)(now_ns - socket->full_ns));
    return -EAGAIN;
}

/* What a send fails with before it has done anything, or 0. */
static int send_fault(struct kevy_x_packet_socket *socket)
{
    if (socket->error != 0) {
        packet_counts.found++;
        socket->full_ns = 0;
        return packet_error_take(socket);
    }
    if (socket->peer != NULL)
        return 0;
    if (chance(KEVY_SIM_DATAGRAM_SEND_FAILS)) {
        packet_counts.failed++;
        socket->full_ns = 0;
        return chance_one_in(2) ? -ENOBUFS : -EPERM;
    }
    return chance(KEVY_SIM_DATAGRAM_SEND_FULL) ? send_full(socket) : 0;
}

long packet_send(struct kevy_x_packet_socket *socket, const struct msghdr *message)
{
    uint16_t port = destination(socket, message);
    size_t length = 0, segment, offset = 0;
    int error;

    for (size_t part = 0; part < (size_t)message->msg_iovlen; part++)
        length += message->msg_iov[part].iov_len;
    segment = segment_of(message, length);
    if (port == 0)
        return -EDESTADDRREQ;
    if (segment > LENGTH_MAX || length > LENGTH_MAX)
        return -EMSGSIZE;
    if (length > segment * SEGMENTS_MAX)
        return -EINVAL;
    error = send_fault(socket);
    if (error < 0)
        return error;
    if (socket->under_way >= socket->send_room)
        return send_full(socket);
    socket->full_ns = 0;
    packet_bind_any(socket);
    do {
        size_t here = length - offset < segment ? length - offset : segment;
        struct packet *packet = packet_new((uint32_t)here);

        gather(message, offset, packet->bytes, here);
        offset += here;
        packet_transmit(socket, packet, port);
    } while (offset < length);
    return (long)length;
}

/* ---- Receiving ----------------------------------------------------------------------------- */

static struct packet *dequeue(struct kevy_x_packet_socket *socket)
{
    struct packet *packet = socket->first;

    socket->first = packet->next;
    socket->arrived -= packet_charge(packet);
    packet_counts.waiting--;
    packet_counts.received++;
    return packet;
}

/* Writes bytes behind `offset` of the parts; what has no room is dropped. */
static void scatter(const struct msghdr *message, size_t offset, const struct packet *packet)
{
    const uint8_t *from = packet->bytes;
    size_t length = packet->length;

    for (size_t part = 0; part < (size_t)message->msg_iovlen && length > 0; part++) {
        const struct iovec *to = &message->msg_iov[part];
        size_t here;

        if (offset >= to->iov_len) {
            offset -= to->iov_len;
            continue;
        }
        here = to->iov_len - offset < length ? to->iov_len - offset : length;
        memcpy((char *)to->iov_base + offset, from, here);
        from += here;
        length -= here;
        offset = 0;
    }
}

/* Says how long the datagrams are that were joined. */
static void control_write(struct msghdr *message, int segment)
{
    struct cmsghdr *header = message->msg_control;

    if (message->msg_controllen < CMSG_SPACE(sizeof segment)) {
        message->msg_flags |= MSG_CTRUNC;
        message->msg_controllen = 0;
        return;
    }
    memset(header, 0, CMSG_SPACE(sizeof segment));
    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_GRO;
    header->cmsg_len = CMSG_LEN(sizeof segment);
    memcpy(CMSG_DATA(header), &segment, sizeof segment);
    message->msg_controllen = CMSG_SPACE(sizeof segment);
}

/* May the next packet be joined to what was received? */
static bool joins(const struct kevy_x_packet_socket *socket, uint16_t port, uint32_t segment,
                  size_t total)
{
    const struct packet *next = socket->first;

    return socket->merges && next != NULL && next->from_port == port && next->length != 0 &&
           next->length <= segment && total % segment == 0 && total / segment < SEGMENTS_MAX &&
           total + next->length <= LENGTH_MAX && !chance_one_in(4);
}

long packet_receive(struct kevy_x_packet_socket *socket, struct msghdr *message, int flags)
{
    struct packet *packet;
    uint32_t segment;
    uint16_t port;
    size_t total, room = 0;

    if (socket->error != 0)
        return packet_error_take(socket);
    if (socket->first == NULL)
        return -EAGAIN;
    for (size_t part = 0; part < (size_t)message->msg_iovlen; part++)
        room += message->msg_iov[part].iov_len;
    packet = dequeue(socket);
    port = packet->from_port;
    segment = packet->length;
    total = segment;
    scatter(message, 0, packet);
    free(packet);
    while (segment != 0 && joins(socket, port, segment, total)) {
        packet = dequeue(socket);
        scatter(message, total, packet);
        total += packet->length;
        packet_counts.joined++;
        free(packet);
    }
    message->msg_flags = total > room ? MSG_TRUNC : 0;
    if (message->msg_name != NULL)
        packet_name(socket->family, port, message->msg_name, &message->msg_namelen);
    if (total != segment)
        control_write(message, (int)segment);
    else
        message->msg_controllen = 0;
    return (long)(total <= room || (flags & MSG_TRUNC) != 0 ? total : room);
}
