/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uring PORT: answers each byte with a mebibyte on a ring loop with liburing, in one request. */
#include "ring_uring.h"
#include "value.h"

#include <sys/socket.h>

static bool sending[RING_FDS], ended[RING_FDS];

static void close_now(struct ring *ring, int fd)
{
    ended[fd] = false;
    ring_close(ring, fd);
}

void ring_received(struct ring *ring, int fd, unsigned id, unsigned length)
{
    struct io_uring_sqe *sqe = ring_sqe(ring);

    (void)length;
    ring_give(ring, id);
    io_uring_prep_send(sqe, fd, value, VALUE_SIZE, MSG_NOSIGNAL | MSG_WAITALL);
    ring_stamp(sqe, RING_SEND, fd);
    sending[fd] = true;
}

void ring_sent(struct ring *ring, int fd, int result)
{
    (void)result;
    sending[fd] = false;
    if (ended[fd])
        close_now(ring, fd);
}

void ring_ended(struct ring *ring, int fd)
{
    ended[fd] = true;
    if (!sending[fd])
        close_now(ring, fd);
}

int main(int argc, char **argv)
{
    value_prepare();
    return ring_serve(argc, argv);
}
