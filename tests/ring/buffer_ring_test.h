/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef BUFFER_RING_TEST_H
#define BUFFER_RING_TEST_H

/* A ring of buffers, and a pair of sockets through which the kernel fills them. */

#include "ring_test.h"

#include <fcntl.h>
#include <kevy/buffer_ring.h>
#include <kevy/ring_prep_transfer.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP 7
#define SIZE  16U

static struct kevy_ring ring;
static struct kevy_buffer_ring pool;
static int sockets[2]; /* the test writes to 0, the ring receives from 1 */

static inline void pair_open(void)
{
    ring_open(&ring, 16, NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

static inline void pair_close(void)
{
    close(sockets[0]);
    close(sockets[1]);
    kevy_buffer_ring_deinit(&pool);
    kevy_ring_deinit(&ring);
}

static inline void pool_open(uint32_t entries, uint32_t flags)
{
    struct kevy_buffer_ring_options options = {
        .entries = entries, .buffer_size = SIZE, .group = GROUP, .flags = flags};

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), 0);
}

static inline void text_send(const char *text)
{
    ck_assert_int_eq(send(sockets[0], text, strlen(text), 0), (ssize_t)strlen(text));
}

static inline void recv_arm(uint16_t recvsend_flags)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

    kevy_prep_recv_multishot(sqe, sockets[1], GROUP, recvsend_flags);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
}

/* Takes the buffer of the next CQE, which must hold `text`, and returns its id. */
static inline uint16_t text_take(const char *text)
{
    struct kevy_cqe cqe = cqe_wait(&ring);
    uint16_t id;

    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    id = kevy_buffer_id(cqe.flags);
    ck_assert_int_eq(cqe.res, (int)strlen(text));
    ck_assert_mem_eq(kevy_buffer_ring_take(&pool, id), text, strlen(text));
    return id;
}

/* Asks for `count` buffers full of zeros. */
static inline void zeros_read(uint32_t count, int fd)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

        sqe->opcode = KEVY_OP_READ;
        sqe->flags = KEVY_SQE_BUFFER_SELECT;
        sqe->fd = fd;
        sqe->buf_group = GROUP;
        sqe->len = SIZE;
    }
    ck_assert_int_eq(kevy_ring_submit(&ring), (int)count);
}

/* What this kernel can do, found by trying; outside a test libcheck's assertions are not to be had.
 */
static inline bool pool_tried(uint32_t flags, uint32_t min_left, bool head)
{
    struct kevy_buffer_ring_options options = {
        .entries = 2, .group = GROUP, .flags = flags, .min_left = min_left};
    struct kevy_ring trial = {0};
    struct kevy_buffer_ring buffers = {0};
    bool granted;

    if ((flags & KEVY_BUFFER_RING_CALLERS) == 0)
        options.buffer_size = SIZE;
    if (kevy_ring_init(&trial, 2, NULL) < 0)
        return false;
    granted = kevy_buffer_ring_init(&buffers, &trial, &options) == 0 &&
              (!head || kevy_buffer_ring_head(&buffers) >= 0);
    kevy_buffer_ring_deinit(&buffers);
    kevy_ring_deinit(&trial);
    return granted;
}

static inline bool pool_granted(uint32_t flags, uint32_t min_left)
{
    return pool_tried(flags, min_left, false);
}

static inline bool head_known(void)
{
    return pool_tried(0, 0, true);
}

static inline TCase *case_add(Suite *suite, const char *name)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, pair_open, pair_close);
    suite_add_tcase(suite, tcase);
    return tcase;
}

#endif
