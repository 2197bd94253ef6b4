/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Rings that are shared in a way, and waits that few programs ask for. */

#include "mode_test.h"

#include <fcntl.h>
#include <kevy/ring_mode.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MANY           5000U
#define PAGE           ((size_t)sysconf(_SC_PAGESIZE))
#define MILLISECOND_NS UINT64_C(1000000)

static void *many_submit(void *argument)
{
    struct kevy_ring *ring = argument;

    for (uint64_t i = 0; i < MANY; i++) {
        while (kevy_ring_sqe(ring, i) == NULL) {
            ck_assert_int_ge(kevy_ring_submit(ring), 0);
            ck_assert_int_ge(kevy_ring_wait_space(ring), 0);
        }
        if (i % 7 == 0)
            ck_assert_int_ge(kevy_ring_submit(ring), 0);
    }
    while (kevy_ring_publish(ring) != 0)
        ck_assert_int_ge(kevy_ring_submit(ring), 0);
    return NULL;
}

/* Waits for and reaps `count` completions, in a CQ that must not overflow for good. */
static void many_reap(struct kevy_ring *ring)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 10 * MILLISECOND_NS};
    uint64_t sum = 0;

    for (uint32_t reaped = 0; reaped < MANY;) {
        const struct kevy_cqe *cqe;
        int result = kevy_ring_wait(ring, &wait);

        ck_assert_msg(result >= 0 || result == -ETIME, "wait: %d", result);
        ck_assert_uint_eq(wait.submitted, 0);
        while ((cqe = kevy_ring_next(ring)) != NULL) {
            sum += cqe->user_data;
            reaped++;
        }
        kevy_ring_release(ring);
    }
    ck_assert_uint_eq(sum, (uint64_t)MANY * (MANY - 1) / 2);
}

static void split_run(uint32_t flags)
{
    struct kevy_ring_options options = {.split_queues = true, .required_flags = flags};
    struct kevy_ring ring = {0};
    pthread_t submitter;

    ring_open(&ring, 16, &options);
    ck_assert_int_eq(pthread_create(&submitter, NULL, many_submit, &ring), 0);
    many_reap(&ring);
    ck_assert_int_eq(pthread_join(submitter, NULL), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    kevy_ring_deinit(&ring);
}

/* Both threads enter the ring at the same time, and the soft kernel has no lock. */
START_TEST(split_queues_are_refused_on_the_soft_kernel)
{
    struct kevy_ring_options options = {.split_queues = true, .kernel = KEVY_RING_KERNEL_SOFT};
    struct kevy_ring ring = {0};

    ck_assert_int_eq(kevy_ring_init(&ring, 16, &options), -EINVAL);
    options.kernel = KEVY_RING_KERNEL_AUTOMATIC;
    options.custom_kernel = kevy_ring_kernel_soft();
    ck_assert_int_eq(kevy_ring_init(&ring, 16, &options), -EINVAL);
    options.split_queues = false;
    ck_assert_int_eq(kevy_ring_init(&ring, 16, &options), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(one_thread_submits_while_another_waits_and_reaps)
{
    split_run(0);
}
END_TEST

START_TEST(one_thread_submits_to_sqpoll_while_another_waits_and_reaps)
{
    split_run(KEVY_SETUP_SQPOLL);
}
END_TEST

START_TEST(a_submit_to_split_queues_wakes_a_thread_that_sleeps)
{
    struct kevy_ring_options options = {
        .split_queues = true, .required_flags = KEVY_SETUP_SQPOLL, .sq_thread_idle_ms = 1};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    for (uint64_t i = 0; i < 3; i++) {
        while ((__atomic_load_n(ring.sq_flags, __ATOMIC_ACQUIRE) & KEVY_SQ_NEED_WAKEUP) == 0)
            sched_yield();
        nop_queue(&ring, i, 0);
        ck_assert_int_ge(kevy_ring_submit(&ring), 0);
        ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
        ck_assert_uint_eq(cqe_take(&ring).user_data, i);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_wait_of_split_queues_submits_nothing)
{
    struct kevy_ring_options options = {.split_queues = true};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = MILLISECOND_NS};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    nop_queue(&ring, 5, 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_uint_eq(kevy_ring_space(&ring), 3);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    ck_assert_uint_eq(cqe_take(&ring).user_data, 5);
    kevy_ring_deinit(&ring);
    options.required_flags = KEVY_SETUP_SINGLE_ISSUER;
    ck_assert_int_eq(ring_make(&ring, 4, &options), -EINVAL);
}
END_TEST

START_TEST(what_is_published_goes_with_the_next_enter_whoever_makes_it)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    ck_assert_uint_eq(kevy_ring_publish(&ring), 0);
    nop_queue(&ring, 1, 0);
    nop_queue(&ring, 2, 0);
    ck_assert_uint_eq(__atomic_load_n(ring.sq_tail, __ATOMIC_RELAXED), 0);
    ck_assert_uint_eq(kevy_ring_publish(&ring), 2);
    ck_assert_uint_eq(__atomic_load_n(ring.sq_tail, __ATOMIC_RELAXED), 2);
    ck_assert_uint_eq(kevy_ring_space(&ring), 2);
    ck_assert_int_eq(kevy_ring_submit(&ring), 2);
    ck_assert_uint_eq(kevy_ring_publish(&ring), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_full_queue_under_sqpoll_can_be_waited_for)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQPOLL,
                                        .sq_thread_idle_ms = 1};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    for (uint32_t round = 0; round < 200; round++) {
        while (kevy_ring_sqe(&ring, 1) != NULL)
            ;
        ck_assert_int_gt(kevy_ring_wait_space(&ring), 0);
        ck_assert_ptr_nonnull(kevy_ring_sqe(&ring, 1));
        if (round % 50 == 0)
            usleep(5000); /* the thread falls asleep with SQEs in the queue */
        while (kevy_ring_ready(&ring) != 0)
            (void)cqe_take(&ring);
    }
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_queue_without_sqpoll_has_the_space_that_it_has)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_wait_space(&ring), 3);
    kevy_ring_deinit(&ring);
}
END_TEST

