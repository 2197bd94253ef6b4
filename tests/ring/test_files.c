/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* The tables of registered files and buffers, on the running kernel. */

#include "ring_test.h"

#include <fcntl.h>
#include <kevy/ring_files.h>
#include <kevy/ring_mode.h>
#include <kevy/ring_prep.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static struct kevy_ring ring;
static int pipes[2][2];
static char (*memory)[4096]; /* two buffers */

static void set_up(void)
{
    memory = aligned_alloc(4096, 2 * sizeof *memory);
    ck_assert_ptr_nonnull(memory);
    memset(memory, 0, 2 * sizeof *memory);
    ring_open(&ring, 8, NULL);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(pipe2(pipes[i], O_CLOEXEC), 0);
}

static void tear_down(void)
{
    for (int i = 0; i < 2; i++) {
        close(pipes[i][0]);
        close(pipes[i][1]);
    }
    kevy_ring_deinit(&ring);
    free(memory);
}

/* Writes a byte to registered file `slot`; the result is what the request answers. */
static int slot_write(uint32_t slot)
{
    struct kevy_sqe *sqe = kevy_ring_sqe(&ring, 1);

    kevy_prep_write(sqe, (int)slot, "x", 1, KEVY_OFFSET_CURRENT);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    return cqe_wait(&ring).res;
}

static int bytes_in(int fd)
{
    char bytes[64];

    fcntl(fd, F_SETFL, O_NONBLOCK);
    return (int)read(fd, bytes, sizeof bytes);
}

START_TEST(files_are_registered_updated_and_dropped)
{
    int fds[3] = {pipes[0][1], -1, pipes[1][1]};
    int update[3] = {KEVY_FILE_NONE, pipes[0][1], KEVY_REGISTER_FILES_SKIP};

    ck_assert_int_eq(kevy_ring_files_unregister(&ring), -ENXIO);
    ck_assert_int_eq(kevy_ring_files_register(&ring, fds, 3), 0);
    ck_assert_int_eq(kevy_ring_files_register(&ring, fds, 3), -EBUSY);
    ck_assert_int_eq(slot_write(0), 1);
    ck_assert_int_eq(slot_write(1), -EBADF);
    ck_assert_int_eq(slot_write(2), 1);
    ck_assert_int_eq(slot_write(3), -EBADF);
    ck_assert_int_eq(bytes_in(pipes[0][0]), 1);
    ck_assert_int_eq(bytes_in(pipes[1][0]), 1);
    ck_assert_int_eq(kevy_ring_files_update(&ring, 0, update, 3), 3);
    ck_assert_int_eq(slot_write(0), -EBADF);
    ck_assert_int_eq(slot_write(1), 1);
    ck_assert_int_eq(bytes_in(pipes[0][0]), 1);
    ck_assert_int_eq(slot_write(2), 1);
    ck_assert_int_eq(kevy_ring_files_update(&ring, 3, update, 1), -EINVAL);
    ck_assert_int_eq(kevy_ring_files_unregister(&ring), 0);
}
END_TEST

START_TEST(a_registered_file_outlives_its_descriptor)
{
    int fd = dup(pipes[0][1]);

    ck_assert_int_eq(kevy_ring_files_register(&ring, &fd, 1), 0);
    close(fd);
    ck_assert_int_eq(slot_write(0), 1);
    ck_assert_int_eq(kevy_ring_files_register(&ring, &fd, 1), -EBUSY);
}
END_TEST

/* The two tags come in any order. */
static void tags_expect(uint64_t one, uint64_t other)
{
    uint64_t tag = cqe_wait(&ring).user_data;

    ck_assert(tag == one || tag == other);
    cqe_expect(&ring, tag == one ? other : one, 0);
}

START_TEST(tags_tell_when_a_file_is_let_go)
{
    int fds[2] = {pipes[0][1], pipes[1][1]};
    uint64_t tags[2] = {100, 200}, next[1] = {300};

    ck_assert_int_eq(kevy_ring_files_register_tagged(&ring, fds, tags, 2), 0);
    ck_assert_int_eq(kevy_ring_files_update_tagged(&ring, 0, &fds[1], next, 1), 1);
    cqe_expect(&ring, 100, 0);
    ck_assert_int_eq(slot_write(0), 1);
    ck_assert_int_eq(bytes_in(pipes[1][0]), 1);
    ck_assert_int_eq(kevy_ring_files_unregister(&ring), 0);
    tags_expect(200, 300);
}
END_TEST

