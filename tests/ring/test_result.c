/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Reading the results that are more than a number, as the running kernel writes them. */

#include "ring_test.h"

#include <arpa/inet.h>
#include <kevy/ring_prep.h>
#include <kevy/ring_result.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define GROUP 3
#define SIZE  128U

static struct kevy_ring ring;
static struct kevy_buffer_ring pool;
static int sockets[2]; /* the test writes to 0, the ring receives from 1 */

static void set_up(void)
{
    memset(&pool, 0, sizeof pool);
    ring_open(&ring, 16, NULL);
}

static void tear_down(void)
{
    kevy_buffer_ring_deinit(&pool);
    kevy_ring_deinit(&ring);
}

static void pool_open(uint32_t entries, uint32_t size, uint32_t flags)
{
    struct kevy_buffer_ring_options options = {
        .entries = entries, .buffer_size = size, .group = GROUP, .flags = flags};

    ck_assert_int_eq(kevy_buffer_ring_init(&pool, &ring, &options), 0);
}

static void stream_open(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
}

/* Two UDP sockets on the loopback; 0 is connected to 1. Returns the port of 0. */
static in_port_t datagram_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    for (int i = 0; i < 2; i++) {
        sockets[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        address.sin_port = 0;
        ck_assert_int_eq(bind(sockets[i], (struct sockaddr *)&address, sizeof address), 0);
    }
    ck_assert_int_eq(getsockname(sockets[1], (struct sockaddr *)&address, &length), 0);
    ck_assert_int_eq(connect(sockets[0], (struct sockaddr *)&address, length), 0);
    ck_assert_int_eq(getsockname(sockets[0], (struct sockaddr *)&address, &length), 0);
    return address.sin_port;
}

/* Receives one message into the pool and reads it. */
static bool message_receive(struct kevy_recvmsg *message, const struct msghdr *request)
{
    struct kevy_cqe cqe = cqe_wait(&ring);
    uint16_t id = kevy_buffer_id(cqe.flags);

    ck_assert_int_gt(cqe.res, 0);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    return kevy_recvmsg_parse(message, kevy_buffer_ring_take(&pool, id), (uint32_t)cqe.res,
                              request);
}

START_TEST(a_datagram_comes_with_its_senders_address)
{
    in_port_t port = datagram_open();
    struct msghdr request = {.msg_namelen = sizeof(struct sockaddr_in)};
    struct sockaddr_in sender;
    struct kevy_recvmsg message;

    pool_open(8, SIZE, 0);
    kevy_prep_recvmsg_multishot(kevy_ring_sqe(&ring, 1), sockets[1], &request, GROUP, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(send(sockets[0], "hello", 5, 0), 5);
        ck_assert(message_receive(&message, &request));
        ck_assert_uint_eq(message.name_length, sizeof sender);
        memcpy(&sender, message.name, sizeof sender);
        ck_assert_uint_eq(sender.sin_port, port);
        ck_assert_uint_eq(message.control_length, 0);
        ck_assert_uint_eq(message.payload_length, 5);
        ck_assert_mem_eq(message.payload, "hello", 5);
        ck_assert_uint_eq(message.flags, 0);
    }
}
END_TEST

START_TEST(what_did_not_fit_is_told)
{
    struct msghdr request = {.msg_namelen = 4};
    struct kevy_recvmsg message;
    char text[2 * SIZE];

    datagram_open();
    pool_open(8, SIZE, 0);
    memset(text, 'x', sizeof text);
    kevy_prep_recvmsg_multishot(kevy_ring_sqe(&ring, 1), sockets[1], &request, GROUP, MSG_TRUNC);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    ck_assert_int_eq(send(sockets[0], text, sizeof text, 0), sizeof text);
    ck_assert(message_receive(&message, &request));
    ck_assert_uint_eq(message.name_length, 4);
    ck_assert_uint_eq(message.name_whole, sizeof(struct sockaddr_in));
    ck_assert_uint_eq(message.payload_length, SIZE - 16 - 4);
    ck_assert_uint_eq(message.payload_whole, sizeof text);
    ck_assert_uint_ne(message.flags & MSG_TRUNC, 0);
}
END_TEST

START_TEST(control_messages_can_be_walked)
{
    struct msghdr request = {.msg_namelen = sizeof(struct sockaddr_in), .msg_controllen = 64};
    struct kevy_recvmsg message;
    struct cmsghdr *header;
    struct msghdr walk;
    int on = 1;

    datagram_open();
    pool_open(8, SIZE, 0);
    ck_assert_int_eq(setsockopt(sockets[1], IPPROTO_IP, IP_RECVTTL, &on, sizeof on), 0);
    kevy_prep_recvmsg_multishot(kevy_ring_sqe(&ring, 1), sockets[1], &request, GROUP, 0);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    ck_assert_int_eq(send(sockets[0], "hello", 5, 0), 5);
    ck_assert(message_receive(&message, &request));
    walk = kevy_recvmsg_control(&message);
    header = CMSG_FIRSTHDR(&walk);
    ck_assert_ptr_nonnull(header);
    ck_assert_int_eq(header->cmsg_level, IPPROTO_IP);
    ck_assert_int_eq(header->cmsg_type, IP_TTL);
    ck_assert_ptr_null(CMSG_NXTHDR(&walk, header));
    ck_assert_mem_eq(message.payload, "hello", 5);
}
END_TEST

