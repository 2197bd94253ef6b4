/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * The same work through kevy-ring and, compiled with -DUSE_LIBURING, through liburing; run.sh
 * builds both with the same flags and compares. Both rings have their descriptor registered, and
 * no set-up flag but what their library chooses by itself.
 *
 *     bench nop COUNT      COUNT batches of 32 NOPs: reserve, prep, submit, reap one by one
 *     bench batch COUNT    the same, the CQEs taken many at once
 *     bench one COUNT      COUNT round trips of one NOP: submit and wait
 *     bench limit COUNT    the same with a time limit on the wait
 *     bench recv COUNT     COUNT times 64 SQEs filled for a multishot recv; nothing is submitted
 *     bench send COUNT     the same for a send
 *
 * Prints the nanoseconds of one operation. `bench version` names the library.
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
#include <kevy/ring.h>
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

static void version_print(void)
{
#ifdef IO_URING_VERSION_MAJOR
    printf("liburing %d.%d\n", IO_URING_VERSION_MAJOR, IO_URING_VERSION_MINOR);
#else
    printf("liburing before 2.4\n");
#endif
}

static int ring_open(ring_type *ring)
{
    int error = io_uring_queue_init(ENTRIES, ring, 0);

    if (error == 0 && io_uring_register_ring_fd(ring) != 1)
        return -1;
    return error;
}

static struct io_uring_sqe *nop_prepare(ring_type *ring, uint64_t number)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (!sqe)
        abort();
    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, number);
    return sqe;
}

static void nop_plain(ring_type *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;

    for (uint64_t i = 0; i < BATCH; i++)
        nop_prepare(ring, i);
    io_uring_submit(ring);
    io_uring_for_each_cqe(ring, head, cqe)
    {
        sum += cqe->user_data;
        count++;
    }
    io_uring_cq_advance(ring, count);
}

static void nop_batch(ring_type *ring)
{
    struct io_uring_cqe *cqes[BATCH];
    unsigned count;

    for (uint64_t i = 0; i < BATCH; i++)
        nop_prepare(ring, i);
    io_uring_submit(ring);
    count = io_uring_peek_batch_cqe(ring, cqes, BATCH);
    for (unsigned i = 0; i < count; i++)
        sum += cqes[i]->user_data;
    io_uring_cq_advance(ring, count);
}

static void cqe_take(ring_type *ring)
{
    struct io_uring_cqe *cqe;

    if (io_uring_peek_cqe(ring, &cqe) != 0)
        abort();
    sum += cqe->user_data;
    io_uring_cqe_seen(ring, cqe);
}

static void one_wait(ring_type *ring)
{
    nop_prepare(ring, 1);
    io_uring_submit_and_wait(ring, 1);
    cqe_take(ring);
}

static void one_limit(ring_type *ring)
{
    struct __kernel_timespec limit = {.tv_sec = 1};
    struct io_uring_cqe *cqe;

    nop_prepare(ring, 1);
    if (io_uring_submit_and_wait_timeout(ring, &cqe, 1, &limit, NULL) < 0)
        abort();
    sum += cqe->user_data;
    io_uring_cqe_seen(ring, cqe);
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

#else

static void version_print(void)
{
    printf("kevy-ring " KEVY_VERSION_STRING "\n");
}

static int ring_open(ring_type *ring)
{
    const struct kevy_ring_options options = {.registered_wait = true};
    int error = kevy_ring_init(ring, ENTRIES, &options);

    if (error == 0 && (ring->enter_flags & KEVY_ENTER_REGISTERED_RING) == 0)
        return -1;
    return error;
}

static void nop_prepare(ring_type *ring, uint64_t number)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(ring, number);

    if (!sqe)
        abort();
    kevy_prep_nop(sqe);
}

static void nop_plain(ring_type *ring)
{
    const struct kevy_cqe *cqe;

    for (uint64_t i = 0; i < BATCH; i++)
        nop_prepare(ring, i);
    kevy_ring_submit(ring);
    while ((cqe = kevy_ring_next(ring)) != NULL)
        sum += cqe->user_data;
    kevy_ring_release(ring);
}

static void nop_batch(ring_type *ring)
{
    const struct kevy_cqe *cqes;
    uint32_t count;

    for (uint64_t i = 0; i < BATCH; i++)
        nop_prepare(ring, i);
    kevy_ring_submit(ring);
    while (cqes = kevy_ring_peek_span(ring, BATCH, &count), count != 0) {
        for (uint32_t i = 0; i < count; i++)
            sum += cqes[i].user_data;
        kevy_ring_advance(ring, count);
    }
    kevy_ring_release(ring);
}

static void cqe_take(ring_type *ring)
{
    const struct kevy_cqe *cqe = kevy_ring_next(ring);

    if (!cqe)
        abort();
    sum += cqe->user_data;
    kevy_ring_release(ring);
}

static void one_wait(ring_type *ring)
{
    nop_prepare(ring, 1);
    kevy_ring_submit_and_wait(ring, 1);
    cqe_take(ring);
}

static void one_limit(ring_type *ring)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = UINT64_C(1000000000)};

    nop_prepare(ring, 1);
    if (kevy_ring_wait(ring, &wait) < 0)
        abort();
    cqe_take(ring);
}

static void recv_fill(ring_type *ring)
{
    struct kevy_sqe *next = ring->sqe_next, *end = ring->sqe_end;
    uint32_t tail = ring->sqe_tail;

    for (int fd = 0; fd < ENTRIES; fd++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(ring, (uint64_t)fd);

        if (!sqe)
            abort();
        kevy_prep_recv_multishot(sqe, fd, GROUP, 0);
    }
    /* As if nothing had been reserved. */
    ring->sqe_next = next;
    ring->sqe_end = end;
    ring->sqe_tail = tail;
}

static void send_fill(ring_type *ring)
{
    struct kevy_sqe *next = ring->sqe_next, *end = ring->sqe_end;
    uint32_t tail = ring->sqe_tail;

    for (int fd = 0; fd < ENTRIES; fd++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(ring, (uint64_t)fd);

        if (!sqe)
            abort();
        kevy_prep_send(sqe, fd, data, sizeof data, 0);
    }
    /* As if nothing had been reserved. */
    ring->sqe_next = next;
    ring->sqe_end = end;
    ring->sqe_tail = tail;
}

#endif

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* A loop around each, so that the compiler may inline it as it would in a program. */
#define RUN(name)                                       \
    static void name##_run(ring_type *ring, long count) \
    {                                                   \
        for (long i = 0; i < count; i++)                \
            name(ring);                                 \
    }

RUN(nop_plain)
RUN(nop_batch)
RUN(one_wait)
RUN(one_limit)
RUN(recv_fill)
RUN(send_fill)

static const struct {
    const char *name;
    void (*run)(ring_type *ring, long count);
    long operations; /* in one of COUNT */
} benches[] = {
    {"nop", nop_plain_run, BATCH},    {"batch", nop_batch_run, BATCH},
    {"one", one_wait_run, 1},         {"limit", one_limit_run, 1},
    {"recv", recv_fill_run, ENTRIES}, {"send", send_fill_run, ENTRIES},
};

int main(int argc, char **argv)
{
    static ring_type ring;
    long count = argc > 2 ? atol(argv[2]) : 0;

    if (argc > 1 && strcmp(argv[1], "version") == 0) {
        version_print();
        return 0;
    }
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
