/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/*
 * What users of io_uring have hurt themselves with, by the numbers of the project's list; here
 * those that concern the ring and have no better place. The others carry their number where they
 * are tested: 1 (overflow), 2 and 4 (ended multishots), 13 (user_data), 17 to 19 (counts, signals,
 * refusals), 28 (twenty a call) and so on.
 */

#include "ring_test.h"

#include "cage.h"

#include <fcntl.h>
#include <kevy/ring_explain.h>
#include <kevy/ring_files.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_register.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define LARGE 600000U

static struct kevy_ring ring;
static int sockets[2];

static void set_up(void)
{
    ring_open(&ring, 16, NULL);
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

static void tear_down(void)
{
    kevy_ring_deinit(&ring);
}

/* Reaps until the CQE of `user_data` comes, and returns its result. */
static int32_t result_of(uint64_t user_data)
{
    for (;;) {
        struct kevy_cqe cqe = cqe_wait(&ring);

        if (cqe.user_data == user_data)
            return cqe.res;
    }
}

/* 7: without BUFFER_SELECT a send bundle sends and then posts a second CQE. */
START_TEST(footgun_7_a_bundle_always_selects_buffers)
{
    struct kevy_sqe sqe;

    kevy_prep_send_bundle(&sqe, sockets[0], 3, 0);
    ck_assert_uint_ne(sqe.flags & KEVY_SQE_BUFFER_SELECT, 0);
    kevy_prep_recv_bundle(&sqe, sockets[0], 3, 0);
    ck_assert_uint_ne(sqe.flags & KEVY_SQE_BUFFER_SELECT, 0);
}
END_TEST

/* 10: closing a descriptor does not end what is in flight on it, and the peer sees no end. */
START_TEST(footgun_10_close_does_not_end_what_is_in_flight)
{
    char byte;

    kevy_prep_recv(kevy_ring_sqe(&ring, 1), sockets[1], &byte, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    close(sockets[1]);
    ck_assert_int_eq(recv(sockets[0], &byte, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, EAGAIN);
    kevy_prep_cancel(kevy_ring_sqe(&ring, 2), 1, 0);
    ck_assert_int_eq(result_of(1), -ECANCELED);
    ck_assert_int_eq(recv(sockets[0], &byte, 1, 0), 0); /* now it does */
}
END_TEST

/* 11: a cancel's own result says little; the victim's last CQE says everything. */
START_TEST(footgun_11_the_victims_cqe_counts)
{
    uint32_t seen = 0;
    char byte;

    kevy_prep_cancel(kevy_ring_sqe(&ring, 2), 1, 0);
    cqe_expect(&ring, 2, -ENOENT); /* no such request, or no longer */
    kevy_prep_recv(kevy_ring_sqe(&ring, 1), sockets[1], &byte, 1, 0);
    kevy_prep_cancel(kevy_ring_sqe(&ring, 2), 1, 0);
    while (seen != 3) { /* in any order */
        struct kevy_cqe cqe = cqe_wait(&ring);

        ck_assert(cqe.user_data == 1 || cqe.user_data == 2);
        if (cqe.user_data == 1)
            ck_assert_int_eq(cqe.res, -ECANCELED);
        seen |= (uint32_t)cqe.user_data;
    }
}
END_TEST

/* 12: what shares its user_data shares its cancels. */
START_TEST(footgun_12_a_cancel_hits_one_of_several)
{
    char bytes[3];

    for (int i = 0; i < 3; i++)
        kevy_prep_recv(kevy_ring_sqe(&ring, 7), sockets[1], &bytes[i], 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 3);
    kevy_prep_cancel(kevy_ring_sqe(&ring, 8), 7, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    ck_assert_int_eq(kevy_ring_flush(&ring), 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 2); /* the cancel and one victim */
    kevy_prep_cancel(kevy_ring_sqe(&ring, 9), 7, KEVY_ASYNC_CANCEL_ALL);
    ck_assert_int_eq(result_of(9), 2);
}
END_TEST

/* 14: a slot is the kernel's once submitted; ours to write again, but never to change a request. */
START_TEST(footgun_14_a_submitted_request_is_out_of_reach)
{
    char byte = 0;

    kevy_prep_recv(kevy_ring_sqe(&ring, 1), sockets[1], &byte, 1, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    memset(ring.sqes, 0xff, ring.sqe_size);
    ck_assert_int_eq(send(sockets[0], "x", 1, 0), 1);
    cqe_expect(&ring, 1, 1);
    ck_assert_int_eq(byte, 'x');
}
END_TEST

/* 16: a timespec has to live until the submit, and no longer. */
START_TEST(footgun_16_a_timespec_may_go_after_the_submit)
{
    struct kevy_timespec limit = {.tv_nsec = 1000000};

    kevy_prep_timeout(kevy_ring_sqe(&ring, 1), &limit, 0, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    limit.tv_sec = 3600;
    cqe_expect(&ring, 1, -ETIME);
}
END_TEST

/* Reads everything there is from socket 1 until `count` CQEs have come. */
static uint32_t drain(char *received, uint32_t count)
{
    uint32_t total = 0;
    ssize_t got;

    while (kevy_ring_ready(&ring) < count || total < LARGE) {
        ck_assert_int_ge(kevy_ring_submit_and_wait(&ring, 0), 0);
        got = recv(sockets[1], received + total, LARGE - total, MSG_DONTWAIT);
        if (got > 0)
            total += (uint32_t)got;
    }
    return total;
}

/* 20: even a blocking socket sends short, unless MSG_WAITALL asks for the whole. */
START_TEST(footgun_20_wait_all_makes_a_send_whole)
{
    char *data = calloc(2, LARGE);

    kevy_prep_send(kevy_ring_sqe(&ring, 1), sockets[0], data, LARGE, MSG_WAITALL);
    ck_assert_uint_eq(drain(data + LARGE, 1), LARGE);
    cqe_expect(&ring, 1, LARGE);
    free(data);
}
END_TEST

/* 21: two sends in flight on one stream interleave; a link keeps the second behind the first. */
START_TEST(footgun_21_linked_sends_do_not_interleave)
{
    char *data = calloc(2, LARGE);
    struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

    memset(data, 'a', LARGE / 2);
    memset(data + LARGE / 2, 'b', LARGE / 2);
    kevy_prep_send(sqe, sockets[0], data, LARGE / 2, MSG_WAITALL);
    kevy_sqe_set_flags(sqe, KEVY_SQE_IO_LINK);
    kevy_prep_send(kevy_ring_sqe(&ring, 2), sockets[0], data + LARGE / 2, LARGE / 2, MSG_WAITALL);
    ck_assert_uint_eq(drain(data + LARGE, 2), LARGE);
    ck_assert_mem_eq(data, data + LARGE, LARGE);
    free(data);
}
END_TEST

/* As a user of our own with 16 KiB of lockable memory. */
static void memlock_restrict(void)
{
    struct rlimit limit = {16384, 16384};

    ck_assert_int_eq(setrlimit(RLIMIT_MEMLOCK, &limit), 0);
    if (geteuid() == 0)
        ck_assert_int_eq(setuid(54321), 0); /* takes CAP_IPC_LOCK away */
}

/* 24: registered buffers are pinned, and count. */
START_TEST(footgun_24_too_much_to_pin_is_an_error_to_handle)
{
    struct iovec buffer = {.iov_len = 1U << 20};

    buffer.iov_base = malloc(buffer.iov_len);
    kevy_ring_deinit(&ring);
    memlock_restrict();
    ring_open(&ring, 2, NULL); /* counts towards the limit of who made it */
    ck_assert_int_eq(kevy_ring_buffers_register(&ring, &buffer, 1), -ENOMEM);
    nop_queue(&ring, 1, 0); /* and everything goes on */
    cqe_expect(&ring, 1, 0);
    free(buffer.iov_base);
}
END_TEST

/* 25: so may the queues, over all processes of the user; the sentence says how much there is. */
START_TEST(footgun_25_too_large_a_ring_is_explained)
{
    struct kevy_ring large = {0};
    char text[600];
    int error;

    memlock_restrict();
    error = kevy_ring_init(&large, 4096, NULL);
    /* Up to 5.11 and again since 6.13, but not in every later kernel. */
    ck_assert_msg(error == 0 || error == -ENOMEM, "init: %d", error);
    kevy_ring_deinit(&large);
    kevy_ring_explain(-ENOMEM, text, sizeof text);
    ck_assert_ptr_nonnull(strstr(text, "16 KiB"));
}
END_TEST

static const int forbidden[] = {EPERM, ENOSYS};

/* 26: Docker answers EPERM, others ENOSYS; both are the container's doing, and it is said so. */
START_TEST(footgun_26_a_containers_refusal_is_told_apart)
{
    struct kevy_ring_options options = {.kernel = KEVY_RING_KERNEL_IO_URING};
    struct kevy_ring refused = {0};
    char text[600];

    cage_forbid_setup(forbidden[_i]);
    ck_assert_int_eq(kevy_ring_init(&refused, 4, &options), -forbidden[_i]);
    kevy_ring_explain(-forbidden[_i], text, sizeof text);
    ck_assert_msg(strstr(text, "--security-opt seccomp=") != NULL, "%s", text);
}
END_TEST

static void *message_send(void *target)
{
    ck_assert_int_eq(kevy_ring_message(target, 5, 6, 0), 0);
    return NULL;
}

/* 30: another thread can wake a wait without a descriptor in between. */
START_TEST(footgun_30_a_message_wakes_a_waiting_ring)
{
    struct kevy_ring_wait wait = {.minimum = 1, .timeout_ns = KEVY_FOREVER};
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, message_send, &ring), 0);
    ck_assert_int_eq(kevy_ring_wait(&ring, &wait), 1);
    cqe_expect(&ring, 5, 6);
    pthread_join(thread, NULL);
}
END_TEST

/* A listener on the loopback; *port 0 chooses one. */
static int listener_open(in_port_t *port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = *port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    *port = address.sin_port;
    return fd;
}

/* 36: a ring goes away behind our back; who needs a port at once cancels and reaps first. */
START_TEST(footgun_36_what_was_cancelled_and_reaped_is_free_at_once)
{
    struct kevy_ring_cancel everything = {.flags = KEVY_ASYNC_CANCEL_ANY | KEVY_ASYNC_CANCEL_ALL,
                                          .timeout_ns = KEVY_FOREVER};
    in_port_t port = 0;

    for (int i = 0; i < 20; i++) {
        int fd = listener_open(&port);

        kevy_prep_accept_multishot(kevy_ring_sqe(&ring, 1), fd, 0);
        ck_assert_int_eq(kevy_ring_submit(&ring), 1);
        ck_assert_int_ge(kevy_ring_cancel_sync(&ring, &everything), 0);
        cqe_expect(&ring, 1, -ECANCELED);
        close(fd);
    }
}
END_TEST

static int client_open(in_port_t port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

/* 38: without descriptors a multishot accept ends; who was refused waits in the backlog. */
START_TEST(footgun_38_no_descriptor_loses_no_connection)
{
    in_port_t port = 0;
    int listener = listener_open(&port), client = client_open(port);
    struct rlimit limit, none;
    struct kevy_cqe cqe;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 3; /* the limit counts when the request is made */
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    kevy_prep_accept_multishot(kevy_ring_sqe(&ring, 1), listener, SOCK_CLOEXEC);
    cqe = cqe_wait(&ring);
    ck_assert_int_eq(cqe.res, -EMFILE);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    kevy_prep_accept_multishot(kevy_ring_sqe(&ring, 2), listener, SOCK_CLOEXEC);
    cqe = cqe_wait(&ring);
    ck_assert_int_ge(cqe.res, 0);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
    close(cqe.res);
    close(client);
    close(listener);
}
END_TEST

/* 39: a multishot accept would write every peer's address into the same place. */
START_TEST(footgun_39_a_multishot_accept_takes_no_address)
{
    struct kevy_sqe sqe;

    kevy_prep_accept_multishot(&sqe, sockets[0], 0);
    ck_assert_uint_eq(sqe.addr, 0);
    ck_assert_uint_eq(sqe.addr2, 0);
}
END_TEST

/* 42: a link whose success is not told, on a deferring ring, was once broken. */
START_TEST(footgun_42_silent_links_work_when_deferring)
{
    struct kevy_ring_options options = {.required_flags =
                                            KEVY_SETUP_SINGLE_ISSUER | KEVY_SETUP_DEFER_TASKRUN};

    kevy_ring_deinit(&ring);
    ring_open(&ring, 8, &options);
    for (uint64_t i = 1; i <= 3; i++) {
        struct kevy_sqe *sqe = kevy_ring_sqe(&ring, i);

        kevy_prep_nop(sqe);
        if (i < 3)
            kevy_sqe_set_flags(sqe, KEVY_SQE_CQE_SKIP_SUCCESS | KEVY_SQE_IO_LINK);
    }
    cqe_expect(&ring, 3, 0);
    ck_assert_uint_eq(kevy_ring_ready(&ring), 0);
}
END_TEST

/* 45: the notification of a zero-copy send cannot be done without. */
START_TEST(footgun_45_a_zero_copy_send_cannot_be_silent)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

    kevy_prep_send_zc(sqe, sockets[0], "x", 1, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_CQE_SKIP_SUCCESS);
    cqe_expect(&ring, 1, -EINVAL);
}
END_TEST

/* 46: what an earlier request left in the slot must not get this one refused. */
START_TEST(footgun_46_no_field_of_an_earlier_request_survives)
{
    char bytes[2];

    for (int lap = 0; lap < 3; lap++) {
        memset(ring.sqes, 0xff, ring.sqe_size);
        ck_assert_int_eq(send(sockets[0], "xy", 2, 0), 2);
        kevy_prep_recv(kevy_ring_sqe(&ring, 1), sockets[1], bytes, 2, 0);
        cqe_expect(&ring, 1, 2);
    }
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("footgun");
    TCase *tcase = tcase_create("footgun");
    struct kevy_ring_probe probe = kernel_probe();

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, footgun_7_a_bundle_always_selects_buffers);
    tcase_add_test(tcase, footgun_10_close_does_not_end_what_is_in_flight);
    tcase_add_test(tcase, footgun_11_the_victims_cqe_counts);
    tcase_add_test(tcase, footgun_14_a_submitted_request_is_out_of_reach);
    tcase_add_test(tcase, footgun_16_a_timespec_may_go_after_the_submit);
    tcase_add_test(tcase, footgun_25_too_large_a_ring_is_explained);
    tcase_add_loop_test(tcase, footgun_26_a_containers_refusal_is_told_apart, 0, 2);
    tcase_add_test(tcase, footgun_39_a_multishot_accept_takes_no_address);
    tcase_add_test(tcase, footgun_46_no_field_of_an_earlier_request_survives);
    suite_add_tcase(suite, tcase);
    if (!kernel_has_release_of(&probe, KEVY_OP_RECV_ZC)) {
        support_skip("footguns 12, 20, 21, 24, 30, 36, 38, 42 and 45", "needs Linux 6.15");
        return suite;
    }
    tcase_add_test(tcase, footgun_12_a_cancel_hits_one_of_several);
    tcase_add_test(tcase, footgun_20_wait_all_makes_a_send_whole);
    tcase_add_test(tcase, footgun_21_linked_sends_do_not_interleave);
    tcase_add_test(tcase, footgun_24_too_much_to_pin_is_an_error_to_handle);
    tcase_add_test(tcase, footgun_30_a_message_wakes_a_waiting_ring);
    tcase_add_test(tcase, footgun_36_what_was_cancelled_and_reaped_is_free_at_once);
    tcase_add_test(tcase, footgun_38_no_descriptor_loses_no_connection);
    tcase_add_test(tcase, footgun_42_silent_links_work_when_deferring);
    tcase_add_test(tcase, footgun_45_a_zero_copy_send_cannot_be_silent);
    return suite;
}
