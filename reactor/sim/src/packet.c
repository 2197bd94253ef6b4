/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "packet.h"

#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "clock.h"
#include "world.h"

#define PORT_FIRST   20000U
#define BUFFER_LEAST 2000U
#define BUFFER_MOST  400000U
#define DELAY_NS     5000000U
#define OVERTAKEN_NS 20000000U
#define NAME_SIZE(family) \
    ((family) == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in))

struct kevy_sim_datagrams packet_counts;

static struct {
    struct kevy_x_packet_socket *all;
    struct packet *under_way;
    uint16_t ports; /* given out */
} packets;

void packets_reset(void)
{
    while (packets.under_way != NULL) {
        struct packet *packet = packets.under_way;

        packets.under_way = packet->next;
        free(packet);
    }
    memset(&packets, 0, sizeof packets);
    memset(&packet_counts, 0, sizeof packet_counts);
}

void kevy_sim_datagrams(const struct kevy_sim *sim, struct kevy_sim_datagrams *counts)
{
    world_check(sim);
    *counts = packet_counts;
}

struct kevy_x_packet_socket *packet_of(struct file *file)
{
    EXPECT(file->kind == FILE_DATAGRAM, "not a datagram socket");
    return (void *)((char *)file - offsetof(struct kevy_x_packet_socket, file));
}

void packet_peer_set(struct kevy_x_packet_socket *socket, struct kevy_sim_datagram *peer,
                     void (*changed)(struct file *file))
{
    socket->peer = peer;
    socket->file.watcher = changed;
}

static uint32_t packet_poll(const struct file *file)
{
    const struct kevy_x_packet_socket *socket =
        (const void *)((const char *)file - offsetof(struct kevy_x_packet_socket, file));
    uint32_t events = 0;

    if (socket->first != NULL || socket->error != 0)
        events |= POLLIN;
    if (socket->under_way <= socket->send_room / 2)
        events |= POLLOUT;
    if (socket->error != 0)
        events |= POLLERR | POLLOUT;
    return events;
}

static void packet_release(struct file *file)
{
    struct kevy_x_packet_socket *socket = packet_of(file);
    struct kevy_x_packet_socket **link = &packets.all;

    while (*link != socket)
        link = &(*link)->next;
    *link = socket->next;
    for (struct packet *at = packets.under_way; at != NULL; at = at->next)
        if (at->from == socket)
            at->from = NULL;
    while (socket->first != NULL) {
        struct packet *packet = socket->first;

        socket->first = packet->next;
        packet_counts.lost++;
        packet_counts.waiting--;
        free(packet);
    }
    free(socket);
}

static int file_read(struct file *file, void *data, uint32_t length)
{
    struct iovec part = {.iov_base = data, .iov_len = length};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    return (int)packet_receive(packet_of(file), &message, 0);
}

static int file_write(struct file *file, const void *data, uint32_t length)
{
    struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
    const struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    return (int)packet_send(packet_of(file), &message);
}

static const struct file_operations operations = {
    .read = file_read, .write = file_write, .poll = packet_poll, .release = packet_release};

struct kevy_x_packet_socket *packet_make(int family)
{
    struct kevy_x_packet_socket *socket = calloc(1, sizeof *socket);

    assert(socket != NULL);
    EXPECT(family == AF_INET || family == AF_INET6, "a datagram socket of family %d", family);
    file_init(&socket->file, FILE_DATAGRAM, &operations);
    socket->family = family;
    socket->delay_ns = chance_magnitude(0, DELAY_NS);
    socket->receive_room = (uint32_t)chance_magnitude(BUFFER_LEAST, BUFFER_MOST);
    socket->send_room = (uint32_t)chance_magnitude(BUFFER_LEAST, BUFFER_MOST);
    socket->next = packets.all;
    packets.all = socket;
    return socket;
}

static struct kevy_x_packet_socket *socket_at(uint16_t port)
{
    struct kevy_x_packet_socket *socket = packets.all;

    while (socket != NULL && socket->port != port)
        socket = socket->next;
    return socket;
}

int packet_bind(struct kevy_x_packet_socket *socket, uint16_t port)
{
    if (port == 0)
        port = (uint16_t)(PORT_FIRST + packets.ports++);
    else if (socket_at(port) != NULL)
        return -EADDRINUSE;
    socket->port = port;
    return 0;
}

void packet_bind_any(struct kevy_x_packet_socket *socket)
{
    if (socket->port == 0)
        (void)packet_bind(socket, 0);
}

void packet_connect(struct kevy_x_packet_socket *socket, uint16_t port)
{
    packet_bind_any(socket);
    socket->to_port = port;
}

void packet_merges(struct kevy_x_packet_socket *socket, bool merges)
{
    socket->merges = merges;
}

int packet_error_take(struct kevy_x_packet_socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return -error;
}