static struct kevy_reg_wait *waits_make(void)
{
    void *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(memory, MAP_FAILED);
    return memory;
}

START_TEST(the_arguments_of_waits_can_lie_in_the_callers_memory)
{
    struct kevy_reg_wait *waits = waits_make();
    struct kevy_ring_options options = {
        .registered_wait = true, .wait_memory = waits, .wait_memory_size = PAGE};
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = MILLISECOND_NS};
    uint32_t count = (uint32_t)(PAGE / sizeof *waits);
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_ptr_eq(ring.wait_region, waits);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    waits[count - 1].flags = KEVY_REG_WAIT_TS;
    waits[count - 1].ts.tv_nsec = 2000;
    ck_assert_int_eq(kevy_ring_wait_registered(&ring, 1, count - 1), -ETIME);
    ck_assert_int_eq(kevy_ring_wait_registered(&ring, 1, count), -EFAULT);
    nop_queue(&ring, 3, 0);
    ck_assert_int_eq(kevy_ring_wait_registered(&ring, 1, count - 1), 1);
    ck_assert_uint_eq(cqe_take(&ring).user_data, 3);
    kevy_ring_deinit(&ring);
    waits[0].flags = 0; /* still the caller's */
    ck_assert_int_eq(munmap(waits, PAGE), 0);
}
END_TEST

START_TEST(a_registered_wait_of_split_queues_submits_nothing)
{
    struct kevy_reg_wait *waits = waits_make();
    struct kevy_ring_options options = {.split_queues = true,
                                        .registered_wait = true,
                                        .wait_memory = waits,
                                        .wait_memory_size = PAGE};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    waits[1].flags = KEVY_REG_WAIT_TS;
    waits[1].ts.tv_nsec = MILLISECOND_NS;
    nop_queue(&ring, 5, 0);
    ck_assert_int_eq(kevy_ring_wait_registered(&ring, 1, 1), -ETIME);
    ck_assert_uint_eq(kevy_ring_space(&ring), 3);
    kevy_ring_deinit(&ring);
    ck_assert_int_eq(munmap(waits, PAGE), 0);
}
END_TEST

