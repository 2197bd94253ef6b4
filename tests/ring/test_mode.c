/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Every set-up mode, on the running kernel: what it changes, and that requests still work. */

#include "ring_test.h"

#include <fcntl.h>
#include <kevy/ring_batch.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define MILLISECOND_NS 1000000U
#define DEFER          (KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN)

/* Enough laps to see every slot several times. */
static void nops_run(struct kevy_ring *ring, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        nop_queue(ring, i, 0);
        cqe_expect(ring, i, 0);
    }
}

static void flags_run(uint32_t flags)
{
    struct kevy_ring_options options = {.required_flags = flags};
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    ck_assert_uint_eq(ring.setup_flags & flags, flags);
    nops_run(&ring, 50);
    kevy_ring_deinit(&ring);
}

static const uint32_t simple_modes[] = {
    0,
    KEVY_SETUP_CLAMP,
    KEVY_SETUP_COOP_TASKRUN,
    KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_TASKRUN_FLAG,
    KEVY_SETUP_SINGLE_ISSUER,
    DEFER,
    DEFER | KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_TASKRUN_FLAG,
    KEVY_SETUP_SQE128,
    KEVY_SETUP_CQE32,
    KEVY_SETUP_SQE128 | KEVY_SETUP_CQE32 | DEFER,
    KEVY_SETUP_CQE_MIXED,
};

START_TEST(a_simple_mode_works)
{
    if (setup_grants(simple_modes[_i]))
        flags_run(simple_modes[_i]);
}
END_TEST

static const uint32_t refused_modes[] = {
    KEVY_SETUP_DEFER_TASKRUN,                     /* without SINGLE_ISSUER */
    DEFER | KEVY_SETUP_SQPOLL,                    /* who would run the task work? */
    KEVY_SETUP_COOP_TASKRUN | KEVY_SETUP_SQPOLL,  /* likewise */
    KEVY_SETUP_TASKRUN_FLAG,                      /* without COOP or DEFER */
    KEVY_SETUP_SQ_AFF,                            /* without SQPOLL */
    KEVY_SETUP_CQE_MIXED | KEVY_SETUP_CQE32,      /* one or the other */
    KEVY_SETUP_HYBRID_IOPOLL,                     /* without IOPOLL */
    KEVY_SETUP_NO_MMAP,                           /* without memory */
    KEVY_SETUP_REGISTERED_FD_ONLY,                /* without NO_MMAP */
    KEVY_SETUP_SQ_REWIND | KEVY_SETUP_NO_SQARRAY, /* by us */
};

START_TEST(a_mode_that_makes_no_sense_is_refused)
{
    struct kevy_ring_options options = {.required_flags = refused_modes[_i]};
    struct kevy_ring ring;

    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -EINVAL);
    kevy_ring_deinit(&ring);
}
END_TEST

/* Under SQPOLL nothing tells when the thread has taken an SQE but its cursor. */
static void sqpoll_settle(struct kevy_ring *ring)
{
    while (kevy_ring_space(ring) != ring->sq_entries)
        ck_assert_int_ge(kevy_ring_submit(ring), 0);
}

