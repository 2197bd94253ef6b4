/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Of <kevy/ring_prep_file.h>: pipes, splices and opens, run on this kernel. */

#include "ops_file.h"
#include "scratch.h"

#include <linux/openat2.h>

/* Pipes */

START_TEST(splice_moves_bytes_through_a_pipe)
{
    struct kevy_sqe *sqe;
    int source = file_with("0123456789");
    int sink = file_with("");
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    kevy_prep_splice(request(1), source, 3, ends[1], KEVY_OFFSET_CURRENT, 4, 0);
    expect(1, 4);
    kevy_prep_splice(request(1), ends[0], KEVY_OFFSET_CURRENT, sink, 2, 64, 0);
    expect(1, 4);
    ck_assert_int_eq(size_of(sink), 6);
    file_table(2);
    file_put(1, source);
    kevy_prep_splice(request(1), 1, 0, ends[1], KEVY_OFFSET_CURRENT, 4, KEVY_SPLICE_F_FD_IN_FIXED);
    expect(1, 4);
    file_put(0, sink);
    sqe = request(1);
    kevy_prep_splice(sqe, ends[0], KEVY_OFFSET_CURRENT, 0, 0, 4, 0);
    kevy_sqe_set_flags(sqe, KEVY_SQE_FIXED_FILE);
    expect(1, 4);
    char bytes[6];
    ck_assert_int_eq(pread(sink, bytes, sizeof bytes, 0), 6);
    ck_assert_mem_eq(bytes, "012356", 6);
}
END_TEST

START_TEST(tee_copies_without_consuming)
{
    char bytes[8];
    int first[2];
    int second[2];

    ck_assert_int_eq(pipe(first), 0);
    ck_assert_int_eq(pipe(second), 0);
    ck_assert_int_eq(write(first[1], "hello", 5), 5);
    kevy_prep_tee(request(1), first[0], second[1], 3, 0);
    expect(1, 3);
    ck_assert_int_eq(read(second[0], bytes, sizeof bytes), 3);
    ck_assert_mem_eq(bytes, "hel", 3);
    ck_assert_int_eq(read(first[0], bytes, sizeof bytes), 5);
}
END_TEST

static void pipe_works(int read_end, int write_end)
{
    char byte = 0;

    ck_assert_int_eq(write(write_end, "x", 1), 1);
    ck_assert_int_eq(read(read_end, &byte, 1), 1);
    ck_assert_int_eq(byte, 'x');
}

static int installed(int slot)
{
    kevy_prep_fixed_fd_install(request(0), (uint32_t)slot, 0);
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    return fd;
}

START_TEST(pipe_makes_descriptors_or_slots)
{
    int fds[2];

    kevy_prep_pipe(request(1), fds, O_CLOEXEC);
    expect(1, 0);
    ck_assert_int_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    pipe_works(fds[0], fds[1]);
    file_table(8);
    kevy_prep_pipe_direct(request(1), fds, 0, 4);
    expect(1, 0);
    pipe_works(installed(4), installed(5));
    kevy_prep_pipe_direct_alloc(request(1), fds, 0);
    expect(1, 0);
    ck_assert_int_ne(fds[0], fds[1]);
    pipe_works(installed(fds[0]), installed(fds[1]));
    kevy_prep_pipe_direct(request(1), fds, O_CLOEXEC, 4);
    expect(1, -EINVAL);
}
END_TEST

/* Open */

static scratch_path directory;
static int directory_fd;

static void directory_setup(void)
{
    ck_assert(scratch_folder(directory));
    directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(directory_fd, 0);
}

static void directory_teardown(void)
{
    unlinkat(directory_fd, "file", 0);
    close(directory_fd);
    rmdir(directory);
}

START_TEST(openat_opens_into_descriptors_and_slots)
{
    char name[] = "file";

    kevy_prep_openat(request(1), directory_fd, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0640);
    submit();
    memset(name, 'x', sizeof name - 1); /* BORROWED only */
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    struct stat status = {0};
    ck_assert_int_eq(fstat(fd, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640 & ~(mode_t)022);
    ck_assert_int_eq(write(fd, "hello", 5), 5);
    file_table(8);
    kevy_prep_openat_direct(request(1), directory_fd, "file", O_RDONLY, 0, 4);
    expect(1, 0);
    file_holds(installed(4), "hello");
    kevy_prep_openat_direct_alloc(request(1), directory_fd, "file", O_RDONLY, 0);
    int slot = next_cqe().res;
    ck_assert_int_ge(slot, 0);
    file_holds(installed(slot), "hello");
    kevy_prep_openat_direct(request(1), directory_fd, "file", O_RDONLY | O_CLOEXEC, 0, 4);
    expect(1, -EINVAL);
    kevy_prep_openat(request(1), directory_fd, "none", O_RDONLY, 0);
    expect(1, -ENOENT);
}
END_TEST

START_TEST(openat2_opens_into_descriptors_and_slots)
{
    struct kevy_open_how how = {
        .flags = O_RDWR | O_CREAT, .mode = 0600, .resolve = RESOLVE_BENEATH};

    kevy_prep_openat2(request(1), directory_fd, "file", &how);
    int fd = next_cqe().res;
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "hello", 5), 5);
    kevy_prep_openat2(request(1), directory_fd, "../file", &how);
    expect(1, -EXDEV);
    file_table(8);
    kevy_prep_openat2_direct(request(1), directory_fd, "file", &how, 4);
    expect(1, 0);
    file_holds(installed(4), "hello");
    kevy_prep_openat2_direct_alloc(request(1), directory_fd, "file", &how);
    int slot = next_cqe().res;
    ck_assert_int_ge(slot, 0);
    file_holds(installed(slot), "hello");
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test pipes[] = {
        {splice_moves_bytes_through_a_pipe, 519},
        {tee_copies_without_consuming, 508},
        {pipe_makes_descriptors_or_slots, 616},
    };
    const struct ops_test opens[] = {
        {openat_opens_into_descriptors_and_slots, 608},
        {openat2_opens_into_descriptors_and_slots, 608},
    };
    Suite *suite = suite_create("ring_ops_open");
    TCase *open = ops_case("open", opens, COUNT(opens));

    tcase_add_checked_fixture(open, directory_setup, directory_teardown);
    suite_add_tcase(suite, ops_case("pipe", pipes, COUNT(pipes)));
    suite_add_tcase(suite, open);
    return suite;
}
