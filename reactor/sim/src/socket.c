/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "socket.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "epoll.h"
#include "request.h"
#include "world.h"

#define CUT_MOST 32768U /* bytes between two cuts of a script */

void sockets_reset(void)
{
    sockets_parted_reset();
    sockets_listening_reset();
}

struct kevy_x_socket *socket_of(struct file *file)
{
    EXPECT(file->kind == FILE_SOCKET, "not a socket");
    return (void *)((char *)file - offsetof(struct kevy_x_socket, file));
}

static int file_read(struct file *file, void *data, uint32_t length)
{
    return socket_read(socket_of(file), data, length);
}

static int file_write(struct file *file, const void *data, uint32_t length)
{
    return socket_write(socket_of(file), data, length);
}

static uint32_t file_poll(const struct file *file)
{
    return socket_poll((const void *)((const char *)file - offsetof(struct kevy_x_socket, file)));
}

static void file_release(struct file *file);

static const struct file_operations socket_operations = {
    .read = file_read, .write = file_write, .poll = file_poll, .release = file_release};

struct kevy_x_socket *socket_make(int family)
{
    struct kevy_x_socket *socket = calloc(1, sizeof *socket);

    assert(socket != NULL);
    file_init(&socket->file, FILE_SOCKET, &socket_operations);
    socket->family = family;
    return socket;
}

static struct kevy_x_socket *by_event(struct kevy_sim_event *event, size_t offset)
{
    return (void *)((char *)event - offset);
}

static void reset_arrives(struct kevy_sim_event *event)
{
    struct kevy_x_socket *socket = by_event(event, offsetof(struct kevy_x_socket, reset));

    if (socket->state != SOCKET_CONNECTED)
        return;
    socket->reset_due = socket->deaf;
    if (socket->deaf)
        return;
    socket->state = SOCKET_RESET;
    socket->error = socket->in.end_arrived ? EPIPE : ECONNRESET;
    socket->in.written = socket->in.arrived;
    event_stop(&socket->in.arrival);
    file_changed(&socket->file, POLLIN | POLLOUT | POLLERR | POLLHUP | POLLRDHUP);
}

static void flow_begin(struct kevy_x_socket *socket);

static void reset_send(struct kevy_x_socket *to)
{
    if (to == NULL || to->state != SOCKET_CONNECTED || event_started(&to->reset))
        return;
    if (to->script != 0) {
        to->in.reset_follows = true;
        flow_begin(to);
    } else if (to->delay_ns == 0)
        reset_arrives(&to->reset);
    else
        event_start(&to->reset, chance_between(1, to->delay_ns), reset_arrives);
}

static bool hung_up(const struct kevy_x_socket *socket);

/* What has become true with an arrival. */
static uint32_t news_of(const struct kevy_x_socket *socket)
{
    uint32_t end = socket->in.end_arrived ? POLLRDHUP : 0;

    return POLLIN | end | (hung_up(socket) ? POLLHUP : 0);
}

static void arrival(struct kevy_sim_event *event)
{
    struct kevy_x_socket *socket = by_event(event, offsetof(struct kevy_x_socket, in.arrival));
    struct flow *flow = &socket->in;
    uint64_t under_way = flow->written - flow->arrived;

    if (socket->deaf)
        return;
    if (under_way != 0 && socket->delay_ns != 0 && chance_one_in(2))
        under_way = chance_between(1, under_way);
    flow->arrived += under_way;
    if (flow->arrived != flow->written)
        event_start(&flow->arrival, chance_between(0, socket->delay_ns), arrival);
    else
        flow->end_arrived = flow->ended;
    if (under_way != 0 || flow->end_arrived)
        file_changed(&socket->file, news_of(socket));
    if (flow->reset_follows && flow->arrived == flow->written)
        reset_arrives(&socket->reset);
}

/* Where a read or a write of `length` bytes from offset `from` on stops. */
static uint32_t cut_at(const struct kevy_x_socket *socket, struct cuts *cuts,
                       enum kevy_sim_fault which, uint64_t from, uint32_t length)
{
    while (cuts->next <= from)
        cuts->next += chance_scripted(socket->script, which, cuts->count++, 1, CUT_MOST);
    return cuts->next - from < length && chance_due(which) ? (uint32_t)(cuts->next - from) : length;
}