START_TEST(sqpoll_takes_what_is_published_asleep_or_not)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL,
                                        .sq_thread_idle_ms = 1};
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    nops_run(&ring, 200);
    for (int i = 0; i < 3; i++) {
        /* The thread goes to sleep after its idle time and says so. */
        while ((__atomic_load_n(ring.sq_flags, __ATOMIC_ACQUIRE) & KEVY_SQ_NEED_WAKEUP) == 0)
            sched_yield();
        nop_queue(&ring, 7, 0);
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
        sqpoll_settle(&ring);
        cqe_expect(&ring, 7, 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(sqpoll_wakes_for_a_wait_too)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL | KEVY_SETUP_SQ_AFF,
                                        .sq_thread_idle_ms = 1};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = UINT64_C(60) * 1000 * MILLISECOND_NS};
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    for (int i = 0; i < 20; i++) {
        while ((__atomic_load_n(ring.sq_flags, __ATOMIC_ACQUIRE) & KEVY_SQ_NEED_WAKEUP) == 0)
            sched_yield();
        nop_queue(&ring, 7, 0);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        cqe_expect(&ring, 7, 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_full_queue_under_sqpoll_empties_by_itself)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL};
    struct kevy_ring ring;
    uint64_t queued = 0, reaped = 0;

    ring_open(&ring, 4, &options);
    while (reaped < 500) {
        while (queued < 500 && kevy_ring_sqe(&ring, queued) != NULL)
            queued++;
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
        while (kevy_ring_ready(&ring) != 0)
            ck_assert_uint_eq(cqe_take(&ring).user_data, reaped++);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* IOPOLL takes reads and writes of devices that can be polled; here is none, and NOPs it refuses.
 */
START_TEST(iopoll_answers_what_it_cannot_poll)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_IOPOLL};
    struct kevy_ring ring;
    char byte;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct kevy_cqe cqe;

    ring_open(&ring, 4, &options);
    kevy_prep_read(kevy_ring_sqe(&ring, 1), fd, &byte, 1, 0);
    cqe = cqe_wait(&ring);
    ck_assert_int_eq(cqe.res, -EOPNOTSUPP);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

/* A CQE of 32 bytes, by a NOP that carries two words (6.18). */
static void big_nop_queue(struct kevy_ring *ring, uint64_t user_data)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(ring, user_data);

    ck_assert_ptr_nonnull(sqe);
    sqe->nop_flags = KEVY_NOP_CQE32;
    sqe->off = user_data * 10;
    sqe->addr = user_data * 100;
}

static void big_expect(const struct kevy_cqe *cqe, uint64_t user_data)
{
    struct kevy_cqe32 big;

    ck_assert_uint_eq(cqe->user_data, user_data);
    ck_assert_int_eq(cqe->res, 0);
    memcpy(&big, cqe, sizeof big);
    ck_assert_uint_eq(big.big_cqe[0], user_data * 10);
    ck_assert_uint_eq(big.big_cqe[1], user_data * 100);
}

START_TEST(big_cqes_carry_two_more_words)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE32};
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    for (uint64_t i = 1; i < 50; i++) {
        big_nop_queue(&ring, i);
        ck_assert_int_eq(kevy_ring_submit(&ring), 1);
        big_expect(kevy_ring_next(&ring), i);
        kevy_ring_release(&ring);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

/* Three slots for every two: so each place in the ring has its turn, the last one included. */
static bool is_big(uint64_t number)
{
    return number % 2 == 1;
}

static uint64_t mixed_queue(struct kevy_ring *ring, uint64_t next, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++, next++) {
        if (is_big(next))
            big_nop_queue(ring, next);
        else
            nop_queue(ring, next, 0);
    }
    ck_assert_int_eq(kevy_ring_submit(ring), (int)count);
    return next;
}

static void mixed_expect(const struct kevy_cqe *cqe, uint64_t number)
{
    ck_assert_ptr_nonnull(cqe);
    ck_assert_uint_eq((cqe->flags & KEVY_CQE_F_32) != 0, is_big(number));
    if (is_big(number))
        big_expect(cqe, number);
    else
        ck_assert_uint_eq(cqe->user_data, number);
}

