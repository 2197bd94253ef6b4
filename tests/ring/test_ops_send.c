/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Of <kevy/ring_prep_transfer.h>: the sends, run on this kernel. */

#include "ops_transfer.h"

/* Send */

START_TEST(send_sends)
{
    kevy_prep_send(request(1), ends[0], "hello", 5, MSG_WAITALL);
    expect(1, 5);
    received(ends[1], "hello");
}
END_TEST

/* Footgun 22: the kernel adds MSG_NOSIGNAL itself; a SIGPIPE would end the test. A Unix socket,
 * because TCP learns of it when a reset has come. */
START_TEST(footgun_22_send_to_nobody_is_an_error_and_no_signal)
{
    int pair[2];

    unix_pair(SOCK_STREAM, pair);
    close(pair[1]);
    kevy_prep_send(request(1), pair[0], "hello", 5, 0);
    expect(1, -EPIPE);
    kevy_prep_shutdown(request(1), ends[0], SHUT_WR);
    expect(1, 0);
    kevy_prep_send(request(1), ends[0], "hello", 5, 0);
    expect(1, -EPIPE);
}
END_TEST

START_TEST(sendto_names_its_target)
{
    int receiver = bound_socket(SOCK_DGRAM);
    int sender = bound_socket(SOCK_DGRAM);
    struct sockaddr_in address = name_of(receiver);

    kevy_prep_sendto(request(1), sender, "hello", 5, 0, (struct sockaddr *)&address,
                     sizeof address);
    expect(1, 5);
    received(receiver, "hello");
    kevy_prep_sendto_zc(request(1), sender, "zero", 4, 0, (struct sockaddr *)&address,
                        sizeof address);
    ck_assert_int_eq(next_cqe().res, 4);
    ck_assert_uint_ne(next_cqe().flags & KEVY_CQE_F_NOTIF, 0);
    received(receiver, "zero");
}
END_TEST

/* Preps without an argument for the address get it afterwards. */
START_TEST(any_send_names_its_target)
{
    static char bytes[16] = "zero";
    struct iovec vector = {bytes, sizeof bytes};
    int receiver = bound_socket(SOCK_DGRAM);
    int sender = bound_socket(SOCK_DGRAM);
    struct sockaddr_in address = name_of(receiver);
    struct kevy_sqe *sqe = request(1);

    ck_assert_int_eq(kevy_ring_register(&ring, KEVY_REGISTER_BUFFERS, &vector, 1), 0);
    kevy_prep_send_zc_fixed(sqe, sender, bytes, 4, 0, 0);
    kevy_sqe_set_address(sqe, (struct sockaddr *)&address, sizeof address);
    ck_assert_int_eq(next_cqe().res, 4);
    ck_assert_uint_ne(next_cqe().flags & KEVY_CQE_F_NOTIF, 0);
    received(receiver, "zero");
}
END_TEST

START_TEST(send_vectored_gathers)
{
    char hello[] = "hello";
    char world[] = " world";
    struct iovec vectors[2] = {vector_of(hello), vector_of(world)};

    kevy_prep_send_vectored(request(1), ends[0], vectors, 2, 0);
    submit();
    memset(vectors, 0, sizeof vectors); /* BORROWED only */
    expect(1, 11);
    received(ends[1], "hello world");
}
END_TEST

START_TEST(sendmsg_gathers)
{
    char hello[] = "hello";
    char world[] = " world";
    struct iovec vectors[2] = {vector_of(hello), vector_of(world)};
    struct msghdr message = message_of(vectors, 2);

    kevy_prep_sendmsg(request(1), ends[0], &message, 0);
    submit();
    memset(&message, 0xff, sizeof message); /* BORROWED only */
    memset(vectors, 0, sizeof vectors);
    expect(1, 11);
    received(ends[1], "hello world");
}
END_TEST

/* Buffers of a group that hold what is to be sent: each is full of one letter. */
static void load_buffers(uint16_t count)
{
    for (uint16_t id = 0; id < BUFFERS; id++) {
        struct kevy_buf *slot = &buffers.slots[id];
        memset(buffers.buffers + (size_t)slot->bid * BUFFER_SIZE, 'a' + id, BUFFER_SIZE);
        slot->len = id < count ? BUFFER_SIZE : 1;
    }
}

START_TEST(send_select_sends_a_buffer)
{
    char bytes[2 * BUFFER_SIZE];

    load_buffers(BUFFERS);
    kevy_prep_send_select(request(1), ends[0], GROUP, 0, 0);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, BUFFER_SIZE);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    ck_assert_int_eq(recv(ends[1], bytes, sizeof bytes, 0), BUFFER_SIZE);
    ck_assert_int_eq(bytes[0], 'a');
    kevy_prep_send_select(request(1), ends[0], GROUP, 3, 0);
    ck_assert_int_eq(next_cqe().res, 3);
    received(ends[1], "bbb");
}
END_TEST

START_TEST(send_select_names_its_target)
{
    int receiver = bound_socket(SOCK_DGRAM);
    int sender = bound_socket(SOCK_DGRAM);
    struct sockaddr_in address = name_of(receiver);
    struct kevy_sqe *sqe = request(1);

    load_buffers(BUFFERS);
    kevy_prep_send_select(sqe, sender, GROUP, 3, 0);
    kevy_sqe_set_address(sqe, (struct sockaddr *)&address, sizeof address);
    expect(1, 3);
    received(receiver, "aaa");
}
END_TEST

