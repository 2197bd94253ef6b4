/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Of <kevy/ring_prep_transfer.h>: the receives, run on this kernel. */

#include "ops_transfer.h"

/* The CQE's buffer holds exactly `text`; it goes back to the group. */
static void buffer_holds(struct kevy_cqe cqe, const char *text)
{
    uint16_t id = kevy_buffer_id(cqe.flags);

    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    ck_assert_int_eq(cqe.res, (int)strlen(text));
    ck_assert_mem_eq(kevy_buffer_ring_take(&buffers, id), text, strlen(text));
    kevy_buffer_ring_give(&buffers, id);
    kevy_buffer_ring_publish(&buffers);
}

/* Receive into the caller's memory */

START_TEST(recv_receives)
{
    char bytes[16];

    kevy_prep_recv(request(1), ends[1], bytes, sizeof bytes, 0);
    submit();
    sent(ends[0], "hello");
    expect(1, 5);
    ck_assert_mem_eq(bytes, "hello", 5);
    kevy_prep_recv(request(1), ends[1], bytes, sizeof bytes, MSG_DONTWAIT);
    expect(1, -EAGAIN);
    close(ends[0]);
    kevy_prep_recv(request(1), ends[1], bytes, sizeof bytes, 0);
    expect(1, 0);
}
END_TEST

START_TEST(recv_waits_first_when_told)
{
    struct kevy_sqe *sqe = request(1);
    char bytes[16];

    kevy_prep_recv(sqe, ends[1], bytes, sizeof bytes, 0);
    kevy_sqe_set_recvsend_flags(sqe, KEVY_RECVSEND_POLL_FIRST);
    sent(ends[0], "hello");
    expect(1, 5);
}
END_TEST

/* Whatever the slot held before, and however often it was used: nothing of it reaches the kernel.
 */
START_TEST(footguns_13_and_46_no_field_of_an_earlier_use_survives)
{
    char bytes[16];

    memset(ring.sqes, 0xff, sizeof(struct kevy_sqe) * ring.sq_entries);
    for (int i = 0; i < 2 * OPS_ENTRIES; i++) {
        sent(ends[0], "hello");
        kevy_prep_recv(request(1), ends[1], bytes, sizeof bytes, 0);
        expect(1, 5);
        kevy_prep_sendto(request(2), ends[1], bytes, 5, 0, NULL, 0);
        expect(2, 5);
        received(ends[0], "hello");
    }
}
END_TEST

START_TEST(recvmsg_receives_a_message_and_its_sender)
{
    char bytes[16];
    struct iovec vectors[2] = {{bytes, 2}, {bytes + 8, 8}};
    struct sockaddr_in sender;
    struct msghdr message = message_of(vectors, 2);
    int receiver = bound_socket(SOCK_DGRAM);
    int client = connection_to(receiver, SOCK_DGRAM);

    message.msg_name = &sender;
    message.msg_namelen = sizeof sender;
    kevy_prep_recvmsg(request(1), receiver, &message, 0);
    submit();
    memset(vectors, 0, sizeof vectors); /* BORROWED only */
    sent(client, "hello");
    expect(1, 5);
    ck_assert_mem_eq(bytes, "he", 2);
    ck_assert_mem_eq(bytes + 8, "llo", 3);
    ck_assert_uint_eq(sender.sin_port, name_of(client).sin_port);
}
END_TEST

START_TEST(recv_zc_wants_a_registered_queue)
{
    kevy_prep_recv_zc(request(1), ends[1], 0, 0);
    expect(1, -EINVAL);
}
END_TEST

/* Receive into a group */

START_TEST(recv_select_takes_a_buffer)
{
    kevy_prep_recv_select(request(1), ends[1], GROUP, 0, 0);
    submit();
    sent(ends[0], "hello");
    buffer_holds(next_cqe(), "hello");
    sent(ends[0], "hello");
    kevy_prep_recv_select(request(1), ends[1], GROUP, 3, 0);
    buffer_holds(next_cqe(), "hel");
    kevy_prep_recv_select(request(1), ends[1], GROUP + 1, 3, 0);
    expect(1, -ENOBUFS);
}
END_TEST

