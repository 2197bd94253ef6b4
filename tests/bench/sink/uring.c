/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* uring PORT: takes what comes on a ring loop with liburing, and only counts it. */
#include "ring_uring.h"

static uint64_t total;

void ring_received(struct ring *ring, int fd, unsigned id, unsigned length)
{
    (void)fd;
    total += length;
    ring_give(ring, id);
}

void ring_sent(struct ring *ring, int fd, int result)
{
    (void)ring;
    (void)fd;
    (void)result;
}

void ring_ended(struct ring *ring, int fd)
{
    ring_close(ring, fd);
}

int main(int argc, char **argv)
{
    return ring_serve(argc, argv);
}
