/* SPDX-License-Identifier: MIT OR Apache-2.0 */

/* Of <kevy/ring_prep_file.h>: reads, writes, sync and advice, run on this kernel. */

#include "ops_file.h"

#include <kevy/buffer_ring.h>
#include <limits.h>
#include <sys/uio.h>

/* musl has it in newer releases only. */
#ifndef RWF_APPEND
#include <linux/fs.h>
#endif

enum { GROUP = 3, BUFFER_SIZE = 64 };

static void register_buffer(char *bytes, size_t length)
{
    struct iovec vector = {bytes, length};

    ck_assert_int_eq(kevy_ring_register(&ring, KEVY_REGISTER_BUFFERS, &vector, 1), 0);
}

/* Read and write */

START_TEST(read_reads_at_an_offset)
{
    char bytes[16];
    int fd = file_with("0123456789");

    kevy_prep_read(request(1), fd, bytes, 4, 3);
    expect(1, 4);
    ck_assert_mem_eq(bytes, "3456", 4);
    kevy_prep_read(request(1), fd, bytes, 4, 10);
    expect(1, 0);
    ck_assert_int_eq(lseek(fd, 8, SEEK_SET), 8);
    kevy_prep_read(request(1), fd, bytes, 16, KEVY_OFFSET_CURRENT);
    expect(1, 2);
    ck_assert_mem_eq(bytes, "89", 2);
    ck_assert_int_eq(lseek(fd, 0, SEEK_CUR), 10);
}
END_TEST

START_TEST(write_writes_at_an_offset)
{
    int fd = file_with("0123456789");

    kevy_prep_write(request(1), fd, "abc", 3, 2);
    expect(1, 3);
    file_holds(fd, "01abc56789");
}
END_TEST

START_TEST(rw_flags_are_added)
{
    struct kevy_sqe *sqe = request(1);
    int fd = file_with("0123");

    kevy_prep_write(sqe, fd, "45", 2, 0);
    kevy_sqe_set_rw_flags(sqe, RWF_APPEND);
    expect(1, 2);
    file_holds(fd, "012345");
}
END_TEST

START_TEST(readv_scatters_and_writev_gathers)
{
    char bytes[16];
    struct iovec in[2] = {{bytes, 2}, {bytes + 8, 8}};
    char parts[] = "abc";
    struct iovec out[2] = {{parts, 1}, {parts + 2, 1}};
    int fd = file_with("0123456789");

    kevy_prep_readv(request(1), fd, in, 2, 1, 0);
    expect(1, 9);
    ck_assert_mem_eq(bytes, "12", 2);
    ck_assert_mem_eq(bytes + 8, "3456789", 7);
    kevy_prep_writev(request(1), fd, out, 2, 0, RWF_APPEND);
    submit();
    memset(out, 0, sizeof out); /* BORROWED only */
    expect(1, 2);
    file_holds(fd, "0123456789ac");
}
END_TEST

START_TEST(fixed_reads_and_writes_stay_inside_their_buffer)
{
    static char bytes[64];
    int fd = file_with("0123456789");

    register_buffer(bytes, sizeof bytes);
    kevy_prep_read_fixed(request(1), fd, bytes + 8, 5, 2, 0);
    expect(1, 5);
    ck_assert_mem_eq(bytes + 8, "23456", 5);
    kevy_prep_write_fixed(request(1), fd, bytes + 9, 2, 0, 0);
    expect(1, 2);
    file_holds(fd, "3423456789");
    kevy_prep_read_fixed(request(1), fd, bytes + 60, 5, 0, 0);
    expect(1, -EFAULT);
    kevy_prep_read_fixed(request(1), fd, bytes, 5, 0, 1);
    expect(1, -EFAULT);
}
END_TEST