/* Fills `count` bytes that tell where they stand. */
static void send_pattern(int fd, size_t count)
{
    char bytes[BUFFERS * BUFFER_SIZE];

    for (size_t i = 0; i < count; i++)
        bytes[i] = (char)('a' + i / BUFFER_SIZE);
    ck_assert_int_eq(send(fd, bytes, count, 0), (int)count);
}

/* Footgun 6: the CQE names the first buffer, the others follow in ring order. */
static void bundle_holds_pattern(struct kevy_cqe cqe, size_t count)
{
    uint16_t id = kevy_buffer_id(cqe.flags);

    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    ck_assert_int_eq(cqe.res, (int)count);
    for (size_t i = 0; i * BUFFER_SIZE < count; i++) {
        const uint8_t *bytes = kevy_buffer_ring_take(&buffers, id);
        ck_assert_int_eq(bytes[0], 'a' + (int)i);
        id = kevy_buffer_ring_after(&buffers, id);
    }
}

START_TEST(recv_bundle_takes_several_buffers)
{
    send_pattern(ends[0], 3 * BUFFER_SIZE);
    kevy_prep_recv_bundle(request(1), ends[1], GROUP, 0);
    bundle_holds_pattern(next_cqe(), 3 * BUFFER_SIZE);
}
END_TEST

START_TEST(recv_multishot_goes_on_until_the_end)
{
    kevy_prep_recv_multishot(request(1), ends[1], GROUP, 0);
    submit();
    for (int i = 0; i < 2 * BUFFERS; i++) {
        sent(ends[0], "again");
        struct kevy_cqe cqe = next_cqe();
        ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
        buffer_holds(cqe, "again");
    }
    close(ends[0]);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, 0);
    ck_assert_uint_eq(cqe.flags & (KEVY_CQE_F_MORE | KEVY_CQE_F_BUFFER), 0);
}
END_TEST

START_TEST(recv_multishot_tells_the_length_of_what_it_cut_off)
{
    char datagram[2 * BUFFER_SIZE] = "hello";
    int receiver = bound_socket(SOCK_DGRAM);
    int client = connection_to(receiver, SOCK_DGRAM);
    struct kevy_sqe *sqe = request(1);

    kevy_prep_recv_multishot(sqe, receiver, GROUP, 0);
    kevy_sqe_set_msg_flags(sqe, MSG_TRUNC);
    submit();
    for (int i = 0; i < 2; i++) {
        struct kevy_cqe cqe;

        ck_assert_int_eq(send(client, datagram, sizeof datagram, 0), sizeof datagram);
        cqe = next_cqe();
        ck_assert_int_eq(cqe.res, sizeof datagram);
        ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
        ck_assert_str_eq((char *)kevy_buffer_ring_take(&buffers, kevy_buffer_id(cqe.flags)),
                         "hello");
    }
}
END_TEST

START_TEST(recv_multishot_ends_when_the_group_is_empty)
{
    kevy_prep_recv_multishot(request(1), ends[1], GROUP + 1, 0);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, -ENOBUFS);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
}
END_TEST

/* Footgun 5: MSG_WAITALL cannot be given to a multishot recv at all; here it is put in by hand. */
START_TEST(footgun_5_recv_multishot_refuses_waitall)
{
    struct kevy_sqe *sqe = request(1);

    kevy_prep_recv_multishot(sqe, ends[1], GROUP, 0);
    sqe->msg_flags = MSG_WAITALL;
    expect(1, -EINVAL);
}
END_TEST

START_TEST(recv_multishot_bundles)
{
    send_pattern(ends[0], 2 * BUFFER_SIZE);
    kevy_prep_recv_multishot(request(1), ends[1], GROUP, KEVY_RECVSEND_BUNDLE);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
    bundle_holds_pattern(cqe, 2 * BUFFER_SIZE);
}
END_TEST

START_TEST(recv_multishot_limit_ends_after_the_total)
{
    sent(ends[0], "12345");
    kevy_prep_recv_multishot_limit(request(1), ends[1], GROUP, 2, 5, 0);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
    buffer_holds(cqe, "12");
    buffer_holds(next_cqe(), "34");
    cqe = next_cqe();
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
    buffer_holds(cqe, "5");
}
END_TEST

