/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Set-up and tear-down, on the running kernel, and who may use a ring. */

#include "ring_test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static bool is_idle(const struct kevy_ring *ring)
{
    static const struct kevy_ring idle;

    return memcmp(ring, &idle, sizeof idle) == 0;
}

START_TEST(init_rounds_up_and_fills_in)
{
    struct kevy_ring ring = {0};

    ring_open(&ring, 5, NULL);
    ck_assert_int_ge(ring.fd, 0);
    ck_assert_uint_eq(ring.sq_entries, 8);
    ck_assert_uint_eq(ring.cq_entries, 16);
    ck_assert_uint_eq(kevy_ring_space(&ring), 8);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
    ck_assert(!kevy_ring_overflowed(&ring));
    ck_assert(!kevy_ring_wants_enter(&ring));
    ck_assert_int_ne(fcntl(ring.fd, F_GETFD) & FD_CLOEXEC, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

/* Footguns 32 and 33: no I/O wait on the meter, and no thread that burns a core, unless asked for.
 */
START_TEST(init_asks_for_the_good_defaults)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_probe probe = kernel_probe();
    uint32_t defaults = KEVY_SETUP_SUBMIT_ALL | KEVY_SETUP_NO_SQARRAY;

    ring_open(&ring, 4, NULL);
    if (probe.queried)
        ck_assert_uint_eq(ring.setup_flags, defaults & probe.setup_flags);
    ck_assert_uint_eq(ring.setup_flags & ~defaults, 0);
    /* SUBMIT_ALL and the registered descriptor came with the same kernel, 5.18. */
    ck_assert_uint_eq((ring.enter_flags & KEVY_ENTER_REGISTERED_RING) != 0,
                      (ring.setup_flags & KEVY_SETUP_SUBMIT_ALL) != 0);
    ck_assert_uint_eq((ring.enter_flags & KEVY_ENTER_NO_IOWAIT) != 0,
                      (ring.features & KEVY_FEAT_NO_IOWAIT) != 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(plain_means_nothing_but_what_was_asked)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.plain = true};

    ring_open(&ring, 4, &options);
    ck_assert_uint_eq(ring.setup_flags, 0);
    ck_assert_uint_eq(ring.enter_flags, 0);
    ck_assert_int_eq(ring.enter_fd, ring.fd);
    nop_queue(&ring, 7, 0); /* through the index array of kernels before 6.6 */
    cqe_expect(&ring, 7, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(cq_size_is_kept_or_refused_never_dropped)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.cq_entries = 100};

    ring_open(&ring, 4, &options);
    ck_assert_uint_eq(ring.cq_entries, 128);
    kevy_ring_deinit(&ring);
    options.cq_entries = 2; /* fewer than the SQ */
    ck_assert_int_eq(kevy_ring_init(&ring, 8, &options), -EINVAL);
    kevy_ring_deinit(&ring);
    options.cq_entries = 2 * KEVY_MAX_CQ_ENTRIES;
    ck_assert_int_eq(kevy_ring_init(&ring, 8, &options), -EINVAL);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(sizes_out_of_range_are_refused)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options clamp = {.required_flags = KEVY_SETUP_CLAMP};

    ck_assert_int_eq(kevy_ring_init(&ring, 0, NULL), -EINVAL);
    ck_assert_int_eq(kevy_ring_init(&ring, KEVY_MAX_ENTRIES + 1, NULL), -EINVAL);
    ring_open(&ring, KEVY_MAX_ENTRIES + 1, &clamp);
    ck_assert_uint_eq(ring.sq_entries, KEVY_MAX_ENTRIES);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(required_flag_is_refused_where_it_lacks)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = 1U << 31};

    ck_assert_int_eq(kevy_ring_init(&ring, 4, &options), -EINVAL);
    ck_assert(is_idle(&ring));
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(preferred_flags_are_dropped_one_by_one)
{
    struct kevy_ring ring = {0};
    uint32_t wish = KEVY_SETUP_SQE_MIXED | KEVY_SETUP_CQE_MIXED | KEVY_SETUP_SINGLE_ISSUER |
                    KEVY_SETUP_DEFER_TASKRUN | KEVY_SETUP_TASKRUN_FLAG;
    struct kevy_ring_options options = {.preferred_flags = wish};
    struct kevy_ring_probe probe = kernel_probe();

    ring_open(&ring, 4, &options);
    if (probe.queried)
        ck_assert_uint_eq(ring.setup_flags & wish, wish & probe.setup_flags);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(deinit_accepts_zeroed_failed_and_done)
{
    struct kevy_ring ring = {0};
    int zero = fcntl(0, F_GETFD);

    kevy_ring_deinit(&ring);
    ck_assert_int_eq(fcntl(0, F_GETFD), zero); /* descriptor 0 was not ours to close */
    ck_assert_int_lt(kevy_ring_init(&ring, 0, NULL), 0);
    kevy_ring_deinit(&ring);
    ring_open(&ring, 4, NULL);
    kevy_ring_deinit(&ring);
    kevy_ring_deinit(&ring);
    ck_assert(is_idle(&ring));
}
END_TEST

/* H2 of the Rust crate and footgun 41: a registered descriptor keeps a closed ring alive, and there
 * are 16. */
START_TEST(h2_nothing_is_left_registered_or_open)
{
    int before = support_fd_count();

    for (int i = 0; i < 64; i++) {
        struct kevy_ring ring = {0};

        ring_open(&ring, 4, NULL);
        ck_assert_msg(ring.enter_flags & KEVY_ENTER_REGISTERED_RING, "lost after %d rings", i);
        kevy_ring_deinit(&ring);
    }
    ck_assert_int_eq(support_fd_count(), before);
}
END_TEST

START_TEST(the_seventeenth_ring_of_a_thread_works_unregistered)
{
    struct kevy_ring rings[17] = {{0}};

    for (uint32_t i = 0; i < 17; i++) {
        ring_open(&rings[i], 2, NULL);
        nop_queue(&rings[i], i, 0);
        cqe_expect(&rings[i], i, 0);
    }
    ck_assert_int_eq(rings[16].enter_fd, rings[16].fd);
    for (uint32_t i = 0; i < 17; i++)
        kevy_ring_deinit(&rings[i]);
}
END_TEST

START_TEST(a_disabled_ring_waits_for_enable)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_R_DISABLED};

    ring_open(&ring, 4, &options);
    ck_assert_int_eq(ring.enter_fd, ring.fd);
    nop_queue(&ring, 5, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), -EBADFD);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    ck_assert_uint_eq((ring.enter_flags & KEVY_ENTER_REGISTERED_RING) != 0,
                      (ring.setup_flags & KEVY_SETUP_SUBMIT_ALL) != 0);
    cqe_expect(&ring, 5, 0); /* what was queued before goes now */
    ck_assert_int_eq(kevy_ring_enable(&ring), -EBADFD);
    kevy_ring_deinit(&ring);
    options.plain = true;
    ring_open(&ring, 4, &options);
    ck_assert_int_eq(kevy_ring_enable(&ring), 0);
    ck_assert_uint_eq(ring.enter_flags, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

static void *thread_submit(void *argument)
{
    struct kevy_ring *ring = argument;

    nop_queue(ring, 1, 0);
    return (void *)(intptr_t)kevy_ring_submit(ring);
}

static intptr_t in_a_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return (intptr_t)result;
}