/* Liburing hands out the fillers at the end of a mixed ring, and counts them. */
START_TEST(mixed_cqes_come_in_their_sizes_and_fillers_do_not)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE_MIXED, .cq_entries = 8};
    struct kevy_ring ring;
    uint64_t next = 0, seen = 0;

    ring_open(&ring, 4, &options);
    for (int lap = 0; lap < 200; lap++) {
        next = mixed_queue(&ring, next, 4);
        while (seen < next) {
            mixed_expect(kevy_ring_next(&ring), seen++);
            kevy_ring_release(&ring);
        }
        ck_assert_ptr_null(kevy_ring_next(&ring));
        kevy_ring_release(&ring);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(mixed_cqes_can_be_reaped_in_batches)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE_MIXED, .cq_entries = 8};
    struct kevy_ring ring;
    uint64_t next = 0, seen = 0;

    ring_open(&ring, 4, &options);
    for (int lap = 0; lap < 200; lap++) {
        struct kevy_cqe_batch batch;
        const struct kevy_cqe *cqe;

        next = mixed_queue(&ring, next, 3);
        batch = kevy_cqe_batch_begin(&ring);
        while ((cqe = kevy_cqe_batch_next(&batch)) != NULL)
            mixed_expect(cqe, seen++);
        kevy_cqe_batch_end(&ring, &batch);
        ck_assert_uint_eq(seen, next);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

struct mixed_log {
    uint64_t count;
    uint8_t seen[80];
};

static void mixed_note(const struct kevy_cqe *cqe, void *context)
{
    struct mixed_log *log = context;

    ck_assert_uint_lt(cqe->user_data, sizeof log->seen);
    ck_assert_msg(log->seen[cqe->user_data] == 0, "%d came twice", (int)cqe->user_data);
    log->seen[cqe->user_data] = 1;
    log->count++;
    mixed_expect(cqe, cqe->user_data);
}

static void mixed_pour(struct kevy_ring *mixed)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE_MIXED, .cq_entries = 8};
    uint64_t next = 0;

    ring_open(mixed, 4, &options);
    while (next < 80)
        next = mixed_queue(mixed, next, 4);
    ck_assert(kevy_ring_overflowed(mixed));
}