START_TEST(a_message_that_cannot_be_one_is_refused)
{
    unsigned char bytes[64] = {0};
    struct kevy_recvmsg_out out = {.namelen = UINT32_MAX, .controllen = UINT32_MAX};
    struct msghdr request = {.msg_namelen = 16, .msg_controllen = 8};
    struct kevy_recvmsg message;

    ck_assert(!kevy_recvmsg_parse(&message, bytes, 0, &request));
    ck_assert(!kevy_recvmsg_parse(&message, bytes, 39, &request));
    memcpy(bytes, &out, sizeof out);
    ck_assert(kevy_recvmsg_parse(&message, bytes, 40, &request));
    ck_assert_uint_eq(message.name_length, 16); /* never more than there is */
    ck_assert_uint_eq(message.control_length, 8);
    ck_assert_uint_eq(message.payload_length, 0);
    /* The largest there is, of a size_t (glibc) or a socklen_t (musl). */
    memset(&request.msg_controllen, 0xff, sizeof request.msg_controllen);
    ck_assert(!kevy_recvmsg_parse(&message, bytes, 64, &request));
}
END_TEST

/* Walks the bundle of the next CQE and appends what it holds to `text`; returns the bytes. */
static uint32_t bundle_walk(char *text, uint16_t *ids, uint32_t *count)
{
    struct kevy_cqe cqe = cqe_wait(&ring);
    struct kevy_bundle bundle;
    uint32_t length, total = 0;
    uint16_t id;
    uint8_t *data;

    ck_assert_int_gt(cqe.res, 0);
    bundle = kevy_bundle_begin(&pool, cqe.flags, (uint32_t)cqe.res);
    *count = 0;
    while ((data = kevy_bundle_next(&bundle, &id, &length)) != NULL) {
        memcpy(text + total, data, length);
        total += length;
        ids[(*count)++] = id;
    }
    ck_assert_uint_eq(total, (uint32_t)cqe.res);
    return total;
}

/* Footguns 6 and 9: the buffers of a bundle go by their place in the ring, which soon is no longer
 * the id.
 */
START_TEST(bundles_are_walked_whatever_the_order_of_the_ids)
{
    char sent[200], received[200];
    uint16_t ids[8];
    uint32_t count;

    stream_open();
    pool_open(8, 32, 0);
    for (unsigned round = 0; round < 100; round++) {
        uint32_t length = 33 + round % 160;

        for (uint32_t i = 0; i < length; i++)
            sent[i] = (char)(i * 7 + round);
        ck_assert_int_eq(send(sockets[0], sent, length, 0), length);
        for (uint32_t got = 0; got < length;) {
            kevy_prep_recv_bundle(kevy_ring_sqe(&ring, 1), sockets[1], GROUP, 0);
            got += bundle_walk(received + got, ids, &count);
            /* Back they go, the last first. */
            while (count > 0)
                kevy_buffer_ring_give(&pool, ids[--count]);
            kevy_buffer_ring_publish(&pool);
        }
        ck_assert_mem_eq(received, sent, length);
    }
}
END_TEST

/* Footgun 8: a bundle over incremental buffers begins and ends in the middle of one. */
START_TEST(bundles_over_incremental_buffers_keep_their_offsets)
{
    char sent[200], received[200];
    uint16_t ids[8];

    stream_open();
    pool_open(8, 64, KEVY_BUFFER_RING_INCREMENTAL);
    for (unsigned round = 0; round < 100; round++) {
        uint32_t length = 20 + round % 150, count;

        for (uint32_t i = 0; i < length; i++)
            sent[i] = (char)(i * 5 + round);
        ck_assert_int_eq(send(sockets[0], sent, length, 0), length);
        for (uint32_t got = 0; got < length;) {
            kevy_prep_recv_bundle(kevy_ring_sqe(&ring, 1), sockets[1], GROUP, 0);
            got += bundle_walk(received + got, ids, &count);
        }
        ck_assert_mem_eq(received, sent, length);
        for (uint16_t id = 0; id < 8; id++)
            if (pool.hands[id] & KEVY_X_BUFFER_LENT)
                kevy_buffer_ring_give(&pool, id);
        kevy_buffer_ring_publish(&pool);
    }
}
END_TEST