/* Footgun 37: without its own range the kernel would choose slots that the program numbers. */
START_TEST(the_kernel_chooses_within_the_range_it_is_given)
{
    ck_assert_int_eq(kevy_ring_files_register_sparse(&ring, 16), 0);
    ck_assert_int_eq(kevy_ring_files_alloc_range(&ring, 10, 2), 0);
    for (int i = 0; i < 3; i++) {
        kevy_prep_socket_direct_alloc(kevy_ring_sqe(&ring, 5), AF_UNIX, SOCK_STREAM, 0);
        cqe_expect(&ring, 5, i < 2 ? 10 + i : -ENFILE);
    }
    ck_assert_int_eq(kevy_ring_files_alloc_range(&ring, 10, 100), -EINVAL);
}
END_TEST

static void buffer_read(uint16_t index, void *data, int result)
{
    ck_assert_int_eq(write(pipes[0][1], "hello", 5), 5);
    kevy_prep_read_fixed(kevy_ring_sqe(&ring, 3), pipes[0][0], data, 5, KEVY_OFFSET_CURRENT, index);
    cqe_expect(&ring, 3, result);
    if (result < 0)
        ck_assert_int_eq(bytes_in(pipes[0][0]), 5);
    else
        ck_assert_mem_eq(data, "hello", 5);
}

START_TEST(buffers_are_registered_updated_and_dropped)
{
    struct iovec both[2] = {{memory[0], sizeof memory[0]}, {memory[1], sizeof memory[1]}};
    struct iovec none = {NULL, 0};

    ck_assert_int_eq(kevy_ring_buffers_unregister(&ring), -ENXIO);
    ck_assert_int_eq(kevy_ring_buffers_register(&ring, both, 2), 0);
    ck_assert_int_eq(kevy_ring_buffers_register(&ring, both, 2), -EBUSY);
    buffer_read(0, memory[0], 5);
    buffer_read(1, memory[1] + 100, 5);
    buffer_read(1, memory[0], -EFAULT); /* not of that buffer */
    ck_assert_int_eq(kevy_ring_buffers_update(&ring, 1, &none, NULL, 1), 1);
    buffer_read(1, memory[1], -EFAULT);
    ck_assert_int_eq(kevy_ring_buffers_update(&ring, 2, both, NULL, 1), -EINVAL);
    ck_assert_int_eq(kevy_ring_buffers_unregister(&ring), 0);
}
END_TEST

START_TEST(tags_tell_when_a_buffer_is_let_go)
{
    struct iovec both[2] = {{memory[0], sizeof memory[0]}, {memory[1], sizeof memory[1]}};
    uint64_t tags[2] = {11, 22}, next = 33;

    ck_assert_int_eq(kevy_ring_buffers_register_tagged(&ring, both, tags, 2), 0);
    ck_assert_int_eq(kevy_ring_buffers_update(&ring, 0, &both[1], &next, 1), 1);
    cqe_expect(&ring, 11, 0);
    ck_assert_int_eq(kevy_ring_buffers_unregister(&ring), 0);
    tags_expect(22, 33);
}
END_TEST

START_TEST(a_sparse_table_of_buffers_fills_up_later)
{
    struct iovec one = {memory[0], sizeof memory[0]};

    ck_assert_int_eq(kevy_ring_buffers_register_sparse(&ring, 4), 0);
    buffer_read(2, memory[0], -EFAULT);
    ck_assert_int_eq(kevy_ring_buffers_update(&ring, 2, &one, NULL, 1), 1);
    buffer_read(2, memory[0], 5);
}
END_TEST