/* Linux 6.18 hands a small CQE out of turn then, and counts one that is not there. */
START_TEST(mixed_cqes_overflow_without_loss_or_repetition)
{
    struct mixed_log log = {0};
    struct kevy_ring ring;

    mixed_pour(&ring);
    while (log.count < 80)
        ck_assert_uint_ne(kevy_ring_for_each(&ring, mixed_note, &log), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(mixed_cqes_overflow_likewise_when_released_one_by_one)
{
    struct mixed_log log = {0};
    struct kevy_ring ring;

    mixed_pour(&ring);
    while (log.count < 80) {
        const struct kevy_cqe *cqe = kevy_ring_next(&ring);

        if (cqe != NULL)
            mixed_note(cqe, &log);
        kevy_ring_release(&ring);
        if (cqe == NULL)
            ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(mixed_cqes_overflow_likewise_in_batches)
{
    struct mixed_log log = {0};
    struct kevy_ring ring;

    mixed_pour(&ring);
    while (log.count < 80) {
        struct kevy_cqe_batch batch = kevy_cqe_batch_begin(&ring);
        const struct kevy_cqe *cqe;

        while ((cqe = kevy_cqe_batch_next(&batch)) != NULL)
            mixed_note(cqe, &log);
        kevy_cqe_batch_end(&ring, &batch);
        if (kevy_ring_ready(&ring) == 0)
            ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

static void big_note(const struct kevy_cqe *cqe, void *context)
{
    uint64_t *seen = context;

    big_expect(cqe, (*seen)++);
}

START_TEST(for_each_copies_the_whole_of_a_big_cqe)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE32};
    struct kevy_ring ring;
    uint64_t seen = 1;

    ring_open(&ring, 4, &options);
    for (uint64_t i = 1; i <= 4; i++)
        big_nop_queue(&ring, i);
    ck_assert_int_eq(kevy_ring_submit(&ring), 4);
    ck_assert_uint_eq(kevy_ring_for_each(&ring, big_note, &seen), 4);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(big_sqes_have_128_bytes_of_their_own)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQE128};
    struct kevy_ring ring;

    ring_open(&ring, 2, &options);
    for (uint64_t lap = 0; lap < 5; lap++) {
        struct kevy_sqe128 *first = kevy_ring_sqe128(&ring, 1);
        struct kevy_sqe128 *second = kevy_ring_sqe128(&ring, 2);
        uint8_t zeros[64] = {0};

        ck_assert_ptr_eq(second, first + 1);
        ck_assert_ptr_null(kevy_ring_sqe128(&ring, 3));
        ck_assert_mem_eq(first->cmd_rest, zeros, sizeof zeros);
        memset(first->cmd_rest, 0xff, sizeof first->cmd_rest);
        cqe_expect(&ring, 1, 0);
        cqe_expect(&ring, 2, 0);
    }
    kevy_ring_deinit(&ring);
    ring_open(&ring, 2, NULL);
    ck_assert_ptr_null(kevy_ring_sqe128(&ring, 1)); /* there is no such room on a plain ring */
    kevy_ring_deinit(&ring);
}
END_TEST

/* Few kernels have SQE_MIXED (6.19): this is the layout, on a ring that is never submitted. */
START_TEST(big_sqes_of_a_mixed_ring_never_lie_across_the_end)
{
    struct kevy_ring ring;
    struct kevy_sqe128 *sqe;

    ring_open(&ring, 4, NULL);
    ring.setup_flags |= KEVY_SETUP_SQE_MIXED;
    sqe = kevy_ring_sqe128(&ring, 5);
    ck_assert_ptr_eq(sqe, ring.sqes);
    ck_assert_uint_eq(sqe->sqe.user_data, 5);
    ck_assert_ptr_nonnull(kevy_ring_sqe(&ring, 6));
    ck_assert_ptr_null(kevy_ring_sqe128(&ring, 7)); /* one slot, and that is the last */
    ring.setup_flags &= ~KEVY_SETUP_SQE_MIXED;
    kevy_ring_deinit(&ring);

    ring_open(&ring, 4, NULL);
    ring.setup_flags |= KEVY_SETUP_SQE_MIXED;
    for (int i = 0; i < 3; i++)
        nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    sqe = kevy_ring_sqe128(&ring, 8);
    ck_assert_ptr_eq(sqe, ring.sqes);
    ck_assert_uint_eq(ring.sqes[3].opcode, KEVY_OP_NOP);
    ck_assert_uint_eq(ring.sqes[3].flags, KEVY_SQE_CQE_SKIP_SUCCESS);
    ring.setup_flags &= ~KEVY_SETUP_SQE_MIXED;
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(big_and_small_sqes_share_a_mixed_ring)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQE_MIXED};
    struct kevy_ring ring;
    uint64_t next = 0;

    ring_open(&ring, 8, &options);
    for (int lap = 0; lap < 100; lap++) {
        uint64_t first = next;
        struct kevy_sqe128 *big;

        nop_queue(&ring, next++, 0);
        while ((big = kevy_ring_sqe128(&ring, next)) != NULL) {
            kevy_prep_nop128(&big->sqe);
            next++;
        }
        ck_assert_uint_ge(next - first, 3);
        while (first < next)
            cqe_expect(&ring, first++, 0);
        ck_assert_uint_eq(kevy_ring_ready(&ring), 0); /* the fillers stay silent */
    }
    kevy_ring_deinit(&ring);
}
END_TEST

static void *memory_make(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    return memory;
}

START_TEST(the_queues_can_lie_in_the_callers_memory)
{
    struct kevy_ring_options options = {.cq_entries = 1024};
    struct kevy_ring ring;
    size_t size = kevy_ring_memory_size(300, &options);
    uint8_t *memory = memory_make(size);

    ck_assert_uint_gt(size, 512 * 64 + 1024 * 16);
    options.memory = memory;
    options.memory_size = size;
    ring_open(&ring, 300, &options);
    ck_assert_uint_ne(ring.setup_flags & KEVY_SETUP_NO_MMAP, 0);
    ck_assert((uint8_t *)ring.sqes >= memory);
    ck_assert((uint8_t *)(ring.sqes + ring.sq_entries) <= memory + size);
    ck_assert((const uint8_t *)(ring.cqes + ring.cq_entries) <= (uint8_t *)ring.sqes);
    nops_run(&ring, 1500);
    kevy_ring_deinit(&ring);
    ck_assert_int_eq(msync(memory, size, MS_ASYNC), 0); /* still the caller's */
    for (size_t i = 0; i < size; i++)
        ck_assert_uint_eq(memory[i], 0);
    ck_assert_int_eq(munmap(memory, size), 0);
}
END_TEST

/* The kernel tears rings down behind our back and writes into their memory meanwhile. */
START_TEST(lent_memory_can_be_used_again_at_once)
{
    struct kevy_ring_options options = {0};
    size_t size = kevy_ring_memory_size(8, NULL);
    struct kevy_ring ring;

    options.memory = memory_make(size);
    options.memory_size = size;
    for (int i = 0; i < 200; i++) {
        memset(options.memory, 0xff, size); /* whatever was there before does not matter */
        ring_open(&ring, 8, &options);
        nops_run(&ring, 1 + (uint64_t)i % 20);
        kevy_ring_deinit(&ring);
    }
    munmap(options.memory, size);
}
END_TEST

START_TEST(lent_memory_that_does_not_do_is_refused)
{
    struct kevy_ring_options options = {.cq_entries = 0};
    size_t size = kevy_ring_memory_size(8, NULL);
    uint8_t *memory = memory_make(2 * size);
    struct kevy_ring ring;

    options.memory = memory;
    options.memory_size = size - 1;
    ck_assert_int_eq(kevy_ring_init(&ring, 8, &options), -EINVAL);
    options.memory = memory + 64; /* not on a page */
    options.memory_size = size;
    ck_assert_int_lt(kevy_ring_init(&ring, 8, &options), 0);
    options.memory = memory;
    ck_assert_int_eq(kevy_ring_init(&ring, 0, &options), -EINVAL);
    munmap(memory, 2 * size);
}
END_TEST

START_TEST(memory_sizes_follow_the_modes)
{
    struct kevy_ring_options big = {.required_flags = KEVY_SETUP_SQE128 | KEVY_SETUP_CQE32};
    struct kevy_ring_options clamp = {.required_flags = KEVY_SETUP_CLAMP, .cq_entries = UINT32_MAX};
    struct kevy_ring_options wrong = {.cq_entries = KEVY_MAX_CQ_ENTRIES + 1};

    ck_assert_uint_gt(kevy_ring_memory_size(256, &big), kevy_ring_memory_size(256, NULL));
    ck_assert_uint_eq(kevy_ring_memory_size(129, NULL), kevy_ring_memory_size(256, NULL));
    ck_assert_uint_eq(kevy_ring_memory_size(0, NULL), 0);
    ck_assert_uint_eq(kevy_ring_memory_size(KEVY_MAX_ENTRIES + 1, NULL), 0);
    ck_assert_uint_eq(kevy_ring_memory_size(4, &wrong), 0);
    ck_assert_uint_gt(kevy_ring_memory_size(UINT32_MAX, &clamp), KEVY_MAX_ENTRIES * 64U);
}
END_TEST

START_TEST(a_ring_may_be_an_index_and_no_descriptor)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_REGISTERED_FD_ONLY};
    size_t size = kevy_ring_memory_size(8, &options);
    int descriptors = support_fd_count();
    struct kevy_ring_probe probe;
    struct kevy_ring ring;

    options.memory = memory_make(size);
    options.memory_size = size;
    for (int i = 0; i < 40; i++) {
        ring_open(&ring, 8, &options);
        ck_assert_int_eq(ring.fd, -1);
        ck_assert_int_eq(support_fd_count(), descriptors);
        ck_assert_int_eq(kevy_ring_probe_get(&ring, &probe), 0);
        nops_run(&ring, 20);
        kevy_ring_deinit(&ring);
    }
    munmap(options.memory, size);
}
END_TEST