START_TEST(fixed_vectors_stay_inside_their_buffer)
{
    static char bytes[64];
    struct iovec vectors[2] = {{bytes, 2}, {bytes + 8, 3}};
    int fd = file_with("0123456789");

    register_buffer(bytes, sizeof bytes);
    kevy_prep_readv_fixed(request(1), fd, vectors, 2, 1, 0, 0);
    expect(1, 5);
    ck_assert_mem_eq(bytes, "12", 2);
    ck_assert_mem_eq(bytes + 8, "345", 3);
    kevy_prep_writev_fixed(request(1), fd, vectors, 2, 5, 0, 0);
    expect(1, 5);
    file_holds(fd, "0123412345");
}
END_TEST

/* Reads into a group of buffers. */

static struct kevy_buffer_ring buffers;

static void group_setup(void)
{
    const struct kevy_buffer_ring_options options = {
        .entries = 4, .buffer_size = BUFFER_SIZE, .group = GROUP};

    ck_assert_int_eq(kevy_buffer_ring_init(&buffers, &ring, &options), 0);
}

static void group_teardown(void)
{
    kevy_prep_cancel_any(request(15));
    while (next_cqe().user_data != 15)
        continue;
    kevy_buffer_ring_deinit(&buffers);
}

static void buffer_holds(struct kevy_cqe cqe, const char *text)
{
    ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_BUFFER, 0);
    ck_assert_int_eq(cqe.res, (int)strlen(text));
    ck_assert_mem_eq(kevy_buffer_ring_take(&buffers, kevy_buffer_id(cqe.flags)), text,
                     strlen(text));
}

START_TEST(read_select_takes_a_buffer)
{
    int fd = file_with("0123456789");

    kevy_prep_read_select(request(1), fd, GROUP, 4, 3);
    buffer_holds(next_cqe(), "3456");
    kevy_prep_read_select(request(1), fd, GROUP, 0, 0);
    buffer_holds(next_cqe(), "0123456789");
}
END_TEST

START_TEST(read_multishot_reads_whenever_there_is_something)
{
    int ends[2];

    ck_assert_int_eq(pipe(ends), 0);
    kevy_prep_read_multishot(request(1), ends[0], GROUP, KEVY_OFFSET_CURRENT);
    submit();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(write(ends[1], "hello", 5), 5);
        struct kevy_cqe cqe = next_cqe();
        ck_assert_uint_ne(cqe.flags & KEVY_CQE_F_MORE, 0);
        buffer_holds(cqe, "hello");
    }
    close(ends[1]);
    struct kevy_cqe cqe = next_cqe();
    ck_assert_int_eq(cqe.res, 0);
    ck_assert_uint_eq(cqe.flags & KEVY_CQE_F_MORE, 0);
    kevy_prep_read_multishot(request(1), file_with("regular"), GROUP, 0);
    expect(1, -EBADFD);
}
END_TEST

/* Attributes: what this machine's devices lack is refused, which shows that the kernel saw it. */

START_TEST(protection_information_is_refused_without_a_device_for_it)
{
    struct kevy_attr_pi information;
    struct kevy_sqe *sqe = request(1);

    memset(&information, 0, sizeof information);
    kevy_prep_write(sqe, file_with(""), "abc", 3, 0);
    kevy_sqe_set_attribute_pi(sqe, &information);
    ck_assert_int_lt(next_cqe().res, 0);
}
END_TEST

START_TEST(a_write_stream_is_a_hint_that_files_without_streams_ignore)
{
    struct kevy_sqe *sqe = request(1);
    int fd = file_with("");

    kevy_prep_write(sqe, fd, "abc", 3, 0);
    kevy_sqe_set_write_stream(sqe, 1);
    expect(1, 3);
    file_holds(fd, "abc");
}
END_TEST

/* Sync, allocate, advise */

START_TEST(fsync_and_its_range)
{
    int fd = file_with("0123456789");

    kevy_prep_fsync(request(1), fd, 0);
    expect(1, 0);
    kevy_prep_fsync(request(1), fd, KEVY_FSYNC_DATASYNC);
    expect(1, 0);
    kevy_prep_fsync_range(request(1), fd, 2, 4, 0);
    expect(1, 0);
    kevy_prep_sync_file_range(request(1), fd, 2, 4, SYNC_FILE_RANGE_WRITE);
    expect(1, 0);
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    kevy_prep_fsync(request(1), ends[0], 0);
    expect(1, -EINVAL);
    kevy_prep_sync_file_range(request(1), ends[0], 2, 4, SYNC_FILE_RANGE_WRITE);
    expect(1, -ESPIPE);
}
END_TEST