START_TEST(a_ring_without_arguments_for_waits_says_so)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_wait_registered(&ring, 1, 0), -EOPNOTSUPP);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_ring_whose_descriptor_is_closed_goes_on)
{
    struct kevy_ring_probe probe;
    struct kevy_ring ring = {0};
    int fd;

    ring_open(&ring, 4, NULL);
    fd = ring.fd;
    ck_assert_int_eq(kevy_ring_fd_close(&ring), 0);
    ck_assert_int_lt(fcntl(fd, F_GETFD), 0);
    ck_assert_int_eq(kevy_ring_fd_close(&ring), -EINVAL);
    nops_run(&ring, 20);
    ck_assert_int_eq(kevy_ring_probe(&ring, &probe), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(a_ring_whose_descriptor_is_not_registered_keeps_it)
{
    struct kevy_ring_options options = {.any_thread = true};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_int_eq(kevy_ring_fd_close(&ring), -EINVAL);
    nops_run(&ring, 20);
    kevy_ring_deinit(&ring);
}
END_TEST

static bool adopter_run(int fd, const struct kevy_params *params)
{
    struct kevy_ring ring = {0};
    struct kevy_sqe *sqe;
    int result;

    if (kevy_ring_adopt(&ring, fd, params) != 0)
        return false;
    if (kevy_ring_ready(&ring) != 1 || cqe_take(&ring).user_data != 1)
        return false;
    sqe = kevy_ring_sqe(&ring, 2);
    result = sqe != NULL ? kevy_ring_submit(&ring) : -1;
    kevy_ring_deinit(&ring);
    return result == 1;
}

static void adoption_run(uint32_t flags, uint32_t laps)
{
    struct kevy_ring_options options = {.plain = true, .required_flags = flags};
    struct kevy_params params;
    struct kevy_ring ring = {0};
    pid_t child;
    int status;

    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), 0);
    nops_run(&ring, laps);
    nop_queue(&ring, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    kevy_ring_params(&ring, &params);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(!adopter_run(ring.fd, &params));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    /* What the other side did, this one sees only in what is shared. */
    ck_assert_uint_eq(__atomic_load_n(ring.sq_head, __ATOMIC_ACQUIRE), laps + 2);
    ck_assert_uint_eq(__atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE), laps + 2);
    kevy_ring_deinit(&ring);
}

START_TEST(another_process_adopts_a_ring_where_it_stands)
{
    static const uint32_t laps[] = {0, 1, 3, 4, 11};

    for (uint32_t i = 0; i < sizeof laps / sizeof laps[0]; i++)
        adoption_run(0, laps[i]);
}
END_TEST

START_TEST(another_process_adopts_a_ring_of_big_cqes)
{
    adoption_run(KEVY_SETUP_CQE32, 3);
}
END_TEST

START_TEST(another_process_adopts_a_ring_without_an_index_array)
{
    adoption_run(KEVY_SETUP_NO_SQARRAY, 3);
}
END_TEST

START_TEST(what_cannot_be_adopted_is_refused)
{
    struct kevy_params params;
    struct kevy_ring ring = {0}, view = {0};

    ring_open(&ring, 4, NULL);
    kevy_ring_params(&ring, &params);
    params.flags |= KEVY_SETUP_SINGLE_ISSUER;
    ck_assert_int_eq(kevy_ring_adopt(&view, ring.fd, &params), -EINVAL);
    params.flags = KEVY_SETUP_NO_MMAP;
    ck_assert_int_eq(kevy_ring_adopt(&view, ring.fd, &params), -EINVAL);
    kevy_ring_params(&ring, &params);
    params.flags &= ~KEVY_SETUP_SINGLE_ISSUER;
    ck_assert_int_lt(kevy_ring_adopt(&view, STDIN_FILENO, &params), 0);
    kevy_ring_deinit(&view); /* idle: the descriptor is still the caller's */
    nops_run(&ring, 5);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(waits_can_count_as_waiting_for_io)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, NULL);
    ck_assert_uint_ne(ring.wait_flags & KEVY_ENTER_NO_IOWAIT, 0);
    ck_assert_int_eq(kevy_ring_iowait(&ring, true), 0);
    ck_assert_uint_eq((ring.wait_flags | ring.enter_flags) & KEVY_ENTER_NO_IOWAIT, 0);
    nops_run(&ring, 5);
    ck_assert_int_eq(kevy_ring_iowait(&ring, false), 0);
    ck_assert_uint_ne(ring.wait_flags & ring.enter_flags & KEVY_ENTER_NO_IOWAIT, 0);
    nops_run(&ring, 5);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(what_the_kernel_dropped_and_lost_can_be_asked)
{
    struct kevy_ring_options options = {.plain = true};
    struct kevy_ring ring = {0};
    uint32_t *array;

    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), 0);
    ck_assert_uint_eq(kevy_ring_dropped(&ring), 0);
    ck_assert_uint_eq(kevy_ring_lost(&ring), 0);
    ck_assert_uint_ne(ring.sq_array, 0);
    array = (uint32_t *)(void *)((char *)ring.ring_memory + ring.sq_array);
    array[0] = 99;
    nop_queue(&ring, 1, 0);
    (void)kevy_ring_submit(&ring);
    ck_assert_uint_eq(kevy_ring_dropped(&ring), 1);
    kevy_ring_deinit(&ring);
}
END_TEST

