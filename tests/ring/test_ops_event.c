/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Of <kevy/ring_prep_event.h>: NOPs, messages, futexes, children and epoll, run on this kernel. */

#include "ops.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void pipe_open(int ends[2])
{
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
}

static void put(int fd)
{
    ck_assert_int_eq(write(fd, "x", 1), 1);
}

/* NOP */

START_TEST(nop_completes)
{
    kevy_prep_nop(request(1));
    expect(1, 0);
}
END_TEST

START_TEST(nop_result_is_what_was_asked_for)
{
    kevy_prep_nop_result(request(1), -ENOTTY);
    expect(1, -ENOTTY);
    kevy_prep_nop_result(request(1), 77);
    expect(1, 77);
}
END_TEST

START_TEST(nop_lookup_finds_files_and_buffers)
{
    static char bytes[64];
    struct {
        void *base;
        size_t length;
    } vector = {bytes, sizeof bytes};

    file_table(4);
    file_put(2, STDIN_FILENO);
    ck_assert_int_eq(kevy_ring_register(&ring, KEVY_REGISTER_BUFFERS, &vector, 1), 0);
    kevy_prep_nop_lookup(request(1), KEVY_NOP_FILE, STDIN_FILENO, 0);
    expect(1, 0);
    kevy_prep_nop_lookup(request(1), KEVY_NOP_FILE | KEVY_NOP_FIXED_FILE, 2, 0);
    expect(1, 0);
    kevy_prep_nop_lookup(request(1), KEVY_NOP_FIXED_BUFFER, -1, 0);
    expect(1, 0);
}
END_TEST

START_TEST(nop_through_task_work_completes)
{
    kevy_prep_nop_lookup(request(1), KEVY_NOP_TW, -1, 0);
    expect(1, 0);
}
END_TEST

START_TEST(nop_cqe32_carries_two_words)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_CQE32};
    struct kevy_ring wide = {0};
    const struct kevy_cqe32 *cqe;

    ring_open(&wide, 4, &options);
    kevy_prep_nop_cqe32(kevy_ring_sqe(&wide, 1), 11, 22);
    ck_assert_int_eq(kevy_ring_submit_and_wait(&wide, 1), 1);
    cqe = (const struct kevy_cqe32 *)kevy_ring_next(&wide);
    ck_assert_int_eq(cqe->cqe.res, 0);
    ck_assert_uint_eq(cqe->big_cqe[0], 11);
    ck_assert_uint_eq(cqe->big_cqe[1], 22);
    kevy_ring_release(&wide);
    kevy_ring_deinit(&wide);
    kevy_prep_nop_cqe32(request(1), 11, 22);
    expect(1, -EINVAL);
}
END_TEST

/* Messages between rings: `ring` sends, `target` receives. */

static struct kevy_ring target;

static void target_open(void)
{
    ring_open(&target, 8, NULL);
}

START_TEST(msg_ring_posts_a_completion)
{
    target_open();
    kevy_prep_msg_ring(request(1), target.fd, 77, 4711, 0);
    expect(1, 0);
    struct kevy_cqe cqe = cqe_wait(&target);
    ck_assert_uint_eq(cqe.user_data, 4711);
    ck_assert_int_eq(cqe.res, 77);
    ck_assert_uint_eq(cqe.flags, 0);
    kevy_ring_deinit(&target);
    kevy_prep_msg_ring(request(1), STDIN_FILENO, 77, 4711, 0);
    expect(1, -EBADFD);
}
END_TEST

START_TEST(msg_ring_passes_flags)
{
    target_open();
    kevy_prep_msg_ring_cqe_flags(request(1), target.fd, 77, 4711, KEVY_CQE_F_MORE);
    expect(1, 0);
    ck_assert_uint_eq(cqe_wait(&target).flags, KEVY_CQE_F_MORE);
    kevy_ring_deinit(&target);
}
END_TEST

START_TEST(msg_ring_hands_files_over)
{
    struct kevy_rsrc_register table = {.nr = 4, .flags = KEVY_RSRC_REGISTER_SPARSE};
    int ends[2];

    pipe_open(ends);
    target_open();
    file_table(4);
    ck_assert_int_eq(kevy_ring_register(&target, KEVY_REGISTER_FILES2, &table, sizeof table), 0);
    file_put(3, ends[0]);
    kevy_prep_msg_ring_fd(request(1), target.fd, 3, 2, 4711, 0);
    expect(1, 0);
    cqe_expect(&target, 4711, 0);
    kevy_prep_msg_ring_fd_alloc(request(1), target.fd, 3, 4712, 0);
    int32_t slot = next_cqe().res;
    ck_assert_int_ge(slot, 0);
    ck_assert_int_ne(slot, 2);
    cqe_expect(&target, 4712, slot);
    kevy_prep_msg_ring_fd_alloc(request(1), target.fd, 3, 4713, KEVY_MSG_RING_CQE_SKIP);
    ck_assert_int_ge(next_cqe().res, 0);
    ck_assert_uint_eq(kevy_ring_ready(&target), 0);

    struct kevy_sqe *sqe = kevy_ring_sqe(&target, 9);
    put(ends[1]);
    kevy_prep_poll(sqe, 2, POLLIN);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    cqe_expect(&target, 9, POLLIN);
    kevy_prep_msg_ring_fd(request(1), target.fd, 1, 2, 4711, 0);
    expect(1, -EBADF);
    kevy_ring_deinit(&target);
}
END_TEST

/* Futexes, children, epoll */

