/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The preps of <kevy/ring_prep_command.h>, run on this kernel. */

#include "ops_net.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/uio.h>

/* Driver commands. A socket answers SIOCINQ however long its SQE is. */

static int socket_with_5_bytes(void)
{
    int ends[2];

    tcp_pair(ends);
    sent(ends[0], "12345");
    kevy_prep_poll(request(0), ends[1], 1);
    expect(0, 1);
    return ends[1];
}

START_TEST(uring_cmd_reaches_the_driver)
{
    static const char bytes[KEVY_COMMAND_BYTES] = "any";
    int fd = socket_with_5_bytes();
    int pipes[2];

    kevy_prep_uring_cmd(request(1), fd, KEVY_SOCKET_OP_SIOCINQ, NULL);
    expect(1, 5);
    kevy_prep_uring_cmd(request(1), fd, KEVY_SOCKET_OP_SIOCINQ, bytes);
    expect(1, 5);
    kevy_prep_uring_cmd(request(1), fd, 0x7fff, NULL);
    expect(1, -EOPNOTSUPP);
    ck_assert_int_eq(pipe(pipes), 0);
    kevy_prep_uring_cmd(request(1), pipes[0], 0, NULL);
    expect(1, -EOPNOTSUPP);
}
END_TEST

START_TEST(uring_cmd80_fits_rings_of_wide_sqes)
{
    static const char bytes[KEVY_COMMAND128_BYTES] = "any";
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQE128};
    struct kevy_ring wide = {0};
    int fd = socket_with_5_bytes();

    ring_open(&wide, 4, &options);
    for (int i = 0; i < 8; i++) {
        kevy_prep_uring_cmd80(kevy_ring_sqe(&wide, 1), fd, KEVY_SOCKET_OP_SIOCINQ,
                              i % 2 ? bytes : NULL);
        cqe_expect(&wide, 1, 5);
    }
    kevy_ring_deinit(&wide);
}
END_TEST

START_TEST(uring_cmd_multishot_wants_a_driver_that_has_it)
{
    int fd = socket_with_5_bytes();

    kevy_prep_uring_cmd_multishot(request(1), fd, 0x7fff, NULL, 3);
    expect(1, -EOPNOTSUPP);
}
END_TEST

/* The driver of /dev/null takes a registered buffer and does nothing with it. */
START_TEST(a_command_may_use_a_registered_buffer)
{
    static char bytes[64];
    struct iovec vector = {bytes, sizeof bytes};
    struct kevy_sqe *sqe = request(1);
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

    kevy_prep_uring_cmd(sqe, fd, 0, NULL);
    kevy_sqe_set_command_buffer(sqe, 0);
    ck_assert_int_le(next_cqe().res, 0);
    ck_assert_int_eq(kevy_ring_register(&ring, KEVY_REGISTER_BUFFERS, &vector, 1), 0);
    sqe = request(1);
    kevy_prep_uring_cmd(sqe, fd, 0, NULL);
    kevy_sqe_set_command_buffer(sqe, 0);
    expect(1, 0);
}
END_TEST

/* Before 6.19 a ring cannot be set up for them and the opcodes are unknown. */
START_TEST(wide_opcodes_are_newer_than_6_18)
{
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_SQE128};
    struct kevy_ring wide = {0};

    ring_open(&wide, 4, &options);
    kevy_prep_nop128(kevy_ring_sqe(&wide, 1));
    kevy_prep_uring_cmd128(kevy_ring_sqe(&wide, 2), STDIN_FILENO, 0, NULL);
    if (running_kernel() < 619) {
        cqe_expect(&wide, 1, -EINVAL);
        cqe_expect(&wide, 2, -EINVAL);
    } else {
        cqe_expect(&wide, 1, 0);
    }
    kevy_ring_deinit(&wide);
}
END_TEST

START_TEST(discard_wants_a_block_device)
{
    int fd = memfd_create("kevy", MFD_CLOEXEC);

    kevy_prep_discard(request(1), fd, 0, 4096);
    expect(1, -EOPNOTSUPP);
}
END_TEST

/* Registered files */

START_TEST(fixed_fd_install_makes_a_descriptor_of_a_slot)
{
    int ends[2];

    tcp_pair(ends);
    file_table(4);
    file_put(3, ends[0]);
    kevy_prep_fixed_fd_install(request(1), 3, 0);
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    sent(fd, "through");
    received(ends[1], "through");
    kevy_prep_fixed_fd_install(request(1), 3, KEVY_FIXED_FD_NO_CLOEXEC);
    fd = next_cqe().res;
    ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
    kevy_prep_fixed_fd_install(request(1), 1, 0);
    expect(1, -EBADF);
}
END_TEST

