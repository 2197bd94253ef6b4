/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The same work through kevy-ring and, compiled with -DUSE_LIBURING, through liburing; run.sh
 * builds both with the same flags and compares.
 *
 *     bench nop COUNT     COUNT batches of 32 NOPs: reserve, prep, submit, reap
 *     bench recv COUNT    COUNT times 64 SQEs filled for a multishot recv, nothing is submitted
 *     bench send COUNT    the same for a send
 *     bench wait COUNT    COUNT round trips of one NOP: ours with a time limit, liburing's without
 *
 * Prints the nanoseconds of one operation.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef USE_LIBURING
#include <liburing.h>

typedef struct io_uring ring_type;
#else
#include <kevy/ring_batch.h>
#include <kevy/ring_prep.h>

typedef struct kevy_ring ring_type;
#endif

enum {
    BATCH = 32,
    ENTRIES = 64,
    GROUP = 3,
};

static char data[64];
static uint64_t sum;

#ifdef USE_LIBURING

static int ring_open(ring_type *ring)
{
    return io_uring_queue_init(ENTRIES, ring, 0);
}

static void nop_batch(ring_type *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;

    for (uint64_t i = 0; i < BATCH; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

        if (!sqe)
            abort();
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, i);
    }
    io_uring_submit(ring);
    io_uring_for_each_cqe(ring, head, cqe)
    {
        sum += cqe->user_data;
        count++;
    }
    io_uring_cq_advance(ring, count);
}

static void recv_fill(ring_type *ring)
{
    for (int fd = 0; fd < ENTRIES; fd++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

        if (!sqe)
            abort();
        io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = GROUP;
        io_uring_sqe_set_data64(sqe, (uint64_t)fd);
    }
    ring->sq.sqe_tail = ring->sq.sqe_head;
}

static void send_fill(ring_type *ring)
{
    for (int fd = 0; fd < ENTRIES; fd++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

        if (!sqe)
            abort();
        io_uring_prep_send(sqe, fd, data, sizeof data, 0);
        io_uring_sqe_set_data64(sqe, (uint64_t)fd);
    }
    ring->sq.sqe_tail = ring->sq.sqe_head;
}

static void one_wait(ring_type *ring)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, 1);
    io_uring_submit_and_wait(ring, 1);
    if (io_uring_peek_cqe(ring, &cqe) == 0) {
        sum += cqe->user_data;
        io_uring_cqe_seen(ring, cqe);
    }
}

#else

static int ring_open(ring_type *ring)
{
    const struct kevy_ring_options options = {.registered_wait = true};

    return kevy_ring_init(ring, ENTRIES, &options);
}

static void nop_batch(ring_type *ring)
{
    struct kevy_sqe_batch sqes = kevy_sqe_batch_begin(ring, BATCH);
    struct kevy_cqe_batch cqes;
    const struct kevy_cqe *cqe;
    struct kevy_sqe *sqe;

    for (uint64_t i = 0; (sqe = kevy_sqe_batch_next(&sqes, i)) != NULL; i++)
        kevy_prep_nop(sqe);
    kevy_sqe_batch_end(ring, &sqes);
    kevy_ring_submit(ring);
    cqes = kevy_cqe_batch_begin(ring);
    while ((cqe = kevy_cqe_batch_next(&cqes)) != NULL)
        sum += cqe->user_data;
    kevy_cqe_batch_end(ring, &cqes);
}

/* Not ended, the batch has reserved nothing: the next one fills the same slots. */
static void recv_fill(ring_type *ring)
{
    struct kevy_sqe_batch batch = kevy_sqe_batch_begin(ring, ENTRIES);
    struct kevy_sqe *sqe;

    for (int fd = 0; (sqe = kevy_sqe_batch_next(&batch, (uint64_t)fd)) != NULL; fd++)
        kevy_prep_recv_multishot(sqe, fd, GROUP, 0);
}

static void send_fill(ring_type *ring)
{
    struct kevy_sqe_batch batch = kevy_sqe_batch_begin(ring, ENTRIES);
    struct kevy_sqe *sqe;

    for (int fd = 0; (sqe = kevy_sqe_batch_next(&batch, (uint64_t)fd)) != NULL; fd++)
        kevy_prep_send(sqe, fd, data, sizeof data, 0);
}

static void one_wait(ring_type *ring)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = UINT64_C(1000000000)};
    const struct kevy_cqe *cqe;

    kevy_prep_nop(kevy_ring_sqe(ring, 1));
    kevy_ring_wait(ring, &wait);
    if ((cqe = kevy_ring_next(ring)) != NULL) {
        sum += cqe->user_data;
        kevy_ring_release(ring);
    }
}

#endif

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

static void nop_run(ring_type *ring, long count)
{
    for (long i = 0; i < count; i++)
        nop_batch(ring);
}

static void recv_run(ring_type *ring, long count)
{
    for (long i = 0; i < count; i++)
        recv_fill(ring);
}

static void send_run(ring_type *ring, long count)
{
    for (long i = 0; i < count; i++)
        send_fill(ring);
}

static void wait_run(ring_type *ring, long count)
{
    for (long i = 0; i < count; i++)
        one_wait(ring);
}

static const struct {
    const char *name;
    void (*run)(ring_type *ring, long count);
    long operations; /* in one of COUNT */
} benches[] = {
    {"nop", nop_run, BATCH},
    {"recv", recv_run, ENTRIES},
    {"send", send_run, ENTRIES},
    {"wait", wait_run, 1},
};

int main(int argc, char **argv)
{
    ring_type ring;
    long count = argc > 2 ? atol(argv[2]) : 0;

    if (count <= 0 || ring_open(&ring) < 0)
        return 1;
    for (size_t i = 0; i < sizeof benches / sizeof benches[0]; i++) {
        uint64_t start_ns;

        if (strcmp(argv[1], benches[i].name) != 0)
            continue;
        start_ns = now_ns();
        benches[i].run(&ring, count);
        printf("%.3f\n", (double)(now_ns() - start_ns) / (double)(count * benches[i].operations));
        return sum == UINT64_MAX; /* keeps the reaping alive */
    }
    return 1;
}