/* Footgun 47: one flooding peer may be kept to a share of each turn. */
START_TEST(footgun_47_recv_multishot_limit_caps_a_bundle)
{
    send_pattern(ends[0], 4 * BUFFER_SIZE);
    kevy_prep_recv_multishot_limit(request(1), ends[1], GROUP, 2 * BUFFER_SIZE, 0,
                                   KEVY_RECVSEND_BUNDLE);
    for (int i = 0; i < 2; i++) {
        struct kevy_cqe cqe = next_cqe();
        ck_assert_int_eq(cqe.res, 2 * BUFFER_SIZE);
        ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
    }
}
END_TEST

START_TEST(recvmsg_select_takes_a_buffer)
{
    struct iovec vector = {NULL, 3};
    struct msghdr message = message_of(&vector, 1);

    sent(ends[0], "hello");
    kevy_prep_recvmsg_select(request(1), ends[1], &message, GROUP, 0);
    buffer_holds(next_cqe(), "hel");
}
END_TEST

START_TEST(recvmsg_multishot_lays_messages_out)
{
    const uint32_t name_room = sizeof(struct sockaddr_in);
    struct msghdr message = message_of(NULL, 0);
    struct sockaddr_in sender;
    int receiver = bound_socket(SOCK_DGRAM);
    int client = connection_to(receiver, SOCK_DGRAM);

    message.msg_namelen = name_room;
    kevy_prep_recvmsg_multishot(request(1), receiver, &message, GROUP, 0);
    submit();
    memset(&message, 0xff, sizeof message); /* BORROWED only */
    for (int i = 0; i < 2; i++) {
        struct kevy_recvmsg_out out;
        sent(client, "hello");
        struct kevy_cqe cqe = next_cqe();
        ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
        ck_assert_int_eq(cqe.res, (int)(sizeof out + name_room + 5));
        const uint8_t *bytes = kevy_buffer_ring_take(&buffers, kevy_buffer_id(cqe.flags));
        memcpy(&out, bytes, sizeof out);
        memcpy(&sender, bytes + sizeof out, sizeof sender);
        ck_assert_uint_eq(out.namelen, name_room);
        ck_assert_uint_eq(out.controllen, 0);
        ck_assert_uint_eq(out.payloadlen, 5);
        ck_assert_uint_eq(sender.sin_port, name_of(client).sin_port);
        ck_assert_mem_eq(bytes + sizeof out + name_room, "hello", 5);
    }
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test receives[] = {
        {recv_receives, 506},
        {recv_waits_first_when_told, 519},
        {footguns_13_and_46_no_field_of_an_earlier_use_survives, 600},
        {recvmsg_receives_a_message_and_its_sender, 503},
        {recv_zc_wants_a_registered_queue, 501},
    };
    const struct ops_test groups[] = {
        {recv_select_takes_a_buffer, 519},
        {recv_bundle_takes_several_buffers, 610},
        {recv_multishot_goes_on_until_the_end, 600},
        {recv_multishot_tells_the_length_of_what_it_cut_off, 600},
        {recv_multishot_ends_when_the_group_is_empty, 600},
        {footgun_5_recv_multishot_refuses_waitall, 600},
        {recv_multishot_bundles, 610},
        {recv_multishot_limit_ends_after_the_total, 617},
        {footgun_47_recv_multishot_limit_caps_a_bundle, 617},
        {recvmsg_select_takes_a_buffer, 519},
        {recvmsg_multishot_lays_messages_out, 600},
    };
    Suite *suite = suite_create("ring_ops_recv");
    TCase *receive = ops_case("receive", receives, COUNT(receives));
    TCase *group = ops_case("group", groups, COUNT(groups));

    tcase_add_checked_fixture(receive, pair_setup, NULL);
    tcase_add_checked_fixture(group, pair_setup, NULL);
    tcase_add_checked_fixture(group, group_setup, group_teardown);
    suite_add_tcase(suite, receive);
    suite_add_tcase(suite, group);
    return suite;
}