/* Linux 6.18.15 drops the flag of the last buffer when it receives a bundle in two parts. */
START_TEST(a_buffer_that_a_bundle_has_not_filled_stays_with_the_kernel)
{
    struct kevy_bundle bundle;
    uint32_t length;
    uint16_t id;

    stream_open();
    pool_open(8, 64, KEVY_BUFFER_RING_INCREMENTAL);
    bundle = kevy_bundle_begin(&pool, KEVY_CQE_F_BUFFER, 70);
    ck_assert_ptr_eq(kevy_bundle_next(&bundle, &id, &length), pool.buffers);
    ck_assert_ptr_eq(kevy_bundle_next(&bundle, &id, &length), pool.buffers + 64);
    ck_assert_uint_eq(length, 6);
    ck_assert_ptr_null(kevy_bundle_next(&bundle, &id, &length));
    ck_assert_uint_eq(pool.lent_count, 1);
    bundle = kevy_bundle_begin(&pool, KEVY_CQE_F_BUFFER | 1U << KEVY_CQE_BUFFER_SHIFT, 58);
    ck_assert_ptr_eq(kevy_bundle_next(&bundle, &id, &length), pool.buffers + 70);
    ck_assert_uint_eq(length, 58);
    ck_assert_uint_eq(pool.lent_count, 2);
}
END_TEST

static struct kevy_zero_copy pair_take(int *cqes)
{
    struct kevy_zero_copy send;
    struct kevy_cqe cqe;

    memset(&send, 0, sizeof send);
    *cqes = 0;
    do {
        cqe = cqe_wait(&ring);
        ++*cqes;
    } while (!kevy_zero_copy_note(&send, &cqe));
    return send;
}

static void tcp_open(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    ck_assert_int_eq(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    sockets[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(connect(sockets[0], (struct sockaddr *)&address, length), 0);
    sockets[1] = accept(listener, NULL, NULL);
    ck_assert_int_ge(sockets[1], 0);
    close(listener);
}

/* Footgun 23: the buffer of a zero-copy send is not ours until the notification. */
START_TEST(a_zero_copy_send_answers_twice)
{
    char data[] = "zero", received[8];
    struct kevy_zero_copy send;
    struct kevy_sqe *sqe;
    int cqes;

    tcp_open();
    sqe = kevy_ring_sqe(&ring, 1);
    kevy_prep_send_zc(sqe, sockets[0], data, 4, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_SEND_ZC_REPORT_USAGE);
    ck_assert_int_eq(kevy_ring_submit(&ring), 1);
    ck_assert_int_eq(recv(sockets[1], received, sizeof received, 0), 4);
    send = pair_take(&cqes);
    ck_assert_int_eq(send.result, 4);
    ck_assert_int_eq(cqes, 2);
    ck_assert(send.copied); /* the loopback always copies */
}
END_TEST

/* Footgun 23 again: a failed one answers twice too. */
START_TEST(a_failed_zero_copy_send_answers_twice_too)
{
    char data[] = "zero";
    struct kevy_zero_copy send;
    int cqes;

    stream_open();
    kevy_prep_send_zc(kevy_ring_sqe(&ring, 1), sockets[0], data, 4, 0);
    send = pair_take(&cqes);
    ck_assert_int_eq(send.result, -EOPNOTSUPP); /* not on Unix sockets */
    ck_assert_int_eq(cqes, 2);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("result");
    TCase *result = tcase_create("result");
    struct kevy_ring_probe probe = kernel_probe();

    tcase_add_checked_fixture(result, set_up, tear_down);
    tcase_add_test(result, a_message_that_cannot_be_one_is_refused);
    if (kernel_has_release_of(&probe, KEVY_OP_SENDMSG_ZC)) {
        tcase_add_test(result, a_datagram_comes_with_its_senders_address);
        tcase_add_test(result, what_did_not_fit_is_told);
        tcase_add_test(result, control_messages_can_be_walked);
    } else {
        support_skip("multishot recvmsg", "needs Linux 6.0");
    }
    if (probe.features & KEVY_FEAT_RECVSEND_BUNDLE)
        tcase_add_test(result, bundles_are_walked_whatever_the_order_of_the_ids);
    else
        support_skip("bundles_are_walked_whatever_the_order_of_the_ids", "needs Linux 6.10");
    if (probe.features & KEVY_FEAT_MIN_TIMEOUT)
        tcase_add_test(result, bundles_over_incremental_buffers_keep_their_offsets);
    else
        support_skip("bundles_over_incremental_buffers_keep_their_offsets", "needs Linux 6.12");
    if (probe.features & KEVY_FEAT_MIN_TIMEOUT)
        tcase_add_test(result, a_buffer_that_a_bundle_has_not_filled_stays_with_the_kernel);
    else
        support_skip("a_buffer_that_a_bundle_has_not_filled_stays_with_the_kernel",
                     "needs Linux 6.12");
    if (kevy_ring_probe_opcode(&probe, KEVY_OP_READ_MULTISHOT)) {
        tcase_add_test(result, a_zero_copy_send_answers_twice);
        tcase_add_test(result, a_failed_zero_copy_send_answers_twice_too);
    } else {
        support_skip("zero-copy sends", "needs Linux 6.7");
    }
    suite_add_tcase(suite, result);
    return suite;
}