START_TEST(huge_pages_hold_a_whole_ring)
{
    struct kevy_ring_options options = {0};
    size_t size = 2U << 20;
    struct kevy_ring ring;
    int error;

    options.memory = aligned_alloc(size, size);
    ck_assert_ptr_nonnull(options.memory);
    (void)madvise(options.memory, size, MADV_HUGEPAGE);
    options.memory_size = size;
    error = kevy_ring_init(&ring, 4096, &options);
    ck_assert_msg(error == 0 || error == -EINVAL, "init: %d", error); /* before 6.10, unless huge */
    if (error == 0)
        nops_run(&ring, 100);
    kevy_ring_deinit(&ring);
    free(options.memory);
}
END_TEST

START_TEST(resize_keeps_what_is_queued_and_what_is_done)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    nops_run(&ring, 3); /* the cursors are not at 0 */
    for (uint64_t i = 0; i < 4; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 4);
    for (uint64_t i = 4; i < 7; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 64, 256, NULL, 0), 0);
    ck_assert_uint_eq(ring.sq_entries, 64);
    ck_assert_uint_eq(ring.cq_entries, 256);
    ck_assert_uint_eq(kevy_ring_space(&ring), 61);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 4);
    for (uint64_t i = 7; i < 68; i++)
        nop_queue(&ring, i, 0);
    ck_assert_ptr_null(kevy_ring_sqe(&ring, 0));
    ck_assert_int_eq(kevy_ring_submit(&ring), 64);
    for (uint64_t i = 0; i < 68; i++)
        cqe_expect(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 2, 0, NULL, 0), 0);
    ck_assert_uint_eq(ring.cq_entries, 4);
    nops_run(&ring, 50);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(resize_refuses_what_would_lose_something)
{
    struct kevy_ring_options options = {.required_flags = DEFER, .cq_entries = 16};
    struct kevy_ring ring;

    ring_open(&ring, 8, &options);
    for (uint64_t i = 0; i < 8; i++)
        nop_queue(&ring, i, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 2, 0, NULL, 0), -EOVERFLOW);
    ck_assert_int_eq(kevy_ring_resize(&ring, 0, 0, NULL, 0), -EINVAL);
    ck_assert_uint_eq(ring.sq_entries, 8);
    for (uint64_t i = 0; i < 8; i++)
        cqe_expect(&ring, i, 0);
    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, NULL);
    ck_assert_int_eq(kevy_ring_resize(&ring, 16, 0, NULL, 0), -EINVAL); /* not a DEFER ring */
    nops_run(&ring, 10);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(resize_moves_a_ring_in_lent_memory)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    size_t small = kevy_ring_memory_size(8, &options), large = kevy_ring_memory_size(512, &options);
    void *next = memory_make(large);
    struct kevy_ring ring;

    options.memory = memory_make(small);
    options.memory_size = small;
    ring_open(&ring, 8, &options);
    nops_run(&ring, 5);
    nop_queue(&ring, 77, 0);
    ck_assert_int_eq(kevy_ring_resize(&ring, 512, 0, next, small), -EINVAL);
    ck_assert_int_eq(kevy_ring_resize(&ring, 512, 0, next, large), 0);
    munmap(options.memory, small);
    ck_assert_uint_eq(ring.sq_entries, 512);
    cqe_expect(&ring, 77, 0);
    nops_run(&ring, 2000);
    kevy_ring_deinit(&ring);
    munmap(next, large);
}
END_TEST