void packet_name(int family, uint16_t port, void *address, socklen_t *length)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET};
    socklen_t size = (socklen_t)NAME_SIZE(family);

    if (family == AF_UNIX) { /* one of a pair, which have no names */
        *length = 0;
        return;
    }
    six.sin6_port = four.sin_port = htons(port);
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    memcpy(address, family == AF_INET6 ? (const void *)&six : (const void *)&four,
           size < *length ? size : *length);
    *length = size;
}

/* ---- On the way ---------------------------------------------------------------------------- */

struct packet *packet_new(uint32_t length)
{
    struct packet *packet = calloc(1, sizeof *packet + length);

    assert(packet != NULL);
    packet->length = length;
    return packet;
}

static void under_way_remove(struct packet *packet)
{
    if (packet->previous != NULL)
        packet->previous->next = packet->next;
    else
        packets.under_way = packet->next;
    if (packet->next != NULL)
        packet->next->previous = packet->previous;
    packet->next = packet->previous = NULL;
    packet_counts.under_way--;
}

/* The packet leaves the send buffer. */
static void room_give_back(struct kevy_x_packet_socket *from, const struct packet *packet)
{
    bool before;

    if (from == NULL)
        return;
    before = (packet_poll(&from->file) & POLLOUT) != 0;
    from->under_way -= packet_charge(packet);
    if (!before && (packet_poll(&from->file) & POLLOUT) != 0)
        file_changed(&from->file, POLLOUT);
}

/* An ICMP error answers the packet. */
static void refuse(struct packet *packet, int error)
{
    struct kevy_x_packet_socket *from = packet->from;

    packet_counts.refused++;
    if (from != NULL && from->to_port == packet->to_port) {
        packet_counts.told++;
        from->error = error;
        file_changed(&from->file, POLLIN | POLLOUT | POLLERR);
    }
    free(packet);
}

static void enqueue(struct kevy_x_packet_socket *socket, struct packet *packet)
{
    if (socket->first != NULL)
        socket->last->next = packet;
    else
        socket->first = packet;
    socket->last = packet;
    socket->arrived += packet_charge(packet);
    packet_counts.waiting++;
    file_changed(&socket->file, POLLIN);
}

static void arrive(struct kevy_sim_event *event)
{
    struct packet *packet = KEVY_CONTAINER_OF(event, struct packet, event);
    struct kevy_x_packet_socket *socket = socket_at(packet->to_port);

    under_way_remove(packet);
    room_give_back(packet->from, packet);
    if (socket != NULL && socket->to_port != 0 && socket->to_port != packet->from_port)
        socket = NULL; /* it is connected to somebody else */
    if (socket == NULL) {
        refuse(packet, ECONNREFUSED);
    } else if (chance(KEVY_SIM_DATAGRAM_REFUSED)) {
        refuse(packet, chance_one_in(2) ? ECONNREFUSED : EHOSTUNREACH);
    } else if (socket->arrived + packet_charge(packet) > socket->receive_room &&
               socket->first != NULL) {
        packet_counts.lost++;
        free(packet);
    } else if (chance(KEVY_SIM_DATAGRAM_LOST)) {
        packet_counts.lost++;
        free(packet);
    } else {
        enqueue(socket, packet);
    }
}

static void depart(struct packet *packet, uint64_t delay_ns)
{
    packet->next = packets.under_way;
    if (packets.under_way != NULL)
        packets.under_way->previous = packet;
    packets.under_way = packet;
    packet_counts.under_way++;
    event_start(&packet->event, delay_ns, arrive);
}

/* Behind those that were sent before, unless chance wants otherwise. */
static uint64_t delay_draw(struct kevy_x_packet_socket *socket)
{
    uint64_t arrives_ns = clock_now() + chance_between(0, socket->delay_ns);

    if (chance(KEVY_SIM_DATAGRAM_REORDERED))
        return chance_between(0, socket->delay_ns + OVERTAKEN_NS);
    if (arrives_ns < socket->latest_ns)
        arrives_ns = socket->latest_ns;
    socket->latest_ns = arrives_ns;
    return arrives_ns - clock_now();
}

void packet_transmit(struct kevy_x_packet_socket *socket, struct packet *packet, uint16_t port)
{
    packet->from = socket;
    packet->from_port = socket->port;
    packet->to_port = port;
    socket->under_way += packet_charge(packet);
    packet_counts.sent++;
    if (chance(KEVY_SIM_DATAGRAM_DUPLICATED)) {
        struct packet *copy = packet_new(packet->length);

        memcpy(copy->bytes, packet->bytes, packet->length);
        copy->from_port = packet->from_port;
        copy->to_port = port;
        packet_counts.duplicated++;
        depart(copy, chance_between(0, socket->delay_ns + OVERTAKEN_NS));
    }
    depart(packet, delay_draw(socket));
}