START_TEST(fallocate_and_ftruncate_set_the_size)
{
    int fd = file_with("");

    kevy_prep_fallocate(request(1), fd, 0, 4096, 8192);
    expect(1, 0);
    ck_assert_int_eq(size_of(fd), 12288);
    kevy_prep_fallocate(request(1), fd, FALLOC_FL_KEEP_SIZE, 0, 65536);
    expect(1, 0);
    ck_assert_int_eq(size_of(fd), 12288);
}
END_TEST

START_TEST(ftruncate_sets_the_size)
{
    int fd = file_with("0123456789");

    kevy_prep_ftruncate(request(1), fd, 4);
    expect(1, 0);
    file_holds(fd, "0123");
    kevy_prep_ftruncate(request(1), fd, UINT64_C(0x100000001));
    expect(1, 0);
    ck_assert_int_eq(size_of(fd), 0x100000001);
}
END_TEST

START_TEST(fadvise_takes_narrow_and_wide_lengths)
{
    int fd = file_with("0123456789");
    uint64_t wide = running_kernel() >= 610 ? UINT64_C(0x100000001) : 1;

    kevy_prep_fadvise(request(1), fd, 0, 10, POSIX_FADV_WILLNEED);
    expect(1, 0);
    kevy_prep_fadvise(request(1), fd, 0, wide, POSIX_FADV_WILLNEED);
    expect(1, 0);
    kevy_prep_fadvise(request(1), fd, 0, 10, 99);
    expect(1, -EINVAL);
}
END_TEST

START_TEST(madvise_drops_pages)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(pages, MAP_FAILED);
    pages[0] = pages[page] = 1;
    kevy_prep_madvise(request(1), pages, page, MADV_DONTNEED);
    expect(1, 0);
    ck_assert_int_eq(pages[0], 0);
    ck_assert_int_eq(pages[page], 1);
    munmap(pages, 2 * page);
}
END_TEST

START_TEST(madvise_takes_a_wide_length)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t wide = (size_t)UINT32_MAX + 1 + page;
    char *pages = mmap(NULL, wide, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    ck_assert_ptr_ne(pages, MAP_FAILED);
    pages[wide - 1] = 1;
    kevy_prep_madvise(request(1), pages, wide, MADV_DONTNEED);
    expect(1, 0);
    ck_assert_int_eq(pages[wide - 1], 0);
    munmap(pages, wide);
}
END_TEST

Suite *test_suite(void)
{
    const struct ops_test transfers[] = {
        {read_reads_at_an_offset, 506},
        {write_writes_at_an_offset, 506},
        {rw_flags_are_added, 506},
        {readv_scatters_and_writev_gathers, 506},
        {fixed_reads_and_writes_stay_inside_their_buffer, 501},
        {fixed_vectors_stay_inside_their_buffer, 615},
        {protection_information_is_refused_without_a_device_for_it, 614},
        {a_write_stream_is_a_hint_that_files_without_streams_ignore, 616},
        {fsync_and_its_range, 502},
        {fallocate_and_ftruncate_set_the_size, 506},
        {ftruncate_sets_the_size, 609},
        {fadvise_takes_narrow_and_wide_lengths, 506},
        {madvise_drops_pages, 506},
        {madvise_takes_a_wide_length, sizeof(size_t) > 4 ? 610 : UINT_MAX},
    };
    const struct ops_test groups[] = {
        {read_select_takes_a_buffer, 600},
        {read_multishot_reads_whenever_there_is_something, 607},
    };
    Suite *suite = suite_create("ring_ops_file");
    TCase *group = ops_case("group", groups, COUNT(groups));

    tcase_add_checked_fixture(group, group_setup, group_teardown);
    suite_add_tcase(suite, ops_case("transfer", transfers, COUNT(transfers)));
    suite_add_tcase(suite, group);
    return suite;
}