static void *thread_use(void *argument)
{
    struct kevy_ring *ring = argument;

    ck_assert_int_eq(kevy_ring_fd_register(ring), 0);
    nops_run(ring, 10);
    kevy_ring_fd_unregister(ring);
    return NULL;
}

START_TEST(a_ring_can_move_to_another_thread)
{
    struct kevy_ring ring;
    pthread_t thread;

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_fd_register(&ring), -EALREADY);
    nops_run(&ring, 5);
    kevy_ring_fd_unregister(&ring);
    ck_assert_int_eq(ring.enter_fd, ring.fd);
    ck_assert_int_eq(pthread_create(&thread, NULL, thread_use, &ring), 0);
    pthread_join(thread, NULL);
    nops_run(&ring, 5);
    ck_assert_int_eq(kevy_ring_fd_register(&ring), 0);
    nops_run(&ring, 5);
    kevy_ring_deinit(&ring);
}
END_TEST

static void signal_note(int number)
{
    (void)number;
}

/* Arguments of a wait that was timed, masked or batched before must not linger in the region. */
START_TEST(a_registered_wait_takes_every_argument)
{
    struct kevy_ring_options options = {.required_flags = DEFER, .registered_wait = true};
    struct kevy_ring_wait timed = {.minimum = 1, .timeout_ns = MILLISECOND_NS};
    struct kevy_ring_wait batched = {
        .minimum = 4, .timeout_ns = KEVY_RING_FOREVER, .min_wait_us = 1000};
    struct sigaction action = {.sa_handler = signal_note};
    sigset_t none, blocked;
    struct kevy_ring_wait masked = {
        .minimum = 1, .timeout_ns = KEVY_RING_FOREVER, .signal_mask = &none, .signal_mask_size = 8};
    struct timespec now;
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    ck_assert_ptr_nonnull(ring.wait_region);
    ck_assert_uint_eq(ring.setup_flags & KEVY_SETUP_R_DISABLED, 0);
    ck_assert_uint_ne(ring.enter_flags & KEVY_ENTER_REGISTERED_RING, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &batched), 1);
    cqe_expect(&ring, 1, 0);
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    ck_assert_int_eq(sigaction(SIGUSR1, &action, NULL), 0);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &masked), -EINTR);
    ck_assert_int_eq(raise(SIGUSR1), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME); /* the mask is gone */
    clock_gettime(CLOCK_MONOTONIC, &now);
    timed.flags = KEVY_RING_WAIT_ABSOLUTE;
    timed.timeout_ns = (uint64_t)now.tv_sec * 1000U * MILLISECOND_NS + (uint64_t)now.tv_nsec;
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_registered_wait_waits_for_enable_where_asked)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED,
                                        .registered_wait = true};
    struct kevy_ring_wait timed = {.minimum = 1, .timeout_ns = MILLISECOND_NS};
    struct kevy_ring ring;

    ring_open(&ring, 4, &options);
    ck_assert_ptr_nonnull(ring.wait_region);
    ck_assert_uint_ne(ring.setup_flags & KEVY_SETUP_R_DISABLED, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -EBADFD);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &timed), -ETIME);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(waits_can_run_on_another_clock)
{
    struct kevy_ring_wait wait = {.minimum = 1, .flags = KEVY_RING_WAIT_ABSOLUTE};
    struct timespec now;
    struct kevy_ring ring;
    uint64_t value;
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_clock(&ring, CLOCK_BOOTTIME), 0);
    clock_gettime(CLOCK_BOOTTIME, &now);
    wait.timeout_ns =
        (uint64_t)now.tv_sec * 1000U * MILLISECOND_NS + (uint64_t)now.tv_nsec + MILLISECOND_NS;
    kevy_prep_read(kevy_ring_sqe(&ring, 1), fd, &value, sizeof value, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_eq(wait.submitted, 1);
    ck_assert_int_eq(kevy_ring_clock(&ring, CLOCK_MONOTONIC), 0);
    ck_assert_int_eq(kevy_ring_clock(&ring, CLOCK_REALTIME), -EINVAL);
    ck_assert_int_eq(ring.clock, CLOCK_MONOTONIC);
    kevy_ring_deinit(&ring);
    close(fd);
}
END_TEST

