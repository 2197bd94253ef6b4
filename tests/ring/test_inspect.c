/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * Requests that name memory which is not there, in builds with debug_checks: each ends the program
 * in the enter that submits it, and those that are right pass.
 */

#include "ring_test.h"

#include "inspect.h"

#include <kevy/buffer_ring.h>
#include <kevy/ring_prep.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct kevy_ring ring;
static uint32_t page; /* bytes */
static int ends[2];
static uint32_t page;
static uint8_t *memory; /* a page, and behind it one without access */
static struct iovec vectors[2];
static struct msghdr message;

static void set_up(void)
{
    support_core_limit_zero();
    page = (uint32_t)sysconf(_SC_PAGESIZE);
    ring_open(&ring, 8, NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    memory =
        mmap(NULL, (size_t)2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(memory, MAP_FAILED);
    ck_assert_int_eq(mprotect(memory + page, page, PROT_NONE), 0);
    vectors[0] = (struct iovec){memory, 1};
    vectors[1] = (struct iovec){memory + page - 1, 2};
    message = (struct msghdr){.msg_iov = vectors, .msg_iovlen = 2};
}

static void tear_down(void)
{
    kevy_ring_deinit(&ring);
    close(ends[0]);
    close(ends[1]);
    munmap(memory, (size_t)2 * page);
}

static void bytes_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_send(sqe, ends[0], memory + page - 1, 2, 0);
}

static void receive_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_recv(sqe, ends[0], memory + page, page, 0);
}

static void length_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_write(sqe, ends[0], memory, UINT32_MAX, 0);
}

static void vector_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_writev(sqe, ends[0], vectors, 2, KEVY_OFFSET_CURRENT, 0);
}

static void vectors_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_readv(sqe, ends[0], (const void *)(memory + page), 1, KEVY_OFFSET_CURRENT, 0);
}

static void message_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_sendmsg(sqe, ends[0], &message, 0);
}

static void limit_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_timeout(sqe, (const void *)(memory + page - 8), 0, 0);
}

static void address_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_connect(sqe, ends[0], (const void *)(memory + page - 8), sizeof(struct sockaddr_in));
}

static void path_wrong(struct kevy_sqe *sqe)
{
    kevy_prep_openat(sqe, -1, (const char *)memory + page, 0, 0);
}

static void (*const mistakes[])(struct kevy_sqe *sqe) = {
    bytes_wrong,   receive_wrong, length_wrong,  vector_wrong, vectors_wrong,
    message_wrong, limit_wrong,   address_wrong, path_wrong,
};

START_TEST(a_request_that_names_no_memory_is_not_submitted)
{
    mistakes[_i](kevy_ring_sqe(&ring, 1));
    (void)kevy_ring_submit(&ring);
}
END_TEST

START_TEST(waiting_looks_at_requests_as_well)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = 0};

    mistakes[0](kevy_ring_sqe(&ring, 1));
    (void)kevy_ring_wait(&ring, &wait);
}
END_TEST

START_TEST(memory_up_to_the_end_of_a_mapping_is_there)
{
    vectors[1].iov_len = 1;
    kevy_prep_sendmsg(kevy_ring_sqe(&ring, 1), ends[0], &message, 0);
    cqe_expect(&ring, 1, 2);
    kevy_prep_recv(kevy_ring_sqe(&ring, 2), ends[1], memory + page - 2, 2, 0);
    cqe_expect(&ring, 2, 2);
}
END_TEST

START_TEST(no_memory_and_no_bytes_are_left_to_the_kernel)
{
    kevy_prep_send(kevy_ring_sqe(&ring, 1), ends[0], NULL, 1, 0);
    cqe_expect(&ring, 1, -EFAULT);
    kevy_prep_send(kevy_ring_sqe(&ring, 2), ends[0], memory + page, 0, 0);
    cqe_expect(&ring, 2, 0);
}
END_TEST

/* Two buffers of 100 bytes, whose end is that of a page. */
START_TEST(behind_the_last_buffer_of_a_group_nobody_writes)
{
    struct kevy_buffer_ring_options options = {.entries = 2, .buffer_size = 100, .group = 1};
    struct kevy_buffer_ring buffers = {0};
    volatile uint8_t *end;

    ck_assert_int_eq(kevy_buffer_ring_init(&buffers, &ring, &options), 0);
    end = buffers.buffers + 200;
    end[-1] = 1;
    end[0] = 1;
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("inspect");
    TCase *tcase = tcase_create("inspect");

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, memory_up_to_the_end_of_a_mapping_is_there);
    if (tools_valgrind())
        support_skip("no_memory_and_no_bytes_are_left_to_the_kernel", "valgrind tells NULL, too");
    else
        tcase_add_test(tcase, no_memory_and_no_bytes_are_left_to_the_kernel);
    suite_add_tcase(suite, tcase);
    if (!TOOLS_TOLD) {
        support_skip("a_request_that_names_no_memory_is_not_submitted", "needs debug_checks");
        return suite;
    }
    support_add_abort(tcase, a_request_that_names_no_memory_is_not_submitted, 0,
                      (int)(sizeof mistakes / sizeof *mistakes));
    support_add_abort(tcase, waiting_looks_at_requests_as_well, 0, 1);
    if (TOOLS_ADDRESS || TOOLS_MEMORY || TOOLS_THREAD)
        support_skip("behind_the_last_buffer_of_a_group_nobody_writes",
                     "the sanitizer sees it first");
    else
        tcase_add_test_raise_signal(tcase, behind_the_last_buffer_of_a_group_nobody_writes,
                                    SIGSEGV);
    return suite;
}