START_TEST(footgun_7_send_bundle_selects_buffers_by_itself)
{
    char bytes[BUFFERS * BUFFER_SIZE + 1];

    load_buffers(BUFFERS);
    kevy_prep_send_bundle(request(1), ends[0], GROUP, 0);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, BUFFERS * BUFFER_SIZE);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
    expect_none();
    ck_assert_int_eq(recv(ends[1], bytes, sizeof bytes - 1, MSG_WAITALL), BUFFERS * BUFFER_SIZE);
    ck_assert_int_eq(recv(ends[1], bytes + sizeof bytes - 1, 1, MSG_DONTWAIT), -1);
    for (int i = 0; i < BUFFERS; i++)
        ck_assert_int_eq(bytes[i * BUFFER_SIZE], 'a' + i);
}
END_TEST

/* Zero-copy sends */

/* The result, then the notification; the latter's res. */
static int32_t zero_copy_result(int32_t result)
{
    struct kevy_cqe cqe = next_cqe();

    ck_assert_int_eq(cqe.res, result);
    ck_assert_uint_eq(cqe.flags & (KEVY_CQE_F_MORE | KEVY_CQE_F_NOTIF), KEVY_CQE_F_MORE);
    cqe = next_cqe();
    ck_assert_uint_eq(cqe.flags & (KEVY_CQE_F_MORE | KEVY_CQE_F_NOTIF), KEVY_CQE_F_NOTIF);
    return cqe.res;
}

START_TEST(send_zc_notifies_when_it_let_go)
{
    kevy_prep_send_zc(request(1), ends[0], "hello", 5, 0);
    submit();
    received(ends[1], "hello");
    ck_assert_int_eq(zero_copy_result(5), 0);
}
END_TEST

START_TEST(send_zc_reports_that_loopback_copies)
{
    struct kevy_sqe *sqe = request(1);

    kevy_prep_send_zc(sqe, ends[0], "hello", 5, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_SEND_ZC_REPORT_USAGE);
    submit();
    received(ends[1], "hello");
    ck_assert_uint_eq((uint32_t)zero_copy_result(5), KEVY_NOTIF_USAGE_ZC_COPIED);
}
END_TEST

START_TEST(footgun_23_send_zc_notifies_after_an_error_too)
{
    int pair[2];

    unix_pair(SOCK_STREAM, pair);
    kevy_prep_send_zc(request(1), pair[0], "hello", 5, 0);
    ck_assert_int_eq(zero_copy_result(-EOPNOTSUPP), 0);
    expect_none();
}
END_TEST

START_TEST(footgun_45_send_zc_cannot_skip_its_cqe)
{
    struct kevy_sqe *sqe = request(1);

    kevy_prep_send_zc(sqe, ends[0], "hello", 5, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_CQE_SKIP_SUCCESS);
    ck_assert_int_eq(next_cqe().res, -EINVAL);
}
END_TEST

START_TEST(zero_copy_sends_use_registered_buffers)
{
    static char bytes[64] = "hello world";
    struct iovec vector = {bytes, sizeof bytes};
    struct iovec parts[2] = {{bytes + 6, 5}, {bytes, 5}};
    struct msghdr message = message_of(parts, 2);

    ck_assert_int_eq(kevy_ring_register(&ring, KEVY_REGISTER_BUFFERS, &vector, 1), 0);
    kevy_prep_send_zc_fixed(request(1), ends[0], bytes + 6, 5, 0, 0);
    submit();
    received(ends[1], "world");
    zero_copy_result(5);
    if (running_kernel() < 615)
        return;
    kevy_prep_sendmsg_zc_fixed(request(1), ends[0], &message, 0, 0);
    submit();
    received(ends[1], "worldhello");
    zero_copy_result(10);
    kevy_prep_send_zc_fixed(request(1), ends[0], bytes, 5, 0, 1);
    zero_copy_result(-EFAULT);
}
END_TEST

START_TEST(zero_copy_sends_gather)
{
    char hello[] = "hello";
    char world[] = " world";
    struct iovec vectors[2] = {vector_of(hello), vector_of(world)};
    struct msghdr message = message_of(vectors, 2);

    kevy_prep_sendmsg_zc(request(1), ends[0], &message, 0);
    submit();
    received(ends[1], "hello world");
    zero_copy_result(11);
    if (running_kernel() < 617)
        return;
    kevy_prep_send_zc_vectored(request(1), ends[0], vectors, 2, 0);
    submit();
    received(ends[1], "hello world");
    zero_copy_result(11);
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test sends[] = {
        {send_sends, 506},
        {footgun_22_send_to_nobody_is_an_error_and_no_signal, 506},
        {sendto_names_its_target, 600},
        {any_send_names_its_target, 600},
        {send_vectored_gathers, 617},
        {sendmsg_gathers, 503},
        {send_zc_notifies_when_it_let_go, 600},
        {send_zc_reports_that_loopback_copies, 602},
        {footgun_23_send_zc_notifies_after_an_error_too, 601},
        {footgun_45_send_zc_cannot_skip_its_cqe, 600},
        {zero_copy_sends_use_registered_buffers, 600},
        {zero_copy_sends_gather, 601},
    };
    const struct ops_test groups[] = {
        {send_select_sends_a_buffer, 610},
        {send_select_names_its_target, 610},
        {footgun_7_send_bundle_selects_buffers_by_itself, 610},
    };
    Suite *suite = suite_create("ring_ops_send");
    TCase *plain = ops_case("plain", sends, COUNT(sends));
    TCase *group = ops_case("group", groups, COUNT(groups));

    tcase_add_checked_fixture(plain, pair_setup, NULL);
    tcase_add_checked_fixture(group, pair_setup, NULL);
    tcase_add_checked_fixture(group, group_setup, group_teardown);
    suite_add_tcase(suite, plain);
    suite_add_tcase(suite, group);
    return suite;
}