/* The same for whichever connection. */
static uint32_t shortened(const struct kevy_x_socket *socket, struct cuts *cuts,
                          enum kevy_sim_fault which, uint64_t from, uint32_t length)
{
    if (socket->script != 0)
        return cut_at(socket, cuts, which, from, length);
    return length > 1 && chance(which) ? (uint32_t)chance_between(1, length) : length;
}

/* Something is on its way to the socket. */
static void flow_begin(struct kevy_x_socket *socket)
{
    if (event_started(&socket->in.arrival))
        return;
    if (socket->delay_ns == 0)
        arrival(&socket->in.arrival);
    else
        event_start(&socket->in.arrival, chance_between(1, socket->delay_ns), arrival);
}

static int error_take(struct kevy_x_socket *socket)
{
    int error = socket->error;

    socket->error = 0;
    return -error;
}

uint32_t socket_readable(const struct kevy_x_socket *socket)
{
    return (uint32_t)(socket->in.arrived - socket->in.taken);
}

bool socket_more(const struct kevy_x_socket *socket)
{
    return socket_readable(socket) != 0 || socket->in.end_arrived || socket->error != 0;
}

bool socket_silent(const struct kevy_x_socket *socket)
{
    return socket->state == SOCKET_CONNECTED && socket->peer != NULL && socket->peer->deaf;
}

uint32_t socket_unacknowledged(const struct kevy_x_socket *socket)
{
    return socket->peer != NULL ? (uint32_t)(socket->peer->in.written - socket->peer->in.arrived)
                                : 0;
}

/* What a read of a socket without bytes says. */
static int empty_read(struct kevy_x_socket *socket)
{
    if (socket->error != 0)
        return error_take(socket);
    if (socket->state == SOCKET_NEW || socket->state == SOCKET_CONNECTING ||
        socket->state == SOCKET_LISTENING)
        return -ENOTCONN;
    if (socket->in.end_arrived || socket->read_shut || socket->state == SOCKET_RESET)
        return 0;
    return -EAGAIN;
}

static void bytes_copy(const struct flow *flow, uint8_t *to, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        to[i] = flow->bytes[(flow->taken + i) % flow->capacity];
}

int socket_peek(struct kevy_x_socket *socket, void *data, uint32_t length)
{
    uint32_t readable = socket_readable(socket);

    if (readable == 0)
        return empty_read(socket);
    if (length > readable)
        length = readable;
    bytes_copy(&socket->in, data, length);
    return (int)length;
}

int socket_read(struct kevy_x_socket *socket, void *data, uint32_t length)
{
    struct flow *flow = &socket->in;
    uint32_t readable = socket_readable(socket);
    uint32_t wanted;

    if (readable == 0)
        return empty_read(socket);
    if (length > readable)
        length = readable;
    wanted = length;
    length = shortened(socket, &flow->read_cuts, KEVY_SIM_RECV_SHORT, flow->taken, wanted);
    if (length < wanted)
        epoll_changed(&socket->file, POLLIN); /* as if the rest had arrived right behind it */
    bytes_copy(flow, data, length);
    flow->taken += length;
    if (socket->peer != NULL && (socket_poll(socket->peer) & POLLOUT) != 0)
        file_changed(&socket->peer->file, POLLOUT);
    return (int)length;
}

static uint32_t room(const struct kevy_x_socket *socket)
{
    const struct flow *flow = &socket->peer->in;

    return flow->capacity - (uint32_t)(flow->written - flow->taken);
}

int socket_shortage(const struct kevy_x_socket *socket)
{
    bool sends = socket->state == SOCKET_CONNECTED || socket->state == SOCKET_NEW;

    if (socket->script != 0 || !sends || !chance(KEVY_SIM_STREAM_FAILS))
        return 0;
    return chance_one_in(2) ? -ENOBUFS : -ENOMEM;
}

int socket_write(struct kevy_x_socket *socket, const void *data, uint32_t length)
{
    const uint8_t *from = data;
    uint32_t wanted;
    struct flow *flow;

    if (socket->family == AF_UNIX && socket->peer == NULL && socket->state != SOCKET_NEW)
        return -EPIPE;
    if (socket->error != 0)
        return error_take(socket);
    if (socket->state != SOCKET_CONNECTED || socket->write_shut)
        return -EPIPE;
    if (socket->peer == NULL) {
        reset_send(socket); /* the answer to bytes for a socket that is closed */
        return (int)length;
    }
    flow = &socket->peer->in;
    if (flow->ended)
        return -EPIPE;
    if (room(socket) == 0)
        return -EAGAIN;
    if (length > room(socket))
        length = room(socket);
    wanted = length;
    length = shortened(socket, &flow->write_cuts, KEVY_SIM_SEND_SHORT, flow->written, wanted);
    if (length < wanted)
        epoll_changed(&socket->file, POLLOUT); /* as if there was room again right behind it */
    for (uint32_t i = 0; i < length; i++)
        flow->bytes[(flow->written + i) % flow->capacity] = from[i];
    flow->written += length;
    flow_begin(socket->peer);
    return (int)length;
}

