/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Whose a ring is: other threads and forked children, with the default ring and with options. */

#include "ring_test.h"

#include <kevy/buffer_ring.h>
#include <kevy/ring_explain.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_zcrx.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static intptr_t in_a_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    void *result;

    ck_assert_int_eq(pthread_create(&thread, NULL, function, argument), 0);
    ck_assert_int_eq(pthread_join(thread, &result), 0);
    return (intptr_t)result;
}

/* The status of a child that runs `function`: 0 where it returns true. */
static int in_a_child(bool (*function)(void *), void *argument)
{
    pid_t child = fork();
    int status;

    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(function(argument) ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void *submit_there(void *argument)
{
    nop_queue(argument, 1, 0);
    return (void *)(intptr_t)kevy_ring_submit(argument);
}

static void *submit_and_wait_there(void *argument)
{
    nop_queue(argument, 1, 0);
    return (void *)(intptr_t)kevy_ring_submit_and_wait(argument, 1);
}

static void *wait_there(void *argument)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 1000000};

    nop_queue(argument, 1, 0);
    return (void *)(intptr_t)kevy_ring_wait(argument, &wait);
}

static void *(*const entering[])(void *argument) = {submit_there, submit_and_wait_there,
                                                    wait_there};

START_TEST(another_thread_is_told_that_the_ring_is_not_its_own)
{
    struct kevy_ring ring = {0};
    char text[600];

    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(in_a_thread(entering[_i], &ring), -EEXIST);
    cqe_expect(&ring, 1, 0); /* still queued, and ours to submit */
    kevy_ring_deinit(&ring);
    kevy_ring_explain(-EEXIST, text, sizeof text);
    ck_assert_msg(strstr(text, "another thread") != NULL, "%s", text);
}
END_TEST

struct two {
    struct kevy_ring foreign;
    void *(*enter)(void *argument);
};

/* The thread has a ring of its own at the same index: that one must not be taken for the other. */
static void *enter_beside_own(void *argument)
{
    struct two *two = argument;
    struct kevy_ring own = {0};
    intptr_t result;

    ring_open(&own, 4, NULL);
    ck_assert_int_eq(own.enter_fd, two->foreign.enter_fd);
    result = (intptr_t)two->enter(&two->foreign);
    nop_queue(&own, 2, 0);
    cqe_expect(&own, 2, 0);
    kevy_ring_deinit(&own);
    return (void *)result;
}

START_TEST(a_thread_with_a_ring_at_the_same_index_is_told_as_well)
{
    struct two two = {.enter = entering[_i]};

    ring_open(&two.foreign, 4, NULL);
    ck_assert_int_eq(in_a_thread(enter_beside_own, &two), -EEXIST);
    cqe_expect(&two.foreign, 1, 0);
    kevy_ring_deinit(&two.foreign);
}
END_TEST

START_TEST(a_ring_for_any_thread_is_used_by_several_in_turn)
{
    struct kevy_ring_options options = {.any_thread = true};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    ck_assert_int_eq(ring.enter_fd, ring.fd);
    for (int round = 0; round < 3; round++) {
        ck_assert_int_eq(in_a_thread(entering[round], &ring), 1);
        cqe_expect(&ring, 1, 0);
    }
    ck_assert_int_eq(kevy_ring_owner_check(&ring), 0);
    kevy_ring_deinit(&ring);
}
END_TEST

static void *check_there(void *argument)
{
    return (void *)(intptr_t)kevy_ring_owner_check(argument);
}

static bool child_is_told(void *argument)
{
    return kevy_ring_owner_check(argument) == -ECHILD;
}

START_TEST(whoever_asks_is_told_whose_the_ring_is)
{
    struct kevy_ring none = {0}, ring = {0};
    char text[600];

    ck_assert_int_eq(kevy_ring_owner_check(&none), -EBADF);
    ring_open(&ring, 4, NULL);
    ck_assert_int_eq(kevy_ring_owner_check(&ring), 0);
    ck_assert_int_eq(in_a_thread(check_there, &ring), -EEXIST);
    ck_assert_int_eq(in_a_child(child_is_told, &ring), 0);
    kevy_ring_deinit(&ring);
    kevy_ring_explain(-ECHILD, text, sizeof text);
    ck_assert_msg(strstr(text, "fork") != NULL, "%s", text);
}
END_TEST

struct parts {
    struct kevy_ring ring;
    struct kevy_buffer_ring buffers;
};

