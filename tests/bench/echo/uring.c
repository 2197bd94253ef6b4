/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * uring PORT: an echo on a ring loop with liburing. What is received is sent from the buffer it is
 * in; one send at a time of each connection, the others wait in a list.
 */
#include "ring_uring.h"

#include <errno.h>
#include <sys/socket.h>

#define NONE UINT16_MAX

struct client {
    uint16_t first; /* buffers to be sent, the first of them in flight */
    uint16_t last;
    bool sending;
    bool ended;
};

static struct client clients[RING_FDS];
static struct {
    uint16_t next;
    uint16_t length;
} waiting[RING_BUFFERS];

static void send_first(struct ring *ring, int fd)
{
    unsigned id = clients[fd].first;
    struct io_uring_sqe *sqe = ring_sqe(ring);

    io_uring_prep_send(sqe, fd, ring_buffer(ring, id), waiting[id].length,
                       MSG_NOSIGNAL | MSG_WAITALL);
    ring_stamp(sqe, RING_SEND, fd);
    clients[fd].sending = true;
}

void ring_received(struct ring *ring, int fd, unsigned id, unsigned length)
{
    struct client *client = &clients[fd];

    waiting[id].next = NONE;
    waiting[id].length = (uint16_t)length;
    if (client->sending) {
        waiting[client->last].next = (uint16_t)id;
        client->last = (uint16_t)id;
        return;
    }
    client->first = client->last = (uint16_t)id;
    send_first(ring, fd);
}

static void close_now(struct ring *ring, int fd)
{
    clients[fd] = (struct client){0};
    ring_close(ring, fd);
}

void ring_sent(struct ring *ring, int fd, int result)
{
    struct client *client = &clients[fd];
    uint16_t next = waiting[client->first].next;

    ring_give(ring, client->first);
    while (result < 0 && next != NONE) { /* lost: the receive will say so, too */
        ring_give(ring, next);
        next = waiting[next].next;
    }
    client->first = next;
    client->sending = next != NONE;
    if (client->sending)
        send_first(ring, fd);
    else if (client->ended)
        close_now(ring, fd);
}

void ring_ended(struct ring *ring, int fd)
{
    clients[fd].ended = true;
    if (!clients[fd].sending)
        close_now(ring, fd);
}

int main(int argc, char **argv)
{
    return ring_serve(argc, argv);
}