/* Nothing goes either way any more. Who closes a Unix socket shuts both ways. */
static bool hung_up(const struct kevy_x_socket *socket)
{
    if (!socket->in.end_arrived && !socket->read_shut)
        return false;
    return socket->write_shut || (socket->family == AF_UNIX && socket->peer == NULL);
}

uint32_t socket_poll(const struct kevy_x_socket *socket)
{
    uint32_t events = 0;

    if (socket->state == SOCKET_LISTENING)
        return socket->queue_first != NULL ? POLLIN : 0;
    if (socket->state == SOCKET_CONNECTING && socket->error != 0)
        return POLLIN | POLLOUT | POLLERR | POLLHUP;
    if (socket->state == SOCKET_NEW || socket->state == SOCKET_CONNECTING)
        return 0;
    if (socket_more(socket) || socket->read_shut || socket->state == SOCKET_RESET)
        events |= POLLIN;
    if (socket->in.end_arrived || socket->read_shut)
        events |= POLLRDHUP;
    if (hung_up(socket))
        events |= POLLHUP;
    if (socket->state == SOCKET_RESET)
        return events | POLLOUT | POLLHUP | POLLERR;
    /* Writable with a third of the room free, as in Linux. */
    if (socket->peer == NULL || socket->peer->in.ended ||
        room(socket) >= (socket->peer->in.capacity + 2) / 3)
        events |= POLLOUT;
    return events;
}

void socket_shutdown(struct kevy_x_socket *socket, int how)
{
    uint32_t events = 0;

    if (how != SHUT_WR && !socket->read_shut) {
        socket->read_shut = true;
        events |= POLLIN | POLLRDHUP;
    }
    if (how != SHUT_RD && socket->state == SOCKET_CONNECTED && !socket->write_shut) {
        socket->write_shut = true;
        events |= POLLOUT;
    }
    if (how != SHUT_RD && socket->peer != NULL && !socket->peer->in.ended &&
        socket->state == SOCKET_CONNECTED) {
        socket->peer->in.ended = true;
        flow_begin(socket->peer);
    }
    if (events != 0)
        file_changed(&socket->file, events | (hung_up(socket) ? POLLHUP : 0));
}

void socket_abort(struct kevy_x_socket *socket)
{
    socket->reset_wanted = true;
}

void socket_cut(struct kevy_x_socket *socket)
{
    struct kevy_x_socket *peer = socket->peer;

    if (peer != NULL && peer->script != 0)
        reset_send(peer);
    else if (peer != NULL)
        reset_arrives(&peer->reset);
    reset_arrives(&socket->reset);
}

void socket_go_on(struct kevy_x_socket *socket)
{
    if (socket->in.written != socket->in.arrived || socket->in.ended != socket->in.end_arrived ||
        socket->in.reset_follows)
        flow_begin(socket);
    if (socket->reset_due)
        reset_arrives(&socket->reset);
}

void socket_refuse(struct kevy_x_socket *socket)
{
    if (socket->peer != NULL)
        socket->peer->cut = true;
    socket_abort(socket);
    file_drop(&socket->file);
}

/* The last reference is gone: the connection ends, one way or the other. */
static void file_release(struct file *file)
{
    struct kevy_x_socket *socket = socket_of(file);
    struct kevy_x_socket *peer = socket->peer;

    if (socket->state == SOCKET_LISTENING)
        socket_listen_end(socket);
    socket_part_end(socket);
    if (peer != NULL) {
        peer->peer = NULL;
        if (socket->reset_wanted || socket->in.written != socket->in.taken) {
            reset_send(peer);
        } else if (!peer->in.ended && !peer->in.reset_follows) {
            peer->in.ended = true;
            flow_begin(peer);
        }
        if ((socket_poll(peer) & POLLOUT) != 0)
            file_changed(&peer->file, POLLOUT);
    }
    requests_notices_end(socket);
    event_stop(&socket->reset);
    event_stop(&socket->progress);
    event_stop(&socket->in.arrival);
    free(socket->in.bytes);
    free(socket);
}
