/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Connections through which nothing passes for a while; socket.h has the model. */
#include "socket.h"

static struct {
    struct kevy_x_socket *first;
} parted;

void sockets_parted_reset(void)
{
    parted.first = NULL;
}

void socket_part_end(struct kevy_x_socket *socket)
{
    struct kevy_x_socket **link = &parted.first;

    if (!socket->deaf)
        return;
    while (*link != socket)
        link = &(*link)->parted_next;
    *link = socket->parted_next;
    socket->deaf = false;
}

static void deafen(struct kevy_x_socket *socket)
{
    if (socket == NULL || socket->deaf)
        return;
    socket->deaf = true;
    socket->parted_next = parted.first;
    parted.first = socket;
}

static void hear(struct kevy_x_socket *socket)
{
    if (socket == NULL || !socket->deaf)
        return;
    socket_part_end(socket);
    socket_go_on(socket);
}

void socket_part(struct kevy_x_socket *socket, bool is_parted)
{
    struct kevy_x_socket *peer = socket->peer;

    if (is_parted) {
        deafen(socket);
        deafen(peer);
        return;
    }
    hear(socket);
    if (socket->peer == peer)
        hear(peer);
}

void sockets_heal(void)
{
    while (parted.first != NULL)
        hear(parted.first);
}