START_TEST(buffers_can_be_shared_by_a_ring_without_a_descriptor)
{
    struct iovec both[2] = {{memory[0], sizeof memory[0]}, {memory[1], sizeof memory[1]}};
    struct kevy_ring_options options = {.required_flags = KEVY_SETUP_REGISTERED_FD_ONLY};
    struct kevy_ring source = {0};

    options.memory_size = kevy_ring_memory_size(8, &options);
    options.memory = aligned_alloc(65536, (options.memory_size + 65535) & ~(size_t)65535);
    ring_open(&source, 8, &options);
    ck_assert_int_eq(kevy_ring_buffers_register(&source, both, 2), 0);
    ck_assert_int_eq(kevy_ring_buffers_clone(&ring, &source, NULL), 0);
    buffer_read(1, memory[1], 5);
    kevy_ring_deinit(&source);
    free(options.memory);
}
END_TEST

START_TEST(buffers_can_be_shared_between_rings)
{
    struct iovec both[2] = {{memory[0], sizeof memory[0]}, {memory[1], sizeof memory[1]}};
    struct kevy_ring_clone second = {.source_first = 1, .first = 3, .count = 1, .replace = true};
    struct kevy_ring source = {0};

    ring_open(&source, 4, NULL);
    ck_assert_int_eq(kevy_ring_buffers_clone(&ring, &source, NULL), -ENXIO);
    ck_assert_int_eq(kevy_ring_buffers_register(&source, both, 2), 0);
    ck_assert_int_eq(kevy_ring_buffers_clone(&ring, &source, NULL), 0);
    ck_assert_int_eq(kevy_ring_buffers_clone(&ring, &source, NULL), -EBUSY);
    buffer_read(1, memory[1], 5);
    second.replace = false;
    ck_assert_int_eq(kevy_ring_buffers_clone(&ring, &source, &second), -EBUSY);
    second.replace = true;
    ck_assert_int_eq(kevy_ring_buffers_clone(&ring, &source, &second), 0);
    kevy_ring_deinit(&source);
    buffer_read(0, memory[0], 5);
    buffer_read(3, memory[1], 5);
}
END_TEST

Suite *test_suite(void)
{
    Suite *suite = suite_create("files");
    TCase *files = tcase_create("files");
    TCase *buffers = tcase_create("buffers");
    struct kevy_ring_probe probe = kernel_probe();
    bool sparse = kernel_has_release_of(&probe, KEVY_OP_SEND_ZC);
    bool clone = (probe.features & KEVY_FEAT_RW_ATTR) != 0;

    tcase_add_checked_fixture(files, set_up, tear_down);
    tcase_add_test(files, a_registered_file_outlives_its_descriptor);
    tcase_add_checked_fixture(buffers, set_up, tear_down);
    if (probe.features & KEVY_FEAT_RSRC_TAGS) {
        tcase_add_test(files, files_are_registered_updated_and_dropped);
        tcase_add_test(buffers, buffers_are_registered_updated_and_dropped);
    } else {
        support_skip("tables with updates", "needs Linux 5.13");
    }
    if (probe.features & KEVY_FEAT_RW_ATTR) {
        tcase_add_test(files, tags_tell_when_a_file_is_let_go);
        tcase_add_test(buffers, tags_tell_when_a_buffer_is_let_go);
    } else {
        support_skip("tags", "needs Linux 6.14; before, they may take long to come");
    }
    if (sparse) {
        tcase_add_test(files, the_kernel_chooses_within_the_range_it_is_given);
        tcase_add_test(buffers, a_sparse_table_of_buffers_fills_up_later);
    } else {
        support_skip("the_kernel_chooses_within_the_range_it_is_given", "needs Linux 6.0");
        support_skip("a_sparse_table_of_buffers_fills_up_later", "needs Linux 6.0");
    }
    if (clone) {
        tcase_add_test(buffers, buffers_can_be_shared_between_rings);
        tcase_add_test(buffers, buffers_can_be_shared_by_a_ring_without_a_descriptor);
    } else {
        support_skip("buffers_can_be_shared_between_rings", "needs Linux 6.14");
        support_skip("buffers_can_be_shared_by_a_ring_without_a_descriptor", "needs Linux 6.14");
    }
    suite_add_tcase(suite, files);
    suite_add_tcase(suite, buffers);
    return suite;
}
