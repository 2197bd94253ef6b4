/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#ifndef RING_TEST_H
#define RING_TEST_H

/* What the tests of ring/ have in common: rings that must come up, NOPs, and one CQE at a time. */

#include <errno.h>
#include <kevy/ring.h>
#include <kevy/ring_probe.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fault_kernel.h"
#include "kernel_choice.h"
#include "support.h"

/* The kernel below every ring that ring_make() and ring_open() set up, if not NULL. */
static const struct kevy_ring_kernel *ring_kernel;

/*
 * The kernel that $KEVY_TEST_KERNEL names, so that the same tests run on several: "table" is
 * io_uring behind a table, where every call goes the long way; by default io_uring is inlined.
 */
static inline const struct kevy_ring_kernel *ring_kernel_named(void)
{
    const char *name = getenv("KEVY_TEST_KERNEL");

    return name != NULL && strcmp(name, "table") == 0 ? fault_kernel() : NULL;
}

static inline int ring_make(struct kevy_ring *ring, uint32_t entries,
                            const struct kevy_ring_options *options)
{
    struct kevy_ring_options complete = {0};

    if (options != NULL)
        complete = *options;
    if (complete.custom_kernel == NULL)
        complete.custom_kernel = ring_kernel != NULL ? ring_kernel : ring_kernel_named();
    return kevy_ring_init(ring, entries, &complete);
}

static inline void ring_open(struct kevy_ring *ring, uint32_t entries,
                             const struct kevy_ring_options *options)
{
    ck_assert_int_eq(ring_make(ring, entries, options), 0);
}

/* Queues a NOP that completes with `result` (injected, 6.10). */
static inline void nop_queue(struct kevy_ring *ring, uint64_t user_data, int32_t result)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(ring, user_data);

    if (sqe == NULL)
        ck_abort_msg("the queue is full");
    if (result != 0) {
        sqe->nop_flags = KEVY_NOP_INJECT_RESULT;
        sqe->len = (uint32_t)result;
    }
}

/* Queues a request that the kernel refuses with -EINVAL when it reads it. */
static inline void refused_queue(struct kevy_ring *ring, uint64_t user_data)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(ring, user_data);

    ck_assert_ptr_nonnull(sqe);
    sqe->opcode = 255;
}

/* Takes the next completion by value; there must be one. */
static inline struct kevy_cqe cqe_take(struct kevy_ring *ring)
{
    const struct kevy_cqe *cqe = kevy_ring_next(ring);
    struct kevy_cqe copy;

    ck_assert_ptr_nonnull(cqe);
    memcpy(&copy, cqe, sizeof copy);
    kevy_ring_release(ring);
    return copy;
}

/* Submits and waits until there is a completion, then takes it. */
static inline struct kevy_cqe cqe_wait(struct kevy_ring *ring)
{
    while (kevy_ring_ready(ring) == 0) {
        int result = kevy_ring_submit_and_wait(ring, 1);

        ck_assert_msg(result >= 0 || result == -EINTR, "submit_and_wait: %d", result);
    }
    return cqe_take(ring);
}

static inline void cqe_expect(struct kevy_ring *ring, uint64_t user_data, int32_t result)
{
    struct kevy_cqe cqe = cqe_wait(ring);

    ck_assert_uint_eq(cqe.user_data, user_data);
    ck_assert_int_eq(cqe.res, result);
}

/*
 * Takes the CQEs of user_data 1 to `count`, in any order, and stores their results at these
 * indices: kernels differ in whether a refusal overtakes what completes with its batch.
 */
static inline void results_take(struct kevy_ring *ring, uint32_t count, int32_t *results)
{
    for (uint32_t i = 0; i < count; i++) {
        struct kevy_cqe cqe = cqe_wait(ring);

        ck_assert_uint_ge(cqe.user_data, 1);
        ck_assert_uint_le(cqe.user_data, count);
        results[cqe.user_data] = cqe.res;
    }
}

/* What the running kernel offers; a kernel that cannot be asked offers nothing. */
static inline struct kevy_ring_probe kernel_probe(void)
{
    struct kevy_ring_probe probe;

    memset(&probe, 0, sizeof probe);
    (void)kevy_ring_probe(NULL, &probe);
    return probe;
}

/* True for the release of Linux that brought `opcode`, one of the zero-copy sends and receives; and
 * for the soft kernel, which has what else these releases brought. */
static inline bool kernel_has_release_of(const struct kevy_ring_probe *probe, uint8_t opcode)
{
    return kernel_is_soft() || kevy_ring_probe_opcode(probe, opcode);
}

/* True when the kernel grants set-up with exactly these flags. */
static inline int setup_grants(uint32_t flags)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = flags, .plain = true};
    int error = kevy_ring_init(&ring, 4, &options);

    kevy_ring_deinit(&ring);
    return error == 0;
}

#endif