/* Adds a test where `flags` are granted, else says what it would need. */
static void test_add_if(TCase *tcase, const TTest *test, bool granted, const char *name,
                        const char *needs)
{
    if (granted)
        tcase_add_test(tcase, test);
    else
        support_skip(name, needs);
}

static bool lent_granted(uint32_t flags)
{
    struct kevy_ring_options options = {.required_flags = flags};
    struct kevy_ring ring;
    int error;

    options.memory_size = kevy_ring_memory_size(300, &options);
    options.memory = aligned_alloc(65536, (options.memory_size + 65535) & ~(size_t)65535);
    error = kevy_ring_init(&ring, 300, &options);
    kevy_ring_deinit(&ring);
    free(options.memory);
    return error == 0;
}

static bool resize_granted(void)
{
    struct kevy_ring_options options = {.required_flags = DEFER};
    struct kevy_ring ring;
    int error = kevy_ring_init(&ring, 4, &options);

    if (error == 0)
        error = kevy_ring_resize(&ring, 8, 0, NULL, 0);
    kevy_ring_deinit(&ring);
    return error == 0;
}

static bool region_granted(void)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring;
    bool granted = kevy_ring_init(&ring, 4, &options) == 0 && ring.wait_region != NULL;

    kevy_ring_deinit(&ring);
    return granted;
}

#define ADD_IF(tcase, test, granted, needs) test_add_if(tcase, test, granted, #test, needs)