START_TEST(futex_wait_is_woken)
{
    static uint32_t futex = 5;
    const uint32_t flags = KEVY_FUTEX2_SIZE_U32 | KEVY_FUTEX2_PRIVATE;

    kevy_prep_futex_wait(request(1), &futex, 4, KEVY_FUTEX_BITSET_MATCH_ANY, flags);
    expect(1, -EAGAIN);
    kevy_prep_futex_wait(request(1), &futex, 5, 0x0f, flags);
    submit();
    kevy_prep_futex_wake(request(2), &futex, 1, 0xf0, flags);
    expect(2, 0);
    kevy_prep_futex_wake(request(2), &futex, 1, 0x01, flags);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[2], 1);
    ck_assert_int_eq(outcome.result[1], 0);
}
END_TEST

START_TEST(futex_waitv_says_which)
{
    static uint32_t futexes[3];
    const uint32_t flags = KEVY_FUTEX2_SIZE_U32 | KEVY_FUTEX2_PRIVATE;
    struct kevy_futex_waitv waiters[3];

    memset(waiters, 0, sizeof waiters);
    for (int i = 0; i < 3; i++) {
        waiters[i].uaddr = (uint64_t)(uintptr_t)&futexes[i];
        waiters[i].flags = flags;
    }
    kevy_prep_futex_waitv(request(1), waiters, 3);
    submit();
    memset(waiters, 0xff, sizeof waiters); /* BORROWED only */
    kevy_prep_futex_wake(request(2), &futexes[1], 1, KEVY_FUTEX_BITSET_MATCH_ANY, flags);
    struct outcome outcome = collect(2);
    ck_assert_int_eq(outcome.result[2], 1);
    ck_assert_int_eq(outcome.result[1], 1);
}
END_TEST

START_TEST(waitid_sees_a_child_end)
{
    siginfo_t information;
    int ends[2];

    memset(&information, 0, sizeof information);
    pipe_open(ends);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        char byte;
        _exit(read(ends[0], &byte, 1) == 1 ? 7 : 1);
    }
    kevy_prep_waitid(request(1), P_PID, (uint32_t)child, &information, WEXITED);
    submit();
    put(ends[1]);
    expect(1, 0);
    ck_assert_int_eq(information.si_pid, child);
    ck_assert_int_eq(information.si_status, 7);
    kevy_prep_waitid(request(1), P_PID, (uint32_t)child, NULL, WEXITED);
    expect(1, -ECHILD);
}
END_TEST

/* Nothing tells of a group but a look, on the soft kernel. */
START_TEST(waitid_of_a_group_costs_few_wakes)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 500000000};
    struct rusage before, after;
    pid_t child = fork();

    ck_assert_int_ge(child, 0);
    if (child == 0) {
        pause();
        _exit(1);
    }
    ck_assert_int_eq(setpgid(child, child), 0);
    kevy_prep_waitid(request(1), P_PGID, (uint32_t)child, NULL, WEXITED);
    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &before), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), -ETIME);
    ck_assert_int_eq(getrusage(RUSAGE_THREAD, &after), 0);
    ck_assert_int_lt(after.ru_nvcsw - before.ru_nvcsw, 20);
    ck_assert_int_eq(kill(child, SIGKILL), 0);
    expect(1, 0);
}
END_TEST

START_TEST(epoll_ctl_adds_and_removes)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int fd = eventfd(1, EFD_CLOEXEC);

    kevy_prep_epoll_ctl(request(1), epoll_fd, fd, EPOLL_CTL_ADD, &event);
    expect(1, 0);
    memset(&event, 0, sizeof event);
    ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, 0), 1);
    ck_assert_uint_eq(event.data.u64, 42);
    kevy_prep_epoll_ctl(request(1), epoll_fd, fd, EPOLL_CTL_DEL, NULL);
    expect(1, 0);
    ck_assert_int_eq(epoll_wait(epoll_fd, &event, 1, 0), 0);
}
END_TEST

START_TEST(epoll_wait_waits)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = 42};
    int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    int fd = eventfd(0, EFD_CLOEXEC);
    uint64_t one = 1;

    ck_assert_int_eq(epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event), 0);
    memset(&event, 0, sizeof event);
    kevy_prep_epoll_wait(request(1), epoll_fd, &event, 1);
    submit();
    expect_none();
    ck_assert_int_eq(write(fd, &one, sizeof one), sizeof one);
    expect(1, 1);
    ck_assert_uint_eq(event.events, EPOLLIN);
    ck_assert_uint_eq(event.data.u64, 42);
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test nops[] = {
        {nop_completes, 501},
        {nop_result_is_what_was_asked_for, 610},
        {nop_lookup_finds_files_and_buffers, 613},
        {nop_through_task_work_completes, 616},
        {nop_cqe32_carries_two_words, 618},
    };
    const struct ops_test messages[] = {
        {msg_ring_posts_a_completion, 518},
        {msg_ring_passes_flags, 603},
        {msg_ring_hands_files_over, 600},
    };
    const struct ops_test others[] = {
        {futex_wait_is_woken, 607},        {futex_waitv_says_which, 607},
        {waitid_sees_a_child_end, 607},    {waitid_of_a_group_costs_few_wakes, 607},
        {epoll_ctl_adds_and_removes, 506}, {epoll_wait_waits, 615},
    };
    Suite *suite = suite_create("ring_ops_event");

    suite_add_tcase(suite, ops_case("nop", nops, COUNT(nops)));
    suite_add_tcase(suite, ops_case("msg_ring", messages, COUNT(messages)));
    suite_add_tcase(suite, ops_case("others", others, COUNT(others)));
    return suite;
}