/* H7 of the Rust crate and footgun 27: a foreign thread is refused, not obeyed by half. */
START_TEST(h7_single_issuer_refuses_another_thread)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SINGLE_ISSUER, .plain = true};

    ring_open(&ring, 4, &options);
    ck_assert_int_eq(in_a_thread(thread_submit, &ring), -EEXIST);
    cqe_expect(&ring, 1, 0); /* still queued, and ours to submit */
    kevy_ring_deinit(&ring);
}
END_TEST

static void *thread_enable(void *argument)
{
    struct kevy_ring *ring = argument;

    ck_assert_int_eq(kevy_ring_enable(ring), 0);
    cqe_expect(ring, 3, 0);
    return NULL;
}

START_TEST(enable_makes_its_thread_the_owner)
{
    struct kevy_ring ring = {0};
    struct kevy_ring_options options = {.required_flags =
                                            KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_R_DISABLED};

    ring_open(&ring, 4, &options);
    nop_queue(&ring, 3, 0);
    in_a_thread(thread_enable, &ring);
    kevy_ring_deinit(&ring);
}
END_TEST

static void *thread_open(void *argument)
{
    ring_open(argument, 4, NULL);
    return NULL;
}

/* A thread's table of registered rings has the same indices as every other thread's. */
START_TEST(deinit_elsewhere_leaves_that_threads_rings_alone)
{
    struct kevy_ring foreign = {0}, own = {0};

    in_a_thread(thread_open, &foreign);
    ring_open(&own, 4, NULL);
    ck_assert_int_eq(foreign.enter_fd, own.enter_fd);
    kevy_ring_deinit(&foreign);
    nop_queue(&own, 9, 0);
    cqe_expect(&own, 9, 0);
    kevy_ring_deinit(&own);
}
END_TEST