static bool region_granted(void)
{
    struct kevy_ring_options options = {.registered_wait = true};
    struct kevy_ring ring = {0};
    bool granted = kevy_ring_init(&ring, 4, &options) == 0 && ring.wait_region != NULL;

    kevy_ring_deinit(&ring);
    return granted;
}

static void split_add(Suite *suite, const struct kevy_ring_probe *probe)
{
    TCase *split = tcase_create("split");
    bool limits = (probe->features & KEVY_FEAT_EXT_ARG) != 0;
    bool sqpoll = setup_grants(KEVY_SETUP_SQPOLL);

    tcase_add_test(split, split_queues_are_refused_on_the_soft_kernel);
    ADD_IF(split, one_thread_submits_while_another_waits_and_reaps, limits, "Linux 5.11");
    ADD_IF(split, one_thread_submits_to_sqpoll_while_another_waits_and_reaps, limits && sqpoll,
           "Linux 5.11");
    ADD_IF(split, a_submit_to_split_queues_wakes_a_thread_that_sleeps, limits && sqpoll,
           "Linux 5.11");
    ADD_IF(split, a_wait_of_split_queues_submits_nothing, limits, "Linux 5.11");
    tcase_add_test(split, what_is_published_goes_with_the_next_enter_whoever_makes_it);
    ADD_IF(split, a_full_queue_under_sqpoll_can_be_waited_for, sqpoll, "Linux 5.11");
    tcase_add_test(split, a_queue_without_sqpoll_has_the_space_that_it_has);
    suite_add_tcase(suite, split);
}

Suite *test_suite(void)
{
    struct kevy_ring_probe probe = kernel_probe();
    Suite *suite = suite_create("mode_share");
    TCase *descriptor = tcase_create("descriptor"), *wait = tcase_create("wait");

    split_add(suite, &probe);
    ADD_IF(descriptor, a_ring_whose_descriptor_is_closed_goes_on,
           (probe.features & KEVY_FEAT_REG_REG_RING) != 0, "Linux 6.3");
    tcase_add_test(descriptor, a_ring_whose_descriptor_is_not_registered_keeps_it);
    tcase_add_test(descriptor, another_process_adopts_a_ring_where_it_stands);
    ADD_IF(descriptor, another_process_adopts_a_ring_of_big_cqes, setup_grants(KEVY_SETUP_CQE32),
           "Linux 5.19");
    ADD_IF(descriptor, another_process_adopts_a_ring_without_an_index_array,
           setup_grants(KEVY_SETUP_NO_SQARRAY), "Linux 6.6");
    tcase_add_test(descriptor, what_cannot_be_adopted_is_refused);
    suite_add_tcase(suite, descriptor);
    ADD_IF(wait, the_arguments_of_waits_can_lie_in_the_callers_memory, region_granted(),
           "Linux 6.13");
    ADD_IF(wait, a_registered_wait_of_split_queues_submits_nothing, region_granted(), "Linux 6.13");
    tcase_add_test(wait, a_ring_without_arguments_for_waits_says_so);
    ADD_IF(wait, waits_can_count_as_waiting_for_io, (probe.features & KEVY_FEAT_NO_IOWAIT) != 0,
           "Linux 6.15");
    tcase_add_test(wait, what_the_kernel_dropped_and_lost_can_be_asked);
    suite_add_tcase(suite, wait);
    return suite;
}