/* Puts memory of its own where the parent's mappings were, as any allocation may. */
static uint8_t *taken(const void *memory, size_t size)
{
    uint8_t *own = mmap((void *)(uintptr_t)memory, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

    if (own != MAP_FAILED)
        memset(own, 'x', size);
    return own;
}

static bool child_deinits(void *argument)
{
    struct parts *parts = argument;
    size_t sizes[3] = {parts->ring.ring_size, parts->ring.sqe_size, parts->buffers.memory_size};
    const uint8_t *own[3] = {taken(parts->ring.ring_memory, sizes[0]),
                             taken(parts->ring.sqes, sizes[1]),
                             taken(parts->buffers.memory, sizes[2])};
    int fd = parts->ring.fd;

    kevy_buffer_ring_deinit(&parts->buffers);
    kevy_ring_deinit(&parts->ring);
    for (int i = 0; i < 3; i++)
        for (size_t at = 0; at < sizes[i]; at++)
            if (own[i][at] != 'x')
                return false;
    return close(fd) < 0; /* the child's copy is closed */
}

START_TEST(a_childs_deinit_takes_nothing_from_the_child_or_the_parent)
{
    struct kevy_buffer_ring_options group = {.entries = 2, .buffer_size = 64, .group = 1};
    struct kevy_sqe *sqe;
    struct parts parts = {0};
    struct kevy_cqe cqe;
    int pipes[2];

    ring_open(&parts.ring, 4, NULL);
    ck_assert_int_eq(kevy_buffer_ring_init(&parts.buffers, &parts.ring, &group), 0);
    ck_assert_int_eq(in_a_child(child_deinits, &parts), 0);
    /* Queues, registration and group are as they were. */
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(write(pipes[1], "hi", 2), 2);
    sqe = kevy_ring_sqe(&parts.ring, 1);
    kevy_prep_read(sqe, pipes[0], NULL, 0, KEVY_OFFSET_CURRENT);
    sqe->flags |= KEVY_SQE_BUFFER_SELECT;
    sqe->buf_group = 1;
    cqe = cqe_wait(&parts.ring);
    ck_assert_int_eq(cqe.res, 2);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    close(pipes[0]);
    close(pipes[1]);
    kevy_buffer_ring_deinit(&parts.buffers);
    kevy_ring_deinit(&parts.ring);
}
END_TEST

/* Its memory is not in the child either; what lies there is the child's. */
static bool child_deinits_zcrx(void *argument)
{
    struct kevy_zcrx *zcrx = argument;
    size_t size = zcrx->memory_size;
    const uint8_t *own = taken(zcrx->memory, size);

    kevy_zcrx_deinit(zcrx);
    for (size_t at = 0; at < size; at++)
        if (own[at] != 'x')
            return false;
    return true;
}

START_TEST(a_childs_deinit_leaves_a_refill_queue_to_the_parent)
{
    size_t size = 8192;
    struct kevy_zcrx zcrx = {.memory_size = size, .owner_process = (int32_t)getpid()};

    zcrx.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(zcrx.memory, MAP_FAILED);
    ck_assert_int_eq(in_a_child(child_deinits_zcrx, &zcrx), 0);
    kevy_zcrx_deinit(&zcrx);
}
END_TEST

static bool child_submits(void *argument)
{
    struct kevy_ring *ring = argument;
    void *memory = ring->ring_memory;
    bool done;

    nop_queue(ring, 77, 0);
    done = kevy_ring_owner_check(ring) == 0 && kevy_ring_submit(ring) == 1;
    kevy_ring_deinit(ring);
    return done && msync(memory, 1, MS_ASYNC) < 0; /* what was inherited is unmapped */
}

START_TEST(a_ring_shared_on_fork_takes_requests_of_the_child)
{
    struct kevy_ring_options options = {.any_thread = true, .shared_on_fork = true};
    struct kevy_ring ring = {0};

    ring_open(&ring, 4, &options);
    nop_queue(&ring, 1, 0);
    cqe_expect(&ring, 1, 0);
    ck_assert_int_eq(in_a_child(child_submits, &ring), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 1);
    ck_assert_uint_eq(cqe_take(&ring).user_data, 77);
    kevy_ring_deinit(&ring);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("owner");
    TCase *threads = tcase_create("threads");
    TCase *children = tcase_create("children");

    if (setup_grants(KEVY_SETUP_SUBMIT_ALL)) { /* which is as old as registered descriptors */
        tcase_add_loop_test(threads, another_thread_is_told_that_the_ring_is_not_its_own, 0, 3);
        tcase_add_loop_test(threads, a_thread_with_a_ring_at_the_same_index_is_told_as_well, 0, 3);
        tcase_add_test(threads, whoever_asks_is_told_whose_the_ring_is);
    } else {
        support_skip("registered descriptors", "needs Linux 5.18");
    }
    tcase_add_test(threads, a_ring_for_any_thread_is_used_by_several_in_turn);
    suite_add_tcase(suite, threads);
    if (setup_grants(KEVY_SETUP_COOP_TASKRUN)) /* which is as old as buffer rings */
        tcase_add_test(children, a_childs_deinit_takes_nothing_from_the_child_or_the_parent);
    else
        support_skip("a_childs_deinit_takes_nothing_from_the_child_or_the_parent",
                     "needs Linux 5.19");
    tcase_add_test(children, a_childs_deinit_leaves_a_refill_queue_to_the_parent);
    tcase_add_test(children, a_ring_shared_on_fork_takes_requests_of_the_child);
    suite_add_tcase(suite, children);
    return suite;
}
