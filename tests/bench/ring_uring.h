/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * A ring loop as a programmer writes it by hand with liburing: one ring of one thread with
 * DEFER_TASKRUN, multishot accept and receive, one buffer ring for all connections.
 *
 * Model. user_data is an operation and a descriptor. Buffers are lent by the kernel to a receive,
 * and given back one by one, published once for each batch of completions. A connection that found
 * no buffer is armed again when some are back. What happens to received bytes is the server's.
 */
#ifndef BENCH_RING_URING_H
#define BENCH_RING_URING_H

#include <liburing.h>
#include <stdbool.h>
#include <stdint.h>

#define RING_BUFFERS     1024U
#define RING_BUFFER_SIZE 4096U
#define RING_FDS         65536U

enum ring_operation { RING_ACCEPT, RING_RECV, RING_SEND, RING_CLOSE };

struct ring {
    struct io_uring uring;
    struct io_uring_buf_ring *buffers;
    uint8_t *memory;
    unsigned given; /* buffers to be published */
    int starved[RING_FDS];
    unsigned starved_count;
};

/* Serves on 127.0.0.1, the port the first argument, with the callbacks below. */
int ring_serve(int argc, char **argv);

/* The next request; submits where the queue is full. To be stamped once it is prepared. */
struct io_uring_sqe *ring_sqe(struct ring *ring);

static inline void ring_stamp(struct io_uring_sqe *sqe, enum ring_operation operation, int fd)
{
    io_uring_sqe_set_data64(sqe, (uint64_t)operation << 32 | (uint32_t)fd);
}

static inline uint8_t *ring_buffer(struct ring *ring, unsigned id)
{
    return ring->memory + (size_t)id * RING_BUFFER_SIZE;
}

/* Gives a buffer back, with the next batch. */
static inline void ring_give(struct ring *ring, unsigned id)
{
    io_uring_buf_ring_add(ring->buffers, ring_buffer(ring, id), RING_BUFFER_SIZE,
                          (unsigned short)id, io_uring_buf_ring_mask(RING_BUFFERS),
                          (int)ring->given++);
}

/* Closes a connection of which nothing is in flight. */
void ring_close(struct ring *ring, int fd);

/* The server's: bytes came, in a buffer that is its own until it is given back. */
void ring_received(struct ring *ring, int fd, unsigned id, unsigned length);

/* The server's: a send ended. */
void ring_sent(struct ring *ring, int fd, int result);

/* The server's: nothing more comes. */
void ring_ended(struct ring *ring, int fd);

#endif
