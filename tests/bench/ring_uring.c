/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "ring_uring.h"
#include "listener.h"

#include <errno.h>
#include <string.h>

#define ENTRIES     512U
#define COMPLETIONS 8192U
#define GROUP       0

struct io_uring_sqe *ring_sqe(struct ring *ring)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring->uring);

    if (sqe != NULL)
        return sqe;
    io_uring_submit(&ring->uring);
    return io_uring_get_sqe(&ring->uring);
}

static void arm(struct ring *ring, int fd)
{
    struct io_uring_sqe *sqe = ring_sqe(ring);

    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    ring_stamp(sqe, RING_RECV, fd);
}

static void accept_next(struct ring *ring, int listener)
{
    struct io_uring_sqe *sqe = ring_sqe(ring);

    io_uring_prep_multishot_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    ring_stamp(sqe, RING_ACCEPT, listener);
}

void ring_close(struct ring *ring, int fd)
{
    struct io_uring_sqe *sqe = ring_sqe(ring);

    io_uring_prep_close(sqe, fd);
    ring_stamp(sqe, RING_CLOSE, fd);
}

static void accepted(struct ring *ring, int listener, const struct io_uring_cqe *cqe)
{
    if (!(cqe->flags & IORING_CQE_F_MORE))
        accept_next(ring, listener);
    if (cqe->res < 0)
        return;
    socket_nodelay(cqe->res);
    arm(ring, cqe->res);
}

static void received(struct ring *ring, int fd, const struct io_uring_cqe *cqe)
{
    if (cqe->res > 0)
        ring_received(ring, fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, (unsigned)cqe->res);
    else if (cqe->flags & IORING_CQE_F_BUFFER)
        ring_give(ring, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    if (cqe->res == -ENOBUFS)
        ring->starved[ring->starved_count++] = fd;
    else if (cqe->res > 0)
        arm(ring, fd);
    else
        ring_ended(ring, fd);
}

static void complete(struct ring *ring, const struct io_uring_cqe *cqe)
{
    int fd = (int)(uint32_t)cqe->user_data;

    switch ((enum ring_operation)(cqe->user_data >> 32)) {
    case RING_ACCEPT:
        accepted(ring, fd, cqe);
        break;
    case RING_RECV:
        received(ring, fd, cqe);
        break;
    case RING_SEND:
        ring_sent(ring, fd, cqe->res);
        break;
    case RING_CLOSE:
        break;
    }
}

/* What came back is there for those that found nothing. */
static void publish(struct ring *ring)
{
    if (ring->given == 0)
        return;
    io_uring_buf_ring_advance(ring->buffers, (int)ring->given);
    ring->given = 0;
    while (ring->starved_count > 0)
        arm(ring, ring->starved[--ring->starved_count]);
}

static int ring_open(struct ring *ring)
{
    struct io_uring_params parameters = {
        .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE |
                 IORING_SETUP_SUBMIT_ALL,
        .cq_entries = COMPLETIONS,
    };
    struct io_uring_buf_reg registration = {.ring_entries = RING_BUFFERS, .bgid = GROUP};
    int error = io_uring_queue_init_params(ENTRIES, &ring->uring, &parameters);

    if (error < 0)
        return error;
    io_uring_register_ring_fd(&ring->uring);
    ring->buffers = aligned_alloc(4096, RING_BUFFERS * sizeof(struct io_uring_buf));
    ring->memory = aligned_alloc(4096, (size_t)RING_BUFFERS * RING_BUFFER_SIZE);
    if (ring->buffers == NULL || ring->memory == NULL)
        return -ENOMEM;
    memset(ring->buffers, 0, RING_BUFFERS * sizeof(struct io_uring_buf));
    registration.ring_addr = (uint64_t)(uintptr_t)ring->buffers;
    error = io_uring_register_buf_ring(&ring->uring, &registration, 0);
    if (error < 0)
        return error;
    for (unsigned id = 0; id < RING_BUFFERS; id++)
        ring_give(ring, id);
    publish(ring);
    return 0;
}

int ring_serve(int argc, char **argv)
{
    static struct ring ring;
    int listener = listener_open(argc, argv);
    int error = ring_open(&ring);

    if (error < 0) {
        fprintf(stderr, "%s: %s\n", argv[0], strerror(-error));
        return 1;
    }
    accept_next(&ring, listener);
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, count = 0;

        error = io_uring_submit_and_wait(&ring.uring, 1);
        if (error < 0 && error != -EINTR)
            return 1;
        io_uring_for_each_cqe(&ring.uring, head, cqe)
        {
            complete(&ring, cqe);
            count++;
        }
        io_uring_cq_advance(&ring.uring, count);
        publish(&ring);
    }
}
