/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Stream sockets that listen, and how two become a connection; socket.h has the model. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "chance.h"
#include "socket.h"
#include "world.h"

/* For the accept of a connection with a script: shortages, and connections for one aborted. */
#define SHORTAGES_MOST 16U
#define ABORTED_ONE_IN 16U
/* Of a socket, for bytes on their way: few mostly. */
#define ROOM_LEAST 64U
#define ROOM_MOST  1048576U

static struct {
    struct kevy_x_socket *first;
    uint16_t ports; /* given out */
} listening;

void sockets_listening_reset(void)
{
    memset(&listening, 0, sizeof listening);
}

void socket_listen_end(struct kevy_x_socket *socket)
{
    struct kevy_x_socket **link = &listening.first;

    while (*link != socket)
        link = &(*link)->next;
    *link = socket->next;
    while (socket->queue_first != NULL) {
        socket_refuse(socket_accept(socket));
    }
}

/* What the program listens with at `port`, or the first one of all for 0. Those that share a port
 * share its connections. */
static struct kevy_x_socket *listening_at(uint16_t port)
{
    struct kevy_x_socket *found = NULL;
    uint64_t shared = 0;

    for (struct kevy_x_socket *at = listening.first; at != NULL; at = at->next) {
        if (port != 0 && at->port != port)
            continue;
        shared += at->shared;
        if (!at->shared || shared == 1 || chance_one_in(shared))
            found = at;
    }
    return found;
}

/* Whether `port` is free, or all that listen there share it with this one. */
static bool may_listen(const struct kevy_x_socket *socket)
{
    for (const struct kevy_x_socket *at = listening.first; at != NULL; at = at->next)
        if (at->port == socket->port && !(at->shared && socket->shared))
            return false;
    return true;
}

void socket_bind(struct kevy_x_socket *socket, uint16_t port)
{
    socket->port = port != 0 ? port : (uint16_t)(SOCKET_PORT_FIRST + listening.ports++);
}

int socket_listen(struct kevy_x_socket *socket, int backlog)
{
    socket->queue_limit = (uint32_t)backlog;
    if (socket->state == SOCKET_LISTENING)
        return 0;
    if (!may_listen(socket))
        return -EADDRINUSE;
    socket->state = SOCKET_LISTENING;
    socket->next = listening.first;
    listening.first = socket;
    return 0;
}

struct kevy_x_socket *socket_accept(struct kevy_x_socket *listener)
{
    struct kevy_x_socket *first = listener->queue_first;

    if (first == NULL)
        return NULL;
    listener->queue_first = first->queue_next;
    listener->queue_count--;
    return first;
}

/* How often the accept of a scripted connection finds a shortage, and whether it is aborted. */
static bool short_by_script(struct kevy_x_socket *first)
{
    uint64_t times = chance_scripted(first->script, KEVY_SIM_ACCEPT_SHORTAGE, 0, 0, SHORTAGES_MOST);

    if (first->accepts_refused >= times)
        return false;
    first->accepts_refused++;
    return chance_due(KEVY_SIM_ACCEPT_SHORTAGE);
}

static bool aborted_by_script(const struct kevy_x_socket *first)
{
    return chance_scripted(first->script, KEVY_SIM_ACCEPT_ABORTED, 0, 0, ABORTED_ONE_IN) ==
               ABORTED_ONE_IN / 2 &&
           chance_due(KEVY_SIM_ACCEPT_ABORTED);
}

/* What an accept fails with although somebody waits, or 0. */
static int accept_fault(struct kevy_x_socket *listener)
{
    static const int shortages[] = {-EMFILE, -ENFILE, -ENOBUFS, -ENOMEM};
    struct kevy_x_socket *first = listener->queue_first;

    if (first->script != 0 ? short_by_script(first) : chance(KEVY_SIM_ACCEPT_SHORTAGE))
        return shortages[chance_below(sizeof shortages / sizeof *shortages)];
    if (!(first->script != 0 ? aborted_by_script(first) : chance(KEVY_SIM_ACCEPT_ABORTED)))
        return 0;
    socket_refuse(socket_accept(listener));
    return -ECONNABORTED;
}

int socket_take(struct kevy_x_socket *listener, int flags)
{
    struct kevy_x_socket *first = listener->queue_first;
    int result;

    if (first == NULL)
        return -EAGAIN;
    result = accept_fault(listener);
    if (result == 0)
        result = file_install(&first->file);
    if (result < 0)
        return result;
    first->file.flags = flags;
    file_drop(&socket_accept(listener)->file);
    return result;
}

void socket_join(struct kevy_x_socket *one, struct kevy_x_socket *other, uint32_t capacity,
                 uint64_t delay_ns)
{
    one->state = other->state = SOCKET_CONNECTED;
    one->peer = other;
    other->peer = one;
    one->delay_ns = other->delay_ns = delay_ns;
    one->in.capacity = other->in.capacity = capacity;
    one->in.bytes = malloc(capacity);
    other->in.bytes = malloc(capacity);
    assert(one->in.bytes != NULL && other->in.bytes != NULL);
}

int socket_reach(struct kevy_x_socket *socket, uint16_t port)
{
    struct kevy_x_socket *listener = listening_at(port);
    struct kevy_x_socket **link;
    struct kevy_x_socket *end;
    uint64_t delay_ns = 0;
    uint32_t capacity;

    if (listener == NULL)
        return -ECONNREFUSED;
    if (listener->queue_count >= listener->queue_limit)
        return -EAGAIN;
    end = socket_make(listener->family);
    end->port = port;
    end->script = socket->script;
    capacity = (uint32_t)chance_magnitude(ROOM_LEAST, ROOM_MOST);
    if (listener->family != AF_UNIX)
        delay_ns = chance_magnitude(0, 5000000);
    socket_join(socket, end, capacity, delay_ns);
    for (link = &listener->queue_first; *link != NULL;)
        link = &(*link)->queue_next;
    *link = end;
    listener->queue_count++;
    file_changed(&listener->file, POLLIN);
    return 0;
}