START_TEST(files_update_fills_and_empties_slots)
{
    int ends[2];
    int fds[3];

    tcp_pair(ends);
    file_table(4);
    fds[0] = ends[0];
    fds[1] = -1;
    fds[2] = ends[1];
    kevy_prep_files_update(request(1), fds, 3, 1);
    expect(1, 3);
    struct kevy_sqe *sqe = request(1);
    kevy_prep_send(sqe, 1, "slot", 4, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, 4);
    received(ends[1], "slot");
    fds[0] = -1;
    fds[1] = ends[0];
    fds[2] = KEVY_REGISTER_FILES_SKIP;
    kevy_prep_files_update(request(1), fds, 3, 1);
    expect(1, 3);
    sqe = request(1);
    kevy_prep_send(sqe, 1, "slot", 4, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, -EBADF);
    sqe = request(1);
    kevy_prep_send(sqe, 3, "kept", 4, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, 4);
    received(ends[0], "kept");
    kevy_prep_files_update(request(1), fds, 3, 3);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(files_update_alloc_chooses_slots)
{
    int ends[2];
    int fds[2];

    tcp_pair(ends);
    file_table(2);
    memcpy(fds, ends, sizeof fds);
    kevy_prep_files_update_alloc(request(1), fds, 2);
    expect(1, 2);
    ck_assert_int_eq(fds[0] + fds[1], 1);
    struct kevy_sqe *sqe = request(1);
    kevy_prep_send(sqe, fds[0], "slot", 4, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, 4);
    received(ends[1], "slot");
    kevy_prep_files_update_alloc(request(1), ends, 1);
    expect(1, -ENFILE);
}
END_TEST

/* Credentials: an unknown personality shows that the field arrives; its own works. */
START_TEST(a_request_runs_with_registered_credentials)
{
    struct kevy_sqe *sqe = request(1);
    int id = kevy_ring_register(&ring, KEVY_REGISTER_PERSONALITY, NULL, 0);

    ck_assert_int_gt(id, 0);
    kevy_prep_nop(sqe);
    kevy_sqe_set_personality(sqe, (uint16_t)id);
    expect(1, 0);
    sqe = request(1);
    kevy_prep_nop(sqe);
    kevy_sqe_set_personality(sqe, (uint16_t)(id + 1));
    expect(1, -EINVAL);
}
END_TEST

/* Buffers of the legacy kind */

START_TEST(provided_buffers_are_taken_and_removed)
{
    static char memory[4][8];
    int ends[2];

    tcp_pair(ends);
    kevy_prep_provide_buffers(request(1), memory, sizeof memory[0], 4, 3, 10);
    expect(1, 0);
    sent(ends[0], "hello");
    kevy_prep_recv_select(request(1), ends[1], 3, sizeof memory[0], 0);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, 5);
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    uint32_t id = cqe.flags >> KEVY_CQE_BUFFER_SHIFT;
    ck_assert_uint_ge(id, 10);
    ck_assert_uint_le(id, 13);
    ck_assert_mem_eq(memory[id - 10], "hello", 5);
    kevy_prep_remove_buffers(request(1), 2, 3);
    expect(1, 2);
    kevy_prep_remove_buffers(request(1), 8, 3);
    expect(1, 1);
    kevy_prep_remove_buffers(request(1), 8, 100);
    expect(1, -ENOENT); /* of one below 64 Linux 6.1 says that it has none, as if it were there */
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test commands[] = {
        {uring_cmd_reaches_the_driver, 605},
        {uring_cmd80_fits_rings_of_wide_sqes, 605},
        {uring_cmd_multishot_wants_a_driver_that_has_it, 618},
        {a_command_may_use_a_registered_buffer, 602},
        {wide_opcodes_are_newer_than_6_18, 519},
        {discard_wants_a_block_device, 519},
    };
    const struct ops_test tables[] = {
        {fixed_fd_install_makes_a_descriptor_of_a_slot, 608},
        {files_update_fills_and_empties_slots, 519},
        {files_update_alloc_chooses_slots, 600},
        {a_request_runs_with_registered_credentials, 506},
        {provided_buffers_are_taken_and_removed, 507},
    };
    Suite *suite = suite_create("ring_ops_command");

    suite_add_tcase(suite, ops_case("command", commands, COUNT(commands)));
    suite_add_tcase(suite, ops_case("table", tables, COUNT(tables)));
    return suite;
}