/* Footgun 35: a forked child that inherits the queues corrupts them. */
START_TEST(a_forked_child_does_not_inherit_the_queues)
{
    struct kevy_ring ring = {0};
    pid_t child;
    int status;

    ring_open(&ring, 4, NULL);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        int sqes_gone = msync(ring.sqes, ring.sqe_size, MS_ASYNC) < 0 && errno == ENOMEM;
        int ring_gone = msync(ring.ring_memory, ring.ring_size, MS_ASYNC) < 0 && errno == ENOMEM;

        _exit(sqes_gone && ring_gone ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    kevy_ring_deinit(&ring);
}
END_TEST

START_TEST(workers_can_be_shared)
{
    struct kevy_ring first = {0}, second = {0};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_ATTACH_WQ};

    ring_open(&first, 4, NULL);
    options.attach_fd = first.fd;
    ring_open(&second, 4, &options);
    nop_queue(&second, 1, 0);
    cqe_expect(&second, 1, 0);
    kevy_ring_deinit(&second);
    options.attach_fd = -1;
    ck_assert_int_lt(kevy_ring_init(&second, 4, &options), 0);
    kevy_ring_deinit(&first);
}
END_TEST

/* The hot fields of each side share a cache line; 32-bit machines have room to spare. */
START_TEST(the_hot_state_is_two_cache_lines)
{
    ck_assert_uint_le(offsetof(struct kevy_ring, cqe_next), 64);
    ck_assert_uint_le(offsetof(struct kevy_ring, sqes), 128);
}
END_TEST

START_TEST(the_version_of_the_library_is_that_of_its_headers)
{
    char text[16];

    ck_assert_int_eq(kevy_version(), KEVY_VERSION);
    snprintf(text, sizeof text, "%d.%d.%d", KEVY_VERSION_MAJOR, KEVY_VERSION_MINOR,
             KEVY_VERSION_PATCH);
    ck_assert_str_eq(KEVY_VERSION_STRING, text);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("ring");
    TCase *life = tcase_create("life");
    TCase *owner = tcase_create("owner");

    tcase_add_test(life, init_rounds_up_and_fills_in);
    tcase_add_test(life, init_asks_for_the_good_defaults);
    tcase_add_test(life, plain_means_nothing_but_what_was_asked);
    tcase_add_test(life, cq_size_is_kept_or_refused_never_dropped);
    tcase_add_test(life, sizes_out_of_range_are_refused);
    tcase_add_test(life, required_flag_is_refused_where_it_lacks);
    tcase_add_test(life, preferred_flags_are_dropped_one_by_one);
    tcase_add_test(life, deinit_accepts_zeroed_failed_and_done);
    tcase_add_test(life, workers_can_be_shared);
    tcase_add_test(life, the_hot_state_is_two_cache_lines);
    tcase_add_test(life, the_version_of_the_library_is_that_of_its_headers);
    suite_add_tcase(suite, life);

    tcase_add_test(owner, a_disabled_ring_waits_for_enable);
    if (setup_grants(KEVY_SETUP_SINGLE_ISSUER)) {
        tcase_add_test(owner, h7_single_issuer_refuses_another_thread);
        tcase_add_test(owner, enable_makes_its_thread_the_owner);
    } else {
        support_skip("h7_single_issuer_refuses_another_thread", "needs Linux 6.0");
        support_skip("enable_makes_its_thread_the_owner", "needs Linux 6.0");
    }
    if (setup_grants(KEVY_SETUP_SUBMIT_ALL)) { /* which is as old as registered descriptors */
        tcase_add_test(life, h2_nothing_is_left_registered_or_open);
        tcase_add_test(life, the_seventeenth_ring_of_a_thread_works_unregistered);
        tcase_add_test(owner, deinit_elsewhere_leaves_that_threads_rings_alone);
    } else {
        support_skip("registered descriptors", "needs Linux 5.18");
    }
    tcase_add_test(owner, a_forked_child_does_not_inherit_the_queues);
    suite_add_tcase(suite, owner);
    return suite;
}