static void polls_add(Suite *suite)
{
    TCase *polls = tcase_create("polls");
    bool sqpoll = setup_grants(KEVY_SETUP_SQPOLL), iopoll = setup_grants(KEVY_SETUP_IOPOLL);

    ADD_IF(polls, sqpoll_takes_what_is_published_asleep_or_not, sqpoll, "privileges before 5.11");
    ADD_IF(polls, sqpoll_wakes_for_a_wait_too, sqpoll, "privileges before 5.11");
    ADD_IF(polls, a_full_queue_under_sqpoll_empties_by_itself, sqpoll, "privileges before 5.11");
    ADD_IF(polls, iopoll_answers_what_it_cannot_poll, iopoll, "Linux 5.1");
    suite_add_tcase(suite, polls);
}

static void sizes_add(Suite *suite)
{
    TCase *sizes = tcase_create("sizes");
    bool mixed = setup_grants(KEVY_SETUP_CQE_MIXED); /* 6.18, as NOPs with big CQEs are */

    ADD_IF(sizes, big_cqes_carry_two_more_words, mixed, "Linux 6.18");
    ADD_IF(sizes, for_each_copies_the_whole_of_a_big_cqe, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_come_in_their_sizes_and_fillers_do_not, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_can_be_reaped_in_batches, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_overflow_without_loss_or_repetition, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_overflow_likewise_when_released_one_by_one, mixed, "Linux 6.18");
    ADD_IF(sizes, mixed_cqes_overflow_likewise_in_batches, mixed, "Linux 6.18");
    ADD_IF(sizes, big_sqes_have_128_bytes_of_their_own, setup_grants(KEVY_SETUP_SQE128),
           "Linux 5.19");
    tcase_add_test(sizes, big_sqes_of_a_mixed_ring_never_lie_across_the_end);
    ADD_IF(sizes, big_and_small_sqes_share_a_mixed_ring, setup_grants(KEVY_SETUP_SQE_MIXED),
           "Linux 6.19");
    suite_add_tcase(suite, sizes);
}

static void memory_add(Suite *suite)
{
    TCase *memory = tcase_create("memory");
    bool lent = lent_granted(0), resize = resize_granted();

    tcase_add_test(memory, memory_sizes_follow_the_modes);
    tcase_add_test(memory, lent_memory_that_does_not_do_is_refused);
    ADD_IF(memory, the_queues_can_lie_in_the_callers_memory, lent, "Linux 6.10");
    ADD_IF(memory, lent_memory_can_be_used_again_at_once, lent, "Linux 6.10");
    ADD_IF(memory, huge_pages_hold_a_whole_ring, lent, "Linux 6.10");
    ADD_IF(memory, a_ring_may_be_an_index_and_no_descriptor,
           lent_granted(KEVY_SETUP_REGISTERED_FD_ONLY), "Linux 6.10");
    ADD_IF(memory, resize_keeps_what_is_queued_and_what_is_done, resize, "Linux 6.13");
    ADD_IF(memory, resize_refuses_what_would_lose_something, resize, "Linux 6.13");
    ADD_IF(memory, resize_moves_a_ring_in_lent_memory, resize, "Linux 6.13");
    suite_add_tcase(suite, memory);
}

Suite *test_suite(void)
{
    Suite *suite = suite_create("mode");
    TCase *flags = tcase_create("flags");
    TCase *wait = tcase_create("wait");
    bool region = region_granted(), min_wait = kernel_probe().features & KEVY_FEAT_MIN_TIMEOUT;

    tcase_add_loop_test(flags, a_simple_mode_works, 0,
                        sizeof simple_modes / sizeof simple_modes[0]);
    tcase_add_loop_test(flags, a_mode_that_makes_no_sense_is_refused, 0,
                        sizeof refused_modes / sizeof refused_modes[0]);
    ADD_IF(flags, a_ring_can_move_to_another_thread, setup_grants(KEVY_SETUP_SUBMIT_ALL),
           "Linux 5.18");
    suite_add_tcase(suite, flags);
    polls_add(suite);
    sizes_add(suite);
    memory_add(suite);
    ADD_IF(wait, a_registered_wait_takes_every_argument, region, "Linux 6.13");
    ADD_IF(wait, a_registered_wait_waits_for_enable_where_asked, region, "Linux 6.13");
    ADD_IF(wait, waits_can_run_on_another_clock, min_wait, "Linux 6.12");
    suite_add_tcase(suite, wait);
    return suite;
}
